//! WooCommerce: base64 of HMAC-SHA256 over the body as sent, key = the webhook's secret, special characters decoded.
//! Source: `class-wc-webhook.php` (`deliver`, `generate_signature`, `deliver_ping`).
//!
//! No time and no id is signed. When a webhook is made, WooCommerce first posts a form `webhook_id=N` without any
//! signature and wants a 200: recognised to the byte, answered, never read.

use super::{Key, Refused, check_base64, needed};
use crate::headers::Headers;

const SIGNATURE: &str = "x-wc-webhook-signature";

pub(super) fn check(headers: &Headers, body: &[u8], keys: &[Key]) -> Result<(), Refused> {
    if !headers.has(SIGNATURE) && is_ping(body) {
        return Err(Refused::Ping);
    }
    check_base64(needed(headers, SIGNATURE)?, &[body], keys)
}

fn is_ping(body: &[u8]) -> bool {
    let number = body.strip_prefix(b"webhook_id=").unwrap_or_default();
    (1..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
}

/// `wp_specialchars_decode($secret, ENT_QUOTES)`: one pass, so `&amp;lt;` becomes `&lt;`.
pub(super) fn special_decoded(text: &str) -> String {
    const NAMES: [(&str, char); 16] = [
        ("&amp;", '&'),
        ("&#038;", '&'),
        ("&#x26;", '&'),
        ("&lt;", '<'),
        ("&#060;", '<'),
        ("&#x3c;", '<'),
        ("&gt;", '>'),
        ("&#062;", '>'),
        ("&#x3e;", '>'),
        ("&quot;", '"'),
        ("&#034;", '"'),
        ("&#x22;", '"'),
        ("&#039;", '\''),
        ("&#39;", '\''),
        ("&#x27;", '\''),
        ("&apos;", '\''),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, c) = NAMES.iter().find(|(n, _)| rest.starts_with(n)).copied().unwrap_or(("&", '&'));
        out.push(c);
        rest = &rest[name.len()..];
    }
    out + rest
}
