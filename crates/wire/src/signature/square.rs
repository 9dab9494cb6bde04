//! Square: base64 of HMAC-SHA256 over the subscription's URL followed by the raw body, key = signature key as text.
//! <https://developer.squareup.com/docs/webhooks/step3validate>
//!
//! The URL is the one in the settings. The older `x-square-signature` is HMAC-SHA1 and is not read.

use super::{Key, Refused, check_base64, needed};
use crate::headers::Headers;

pub(super) fn check(headers: &Headers, body: &[u8], keys: &[Key], url: &str) -> Result<(), Refused> {
    let signature = needed(headers, "x-square-hmacsha256-signature")?;
    check_base64(signature, &[url.as_bytes(), body], keys)
}
