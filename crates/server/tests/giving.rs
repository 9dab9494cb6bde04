//! Gifts and merges over HTTP: what moves, what is refused, and how the two stand afterwards.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { transfer = true }
wallets.cash = { decimals = 2 }
counters.spend = { on = "order.paid", add = 'order.subtotal' }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rewards.mug = { cost.points = 10, gives.product = "mug" }
segments.big = 'counters.spend >= 120'

[tiers.status]
levels = [{ id = "basic" }, { id = "gold", needs.spend = 120 }]
"#;

const ADA: &str = "/v1/members/email:ada@example.com";
const BOB: &str = "/v1/members/email:bob@example.com";

/// Ada has 100, Bob 30.
fn api() -> Api {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&order("o1", "email:ada@example.com", "100"));
    api.event(&order("o2", "email:bob@example.com", "30"));
    api
}

fn points(api: &mut Api, who: &str) -> Value {
    api.get(who).json()["wallets"]["points"]["available"].clone()
}

#[test]
fn a_gift_moves_once_and_a_refusal_names_the_field() {
    let mut api = api();
    let path = &format!("{ADA}/transfers");
    let gift = json!({"to": "email:Bob@Example.com", "wallet": "points", "amount": 40});
    let given = api.post_once(path, "g1", &gift);
    assert_eq!((given.status, &given.json()["duplicate"]), (200, &json!(false)), "{}", given.body);
    assert_eq!(api.post_once(path, "g1", &gift).json()["duplicate"], true);
    assert_eq!((points(&mut api, ADA), points(&mut api, BOB)), (json!(60), json!(70)));
    let more = json!({"to": "email:bob@example.com", "wallet": "points", "amount": 41});
    assert_eq!(api.post_once(path, "g1", &more).json()["code"], "idempotency_key_reused");
    for (change, status, code, pointer) in [
        (json!({"to": "email:eve@example.com"}), 422, "member_unknown", "/to"),
        (json!({"to": "mem_0000000000001"}), 422, "member_unknown", "/to"),
        (json!({"to": "nonsense"}), 422, "identity_invalid", "/to"),
        (json!({"to": "email:ada@example.com"}), 422, "transfer_to_oneself", "/to"),
        (json!({"wallet": "cash"}), 422, "transfer_not_allowed", "/wallet"),
        (json!({"wallet": "moon"}), 422, "wallet_unknown", "/wallet"),
        (json!({"amount": 0}), 422, "amount_invalid", "/amount"),
        (json!({"amount": "-1"}), 422, "amount_invalid", "/amount"),
        (json!({"amount": "0.5"}), 422, "amount_invalid", "/amount"),
        (json!({"amount": "61"}), 409, "points_insufficient", "/amount"),
    ] {
        let mut bad = gift.clone();
        for (key, value) in change.as_object().into_iter().flatten() {
            bad[key] = value.clone();
        }
        let told = api.post(path, &bad).json();
        assert_eq!(
            (&told["status"], &told["code"], &told["errors"][0]["pointer"]),
            (&json!(status), &json!(code), &json!(pointer)),
            "{bad} {told}"
        );
    }
    assert_eq!((points(&mut api, ADA), points(&mut api, BOB)), (json!(60), json!(70)));
    // Bob's order comes back; what Ada gave is his all the same.
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "r2", "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": "r2", "order": "o2"}});
    assert_eq!(api.event(&refund).json()["status"], "applied");
    assert_eq!(points(&mut api, BOB), 40);
}

#[test]
fn one_of_two_names_stands_for_both_after_a_merge() {
    let mut api = api();
    let (ada, bob) = (api.get(ADA).json()["id"].clone(), api.get(BOB).json()["id"].clone());
    let by_id = format!("/v1/members/{}", bob.as_str().unwrap_or_default());
    assert_eq!(api.get("/v1/segments/big").json()["members"], 0);
    let path = &format!("{ADA}/merge");
    let ask = json!({"absorb": "email:bob@example.com"});
    let merged = api.post_once(path, "m1", &ask);
    assert_eq!(merged.status, 200, "{}", merged.body);
    assert_eq!(api.post_once(path, "m1", &ask).status, 200, "a retry, though Bob is Ada by now");
    let one = merged.json();
    assert_eq!((&one["id"], &one["absorbed"]), (&ada, &json!([bob])));
    assert_eq!(one["identities"], json!(["email:ada@example.com", "email:bob@example.com"]));
    assert_eq!(one["wallets"]["points"]["available"], 130);
    assert_eq!((&one["tiers"]["status"]["level"], &one["segments"]), (&json!("gold"), &json!(["big"])));
    for name in [BOB, &by_id, ADA] {
        let found = api.get(name).json();
        assert_eq!((&found["id"], &found["tiers"]), (&ada, &one["tiers"]), "{name}");
    }
    let ledger = api.get(&format!("{BOB}/transfers")).json();
    assert_eq!(ledger, api.get(&format!("{ADA}/transfers")).json());
    let members = api.get("/v1/members").json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(1), "{members}");
    let count = api.get("/v1/segments/big").json();
    assert_eq!((&count["members"], &count["of"]), (&json!(1), &json!(1)));
    assert_eq!(api.get("/v1/segments/big/members").json()["members"][0]["id"], ada);
    // What Bob bought is Ada's to return, and what he buys is hers.
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "r2", "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": "r2", "order": "o2"}});
    assert_eq!(api.event(&refund).json()["member"], ada);
    assert_eq!(api.event(&order("o3", "email:bob@example.com", "7")).json()["member"], ada);
    assert_eq!(points(&mut api, ADA), 107);
    for (absorb, code) in [
        (json!("email:eve@example.com"), "member_unknown"),
        (json!("email:bob@example.com"), "merge_with_oneself"),
        (ada, "merge_with_oneself"),
    ] {
        let told = api.post(path, &json!({"absorb": absorb})).json();
        assert_eq!(
            (&told["status"], &told["code"], &told["errors"][0]["pointer"]),
            (&json!(422), &json!(code), &json!("/absorb")),
            "{told}"
        );
    }
}

#[test]
fn a_merge_is_undone_and_both_go_on() {
    let mut api = api();
    let (ada, bob) = (api.get(ADA).json()["id"].clone(), api.get(BOB).json()["id"].clone());
    let before = [api.get(ADA).json(), api.get(BOB).json()];
    let path = &format!("{ADA}/unmerge");
    let ask = json!({"absorbed": bob});
    for (body, status, code) in [
        (ask.clone(), 422, "unmerge_not_absorbed"),
        (json!({"absorbed": "email:eve@example.com"}), 422, "member_unknown"),
    ] {
        let told = api.post(path, &body).json();
        assert_eq!(
            (&told["status"], &told["code"], &told["errors"][0]["pointer"]),
            (&json!(status), &json!(code), &json!("/absorbed")),
            "{told}"
        );
    }
    assert_eq!(api.post(&format!("{ADA}/merge"), &json!({"absorb": bob})).status, 200);
    let parted = api.post_once(path, "u1", &ask);
    assert_eq!(parted.status, 200, "{}", parted.body);
    assert_eq!(api.post_once(path, "u1", &ask).json(), parted.json(), "a retry");
    let parted = parted.json();
    assert_eq!((&parted["member"]["id"], &parted["restored"]["id"]), (&ada, &bob));
    assert_eq!(parted["effects"][0]["kind"], "give_back", "{parted}");
    for (was, name) in before.iter().zip([ADA, BOB]) {
        let is = api.get(name).json();
        for part in ["id", "identities", "fields", "tiers", "wallets"] {
            assert_eq!(is[part], was[part], "{name}: {part}");
        }
    }
    // Merged once more, spent from, and parted again: each goes on with what is his.
    assert_eq!(api.post(&format!("{ADA}/merge"), &json!({"absorb": bob})).status, 200);
    assert_eq!(api.event(&order("o3", "email:bob@example.com", "7")).json()["member"], ada);
    assert_eq!(api.post(path, &ask).status, 200);
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "r2", "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": "r2", "order": "o2"}});
    assert_eq!(api.event(&refund).json()["member"], bob);
    assert_eq!((points(&mut api, ADA), points(&mut api, BOB)), (json!(107), json!(0)));
    let members = api.get("/v1/members").json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(2), "{members}");
    api.restart(|_| ());
    assert_eq!(api.get(BOB).json()["id"], bob);
}

#[test]
fn what_the_absorbed_redeemed_is_listed_with_him_who_absorbed_him() {
    let mut api = api();
    for who in ["bob", "ada", "bob"] {
        let taken = json!({"member": format!("email:{who}@example.com"), "reward": "mug", "confirm": true});
        assert_eq!(api.post("/v1/redemptions", &taken).status, 201);
    }
    assert_eq!(api.post(&format!("{ADA}/merge"), &json!({"absorb": "email:bob@example.com"})).status, 200);
    let all = api.get(&format!("{ADA}/redemptions")).json();
    assert_eq!(all["redemptions"].as_array().map(Vec::len), Some(3), "{all}");
    let (mut path, mut ids) = (format!("{ADA}/redemptions?limit=1"), Vec::new());
    loop {
        let page = api.get(&path).json();
        let found = page["redemptions"].as_array().cloned().unwrap_or_default();
        ids.extend(found.iter().map(|one| one["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{ADA}/redemptions?limit=1&cursor={next}");
    }
    let listed: Vec<_> =
        all["redemptions"].as_array().into_iter().flatten().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, listed);
    let export = api.get(&format!("{ADA}/export")).json();
    assert_eq!(export["redemptions"], all["redemptions"], "each once");
}
