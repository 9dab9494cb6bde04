//! Rewards: reserved, confirmed, cancelled, lapsed, returned; stock, limits, codes; refunds of what was spent.

use crate::world::*;
use domain::outcome::{Decision, Status};
use domain::redemption::{self, Redemption, Stage};
use std::sync::Arc;

const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rewards.mug = { cost.points = 40, gives.product = "mug", stock = 3, quantity_max = 3 }
rewards.tea = { cost.points = 10, gives.code.pattern = "TEA-################", limit = { times = 2, per = "life" } }
rewards.ten_off = { cost.points = 50, when = 'order.subtotal >= 20', gives.discount.amount = 10 }
rewards.film = { cost.points = 1, gives.code.pool = "film", quantity_max = 10 }
rewards.coin = { cost.points = 'quantity', gives.value = 0.01, quantity_max = 1000, quantity_step = 5 }
"#;

fn redeem(world: &mut World, id: &str, data: &str) -> Arc<Decision> {
    world.send(api(event("fealty.redeemed", id, data))).decision
}

fn act(world: &mut World, id: &str, one: &Redemption, act: &str) -> Arc<Decision> {
    let name = redemption::id(&world.plans.keys, one.pos, one.n);
    let data = format!(r#"{{"redemption":"{name}","act":"{act}"}}"#);
    world.send(api(event("fealty.redemption", id, &data))).decision
}

fn one(decision: &Decision) -> Redemption {
    assert_eq!(decision.status, Status::Applied, "{:?}", decision.reason);
    decision.redemptions[0].clone()
}

fn why(decision: &Decision) -> (&str, &str) {
    let reason = decision.reason.as_ref().expect("it was refused");
    (&reason.code, &reason.message)
}

#[test]
fn reserved_confirmed_and_taken_back() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    let reserved = one(&redeem(&mut world, "r1", r#"{"reward":"mug","quantity":2}"#));
    assert_eq!((reserved.stage, world.points().0, world.used("stock.mug")), (Stage::Reserved, 20, 2));
    let confirmed = one(&act(&mut world, "c1", &reserved, "confirm"));
    assert_eq!((confirmed.stage, world.points().0, world.ada().held.len()), (Stage::Confirmed, 20, 0));
    assert_eq!(why(&act(&mut world, "c2", &reserved, "cancel")).0, "redemption_over");
    let returned = one(&act(&mut world, "c3", &reserved, "return"));
    assert_eq!((returned.stage, world.points().0, world.used("stock.mug")), (Stage::Returned, 100, 0));
    assert_eq!(why(&act(&mut world, "c4", &reserved, "return")).0, "redemption_over");
}

#[test]
fn a_reservation_that_is_given_up_leaves_everything_as_it_was() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":30}"#);
    world.pay(r#"{"id":"o2","subtotal":30}"#);
    let before = world.ada().wallets;
    let reserved = one(&redeem(&mut world, "r1", r#"{"reward":"mug"}"#));
    assert_eq!(reserved.spent.len(), 2, "from two lots");
    one(&act(&mut world, "c1", &reserved, "cancel"));
    assert_eq!(world.ada().wallets, before);
    let lapses = one(&redeem(&mut world, "r2", r#"{"reward":"mug"}"#));
    assert_eq!(world.points().0, 20);
    // Sixteen minutes later its time is over, whatever comes first.
    world.send(at("2027-03-01T12:16:00Z", event("order.paid", "e3", r#"{"id":"o3","subtotal":0}"#)));
    assert_eq!((world.ada().wallets, world.used("stock.mug")), (before, 0));
    let late = at("2027-03-01T12:17:00Z", api(event("fealty.redemption", "c2", "{}")));
    let name = redemption::id(&world.plans.keys, lapses.pos, lapses.n);
    let data = format!(r#"{{"redemption":"{name}","act":"confirm"}}"#);
    let mut late = late;
    late.data = data.into_bytes().into();
    assert_eq!(why(&world.send(late).decision).0, "redemption_over");
}

#[test]
fn what_is_returned_goes_back_to_its_lots_with_their_dates() {
    let toml = SHOP.replace("wallets.points = {}", "wallets.points = { expires = \"6 months\" }");
    let mut world = World::new(&toml);
    for (id, day) in [("o1", "2027-03-01T12:00:00Z"), ("o2", "2027-03-05T12:00:00Z")] {
        world.send(at(day, event("order.paid", id, &format!(r#"{{"id":"{id}","subtotal":30}}"#))));
    }
    let before = world.ada().wallets;
    let ends: Vec<String> = before[0].lots.iter().map(|lot| lot.expires_at.unwrap().to_string()).collect();
    assert_eq!(ends, ["2027-09-01T22:00:00Z", "2027-09-05T22:00:00Z"]);
    let march = |day: u8, event| at(&format!("2027-03-{day:02}T12:00:00Z"), api(event));
    let taken = world.send(march(6, event("fealty.redeemed", "r1", r#"{"reward":"mug","confirm":true}"#)));
    let mug = one(&taken.decision);
    assert_eq!((mug.spent.len(), world.points().0), (2, 20));
    let name = redemption::id(&world.plans.keys, mug.pos, mug.n);
    let back = format!(r#"{{"redemption":"{name}","act":"return"}}"#);
    one(&world.send(march(20, event("fealty.redemption", "b1", &back))).decision);
    assert_eq!(world.ada().wallets, before);
}

#[test]
fn points_that_a_reward_gave_are_taken_back_with_it() {
    let more = "wallets.miles = {}\nrewards.swap = { cost.points = 2, gives.earn.miles = 1, quantity_max = 50 }\nrewards.pin = { cost.miles = 5, gives.product = \"pin\" }\nrules.base";
    let mut world = World::new(&SHOP.replace("rules.base", more));
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    let wallets = |world: &World| -> Vec<(i64, i64)> {
        world.ada().wallets.iter().map(|wallet| (wallet.available, wallet.debt)).collect()
    };
    let swap = one(&redeem(&mut world, "r1", r#"{"reward":"swap","quantity":10,"confirm":true}"#));
    assert_eq!(wallets(&world), [(80, 0), (10, 0)]);
    one(&redeem(&mut world, "r2", r#"{"reward":"pin","confirm":true}"#));
    one(&act(&mut world, "b1", &swap, "return"));
    assert_eq!(wallets(&world), [(100, 0), (0, 5)], "what was spent of it is owed");
}

/// What was given can be used for so long from when it was confirmed, not from when it was reserved.
#[test]
fn what_is_given_is_valid_from_its_confirmation() {
    let toml = SHOP.replace("stock = 3", "valid = \"end of next month\", hold = \"10 days\", stock = 3");
    let mut world = World::new(&toml);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    let on = |day: &str, event| at(&format!("2027-{day}T12:00:00Z"), api(event));
    let held = one(&world.send(on("03-28", event("fealty.redeemed", "r1", r#"{"reward":"mug"}"#))).decision);
    assert_eq!(held.until.unwrap().to_string(), "2027-04-07T12:00:00Z", "so long it is held");
    let name = redemption::id(&world.plans.keys, held.pos, held.n);
    let data = format!(r#"{{"redemption":"{name}","act":"confirm"}}"#);
    let given = one(&world.send(on("04-02", event("fealty.redemption", "c1", &data))).decision);
    assert_eq!(given.until.unwrap().to_string(), "2027-05-31T22:00:00Z");
}

#[test]
fn a_refusal_says_what_is_missing_and_stays() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    for (data, code, said) in [
        (r#"{"reward":"cup"}"#, "reward_unknown", "there is no reward `cup`"),
        (r#"{"reward":"mug","quantity":3}"#, "points_insufficient", "missing: 20 points"),
        (
            r#"{"reward":"mug","quantity":4}"#,
            "quantity_invalid",
            "a quantity is more than 0 and at most 3, not 4",
        ),
        (r#"{"reward":"coin","quantity":7}"#, "quantity_invalid", "a quantity is a multiple of 5, not 7"),
        (r#"{"reward":"ten_off"}"#, "order_required", "missing: the cart, as `order`"),
        (
            r#"{"reward":"ten_off","order":{"subtotal":19.5}}"#,
            "condition_unmet",
            "missing: order.subtotal >= 20; order.subtotal is 19.5",
        ),
    ] {
        let refused = redeem(&mut world, data, data);
        assert_eq!((why(&refused), refused.status), ((code, said), Status::Refused), "{data}");
    }
    let id = r#"{"reward":"mug","quantity":3}"#;
    world.pay(r#"{"id":"o2","subtotal":100}"#);
    assert_eq!(why(&redeem(&mut world, id, id)).0, "points_insufficient", "a retry gets the same answer");
    one(&redeem(&mut world, "again", id));
    assert_eq!(
        why(&redeem(&mut world, "more", r#"{"reward":"mug"}"#)),
        ("reward_out_of_stock", "pieces left: 0, wanted: 1")
    );
}

#[test]
fn codes_differ_and_limits_hold() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    let a = one(&redeem(&mut world, "r1", r#"{"reward":"tea","confirm":true}"#));
    let b = one(&redeem(&mut world, "r2", r#"{"reward":"tea"}"#));
    assert!(a.codes[0].starts_with("TEA-") && a.codes[0].len() == 20 && b.codes.is_empty());
    assert_eq!(why(&redeem(&mut world, "r3", r#"{"reward":"tea"}"#)).0, "limit_reached");
    let b = one(&act(&mut world, "c1", &b, "confirm"));
    assert_ne!(a.codes, b.codes);
    one(&act(&mut world, "c2", &b, "return"));
    one(&redeem(&mut world, "r4", r#"{"reward":"tea","confirm":true}"#));
}

#[test]
fn a_short_pattern_is_used_up_and_no_code_comes_twice() {
    let toml = SHOP.replace("TEA-################", "T#").replace("times = 2", "times = 99");
    let mut world = World::new(&toml);
    world.pay(r#"{"id":"o1","subtotal":1000}"#);
    let mut codes = std::collections::BTreeSet::new();
    let mut refused = 0;
    for n in 0..40 {
        let decision = redeem(&mut world, &format!("r{n}"), r#"{"reward":"tea","confirm":true}"#);
        match &decision.reason {
            Some(reason) => {
                assert_eq!(&*reason.code, "reward_out_of_stock");
                refused += 1;
            }
            None => assert!(codes.insert(one(&decision).codes[0].clone())),
        }
    }
    assert_eq!((codes.len(), refused), (32, 8));
}

#[test]
fn points_spent_on_a_refunded_order_come_back_in_the_same_share() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":60}"#);
    let spent =
        redeem(&mut world, "r1", r#"{"reward":"ten_off","confirm":true,"order":{"id":"o2","subtotal":40}}"#);
    assert_eq!(one(&spent).value, Some(domain::num::Num::int(10).unwrap()));
    assert_eq!(world.points().0, 10);
    world.pay(r#"{"id":"o2","subtotal":30,"total":30}"#);
    assert_eq!(world.points().0, 40);
    let half = world.refund(r#"{"order":"o2","amount":15}"#);
    assert_eq!((world.points().0, half.redemptions[0].stage), (10 + 25 + 15, Stage::Confirmed));
    let rest = world.refund(r#"{"order":"o2"}"#);
    assert_eq!((world.points().0, rest.redemptions[0].stage), (60, Stage::Returned));
    let lots: Vec<i64> = world.ada().wallets[0].lots.iter().map(|lot| lot.remaining).collect();
    assert_eq!(lots, [60], "back in the lot from which it came");
}

#[test]
fn a_reservation_that_is_confirmed_after_its_order_came_back_takes_no_more_than_the_order_kept() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":160}"#);
    let ask = |order: &str| format!(r#"{{"reward":"ten_off","order":{{"id":"{order}","subtotal":40}}}}"#);
    let half = one(&redeem(&mut world, "r1", &ask("o2")));
    let whole = one(&redeem(&mut world, "r2", &ask("o3")));
    world.pay(r#"{"id":"o2","subtotal":0,"total":30}"#);
    world.pay(r#"{"id":"o3","subtotal":0,"total":30}"#);
    world.refund(r#"{"order":"o2","amount":15}"#);
    world.refund(r#"{"order":"o3"}"#);
    assert_eq!(world.points().0, 60, "both are held");
    let confirmed = one(&act(&mut world, "c1", &half, "confirm"));
    assert_eq!((confirmed.stage, world.points().0), (Stage::Confirmed, 85));
    assert_eq!(why(&act(&mut world, "c2", &whole, "confirm")).0, "redemption_over");
    one(&act(&mut world, "c3", &whole, "cancel"));
    assert_eq!(world.points().0, 135);
    let rest = world.refund(r#"{"order":"o2"}"#);
    assert_eq!((rest.redemptions[0].stage, world.points().0), (Stage::Returned, 160));
}

#[test]
fn redeemed_on_an_order_that_came_back_it_takes_no_more_than_the_order_kept() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":200}"#);
    world.pay(r#"{"id":"o2","subtotal":20}"#);
    world.pay(r#"{"id":"o3","subtotal":20}"#);
    world.refund(r#"{"id":"b2","order":"o2"}"#);
    world.refund(r#"{"id":"b3","order":"o3","amount":10}"#);
    let before = world.points().0;
    for confirm in [true, false] {
        let all =
            format!(r#"{{"reward":"ten_off","confirm":{confirm},"order":{{"id":"o2","subtotal":20}}}}"#);
        assert_eq!(why(&redeem(&mut world, &all, &all)).0, "redemption_over");
    }
    assert_eq!(world.points().0, before);
    let half = r#"{"reward":"ten_off","confirm":true,"order":{"id":"o3","subtotal":20}}"#;
    let redeemed = one(&redeem(&mut world, "r3", half));
    assert_eq!((redeemed.stage, world.points().0), (Stage::Confirmed, before - 25));
    world.refund(r#"{"id":"b4","order":"o3"}"#);
    assert_eq!(world.points().0, before - 10, "10 of the 20 that it had earned were left");
}

fn bring(world: &mut World, id: &str, codes: &[String]) -> Arc<Decision> {
    let data = serde_json::json!({"pool": "film", "codes": codes}).to_string();
    world.send(nobody(api(event("fealty.codes", id, &data)))).decision
}

fn named(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("F{n}")).collect()
}

#[test]
fn codes_that_were_brought_are_given_in_order_and_once() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    assert_eq!(why(&redeem(&mut world, "r0", r#"{"reward":"film"}"#)).1, "codes left: 0, wanted: 1");
    assert_eq!(bring(&mut world, "b1", &named(0..4)).brought, Some((1, 4)));
    let again = bring(&mut world, "b2", &named(2..6));
    assert_eq!((again.brought, &again.skipped[..]), (Some((2, 2)), &[0, 1][..]));
    let none = bring(&mut world, "b3", &["F5".into(), "F0".into()]);
    assert_eq!((none.status, none.brought, none.skipped.len()), (Status::Applied, None, 2));
    let twice = bring(&mut world, "b4", &["F6".into(), "F6".into()]);
    assert_eq!((twice.brought, &twice.skipped[..]), (Some((3, 1)), &[1][..]));
    // Three rows hold four, two and one; a promise counts, the code itself is chosen when it is given.
    let held = one(&redeem(&mut world, "r1", r#"{"reward":"film","quantity":2}"#));
    let three = one(&redeem(&mut world, "r2", r#"{"reward":"film","quantity":3,"confirm":true}"#));
    assert_eq!(three.codes, ["F0", "F1", "F2"]);
    let more = redeem(&mut world, "r3", r#"{"reward":"film","quantity":3}"#);
    assert_eq!(why(&more).1, "codes left: 2, wanted: 3");
    let held = one(&act(&mut world, "c1", &held, "confirm"));
    assert_eq!(held.codes, ["F3", "F4"]);
    let last = one(&redeem(&mut world, "r4", r#"{"reward":"film","quantity":2,"confirm":true}"#));
    assert_eq!(last.codes, ["F5", "F6"]);
    // One that was returned is not given again, and cannot be brought again.
    one(&act(&mut world, "c2", &last, "return"));
    assert_eq!(why(&redeem(&mut world, "r5", r#"{"reward":"film"}"#)).0, "reward_out_of_stock");
    assert_eq!(bring(&mut world, "b5", &["F6".into()]).brought, None);
}

#[test]
fn a_code_that_was_promised_and_not_taken_is_for_the_next() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    bring(&mut world, "b1", &named(0..1));
    let held = one(&redeem(&mut world, "r1", r#"{"reward":"film"}"#));
    assert_eq!(why(&redeem(&mut world, "r2", r#"{"reward":"film"}"#)).1, "codes left: 0, wanted: 1");
    one(&act(&mut world, "c1", &held, "cancel"));
    let taken = one(&redeem(&mut world, "r3", r#"{"reward":"film","confirm":true}"#));
    assert_eq!(taken.codes, ["F0"]);
}

#[test]
fn codes_are_refused_whole_where_one_is_no_code() {
    let mut world = World::new(SHOP);
    for (codes, code) in [
        (vec!["A".to_owned(), " B".to_owned()], "wrong_type"),
        (vec!["".to_owned()], "wrong_type"),
        (vec![], "field_missing"),
        (vec!["x".repeat(201)], "wrong_type"),
    ] {
        let refused = bring(&mut world, &format!("{codes:?}"), &codes);
        assert_eq!((why(&refused).0, refused.brought), (code, None));
    }
    let outside = world.send(nobody(event("fealty.codes", "x", r#"{"pool":"film","codes":["A"]}"#)));
    assert_eq!(why(&outside.decision).0, "type_reserved");
}

#[test]
fn a_made_code_is_none_that_was_brought() {
    let toml = SHOP.replace("TEA-################", "T#").replace("times = 2", "times = 99");
    let mut world = World::new(&toml);
    world.pay(r#"{"id":"o1","subtotal":1000}"#);
    let signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars();
    let mut codes: Vec<String> = signs.map(|sign| format!("T{sign}")).collect();
    let free = codes.remove(17);
    bring(&mut world, "b1", &codes);
    let made = one(&redeem(&mut world, "r1", r#"{"reward":"tea","confirm":true}"#));
    assert_eq!(made.codes, [free]);
}

#[test]
fn codes_of_one_batch_are_counted_one_after_the_other() {
    let mut world = World::new(SHOP);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    let bring = |id: &str, codes: &[&str]| {
        let data = serde_json::json!({"pool": "film", "codes": codes}).to_string();
        nobody(api(event("fealty.codes", id, &data)))
    };
    let take = |id: &str| api(event("fealty.redeemed", id, r#"{"reward":"film","confirm":true}"#));
    let answers = world.send_all(&[
        bring("b1", &["A", "B"]),
        take("r1"),
        bring("b2", &["B", "C"]),
        take("r2"),
        take("r3"),
        take("r4"),
    ]);
    let given: Vec<_> = answers.iter().flat_map(|a| &a.decision.redemptions).flat_map(|r| &r.codes).collect();
    assert_eq!(given, ["A", "B", "C"]);
    assert_eq!(why(&answers[5].decision).0, "reward_out_of_stock");
}
