//! What an endpoint wishes: only some changes by a condition, and of each the chosen fields.

mod common;

use common::{Api, launch_outward, order};
use serde_json::{Value, json};
use testkit::receiver::{Receiver, Reply};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
member = { email = "string?", plan = "free | plus = 'free'" }
wallets.points = { decimals = 2 }
counters.spent = { on = "order.paid", add = 'order.subtotal', per = "life" }
[tiers.status]
levels = [ { id = "member", rate = 1 }, { id = "gold", needs = { spent = 100 }, rate = 2 } ]
[segments]
plus = 'member.plan == "plus"'
[rules.base]
on = "order.paid"
earn.points = 'order.subtotal * tiers.status.rate'
[rules.big]
on = "order.paid"
when = 'order.subtotal >= 50'
emit = { type = "order.big", data = { value = 'order.subtotal', channel = 'order.channel', tags = 'order.tags' } }
"#;

fn api() -> Api {
    Api::of(launch_outward(PROGRAM))
}

fn endpoint(api: &mut Api, settings: Value) -> String {
    let made = api.post("/v1/endpoints", &settings);
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_filter_asks_the_change_and_the_member_as_rules_do() {
    let (mut api, hook) = (api(), Receiver::start(|_, _| Reply::ok()));
    let rich = json!({"url": hook.url(), "filter": "change.type == \"points.earned\" && change.data.amount > 30
        && tiers.status == \"gold\" && !segments.plus", "payload": {"points": "change.data.amount"}});
    endpoint(&mut api, rich);
    api.event(&order("o1", "email:ada@example.com", "20.00"));
    api.event(&order("o2", "email:ada@example.com", "90.50"));
    // Now she is gold; too little, and somebody else.
    api.event(&order("o3", "email:ada@example.com", "1.00"));
    api.event(&order("o4", "email:bob@example.com", "40.00"));
    api.event(&order("o5", "email:ada@example.com", "40.00"));
    let got = hook.wait_for(2);
    // What lifted her to gold is told as well: she is asked about after it.
    assert_eq!(got.last().unwrap().json(), json!({"points": 80}));
    assert_eq!(got[0].body, br#"{"points":90.5}"#, "an exact number");
}

#[test]
fn a_payload_is_the_chosen_fields_and_no_more() {
    let (mut api, hook) = (api(), Receiver::start(|_, _| Reply::ok()));
    let fields = json!({
        "id": "change.cursor", "who": "change.member", "again": "member.id", "tier": "tiers.status",
        "rate": "tiers.status.rate", "points": "wallets.points.available", "email": "member.email",
        "mail": "identities.email", "phone": "identities.phone", "since": "member.enrolled_on",
        "third": "wallets.points.available / 3", "value": "change.data.value", "tags": "change.data.tags",
        "gold": "tiers.status == \"gold\"", "event": "change.event"});
    let id = endpoint(
        &mut api,
        json!({"url": hook.url(), "types": ["order.big"], "personal_data": true, "payload": fields}),
    );
    let mut paid = order("o1", "email:ada@example.com", "120.05");
    paid["data"]["tags"] = json!(["a", "b"]);
    api.event(&paid);
    let got = hook.wait_for(1).remove(0);
    let told = got.json();
    let member = told["who"].as_str().unwrap();
    assert!(member.starts_with("mem_") && told["again"] == member, "{told}");
    assert!(told["id"].as_str().unwrap().starts_with('f') && told["since"].as_str().unwrap().len() == 10);
    // What is absent is left out; numbers are numbers.
    for (name, value) in [
        ("tier", json!("gold")),
        ("rate", json!(2)),
        ("points", json!(120.05)),
        ("email", Value::Null),
        ("mail", json!("ada@example.com")),
        ("phone", Value::Null),
        ("third", json!(40.016_666_667)),
        ("value", json!(120.05)),
        ("tags", json!(["a", "b"])),
        ("gold", json!(true)),
        ("event", json!({"source": "shop", "id": "o1", "type": "order.paid"})),
    ] {
        assert_eq!(told[name], value, "{name} of {told}");
    }
    assert!(!told.as_object().unwrap().contains_key("phone"));
    // A test tells of somebody.
    let asked = api.post(&format!("/v1/endpoints/{id}/test"), &json!({}));
    assert_eq!(asked.status, 400, "{}", asked.body);
    let tested = api.post(&format!("/v1/endpoints/{id}/test?member=email:ada@example.com"), &json!({}));
    assert_eq!(tested.json()["taken"], true, "{}", tested.body);
    assert_eq!(hook.wait_for(2)[1].json()["tier"], "gold");
}

#[test]
fn what_is_wrong_is_said_by_field_and_place() {
    let mut api = api();
    let wrong = |api: &mut Api, settings: Value| -> Vec<(String, String, String)> {
        let answer = api.post("/v1/endpoints", &settings);
        assert_eq!(answer.status, 422, "{}", answer.body);
        let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        errors.iter().map(|e| (text(e, "pointer"), text(e, "code"), text(e, "detail"))).collect()
    };
    let url = "https://example.com/";
    let faults = wrong(
        &mut api,
        json!({"url": url, "filter": "change.data.amuont > 3",
        "payload": {"a/b": "tiers.statsu", "n": "1 + \"x\""}}),
    );
    let at: Vec<&str> = faults.iter().map(|(at, ..)| at.as_str()).collect();
    assert_eq!(at, ["/filter", "/payload/a~1b", "/payload/n"], "{faults:?}");
    assert!(
        faults[0].2.contains("at sign 13 of") && faults[0].2.contains("did you mean `amount`"),
        "{faults:?}"
    );
    // Personal data on request alone; a condition on them is none of it.
    for source in ["member.email", "identities.phone", "segments.plus", "member.birthday", "member.tags"] {
        let faults = wrong(&mut api, json!({"url": url, "payload": {"x": source}}));
        assert_eq!((&*faults[0].0, &*faults[0].1), ("/payload/x", "personal_data"), "{source}");
    }
    let plain = json!({"url": url, "filter": "member.plan == \"plus\"",
        "payload": {"id": "member.id", "region": "member.region", "t": "tiers.status"}});
    assert_eq!(api.post("/v1/endpoints", &plain).status, 201);
    assert_eq!(wrong(&mut api, json!({"url": url, "filter": "change.data.amount"}))[0].0, "/filter");
    assert_eq!(wrong(&mut api, json!({"url": url, "payload": {}}))[0].0, "/payload");
}

#[test]
fn a_message_that_cannot_be_made_is_a_dead_letter_with_the_reason() {
    let (mut api, hook) = (api(), Receiver::start(|_, _| Reply::ok()));
    let big = "change.data.amount * 100000000000 * 1000000";
    let id =
        endpoint(&mut api, json!({"url": hook.url(), "types": ["points.earned"], "payload": {"x": big}}));
    api.event(&order("o1", "pos:c1", "1.00"));
    api.event(&order("o2", "pos:c1", "9000.00"));
    api.event(&order("o3", "pos:c1", "2.00"));
    hook.wait_for(2);
    let dead = api.until(&format!("/v1/deliveries?endpoint={id}&state=dead"), |dead| {
        dead["deliveries"].as_array().is_some_and(|all| all.len() == 1)
    });
    assert_eq!(dead["deliveries"][0]["attempts"], 1);
    let attempts = api.get(&format!("/v1/endpoints/{id}/attempts")).json();
    let said = attempts["attempts"].to_string();
    assert!(said.contains("a number of the payload is out of range"), "{said}");
    assert_eq!(api.get(&format!("/v1/endpoints/{id}")).json()["failing_since"], Value::Null);
}

#[test]
fn a_program_that_no_longer_knows_what_is_asked_for_switches_the_endpoint_off_where_it_stands() {
    let (mut api, hook) = (api(), Receiver::start(|_, _| Reply::ok()));
    let settings = json!({"url": hook.url(), "types": ["points.earned"], "payload": {"n": "change.data.amount", "t": "tiers.status"}});
    let id = endpoint(&mut api, settings);
    api.event(&order("o1", "pos:c1", "1.00"));
    hook.wait_for(1);
    let plain = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { decimals = 2 }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"#;
    let put = api.call("PUT", "/v1/program", &[("Content-Type", "application/toml")], plain.as_bytes());
    assert!(put.status < 300, "{}", put.body);
    api.event(&order("o2", "pos:c1", "2.00"));
    let unfit = api.until(&format!("/v1/endpoints/{id}"), |endpoint| endpoint["state"] == "unfit");
    assert_eq!(unfit["unfit"][0]["pointer"], "/payload/t", "it says why: {unfit}");
    let on = api.call(
        "PATCH",
        &format!("/v1/endpoints/{id}"),
        &[("Content-Type", "application/json")],
        br#"{"off": false}"#,
    );
    assert!(on.status == 422 && on.body.contains("/payload/t"), "{}", on.body);
    let body = json!({"off": false, "payload": {"n": "change.data.amount"}}).to_string();
    let on = api.call(
        "PATCH",
        &format!("/v1/endpoints/{id}"),
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    );
    assert_eq!((on.status, on.json()["state"].as_str()), (200, Some("on")), "{}", on.body);
    assert_eq!(on.json()["unfit"], Value::Null);
    assert_eq!(hook.wait_for(2)[1].json(), json!({"n": 2}), "nothing was lost");
}
