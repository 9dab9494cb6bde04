//! Many clients at the same instant against the real server: whoever comes first, the sums are exact. That what lies on
//! the disk adds up, and comes out the same when it is decided again, is proved at the end of each test (`common`).

mod common;

use std::collections::BTreeSet;
use std::sync::Barrier;

use common::{Api, launch, order};
use serde_json::{Value, json};
use testkit::http::{Client, Response};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin", sandbox = true }
wallets.points = { transfer = true }
wallets.short = { expires = "10 days" }
counters.orders = { on = "order.paid" }
events."bonus.asked" = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.bonus = { on = "bonus.asked", earn.points = 333, limit = { points = 100_000, across = "members", partial = false } }
rules.short = { on = "order.paid", when = 'order.channel == "short"', earn.short = 100 }
rewards.all = { cost.points = 100, gives.product = "all" }
rewards.few = { gives.code.pattern = "FEW-############", stock = 10 }
rewards.film = { gives.code.pool = "film" }
rewards.brief = { cost.short = 100, gives.product = "brief" }
"#;

const ADA: &str = "email:ada@example.com";
const BOB: &str = "email:bob@example.com";

fn api() -> Api {
    Api::of(launch().with_program(PROGRAM))
}

/// All of them wait for each other before each begins.
fn at_once<T: Send>(api: &Api, count: usize, ask: impl Fn(&mut Client, usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let (barrier, ask, server) = (&barrier, &ask, &api.server);
        let one = |n| {
            scope.spawn(move || {
                let mut client = server.client();
                client.get("/livez").unwrap_or_else(|e| panic!("{e}"));
                barrier.wait();
                ask(&mut client, n)
            })
        };
        let all: Vec<_> = (0..count).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| panic!("a client fell"))).collect()
    })
}

fn post(client: &mut Client, path: &str, key: &str, body: &Value) -> Response {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.request("POST", path, &headers, body.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn send(client: &mut Client, event: &Value) -> Response {
    let answer = client.post("/v1/events", "application/cloudevents+json", event.to_string().as_bytes());
    answer.unwrap_or_else(|e| panic!("{e}"))
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn wallet(api: &mut Api, who: &str, id: &str) -> (i64, i64) {
    let wallet = &api.get(&format!("/v1/members/{who}")).json()["wallets"][id];
    let number = |key: &str| wallet[key].as_i64().unwrap_or_else(|| panic!("{wallet}"));
    (number("available"), number("debt"))
}

fn refund(id: &str, order: &str) -> Value {
    json!({"specversion": "1.0", "source": "shop", "id": id, "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": id, "order": order}})
}

fn redeem(reward: &str, who: &str) -> Value {
    json!({"member": who, "reward": reward, "confirm": true})
}

#[test]
fn one_key_is_one_redemption_and_one_balance_is_spent_once() {
    let mut api = api();
    api.event(&order("o1", ADA, "100"));
    let answers = at_once(&api, 30, |client, _| post(client, "/v1/redemptions", "same", &redeem("all", ADA)));
    let ids: BTreeSet<String> = answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
    assert_eq!((ids.len(), count(&answers, 201), count(&answers, 200)), (1, 1, 29), "{ids:?}");
    assert_eq!(wallet(&mut api, ADA, "points"), (0, 0));
    api.event(&order("o2", ADA, "199"));
    let answers =
        at_once(&api, 30, |client, n| post(client, "/v1/redemptions", &n.to_string(), &redeem("all", ADA)));
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 29));
    let refused = answers.iter().find(|answer| answer.status == 409).map(Response::json);
    assert_eq!(refused.map(|told| told["code"].clone()), Some(json!("points_insufficient")));
    assert_eq!(wallet(&mut api, ADA, "points"), (99, 0));
}

#[test]
fn a_key_that_says_two_things_at_once_does_one_of_them() {
    let mut api = api();
    api.event(&order("o1", ADA, "100"));
    let path = format!("/v1/members/{ADA}/adjustments");
    let answers = at_once(&api, 20, |client, n| {
        post(client, &path, "same", &json!({"wallet": "points", "amount": n % 2 + 1, "reason": "test"}))
    });
    assert_eq!((count(&answers, 200), count(&answers, 422)), (10, 10));
    let first = answers.iter().find(|answer| answer.status == 200).map(Response::json).unwrap_or_default();
    assert!(first["status"] == "applied", "{first}");
    assert!([101, 102].contains(&wallet(&mut api, ADA, "points").0));
}

#[test]
fn the_last_pieces_go_to_ten_of_three_hundred() {
    let mut api = api();
    (0..30).for_each(|n| drop(api.event(&order(&format!("o{n}"), &format!("email:m{n}@example.com"), "1"))));
    let answers = at_once(&api, 30, |client, n| -> Vec<Response> {
        let ask = redeem("few", &format!("email:m{n}@example.com"));
        (0..10).map(|i| post(client, "/v1/redemptions", &format!("{n}-{i}"), &ask)).collect()
    });
    let answers: Vec<Response> = answers.into_iter().flatten().collect();
    assert_eq!((count(&answers, 201), count(&answers, 409)), (10, 290));
    let given: Vec<Value> =
        answers.iter().filter(|answer| answer.status == 201).map(Response::json).collect();
    let codes: BTreeSet<String> = given.iter().map(|one| one["codes"][0].to_string()).collect();
    assert_eq!(codes.len(), 10, "{codes:?}");
    // One comes back: of thirty who want it one gets it.
    let back = format!("/v1/redemptions/{}/return", given[0]["id"].as_str().unwrap_or_default());
    assert_eq!(api.post(&back, &json!({})).status, 200);
    let answers = at_once(&api, 30, |client, n| {
        post(client, "/v1/redemptions", &format!("again-{n}"), &redeem("few", "email:m1@example.com"))
    });
    let more = count(&answers, 201);
    assert!(more <= 1, "{more} got what came back once");
}

#[test]
fn fifty_codes_go_to_two_hundred_who_ask() {
    let mut api = api();
    (0..20).for_each(|n| drop(api.event(&order(&format!("o{n}"), &format!("email:m{n}@example.com"), "1"))));
    // The same fifty are brought by ten at once: each is there once.
    let codes: Vec<String> = (0..50).map(|n| format!("FILM-{n:04}")).collect();
    let brought = at_once(&api, 10, |client, n| {
        post(client, "/v1/rewards/film/codes", &format!("b{n}"), &json!({"codes": codes})).json()
    });
    assert_eq!(brought.iter().filter_map(|told| told["added"].as_u64()).sum::<u64>(), 50, "{brought:?}");
    let answers = at_once(&api, 20, |client, n| -> Vec<Response> {
        let ask = redeem("film", &format!("email:m{n}@example.com"));
        (0..10).map(|i| post(client, "/v1/redemptions", &format!("{n}-{i}"), &ask)).collect()
    });
    let answers: Vec<Response> = answers.into_iter().flatten().collect();
    assert_eq!((count(&answers, 201), count(&answers, 409)), (50, 150));
    let given: BTreeSet<String> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .filter_map(|answer| answer.json()["codes"][0].as_str().map(str::to_owned))
        .collect();
    assert_eq!(given.len(), 50, "each code is given once");
}

#[test]
fn an_erasure_meets_orders() {
    let mut api = api();
    for round in 0..5 {
        let who = format!("email:m{round}@example.com");
        api.event(&order(&format!("o{round}"), &who, "1"));
        let id = api.get(&format!("/v1/members/{who}")).json()["id"].as_str().unwrap_or_default().to_owned();
        let answers = at_once(&api, 5, |client, n| {
            if n == 0 {
                let gone = client.request("DELETE", &format!("/v1/members/{id}"), &[], b"");
                return vec![gone.unwrap_or_else(|e| panic!("{e}"))];
            }
            (0..5).map(|i| send(client, &order(&format!("{round}-{n}-{i}"), &who, "1"))).collect()
        });
        assert_eq!(answers[0][0].status, 200, "{}", answers[0][0].body);
        let orders: Vec<Value> = answers.iter().skip(1).flatten().map(Response::json).collect();
        assert!(orders.iter().all(|told| told["status"] == "applied"), "{orders:?}");
        // What came before is his who is gone, what came after is a newcomer's.
        let gone = wallet(&mut api, &id, "points").0;
        let of_gone = orders.iter().filter(|told| told["member"] == id.as_str()).count() as i64;
        assert_eq!(gone, 1 + of_gone, "round {round}");
        if of_gone < 20 {
            assert_eq!(wallet(&mut api, &who, "points"), (20 - of_gone, 0), "round {round}");
        }
    }
}

#[test]
fn a_budget_of_many_is_never_passed() {
    let mut api = api();
    let event = |n: usize| {
        json!({"specversion": "1.0", "source": "test", "id": format!("b{n}"), "type": "bonus.asked",
            "subject": format!("email:m{}@example.com", n % 7), "time": "2026-11-20T10:00:00Z", "data": {}})
    };
    at_once(&api, 8, |client, sender| {
        for part in 0..5 {
            let from = sender * 50 + part * 10;
            let lines: String = (from..from + 10).map(|n| format!("{}\n", event(n))).collect();
            let answer = client.post("/v1/events", "application/x-ndjson", lines.as_bytes());
            assert_eq!(answer.unwrap_or_else(|e| panic!("{e}")).status, 200);
        }
    });
    // 400 asked; 300 times 333 is 99,900, and once more would pass 100,000.
    let sum: i64 = (0..7).map(|n| wallet(&mut api, &format!("email:m{n}@example.com"), "points").0).sum();
    assert_eq!(sum, 300 * 333);
}

#[test]
fn what_a_member_has_is_given_away_once() {
    let mut api = api();
    api.event(&order("o1", ADA, "100"));
    api.event(&order("o2", BOB, "1"));
    let path = format!("/v1/members/{ADA}/transfers");
    let gift = json!({"to": BOB, "wallet": "points", "amount": 100});
    let answers = at_once(&api, 20, |client, n| post(client, &path, &n.to_string(), &gift));
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 19));
    assert_eq!((wallet(&mut api, ADA, "points"), wallet(&mut api, BOB, "points")), ((0, 0), (101, 0)));
    // To and fro at once: nothing is made and nothing lost.
    let back = format!("/v1/members/{BOB}/transfers");
    at_once(&api, 20, |client, n| {
        let (path, to) = if n % 2 == 0 { (&path, BOB) } else { (&back, ADA) };
        post(client, path, &format!("x{n}"), &json!({"to": to, "wallet": "points", "amount": 10}))
    });
    assert_eq!(wallet(&mut api, ADA, "points").0 + wallet(&mut api, BOB, "points").0, 101);
}

#[test]
fn one_event_sent_by_many_counts_once() {
    let mut api = api();
    let answers = at_once(&api, 30, |client, _| send(client, &order("o1", ADA, "10")));
    let first = answers.iter().filter(|answer| answer.json()["duplicate"] == false).count();
    assert_eq!((count(&answers, 200), first), (30, 1));
    // The same order under thirty names of events.
    let answers = at_once(&api, 30, |client, n| {
        let mut event = order("o2", ADA, "10");
        event["id"] = json!(format!("told-{n}"));
        send(client, &event)
    });
    let applied = answers.iter().filter(|answer| answer.json()["status"] == "applied").count();
    assert_eq!((count(&answers, 200), applied), (30, 1));
    // One name for thirty things: one counts, all others are kept for a person.
    let answers = at_once(&api, 30, |client, n| send(client, &order("o3", BOB, &(n + 1).to_string())));
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 29));
    assert_eq!(api.get("/v1/quarantine").json()["quarantine"].as_array().map(Vec::len), Some(29));
    assert_eq!(wallet(&mut api, ADA, "points"), (20, 0));
}

#[test]
fn a_return_meets_a_redemption() {
    let mut api = api();
    for round in 0..20 {
        let (who, id) = (format!("email:m{round}@example.com"), format!("o{round}"));
        api.event(&order(&id, &who, "100"));
        let answers = at_once(&api, 2, |client, n| match n {
            0 => send(client, &refund(&format!("r{round}"), &id)),
            _ => post(client, "/v1/redemptions", &format!("k{round}"), &redeem("all", &who)),
        });
        assert_eq!(answers[0].json()["status"], "applied", "{}", answers[0].body);
        // Redeemed first, the points are owed; returned first, there is nothing to redeem.
        let owed = if answers[1].status == 201 { 100 } else { 0 };
        assert!(answers[1].status == 201 || answers[1].json()["code"] == "points_insufficient");
        assert_eq!(wallet(&mut api, &who, "points"), (0, owed), "round {round}");
    }
}

#[test]
fn a_reservation_ends_in_one_way() {
    let mut api = api();
    api.event(&order("o1", ADA, "2000"));
    for round in 0..20 {
        let reserved = post(
            &mut api.server.client(),
            "/v1/redemptions",
            &format!("r{round}"),
            &json!({"member": ADA, "reward": "all"}),
        );
        let id = reserved.json()["id"].as_str().unwrap_or_default().to_owned();
        let answers = at_once(&api, 6, |client, n| {
            let act = if n % 2 == 0 { "confirm" } else { "cancel" };
            (act, post(client, &format!("/v1/redemptions/{id}/{act}"), &format!("{round}-{n}"), &json!({})))
        });
        let done: BTreeSet<&str> =
            answers.iter().filter(|(_, answer)| answer.status == 200).map(|(act, _)| *act).collect();
        assert_eq!(
            done.len(),
            1,
            "{answers:?}",
            answers = answers.iter().map(|a| a.1.body.clone()).collect::<Vec<_>>()
        );
        if done.contains("confirm") {
            assert_eq!(api.post(&format!("/v1/redemptions/{id}/return"), &json!({})).status, 200);
        }
        assert_eq!(wallet(&mut api, ADA, "points"), (2000, 0), "round {round}");
    }
}

#[test]
fn a_merge_meets_orders_of_both() {
    let mut api = api();
    for round in 0..5 {
        let (ada, bob) = (format!("email:a{round}@example.com"), format!("email:b{round}@example.com"));
        api.event(&order(&format!("a{round}"), &ada, "1"));
        api.event(&order(&format!("b{round}"), &bob, "1"));
        let path = format!("/v1/members/{ada}/merge");
        at_once(&api, 9, |client, n| {
            if n == 0 {
                let merged = post(client, &path, &format!("m{round}"), &json!({"absorb": bob}));
                return assert_eq!(merged.status, 200, "{}", merged.body);
            }
            let who = if n % 2 == 0 { &ada } else { &bob };
            for i in 0..10 {
                let told = send(client, &order(&format!("{round}-{n}-{i}"), who, "1")).json();
                assert_eq!(told["status"], "applied", "{told}");
            }
        });
        assert_eq!(wallet(&mut api, &ada, "points"), (82, 0), "round {round}");
        let (ada, bob) = (api.get(&format!("/v1/members/{ada}")), api.get(&format!("/v1/members/{bob}")));
        assert_eq!(ada.json()["id"], bob.json()["id"]);
    }
}

#[test]
fn two_who_absorb_each_other_are_one() {
    let mut api = api();
    for round in 0..10 {
        let names = [format!("email:a{round}@example.com"), format!("email:b{round}@example.com")];
        for (n, name) in names.iter().enumerate() {
            api.event(&order(&format!("{round}-{n}"), name, "10"));
        }
        let answers = at_once(&api, 2, |client, n| {
            let path = format!("/v1/members/{}/merge", names[n]);
            post(client, &path, &format!("{round}-{n}"), &json!({"absorb": names[1 - n]}))
        });
        assert!(count(&answers, 200) >= 1, "{} {}", answers[0].body, answers[1].body);
        assert_eq!(wallet(&mut api, &names[0], "points"), (20, 0));
        assert_eq!(wallet(&mut api, &names[1], "points"), (20, 0));
    }
}

#[test]
fn each_event_is_judged_by_one_version_while_others_are_published() {
    let mut api = api();
    const VERSIONS: u64 = 8;
    let texts: Vec<String> = (2..=VERSIONS)
        .map(|n| {
            PROGRAM
                .replace("earn.points = 'order.subtotal'", &format!("earn.points = 'order.subtotal * {n}'"))
        })
        .collect();
    let answers = at_once(&api, 5, |client, n| -> Vec<Value> {
        if n == 0 {
            for text in &texts {
                let toml = [("Content-Type", "application/toml")];
                let put = client.request("PUT", "/v1/program", &toml, text.as_bytes());
                assert_eq!(put.map(|answer| answer.status).ok(), Some(201));
            }
            return Vec::new();
        }
        let who = format!("email:m{n}@example.com");
        (0..100).map(|i| send(client, &order(&format!("{n}-{i}"), &who, "1")).json()).collect()
    });
    let mut versions = BTreeSet::new();
    for (n, told) in answers.iter().enumerate().skip(1) {
        let mut sum = 0;
        for one in told {
            let version = one["program_version"].as_u64().unwrap_or_default();
            // The n-th version pays n times.
            assert_eq!(one["effects"][0]["granted"].as_u64(), Some(version), "{one}");
            versions.insert(version);
            sum += version as i64;
        }
        assert_eq!(wallet(&mut api, &format!("email:m{n}@example.com"), "points"), (sum, 0));
    }
    assert!(versions.len() > 1, "events were judged while versions changed: {versions:?}");
}

#[test]
fn points_end_or_are_spent_but_not_both() {
    let mut api = api();
    for round in 0..10 {
        let who = format!("email:m{round}@example.com");
        let mut event = order(&format!("o{round}"), &who, "1");
        event["data"]["channel"] = json!("short");
        event.as_object_mut().map(|event| event.remove("time"));
        api.event(&event);
        let answers = at_once(&api, 2, |client, n| match n {
            0 => post(client, "/v1/clock", "-", &json!({"advance": "12 days"})),
            _ => post(client, "/v1/redemptions", &format!("k{round}"), &redeem("brief", &who)),
        });
        assert_eq!(answers[0].status, 200, "{}", answers[0].body);
        assert!(answers[1].status == 201 || answers[1].json()["code"] == "points_insufficient");
        assert_eq!(wallet(&mut api, &who, "short"), (0, 0));
        let ledger = api.get(&format!("/v1/members/{who}/transfers")).json();
        let kinds: Vec<&str> = ledger["transfers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|transfer| transfer["wallet"] == "short")
            .filter_map(|transfer| transfer["kind"].as_str())
            .collect();
        let end = if answers[1].status == 201 { "spend" } else { "expire" };
        assert_eq!(kinds, [end, "earn"], "{ledger}");
    }
}
