//! Rewards over HTTP: quoted, reserved, confirmed, given up, returned; stock under many clients.

mod common;

use std::collections::BTreeSet;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.spend = { on = "order.paid", add = 'order.subtotal' }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.sale = { on = "order.quoted", discount = { percent = 20, items = '"sale" in item.tags' } }
rules.two_for_one = { on = "order.quoted", discount = { percent = 100, items = 'item.sku == "tea"', cheapest = 'floor(order.items.filter(i, i.sku == "tea").sum(i, i.quantity) / 2)' } }
rewards.mug = { cost.points = 40, gives.product = "mug" }
rewards.gift = { gives.product = "gift", when = 'false' }
rewards.golden = { gives.code.pattern = "GOLD-################", stock = 100 }
rewards.ten_off = { cost.points = 50, when = 'order.subtotal >= 20', gives.discount.amount = 10 }

[tiers.status]
levels = [{ id = "basic" }, { id = "gold", needs.spend = 500 }]
"#;

fn api() -> Api {
    Api::of(launch().with_program(PROGRAM))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn a_reward_goes_through_its_stages() {
    let mut api = api();
    api.event(&order("o1", "email:ada@example.com", "100"));
    let ask = json!({"member": "email:ada@example.com", "reward": "mug"});
    let reserved = api.post_once("/v1/redemptions", "k1", &ask);
    assert_eq!((reserved.status, text(&reserved.json(), "status")), (201, "reserved"), "{}", reserved.body);
    let id = text(&reserved.json(), "id").to_owned();
    assert!(id.starts_with("red_"));
    let again = api.post_once("/v1/redemptions", "k1", &ask);
    assert_eq!((again.status, text(&again.json(), "id")), (200, id.as_str()));
    let available = |api: &mut Api| {
        api.get("/v1/members/email:ada@example.com").json()["wallets"]["points"]["available"].clone()
    };
    assert_eq!(available(&mut api), 60);
    for _ in 0..2 {
        let confirmed = api.post(&format!("/v1/redemptions/{id}/confirm"), &json!({}));
        assert_eq!(
            (confirmed.status, text(&confirmed.json(), "status")),
            (200, "confirmed"),
            "{}",
            confirmed.body
        );
    }
    let over = api.post(&format!("/v1/redemptions/{id}/cancel"), &json!({}));
    assert_eq!((over.status, text(&over.json(), "code")), (409, "redemption_over"), "{}", over.body);
    let returned = api.post(&format!("/v1/redemptions/{id}/return"), &json!({}));
    assert_eq!((text(&returned.json(), "status"), available(&mut api)), ("returned", json!(100)));
    assert_eq!(text(&api.get(&format!("/v1/redemptions/{id}")).json(), "status"), "returned");
    let other = api
        .post("/v1/redemptions", &json!({"member": "email:ada@example.com", "reward": "mug", "quantity": 1}));
    let other = text(&other.json(), "id").to_owned();
    let cancelled = api.post(&format!("/v1/redemptions/{other}/cancel"), &json!({}));
    assert_eq!((text(&cancelled.json(), "status"), available(&mut api)), ("cancelled", json!(100)));
    let list = api.get("/v1/members/email:ada@example.com/redemptions").json();
    let all: Vec<&str> =
        list["redemptions"].as_array().into_iter().flatten().map(|one| text(one, "status")).collect();
    assert_eq!(all, ["cancelled", "returned"]);
    assert_eq!(api.get("/v1/redemptions/red_0000000000000").status, 404);
}

#[test]
fn a_reservation_is_shown_with_its_member() {
    let mut api = api();
    api.event(&order("o1", "email:ada@example.com", "100"));
    let member = |api: &mut Api| api.get("/v1/members/email:ada@example.com").json();
    assert_eq!(member(&mut api)["reservations"], json!([]));
    let made =
        api.post("/v1/redemptions", &json!({"member": "email:ada@example.com", "reward": "mug"})).json();
    assert_eq!(member(&mut api)["reservations"], json!([{"id": made["id"], "until": made["until"]}]));
    api.post(&format!("/v1/redemptions/{}/confirm", text(&made, "id")), &json!({}));
    assert_eq!(member(&mut api)["reservations"], json!([]));
    for (ask, pointer) in [
        (json!({"reward": "mug", "quantity": 2}), "/quantity"),
        (json!({"reward": "mug", "quantity": 0}), "/quantity"),
    ] {
        let mut ask = ask;
        ask["member"] = json!("email:ada@example.com");
        let answer = api.post("/v1/redemptions", &ask);
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{}",
            answer.body
        );
    }
}

#[test]
fn a_refusal_says_what_is_missing() {
    let mut api = api();
    api.event(&order("o1", "email:ada@example.com", "10"));
    let ask = |reward: &str| json!({"member": "email:ada@example.com", "reward": reward, "confirm": true});
    let short = api.post("/v1/redemptions", &ask("mug"));
    assert_eq!((short.status, text(&short.json(), "code")), (409, "points_insufficient"), "{}", short.body);
    assert_eq!(text(&short.json(), "detail"), "missing: 30 points");
    let cartless = api.post("/v1/redemptions", &ask("ten_off"));
    assert_eq!((cartless.status, text(&cartless.json(), "code")), (409, "order_required"));
    assert_eq!(api.post("/v1/redemptions", &ask("moon")).status, 404);
    let rewards = api.get("/v1/rewards?member=email:ada@example.com").json();
    let mug =
        rewards["rewards"].as_array().into_iter().flatten().find(|one| one["id"] == "mug").cloned().unwrap();
    assert_eq!((&mug["within_reach"], &mug["refusal"]["missing"]), (&json!(false), &json!({"points": 30})));
    assert!(api.get("/v1/rewards").json()["rewards"][0]["within_reach"].is_null());
}

#[test]
fn a_quote_says_everything_and_writes_nothing() {
    let mut api = api();
    api.event(&order("o1", "email:ada@example.com", "45"));
    let before = api.get("/v1/events").body;
    let cart = json!({"member": "email:ada@example.com", "order": {"items": [
        {"id": "a", "price": "10.00", "tags": ["sale"]},
        {"id": "b", "sku": "tea", "price": "3.00", "quantity": 2},
        {"id": "c", "sku": "tea", "price": "2.50"},
    ]}});
    let quote = api.post("/v1/quotes", &cart);
    assert_eq!(quote.status, 200, "{}", quote.body);
    let quote = quote.json();
    assert_eq!(
        quote["earns"],
        json!([{"rule": "base", "wallet": "points", "wanted": 18, "granted": 18, "cut": null}])
    );
    assert_eq!(
        (text(&quote, "discount"), &quote["discounts"][0]["lines"]),
        ("4.5", &json!([{"line": 0, "amount": "2"}]))
    );
    assert_eq!(
        quote["discounts"][1]["lines"],
        json!([{"line": 2, "amount": "2.5"}]),
        "one of three teas is free"
    );
    assert_eq!(quote["tiers"]["status"]["next"]["missing"]["spend"], "455");
    let reach: Vec<&Value> =
        quote["rewards"].as_array().into_iter().flatten().map(|one| &one["within_reach"]).collect();
    assert_eq!(
        reach,
        [&json!(true), &json!(true), &json!(false)],
        "golden, mug, ten_off, and no gift, which is only given: {quote}"
    );
    let stranger = api.post("/v1/quotes", &json!({"order": {"subtotal": 20}}));
    assert_eq!(
        (stranger.status, &stranger.json()["earns"][0]["granted"]),
        (200, &json!(20)),
        "{}",
        stranger.body
    );
    // Nobody's identity is somebody who has never been here; a name of our own that is nobody's is a mistake.
    let first =
        api.post("/v1/quotes", &json!({"member": "email:new@example.com", "order": {"subtotal": 20}}));
    assert_eq!((first.status, &first.json()["member_known"]), (200, &json!(false)), "{}", first.body);
    assert_eq!(first.json()["earns"], stranger.json()["earns"]);
    assert_eq!(quote["member_known"], true);
    for nobody in ["mem_0000000000001", "new"] {
        let answer = api.post("/v1/quotes", &json!({"member": nobody, "order": {"subtotal": 20}}));
        assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/member")));
    }
    let wrong = api.post("/v1/quotes", &json!({"order": {"subtotal": -1}}));
    assert_eq!((wrong.status, text(&wrong.json(), "code")), (422, "money_negative"), "{}", wrong.body);
    assert_eq!(api.get("/v1/events").body, before);
}

#[test]
fn a_hundred_pieces_are_a_hundred_under_many_clients() {
    let mut api = api();
    const CLIENTS: usize = 8;
    const EACH: usize = 20;
    for n in 0..CLIENTS {
        api.event(&order(&format!("o{n}"), &format!("email:m{n}@example.com"), "1"));
    }
    let ask = |client: usize, n: usize| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", &*format!("{client}-{n}"))]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = json!({"member": format!("email:m{client}@example.com"), "reward": "golden", "confirm": n.is_multiple_of(2)});
        (headers, body.to_string())
    };
    let server = &api.server;
    let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut http = server.client();
                    let mut answers = Vec::new();
                    for n in 0..EACH {
                        let (headers, body) = ask(client, n);
                        let headers = headers.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
                        let answer =
                            http.request("POST", "/v1/redemptions", &headers, body.as_bytes()).unwrap();
                        answers.push((answer.status, answer.json()));
                    }
                    answers
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let given: Vec<&Value> = answers.iter().filter(|one| one.0 == 201).map(|one| &one.1).collect();
    assert_eq!(given.len(), 100);
    assert!(
        answers
            .iter()
            .filter(|one| one.0 != 201)
            .all(|one| one.0 == 409 && one.1["code"] == "reward_out_of_stock")
    );
    let mut codes = BTreeSet::new();
    for one in given {
        let id = text(one, "id").to_owned();
        let confirmed = api.post(&format!("/v1/redemptions/{id}/confirm"), &json!({})).json();
        assert!(
            codes.insert(text(&confirmed["codes"], "").to_owned() + confirmed["codes"][0].as_str().unwrap())
        );
    }
    assert_eq!(codes.len(), 100);
}
