//! Signed webhooks through a running server: proved, decoded, kept; forgeries are refused and change nothing.

mod common;

use common::{Api, PROGRAM, launch, order};
use serde_json::json;
use wire::signature::{Scheme, Secrets, sign};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const SETTINGS: &str = r#"
[sources.partner]
kind = "standard"
program = "test"
secrets = ["env:PARTNER_SECRET"]

[sources.shop]
kind = "woocommerce"
secrets = ["file:shop.secret"]

[sources.topic]
from = "arn:aws:sns:eu-west-1:123456789012:shop"
"#;

fn start() -> Api {
    let mut launch = launch().with_program(PROGRAM);
    std::fs::write(launch.data.join("settings.toml"), SETTINGS).expect("the folder is ours");
    std::fs::write(launch.data.join("shop.secret"), "woo\n").expect("the folder is ours");
    launch.args = vec!["--settings".into(), "settings.toml".into()];
    launch.env = vec![("PARTNER_SECRET".into(), SECRET.into())];
    Api::of(launch)
}

fn send(api: &mut Api, id: &str, secret: &str, body: &str) -> testkit::http::Response {
    let secrets = Secrets::new(&Scheme::StandardWebhooks, &[secret]).unwrap_or_else(|e| panic!("{e:?}"));
    let signed = sign(&secrets, id, jiff::Timestamp::now(), body.as_bytes());
    let headers = [
        ("Content-Type", "application/json"),
        ("webhook-id", signed.id.as_str()),
        ("webhook-timestamp", signed.timestamp.as_str()),
        ("webhook-signature", signed.signature.as_str()),
    ];
    api.call("POST", "/v1/sources/partner", &headers, body.as_bytes())
}

#[test]
fn a_signed_webhook_counts_once_and_is_kept_as_it_came() {
    let mut api = start();
    let body = order("o1", "email:ada@example.com", "19.99").to_string();
    let taken = send(&mut api, "msg_1", SECRET, &body);
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(taken.json()["outcomes"][0]["effects"][0]["granted"], 19, "{}", taken.body);
    assert_eq!(send(&mut api, "msg_1", SECRET, &body).json()["outcomes"][0]["duplicate"], true);
    let kept = api.get("/v1/sources/partner/deliveries").json();
    assert_eq!(kept["deliveries"].as_array().map(Vec::len), Some(1), "{kept}");
    assert_eq!(kept["deliveries"][0]["body"], body.as_str());
    assert!(kept["deliveries"][0]["headers"].to_string().contains("webhook-signature"));
    let listed = api.get("/v1/sources").json();
    assert_eq!(
        listed["sources"][0],
        json!({"name": "partner", "kind": "standard", "program": "test", "path": "/v1/sources/partner", "secrets": 1})
    );
    assert!(!listed.to_string().contains("whsec_"));
}

#[test]
fn what_is_not_proved_is_401_and_changes_nothing() {
    let mut api = start();
    let body = order("o1", "email:ada@example.com", "19.99").to_string();
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(send(&mut api, "msg_1", other, &body).status, 401);
    let bare = api.call("POST", "/v1/sources/partner", &[], body.as_bytes());
    assert_eq!((bare.status, bare.json()["code"].as_str()), (401, Some("signature_missing")));
    let detail =
        |answer: &testkit::http::Response| answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail(&bare).contains("not there"), "{}", bare.body);
    assert!(detail(&send(&mut api, "msg_2", other, &body)).contains("does not match"));
    assert_eq!(api.call("POST", "/v1/sources/unknown", &[], body.as_bytes()).status, 404);
    assert_eq!(api.get("/v1/events").json()["events"], json!([]));
    assert_eq!(api.get("/v1/quarantine").json()["quarantine"], json!([]));
    let metrics = api.get("/metrics").body;
    assert!(
        metrics.contains(r#"fealty_webhooks_total{source="partner",result="signature_mismatch"} 2"#),
        "{metrics}"
    );
}

#[test]
fn woocommerces_ping_is_answered_and_a_proved_body_that_is_no_payload_is_set_aside() {
    let mut api = start();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let ping = api.call("POST", "/v1/sources/shop", &form, b"webhook_id=12");
    assert_eq!((ping.status, ping.json()["note"].as_str()), (200, Some("ping")), "{}", ping.body);
    let odd = send(&mut api, "msg_2", SECRET, "[1, 2");
    assert_eq!(odd.status, 422, "{}", odd.body);
    let kept = api.get("/v1/quarantine").json();
    assert_eq!(kept["quarantine"][0]["body"], "[1, 2", "{kept}");
    assert_eq!(kept["quarantine"][0]["kind"], "refused");
}

#[test]
fn what_sns_posts_is_of_the_one_topic_and_proved_by_amazons_certificate_alone() {
    let mut api = start();
    let listed = api.get("/v1/sources").json();
    assert_eq!(
        listed["sources"][2],
        json!({"name": "topic", "kind": "cloudevents", "program": "test", "path": "/v1/sources/topic",
            "from": "arn:aws:sns:eu-west-1:123456789012:shop"})
    );
    let good = "https://sns.eu-west-1.amazonaws.com/a.pem";
    for (topic, certificate, code) in [
        ("arn:aws:sns:eu-west-1:123456789012:other", good, "topic_mismatch"),
        ("arn:aws:sns:eu-west-1:123456789012:shop", "https://127.0.0.1:1/a.pem", "signature_malformed"),
    ] {
        let posted = json!({"Type": "Notification", "MessageId": "m", "TopicArn": topic, "Message": "{}",
            "Timestamp": "2026-11-23T09:30:00.000Z", "SignatureVersion": "2", "Signature": "AAAA",
            "SigningCertURL": certificate});
        let headers = [("Content-Type", "text/plain; charset=UTF-8")];
        let answer = api.call("POST", "/v1/sources/topic", &headers, posted.to_string().as_bytes());
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some(code)), "{}", answer.body);
    }
    let bare = api.call("POST", "/v1/sources/topic", &[], b"{}");
    assert_eq!((bare.status, bare.json()["code"].as_str()), (401, Some("signature_missing")));
}

#[test]
fn settings_of_what_is_read_say_what_is_wrong_with_them() {
    for (settings, says) in [
        ("from = 'arn:aws:sqs:eu-west-1:1:q'", "no topic of SNS"),
        ("from = 'arn:aws:sns:eu-west-1:1:q'\nsecrets = ['env:PATH']", "leave `secrets`"),
        ("from = 'http://host/queue'", "begins with none of"),
        ("kind = 'shopify'\nprefetch = 5", "goes with `from`"),
        ("secrets = ['env:PATH']", "needs a `kind`"),
        ("from = 'sns://host/arn'\nkind = 'cloudevents'", "SNS|--features sqs"),
    ] {
        let mut launch = launch().with_program(PROGRAM);
        std::fs::write(launch.data.join("settings.toml"), format!("[sources.q]\n{settings}\n"))
            .expect("the folder is ours");
        launch.args = vec!["--settings".into(), "settings.toml".into()];
        let said = launch.start().err().unwrap_or_else(|| panic!("{settings} is taken"));
        assert!(says.split('|').any(|says| said.contains(says)), "{settings}: {said}");
        launch.remove();
    }
}
