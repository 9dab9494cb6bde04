//! Fixtures on the way of the real thing: signed, verified, decoded.

#![allow(dead_code, reason = "each test file takes what it needs")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::event::Subject;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wire::headers::Headers;
use wire::member_id::MemberIds;
use wire::signature::{Scheme, Secrets, verify};
use wire::sources::{Bad, Decoded, Reading, Settings, Vendor, decode};

const SECRET: &str = "a-secret-of-the-tests";
const NOW: i64 = 1_794_000_100;

pub fn settings(vendor: Vendor) -> Settings {
    Settings::new("shop", vendor)
}

pub fn fixture(path: &str) -> String {
    let file = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn tag(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    parts.iter().for_each(|p| mac.update(p));
    mac.finalize().into_bytes().to_vec()
}

/// Signs `body` as the vendor does, under `topic`, and takes it through the door.
pub fn receive(settings: &Settings, topic: &str, body: &str) -> Result<Vec<Decoded>, Bad> {
    let plain = || STANDARD.encode(tag(&[body.as_bytes()]));
    let (scheme, headers) = match settings.vendor {
        Vendor::Shopify => {
            let names = [("x-shopify-hmac-sha256", plain()), ("x-shopify-topic", topic.to_owned())];
            (Scheme::Shopify { shop: None }, names.to_vec())
        }
        Vendor::WooCommerce => {
            let names = [("x-wc-webhook-signature", plain()), ("x-wc-webhook-topic", topic.to_owned())];
            (Scheme::WooCommerce, names.to_vec())
        }
        Vendor::Stripe => {
            let value = hex::encode(tag(&[format!("{NOW}.").as_bytes(), body.as_bytes()]));
            (Scheme::Stripe, vec![("stripe-signature", format!("t={NOW},v1={value}"))])
        }
        Vendor::Square => {
            let value = STANDARD.encode(tag(&[b"https://x/", body.as_bytes()]));
            let scheme = Scheme::Square { notification_url: "https://x/".into() };
            (scheme, vec![("x-square-hmacsha256-signature", value)])
        }
        Vendor::Standard => {
            let value = STANDARD.encode(tag(&[format!("{topic}.{NOW}.").as_bytes(), body.as_bytes()]));
            let id = ("webhook-id", topic.to_owned());
            (
                Scheme::StandardWebhooks,
                vec![
                    id,
                    ("webhook-timestamp", NOW.to_string()),
                    ("webhook-signature", format!("v1,{value}")),
                ],
            )
        }
    };
    let secret = match scheme {
        Scheme::StandardWebhooks => format!("whsec_{}", STANDARD.encode(SECRET)),
        _ => SECRET.to_owned(),
    };
    let secrets = Secrets::new(&scheme, &[secret]).expect("good");
    let headers = Headers::new(headers);
    let received = jiff::Timestamp::from_second(NOW).expect("in range");
    let verified = verify(&scheme, &headers, body.as_bytes().into(), &secrets, received).expect("signed");
    let members = MemberIds::new([1; 16]);
    decode(settings, &verified, &headers, Reading { members: &members, received, origin: "source:shop" })
}

/// `kind | who | time | data` of each event, or `kind ignored code`.
pub fn told(decoded: &[Decoded]) -> Vec<String> {
    decoded.iter().map(one).collect()
}

fn one(decoded: &Decoded) -> String {
    let event = &decoded.input.event;
    if let Some(ignored) = &decoded.ignored {
        return format!("{} ignored {}", event.kind, ignored.code);
    }
    let mut names: Vec<&str> = event.also.iter().map(|i| i.as_str()).collect();
    if let Some(Subject::Identity(first)) = &event.subject {
        names.insert(0, first.as_str());
    }
    let data = std::str::from_utf8(&event.data).expect("UTF-8");
    format!("{} | {} | {} | {data}", event.kind, names.join(" "), event.time)
}

pub fn ids(decoded: &[Decoded]) -> Vec<String> {
    decoded.iter().map(|d| d.input.event.id.to_string()).collect()
}
