//! Levels, achievements and segments over HTTP: shown with a member, set by hand, listed.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.spend = { on = "order.paid", add = 'order.subtotal' }
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal * tiers.status.rate' }
achievements.card = { needs.orders = 3, repeat = true, earn.points = 5 }
segments.better = 'tiers.status > "basic"'
segments.many = 'counters.orders >= 2'

[tiers.status]
keep = "24 months"
levels = [
  { id = "basic", rate = 1 },
  { id = "gold", rate = 1.5, needs.spend = 500, benefits = ["delivery"] },
  { id = "black", rate = 2, needs = [{ spend = 5000 }, { orders = 10 }] },
]
"#;

const ADA: &str = "/v1/members/email:ada@example.com";

fn api() -> Api {
    Api::of(launch().with_program(PROGRAM))
}

#[test]
fn a_member_shows_level_next_progress_and_segments() {
    let mut api = api();
    api.event(&order("o1", "email:ada@example.com", "379.50"));
    let member = api.get(ADA).json();
    let tier = &member["tiers"]["status"];
    assert_eq!((tier["level"].as_str(), &tier["until"]), (Some("basic"), &Value::Null), "{member}");
    assert_eq!(tier["next"], json!({"level": "gold", "missing": {"spend": "120.5"}}));
    assert_eq!(
        member["achievements"]["card"],
        json!({"times": 0, "progress": {"orders": {"value": "1", "of": "3"}}})
    );
    assert_eq!(member["segments"], json!([]));
    api.event(&order("o2", "email:ada@example.com", "120.50"));
    let member = api.get(ADA).json();
    let tier = &member["tiers"]["status"];
    assert_eq!(
        (tier["level"].as_str(), tier["since"].as_str()),
        (Some("gold"), Some("2026-11-20T10:00:00Z"))
    );
    // To the end of that day in Berlin.
    assert_eq!(tier["until"], "2028-11-20T23:00:00Z");
    assert_eq!((&tier["values"], &tier["benefits"]), (&json!({"rate": "1.5"}), &json!(["delivery"])));
    // Eight of ten orders is less to go than 4,500 of 5,000.
    assert_eq!(tier["next"], json!({"level": "black", "missing": {"orders": "8"}}));
    assert_eq!(member["segments"], json!(["better", "many"]));
    let told = api.get("/v1/events/o2").json();
    let message = told["emitted"].as_array().into_iter().flatten().find(|m| m["type"] == "tier.changed");
    let data = &message.unwrap_or_else(|| panic!("{told}"))["data"];
    assert_eq!(
        (&data["from"], &data["to"], &data["why"]),
        (&json!("basic"), &json!("gold"), &json!("reached"))
    );
    assert_eq!((&data["until"], &data["missing"]), (&json!("2028-11-20T23:00:00Z"), &json!({"orders": 8})));
    api.event(&order("o3", "email:ada@example.com", "1"));
    let card = &api.get(ADA).json()["achievements"]["card"];
    assert_eq!(*card, json!({"times": 1, "progress": {"orders": {"value": "0", "of": "3"}}}));
}

#[test]
fn a_person_may_be_placed_with_a_reason_and_an_end() {
    let mut api = api();
    api.event(&order("o1", "email:ada@example.com", "1"));
    let path = &format!("{ADA}/tiers");
    let ask =
        json!({"ladder": "status", "level": "gold", "until": "2030-01-01T00:00:00Z", "reason": "match"});
    let placed = api.post_once(path, "k", &ask);
    assert_eq!(
        (placed.status, &placed.json()["tiers"]["status"]["level"]),
        (200, &json!("gold")),
        "{}",
        placed.body
    );
    assert_eq!(placed.json()["tiers"]["status"]["until"], "2030-01-01T00:00:00Z");
    assert_eq!(api.post_once(path, "k", &ask).status, 200);
    for (bad, code, pointer) in [
        (json!({"ladder": "rank", "level": "gold", "reason": "r"}), "tier_unknown", "/ladder"),
        (json!({"ladder": "status", "level": "glod", "reason": "r"}), "tier_unknown", "/level"),
        (json!({"ladder": "status", "level": "gold", "reason": " "}), "reason_required", "/reason"),
        (json!({"ladder": "status", "level": "gold"}), "reason_required", "/reason"),
        (
            json!({"ladder": "status", "level": "gold", "until": "2020-01-01T00:00:00Z", "reason": "r"}),
            "until_passed",
            "/until",
        ),
        (
            json!({"ladder": "status", "level": "gold", "until": "soon", "reason": "r"}),
            "wrong_type",
            "/until",
        ),
    ] {
        let told = api.post(path, &bad).json();
        assert_eq!(
            (&told["status"], &told["code"], &told["errors"][0]["pointer"]),
            (&json!(422), &json!(code), &json!(pointer)),
            "{told}"
        );
    }
    assert_eq!(api.post("/v1/members/email:no@example.com/tiers", &ask).status, 404);
    // What is done by hand lies in the journal, with who and why.
    let events = api.get("/v1/events").json();
    let by_hand = events["events"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|e| e["status"] == "applied" && e["type"] == "fealty.placed");
    let by_hand = by_hand.unwrap_or_else(|| panic!("{events}"));
    assert!(by_hand["id"].as_str().is_some_and(|id| id.ends_with(":k")), "{by_hand}");
    let path_of = format!("/v1/events/{}", by_hand["id"].as_str().unwrap_or_default());
    let told = api.get(&path_of).json();
    assert_eq!(told["emitted"][0]["data"]["reason"], "match", "{told}");
    let lowered = api.post(path, &json!({"ladder": "status", "level": "basic", "reason": "abuse"}));
    assert_eq!(lowered.json()["tiers"]["status"]["level"], "basic", "{}", lowered.body);
}

#[test]
fn segments_are_listed_page_by_page() {
    let mut api = api();
    for n in 0..5 {
        let who = format!("email:m{n}@example.com");
        api.event(&order(&format!("a{n}"), &who, if n % 2 == 0 { "600" } else { "5" }));
    }
    let ids: Vec<Value> = api.get("/v1/segments").json()["segments"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|s| s["id"].clone())
        .collect();
    assert_eq!(ids, ["better", "many"]);
    let (mut found, mut path) = (Vec::new(), "/v1/segments/better/members?limit=2".to_owned());
    loop {
        let page = api.get(&path).json();
        let members = page["members"].as_array().cloned().unwrap_or_default();
        assert!(members.len() <= 2, "{page}");
        found.extend(members.into_iter().map(|m| m["identities"][0].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/segments/better/members?limit=2&cursor={next}");
    }
    assert_eq!(found, ["email:m0@example.com", "email:m2@example.com", "email:m4@example.com"]);
    let count = api.get("/v1/segments/better").json();
    assert_eq!(
        (&count["members"], &count["of"], &count["next"]),
        (&json!(3), &json!(5), &Value::Null),
        "{count}"
    );
    assert_eq!(api.get("/v1/segments/none").status, 404);
    assert_eq!(api.get("/v1/segments/many/members").json()["members"], json!([]));
    assert_eq!(api.get("/v1/segments/none/members").status, 404);
}
