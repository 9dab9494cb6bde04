//! Published and peer-made vectors of every scheme, secrets that cannot be empty or seen, and our own signing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use wire::headers::Headers;
use wire::signature::{BadSecret, Refused, Scheme, Secrets, sign, verify};

fn passes(
    scheme: Scheme,
    secrets: &[&str],
    headers: &[(&str, &str)],
    body: &str,
    now: i64,
) -> Result<(), Refused> {
    let secrets = Secrets::new(&scheme, secrets).expect("good secrets");
    let now = jiff::Timestamp::from_second(now).expect("in range");
    let verified =
        verify(&scheme, &Headers::new(headers.iter().copied()), body.as_bytes().into(), &secrets, now)?;
    assert_eq!(verified.body(), body.as_bytes());
    Ok(())
}

#[test]
fn standard_webhooks() {
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let body = r#"{"test": 2432232314}"#;
    assert_eq!(passes(Scheme::StandardWebhooks, &secrets, &headers, body, 1_614_265_330), Ok(()));
    let svix = headers.map(|(name, value)| (name.replace("webhook", "svix"), value));
    let svix: Vec<(&str, &str)> = svix.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    assert_eq!(passes(Scheme::StandardWebhooks, &secrets, &svix, body, 1_614_265_330), Ok(()));
}

/// BigCommerce signs by Standard Webhooks with the client secret's own bytes as the key.
#[test]
fn bigcommerce() {
    let secret = format!("whsec_{}", STANDARD.encode("client-secret-123"));
    let signature = "v1,N0a/YVODuE1y4ej2GzKbLJ2B6u55P/3VfTg++3z/cxQ=";
    let headers =
        [("webhook-id", "msg1"), ("webhook-timestamp", "1700000000"), ("webhook-signature", signature)];
    let body = r#"{"scope":"store/order/created"}"#;
    assert_eq!(passes(Scheme::StandardWebhooks, &[&secret], &headers, body, 1_700_000_000), Ok(()));
}

#[test]
fn square() {
    let scheme = Scheme::Square { notification_url: "https://webhook.site/webhooks".into() };
    let headers = [("x-square-hmacsha256-signature", "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=")];
    let body = r#"{"data":{"type":"webhooks","id":">id<"}}"#;
    assert_eq!(passes(scheme, &["signature-key"], &headers, body, 0), Ok(()));
}

#[test]
fn stripe() {
    let tag = "31f5d883dbc7f94e904e545163bf33620012700d5b31ff192138ab47bf55025a";
    let header = format!("t=1700000000,v1={tag}");
    let headers = [("Stripe-Signature", header.as_str())];
    let body = r#"{"id":"evt_test_webhook"}"#;
    assert_eq!(passes(Scheme::Stripe, &["whsec_test_secret"], &headers, body, 1_700_000_000), Ok(()));
}

#[test]
fn shopify() {
    let body = r#"{"id":820982911946154508,"total_price":"403.00"}"#;
    for name in ["X-Shopify-Hmac-SHA256", "Shopify-Hmac-Sha256"] {
        let headers = [(name, "DtIVZksfH+8NVrJG1AH03uoQn6q0YzZB2XzRDfnfTqc=")];
        let scheme = Scheme::Shopify { shop: None };
        assert_eq!(passes(scheme, &["shpss_secret"], &headers, body, 0), Ok(()));
    }
}

#[test]
fn ed25519_signatures_of_standard_webhooks() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = format!("whpk_{}", STANDARD.encode(key.verifying_key().to_bytes()));
    let body = r#"{"type":"a"}"#;
    let headers = |message: &str| {
        let signature = format!("v1a,{}", STANDARD.encode(key.sign(message.as_bytes()).to_bytes()));
        [
            ("webhook-id", "m1".to_owned()),
            ("webhook-timestamp", "1700000000".to_owned()),
            ("webhook-signature", signature),
        ]
    };
    let check = |secrets: &[&str], message: &str| {
        let headers = headers(message);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        passes(Scheme::StandardWebhooks, secrets, &headers, body, 1_700_000_000)
    };
    let message = format!("m1.1700000000.{body}");
    assert_eq!(check(&[&public], &message), Ok(()));
    assert_eq!(check(&[&public], "m2.1700000000."), Err(Refused::Mismatch));
    let other =
        format!("whpk_{}", STANDARD.encode(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes()));
    assert_eq!(check(&[&other], &message), Err(Refused::Mismatch));
    assert_eq!(check(&[&other, &public], &message), Ok(()), "rotation");
    let symmetric = format!("whsec_{}", STANDARD.encode([7; 32]));
    assert_eq!(check(&[&symmetric], &message), Err(Refused::Mismatch), "a secret never verifies v1a");
}

#[test]
fn secrets_are_never_empty_and_never_seen() {
    let shopify = Scheme::Shopify { shop: None };
    assert_eq!(Secrets::new::<&str>(&shopify, &[]).err(), Some(BadSecret::None));
    assert_eq!(Secrets::new(&shopify, &[""]).err(), Some(BadSecret::Empty));
    assert_eq!(Secrets::new(&shopify, &["good", ""]).err(), Some(BadSecret::Empty));
    assert_eq!(Secrets::new(&shopify, &["with a newline\n"]).err(), Some(BadSecret::Space));
    assert_eq!(Secrets::new(&shopify, &["x"; 11]).err(), Some(BadSecret::TooMany));
    for bad in ["plain", "whsec_", "whsec_AAAA", "whsec_!!!", "whpk_AAAA", "whsk_AAAA"] {
        assert_eq!(Secrets::new(&Scheme::StandardWebhooks, &[bad]).err(), Some(BadSecret::Form), "{bad}");
    }
    let secrets = Secrets::new(&shopify, &["hunter2hunter2"]).expect("good");
    assert_eq!(format!("{secrets:?}"), "Secrets(1 hidden)");
}

#[test]
fn what_we_sign_we_verify() {
    let texts =
        [format!("whsec_{}", STANDARD.encode([1; 32])), format!("whsec_{}", STANDARD.encode([2; 24]))];
    let both = Secrets::new(&Scheme::StandardWebhooks, &texts).expect("good");
    let now = jiff::Timestamp::from_second(1_700_000_000).expect("in range");
    let body = "{\"é\": \"not only ASCII\"}";
    let out = sign(&both, "msg_1", now, body.as_bytes());
    assert_eq!(out.signature.split(' ').count(), 2);
    let headers = [
        ("webhook-id", &*out.id),
        ("webhook-timestamp", &out.timestamp),
        ("webhook-signature", &out.signature),
    ];
    for text in &texts {
        assert_eq!(passes(Scheme::StandardWebhooks, &[text], &headers, body, 1_700_000_100), Ok(()));
    }
    let spec =
        Secrets::new(&Scheme::StandardWebhooks, &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).expect("good");
    let at = jiff::Timestamp::from_second(1_614_265_330).expect("in range");
    let out = sign(&spec, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
    assert_eq!(out.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
