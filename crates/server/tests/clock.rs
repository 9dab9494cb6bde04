//! The clock of a sandbox over HTTP: moved forward, and with it everything that time does and shows.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin", sandbox = true }
wallets.points = { expires = "31 days" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.faithful = { on = "order.paid", when = 'days_since(member.enrolled_on) >= 30', earn.points = 500 }
rules.missed = { on = { idle = "30 days", of = "order.paid" }, earn.points = 5 }
segments.faithful = 'days_since(member.enrolled_on) >= 30'
rewards.mug = { cost.points = 40, when = 'days_since(member.enrolled_on) >= 30', hold = "2 days", gives.product = "mug" }
"#;

const ADA: &str = "/v1/members/email:ada@example.com";

fn now(id: &str, subtotal: &str) -> Value {
    let mut event = order(id, "email:ada@example.com", subtotal);
    event.as_object_mut().map(|event| event.remove("time"));
    event
}

fn points(api: &mut Api) -> Value {
    api.get(ADA).json()["wallets"]["points"]["available"].clone()
}

fn advance(api: &mut Api, by: &str) -> Value {
    let moved = api.post("/v1/clock", &json!({"advance": by}));
    assert_eq!(moved.status, 200, "{}", moved.body);
    moved.json()
}

#[test]
fn what_falls_due_happens_and_is_seen_as_of_the_moved_time() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&now("o1", "100"));
    let mug = |api: &mut Api| {
        api.get("/v1/rewards?member=email:ada@example.com").json()["rewards"][0]["within_reach"].clone()
    };
    assert_eq!((&api.get(ADA).json()["segments"], mug(&mut api)), (&json!([]), json!(false)));
    assert_eq!(api.post("/v1/clock", &json!({"advance": "12 hours"})).json()["rows"], 0);
    let moved = advance(&mut api, "29 days + 14 hours");
    assert_eq!((&moved["rows"], points(&mut api)), (&json!(1), json!(105)), "{moved}");
    // Nothing has happened to her since, and yet all that is shown goes by the present time.
    assert_eq!((&api.get(ADA).json()["segments"], mug(&mut api)), (&json!(["faithful"]), json!(true)));
    assert_eq!(api.get("/v1/segments/faithful").json()["members"], 1);
    let cart = json!({"member": "email:ada@example.com", "order": {"subtotal": 1}});
    let quote = api.post("/v1/quotes", &cart).json();
    let rules: Vec<&Value> = quote["earns"].as_array().into_iter().flatten().map(|e| &e["rule"]).collect();
    assert_eq!(rules, ["base", "faithful"], "{quote}");
    let ask = json!({"member": "email:ada@example.com", "reward": "mug"});
    let mug = api.post("/v1/redemptions", &ask).json();
    assert_eq!((&mug["status"], points(&mut api)), (&json!("reserved"), json!(65)), "{mug}");
    advance(&mut api, "3 days");
    // The mug was never fetched, so its points came back, and those whose time was over went at once.
    let mug = api.get(&format!("/v1/redemptions/{}", mug["id"].as_str().unwrap_or_default())).json();
    assert_eq!((&mug["status"], points(&mut api)), (&json!("lapsed"), json!(5)), "{mug}");
    let ledger = api.get(&format!("{ADA}/transfers")).json();
    let gone = ledger["transfers"].as_array().into_iter().flatten().find(|t| t["kind"] == "expire");
    assert_eq!(gone.map(|t| &t["event"]["type"]), Some(&json!("fealty.due")), "{ledger}");
    let rang = ledger["transfers"].as_array().into_iter().flatten().find(|t| t["rule"] == "missed");
    for (transfer, told) in [
        (
            gone,
            &[
                "the reservation of the reward mug lapsed: nobody confirmed it in time",
                "40 points ended: their time was over",
                "40 points that were spent on mug came back",
            ][..],
        ),
        (rang, &["rule missed rang after 30 days without order.paid: gave 5 points"][..]),
    ] {
        let id = transfer.and_then(|t| t["event"]["id"].as_str()).unwrap_or_default();
        let why = api.get(&format!("/v1/events/{id}/explanation?source=fealty:clock")).json();
        let said: Vec<&str> =
            why["changes"].as_array().into_iter().flatten().filter_map(|c| c["said"].as_str()).collect();
        assert_eq!(said, told, "{why}");
        api.restart(|launch| {
            let (code, out) = launch.run(&["explain", id, "--source", "fealty:clock"]);
            assert!(code == Some(0) && told.iter().all(|said| out.contains(said)), "{code:?} {out}");
        });
    }
    // What comes without a time comes now.
    api.event(&now("o2", "1"));
    assert!(api.get("/v1/events/o2").json()["time"].as_str() > moved["now"].as_str());
    assert_eq!(points(&mut api), 506);
}

#[test]
fn the_moved_clock_outlives_the_process_and_publishing() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&now("o1", "100"));
    let moved = advance(&mut api, "40 days");
    let other = PROGRAM.replace("earn.points = 5 }", "earn.points = 6 }");
    api.restart(|launch| *launch = launch.clone().with_program(&other));
    assert_eq!(api.get(ADA).json()["segments"], json!(["faithful"]));
    let published = api.get("/v1/program/versions").json();
    assert!(published["versions"][0]["published_at"].as_str() >= moved["now"].as_str(), "{published}");
    let again = advance(&mut api, "0 days");
    assert!(again["now"].as_str() >= moved["now"].as_str(), "{again}");
}

#[test]
fn time_goes_forward_only_and_only_in_a_sandbox() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    advance(&mut api, "2 days");
    for (ask, status, code, pointer) in [
        (json!({"to": "2020-01-01"}), 409, "clock_goes_forward", Value::Null),
        (json!({"to": "9999-01-01"}), 422, "time_out_of_range", json!("/to")),
        (
            json!({"advance": "200 years + 200 years + 200 years + 200 years + 200 years"}),
            422,
            "time_out_of_range",
            json!("/advance"),
        ),
        (json!({"advance": "soon"}), 422, "bad_term", json!("/advance")),
        (json!({"to": "soon"}), 422, "bad_term", json!("/to")),
        (json!({"advance": 5}), 422, "request_invalid", json!("/advance")),
        (json!({"advance": "1 day", "to": "2090-01-01"}), 422, "request_invalid", json!("")),
        (json!({}), 422, "request_invalid", json!("")),
    ] {
        let told = api.post("/v1/clock", &ask).json();
        assert_eq!(
            (&told["status"], &told["code"], &told["errors"][0]["pointer"]),
            (&json!(status), &json!(code), &pointer),
            "{ask} {told}"
        );
    }
    let mut real = Api::start();
    let told = real.post("/v1/clock", &json!({"advance": "1 day"})).json();
    assert_eq!((&told["status"], &told["code"]), (&json!(409), &json!("not_a_sandbox")), "{told}");
}

#[test]
fn a_member_to_whom_nothing_happens_is_shown_as_of_the_moved_time_too() {
    let quiet =
        PROGRAM.lines().filter(|line| !line.starts_with("rules.missed")).collect::<Vec<_>>().join("\n");
    let mut api = Api::of(launch().with_program(&quiet));
    api.post("/v1/members", &json!({"identities": ["email:ada@example.com"]}));
    assert_eq!(api.get(ADA).json()["segments"], json!([]));
    assert_eq!(advance(&mut api, "31 days")["rows"], 0);
    assert_eq!(api.get(ADA).json()["segments"], json!(["faithful"]));
    let cart = json!({"member": "email:ada@example.com", "order": {"subtotal": 1}});
    assert_eq!(api.post("/v1/quotes", &cart).json()["earns"].as_array().map(Vec::len), Some(2));
    let mug =
        api.get("/v1/rewards?member=email:ada@example.com").json()["rewards"][0]["refusal"]["code"].clone();
    assert_eq!(mug, "points_insufficient", "that she is too new is no reason any more");
}

#[test]
fn a_retry_moves_the_clock_no_further() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let day = json!({"advance": "1 day"});
    let first = api.post_once("/v1/clock", "m1", &day);
    assert_eq!(first.status, 200, "{}", first.body);
    api.restart(|_| ());
    let again = api.post_once("/v1/clock", "m1", &day);
    assert_eq!((again.status, &again.json()["now"]), (200, &first.json()["now"]), "{}", again.body);
    let other = api.post_once("/v1/clock", "m1", &json!({"advance": "2 days"}));
    assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency_key_reused")));
    let next = api.post_once("/v1/clock", "m2", &json!({"advance": "0 days"})).json();
    let (from, to): (jiff::Timestamp, jiff::Timestamp) = [&first.json()["now"], &next["now"]]
        .map(|at| at.as_str().unwrap_or_default().parse().unwrap_or_default())
        .into();
    assert!(to >= from && to.duration_since(from).as_secs() < 3600, "{from} {to}");
}
