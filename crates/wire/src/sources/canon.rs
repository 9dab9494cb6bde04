//! The canonical payloads as JSON, and the making of inputs. Amounts are written as JSON numbers, digit by digit.

use domain::event::{Event, Input, Subject};
use domain::num::Num;
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;

use super::field::{Person, short};
use super::{Decoded, Ignored, Reading, Settings};
use crate::cloudevents::body_hash;

#[derive(Default, Serialize)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) currency: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) store: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Box<str>>,
    #[serde(serialize_with = "number")]
    pub(super) total: Num,
    #[serde(serialize_with = "number")]
    pub(super) subtotal: Num,
    #[serde(serialize_with = "number")]
    pub(super) discount: Num,
    #[serde(serialize_with = "number")]
    pub(super) tax: Num,
    #[serde(serialize_with = "number")]
    pub(super) shipping: Num,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) coupons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) items: Vec<Item>,
}

#[derive(Default, Serialize)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) sku: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) product: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) category: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) brand: String,
    #[serde(serialize_with = "number")]
    pub(super) quantity: Num,
    /// Of one, after discounts.
    #[serde(serialize_with = "number")]
    pub(super) price: Num,
    /// After discounts, before tax.
    #[serde(serialize_with = "number")]
    pub(super) total: Num,
}

#[derive(Default, Serialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) order: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) currency: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_number")]
    pub(super) amount: Option<Num>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) items: Vec<Part>,
}

/// Part of an item in a refund or a fulfilment.
#[derive(Serialize)]
pub(super) struct Part {
    pub(super) id: String,
    #[serde(serialize_with = "number")]
    pub(super) quantity: Num,
}

/// A fulfilment or a cancellation.
#[derive(Default, Serialize)]
pub(super) struct Delivery {
    pub(super) order: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) items: Vec<Part>,
}

/// What may be set of a member.
#[derive(Default, Serialize)]
pub(super) struct Member {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Vec<String>>,
}

fn number<S: Serializer>(n: &Num, s: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(n.to_string()).map_err(S::Error::custom)?.serialize(s)
}

fn maybe_number<S: Serializer>(n: &Option<Num>, s: S) -> Result<S::Ok, S::Error> {
    number(n.as_ref().unwrap_or(&Num::ZERO), s)
}

impl Item {
    /// With the unit price that the total gives, to six digits.
    pub(super) fn priced(mut self) -> Item {
        let unit = self.total.div(self.quantity).and_then(|n| n.to_minor(6, domain::num::Round::Nearest));
        self.price = unit.map_or(Num::ZERO, |n| Num::minor(n, 6));
        self
    }
}

/// Which event of a source this is. Two deliveries with the same id are the same event.
pub(super) enum Name {
    /// As the vendor (or the resource) names it, once and for all.
    Fixed(String),
    /// The resource and a digest of the payload: equal content is the same event.
    Content(String),
    /// The same, and its time: a state that comes back later is another event.
    ContentAt(String),
}

/// Makes the inputs of one source.
pub(super) struct Hand<'a> {
    pub(super) settings: &'a Settings,
    pub(super) reading: Reading<'a>,
}

impl Hand<'_> {
    pub(super) fn event(
        &self,
        kind: &str,
        name: Name,
        who: Person,
        time: Timestamp,
        data: &impl Serialize,
    ) -> Decoded {
        let data: Box<[u8]> = serde_json::to_vec(data).expect("a canonical payload is JSON").into();
        // Neither the person nor the time: both may be told otherwise when a vendor repeats what has happened.
        let body_hash = body_hash(kind, "", "", &data);
        let digest = |time: &str| hex::encode(&crate::cloudevents::body_hash(kind, "", time, &data)[..8]);
        let id = match name {
            Name::Fixed(id) => id,
            Name::Content(resource) => format!("{kind}:{resource}:{}", digest("")),
            Name::ContentAt(resource) => format!("{kind}:{resource}:{}", digest(&time.to_string())),
        };
        let mut names = who.0.into_iter();
        let event = Event {
            source: self.source(),
            id: id.into(),
            kind: kind.into(),
            subject: names.next().map(Subject::Identity),
            also: names.collect(),
            time,
            data,
        };
        Decoded {
            input: Input { event: event.into(), body_hash, origin: self.reading.origin.into() },
            ignored: None,
        }
    }

    /// A message that means nothing here, kept for a person to see. `id` names it within its topic.
    pub(super) fn ignored(
        &self,
        topic: &str,
        id: &str,
        time: Option<Timestamp>,
        code: &'static str,
        message: &str,
    ) -> Decoded {
        let topic = short(&topic.to_ascii_lowercase().replace('/', "."));
        let vendor = format!("{:?}", self.settings.vendor).to_ascii_lowercase();
        let kind = if topic.is_empty() { format!("{vendor}.unknown") } else { format!("{vendor}.{topic}") };
        let data = serde_json::json!({ "code": code, "message": message, "id": id });
        let time = time.unwrap_or(self.reading.received);
        let mut decoded = self.event(&kind, Name::Content(short(id)), Person::default(), time, &data);
        decoded.ignored = Some(Ignored { code, message: message.into() });
        decoded
    }

    /// Never from a header: a body that is sent again with another one must stay the same event.
    fn source(&self) -> Box<str> {
        match &self.settings.shop {
            Some(shop) => format!("shopify:{}", shop.to_ascii_lowercase()).into(),
            None => self.settings.name.clone(),
        }
    }

    pub(super) fn order_id(&self, id: &str) -> String {
        format!("{}{id}", self.settings.order_prefix)
    }
}
