//! Events over HTTP: in by every form, answered after the commit, found again.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const ADA: &str = "email:ada@example.com";

#[test]
fn points_that_wait_are_not_said_to_be_available() {
    let program = "program = { id = \"test\", currency = \"EUR\", timezone = \"UTC\" }\nwallets.later = { pending = \"14 days\" }\nwallets.now = {}\nrules.base = { on = \"order.paid\", earn = { now = 1, later = 2 } }\n";
    let mut api = Api::of(launch().with_program(program));
    let effects = api.event(&order("o1", ADA, "19.99")).json()["effects"].clone();
    let of = |wallet: &str| effects.as_array().into_iter().flatten().find(|e| e["wallet"] == wallet).cloned();
    assert_eq!(of("later").map(|e| e["available_at"].clone()), Some(Value::Null), "{effects}");
    assert_eq!(of("now").map(|e| e["available_at"].is_string()), Some(true), "{effects}");
}

#[test]
fn an_order_earns_once_whatever_is_sent_again() {
    let mut api = Api::start();
    let first = api.event(&order("o1", ADA, "19.99"));
    assert_eq!(first.status, 200, "{}", first.body);
    let outcome = first.json();
    assert_eq!(outcome["status"], "applied");
    assert_eq!(outcome["duplicate"], false);
    assert_eq!(outcome["refusal"], Value::Null);
    assert_eq!(outcome["effects"][0]["granted"], 19);
    assert_eq!(outcome["effects"][0]["available_at"], "2026-11-20T10:00:00Z");
    let again = api.event(&order("o1", ADA, "19.99")).json();
    assert_eq!(again["duplicate"], true);
    assert_eq!(again["effects"], outcome["effects"]);
    let member = api.get("/v1/members/email:ada@example.com").json();
    assert_eq!(member["wallets"]["points"]["available"], 19);
    assert_eq!(member["id"], outcome["member"]);
    // Killed at any moment: what was answered is there.
    let mut launch = api.server.launch.clone();
    launch.env.clear();
    api.server.kill();
    let server = launch.start().unwrap_or_else(|e| panic!("{e}"));
    let member =
        server.client().get("/v1/members/email:ada@example.com").unwrap_or_else(|e| panic!("{e}")).json();
    assert_eq!(member["wallets"]["points"]["available"], 19);
}

#[test]
fn the_same_id_with_other_contents_is_a_conflict_and_is_kept_for_a_person() {
    let mut api = Api::start();
    api.event(&order("o1", ADA, "10"));
    let conflict = api.event(&order("o1", ADA, "99"));
    assert_eq!(conflict.status, 409, "{}", conflict.body);
    assert_eq!(conflict.json()["code"], "event_conflict");
    assert_eq!(conflict.json()["first"]["effects"][0]["granted"], 10);
    let batch = json!([order("o1", ADA, "98"), order("o2", ADA, "5")]);
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    let answers = api.call("POST", "/v1/events", &kind, batch.to_string().as_bytes()).json();
    assert_eq!(answers[0]["refusal"]["code"], "event_conflict");
    assert_eq!(answers[1]["effects"][0]["granted"], 5);
    let kept = api.get("/v1/quarantine").json();
    assert_eq!(kept["quarantine"].as_array().map(Vec::len), Some(2), "{kept}");
    assert_eq!(kept["quarantine"][0]["event_id"], "o1");
}

#[test]
fn batches_and_lines_are_answered_in_order_each_for_itself() {
    let mut api = Api::start();
    let batch = json!([order("b1", ADA, "1"), {"specversion": "1.0", "id": "bad"}, order("b2", ADA, "2"), order("b1", ADA, "1")]);
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    let answers = api.call("POST", "/v1/events", &kind, batch.to_string().as_bytes()).json();
    let statuses: Vec<&str> =
        answers.as_array().into_iter().flatten().filter_map(|a| a["status"].as_str()).collect();
    assert_eq!(statuses, ["applied", "refused", "applied", "applied"], "{answers}");
    assert_eq!(answers[1]["refusal"]["code"], "field_missing");
    assert_eq!(answers[3]["duplicate"], true);
    let lines = format!("{}\n\n{}\n", order("l1", ADA, "4"), order("l2", "pos:card:7", "5"));
    let kind = [("Content-Type", "application/x-ndjson")];
    let answers = api.call("POST", "/v1/events", &kind, lines.as_bytes()).json();
    assert_eq!(answers[1]["effects"][0]["granted"], 5);
    let empty =
        api.call("POST", "/v1/events", &[("Content-Type", "application/cloudevents-batch+json")], b"[]");
    assert_eq!((empty.status, empty.body.as_str()), (200, "[]"));
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_a_batch_has_a_bound() {
    let mut api = Api::start();
    let kind = [("Content-Type", "application/x-ndjson")];
    let lines = format!("{}\n\n{{broken\n{}\n", order("l1", ADA, "4"), order("l2", ADA, "5"));
    let answers = api.call("POST", "/v1/events", &kind, lines.as_bytes()).json();
    let said = answers[1]["refusal"]["message"].as_str().unwrap_or_default();
    assert!(said.starts_with("line 3: "), "{answers}");
    assert_eq!(answers[2]["status"], "applied");
    let none = api.call("POST", "/v1/events", &kind, b"\n{broken\n");
    assert_eq!(none.status, 400, "{}", none.body);
    assert!(
        none.json()["errors"][0]["detail"].as_str().unwrap_or_default().starts_with("line 2: "),
        "{}",
        none.body
    );
    let many = api.call("POST", "/v1/events", &kind, "{}\n".repeat(10_001).as_bytes());
    assert_eq!((many.status, many.json()["code"].as_str()), (413, Some("batch_too_large")), "{}", many.body);
    assert!(many.json()["detail"].as_str().unwrap_or_default().contains("10000"), "{}", many.body);
}

#[test]
fn what_was_taken_back_is_explained_in_words_and_a_mended_event_counts() {
    let mut api = Api::start();
    let mut wrong = order("o1", ADA, "10");
    wrong["data"]["subtotal"] = json!("ten");
    assert_eq!(api.event(&wrong).json()["status"], "refused");
    assert_eq!(api.event(&order("o1", ADA, "10")).json()["status"], "applied");
    assert_eq!(api.get("/v1/events/o1").json()["status"], "applied");
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "r1", "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": "r1", "order": "o1", "amount": "2.50"}});
    assert_eq!(api.event(&refund).json()["status"], "applied");
    let why = api.get("/v1/events/r1/explanation").json();
    let said = "took back 2 points of the 10 points that rule base gave for order o1; 2 points of it are back in all";
    assert_eq!(why["changes"][0]["said"], said, "{why}");
    let (code, out) = api.server.launch.run(&["verify", "--replay"]);
    assert!(code == Some(0) && out.contains("index entries") && out.contains("decided again"), "{out}");
}

#[test]
fn binary_mode_and_respond_async() {
    let mut api = Api::start();
    let headers = [
        ("Content-Type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "r1"),
        ("ce-source", "reviews"),
        ("ce-type", "review.posted"),
        ("ce-subject", ADA),
        ("ce-time", "2026-11-20T10:00:00Z"),
        ("Prefer", "respond-async"),
    ];
    let answer = api.call("POST", "/v1/events", &headers, br#"{"words": 31}"#);
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.header("preference-applied"), Some("respond-async"));
    let location = answer.header("location").unwrap_or_default().to_owned();
    let outcome = api.get(&location).json();
    assert_eq!(outcome["status"], "applied", "{outcome}");
    let short = json!({"specversion": "1.0", "source": "reviews", "id": "r2", "type": "review.posted", "subject": ADA,
        "time": "2026-11-20T10:00:00Z", "data": {"words": 5}});
    api.event(&short);
    let why = api.get("/v1/events/r2/explanation").json();
    assert_eq!(why["rules"][0]["why_not"], "condition", "{why}");
    assert_eq!(why["rules"][0]["conditions"][0]["seen"][0], json!(["review.words", 5]), "{why}");
    // Two decimals, as a number in whole units.
    assert_eq!(outcome["effects"][0]["granted"], json!(0.25));
    assert_eq!(outcome["data"]["words"], 31);
}

#[test]
fn what_cannot_be_taken_is_said_with_a_code_and_a_pointer() {
    let mut api = Api::start();
    let event = |change: &dyn Fn(&mut Value)| {
        let mut event = order("x", ADA, "1");
        change(&mut event);
        event
    };
    let reserved = api.event(&event(&|e| e["type"] = json!("fealty.adjusted")));
    assert_eq!((reserved.status, reserved.json()["errors"][0]["pointer"].as_str()), (422, Some("/type")));
    let own = api.event(&event(&|e| e["source"] = json!("fealty:api")));
    assert_eq!((own.status, own.json()["errors"][0]["code"].as_str()), (422, Some("source_reserved")));
    let wrong = api.event(&event(&|e| e["data"]["subtotal"] = json!([])));
    assert_eq!(wrong.status, 200, "a refusal is recorded");
    assert_eq!(wrong.json()["refusal"]["pointer"], "/data/subtotal", "{}", wrong.body);
    let unknown = api.event(&event(&|e| {
        e["id"] = json!("y");
        e["type"] = json!("moon.landed");
    }));
    assert_eq!(unknown.json()["status"], "ignored");
    assert_eq!(unknown.json()["reason"]["code"], "type_unknown");
    assert_eq!(unknown.json()["refusal"], Value::Null);
    assert_eq!(unknown.json()["hint"], Value::Null);
    for (id, near) in [("y1", "Order.Paid"), ("y2", "order.payed"), ("y3", "orderpaid")] {
        let told = api.event(&event(&|e| (e["id"], e["type"]) = (json!(id), json!(near)))).json();
        assert_eq!(
            (&told["status"], &told["hint"]),
            (&json!("ignored"), &json!("did you mean `order.paid`?"))
        );
    }
    let form = api.call("POST", "/v1/quotes", &[("Content-Type", "application/x-www-form-urlencoded")], b"x");
    let said = "send `Content-Type: application/json`; `application/x-www-form-urlencoded` came";
    assert_eq!((form.status, form.json()["detail"].as_str()), (415, Some(said)));
    assert_eq!(api.call("POST", "/v1/events", &[("Content-Type", "text/plain")], b"x").status, 415);
    assert_eq!(
        api.call("POST", "/v1/events", &[("Content-Type", "application/cloudevents+json")], b"{").status,
        400
    );
    let large = vec![b' '; (1 << 20) + 1];
    let kind = [("Content-Type", "application/cloudevents+json")];
    assert_eq!(api.call("POST", "/v1/events", &kind, &large).status, 413);
    let packed = [("Content-Type", "application/cloudevents+json"), ("Content-Encoding", "gzip")];
    assert_eq!(api.call("POST", "/v1/events", &packed, b"x").status, 415);
    // Any 64 bits are some public id; most are nobody's.
    for id in ["mem_zzzzzzzzzzzzz", "mem_fzzzzzzzzzzzz", "mem_0000000000001", "mem_7123456789abc"] {
        let nobody = api.event(&event(&|e| e["subject"] = json!(id)));
        assert!(
            nobody.status == 422 || nobody.json()["status"] == "refused" || nobody.status == 409,
            "{id} {}",
            nobody.body
        );
    }
    assert_eq!(api.get("/v1/events/none").status, 404);
    assert_eq!(api.get("/v1/nothing").status, 404);
    assert_eq!(api.call("PUT", "/v1/events", &[], b"").status, 405);
}

#[test]
fn lists_page_by_cursor_and_link() {
    let mut api = Api::start();
    for n in 0..5 {
        api.event(&order(&format!("o{n}"), ADA, "1"));
    }
    let mut path = "/v1/events?limit=2&status=applied".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = api.get(&path);
        let json = page.json();
        seen.extend(
            json["events"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|e| e["id"].as_str().unwrap_or_default().to_owned()),
        );
        let Some(next) = json["next"].as_str() else { break };
        let link = page.header("link").unwrap_or_default();
        assert!(link.contains(next) && link.contains("limit=2") && link.contains("rel=\"next\""), "{link}");
        path = link.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
    }
    assert_eq!(seen, ["o4", "o3", "o2", "o1", "o0"]);
    assert_eq!(api.get("/v1/events?cursor=nonsense").json()["code"], "cursor_invalid");
    assert_eq!(api.get("/v1/events?limit=0").status, 400);
    assert_eq!(api.get("/v1/events?colour=red").json()["code"], "query_invalid");
}

#[test]
fn two_sources_with_one_id_are_told_apart() {
    let mut api = Api::start();
    let mut other = order("same", ADA, "2");
    other["source"] = json!("till");
    other["data"]["id"] = json!("another");
    api.event(&order("same", ADA, "1"));
    api.event(&other);
    assert_eq!(api.get("/v1/events/same").json()["code"], "event_ambiguous");
    assert_eq!(api.get("/v1/events/same?source=till").json()["effects"][0]["granted"], 2);
    let why = api.get("/v1/events/same/explanation?source=shop");
    assert_eq!(why.status, 200, "{}", why.body);
    let why = why.json();
    assert_eq!(why["event"]["status"], "applied");
    assert_eq!(why["rules"][0]["rule"], "base", "{why}");
    assert_eq!(
        (why["rules"][0]["applied"].as_bool(), why["rules"][0]["amounts"][0]["granted"].as_u64()),
        (Some(true), Some(1))
    );
}

#[test]
fn a_key_has_a_rate_and_is_told_when_to_come_again() {
    let mut launch = common::launch().with_program(common::PROGRAM);
    launch.args = ["--requests-per-second", "2"].map(str::to_owned).into();
    let mut api = Api::of(launch);
    let answers: Vec<_> = (0..20).map(|_| api.get("/v1/members")).collect();
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"key\";q=2;w=1"));
    let refused = answers.iter().find(|answer| answer.status == 429).expect("20 at once are too many");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["code"], "rate_limited");
    // Events have a budget of their own.
    assert_eq!(api.event(&order("o1", ADA, "1")).status, 200);
}
