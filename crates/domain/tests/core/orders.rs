//! Orders over their life: returns in parts and in any order, edits, cancellations, debt, duplicates, waiting, guests.

use crate::world::*;
use domain::event::Event;
use domain::num::Num;
use domain::outcome::{Account, Status, TransferKind};
use proptest::prelude::*;

const BASE: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", each = 'order.items', when = 'item.category != "gift_card"', earn.points = 'item.total' }
rules.double = { on = "order.paid", when = 'order.channel == "app"', earn.points = 'rules.base.points' }
"#;
const ITEMS: &str = r#"{"id":"o1","channel":"app","total":60,"items":[{"id":"a","quantity":2,"total":20},
    {"id":"b","total":30},{"id":"g","category":"gift_card","total":10}]}"#;

#[test]
fn an_item_takes_back_exactly_what_it_gave_and_what_doubled_it_follows() {
    let mut world = World::new(BASE);
    let paid = world.pay(ITEMS);
    assert_eq!(paid.order.as_ref().unwrap().grants[1].shares, [20, 30, 0]);
    assert_eq!(world.points(), (100, 0));
    world.refund(r#"{"order":"o1","items":[{"id":"g"}]}"#);
    assert_eq!(world.points(), (100, 0));
    let back = world.refund(r#"{"order":"o1","items":[{"id":"a","quantity":1}]}"#);
    assert_eq!(world.points(), (80, 0));
    assert_eq!(back.transfers.len(), 2);
    assert!(back.transfers.iter().all(|t| t.kind == TransferKind::Reverse && t.amount == 10));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (0, 0));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (0, 0));
}

#[test]
fn refund_before_order_waits_and_is_applied_when_it_comes() {
    let mut world = World::new(BASE);
    let refund = nobody(event("order.refunded", "r1", r#"{"id":"r1","order":"o1","items":[{"id":"b"}]}"#));
    let waiting = world.send(refund.clone());
    assert_eq!(waiting.decision.status, Status::Waiting);
    assert_eq!(&*waiting.decision.reason.as_ref().unwrap().code, "order_unknown");
    let paid = world.pay(ITEMS);
    assert_eq!(paid.frees, [waiting.pos]);
    assert_eq!(world.points(), (40, 0));
    let last = world.rows().pop().unwrap();
    assert_eq!((last.decision.again, last.decision.status), (Some(waiting.pos), Status::Applied));
    // Asked again, the sender hears what became of it.
    let again = world.send(refund);
    assert!(again.duplicate);
    assert_eq!((again.pos, again.decision.status), (waiting.pos, Status::Applied));
    assert_eq!(world.points(), (40, 0));
}

#[test]
fn an_order_edited_up_and_down_adjusts_by_the_difference() {
    let mut world = World::new(BASE);
    world.pay(ITEMS);
    let edit = |id: &str, json: &str| nobody(event("order.updated", id, json));
    world.send(edit(
        "u1",
        r#"{"id":"o1","channel":"app","total":70,"items":[{"id":"a","quantity":2,"total":20},
        {"id":"b","total":30},{"id":"c","total":20}]}"#,
    ));
    assert_eq!(world.points(), (140, 0));
    world.send(edit(
        "u2",
        r#"{"id":"o1","channel":"web","total":20,"items":[{"id":"a","quantity":2,"total":20}]}"#,
    ));
    assert_eq!(world.points(), (20, 0));
    // What was refunded of an item stays refunded.
    world.refund(r#"{"order":"o1","items":[{"id":"a","quantity":1}]}"#);
    assert_eq!(world.points(), (10, 0));
    world.send(edit("u3", r#"{"id":"o1","total":40,"items":[{"id":"a","quantity":4,"total":40}]}"#));
    assert_eq!(world.points(), (30, 0));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (0, 0));
    world.send(edit("u4", ITEMS));
    assert_eq!(world.points(), (0, 0));
}

#[test]
fn an_edit_is_judged_under_the_version_and_the_state_that_earned() {
    let counted = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", when = 'counters.orders == 0', earn.points = 'order.subtotal' }
"#;
    let mut world = World::new(counted);
    world.pay(r#"{"id":"o1","subtotal":10}"#);
    world.pay(r#"{"id":"o2","subtotal":10}"#);
    world.publish(&counted.replace("'order.subtotal'", "'order.subtotal * 1000'"));
    world.send(nobody(event("order.updated", "u1", r#"{"id":"o1","subtotal":25}"#)));
    assert_eq!(world.points(), (25, 0));
    world.send(nobody(event("order.updated", "u2", r#"{"id":"o2","subtotal":25}"#)));
    assert_eq!(world.points(), (25, 0));
}

#[test]
fn an_edit_keeps_limits_and_counters_right() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.spend = { on = "order.paid", add = 'order.subtotal' }
rules.base = { on = "order.paid", earn.points = 'order.subtotal', limit = { points = 100, per = "week" } }
"#;
    let mut world = World::new(toml);
    world.pay(r#"{"id":"o1","subtotal":60}"#);
    world.pay(r#"{"id":"o2","subtotal":30}"#);
    world.send(nobody(event("order.updated", "u1", r#"{"id":"o1","subtotal":90}"#)));
    assert_eq!(world.points(), (100, 0));
    assert_eq!(world.used("rules.base#0"), 100);
    assert_eq!(world.counter("spend"), Num::int(120).unwrap());
    world.send(nobody(event("order.updated", "u2", r#"{"id":"o1","subtotal":10}"#)));
    assert_eq!((world.points(), world.used("rules.base#0")), ((40, 0), 40));
    assert_eq!(world.counter("spend"), Num::int(40).unwrap());
}

#[test]
fn cancellation_after_a_partial_refund_takes_only_the_rest() {
    let mut world = World::new(BASE);
    world.pay(ITEMS);
    world.refund(r#"{"order":"o1","amount":12}"#);
    assert_eq!(world.points(), (80, 0));
    let cancelled = world.send(nobody(event("order.cancelled", "c1", r#"{"order":"o1"}"#))).decision;
    assert_eq!(world.points(), (0, 0));
    assert_eq!(cancelled.transfers.iter().map(|t| t.amount).sum::<i64>(), 80);
    world.refund(r#"{"order":"o1","amount":60}"#);
    world.send(nobody(event("order.cancelled", "c2", r#"{"order":"o1"}"#)));
    assert_eq!(world.points(), (0, 0));
}

fn spend(world: &mut World, id: &str, amount: i64) {
    let data = format!(r#"{{"wallet":"points","amount":"-{amount}","reason":"spent at the till"}}"#);
    let spent = world.send(api(event("fealty.adjusted", id, &data))).decision;
    assert_eq!(spent.status, Status::Applied, "{:?}", spent.reason);
}

#[test]
fn debt_is_owed_and_later_earnings_pay_it_first() {
    let mut world = World::new(BASE);
    world.pay(ITEMS);
    spend(&mut world, "s1", 90);
    let back = world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (0, 90));
    let effects: Vec<_> = back.effects.iter().map(|e| (e.wanted, e.granted)).collect();
    assert_eq!(effects, [(50, 50), (50, 50)]);
    let next = world.pay(r#"{"id":"o2","items":[{"id":"a","total":100}]}"#);
    assert_eq!(world.points(), (10, 0));
    let moves: Vec<_> = next.transfers.iter().map(|t| (t.kind, t.debit, t.credit, t.amount)).collect();
    assert_eq!(
        moves,
        [
            (TransferKind::Repay, Account::Issued, Account::Debt, 90),
            (TransferKind::Earn, Account::Issued, Account::Available, 10),
        ]
    );
    // The whole grant comes back, though most of it went into the debt.
    world.refund(r#"{"order":"o2"}"#);
    assert_eq!(world.points(), (0, 90));
}

#[test]
fn forgive_takes_what_is_there_and_records_both() {
    let mut world =
        World::new(&BASE.replace("wallets.points = {}", r#"wallets.points = { when_short = "forgive" }"#));
    world.pay(ITEMS);
    spend(&mut world, "s1", 90);
    let back = world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (0, 0));
    let effects: Vec<_> = back.effects.iter().map(|e| (e.wanted, e.granted, e.cut.as_deref())).collect();
    assert_eq!(effects, [(50, 10, Some("forgiven")), (50, 0, Some("forgiven"))]);
    world.pay(r#"{"id":"o2","items":[{"id":"a","total":7}]}"#);
    assert_eq!(world.points(), (7, 0));
}

#[test]
fn negative_goes_below_zero_and_is_filled_first() {
    let mut world =
        World::new(&BASE.replace("wallets.points = {}", r#"wallets.points = { when_short = "negative" }"#));
    world.pay(ITEMS);
    spend(&mut world, "s1", 90);
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (-90, 0));
    world.pay(r#"{"id":"o2","items":[{"id":"a","total":100}]}"#);
    assert_eq!(world.points(), (10, 0));
}

#[test]
fn an_adjustment_needs_a_reason_and_points_that_are_there() {
    let mut world = World::new(BASE);
    world.pay(ITEMS);
    for (id, data, code, said) in [
        ("1", r#"{"wallet":"points","amount":"5"}"#, "reason_required", "reason"),
        (
            "2",
            r#"{"wallet":"points","amount":"-140","reason":"x"}"#,
            "points_insufficient",
            "missing: 40 points",
        ),
        ("3", r#"{"wallet":"point","amount":"5","reason":"x"}"#, "wallet_unknown", "`point`"),
        ("4", r#"{"wallet":"points","amount":"0.5","reason":"x"}"#, "amount_invalid", "a whole number"),
        ("5", r#"{"wallet":"points","reason":"x"}"#, "field_missing", "required"),
    ] {
        let decision = world.send(api(event("fealty.adjusted", id, data))).decision;
        let reason = decision.reason.as_ref().unwrap();
        assert_eq!((decision.status, &*reason.code), (Status::Refused, code));
        assert!(reason.message.contains(said), "{}", reason.message);
    }
    let up = world.send(api(event(
        "fealty.adjusted",
        "6",
        r#"{"wallet":"points","amount":"5","reason":"sorry"}"#,
    )));
    assert_eq!(up.decision.transfers[0].debit, Account::Adjusted);
    assert_eq!(world.points(), (105, 0));
    let outside =
        world.send(event("fealty.adjusted", "7", r#"{"wallet":"points","amount":"5","reason":"me"}"#));
    assert_eq!(&*outside.decision.reason.as_ref().unwrap().code, "type_reserved");
}

#[test]
fn the_same_event_with_another_body_changes_nothing() {
    let mut world = World::new(BASE);
    let first = event("order.paid", "e1", r#"{"id":"o1","items":[{"total":10}]}"#);
    let other = event("order.paid", "e1", r#"{"id":"o1","items":[{"total":90}]}"#);
    let answers = world.send_all(&[first.clone(), first.clone(), other.clone()]);
    assert_eq!(
        answers.iter().map(|a| (a.pos, a.duplicate, a.conflict)).collect::<Vec<_>>(),
        [(1, false, false), (1, true, false), (1, false, true)]
    );
    let late = world.send(other);
    assert!(late.conflict && !late.duplicate);
    assert_eq!(late.decision.effects, answers[0].decision.effects);
    assert_eq!(world.points(), (10, 0));
    assert_eq!(world.rows().len(), 1);
}

#[test]
fn what_the_program_does_not_know_is_kept_and_ignored() {
    let mut world = World::new(BASE);
    let unknown = world.send(event("shelf.moved", "e1", r#"{"any":"thing"}"#)).decision;
    assert_eq!((unknown.status, &*unknown.reason.as_ref().unwrap().code), (Status::Ignored, "type_unknown"));
    let ahead = at("2027-06-01T00:05:01Z", event("order.paid", "e2", r#"{"id":"o1"}"#));
    assert_eq!(&*world.send(ahead).decision.reason.as_ref().unwrap().code, "event_from_future");
    let soon = at("2027-06-01T00:05:00Z", event("order.paid", "e3", r#"{"id":"o1"}"#));
    assert_eq!(world.send(soon).decision.status, Status::Applied);
    let wrong = world.send(event("order.paid", "e4", r#"{"id":"o2","items":[{},{"total":"x"}]}"#)).decision;
    assert_eq!(wrong.reason.as_ref().unwrap().pointer.as_deref(), Some("/data/items/1/total"));
}

#[test]
fn a_wrong_name_in_a_refund_joins_nobody() {
    let mut world = World::new(BASE);
    world.send(event("order.paid", "e1", r#"{"id":"o1","items":[{"id":"a","total":48}]}"#));
    let mut refund = event("order.refunded", "e2", r#"{"id":"r1","order":"o1","items":[{"id":"a"}]}"#);
    let typo = domain::identity::Identity::parse("email:typo@example.com").unwrap();
    refund.subject = Some(domain::event::Subject::Identity(typo));
    let refund = world.send(refund).decision;
    assert_eq!((refund.status, refund.linked.len()), (Status::Applied, 0));
}

#[test]
fn an_older_state_of_an_order_does_not_undo_a_newer_one() {
    let mut world = World::new(BASE);
    let state = |id: &str, when: &str, total: u32| {
        let items = format!(r#"[{{"id":"a","total":{total}}}]"#);
        let data = format!(r#"{{"id":"o1","total":{total},"subtotal":{total},"items":{items}}}"#);
        at(when, event(if id == "e1" { "order.paid" } else { "order.updated" }, id, &data))
    };
    world.send(state("e1", "2027-05-01T07:00:00Z", 48));
    assert_eq!(world.send(state("e2", "2027-05-01T09:00:00Z", 32)).decision.status, Status::Applied);
    let late = world.send(state("e3", "2027-05-01T08:00:00Z", 48)).decision;
    let code = late.reason.as_ref().map(|reason| &*reason.code);
    assert_eq!((late.status, code, late.transfers.len()), (Status::Ignored, Some("order_update_stale"), 0));
    let newer = world.send(state("e4", "2027-05-01T10:00:00Z", 40)).decision;
    assert_eq!((newer.status, newer.transfers.len()), (Status::Applied, 1));
}

#[test]
fn now_never_goes_back() {
    let mut world = World::new(BASE);
    let event_time = "2027-06-01T00:04:00Z";
    world.send(at(event_time, event("order.paid", "e1", r#"{"id":"o1"}"#)));
    let mut snapshot = domain::snapshot::Snapshot { now: world.now, ..Default::default() };
    let earlier = time("2027-05-01T00:00:00Z");
    let nothing =
        domain::batch::process::<()>(&world.plans, &mut snapshot, &[], &[], earlier, &mut |_, _| Ok(()));
    assert!(nothing.is_ok());
    assert_eq!(snapshot.now, world.now);
}

#[test]
fn a_fetch_that_tells_an_older_time_does_not_turn_the_clock_back() {
    let world = World::new(BASE);
    let mut snapshot = domain::snapshot::Snapshot::default();
    let inputs = [domain::event::Input {
        event: event("order.paid", "e1", r#"{"id":"o1"}"#).into(),
        body_hash: [0; 32],
        origin: "test".into(),
    }];
    let mut fetch =
        |snapshot: &mut domain::snapshot::Snapshot, wants: &[domain::snapshot::Want]| -> Result<(), ()> {
            (snapshot.next_pos, snapshot.next_member, snapshot.now) = (1, 1, jiff::Timestamp::UNIX_EPOCH);
            none(snapshot, wants);
            Ok(())
        };
    let batch =
        domain::batch::process(&world.plans, &mut snapshot, &inputs, &[], world.now, &mut fetch).unwrap();
    assert_eq!(batch.answers[0].decision.status, Status::Applied);
    assert_eq!(snapshot.now, world.now);
}

/// Nothing of it is there.
fn none(snapshot: &mut domain::snapshot::Snapshot, wants: &[domain::snapshot::Want]) {
    for want in wants {
        match want {
            domain::snapshot::Want::Identity(name) => {
                snapshot.identities.insert(name.clone(), None);
            }
            domain::snapshot::Want::Member(no) => {
                snapshot.members.insert(*no, None);
            }
            domain::snapshot::Want::Page(..) => unreachable!("members are read with all their pages"),
            domain::snapshot::Want::Rows(key) => {
                snapshot.rows.insert(*key, Vec::new());
            }
        }
    }
}

#[test]
fn a_failed_fetch_changes_nothing() {
    let world = World::new(BASE);
    let mut snapshot = domain::snapshot::Snapshot { next_member: 1, next_pos: 1, ..Default::default() };
    let inputs = [domain::event::Input {
        event: event("order.paid", "e1", r#"{"id":"o1","items":[{"total":5}]}"#).into(),
        body_hash: [0; 32],
        origin: "test".into(),
    }];
    for fail_at in 0..4 {
        let mut calls = 0;
        let mut fetch = |snapshot: &mut domain::snapshot::Snapshot, wants: &[domain::snapshot::Want]| {
            calls += 1;
            if calls > fail_at {
                return Err(());
            }
            none(snapshot, wants);
            Ok(())
        };
        let done = domain::batch::process(&world.plans, &mut snapshot, &inputs, &[], world.now, &mut fetch);
        if done.is_ok() {
            return;
        }
        assert_eq!((snapshot.next_member, snapshot.next_pos), (1, 1));
        assert!(snapshot.members.values().all(Option::is_none));
    }
    panic!("it never came to an end");
}

#[test]
fn a_guest_is_claimed_within_the_window_in_order_of_event_time() {
    let toml = BASE.replace("timezone =", r#"enrol = "explicit", claim_window = "30 days", timezone ="#);
    let mut world = World::new(&toml);
    let guest = |day: &str, n: u32| {
        at(
            &format!("2027-{day}T12:00:00Z"),
            event(
                "order.paid",
                &format!("e{n}"),
                &format!(r#"{{"id":"o{n}","items":[{{"id":"a","total":{n}}}]}}"#),
            ),
        )
    };
    let waiting = world.send_all(&[guest("03-20", 20), guest("03-10", 10), guest("01-05", 5)]);
    assert!(waiting.iter().all(|a| a.decision.status == Status::Waiting && a.decision.member.is_none()));
    world.send(nobody(event("order.refunded", "r1", r#"{"order":"o10","amount":5}"#)));
    let enrolled = world.send(at("2027-03-25T12:00:00Z", event("member.enrolled", "m1", "{}"))).decision;
    assert_eq!(enrolled.frees, [2, 1]);
    assert_eq!(world.points(), (25, 0));
    // The order of January is past its window, and a second claim gives nothing.
    world.send(at("2027-03-26T12:00:00Z", event("member.enrolled", "m2", "{}")));
    assert_eq!(world.points(), (25, 0));
}

#[test]
fn identities_are_linked_when_free_and_never_moved() {
    let mut world = World::new(BASE);
    let with_also = |mut event: Event, also: &[&str]| {
        event.also = also.iter().map(|a| domain::identity::Identity::parse(a).unwrap()).collect();
        event
    };
    world.send(with_also(
        event("order.paid", "e1", r#"{"id":"o1","items":[{"total":5}]}"#),
        &["shopify:customer:7"],
    ));
    let bo = world.send(with_also(
        of("email:bo@example.com", event("order.paid", "e2", r#"{"id":"o2"}"#)),
        &["shopify:customer:7", "phone:+4930123456"],
    ));
    assert_eq!(bo.decision.member, Some(1), "the known name tells who it is");
    assert_eq!(world.ada().identities.len(), 4);
    let cy = world.send(of("crm:cy", event("order.paid", "e3", r#"{"id":"o3"}"#))).decision;
    assert_eq!(cy.member, Some(2));
    let taken = world
        .send(with_also(of("crm:cy", event("order.paid", "e4", r#"{"id":"o4"}"#)), &["shopify:customer:7"]));
    assert_eq!(taken.decision.taken.len(), 1);
    let by_hand = api(of(
        "crm:cy",
        event("fealty.linked", "l1", r#"{"identities":["pos:card:1","shopify:customer:7"]}"#),
    ));
    let refused = world.send(by_hand).decision;
    let reason = refused.reason.as_ref().unwrap();
    assert_eq!((&*reason.code, reason.pointer.as_deref()), ("identity_taken", Some("/data/identities/1")));
    let linked = world
        .send(api(of("crm:cy", event("fealty.linked", "l2", r#"{"identities":["pos:card:1"]}"#))))
        .decision;
    assert_eq!(linked.linked.len(), 1);
}

#[test]
fn a_members_fields_are_typed_and_rules_read_them() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
member = { plan = "free | plus = 'free'", score = "number?" }
wallets.points = {}
rules.base = { on = "order.paid", when = 'member.plan == "plus"', earn.points = 'member.score.or(1) * 10' }
rules.welcome = { on = "member.enrolled", earn.points = 500 }
"#;
    let mut world = World::new(toml);
    world.send(event("member.enrolled", "m1", r#"{"plan":"free","unknown":1}"#));
    world.pay(r#"{"id":"o1"}"#);
    assert_eq!(world.points(), (500, 0));
    let wrong = world.send(event("member.updated", "m2", r#"{"plan":"gold"}"#)).decision;
    assert_eq!(&*wrong.reason.as_ref().unwrap().code, "unknown_word");
    world.send(event("member.updated", "m3", r#"{"plan":"plus","score":2.5}"#));
    let paid = world.pay(r#"{"id":"o2"}"#);
    assert_eq!(world.points(), (525, 0));
    assert!(paid.seen.contains(&("member.plan".into(), "plus".into())));
    world.send(event("member.updated", "m4", r#"{"score":null}"#));
    world.pay(r#"{"id":"o3"}"#);
    assert_eq!(world.points(), (535, 0));
}

/// Orders, refunds in parts and a cancellation; every message has its own place in time.
fn story() -> Vec<Event> {
    let order = |n: u32, items: &str| {
        event(
            "order.paid",
            &format!("p{n}"),
            &format!(r#"{{"id":"o{n}","channel":"app","total":100,"items":{items}}}"#),
        )
    };
    let items = r#"[{"id":"a","quantity":3,"total":40},{"id":"b","total":35.50},{"id":"c","quantity":2,"total":24.50}]"#;
    let refund = |n: u32, id: &str, data: &str| {
        let data = format!(r#"{{"id":"{id}","order":"o{n}",{data}}}"#);
        nobody(event("order.refunded", &format!("r{n}{id}"), &data))
    };
    vec![
        order(1, items),
        order(2, items),
        order(3, items),
        refund(1, "x", r#""items":[{"id":"a","quantity":1}]"#),
        refund(1, "y", r#""items":[{"id":"a","quantity":1},{"id":"c","quantity":1}]"#),
        refund(1, "z", r#""amount":12.34"#),
        refund(2, "x", r#""amount":33.33"#),
        refund(2, "y", r#""items":[{"id":"b"}]"#),
        // The same refund under another event id.
        Event { id: "other".into(), ..refund(2, "y", r#""items":[{"id":"b"}]"#) },
        refund(3, "x", r#""items":[{"id":"b"}]"#),
        nobody(event("order.cancelled", "c3", r#"{"order":"o3"}"#)),
        Event { id: "again".into(), ..order(1, items) },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Everything twice and in any order: the same balance, and nothing gained.
    #[test]
    fn replayed_in_any_order_the_ledger_is_the_same(
        order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
        batch in 1..24_usize,
    ) {
        let story = story();
        let mut straight = World::new(BASE);
        straight.send_all(&story);
        let twice: Vec<Event> = order.iter().map(|at| story[at % story.len()].clone()).collect();
        let mut shuffled = World::new(BASE);
        twice.chunks(batch).for_each(|batch| drop(shuffled.send_all(batch)));
        prop_assert_eq!(shuffled.points(), straight.points());
        prop_assert!(straight.points().0 > 0 && straight.points().0 < 2 * 2 * 99);
        for row in story.iter().filter(|e| &*e.kind == "order.paid").take(3) {
            let id = row.id.replace('p', "o");
            let data = format!(r#"{{"order":"{id}"}}"#);
            shuffled.send(nobody(event("order.refunded", &format!("end-{id}"), &data)));
        }
        prop_assert_eq!(shuffled.points(), (0, 0));
    }
}
