//! Many clients at the same instant against the real server: whoever comes first, the sums are exact. That what lies on
//! the disk adds up, and comes out the same when it is decided again, is proved at the end of each test (`common`).
//! Stock, codes and budgets under a crowd are in `crowds`.

mod common;

use std::collections::BTreeSet;

use common::order;
use common::race::*;
use serde_json::{Value, json};
use testkit::http::Response;

#[test]
fn one_key_is_one_redemption_and_one_balance_is_spent_once() {
    let mut api = api();
    for round in 0..size(20, 200) {
        let who = format!("email:m{round}@example.com");
        api.event(&order(&format!("a{round}"), &who, "100"));
        let answers = at_once(&api, 30, |client, _| {
            post(client, "/v1/redemptions", &format!("same-{round}"), &redeem("all", &who))
        });
        let told: BTreeSet<&str> = answers.iter().map(|answer| answer.body.as_str()).collect();
        assert_eq!((told.len(), count(&answers, 201), count(&answers, 200)), (1, 1, 29), "{told:?}");
        assert_eq!(wallet(&mut api, &who, "points"), (0, 0));
        api.event(&order(&format!("b{round}"), &who, "199"));
        let answers = at_once(&api, 30, |client, n| {
            post(client, "/v1/redemptions", &format!("{round}-{n}"), &redeem("all", &who))
        });
        assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 29));
        let refused = answers.iter().find(|answer| answer.status == 409).map(Response::json);
        assert_eq!(refused.map(|told| told["code"].clone()), Some(json!("points_insufficient")));
        assert_eq!(wallet(&mut api, &who, "points"), (99, 0));
    }
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
fn an_erasure_meets_orders() {
    let mut api = api();
    for round in 0..size(10, 200) {
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
fn what_a_member_has_is_given_away_once() {
    let mut api = api();
    for round in 0..size(20, 200) {
        let (ada, bob) = (format!("email:a{round}@example.com"), format!("email:b{round}@example.com"));
        api.event(&order(&format!("a{round}"), &ada, "100"));
        api.event(&order(&format!("b{round}"), &bob, "1"));
        let path = format!("/v1/members/{ada}/transfers");
        let gift = json!({"to": bob, "wallet": "points", "amount": 100});
        let answers = at_once(&api, 20, |client, n| post(client, &path, &format!("{round}-{n}"), &gift));
        assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 19));
        assert_eq!((wallet(&mut api, &ada, "points"), wallet(&mut api, &bob, "points")), ((0, 0), (101, 0)));
    }
    api.event(&order("ada", ADA, "50"));
    api.event(&order("bob", BOB, "51"));
    let path = format!("/v1/members/{ADA}/transfers");
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
    for round in 0..size(20, 200) {
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
    for round in 0..size(20, 200) {
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
    for round in 0..size(10, 200) {
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
    for round in 0..size(20, 200) {
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
    let versions_to = size(8, 200) as u64;
    let texts: Vec<String> = (2..=versions_to)
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
    for round in 0..size(20, 200) {
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

#[test]
fn a_household_takes_in_as_many_as_it_holds() {
    let mut api = api();
    for round in 0..size(10, 100) {
        let who = |n: usize| format!("email:h{round}-{n}@example.com");
        (0..10).for_each(|n| drop(api.event(&order(&format!("h{round}-{n}"), &who(n), "1"))));
        // Nine ask the tenth at once; four of a household of five find a place.
        let answers = at_once(&api, 9, |client, n| {
            post(
                client,
                &format!("/v1/members/{}/household", who(n)),
                &format!("{round}-{n}"),
                &json!({"with": who(9)}),
            )
        });
        assert_eq!((count(&answers, 200), count(&answers, 409)), (4, 5));
        let home = api.get(&format!("/v1/members/{}", who(9))).json()["household"]["id"].clone();
        let home = api.get(&format!("/v1/members/{}", home.as_str().unwrap_or_default())).json();
        assert_eq!(home["residents"].as_array().map(Vec::len), Some(5), "{home}");
        // All leave at once: nothing is left of it, and nothing of the points is lost.
        let left = at_once(&api, 10, |client, n| {
            let path = format!("/v1/members/{}/household", who(n));
            client.request("DELETE", &path, &[], b"").map_or(0, |answer| answer.status)
        });
        assert_eq!(left.iter().filter(|status| **status == 200).count(), 5, "{left:?}");
        let sum: i64 = (0..10).map(|n| wallet(&mut api, &who(n), "family").0).sum();
        assert_eq!(sum, 10);
    }
}

#[test]
fn one_who_is_brought_by_many_is_brought_once() {
    let mut api = api();
    for round in 0..size(10, 100) {
        let who = |n: usize| format!("email:r{round}-{n}@example.com");
        (0..10).for_each(|n| drop(api.event(&order(&format!("r{round}-{n}"), &who(n), "1"))));
        let newcomer = format!("email:n{round}@example.com");
        let answers = at_once(&api, 10, |client, n| {
            let claim = json!({"specversion": "1.0", "source": "shop", "id": format!("c{round}-{n}"),
                "type": "referral.claimed", "subject": newcomer, "time": "2026-11-20T11:00:00Z",
                "data": {"by": who(n)}});
            send(client, &claim).json()
        });
        let applied = answers.iter().filter(|told| told["status"] == "applied").count();
        assert_eq!(applied, 1, "{answers:?}");
        let brought: i64 = (0..10)
            .filter_map(|n| {
                api.get(&format!("/v1/members/{}", who(n))).json()["referral"]["brought"].as_i64()
            })
            .sum();
        assert_eq!(brought, 1);
    }
}
