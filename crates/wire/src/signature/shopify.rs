//! Shopify: base64 of HMAC-SHA256 over the raw body alone, key = the app's client secret as text.
//! <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
//!
//! Two sets of names: `X-Shopify-…`, and `Shopify-…` of the newer events, which is preferred where both stand, as in
//! Shopify's own libraries. No header is signed, so none may decide anything that matters: not the topic, not the
//! ids, not the shop. There is no time in the signature either: a replay is caught by what the body says (sources/).

use super::{Key, Refused, check_base64, needed};
use crate::headers::Headers;

pub(super) fn check(headers: &Headers, body: &[u8], keys: &[Key], shop: Option<&str>) -> Result<(), Refused> {
    let prefix = if headers.has("shopify-hmac-sha256") { "" } else { "x-" };
    let signature = needed(headers, &format!("{prefix}shopify-hmac-sha256"))?;
    check_base64(signature, &[body], keys)?;
    let Some(shop) = shop else { return Ok(()) };
    let named = needed(headers, &format!("{prefix}shopify-shop-domain"))?;
    if named.eq_ignore_ascii_case(shop) { Ok(()) } else { Err(Refused::WrongShop) }
}
