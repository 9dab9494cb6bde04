//! Laws for any input: nothing panics, the compact form means the same and is its own compact form, and what is
//! signed for one body is refused for every other.

mod common;

use common::{fixture, receive, settings};
use proptest::prelude::*;
use serde_json::Value;
use wire::cloudevents::{Reading, read, structured};
use wire::headers::Headers;
use wire::json::compact;
use wire::member_id::MemberIds;
use wire::signature::{Scheme, Secrets, sign, verify};
use wire::sources::Vendor;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..20).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

fn compacted(text: &str) -> String {
    let mut out = Vec::new();
    compact(text, &mut out).expect("no key twice");
    String::from_utf8(out).expect("UTF-8")
}

fn reading<T>(work: impl FnOnce(Reading<'_>) -> T) -> T {
    let members = MemberIds::new([3; 16]);
    work(Reading { members: &members, received: jiff::Timestamp::UNIX_EPOCH, origin: "law" })
}

const VENDORS: [(Vendor, &str, &str); 8] = [
    (Vendor::Shopify, "orders/updated", "shopify/order_paid.json"),
    (Vendor::Shopify, "refunds/create", "shopify/refund.json"),
    (Vendor::Shopify, "customers/update", "shopify/customer.json"),
    (Vendor::Stripe, "", "stripe/checkout.json"),
    (Vendor::Stripe, "", "stripe/invoice.json"),
    (Vendor::Stripe, "", "stripe/charge_refunded.json"),
    (Vendor::WooCommerce, "order.updated", "woocommerce/order.json"),
    (Vendor::Square, "", "square/payment.json"),
];

/// Any value of the tree, changed to another.
fn mutate(value: &mut Value, path: &mut impl Iterator<Item = usize>, to: &Value) {
    let n = path.next().unwrap_or(0);
    match value {
        Value::Array(list) if !list.is_empty() => {
            let at = n % list.len();
            mutate(&mut list[at], path, to);
        }
        Value::Object(map) if !map.is_empty() => {
            let at = n % map.len();
            mutate(map.values_mut().nth(at).expect("in range"), path, to);
        }
        leaf => *leaf = to.clone(),
    }
}

proptest! {
    #[test]
    fn compact_means_the_same(value in json()) {
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        let short = compacted(&pretty);
        prop_assert_eq!(&short, &value.to_string());
        prop_assert_eq!(compacted(&short), short);
    }

    #[test]
    fn a_key_twice_is_always_found(value in json(), keys in prop::collection::vec("[a-c]{1,2}", 1..30)) {
        let members: Vec<String> = keys.iter().map(|k| format!("\"{k}\": {value}")).collect();
        let text = format!("{{{}}}", members.join(", "));
        let mut distinct = keys.clone();
        distinct.sort();
        distinct.dedup();
        prop_assert_eq!(compact(&text, &mut Vec::new()).is_ok(), distinct.len() == keys.len());
    }

    #[test]
    fn readers_answer_anything(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}", kind in 0usize..4) {
        let kinds = ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson"];
        let headers = Headers::new([("content-type", kinds[kind]), ("ce-specversion", &text), ("ce-id", &text)]);
        let _ = reading(|r| read(&headers, &bytes, r).map(drop));
        let _ = reading(|r| read(&headers, text.as_bytes(), r).map(drop));
        let _ = reading(|r| read(&Headers::new([("ce-specversion", "1.0"), ("ce-time", &text), ("content-type", "application/json")]), b"{}", r).map(drop));
        let event = serde_json::json!({"specversion": "1.0", "id": text, "source": text, "type": text, "time": text, "subject": text});
        let _ = reading(|r| structured(event.to_string().as_bytes(), r));
    }

    #[test]
    fn decoders_answer_any_signed_body(vendor in 0usize..8, path in prop::collection::vec(0usize..40, 8), to in json()) {
        let (vendor, topic, file) = VENDORS[vendor];
        let mut body: Value = serde_json::from_str(&fixture(file)).expect("JSON");
        mutate(&mut body, &mut path.into_iter(), &to);
        if let Ok(decoded) = receive(&settings(vendor), topic, &body.to_string()) {
            prop_assert!(!decoded.is_empty());
            for one in decoded {
                prop_assert!(!one.input.event.id.is_empty());
                let data: Value = serde_json::from_slice(&one.input.event.data).expect("JSON");
                prop_assert!(data.is_object());
            }
        }
    }

    #[test]
    fn verifiers_answer_any_header(name in 0usize..8, value in "\\PC{0,120}", body in prop::collection::vec(any::<u8>(), 0..50)) {
        let names = ["x-shopify-hmac-sha256", "shopify-hmac-sha256", "stripe-signature", "x-wc-webhook-signature",
            "x-square-hmacsha256-signature", "webhook-signature", "webhook-id", "webhook-timestamp"];
        let schemes = [Scheme::Shopify { shop: None }, Scheme::Stripe, Scheme::WooCommerce, Scheme::Square { notification_url: "u".into() }];
        let headers = Headers::new([(names[name], value.as_str()), ("webhook-id", "1"), ("webhook-timestamp", "0")]);
        for scheme in schemes {
            let secrets = Secrets::new(&scheme, &["s"]).expect("good");
            prop_assert!(verify(&scheme, &headers, body.clone().into(), &secrets, jiff::Timestamp::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn a_signature_is_of_one_body(body in prop::collection::vec(any::<u8>(), 1..100), at in 0usize..100, bit in 0u8..8) {
        let secrets = Secrets::new(&Scheme::StandardWebhooks, &["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]).expect("good");
        let now = jiff::Timestamp::UNIX_EPOCH;
        let out = sign(&secrets, "m", now, &body);
        let headers = Headers::new([("webhook-id", &out.id), ("webhook-timestamp", &out.timestamp), ("webhook-signature", &out.signature)]);
        let passes = |body: Vec<u8>| verify(&Scheme::StandardWebhooks, &headers, body.into(), &secrets, now).is_ok();
        prop_assert!(passes(body.clone()));
        let mut other = body.clone();
        let at = at % other.len();
        other[at] ^= 1 << bit;
        prop_assert!(!passes(other));
    }
}
