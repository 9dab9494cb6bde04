//! The ways by which one order may come: a webhook, the API, an import. And what waits for something is seen meanwhile.

mod common;

use common::{Api, PROGRAM, launch, order};
use serde_json::json;
use wire::signature::{Scheme, Secrets, sign};

const ADA: &str = "email:ada@example.com";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SETTINGS: &str = r#"
[sources.partner]
kind = "standard"
program = "test"
secrets = ["env:PARTNER_SECRET"]
"#;

fn points(api: &mut Api) -> serde_json::Value {
    api.get(&format!("/v1/members/{ADA}")).json()["wallets"]["points"]["available"].clone()
}

#[test]
fn an_order_is_paid_once_by_webhook_api_and_import() {
    let mut launch = launch().with_program(PROGRAM);
    std::fs::write(launch.data.join("settings.toml"), SETTINGS).expect("the folder is ours");
    launch.args = vec!["--settings".into(), "settings.toml".into()];
    launch.env = vec![("PARTNER_SECRET".into(), SECRET.into())];
    let mut api = Api::of(launch);
    let body = order("o1", ADA, "19.99");
    // As a webhook, under the name of its delivery.
    let told = body.to_string();
    let secrets = Secrets::new(&Scheme::StandardWebhooks, &[SECRET]).unwrap_or_else(|e| panic!("{e:?}"));
    let signed = sign(&secrets, "msg_1", jiff::Timestamp::now(), told.as_bytes());
    let headers = [
        ("Content-Type", "application/json"),
        ("webhook-id", signed.id.as_str()),
        ("webhook-timestamp", signed.timestamp.as_str()),
        ("webhook-signature", signed.signature.as_str()),
    ];
    let taken = api.call("POST", "/v1/sources/partner", &headers, told.as_bytes());
    assert_eq!(taken.json()["outcomes"][0]["effects"][0]["granted"], 19, "{}", taken.body);
    // By the API, from another source and under another name.
    let mut again = body.clone();
    (again["source"], again["id"]) = (json!("till"), json!("receipt-77"));
    let ignored = api.event(&again).json();
    assert_eq!(
        (&ignored["status"], &ignored["reason"]["code"]),
        (&json!("ignored"), &json!("order_already_paid"))
    );
    // And from a file.
    (again["source"], again["id"]) = (json!("export"), json!("line-1"));
    api.restart(|launch| {
        std::fs::write(launch.data.join("old.ndjson"), format!("{again}\n")).expect("the folder is ours");
        let (code, out) = launch.run(&["import", "old.ndjson"]);
        assert_eq!(code, Some(0), "{out}");
    });
    assert_eq!(points(&mut api), 19);
}

#[test]
fn what_waits_is_seen_until_what_it_waits_for_comes() {
    let mut api = Api::start();
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "r1", "type": "order.refunded", "subject": ADA,
        "time": "2026-11-21T10:00:00Z", "data": {"id": "r1", "order": "o1", "currency": "EUR", "amount": "5"}});
    let waits = api.event(&refund).json();
    assert_eq!(
        (&waits["status"], &waits["reason"]["code"]),
        (&json!("waiting"), &json!("order_unknown")),
        "{waits}"
    );
    let listed =
        |api: &mut Api| api.get("/v1/events?status=waiting").json()["events"].as_array().map_or(0, Vec::len);
    assert_eq!(listed(&mut api), 1);
    assert_eq!(api.get("/v1/events/r1").json()["status"], "waiting");
    api.event(&order("o1", ADA, "20"));
    assert_eq!(points(&mut api), 15);
    // Asked again, and told again, it is known what became of it.
    assert_eq!(api.get("/v1/events/r1").json()["status"], "applied");
    let again = api.event(&refund).json();
    assert_eq!((&again["status"], &again["duplicate"]), (&json!("applied"), &json!(true)), "{again}");
    assert_eq!(points(&mut api), 15);
}

#[test]
fn what_is_not_known_is_kept_and_shown_as_ignored() {
    let mut api = Api::start();
    let moved = json!({"specversion": "1.0", "source": "shop", "id": "s1", "type": "shelf.moved", "subject": ADA,
        "time": "2026-11-21T10:00:00Z", "data": {"shelf": 7}});
    let ignored = api.event(&moved).json();
    assert_eq!(
        (&ignored["status"], &ignored["reason"]["code"]),
        (&json!("ignored"), &json!("type_unknown")),
        "{ignored}"
    );
    let kept = api.get("/v1/events/s1").json();
    assert_eq!(kept["status"], "ignored", "{kept}");
    assert!(kept.to_string().contains("shelf"), "{kept}");
}
