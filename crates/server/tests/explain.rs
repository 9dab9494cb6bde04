//! Explanations over HTTP and at the command line: in words, from what was recorded.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { transfer = true }
counters.spend = { on = "order.paid", add = 'order.subtotal' }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.tea = { on = "order.paid", when = 'order.channel == "tea"', earn.points = 5 }
rules.climbed = { on = "tier.changed", earn.points = 7 }
achievements.first = { needs.spend = 100, earn.points = 3 }
rewards.mug = { cost.points = 40, gives.product = "mug" }

[tiers.status]
levels = [{ id = "basic" }, { id = "gold", needs.spend = 100 }]
"#;

fn said(api: &mut Api, id: &str) -> Vec<String> {
    let why = api.get(&format!("/v1/events/{id}/explanation")).json();
    let all = why["changes"].as_array().into_iter().flatten();
    all.map(|change| change["said"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_followed_an_order_was_spent_or_given_away_is_told() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&order("o1", "email:ada@example.com", "120"));
    api.event(&order("o2", "email:bob@example.com", "1"));
    assert_eq!(
        said(&mut api, "o1"),
        [
            "level gold of status in place of basic: what it needs was reached",
            "achievement first was completed: gave 3 points",
            "rule climbed heard what followed (tier.changed): gave 7 points",
        ]
    );
    let ask = json!({"member": "email:ada@example.com", "reward": "mug"});
    let mug = api.post_once("/v1/redemptions", "k", &ask).json();
    let told = said(&mut api, "key:1:k");
    assert!(told[0].starts_with("the reward mug is reserved until 20"), "{told:?}");
    assert_eq!(told[1], "40 points were spent on mug");
    let id = mug["id"].as_str().unwrap_or_default();
    api.post_once(&format!("/v1/redemptions/{id}/cancel"), "c", &json!({}));
    let told = said(&mut api, "key:1:c");
    assert_eq!(
        told,
        ["the reservation of the reward mug was given up", "40 points that were spent on mug came back"]
    );
    let gift = json!({"to": "email:bob@example.com", "wallet": "points", "amount": 30});
    api.post_once("/v1/members/email:ada@example.com/transfers", "g", &gift);
    assert_eq!(said(&mut api, "key:1:g"), ["30 points went to another member"]);
    let ledger = api.get("/v1/members/email:bob@example.com/transfers").json();
    let received = ledger["transfers"][0]["event"]["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(said(&mut api, &received), ["30 points came from another member, with their dates"]);
    let place = json!({"ladder": "status", "level": "basic", "reason": "abuse"});
    api.post_once("/v1/members/email:ada@example.com/tiers", "p", &place);
    assert_eq!(
        said(&mut api, "key:1:p")[0],
        "level basic of status in place of gold: a person set it: abuse"
    );
}

#[test]
fn the_command_line_says_it_in_words() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&order("o1", "email:ada@example.com", "12"));
    let mut other = order("o1", "email:ada@example.com", "12");
    (other["source"], other["data"]["id"]) = (json!("till"), json!("another"));
    api.event(&other);
    let mut dollars = order("o2", "email:ada@example.com", "12");
    dollars["data"]["currency"] = json!("USD");
    api.event(&dollars);
    let mut while_stopped = (None, String::new());
    api.restart(|launch| {
        while_stopped = launch.run(&["explain", "o1", "--source", "shop"]);
        let (code, out) = launch.run(&["explain", "o1"]);
        assert!(code == Some(1) && out.contains("shop, till"), "{code:?} {out}");
        let (code, out) = launch.run(&["explain", "o9"]);
        assert!(code == Some(1) && out.contains("there is no such event"), "{code:?} {out}");
        let (code, out) = launch.run(&["explain", "o2"]);
        assert!(code == Some(0) && out.contains("currency_mismatch"), "{code:?} {out}");
        let (code, out) = launch.run(&["explain", "o1", "--source", "till", "--json"]);
        let told: Value = serde_json::from_str(out.lines().next().unwrap_or_default()).unwrap_or_default();
        assert_eq!((code, &told["rules"][0]["rule"]), (Some(0), &json!("base")), "{out}");
    });
    let (code, out) = while_stopped;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("rule base gave 12 points"), "{out}");
    assert!(out.contains("rule tea did not apply: this was false: `order.channel == \"tea\"`"), "{out}");
    let (code, out) = api.server.launch.run(&["explain", "o1", "--source", "shop"]);
    match api.server.launch.database {
        None => {
            assert!(code == Some(4) && out.contains("do:"), "a served folder is the server's: {code:?} {out}")
        }
        Some(_) => assert_eq!(code, Some(0), "a database has room for both: {out}"),
    }
}

#[test]
fn what_had_been_paid_names_the_event_that_paid() {
    let mut api = Api::of(launch().with_program(&format!("{PROGRAM}{ONCE}")));
    api.event(&order("o1", "email:ada@example.com", "12"));
    api.event(&order("o2", "email:ada@example.com", "12"));
    let rule = |api: &mut Api, id: &str| {
        let why = api.get(&format!("/v1/events/{id}/explanation")).json();
        let rules = why["rules"].as_array().cloned().unwrap_or_default();
        rules.into_iter().find(|rule| rule["rule"] == "welcome").unwrap_or_default()
    };
    assert_eq!(rule(&mut api, "o1")["paid_by"], Value::Null);
    let second = rule(&mut api, "o2");
    assert_eq!(second["why_not"], "already_paid", "{second}");
    assert_eq!(second["paid_by"], json!({"source": "shop", "id": "o1"}));
    let mut out = (None, String::new());
    api.restart(|launch| out = launch.run(&["explain", "o2"]));
    assert!(
        out.1.contains("rule welcome did not apply: it had paid for this before, with event o1 of shop"),
        "{out:?}"
    );
}

const ONCE: &str = r#"
[rules.welcome]
on = "order.paid"
once_per = 'order.currency'
earn.points = 5
"#;
