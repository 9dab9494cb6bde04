//! Stripe: `Stripe-Signature: t=…,v1=…[,v1=…][,v0=…]`, lower hex of HMAC-SHA256 over `{t}.{raw body}`, key = the
//! whole `whsec_…` as text. <https://docs.stripe.com/webhooks#verify-manually>
//!
//! Several `v1` stand there while a secret is rolled; any one of them is enough. `v0` and anything unknown is ignored.
//! Stripe's libraries refuse only the past; the future is refused here too.

use super::{ENTRIES_MAX, Key, Refused, check_time, key, needed};
use crate::headers::Headers;

pub(super) fn check(
    headers: &Headers,
    body: &[u8],
    keys: &[Key],
    now: jiff::Timestamp,
) -> Result<(), Refused> {
    let mut time = None;
    let mut tags = Vec::new();
    for (n, entry) in needed(headers, "stripe-signature")?.split(',').enumerate() {
        let (name, value) = entry.split_once('=').ok_or(Refused::Malformed)?;
        if n >= ENTRIES_MAX || (name == "t" && time.is_some()) {
            return Err(Refused::Malformed);
        }
        match name {
            "t" => time = Some(value),
            "v1" => tags.push(lower_hex(value).ok_or(Refused::Malformed)?),
            _ => {}
        }
    }
    let time = time.ok_or(Refused::Malformed)?;
    check_time(time, now)?;
    if key::any_mac(keys, &[time.as_bytes(), b".", body], &tags) { Ok(()) } else { Err(Refused::Mismatch) }
}

/// Upper case is not what Stripe sends.
fn lower_hex(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { None } else { hex::decode(text).ok() }
}
