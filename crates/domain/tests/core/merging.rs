//! Members with members: gifts, and two that become one.

use std::sync::Arc;

use domain::codes;
use domain::outcome::{Decision, Status, TransferKind};

use super::world::{World, api, event, of, time};

const ADA: &str = "email:ada@example.com";
const BO: &str = "email:bo@example.com";
const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { transfer = true }
wallets.stamps = {}
events."review.posted" = { product = "string" }
counters.spend = { on = "order.paid", add = 'order.total' }
rules.base = { on = "order.paid", earn.points = 'order.total' }
rules.review = { on = "review.posted", once_per = 'review.product', earn.points = 5, limit = { times = 3, per = "year" } }
rules.enrolled = { on = "member.enrolled", earn.stamps = 1 }
rewards.five_off = { cost.points = 20, gives.discount.amount = 5 }
"#;

fn world() -> World {
    let mut world = World::new(SHOP);
    world.now = time("2027-03-01T12:00:00Z");
    for name in [ADA, BO] {
        world.send(of(name, event("member.enrolled", name, "{}")));
    }
    world
}

fn send(world: &mut World, name: &str, id: &str, kind: &str, data: &str) -> Arc<Decision> {
    world.send(of(name, event(kind, id, data))).decision
}

fn by_api(world: &mut World, name: &str, id: &str, kind: &str, data: &str) -> Arc<Decision> {
    world.send(api(of(name, event(kind, id, data)))).decision
}

fn order(id: &str, total: u32) -> String {
    format!(r#"{{"id": "{id}", "currency": "EUR", "total": {total}}}"#)
}

fn points(world: &World, name: &str) -> (i64, i64) {
    world.member(name).wallets.iter().find(|w| w.id == "points").map_or((0, 0), |w| (w.available, w.debt))
}

fn gift(to: u64, amount: &str) -> String {
    format!(r#"{{"to": {to}, "wallet": "points", "amount": {amount}}}"#)
}

#[test]
fn a_gift_arrives_with_the_lots_it_was_made_of() {
    let mut world = world();
    send(&mut world, ADA, "p1", "order.paid", &order("A", 30));
    send(&mut world, ADA, "p2", "order.paid", &order("B", 30));
    let bo = world.member(BO).no;
    let decision = by_api(&mut world, ADA, "g1", "fealty.transferred", &gift(bo, "40"));
    assert_eq!(decision.status, Status::Applied, "{:?}", decision.reason);
    assert_eq!((points(&world, ADA).0, points(&world, BO).0), (20, 40));
    let lots = |world: &World, name: &str| -> Vec<(u64, i64)> {
        let member = world.member(name);
        let wallet = member.wallets.iter().find(|w| w.id == "points").unwrap();
        wallet.lots.iter().map(|lot| (lot.pos, lot.remaining)).collect()
    };
    assert_eq!((lots(&world, ADA), lots(&world, BO)), (vec![(4, 20)], vec![(3, 30), (4, 10)]));
    // A retry does nothing, nor does the way back make anything.
    by_api(&mut world, ADA, "g1", "fealty.transferred", &gift(bo, "40"));
    let ada = world.member(ADA).no;
    by_api(&mut world, BO, "g2", "fealty.transferred", &gift(ada, "40"));
    assert_eq!(lots(&world, ADA), [(3, 30), (4, 30)]);
    assert!(world.rows().last().unwrap().decision.transfers.iter().all(|t| t.kind == TransferKind::Transfer));
}

#[test]
fn a_gift_that_cannot_be_says_why() {
    let mut world = world();
    send(&mut world, ADA, "p1", "order.paid", &order("A", 30));
    let (ada, bo) = (world.member(ADA).no, world.member(BO).no);
    for (data, code) in [
        (gift(bo, "31"), codes::POINTS_INSUFFICIENT),
        (gift(bo, "0"), codes::AMOUNT_INVALID),
        (gift(bo, "-1"), codes::AMOUNT_INVALID),
        (gift(bo, "0.5"), codes::AMOUNT_INVALID),
        (gift(ada, "1"), codes::TRANSFER_TO_ONESELF),
        (gift(77, "1"), codes::MEMBER_UNKNOWN),
        (gift(bo, "1").replace("points", "stamps"), codes::TRANSFER_NOT_ALLOWED),
        (gift(bo, "1").replace("points", "miles"), codes::WALLET_UNKNOWN),
    ] {
        let decision = by_api(&mut world, ADA, &data, "fealty.transferred", &data);
        assert_eq!(decision.status, Status::Refused, "{data}");
        assert_eq!(decision.reason.as_ref().unwrap().code, code, "{data}");
    }
    assert_eq!((points(&world, ADA).0, points(&world, BO).0), (30, 0));
    let outside = send(&mut world, ADA, "x", "fealty.transferred", &gift(bo, "1"));
    assert_eq!(outside.reason.as_ref().unwrap().code, codes::TYPE_RESERVED);
}

fn merge(world: &mut World) -> Arc<Decision> {
    let bo = world.member(BO).no;
    by_api(world, ADA, "m1", "fealty.merged", &format!(r#"{{"absorb": {bo}}}"#))
}

#[test]
fn two_members_become_one() {
    let mut world = world();
    send(&mut world, ADA, "p1", "order.paid", &order("A", 30));
    send(&mut world, BO, "p2", "order.paid", &order("B", 50));
    send(&mut world, BO, "u", "member.updated", r#"{"birthday": "1990-05-17"}"#);
    let bo = world.member(BO).no;
    assert_eq!(merge(&mut world).status, Status::Applied);
    // Names move, lots keep theirs, counters add up; a field that one had alone stays.
    assert_eq!(world.member(BO).no, world.ada().no);
    assert_eq!(points(&world, ADA), (80, 0));
    assert_eq!(world.counter("spend"), domain::num::Num::int(80).unwrap());
    assert_eq!(world.ada().fields["birthday"], "1990-05-17");
    // A return of an order of before finds its lot; an event for the old number goes to the new.
    send(&mut world, BO, "r1", "order.refunded", r#"{"order": "B", "currency": "EUR", "amount": 20}"#);
    assert_eq!(points(&world, ADA), (60, 0));
    let mut by_number = event("order.paid", "p3", &order("C", 5));
    by_number.subject = Some(domain::event::Subject::Member(bo));
    assert_eq!(world.send(by_number).decision.member, Some(world.ada().no));
    assert_eq!(points(&world, ADA), (65, 0));
    // Once more is no more.
    let again = by_api(&mut world, ADA, "m2", "fealty.merged", &format!(r#"{{"absorb": {bo}}}"#));
    assert_eq!(again.reason.as_ref().unwrap().code, codes::MERGE_WITH_ONESELF);
}

#[test]
fn nothing_is_paid_twice_by_a_merge() {
    let mut world = world();
    for (name, id) in [(ADA, "a"), (BO, "b")] {
        send(&mut world, name, id, "review.posted", &format!(r#"{{"product": "{id}"}}"#));
    }
    merge(&mut world);
    assert_eq!(points(&world, ADA), (10, 0));
    let second = send(&mut world, ADA, "a2", "review.posted", r#"{"product": "b"}"#);
    assert!(second.effects.is_empty(), "the absorbed was paid for it");
    assert_eq!(world.used("rules.review#0"), 2, "the limit was used by both");
    send(&mut world, ADA, "a3", "review.posted", r#"{"product": "c"}"#);
    send(&mut world, ADA, "a4", "review.posted", r#"{"product": "d"}"#);
    assert_eq!(points(&world, ADA), (15, 0));
    let told = send(&mut world, BO, "e2", "member.enrolled", "{}");
    assert_eq!(told.reason.as_ref().unwrap().code, codes::MEMBER_ALREADY_ENROLLED);
}

#[test]
fn what_one_owes_the_other_pays() {
    let mut world = world();
    send(&mut world, BO, "p1", "order.paid", &order("B", 50));
    let ada = world.member(ADA).no;
    by_api(&mut world, BO, "g", "fealty.transferred", &gift(ada, "50"));
    send(&mut world, BO, "r", "order.refunded", r#"{"order": "B", "currency": "EUR", "amount": 20}"#);
    assert_eq!((points(&world, ADA), points(&world, BO)), ((50, 0), (0, 20)));
    merge(&mut world);
    assert_eq!(points(&world, ADA), (30, 0));
    let absorbed =
        world.rows().iter().any(|row| row.decision.transfers.iter().any(|t| t.kind == TransferKind::Repay));
    assert!(absorbed);
}

#[test]
fn what_the_absorbed_spent_on_an_order_comes_back_to_him_who_absorbed_him() {
    let mut world = world();
    send(&mut world, BO, "p1", "order.paid", &order("A", 20));
    let asked = r#"{"reward": "five_off", "confirm": true, "order": {"id": "B", "subtotal": 10}}"#;
    by_api(&mut world, BO, "r1", "fealty.redeemed", asked);
    send(&mut world, BO, "p2", "order.paid", r#"{"id": "B", "currency": "EUR", "total": 0, "subtotal": 0}"#);
    assert_eq!(points(&world, BO), (0, 0));
    merge(&mut world);
    send(&mut world, ADA, "r2", "order.refunded", r#"{"order": "B", "currency": "EUR"}"#);
    assert_eq!(points(&world, ADA), (20, 0));
}

#[test]
fn the_better_level_and_what_was_achieved_stay() {
    let mut world = World::new(
        r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { pending = "14 days", expires = "3 months" }
counters.spend = { on = "order.paid", add = 'order.total', per = "year" }
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", earn.points = 'order.total' }
achievements.two = { needs.orders = 2, earn.points = 1000 }
tiers.status = { keep = "end of next year", levels = [{ id = "basic" }, { id = "silver", needs.spend = 50 }, { id = "gold", needs.spend = 100 }] }
"#,
    );
    world.now = time("2027-03-01T12:00:00Z");
    send(&mut world, BO, "b1", "order.paid", &order("B1", 30));
    send(&mut world, BO, "b2", "order.paid", &order("B2", 30));
    send(&mut world, ADA, "a1", "order.paid", &order("A1", 10));
    assert_eq!(&*world.member(BO).tiers[0].held.level, "silver");
    let until = world.member(BO).tiers[0].held.until;
    assert_eq!(merge(&mut world).status, Status::Applied);
    let ada = world.ada();
    assert_eq!((&*ada.tiers[0].held.level, ada.tiers[0].held.until), ("silver", until));
    // What waited waits on, and ends when it would have ended; nothing is achieved twice.
    let wallet = &ada.wallets[0];
    assert_eq!((wallet.pending, wallet.available), (1070, 0));
    assert!(wallet.waiting.iter().all(|one| one.expires_at == Some(time("2027-06-01T22:00:00Z"))));
    let third = send(&mut world, ADA, "a2", "order.paid", &order("A2", 40));
    assert!(third.effects.iter().all(|effect| effect.rule != "achievements.two"), "{:?}", third.effects);
    assert_eq!(&*world.ada().tiers[0].held.level, "gold", "counters add up: 110");
    world.pass("2027-03-15T12:00:00Z");
    let wallet = &world.ada().wallets[0];
    assert_eq!((wallet.pending, wallet.available), (0, 1110));
}
