//! Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, and in `webhook-signature` a list, divided by spaces, of
//! `v1,` base64 of HMAC-SHA256 or `v1a,` base64 of ed25519, over `{id}.{timestamp}.{raw body}`.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
//!
//! Checks what comes in and signs what goes out. The older names `svix-…` of the same scheme are read where the
//! standard ones are missing; the two sets are never mixed. An id with a dot is refused: `a.1` `2` and `a` `1.2`
//! would sign alike.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signature;
use hmac::Mac;

use super::{ENTRIES_MAX, Key, Refused, Secrets, check_time, key, needed};
use crate::headers::Headers;

const ID_BYTES_MAX: usize = 256;

/// The signed id of the message, if the signature is good.
pub(super) fn check(
    headers: &Headers,
    body: &[u8],
    keys: &[Key],
    now: jiff::Timestamp,
) -> Result<Box<str>, Refused> {
    let set = if headers.has("webhook-signature") { "webhook" } else { "svix" };
    if set == "svix" && !headers.has("svix-signature") {
        return Err(Refused::Missing);
    }
    let id = needed(headers, &format!("{set}-id"))?;
    let time = needed(headers, &format!("{set}-timestamp"))?;
    let list = needed(headers, &format!("{set}-signature"))?;
    if id.len() > ID_BYTES_MAX || id.contains(['.', ' ']) {
        return Err(Refused::Malformed);
    }
    let (macs, signatures) = entries(list)?;
    check_time(time, now)?;
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let found = key::any_mac(keys, &parts, &macs) | any_signature(keys, &parts, &signatures);
    if found { Ok(id.into()) } else { Err(Refused::Mismatch) }
}

/// The `v1` and the `v1a` of a list. Other versions are ignored, as the standard demands.
fn entries(list: &str) -> Result<(Vec<Vec<u8>>, Vec<Signature>), Refused> {
    let (mut macs, mut signatures) = (Vec::new(), Vec::new());
    for (n, entry) in list.split(' ').enumerate() {
        let (version, value) = entry.split_once(',').ok_or(Refused::Malformed)?;
        if n >= ENTRIES_MAX {
            return Err(Refused::Malformed);
        }
        match version {
            "v1" => macs.extend(key::base64(value)),
            "v1a" => signatures.extend(key::base64(value).and_then(|b| Signature::from_slice(&b).ok())),
            _ => {}
        }
    }
    Ok((macs, signatures))
}

fn any_signature(keys: &[Key], parts: &[&[u8]], signatures: &[Signature]) -> bool {
    if signatures.is_empty() {
        return false;
    }
    let message = parts.concat();
    let good =
        |key: &Key, s: &Signature| matches!(key, Key::Public(k) if k.verify_strict(&message, s).is_ok());
    keys.iter().any(|key| signatures.iter().any(|s| good(key, s)))
}

/// The three headers of an outgoing message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
}

/// Signs with every secret, so that the receiver may know the old one or the new one. `id` has no dot and no space.
pub fn sign(secrets: &Secrets, id: &str, at: jiff::Timestamp, body: &[u8]) -> Outgoing {
    assert!(!id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains(['.', ' ']), "an id of ours");
    let timestamp = at.as_second().to_string();
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let one = |key: &Key| match key {
        Key::Mac(key) => {
            Some(format!("v1,{}", STANDARD.encode(key::mac(key, &parts).finalize().into_bytes())))
        }
        Key::Public(_) => None,
    };
    let signatures: Vec<String> = secrets.keys().iter().filter_map(one).collect();
    assert!(!signatures.is_empty(), "only `whsec_` secrets sign");
    Outgoing { id: id.to_owned(), signature: signatures.join(" "), timestamp }
}
