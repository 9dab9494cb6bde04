//! Secrets and what is computed with them. The invariant: a set of secrets is never empty, nor is any secret in it,
//! and no `Debug` shows one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Scheme;

/// Secrets of one source: two during a rotation, a few more if several shops share it.
pub const SECRETS_MAX: usize = 10;

#[derive(Clone)]
pub(super) enum Key {
    Mac(Box<[u8]>),
    /// Standard Webhooks `whpk_`.
    Public(Box<VerifyingKey>),
}

/// One or more secrets of one scheme.
#[derive(Clone)]
pub struct Secrets(Box<[Key]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSecret {
    /// No secret is given.
    None,
    TooMany,
    Empty,
    /// White space or a control character in it: likely a newline from a file.
    Space,
    /// Standard Webhooks: `whsec_` and base64 of 16 to 64 bytes (who makes a secret should take 24 or more), or `whpk_` and base64 of an ed25519 public key.
    Form,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

impl std::fmt::Display for BadSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BadSecret::None => "no secret is given",
            BadSecret::TooMany => "more than 10 secrets are given",
            BadSecret::Empty => "a secret is empty",
            BadSecret::Space => "a secret has white space or a control character in it",
            BadSecret::Form => {
                "a Standard Webhooks secret is `whsec_` and base64 of 16 to 64 bytes, or `whpk_` and a base64 public key"
            }
        })
    }
}

impl Secrets {
    /// Reads secrets as the vendor shows them to the merchant.
    pub fn new<S: AsRef<str>>(scheme: &Scheme, texts: &[S]) -> Result<Secrets, BadSecret> {
        if texts.is_empty() {
            return Err(BadSecret::None);
        }
        if texts.len() > SECRETS_MAX {
            return Err(BadSecret::TooMany);
        }
        let keys: Result<Vec<Key>, BadSecret> = texts.iter().map(|t| read(scheme, t.as_ref())).collect();
        Ok(Secrets(keys?.into()))
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.0
    }
}

fn read(scheme: &Scheme, text: &str) -> Result<Key, BadSecret> {
    if text.is_empty() {
        return Err(BadSecret::Empty);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(BadSecret::Space);
    }
    match scheme {
        Scheme::StandardWebhooks => standard(text).ok_or(BadSecret::Form),
        // WooCommerce decodes its own secret before it signs (`wp_specialchars_decode`, ENT_QUOTES).
        Scheme::WooCommerce => Ok(Key::Mac(super::woocommerce::special_decoded(text).into_bytes().into())),
        // Stripe takes the whole `whsec_…` as text, unlike Standard Webhooks.
        _ => Ok(Key::Mac(text.as_bytes().into())),
    }
}

fn standard(text: &str) -> Option<Key> {
    if let Some(public) = text.strip_prefix("whpk_") {
        let bytes: [u8; 32] = base64(public)?.try_into().ok()?;
        return Some(Key::Public(Box::new(VerifyingKey::from_bytes(&bytes).ok()?)));
    }
    let bytes = base64(text.strip_prefix("whsec_")?)?;
    (16..=64).contains(&bytes.len()).then(|| Key::Mac(bytes.into()))
}

/// Canonical base64 with padding; anything else is `None`.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Whether any secret makes any of `tags` over `parts`. Tries all of them, whatever it finds on the way.
pub(super) fn any_mac(keys: &[Key], parts: &[&[u8]], tags: &[Vec<u8>]) -> bool {
    let mut found = false;
    for key in keys {
        let Key::Mac(key) = key else { continue };
        let mac = mac(key, parts);
        for tag in tags {
            // A tag of another length is no match (`verify_slice` compares whole and in constant time).
            found |= mac.clone().verify_slice(tag).is_ok();
        }
    }
    found
}

pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    assert!(!key.is_empty(), "a secret is never empty");
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}
