//! Points of an idle term that go from one wallet to another: they end neither later nor sooner than where they were,
//! but for him who was active himself.

use domain::outcome::Status;

use super::world::{World, api, at, event, of};

const ADA: &str = "email:ada@example.com";
const BO: &str = "email:bo@example.com";
const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "12 months idle", transfer = true }
wallets.family = { expires = "12 months idle" }
households = { share = ["family"] }
rules.base = { on = "order.paid", earn.points = 'order.total' }
rules.family = { on = "order.paid", earn.family = 'order.total' }
"#;

fn shop() -> World {
    let mut world = World::new(SHOP);
    for (who, day) in [(BO, "2026-03-10"), (ADA, "2027-03-01")] {
        pay(&mut world, who, day);
    }
    world
}

fn pay(world: &mut World, who: &str, day: &str) {
    let data = format!(r#"{{"id": "{who}{day}", "currency": "EUR", "total": 50}}"#);
    let paid = at(&format!("{day}T12:00:00Z"), of(who, event("order.paid", &format!("{who}{day}"), &data)));
    assert_eq!(world.send(paid).decision.status, Status::Applied);
}

fn act(world: &mut World, who: &str, time: &str, kind: &str, data: &str) {
    let event = api(at(time, of(who, event(kind, &format!("{kind}{time}"), data))));
    let decision = world.send(event).decision;
    assert_eq!(decision.status, Status::Applied, "{:?}", decision.reason);
}

fn available(world: &World, who: &str, wallet: &str) -> i64 {
    let member = world.member(who);
    let holder = member.home.as_ref().filter(|_| wallet == "family").map_or(member.no, |home| home.no);
    world.by_no(holder).wallets.iter().find(|w| w.id == wallet).map_or(0, |w| w.available)
}

fn give(world: &mut World, to: &str, time: &str) {
    let to = world.member(to).no;
    let gift = format!(r#"{{"to": {to}, "wallet": "points", "amount": 20}}"#);
    act(world, ADA, time, "fealty.transferred", &gift);
}

#[test]
fn what_comes_does_not_end_with_what_lay_idle() {
    let mut world = shop();
    world.now = super::world::time("2027-03-05T12:00:00Z");
    give(&mut world, BO, "2027-03-05T12:00:00Z");
    world.pass("2027-03-12T12:00:00Z");
    assert_eq!(available(&world, BO, "points"), 70, "the giver was active on 1 March");
    world.pass("2028-02-28T12:00:00Z");
    assert_eq!((available(&world, ADA, "points"), available(&world, BO, "points")), (30, 70));
    world.pass("2028-03-02T12:00:00Z");
    assert_eq!((available(&world, ADA, "points"), available(&world, BO, "points")), (0, 0));
}

#[test]
fn an_end_is_not_escaped_by_giving() {
    let mut world = shop();
    // Somebody who has never had points, or whose wallet was empty for long.
    act(
        &mut world,
        BO,
        "2027-03-05T12:00:00Z",
        "fealty.adjusted",
        r#"{"wallet": "points", "amount": -50, "reason": "x"}"#,
    );
    world.send(at("2027-03-05T12:00:00Z", of("email:cy@example.com", event("member.enrolled", "cy", "{}"))));
    for to in [BO, "email:cy@example.com"] {
        let time = if to == BO { "2027-12-01T12:00:00Z" } else { "2027-12-02T12:00:00Z" };
        world.now = super::world::time(time);
        give(&mut world, to, time);
        world.now = super::world::time("2027-12-03T12:00:00Z");
        assert_eq!(available(&world, to, "points"), 20);
    }
    world.pass("2028-03-02T12:00:00Z");
    for who in [ADA, BO, "email:cy@example.com"] {
        assert_eq!(available(&world, who, "points"), 0, "{who}");
    }
}

#[test]
fn points_by_hand_are_activity() {
    let mut world = shop();
    world.now = super::world::time("2027-03-05T12:00:00Z");
    act(
        &mut world,
        BO,
        "2027-03-05T12:00:00Z",
        "fealty.adjusted",
        r#"{"wallet": "points", "amount": 20, "reason": "x"}"#,
    );
    world.pass("2027-03-12T12:00:00Z");
    assert_eq!(available(&world, BO, "points"), 70);
    // Taking some is none.
    world.now = super::world::time("2028-03-01T12:00:00Z");
    act(
        &mut world,
        BO,
        "2028-03-01T12:00:00Z",
        "fealty.adjusted",
        r#"{"wallet": "points", "amount": -20, "reason": "x"}"#,
    );
    world.pass("2028-03-07T12:00:00Z");
    assert_eq!(available(&world, BO, "points"), 0);
}

#[test]
fn a_household_and_a_merge_keep_what_came_last() {
    let mut world = shop();
    world.now = super::world::time("2027-03-05T12:00:00Z");
    let ada = world.member(ADA).no;
    act(&mut world, BO, "2027-03-05T12:00:00Z", "fealty.joined", &format!(r#"{{"with": {ada}}}"#));
    world.pass("2027-03-12T12:00:00Z");
    assert_eq!(available(&world, BO, "family"), 100);
    let mut world = shop();
    world.now = super::world::time("2027-03-05T12:00:00Z");
    let ada = world.member(ADA).no;
    act(&mut world, BO, "2027-03-05T12:00:00Z", "fealty.merged", &format!(r#"{{"absorb": {ada}}}"#));
    world.pass("2027-03-12T12:00:00Z");
    assert_eq!(available(&world, BO, "points"), 100);
}
