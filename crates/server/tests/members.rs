//! Members over HTTP: enrolled, changed, linked, adjusted; retries find the first answer.

mod common;

use common::{Api, order};
use serde_json::json;

#[test]
fn a_member_is_enrolled_once() {
    let mut api = Api::start();
    let ada = json!({"identities": ["email:Ada@Example.com", "pos:card:7"], "fields": {}});
    let made = api.post_once("/v1/members", "k1", &ada);
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap_or_default().to_owned();
    assert!(id.starts_with("mem_"), "{id}");
    assert_eq!(made.json()["identities"], json!(["email:ada@example.com", "pos:card:7"]));
    assert_eq!(
        made.json()["wallets"]["points"],
        json!({"available": 0, "pending": 0, "debt": 0, "expiring": []})
    );
    let again = api.post_once("/v1/members", "k1", &ada);
    assert_eq!((again.status, again.json()["id"].as_str()), (201, Some(id.as_str())));
    let other = api.post_once("/v1/members", "k1", &json!({"identities": ["email:bob@example.com"]}));
    assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency_key_reused")));
    for name in [id.as_str(), "email:ada@example.com", "email%3Aada%40example.com", "pos:card:7"] {
        assert_eq!(api.get(&format!("/v1/members/{name}")).json()["id"], id.as_str(), "{name}");
    }
    for name in ["email:eve@example.com", "mem_0000000000001"] {
        assert_eq!(api.get(&format!("/v1/members/{name}")).status, 404, "{name}");
    }
    assert_eq!(api.post("/v1/members", &json!({"identities": []})).status, 422);
    assert_eq!(api.post("/v1/members", &json!({"identities": ["nonsense"]})).status, 422);
    assert_eq!(
        api.post("/v1/members", &json!({"identities": ["email:x@example.com"], "balance": 5})).status,
        422
    );
    assert_eq!(api.get("/v1/members").json()["members"].as_array().map(Vec::len), Some(1));
}

#[test]
fn identities_are_linked_and_belong_to_one() {
    let mut api = Api::start();
    api.event(&order("o1", "email:ada@example.com", "3"));
    api.event(&order("o2", "email:bob@example.com", "4"));
    let linked =
        api.post("/v1/members/email:ada@example.com/identities", &json!({"identities": ["pos:card:7"]}));
    assert_eq!(linked.status, 200, "{}", linked.body);
    assert_eq!(api.get("/v1/members/pos:card:7").json()["wallets"]["points"]["available"], 3);
    let taken =
        api.post("/v1/members/pos:card:7/identities", &json!({"identities": ["email:bob@example.com"]}));
    assert_eq!(
        (taken.status, taken.json()["code"].as_str()),
        (409, Some("identity_taken")),
        "{}",
        taken.body
    );
}

#[test]
fn points_are_adjusted_once_with_a_reason_and_exactly() {
    let mut api = Api::start();
    api.event(&order("o1", "email:ada@example.com", "3"));
    let path = "/v1/members/email:ada@example.com/adjustments";
    let give = json!({"wallet": "cash", "amount": "12.30", "reason": "goodwill"});
    let given = api.post_once(path, "\"a-1\"", &give);
    assert_eq!(given.status, 200, "{}", given.body);
    let again = api.post_once(path, "a-1", &give);
    assert_eq!((again.status, again.json()["duplicate"].as_bool()), (200, Some(true)), "{}", again.body);
    let moved = &given.json()["transfers"];
    assert_eq!(
        (&moved[0]["kind"], &moved[0]["amount"], &moved[0]["balance_after"], moved.as_array().map(Vec::len)),
        (&json!("adjust"), &json!(12.3), &json!(12.3), Some(1)),
        "{}",
        given.body
    );
    let member = api.get("/v1/members/email:ada@example.com");
    assert!(member.body.contains(r#""available":12.3,"#), "{}", member.body);
    let reused = api.post_once(path, "a-1", &json!({"wallet": "cash", "amount": "99", "reason": "goodwill"}));
    assert_eq!(reused.status, 422);
    for bad in [
        json!({"wallet": "moon", "amount": 1, "reason": "r"}),
        json!({"wallet": "cash", "amount": 1, "reason": " "}),
        json!({"wallet": "cash", "amount": "0.001", "reason": "r"}),
        json!({"wallet": "cash", "amount": true, "reason": "r"}),
        json!({"wallet": "cash", "amount": 1}),
    ] {
        assert_eq!(api.post(path, &bad).status, 422, "{bad}");
    }
    for (bad, status, code, pointer) in [
        (json!({"wallet": "moon", "amount": 1, "reason": "r"}), 422, "wallet_unknown", "/wallet"),
        (json!({"amount": 1, "reason": "r"}), 422, "wallet_unknown", "/wallet"),
        (json!({"wallet": "cash", "amount": 1, "reason": " "}), 422, "reason_required", "/reason"),
        (json!({"wallet": "cash", "amount": 1}), 422, "reason_required", "/reason"),
        (json!({"wallet": "cash", "reason": "r"}), 422, "amount_invalid", "/amount"),
        (json!({"wallet": "cash", "amount": "0.001", "reason": "r"}), 422, "amount_invalid", "/amount"),
        (json!({"wallet": "cash", "amount": "-99", "reason": "r"}), 409, "points_insufficient", "/amount"),
    ] {
        let answer = api.post(path, &bad);
        let told = answer.json();
        assert_eq!(
            (answer.status, told["code"].as_str(), told["errors"][0]["pointer"].as_str()),
            (status, Some(code), Some(pointer)),
            "{told}"
        );
    }
    let transfers = api.get("/v1/members/email:ada@example.com/transfers").json();
    let kinds: Vec<&str> =
        transfers["transfers"].as_array().into_iter().flatten().filter_map(|t| t["kind"].as_str()).collect();
    assert_eq!(kinds, ["adjust", "earn"], "{transfers}");
    assert_eq!(transfers["transfers"][1]["event"]["id"], "o1");
}

#[test]
fn a_field_that_the_program_does_not_declare_is_refused() {
    let mut api = Api::start();
    let new =
        json!({"identities": ["email:ada@example.com"], "fields": {"tags": ["vip"], "shoe": 42, "hat/x": 7}});
    let refused = api.post("/v1/members", &new);
    let told = refused.json();
    assert_eq!((refused.status, told["code"].as_str()), (422, Some("field_unknown")), "{told}");
    let pointers: Vec<_> = told["errors"].as_array().into_iter().flatten().map(|e| &e["pointer"]).collect();
    assert_eq!(pointers, ["/fields/hat~1x", "/fields/shoe"]);
    assert!(told["errors"][1]["detail"].as_str().unwrap_or_default().contains("[member]"), "{told}");
    assert_eq!(api.get("/v1/members/email:ada@example.com").status, 404, "nothing was made");
    let member = json!({"identities": ["email:ada@example.com"], "fields": {"birthday": "soon"}});
    let wrong = api.post("/v1/members", &member).json();
    assert_eq!(wrong["errors"][0]["pointer"], "/fields/birthday", "{wrong}");
    let identity = api.post("/v1/members", &json!({"identities": ["nonsense"]})).json();
    assert_eq!(
        (identity["code"].as_str(), identity["errors"][0]["pointer"].as_str()),
        (Some("identity_invalid"), Some("/identities/0"))
    );
}

#[test]
fn fields_are_changed_and_taken_away() {
    let mut api = Api::start();
    let fields = json!({"identities": ["email:ada@example.com"], "fields": {"birthday": "1990-05-17", "tags": ["vip"]}});
    assert_eq!(api.post("/v1/members", &fields).json()["fields"]["birthday"], "1990-05-17");
    let kind = [("Content-Type", "application/json")];
    let path = "/v1/members/email:ada@example.com";
    let changed =
        api.call("PATCH", path, &kind, br#"{"fields": {"birthday": null, "tags": ["vip", "press"]}}"#);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.json()["fields"], json!({"tags": ["vip", "press"]}));
    assert_eq!(api.call("PATCH", path, &kind, br#"{"fields": {"birthday": "soon"}}"#).status, 422);
    assert_eq!(
        api.call("PATCH", "/v1/members/email:no@example.com", &kind, br#"{"fields": {}}"#).status,
        404
    );
}

#[test]
fn a_retry_is_known_by_what_was_written_whoever_it_leads_to_by_then() {
    let mut api = Api::start();
    for (id, who) in [("o1", "email:ada@example.com"), ("o2", "email:bo@example.com")] {
        api.event(&order(id, who, "10"));
    }
    let give = json!({"wallet": "points", "amount": "5", "reason": "goodwill"});
    let path = "/v1/members/email:bo@example.com/adjustments";
    assert_eq!(api.post_once(path, "a1", &give).json()["duplicate"], false);
    let merge = json!({"absorb": "email:bo@example.com"});
    let merged = api.post_once("/v1/members/email:ada@example.com/merge", "m1", &merge);
    assert_eq!(merged.status, 200, "{}", merged.body);
    // The name leads to the one who absorbed him now.
    let again = api.post_once("/v1/members/email:ada@example.com/merge", "m1", &merge);
    assert_eq!((again.status, again.json()), (200, merged.json()), "{}", again.body);
    let again = api.post_once(path, "a1", &give);
    assert_eq!((again.status, again.json()["duplicate"].as_bool()), (200, Some(true)), "{}", again.body);
    let anew = api.post_once("/v1/members/email:ada@example.com/merge", "m2", &merge);
    assert_eq!((anew.status, anew.json()["code"].as_str()), (422, Some("merge_with_oneself")));
}
