//! Webhooks out: signed, in their own time, retried, and never to places where they do not belong.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{Api, launch, launch_outward, order};
use serde_json::{Value, json};
use testkit::receiver::{Received, Receiver, Reply};
use wire::headers::Headers;
use wire::signature::{Scheme, Secrets, verify};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"#;

fn api() -> Api {
    Api::of(launch_outward(PROGRAM))
}

fn endpoint(api: &mut Api, settings: Value) -> Value {
    let made = api.post("/v1/endpoints", &settings);
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()
}

fn pay(api: &mut Api, from: usize, count: usize) {
    let batch: Vec<Value> =
        (from..from + count).map(|n| order(&format!("o{n}"), &format!("pos:c{}", n % 10), "1.00")).collect();
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    for part in batch.chunks(500) {
        let sent = api.call("POST", "/v1/events", &kind, json!(part).to_string().as_bytes());
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
}

/// Every change as the feed tells it.
fn feed(api: &mut Api) -> Vec<Value> {
    let (mut all, mut at) = (Vec::new(), "start".to_owned());
    loop {
        let page = api.get(&format!("/v1/feed?limit=1000&after={at}")).json();
        let changes = page["changes"].as_array().cloned().unwrap_or_default();
        if changes.is_empty() {
            return all;
        }
        all.extend(changes);
        at = page["next"].as_str().unwrap_or_default().to_owned();
    }
}

fn cursors<'a>(all: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    all.into_iter().filter_map(|change| change["cursor"].as_str().map(str::to_owned)).collect()
}

fn taken(received: &[Received]) -> BTreeSet<String> {
    let bodies: Vec<Value> = received.iter().map(Received::json).collect();
    cursors(&bodies)
}

fn is_signed(received: &Received, secrets: &[&str]) -> bool {
    let headers =
        Headers::new(received.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let secrets = Secrets::new(&Scheme::StandardWebhooks, secrets).unwrap();
    verify(
        &Scheme::StandardWebhooks,
        &headers,
        received.body.clone().into(),
        &secrets,
        jiff::Timestamp::now(),
    )
    .is_ok()
}

#[test]
fn a_change_arrives_signed_as_the_feed_tells_it() {
    let (mut api, hook) = (api(), Receiver::start(|_, _| Reply::ok()));
    let settings = json!({"url": hook.url(), "types": ["points.*"], "description": "mail"});
    let made = endpoint(&mut api, settings.clone());
    let twice = api.post("/v1/endpoints", &settings);
    assert_eq!((twice.status, twice.json()["code"].as_str()), (409, Some("endpoint_exists")));
    let (id, secret) = (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned());
    api.event(&order("o1", "email:ada@example.com", "50.00"));
    let got = hook.wait_for(1);
    let told = feed(&mut api);
    assert_eq!(got[0].json(), told[1], "word for word, and not that she came");
    assert_eq!(got[0].header("webhook-id"), format!("msg_{}", told[1]["cursor"].as_str().unwrap()));
    assert_eq!(got[0].header("content-type"), "application/json");
    assert!(is_signed(&got[0], &[&secret]) && !is_signed(&got[0], &["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODk="]));
    // The secret is shown once; a new one signs beside it.
    assert!(api.get(&format!("/v1/endpoints/{id}")).json()["secret"].is_null());
    let rotated = api.post(&format!("/v1/endpoints/{id}/secret"), &json!({"overlap_hours": 1})).json();
    let new = rotated["secret"].as_str().unwrap().to_owned();
    assert!(new != secret && rotated["secrets"] == 2);
    let tested = api.post(&format!("/v1/endpoints/{id}/test"), &json!({})).json();
    assert_eq!(tested, json!({"taken": true, "status": 200, "said": ""}));
    let test = hook.wait_for(2).remove(1);
    assert!(
        is_signed(&test, &[&secret]) && is_signed(&test, &[&new]) && test.json()["type"] == "endpoint.tested"
    );
    // Leaked: it signs no more.
    let last = api.post(&format!("/v1/endpoints/{id}/secret"), &json!({"overlap_hours": 0})).json();
    api.post(&format!("/v1/endpoints/{id}/test"), &json!({}));
    let test = hook.wait_for(3).remove(2);
    assert!(is_signed(&test, &[last["secret"].as_str().unwrap()]) && !is_signed(&test, &[&new]));
}

#[test]
fn bad_neighbours_delay_nobody_and_lose_nothing() {
    let mut api = api();
    let good = Receiver::start(|_, _| Reply::ok());
    let busy = Receiver::start(|_, before| match before % 5 {
        0 => Reply::ok(),
        _ => Reply::Answer(429, "Retry-After: 0\r\n", "slow down".into()),
    });
    let dead = Receiver::start(|_, _| Reply::Silence);
    let huge = Receiver::start(|_, _| Reply::Endless);
    for (hook, kind) in [
        (&good, "points.earned"),
        (&busy, "member.enrolled"),
        (&dead, "points.earned"),
        (&huge, "points.earned"),
    ] {
        endpoint(&mut api, json!({"url": hook.url(), "per_second": 10_000, "types": [kind]}));
    }
    let began = Instant::now();
    pay(&mut api, 0, 200);
    let told = feed(&mut api);
    let of = |kind: &str| cursors(told.iter().filter(|change| change["type"] == kind));
    let (all, came) = (of("points.earned"), of("member.enrolled"));
    assert_eq!((all.len(), came.len()), (200, 10));
    let got = good.wait_until("all 200", |got| taken(got) == all);
    assert_eq!(got.len(), 200, "each once");
    let last = got.iter().map(|one| one.at.duration_since(began)).max().unwrap_or_default();
    assert!(last < Duration::from_secs(10), "{last:?}");
    let by_turns = |got: &[Received]| -> Vec<Received> { got.iter().step_by(5).cloned().collect() };
    busy.wait_until("all 10 where it answered 200", |got| taken(&by_turns(got)) == came);
    huge.wait_until("all 200", |got| taken(got) == all);
    assert!(!dead.received().is_empty() && dead.received().len() < 20, "it is left alone");
}

#[test]
fn what_was_not_taken_comes_again_and_a_dead_letter_when_it_is_asked_for() {
    let mut api = api();
    let hook = Receiver::start(|_, before| match before {
        0 => Reply::Answer(500, "", "out of order".into()),
        _ => Reply::ok(),
    });
    let id = endpoint(&mut api, json!({"url": hook.url()}))["id"].as_str().unwrap().to_owned();
    api.event(&order("o1", "email:ada@example.com", "5.00"));
    let both = hook.wait_until("both", |got| taken(got).len() == 2 && got.len() == 2);
    let failed = both[0].json()["cursor"].as_str().unwrap_or_default().to_owned();
    let waiting = format!("/v1/deliveries?endpoint={id}&state=waiting");
    let list = loop {
        let list = api.get(&waiting).json();
        if list["deliveries"] != json!([]) {
            break list;
        }
    };
    let one = &list["deliveries"][0];
    assert_eq!((one["change"].as_str(), &one["attempts"]), (Some(&*failed), &json!(1)));
    let attempts = api.get(&format!("/v1/endpoints/{id}/attempts")).json();
    let shown = attempts["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .any(|attempt| attempt["said"] == "out of order" && attempt["status"] == 500);
    assert!(shown, "{attempts}");
    // It comes by itself after five seconds.
    let again = hook.wait_for(3);
    assert_eq!(again[2].header("webhook-id"), both[0].header("webhook-id"), "the same id");
    let wait = again[2].at - both[0].at;
    assert!((Duration::from_millis(4_900)..Duration::from_secs(15)).contains(&wait), "{wait:?}");
    // From a cursor, everything once more.
    let ahead = api.post(&format!("/v1/endpoints/{id}/retry"), &json!({"after": "end"}));
    let told_all = |api: &mut Api| {
        let page = api.get("/v1/feed?after=end").json();
        api.get(&format!("/v1/endpoints/{id}")).json()["cursor"] == page["next"]
    };
    assert!(ahead.status == 422 || told_all(&mut api), "nothing is left out: {}", ahead.body);
    let rewound = api.post(&format!("/v1/endpoints/{id}/retry"), &json!({"after": "start"}));
    assert_eq!(rewound.status, 202, "{}", rewound.body);
    hook.wait_for(5);
    let retried = api.post(&format!("/v1/endpoints/{id}/retry"), &json!({}));
    assert_eq!(retried.json()["retried"], 0);
}

#[test]
fn one_that_is_asked_for_again_leaves_those_on_their_way_alone() {
    let mut api = api();
    let of = |got: &Received, order: &str| got.json().to_string().contains(&format!("\"{order}\""));
    let hook = Receiver::start(move |got, before| match before {
        0 => Reply::Answer(500, "", String::new()),
        _ if of(got, "o3") => Reply::Silence,
        _ => Reply::ok(),
    });
    let made = endpoint(&mut api, json!({"url": hook.url(), "types": ["points.earned"]}));
    let id = made["id"].as_str().unwrap().to_owned();
    for (n, order_id) in ["o1", "o2", "o3"].into_iter().enumerate() {
        api.event(&order(order_id, "email:ada@example.com", "5.00"));
        hook.wait_for(n + 1);
    }
    let waits = format!("/v1/deliveries?endpoint={id}&state=waiting");
    let waits = api.until(&waits, |list| list["deliveries"][0]["attempts"] == 1);
    let one = waits["deliveries"][0]["id"].as_str().unwrap();
    let asked = Instant::now();
    let retried = api.post(&format!("/v1/deliveries/{one}/retry"), &json!({}));
    assert_eq!(retried.status, 202, "{}", retried.body);
    let got = hook.wait_for(4);
    assert!(of(&got[3], "o1") && got[3].at - asked < Duration::from_millis(1_500), "{:?}", got[3].at - asked);
    assert_eq!(got.iter().filter(|one| of(one, "o3")).count(), 1, "it is on its way still");
}

#[test]
fn an_endpoint_that_is_gone_is_switched_off_and_goes_on_when_switched_on() {
    let mut api = api();
    let hook = Receiver::start(
        |_, before| if before == 0 { Reply::Answer(410, "", String::new()) } else { Reply::ok() },
    );
    let made = endpoint(&mut api, json!({"url": hook.url(), "types": ["points.*"]}));
    let path = format!("/v1/endpoints/{}", made["id"].as_str().unwrap());
    api.event(&order("o1", "email:ada@example.com", "5.00"));
    hook.wait_for(1);
    while api.get(&path).json()["state"] != "gone" {
        std::thread::yield_now();
    }
    api.event(&order("o2", "email:ada@example.com", "6.00"));
    let changed = api.call(
        "PATCH",
        &path,
        &[("Content-Type", "application/json")],
        br#"{"off": false, "in_order": true}"#,
    );
    assert_eq!((changed.status, &changed.json()["state"]), (200, &json!("on")), "{}", changed.body);
    hook.wait_until("both", |got| taken(&got[1..]).len() == 2);
    let gone = api.call("DELETE", &path, &[], b"");
    assert_eq!((gone.status, api.get(&path).status), (200, 404));
}

#[test]
fn an_ordered_endpoint_sees_each_members_changes_in_order() {
    let mut api = api();
    // Every seventh is refused once.
    let hook = Receiver::start(|_, before| match before % 7 {
        3 => Reply::Answer(503, "Retry-After: 0\r\n", String::new()),
        _ => Reply::ok(),
    });
    endpoint(&mut api, json!({"url": hook.url(), "in_order": true, "at_once": 16, "per_second": 10_000}));
    pay(&mut api, 0, 100);
    let all = cursors(&feed(&mut api));
    let good = |got: &[Received]| -> Vec<Value> {
        got.iter().enumerate().filter(|(n, _)| n % 7 != 3).map(|(_, one)| one.json()).collect()
    };
    let got = good(&hook.wait_until("all", |got| cursors(&good(got)) == all));
    let mut seen = std::collections::HashMap::new();
    for change in got {
        let (member, seq) = (change["member"].to_string(), change["member_seq"].as_u64().unwrap());
        let last = seen.insert(member, seq).unwrap_or(0);
        assert!(seq == last + 1, "{seq} after {last}");
    }
}

#[test]
fn a_member_who_was_behind_is_caught_up_with_quickly() {
    let mut api = api();
    let hook = Receiver::start(|_, before| match before {
        0 => Reply::Answer(429, "Retry-After: 1\r\n", String::new()),
        _ => Reply::ok(),
    });
    endpoint(
        &mut api,
        json!({"url": hook.url(), "in_order": true, "per_second": 10_000, "types": ["points.*"]}),
    );
    let batch: Vec<Value> = (0..400).map(|n| order(&format!("o{n}"), "pos:c1", "1.00")).collect();
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    assert_eq!(api.call("POST", "/v1/events", &kind, json!(batch).to_string().as_bytes()).status, 200);
    let got = hook.wait_for(401);
    let seqs: Vec<u64> = got[1..].iter().filter_map(|one| one.json()["member_seq"].as_u64()).collect();
    assert!(seqs.is_sorted() && seqs.len() == 400, "{seqs:?}");
    // One write to the store for each would take longer.
    let took = got[400].at.duration_since(got[1].at);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_restart_loses_nothing() {
    let mut api = api();
    let hook = Receiver::start(|_, _| Reply::ok());
    endpoint(&mut api, json!({"url": hook.url(), "per_second": 400}));
    for round in 0..3 {
        pay(&mut api, round * 100, 100);
        api.restart(|_| {});
    }
    let all = cursors(&feed(&mut api));
    assert_eq!(all.len(), 310);
    hook.wait_until("all", |got| taken(got) == all);
}

#[test]
fn what_is_no_public_address_is_not_connected_to() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let hook = Receiver::start(|_, _| Reply::ok());
    let port = hook.address.rsplit(':').next().unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
    ] {
        let made = endpoint(&mut api, json!({"url": format!("http://{host}:{port}/hook")}));
        let id = made["id"].as_str().unwrap();
        let tested = api.post(&format!("/v1/endpoints/{id}/test"), &json!({})).json();
        assert_eq!((&tested["taken"], &tested["status"]), (&json!(false), &Value::Null), "{host}: {tested}");
    }
    assert!(hook.received().is_empty());
    for (settings, pointer) in [
        (json!({"url": "ftp://example.com/"}), "/url"),
        (json!({"url": "https://user:password@example.com/"}), "/url"),
        (json!({"url": "https:///x"}), "/url"),
        (json!({"url": "https://example.com/", "types": ["Points"]}), "/types"),
        (json!({"url": "https://example.com/", "types": ["points.*, tier.changed"]}), "/types"),
        (json!({"url": "https://example.com/", "at_once": 65}), "/at_once"),
        (json!({"url": "https://example.com/", "per_second": 0}), "/per_second"),
        (json!({"url": "https://example.com/", "colour": "red"}), "/colour"),
        (json!({"types": []}), "/url"),
    ] {
        let answer = api.post("/v1/endpoints", &settings);
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["pointer"].as_str()),
            (422, Some(pointer)),
            "{}",
            answer.body
        );
    }
}
