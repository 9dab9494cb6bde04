//! Lots over time: nobody need wake a member for what has ended to be gone, and no way leads around an end.

use crate::world::*;
use domain::codes;
use domain::outcome::{Status, TransferKind};

const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.dated = { expires = "1 month", transfer = true }
wallets.idle = { expires = "2 months idle", transfer = true }
rules.dated = { on = "order.paid", when = 'order.channel == ""', earn.dated = 'order.total' }
rules.idle = { on = "order.paid", when = 'order.channel == "idle"', earn.idle = 'order.total' }
rewards.mug = { cost.dated = 10, gives.product = "mug" }
"#;
const BO: &str = "email:bo@example.com";
const CY: &str = "email:cy@example.com";

fn available(world: &World, name: &str, wallet: &str) -> i64 {
    world.member(name).wallets.iter().find(|w| w.id == wallet).map_or(0, |w| w.available)
}

fn paid(world: &mut World, when: &str, channel: &str) {
    world.now = time(when);
    let data = format!(r#"{{"id":"{when}","total":30,"channel":"{channel}"}}"#);
    world.send(at(when, event("order.paid", when, &data)));
}

/// `from` gives all but 1 of his points to `to`.
fn give(world: &mut World, when: &str, from: &str, to: &str, wallet: &str, amount: i64) -> Option<String> {
    world.now = time(when);
    world.send(at(when, of(to, event("member.enrolled", to, "{}"))));
    let to = world.member(to).no;
    let data = format!(r#"{{"to":{to},"wallet":"{wallet}","amount":{amount}}}"#);
    let gift = world.send(api(at(when, of(from, event("fealty.transferred", when, &data))))).decision;
    gift.reason.as_ref().map(|reason| reason.code.clone().into())
}

#[test]
fn what_has_ended_is_never_spent_though_nobody_was_woken() {
    let mut world = World::new(SHOP);
    paid(&mut world, "2027-01-10T12:00:00Z", "");
    world.now = time("2027-02-10T23:00:00Z");
    let asked =
        api(at("2027-02-10T23:00:00Z", event("fealty.redeemed", "r", r#"{"reward":"mug","confirm":true}"#)));
    let refused = world.send(asked).decision;
    assert_eq!(refused.status, Status::Refused);
    assert_eq!(refused.reason.as_ref().unwrap().code, codes::POINTS_INSUFFICIENT);
    let ended = world
        .rows()
        .iter()
        .flat_map(|row| row.decision.transfers.clone())
        .find(|t| t.kind == TransferKind::Expire);
    assert_eq!(ended.unwrap().amount, 30);
}

#[test]
fn a_second_before_its_end_a_lot_can_be_spent() {
    let mut world = World::new(SHOP);
    paid(&mut world, "2027-01-10T12:00:00Z", "");
    world.now = time("2027-02-10T22:59:59Z");
    let asked =
        api(at("2027-02-10T22:59:59Z", event("fealty.redeemed", "r", r#"{"reward":"mug","confirm":true}"#)));
    assert_eq!(world.send(asked).decision.status, Status::Applied);
}

#[test]
fn a_gift_keeps_its_end() {
    let mut world = World::new(SHOP);
    paid(&mut world, "2027-01-10T12:00:00Z", "");
    assert_eq!(give(&mut world, "2027-02-09T12:00:00Z", "email:ada@example.com", BO, "dated", 20), None);
    world.pass("2027-02-10T22:59:59Z");
    assert_eq!(
        (available(&world, BO, "dated"), available(&world, "email:ada@example.com", "dated")),
        (20, 10)
    );
    world.pass("2027-02-10T23:00:00Z");
    assert_eq!((available(&world, BO, "dated"), available(&world, "email:ada@example.com", "dated")), (0, 0));
}

#[test]
fn a_gift_after_the_end_is_refused() {
    let mut world = World::new(SHOP);
    paid(&mut world, "2027-01-10T12:00:00Z", "");
    let code = give(&mut world, "2027-02-11T12:00:00Z", "email:ada@example.com", BO, "dated", 20);
    assert_eq!(code.as_deref(), Some(codes::POINTS_INSUFFICIENT));
}

#[test]
fn a_gift_does_not_begin_a_silence_anew() {
    let mut world = World::new(SHOP);
    paid(&mut world, "2027-01-10T12:00:00Z", "idle");
    // Nobody is active: they end two months after the order, whoever holds them.
    assert_eq!(give(&mut world, "2027-03-01T12:00:00Z", "email:ada@example.com", BO, "idle", 20), None);
    assert_eq!(give(&mut world, "2027-03-09T12:00:00Z", BO, CY, "idle", 10), None);
    world.pass("2027-03-10T22:59:59Z");
    let all = |world: &World| ["email:ada@example.com", BO, CY].map(|name| available(world, name, "idle"));
    assert_eq!(all(&world), [10, 10, 10]);
    world.pass("2027-03-10T23:00:00Z");
    assert_eq!(all(&world), [0, 0, 0]);
}

#[test]
fn a_gift_to_one_who_is_active_lives_as_long_as_he_is() {
    let mut world = World::new(SHOP);
    paid(&mut world, "2027-01-10T12:00:00Z", "idle");
    world.now = time("2027-02-20T12:00:00Z");
    let data = r#"{"id":"b","total":5,"channel":"idle"}"#;
    world.send(of(BO, at("2027-02-20T12:00:00Z", event("order.paid", "b", data))));
    assert_eq!(give(&mut world, "2027-03-01T12:00:00Z", "email:ada@example.com", BO, "idle", 20), None);
    world.pass("2027-04-20T21:59:59Z");
    assert_eq!(available(&world, BO, "idle"), 25);
    world.pass("2027-04-20T22:00:00Z");
    assert_eq!(available(&world, BO, "idle"), 0);
}

#[test]
fn a_household_that_all_have_left_waits_for_no_end() {
    let shares = "\nhouseholds = { share = [\"dated\"] }\nwallets.dated";
    let mut world = World::new(&SHOP.replacen("\nwallets.dated", shares, 1));
    paid(&mut world, "2027-03-01T12:00:00Z", "");
    let ada = world.ada();
    let one = |id: &str, name: &str, kind: &str, data: &str| {
        api(at("2027-03-02T12:00:00Z", of(name, event(kind, id, data))))
    };
    world.now = time("2027-03-02T12:00:00Z");
    world.send(at("2027-03-02T12:00:00Z", of(BO, event("member.enrolled", BO, "{}"))));
    world.send(one("in", BO, "fealty.joined", &format!(r#"{{"with":{}}}"#, ada.no)));
    let home = world.ada().home.expect("they live together").no;
    assert_eq!(world.by_no(home).due, ada.due);
    for name in [ada.identities[0].as_str(), BO] {
        assert_eq!(world.send(one(name, name, "fealty.left", "{}")).decision.status, Status::Applied);
    }
    assert_eq!(world.by_no(home).due, None);
}
