//! Who sent this? One scheme a file, each by its vendor's rules, always over the raw bytes as they arrived.
//!
//! `Verified` is the only way to a decoder, and `verify` the only way of what comes by HTTP to a `Verified`, so unverified
//! bytes cannot be decoded: it would not compile. Secrets cannot be empty and do not show in `Debug`. Comparisons are constant in time
//! and every secret is tried. Nothing falls open: what is missing, doubled or malformed is refused.

mod key;
mod shopify;
pub mod sns;
mod square;
mod standard_webhooks;
mod stripe;
mod woocommerce;

pub use key::{BadSecret, SECRETS_MAX, Secrets};
pub use standard_webhooks::{Outgoing, sign};

use crate::headers::{Headers, NotOne};
use key::Key;

/// How a source signs. What a vendor leaves unsigned but a merchant knows (Square's URL, the shop) is part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    StandardWebhooks,
    /// With a shop domain, deliveries that name another shop are refused: the header is not signed, and a secret is
    /// shared by all shops of an app.
    Shopify {
        shop: Option<Box<str>>,
    },
    Stripe,
    WooCommerce,
    /// The URL of the subscription, byte for byte. From settings, never from a Host header.
    Square {
        notification_url: Box<str>,
    },
}

/// Seconds by which a signed time may differ from ours, either way; the default of Stripe and Standard Webhooks.
pub const TOLERANCE_SECONDS: i64 = 300;
/// Entries of one list of signatures. Senders use one per secret.
pub const ENTRIES_MAX: usize = 16;

/// A body whose sender is proved: by `verify`, or by the way that it came.
#[derive(Debug)]
pub struct Verified {
    body: Box<[u8]>,
    message: Option<Box<str>>,
}

impl Verified {
    /// Out of a broker's queue, which proves itself to us, and to which only those may write whom its operator lets.
    pub fn trusted(body: Box<[u8]>, message: Option<Box<str>>) -> Verified {
        Verified { body, message }
    }
    /// The raw body, as it arrived.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
    /// The signed id of the message (Standard Webhooks only); out of a queue, as its publisher named it.
    pub fn message_id(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

/// Why a body is not to be read. All are 401 but `Ping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A header that the scheme needs is not there or empty.
    Missing,
    /// A header that may stand once stands more often.
    Repeated,
    /// A header is not of the scheme's form, or a list is too long.
    Malformed,
    /// Signed more than `TOLERANCE_SECONDS` from now.
    Stale,
    /// No secret makes any of the signatures.
    Mismatch,
    /// A `Content-Encoding`: the bytes are not what was signed, or something between has changed them.
    Encoded,
    /// Another shop than the one that the settings name.
    WrongShop,
    /// Another topic of SNS than the one that the settings name.
    WrongTopic,
    /// Not a forgery: WooCommerce's unsigned `webhook_id=N` at creation. Answer 200 and read nothing.
    Ping,
}

impl Refused {
    pub fn code(self) -> &'static str {
        match self {
            Refused::Missing => "signature_missing",
            Refused::Repeated => "signature_repeated",
            Refused::Malformed => "signature_malformed",
            Refused::Stale => "signature_stale",
            Refused::Mismatch => "signature_mismatch",
            Refused::Encoded => "content_encoding_refused",
            Refused::WrongShop => "shop_mismatch",
            Refused::WrongTopic => "topic_mismatch",
            Refused::Ping => "ping",
        }
    }
    /// For the person who connects the sender. Which secret, and how near it was, is not told.
    pub fn said(self) -> &'static str {
        match self {
            Refused::Missing => "a header that its signature needs is not there or empty",
            Refused::Repeated => "a header of its signature stands there more than once",
            Refused::Malformed => "a header of its signature is not of the form that this kind of source has",
            Refused::Stale => {
                "it was signed more than 5 minutes from now: it came too late, or a clock is wrong"
            }
            Refused::Mismatch => {
                "the signature does not match: another secret or address, or the body was changed on the way"
            }
            Refused::Encoded => "the body has a Content-Encoding, so it is not what was signed",
            Refused::WrongShop => "it names another shop than the settings of this source",
            Refused::WrongTopic => "it names another topic than the settings of this source",
            Refused::Ping => "a ping",
        }
    }
    /// What the sender is answered with.
    pub fn status(self) -> u16 {
        if self == Refused::Ping { 200 } else { 401 }
    }
}

impl From<NotOne> for Refused {
    fn from(e: NotOne) -> Refused {
        match e {
            NotOne::Repeated => Refused::Repeated,
            NotOne::Unreadable => Refused::Malformed,
        }
    }
}

/// Proves the sender of `body`. `secrets` are those of `scheme` (`Secrets::new`).
pub fn verify(
    scheme: &Scheme,
    headers: &Headers,
    body: Box<[u8]>,
    secrets: &Secrets,
    now: jiff::Timestamp,
) -> Result<Verified, Refused> {
    if headers.has("content-encoding") && headers.one("content-encoding")? != Some("identity") {
        return Err(Refused::Encoded);
    }
    let keys = secrets.keys();
    let mut message = None;
    match scheme {
        Scheme::StandardWebhooks => message = Some(standard_webhooks::check(headers, &body, keys, now)?),
        Scheme::Shopify { shop } => shopify::check(headers, &body, keys, shop.as_deref())?,
        Scheme::Stripe => stripe::check(headers, &body, keys, now)?,
        Scheme::WooCommerce => woocommerce::check(headers, &body, keys)?,
        Scheme::Square { notification_url } => square::check(headers, &body, keys, notification_url)?,
    }
    Ok(Verified { body, message })
}

/// The one value of a header that must be there.
fn needed<'h>(headers: &'h Headers, name: &str) -> Result<&'h str, Refused> {
    match headers.one(name)? {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Refused::Missing),
    }
}

/// Base64 of an HMAC-SHA256 over `parts`: canonical, padded, standard alphabet.
fn check_base64(signature: &str, parts: &[&[u8]], keys: &[Key]) -> Result<(), Refused> {
    let tag = key::base64(signature).ok_or(Refused::Malformed)?;
    if key::any_mac(keys, parts, &[tag]) { Ok(()) } else { Err(Refused::Mismatch) }
}

/// Seconds since 1970 in plain digits, near enough to now.
fn check_time(text: &str, now: jiff::Timestamp) -> Result<(), Refused> {
    if text.is_empty() || text.len() > 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refused::Malformed);
    }
    let at: i64 = text.parse().map_err(|_| Refused::Malformed)?;
    if (now.as_second() - at).abs() <= TOLERANCE_SECONDS { Ok(()) } else { Err(Refused::Stale) }
}
