//! Vendors' payloads to canonical events, one vendor a file. Only a `Verified` body gets here.
//!
//! What is not signed decides nothing: a topic header only says which of a vendor's shapes to expect, and the body
//! must bear it out. Ids of events are made of what is signed (kind, resource, content), so a body that is sent again
//! under other headers is a duplicate; see docs/adr/0006. A topic that means nothing here still becomes an input,
//! of a type that no program declares, so that a person can see it came.

mod canon;
mod field;
mod money;
mod shopify;
mod square;
mod standard;
mod stripe;
mod woocommerce;

use domain::event::Input;

pub use crate::cloudevents::{Bad, Reading};
use crate::headers::Headers;
use crate::problem::Fault;
use crate::signature::Verified;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    Standard,
    Shopify,
    Stripe,
    WooCommerce,
    Square,
}

/// One source, as its settings say.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name in the settings; also the `source` of its events, unless `shop` is given.
    pub name: Box<str>,
    pub vendor: Vendor,
    /// Shopify: the shop's domain. Its events have the source `shopify:DOMAIN`.
    pub shop: Option<Box<str>>,
    /// Put before order ids (and WooCommerce's customer ids), so that two shops cannot mean the same order.
    pub order_prefix: Box<str>,
    /// Written as `order.region`.
    pub region: Option<Box<str>>,
    /// Stripe: refunds are counted from `refund.created` and `refund.updated`, not from `charge.refunded`.
    pub refund_objects: bool,
}

impl Settings {
    pub fn new(name: &str, vendor: Vendor) -> Settings {
        let (name, order_prefix) = (name.into(), "".into());
        Settings { name, vendor, shop: None, order_prefix, region: None, refund_objects: false }
    }
}

/// One canonical event of a webhook.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub input: Input,
    /// Why it means nothing here. Its type is `VENDOR.TOPIC` then, and nobody hears it.
    pub ignored: Option<Ignored>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    pub code: &'static str,
    pub message: Box<str>,
}

/// The events of one verified webhook, in the order in which they are to be applied; never none.
/// An error means that the body is not what the vendor documents; it is for the quarantine.
pub fn decode(
    settings: &Settings,
    verified: &Verified,
    headers: &Headers,
    reading: Reading<'_>,
) -> Result<Vec<Decoded>, Bad> {
    let text = std::str::from_utf8(verified.body()).map_err(|_| unreadable("not UTF-8"))?;
    let hand = canon::Hand { settings, reading };
    match settings.vendor {
        Vendor::Standard => standard::decode(&hand, text, verified.message_id().unwrap_or_default()),
        Vendor::Shopify => shopify::decode(&hand, text, headers),
        Vendor::Stripe => stripe::decode(&hand, text),
        Vendor::WooCommerce => woocommerce::decode(&hand, text, headers),
        Vendor::Square => square::decode(&hand, text),
    }
}

fn unreadable(detail: &str) -> Fault {
    Fault::new("", "payload_unreadable", detail)
}

/// A vendor's JSON by its documented shape.
fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|e| unreadable(&e.to_string()))
}
