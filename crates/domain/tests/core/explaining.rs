//! Explanations: what is said of each rule, from what was recorded, whatever has happened since.

use crate::world::*;
use domain::explain::{Explanation, RuleExplanation, WhyNot, explain};

const TOML: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.orders = { on = "order.paid" }
campaigns.bonus = { pay = "highest" }
campaigns.over = { active = { through = 2027-01-31 } }
rules.base = { on = "order.paid", name = "A point a euro", earn.points = 'order.subtotal' }
rules.first = { on = "order.paid", when = ['order.subtotal >= 10', 'counters.orders == 0'], earn.points = 100, limit = { points = 40 } }
rules.coffee = { on = "order.paid", each = 'order.items', when = 'item.category == "coffee"', earn.points = 'item.total' }
rules.small = { on = "order.paid", campaign = "bonus", earn.points = 1 }
rules.large = { on = "order.paid", campaign = "bonus", earn.points = 'rules.base.points * 2' }
rules.gone = { on = "order.paid", campaign = "over", earn.points = 5 }
rules.asleep = { on = "order.paid", paused = true, earn.points = 5 }
rules.weekend = { on = "order.paid", active = { days = ["sat", "sun"] }, earn.points = 5 }
rules.cents = { on = "order.paid", earn.points = 'order.tax' }
rules.once = { on = "order.paid", once_per = 'order.store', earn.points = 5 }
"#;

fn told(world: &World, row: usize) -> Explanation {
    let row = &world.rows()[row];
    explain(&world.plans.current, &row.event, &row.decision)
}

fn rule<'e>(explanation: &'e Explanation, id: &str) -> &'e RuleExplanation {
    explanation.rules.iter().find(|r| &*r.rule == id).unwrap()
}

#[test]
fn each_rule_says_why_or_why_not() {
    let mut world = World::new(TOML);
    let items = r#"[{"id":"a","category":"tea","total":4},{"id":"b","category":"coffee","total":6}]"#;
    world.pay(&format!(r#"{{"id":"o1","subtotal":10,"store":"s","items":{items}}}"#));
    world.pay(r#"{"id":"o2","subtotal":9.99,"store":"s"}"#);
    let first = told(&world, 0);
    let why = |e: &Explanation, id: &str| (rule(e, id).applied, rule(e, id).why_not);
    assert_eq!(first.now.as_deref(), Some("2027-03-01T13:00:00+01:00[Europe/Berlin]"));
    assert_eq!(why(&first, "base"), (true, None));
    assert_eq!(rule(&first, "base").name.as_deref(), Some("A point a euro"));
    assert_eq!(why(&first, "small"), (false, Some(WhyNot::NotChosen)));
    assert_eq!(why(&first, "gone"), (false, Some(WhyNot::Campaign)));
    assert_eq!(why(&first, "asleep"), (false, Some(WhyNot::Paused)));
    assert_eq!(why(&first, "weekend"), (false, Some(WhyNot::Schedule)));
    assert_eq!(why(&first, "cents"), (false, Some(WhyNot::NothingToPay)));
    let large = &rule(&first, "large").amounts[0];
    assert_eq!((large.wanted, large.granted), (20, 20));
    assert_eq!(large.seen, [("rules.base.points".to_owned(), 10.into())]);
    let cut = &rule(&first, "first").amounts[0];
    assert_eq!((cut.wanted, cut.granted, cut.cut.as_deref()), (100, 40, Some("rules.first#0")));
    let picked: Vec<bool> = rule(&first, "coffee").items.iter().map(|i| i.picked).collect();
    assert_eq!(picked, [false, true]);

    let second = told(&world, 1);
    assert_eq!(why(&second, "first"), (false, Some(WhyNot::Condition)));
    let condition = &rule(&second, "first").conditions[0];
    assert!(!condition.held);
    assert_eq!(condition.seen, [("order.subtotal".to_owned(), "9.99".into())]);
    assert_eq!(why(&second, "coffee"), (false, Some(WhyNot::NoItem)));
    assert_eq!(why(&second, "once"), (false, Some(WhyNot::AlreadyPaid)));
}

#[test]
fn it_speaks_of_then_and_not_of_now() {
    let mut world = World::new(TOML);
    world.pay(r#"{"id":"o1","subtotal":10}"#);
    let then = told(&world, 0);
    for n in 2..5 {
        world.pay(&format!(r#"{{"id":"o{n}","subtotal":100}}"#));
    }
    assert_eq!(told(&world, 0), then);
    assert_eq!(rule(&then, "first").conditions[1].seen, [("counters.orders".to_owned(), 0.into())]);
}

#[test]
fn what_was_not_applied_has_its_reason() {
    let mut world = World::new(TOML);
    world.send(event("shelf.moved", "e1", "{}"));
    let told = told(&world, 0);
    assert_eq!(&*told.reason.unwrap().code, "type_unknown");
    assert!(told.rules.is_empty());
}

#[test]
fn what_was_taken_back_is_told_with_the_grant() {
    let mut world = World::new(
        r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { decimals = 1 }
rules.base = { on = "order.paid", each = 'order.items', earn.points = 'item.total' }
"#,
    );
    world.pay(r#"{"id":"o1","items":[{"id":"a","total":10},{"id":"b","total":"4.50"}]}"#);
    let take = r#"{"wallet":"points","amount":"-12","reason":"a gift"}"#;
    world.send(api(event("fealty.adjusted", "1", take)));
    world.refund(r#"{"order":"o1","items":[{"id":"a"}]}"#);
    let said = |row: usize| told(&world, row).changes.into_iter().map(|c| c.said).collect::<Vec<_>>();
    assert!(said(0).is_empty());
    assert_eq!(said(1), ["a person took 12 points by hand: a gift"]);
    let back = "took back 10 points of the 14.5 points that rule base gave for order o1; 10 points of it are \
        back in all; 7.5 points of that were spent before and are owed";
    assert_eq!(said(2), [back]);
}

#[test]
fn with_each_the_values_of_every_item_are_told() {
    let mut world = World::new(TOML);
    let items = r#"[{"id":"a","category":"tea","total":4},{"id":"b","category":"coffee","total":6}]"#;
    world.pay(&format!(r#"{{"id":"o1","items":{items}}}"#));
    let told = told(&world, 0);
    let [tea, coffee] = &rule(&told, "coffee").items[..] else { panic!("{told:?}") };
    assert_eq!(tea.conditions[0].seen, [("item.category".to_owned(), "tea".into())]);
    assert!(tea.amounts.is_empty(), "an item that was not picked has no amount");
    assert_eq!(&*coffee.amounts[0].wallet, "points");
    assert_eq!(coffee.amounts[0].seen, [("item.total".to_owned(), 6.into())]);
}

#[test]
fn a_rule_that_had_paid_says_for_what() {
    let mut world = World::new(TOML);
    world.pay(r#"{"id":"o1","subtotal":10,"store":"s"}"#);
    world.pay(r#"{"id":"o2","subtotal":10,"store":"s"}"#);
    assert_eq!(rule(&told(&world, 0), "once").once, None);
    assert_eq!(rule(&told(&world, 1), "once").once.as_deref(), Some("s"));
}

/// The words are those of docs/codes.md and of the API's schema.
#[test]
fn why_not_is_told_in_these_words() {
    let words = [
        (WhyNot::Paused, "paused"),
        (WhyNot::Schedule, "schedule"),
        (WhyNot::Campaign, "campaign"),
        (WhyNot::HeldOut, "held_out"),
        (WhyNot::Condition, "condition"),
        (WhyNot::NoItem, "no_item"),
        (WhyNot::Limit, "limit"),
        (WhyNot::NotChosen, "not_chosen"),
        (WhyNot::AlreadyPaid, "already_paid"),
        (WhyNot::NothingToPay, "nothing_to_pay"),
        (WhyNot::OutOfRange, "out_of_range"),
    ];
    for (why, word) in words {
        assert_eq!(serde_json::to_value(why).unwrap(), word);
    }
}
