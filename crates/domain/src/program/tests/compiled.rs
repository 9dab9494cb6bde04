//! What a program becomes: numbers for names, slots for fields, the order of rules.

use super::*;
use crate::canonical;
use crate::condition::Read;
use crate::num::Num;
use crate::plan::*;
use crate::time::{Span, SpanUnit, Unit, Window};

/// A little of everything.
pub const WHOLE: &str = r#"
params = { rate = 2, most = { gold = 100, silver = 50 }, closed = ["alcohol", "tobacco"], start = 2027-01-01 }
member = { plan = "basic | pro = 'basic'", nickname = "string?" }
order.channel = "app | web"
order.gift = "bool = false"
item.organic = "bool = false"
events."review.posted" = { product = "string", rating = "number?" }
wallets.cash = { decimals = 2, round = "nearest", when_short = "forgive", value = 1, balance_max = 'params.most.gold' }
counters.spend = { on = "order.paid", add = 'order.subtotal * params.rate', per = "month" }
counters.visits = { on = "order.paid", streak = "week", forgive = 1 }
counters.products = { on = "order.paid", each = 'order.items', distinct = 'item.product', per = "12 months" }
counters.from_base = { earned = "rules.base.points", per = "year" }
formulas.counts = '!(item.category in params.closed)'
segments.regulars = ['counters.spend > 100', 'member.plan == "pro"']
campaigns.summer = { pay = ["inner", "bonus"], holdout = 0.1, limit = { points = 5_000_000, across = "members" }, active = { through = 2027-08-31T18:00 } }
campaigns.inner = { campaign = "summer", pay = "highest", when = 'segments.regulars' }

[regions.ch]
currency = "CHF"
timezone = "Europe/Zurich"
params.rate = 3

[rules.base]
name = "A point a euro"
on = "order.paid"
each = 'order.items'
when = 'formulas.counts'
earn.points = 'item.total'
earn.cash = 'item.total / 100'

[rules.a_double]
on = "order.paid"
campaign = "inner"
when = ['has(member.nickname)', 'member.nickname != "" && counters.spend.ago(1) > 0']
earn.points = 'rules.base.points'

[rules.bonus]
on = ["order.paid", "order.updated"]
campaign = "summer"
active = { from = 2027-06-01, through = 2027-08-31, days = ["sat", "sun"], hours = "22:00-02:00" }
earn.points = 5
limit = [{ times = 2, per = "week" }, { points = 'params.rate', per = "30 days", partial = false }]

[rules.thanks]
on = "review.posted"
once_per = 'review.product'
when = 'review.rating.or(0) >= 4 && today >= params.start'
emit = { type = "guest.thanked", data = { product = 'review.product', points = 'wallets.points.available' } }

[tests.first]
members = { bo = { plan = "pro", region = "ch" } }
steps = [
  { at = "2027-03-01 10:00", event = "order.paid", order.items = [{ price = 19.99 }], expect = 'rules.base.points == 19' },
  { after = "1 day + 2 hours", member = "bo", event = "review.posted", review = { product = "x", rating = 5 }, expect = ['"guest.thanked" in emitted', 'refused == ""'] },
]
"#;

fn rule<'p>(plan: &'p Plan, id: &str) -> &'p Rule {
    plan.rules.iter().find(|r| &*r.id == id).unwrap()
}

#[test]
fn rules_stand_in_the_order_in_which_they_are_judged() {
    let plan = good(WHOLE).plan;
    let ids: Vec<&str> = plan.rules.iter().map(|r| &*r.id).collect();
    assert_eq!(ids, ["base", "a_double", "bonus", "thanks"]);
    let double = rule(&plan, "a_double");
    assert_eq!(double.refers, [0]);
    let (points, spend) = (1, 2);
    assert_eq!(double.earn[0].amount.reads, [Read::Granted(0, points)]);
    assert_eq!(double.trigger.when[1].reads, [Read::Counter(spend, 1)]);
    assert_eq!(double.trigger.when[1].member_reads, [plan.member_fields.slot("nickname").unwrap() as u16]);
}

#[test]
fn a_rule_and_its_limits() {
    let plan = good(WHOLE).plan;
    let base = rule(&plan, "base");
    assert_eq!(base.name.as_deref(), Some("A point a euro"));
    let each = base.trigger.each.as_ref().unwrap();
    assert!(each.order_items);
    assert_eq!(each.path, [canonical::order::ITEMS as u16]);
    assert!(matches!(base.once_per, OncePer::Order));
    assert_eq!(
        base.earn.iter().map(|e| &*plan.wallets[usize::from(e.wallet)].id).collect::<Vec<_>>(),
        ["cash", "points"]
    );

    let bonus = rule(&plan, "bonus");
    assert_eq!(bonus.trigger.on.len(), 2);
    let active = bonus.trigger.active.as_ref().unwrap();
    assert_eq!(active.from.unwrap().to_string(), "2027-06-01T00:00:00");
    assert_eq!(active.until.unwrap().to_string(), "2027-09-01T00:00:00");
    assert_eq!((active.days, active.hours), (0b110_0000, Some((22 * 60, 2 * 60))));
    assert!(active.source.starts_with("{ from = 2027-06-01"));
    let [times, points] = &bonus.limits[..] else { panic!("two limits") };
    assert_eq!(
        (&*times.id, times.what, times.per),
        ("rules.bonus#0", LimitWhat::Times, Window::Unit(Unit::Week))
    );
    assert_eq!(
        (times.most, times.partial, times.across),
        (Amount::Is(Num::minor(2, 0)), true, Across::Member)
    );
    assert_eq!(points.most, Amount::Param(2));
    assert_eq!(points.per, Window::Rolling(Span { count: 30, unit: SpanUnit::Day }));
    assert!(!points.partial);

    let thanks = rule(&plan, "thanks");
    assert!(matches!(thanks.once_per, OncePer::Expr(_)));
    assert_eq!((&*thanks.emit[0].kind, thanks.emit[0].data.len()), ("guest.thanked", 2));
}

#[test]
fn campaigns_lie_inner_before_outer() {
    let plan = good(WHOLE).plan;
    let [inner, summer] = &plan.campaigns[..] else { panic!("two campaigns") };
    assert_eq!((&*inner.id, inner.parent, &*summer.id, summer.parent), ("inner", Some(1), "summer", None));
    assert!(matches!(inner.pay, Pay::Highest));
    let Pay::FirstOf(candidates) = &summer.pay else { panic!("a list") };
    assert_eq!(candidates[..], [Candidate::Campaign(0), Candidate::Rule(2)]);
    assert_eq!(summer.holdout_ppm, 100_000);
    assert_eq!(&*summer.limits[0].id, "campaigns.summer#0");
    assert_eq!(summer.limits[0].across, Across::Members);
    assert_eq!(summer.active.as_ref().unwrap().until.unwrap().to_string(), "2027-08-31T18:00:00.000000001");
}

#[test]
fn events_know_who_hears_them_and_what_is_read() {
    let plan = good(WHOLE).plan;
    let paid = &plan.types[usize::from(plan.type_by_name["order.paid"])];
    assert_eq!(paid.canon, Canon::OrderPaid);
    assert_eq!(paid.rules, [0, 1, 2]);
    let heard: Vec<&str> = paid.counters.iter().map(|c| &*plan.counters[usize::from(*c)].id).collect();
    assert_eq!(heard, ["products", "spend", "visits"]);
    // The audience of the campaign counts too; what rules granted does not.
    assert_eq!(paid.reads, [Read::Counter(2, 0), Read::Counter(2, 1)]);
    let slot = |name| plan.member_fields.slot(name).unwrap() as u16;
    assert_eq!(paid.member_reads, [slot("nickname"), slot("plan")]);
    assert!(canonical::order::COUNT <= paid.fields.slot("gift").unwrap());
    let posted = &plan.types[usize::from(plan.type_by_name["review.posted"])];
    assert_eq!((&*posted.noun, posted.canon), ("review", Canon::Other));
    assert_eq!(posted.reads, [Read::WalletAvailable(1)]);
}

#[test]
fn counters_of_every_kind() {
    let plan = good(WHOLE).plan;
    let kinds: Vec<&str> = plan
        .counters
        .iter()
        .map(|c| match &c.kind {
            CounterKind::Sum { add: Some(_), .. } => "sum",
            CounterKind::Sum { .. } => "count",
            CounterKind::Streak { unit: Unit::Week, forgive: crate::plan::Forgive::Gaps(1), .. } => "streak",
            CounterKind::Streak { .. } => "another streak",
            CounterKind::Distinct { .. } => "distinct",
            CounterKind::Earned { wallet: 1, rule: Some(0), .. } => "earned by base",
            CounterKind::Earned { .. } => "earned",
        })
        .collect();
    let ids: Vec<&str> = plan.counters.iter().map(|c| &*c.id).collect();
    assert_eq!(ids, ["from_base", "products", "spend", "visits"]);
    assert_eq!(kinds, ["earned by base", "distinct", "sum", "streak"]);
}

#[test]
fn params_have_a_value_for_each_region() {
    let plan = good(WHOLE).plan;
    let [program, ch] = &plan.regions[..] else { panic!("two regions") };
    assert_eq!((&*program.id, &*program.currency, program.exponent), ("", "EUR", 2));
    assert_eq!((&*ch.id, &*ch.currency), ("ch", "CHF"));
    // closed, most, rate, start
    assert_eq!(program.params[2], crate::value::Value::Num(Num::minor(2, 0)));
    assert_eq!(ch.params[2], crate::value::Value::Num(Num::minor(3, 0)));
    assert_eq!(program.params[1], ch.params[1]);
    let cash = &plan.wallets[0];
    assert_eq!(
        (cash.decimals, cash.when_short, cash.balance_max),
        (2, WhenShort::Forgive, Some(Amount::ParamSlot(1, 0)))
    );
}

#[test]
fn tests_are_read_with_exact_payloads() {
    let program = good(WHOLE);
    let [test] = &program.tests[..] else { panic!("one test") };
    assert_eq!(test.members[0].1["plan"], "pro");
    let (kind, order) = test.steps[0].event.as_ref().unwrap();
    assert_eq!(&**kind, "order.paid");
    assert_eq!(order["items"][0]["price"], "19.99");
    assert_eq!(test.steps[1].expect.len(), 2);
    let crate::scenario::When::After(spans) = &test.steps[1].when else { panic!("after") };
    assert_eq!(spans.len(), 2);
}

#[test]
fn what_has_ended_depends_on_the_day() {
    let program = good(WHOLE);
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    assert_eq!(program.ended(day("2027-08-31")).len(), 0);
    let ended = program.ended(day("2027-09-01"));
    let expected = "warning[ended]: the schedule ended on 31 August 2027
  --> program.toml:17  active = { through = 2027-08-31T18:00 }
                                            ^^^^^^^^^^^^^^^^
";
    assert_eq!(diag::render(&ended[..1], &program.sources, false), expected);
    assert_eq!(ended.len(), 2);
}

#[test]
fn the_schema_and_the_reference_come_from_the_same_tables() {
    let schema = schema();
    let rule = &schema["properties"]["rules"]["additionalProperties"];
    assert_eq!(rule["required"], serde_json::json!(["on"]));
    assert!(rule["properties"].get("earn").is_some());
    assert!(rule["properties"].get("give").is_some());
    assert_eq!(schema["properties"]["tiers"]["maxProperties"], 10);
    let reference = reference();
    assert!(reference.contains("| `decimals` | 0 to 6 | `0` | smallest part of a point |"));
    assert!(reference.contains("## `tiers.ID`"));
}
