//! Earning: exactness, limits, budgets, campaigns, business keys, counters.

use crate::world::*;
use domain::num::Num;
use domain::outcome::Status;

const BASE: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal * 100' }
"#;

#[test]
fn a_19_99_order_at_100_a_unit_is_1999() {
    let mut world = World::new(BASE);
    world.pay(r#"{"id":"o1","subtotal":19.99}"#);
    assert_eq!(world.points(), (1999, 0));
    world.pay(r#"{"id":"o2","subtotal":"0.29"}"#);
    assert_eq!(world.points(), (2028, 0));
}

#[test]
fn a_3_00_order_at_5_per_full_2_50_is_5() {
    let mut world = World::new(&BASE.replace("order.subtotal * 100", "floor(order.subtotal / 2.50) * 5"));
    world.pay(r#"{"id":"o1","subtotal":3.00}"#);
    assert_eq!(world.points(), (5, 0));
    world.pay(r#"{"id":"o2","subtotal":5.00}"#);
    assert_eq!(world.points(), (15, 0));
}

#[test]
fn a_wallet_with_decimals_rounds_its_smallest_part_once() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.cash = { decimals = 2, round = "nearest" }
rules.back = { on = "order.paid", each = 'order.items', earn.cash = 'item.total * 0.015' }
"#;
    let mut world = World::new(toml);
    // 0.15 + 0.15 + 0.15 = 0.4497, rounded once: 0.45; rounded item by item it would be 0.45 too, of 9.99 each.
    let items = r#"[{"id":"a","total":9.99},{"id":"b","total":9.99},{"id":"c","total":10.00}]"#;
    let decision = world.pay(&format!(r#"{{"id":"o1","items":{items}}}"#));
    assert_eq!(world.points(), (45, 0));
    assert_eq!(decision.order.as_ref().unwrap().grants[0].shares, [15, 15, 15]);
}

const CAPPED: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
[rules.base]
on = "order.paid"
earn.points = 'order.subtotal'
limit = { points = 100, per = "week" }
"#;

#[test]
fn a_limit_pays_what_is_left_and_says_why() {
    let mut world = World::new(CAPPED);
    world.pay(r#"{"id":"o1","subtotal":70}"#);
    let decision = world.pay(r#"{"id":"o2","subtotal":50}"#);
    let effect = &decision.effects[0];
    assert_eq!((effect.wanted, effect.granted), (50, 30));
    assert_eq!(effect.cut.as_deref(), Some("rules.base#0"));
    assert_eq!(world.points(), (100, 0));
}

#[test]
fn all_or_nothing_refuses_the_whole() {
    let mut world = World::new(&CAPPED.replace("per = \"week\"", "per = \"week\", partial = false"));
    world.pay(r#"{"id":"o1","subtotal":70}"#);
    let decision = world.pay(r#"{"id":"o2","subtotal":50}"#);
    assert_eq!((decision.effects[0].wanted, decision.effects[0].granted), (50, 0));
    world.pay(r#"{"id":"o3","subtotal":30}"#);
    assert_eq!(world.points(), (100, 0));
}

#[test]
fn a_refund_frees_the_limit_in_its_own_window() {
    let mut world = World::new(CAPPED);
    world.pay(r#"{"id":"o1","subtotal":100}"#);
    world.send(at("2027-03-08T12:00:00Z", event("order.paid", "e2", r#"{"id":"o2","subtotal":100}"#)));
    assert_eq!(world.points(), (200, 0));
    // Told a week later, it is free again in the week of its order.
    world.send(at(
        "2027-03-09T12:00:00Z",
        nobody(event("order.refunded", "r1", r#"{"order":"o1","amount":40}"#)),
    ));
    world.send(at("2027-03-09T13:00:00Z", event("order.paid", "e3", r#"{"id":"o3","subtotal":100}"#)));
    assert_eq!(world.points(), (160, 0));
    world.send(at("2027-03-02T12:00:00Z", event("order.paid", "e4", r#"{"id":"o4","subtotal":100}"#)));
    assert_eq!(world.points(), (200, 0));
}

#[test]
fn late_events_count_in_their_own_window() {
    let mut world = World::new(CAPPED);
    world.send(at("2027-03-10T12:00:00Z", event("order.paid", "e1", r#"{"id":"o1","subtotal":90}"#)));
    world.send(at("2027-03-01T12:00:00Z", event("order.paid", "e2", r#"{"id":"o2","subtotal":90}"#)));
    assert_eq!(world.points(), (180, 0));
    let next =
        world.send(at("2027-03-11T12:00:00Z", event("order.paid", "e3", r#"{"id":"o3","subtotal":90}"#)));
    assert_eq!(next.decision.effects[0].granted, 10);
}

#[test]
fn times_count_events_and_are_freed_by_a_full_refund() {
    let mut world = World::new(&CAPPED.replace("points = 100", "times = 1"));
    world.pay(r#"{"id":"o1","subtotal":70}"#);
    assert_eq!(world.pay(r#"{"id":"o2","subtotal":50}"#).effects[0].granted, 0);
    world.refund(r#"{"order":"o1","amount":10}"#);
    assert_eq!(world.pay(r#"{"id":"o3","subtotal":50}"#).effects[0].granted, 0);
    world.refund(r#"{"order":"o1","amount":60}"#);
    assert_eq!(world.pay(r#"{"id":"o4","subtotal":50}"#).effects[0].granted, 50);
}

#[test]
fn a_budget_is_never_passed_by_a_point() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
campaigns.spring = { limit = { points = 1000, across = "members" } }
rules.a = { on = "order.paid", campaign = "spring", earn.points = 'order.subtotal' }
rules.b = { on = "order.paid", campaign = "spring", earn.points = 'order.subtotal * 2' }
"#;
    let mut world = World::new(toml);
    let orders: Vec<_> = (0..40)
        .map(|n| {
            let data = format!(r#"{{"id":"o{n}","subtotal":{}}}"#, 7 + n);
            of(&format!("email:m{}@example.com", n % 7), event("order.paid", &format!("e{n}"), &data))
        })
        .collect();
    for batch in orders.chunks(13) {
        world.send_all(batch);
    }
    let granted: i64 = world.rows().iter().flat_map(|r| r.decision.effects.clone()).map(|e| e.granted).sum();
    assert_eq!(granted, 1000);
}

#[test]
fn the_highest_bonus_wins_after_its_cap() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
campaigns.bonus = { pay = "highest" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.double = { on = "order.paid", campaign = "bonus", earn.points = 'rules.base.points' }
rules.five_fold = { on = "order.paid", campaign = "bonus", earn.points = 'order.subtotal * 5', limit = { points = 60 } }
"#;
    let mut world = World::new(toml);
    let first = world.pay(r#"{"id":"o1","subtotal":10}"#);
    let granted = |d: &domain::outcome::Decision, rule: &str| {
        d.effects.iter().find(|e| &*e.rule == rule).map(|e| (e.granted, e.cut.clone()))
    };
    assert_eq!(granted(&first, "five_fold"), Some((50, None)));
    assert_eq!(granted(&first, "double"), Some((0, Some("campaigns.bonus".into()))));
    let second = world.pay(r#"{"id":"o2","subtotal":20}"#);
    assert_eq!(granted(&second, "double"), Some((20, None)));
    assert_eq!(granted(&second, "five_fold").unwrap().0, 0);
    assert_eq!(world.points(), (10 + 50 + 20 + 20, 0));
    assert_eq!(world.used("rules.five_fold#0"), 50);
}

#[test]
fn the_first_of_a_list_that_applies_pays() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
campaigns.bonus = { pay = ["app", "any"] }
rules.app = { on = "order.paid", campaign = "bonus", when = 'order.channel == "app"', earn.points = 5 }
rules.any = { on = "order.paid", campaign = "bonus", earn.points = 50 }
"#;
    let mut world = World::new(toml);
    world.pay(r#"{"id":"o1","channel":"app"}"#);
    assert_eq!(world.points(), (5, 0));
    world.pay(r#"{"id":"o2","channel":"web"}"#);
    assert_eq!(world.points(), (55, 0));
}

#[test]
fn inner_campaigns_settle_before_outer_ones() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
campaigns.outer = { limit = { points = 45 } }
campaigns.inner = { campaign = "outer", pay = "highest" }
rules.a = { on = "order.paid", campaign = "inner", earn.points = 20 }
rules.b = { on = "order.paid", campaign = "inner", earn.points = 30 }
rules.c = { on = "order.paid", campaign = "outer", earn.points = 20 }
"#;
    let mut world = World::new(toml);
    world.pay(r#"{"id":"o1"}"#);
    // b wins within, then c has 15 left.
    assert_eq!(world.points(), (45, 0));
}

#[test]
fn earning_stops_at_balance_max_and_debt_makes_room() {
    let toml =
        BASE.replace("wallets.points = {}", "wallets.points = { balance_max = 500 }").replace("* 100", "");
    let mut world = World::new(&toml);
    world.pay(r#"{"id":"o1","subtotal":300}"#);
    let second = world.pay(r#"{"id":"o2","subtotal":300}"#);
    assert_eq!((second.effects[0].granted, second.effects[0].cut.as_deref()), (200, Some("balance_max")));
    assert_eq!(world.points(), (500, 0));
}

#[test]
fn a_business_key_pays_once_for_ever() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
events."survey.completed" = { receipt = "string" }
rules.survey = { on = "survey.completed", once_per = 'survey.receipt', earn.points = 50 }
"#;
    let mut world = World::new(toml);
    let survey =
        |id: &str, receipt: &str| event("survey.completed", id, &format!(r#"{{"receipt":"{receipt}"}}"#));
    world.send_all(&[survey("1", "a"), survey("2", "a"), survey("3", "b")]);
    world.send(survey("4", "b"));
    world.send(of("email:bo@example.com", survey("5", "b")));
    assert_eq!(world.points(), (100, 0));
    assert_eq!(world.member("email:bo@example.com").wallets[0].available, 50);
}

#[test]
fn counters_are_read_as_just_before_the_event_and_refunds_subtract() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.spend = { on = "order.paid", add = 'order.subtotal', per = "year" }
counters.won = { earned = "wallets.points" }
rules.base = { on = "order.paid", earn.points = 'counters.spend >= 100 ? 20 : 10' }
"#;
    let mut world = World::new(toml);
    let first = world.pay(r#"{"id":"o1","subtotal":100}"#);
    assert_eq!(first.seen, [("counters.spend".into(), serde_json::json!(0))]);
    world.pay(r#"{"id":"o2","subtotal":50.50}"#);
    assert_eq!(world.points(), (30, 0));
    world.refund(r#"{"order":"o1","amount":50}"#);
    assert_eq!(world.counter("spend"), Num::minor(10_050, 2));
    assert_eq!(world.counter("won"), Num::int(25).unwrap());
}

#[test]
fn a_number_out_of_range_fails_one_rule_and_the_others_go_on() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 1 }
rules.huge = { on = "order.paid", earn.points = 'order.subtotal * order.subtotal * order.subtotal * order.subtotal' }
"#;
    let mut world = World::new(toml);
    let decision = world.pay(r#"{"id":"o1","subtotal":99999999.99}"#);
    let failed = decision.effects.iter().find(|e| &*e.rule == "huge").unwrap();
    assert_eq!((&*failed.kind, failed.cut.as_deref()), ("failed", Some("number_out_of_range")));
    assert_eq!(world.points(), (1, 0));
}

#[test]
fn no_balance_passes_nine_quadrillion() {
    let toml = BASE.replace("order.subtotal * 100", "8000000000000000");
    let mut world = World::new(&toml);
    world.pay(r#"{"id":"o1"}"#);
    world.pay(r#"{"id":"o2"}"#);
    assert_eq!(world.points(), (9_000_000_000_000_000, 0));
}

#[test]
fn regions_have_their_currency_and_a_mismatch_is_refused() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
params = { rate = 1 }
regions.ch = { currency = "CHF", timezone = "Europe/Zurich", params = { rate = 2 } }
regions.jp = { currency = "JPY", timezone = "Asia/Tokyo" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal * params.rate' }
"#;
    let mut world = World::new(toml);
    world.pay(r#"{"id":"o1","currency":"CHF","subtotal":10}"#);
    assert_eq!(world.points(), (20, 0));
    world.pay(r#"{"id":"o2","currency":"EUR","subtotal":10}"#);
    assert_eq!(world.points(), (30, 0));
    for (id, data, code) in [
        ("e1", r#"{"id":"o3","region":"ch","currency":"EUR","subtotal":10}"#, "currency_mismatch"),
        ("e2", r#"{"id":"o3","region":"mars","subtotal":10}"#, "region_unknown"),
        ("e3", r#"{"id":"o3","currency":"JPY","subtotal":10.5}"#, "money_digits"),
        ("e4", r#"{"id":"o3","currency":"USD","subtotal":10}"#, "currency_mismatch"),
    ] {
        let decision = world.send(event("order.paid", id, data)).decision;
        assert_eq!(decision.status, Status::Refused);
        assert_eq!(&*decision.reason.as_ref().unwrap().code, code, "{data}");
    }
}

#[test]
fn messages_carry_their_data() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
[rules.big]
on = "order.paid"
when = 'order.subtotal >= 100'
emit = { type = "sale.big", data = { amount = 'order.subtotal', third = 'order.subtotal / 3' } }
"#;
    let mut world = World::new(toml);
    assert!(world.pay(r#"{"id":"o1","subtotal":99}"#).emitted.is_empty());
    let decision = world.pay(r#"{"id":"o2","subtotal":100}"#);
    assert_eq!(&*decision.emitted[0].kind, "sale.big");
    assert_eq!(decision.emitted[0].data["amount"], 100);
    assert_eq!(decision.emitted[0].data["third"], "100/3");
    // He came with the first order.
    assert_eq!(decision.seq, 2);
}

#[test]
fn a_holdout_is_a_stable_share() {
    let toml = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
campaigns.trial = { holdout = 0.5 }
rules.base = { on = "order.paid", campaign = "trial", earn.points = 1 }
"#;
    let mut world = World::new(toml);
    for round in 0..2 {
        let events: Vec<_> = (0..200)
            .map(|n| {
                of(
                    &format!("crm:{n}"),
                    event("order.paid", &format!("{round}-{n}"), &format!(r#"{{"id":"o{round}-{n}"}}"#)),
                )
            })
            .collect();
        world.send_all(&events);
    }
    let balances: Vec<i64> = (0..200)
        .map(|n| world.member(&format!("crm:{n}")).wallets.first().map_or(0, |w| w.available))
        .collect();
    assert!(balances.iter().all(|b| *b == 0 || *b == 2));
    assert!((60..140).contains(&balances.iter().filter(|b| **b == 2).count()));
}
