//! What a later version of the program does to the orders of an earlier one: a return takes back what was recorded, whatever
//! was changed or deleted since.

use crate::world::*;
use domain::num::Num;
use domain::outcome::Status;

const FIRST: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
wallets.stars = { decimals = 2 }
counters.spend = { on = "order.paid", add = 'order.total' }
campaigns.spring = { limit = { points = 1000 } }
rules.base = { on = "order.paid", campaign = "spring", earn.points = 'order.total' }
rules.stars = { on = "order.paid", each = 'order.items', when = 'item.category == "tea"', earn.stars = 'item.total / 3' }
"#;
const ORDER: &str =
    r#"{"id":"o1","total":100,"items":[{"id":"a","category":"tea","total":40},{"id":"b","total":60}]}"#;
const HEAD: &str = r#"program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
"#;

fn amounts(world: &World) -> Vec<(String, i64, i64)> {
    let ada = world.ada();
    ada.wallets.iter().map(|w| (w.id.to_string(), w.available, w.debt)).collect()
}

fn row(id: &str, available: i64) -> (String, i64, i64) {
    (id.into(), available, 0)
}

/// The order of the first version is paid, the second is published, a quarter and then all comes back.
fn back_under(second: &str) -> World {
    let mut world = World::new(FIRST);
    world.pay(ORDER);
    assert_eq!(amounts(&world), [row("points", 100), row("stars", 1333)]);
    world.publish(second);
    let part = world.refund(r#"{"order":"o1","amount":25}"#);
    assert_eq!(part.status, Status::Applied, "{:?}", part.reason);
    assert_eq!(amounts(&world), [row("points", 75), row("stars", 1000)]);
    world
}

fn all_back(mut world: World) {
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(amounts(&world), [row("points", 0), row("stars", 0)]);
}

#[test]
fn a_rule_that_pays_otherwise_by_now_changes_nothing() {
    all_back(back_under(&FIRST.replace("'order.total' }\nrules.stars", "'order.total * 50' }\nrules.stars")));
}

#[test]
fn a_rule_that_is_gone_changes_nothing() {
    all_back(back_under(&format!("{HEAD}wallets.points = {{}}\nwallets.stars = {{ decimals = 2 }}\n")));
}

#[test]
fn a_wallet_that_is_gone_still_gives_back() {
    all_back(back_under(&format!("{HEAD}wallets.points = {{}}\n")));
}

#[test]
fn a_wallet_that_says_otherwise_counts_as_it_says_now_when_short() {
    let mut world = World::new(FIRST);
    world.pay(ORDER);
    let spent = r#"{"wallet":"points","amount":"-100","reason":"spent"}"#;
    world.send(api(event("fealty.adjusted", "s", spent)));
    world.publish(&FIRST.replace("wallets.points = {}", r#"wallets.points = { when_short = "forgive" }"#));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(amounts(&world)[0], row("points", 0));
}

#[test]
fn counters_that_stay_go_back_and_new_ones_never_counted() {
    let second = FIRST.replace("counters.spend", "counters.orders = { on = \"order.paid\" }\ncounters.spend");
    let world = back_under(&second);
    assert_eq!(world.counter("spend"), Num::int(75).unwrap());
    assert_eq!(world.counter("orders"), Num::ZERO);
}

#[test]
fn a_limit_that_is_gone_is_freed_all_the_same() {
    let world = back_under(&FIRST.replace(r#"campaign = "spring", "#, "").replace("campaigns.spring", "#"));
    assert_eq!(world.used("campaigns.spring#0"), 75);
}

#[test]
fn an_edit_finds_the_version_that_earned_though_everything_is_gone() {
    let mut world = back_under(HEAD);
    let edited =
        r#"{"id":"o1","total":200,"items":[{"id":"a","category":"tea","total":140},{"id":"b","total":60}]}"#;
    let edit = world.send(nobody(event("order.updated", "u", edited))).decision;
    assert_eq!(edit.status, Status::Applied, "{:?}", edit.reason);
    // 25 of 200 came back: an eighth.
    assert_eq!(amounts(&world), [row("points", 175), row("stars", 4083)]);
    all_back(world);
}

#[test]
fn an_order_in_parts_under_three_versions() {
    let mut world = back_under(&FIRST.replace("'order.total' }", "'order.total * 2' }"));
    world.pay(r#"{"id":"o2","total":100,"items":[{"id":"a","total":100}]}"#);
    assert_eq!(amounts(&world)[0], row("points", 275));
    world.publish(&format!("{HEAD}wallets.points = {{}}\nwallets.stars = {{ decimals = 2 }}\n"));
    world.refund(r#"{"order":"o2","amount":50}"#);
    assert_eq!(amounts(&world)[0], row("points", 175));
    world.refund(r#"{"order":"o2"}"#);
    all_back(world);
}
