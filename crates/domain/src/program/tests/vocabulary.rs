//! What the whole vocabulary becomes: ladders, clocks, effects, rewards, achievements, workflows; numbers for names.

use super::*;
use crate::condition::Read;
use crate::num::Num;
use crate::plan::*;
use crate::term::{Term, Wait};
use crate::time::{Span, SpanUnit, Unit, Window};
use crate::value::{Type, Value};

const WHOLE: &str = r#"
params = { last = "12 months", back = "30 days", need = { gold = 500 }, rate = 1.5 }
regions.ch = { currency = "CHF", params = { last = "6 months idle", rate = 2 } }
member = { anniversary = "date?", plan = "basic | gold = 'basic'" }
wallets.cash = { decimals = 2, expires = 'params.last', activity = ["order.paid", "app.opened"], pending = { until = "order.fulfilled", after = 'params.back', at_most = "60 days" }, warn = "7 days", transfer = true, balance_max = 'tiers.status.most' }
wallets.old = { expires = 2030-12-31, pending = 2028-01-01 }
events."app.opened" = { platform = "string" }
counters.spend = { on = "order.paid", add = 'order.subtotal * params.rate * (tiers.status == "gold" ? 2 : 1)', per = "tiers.status", carry = 100 }
counters.earned = { earned = "wallets.points", count_pending = false, per = "year" }
counters.weeks = { on = "order.paid", streak = "week", forgive = "wallets.points" }
households = { share = ["cash"], members_max = 4, stay = "30 days" }
referrals = { on = "order.paid", when = 'order.total > 10', after = 'params.back' }
segments.golden = ['tiers.status >= "gold"', 'achievements.ten > 0']

rules.birthday = { on = { yearly = "member.anniversary", before = "3 days", at = "09:30" }, give.cake = 1 }
rules.month = { on = { every = "month", after = "10 days" }, when = 'wallets.points.available > 9', redeem.voucher = 'wallets.points.available' }
rules.month_twice = { on = { every = "month", after = "10 days" }, earn.cash = 'rules.month_pay.points' }
rules.month_pay = { on = { every = "month", after = "10 days" }, earn.points = 'counters.spend / tiers.status.rate' }
rules.silence = { on = { idle = "45 days", of = ["order.paid"] }, emit = { type = "guest.missed", data = { level = 'tiers.status' } } }
rules.opening = { on = { once = 2027-05-01T10:00 }, earn.points = { amount = 5, expires = "end of month", pending = "1 day" } }
rules.plan = { on = "member.updated", place.status = { level = 'member.plan', down = true, keep = "1 month" } }
rules.friend = { on = "referral.qualified", to = "referrer", earn.points = 50, limit = { times = 10, per = "tiers.status", across = "household" } }
rules.sale = { on = "order.quoted", discount = { percent = 'tiers.status.rate', items = '"sale" in item.tags', cheapest = 2, at_most = 10 } }
rules.line = { on = "order.quoted", each = 'order.items', when = 'item.price > 2', discount.amount = 'item.price / 2' }
rules.moved = { on = "tier.changed", when = 'tier.up && tier.ladder == "status"', earn.points = 1 }
rules.done = { on = "points.released", when = 'points.wallet == "cash" && has(points.on)', emit = "guest.paid" }

rewards.cake = { gives.product = "cake", valid = "2 months", stock = 10 }
rewards.voucher = { cost.points = 1, gives.value = 0.01, quantity_max = 1000, quantity_step = 'params.rate', hold = "1 hour" }
rewards.off = { cost.points = 'quantity * 2', when = 'order.subtotal >= 10', gives.discount = { amount = 5, items = 'item.category == "drink"' } }
rewards.code = { gives.code.pattern = "FREE-####" }
rewards.pool = { gives.code.pool = "imported", limit = { times = 1, per = "month" } }
rewards.till = { gives.custom = { cents = 10, rate = 0.25 } }

achievements.ten = { needs = { weeks = 10, spend = 'params.need.gold' }, repeat = true, when = 'tiers.status.since <= now', give.cake = 1, limit = { times = 2 } }

[tiers.status]
keep = 'params.last_kept'
lapse = "one_down"
grace = "14 days"
levels = [
  { id = "basic", rate = 1, most = 1000, perk = "tea" },
  { id = "gold", name = "Gold", rate = 'params.rate', most = 5000, perk = "cake", needs = [{ spend = 'params.need.gold' }, { earned = 10, weeks = 3 }], keep = "never", benefits = ["early"] },
]

[workflows.back]
on = { idle = "45 days", of = "order.paid" }
when = 'member.plan == "gold"'
again = "180 days"
exit = "app.opened"
steps = [
  { emit = "guest.called" },
  { id = "came", wait = { on = "order.paid", when = 'order.total > 5', at_most = "14 days" } },
  { when = '!steps.came.came', give.cake = 1 },
  { wait = "end of month" },
  { stop = true },
]

[tests.all]
steps = [
  { at = 2027-01-01, quote.subtotal = 10, region = "ch", expect = 'discount == 0' },
  { redeem = "off", quantity = 1.5, order.subtotal = 20, expect = 'refused == "" && size(given) == 0' },
  { confirm = 2 },
  { member = "bo", join = "ada" },
  { member = "bo", event = "referral.claimed", referral.by = "ada" },
]
"#;

fn plan() -> Plan {
    good(&WHOLE.replace("last_kept", "last").replace(r#"last = "6 months idle", rate"#, "rate")).plan
}

fn rule<'p>(plan: &'p Plan, id: &str) -> &'p Rule {
    plan.rules.iter().find(|r| &*r.id == id).unwrap_or_else(|| panic!("{id}"))
}

fn span(count: u32, unit: SpanUnit) -> Span {
    Span { count, unit }
}

fn param(plan: &Plan, value: &str) -> u16 {
    let is = |v: &Value| matches!(v, Value::Text(t) if &**t == value);
    plan.regions[0].params.iter().position(is).unwrap() as u16
}

#[test]
fn wallets_wait_and_end() {
    let plan = plan();
    let wallet = |id: &str| plan.wallets.iter().find(|w| &*w.id == id).unwrap();
    let (cash, old) = (wallet("cash"), wallet("old"));
    assert_eq!(cash.expires, Setting::Param(param(&plan, "12 months")));
    assert_eq!(cash.activity.len(), 2);
    let Pending::Until { on, after, at_most } = cash.pending.clone() else { panic!("until") };
    assert_eq!(&*plan.types[usize::from(on)].name, "order.fulfilled");
    assert_eq!(after, Some(Setting::Param(param(&plan, "30 days"))));
    assert_eq!(at_most, Some(Setting::Is(span(60, SpanUnit::Day))));
    assert_eq!((cash.warn, cash.transfer, cash.shared), (Some(span(7, SpanUnit::Day)), true, true));
    // Values of levels are sorted by name: most, perk, rate.
    assert_eq!(cash.balance_max, Some(Setting::Level(0, 0)));
    assert_eq!(old.expires, Setting::Is(Term::parse("2030-12-31").unwrap()));
    assert_eq!(old.pending, Pending::For(Setting::Is(Wait::parse("2028-01-01").unwrap())));
    assert!(!old.shared);
}

#[test]
fn a_ladder_and_what_reads_it() {
    let plan = plan();
    let [ladder] = &plan.ladders[..] else { panic!("one ladder") };
    assert_eq!((ladder.lapse, ladder.grace, ladder.base), (Lapse::OneDown, Some(span(14, SpanUnit::Day)), 0));
    let keys: Vec<&str> = ladder.keys.iter().map(|(k, _)| &**k).collect();
    assert_eq!(keys, ["most", "perk", "rate"]);
    let gold = &ladder.levels[1];
    assert_eq!(gold.keep, Some(Setting::Is(Term::never())));
    let no = |id: &str| plan.counters.iter().position(|c| &*c.id == id).unwrap() as u16;
    assert_eq!(gold.needs.len(), 2);
    assert!(matches!(gold.needs[0][0], (c, Setting::ParamSlot(_, 0)) if c == no("spend")));
    assert_eq!(gold.needs[1].iter().map(|(c, _)| *c).collect::<Vec<_>>(), [no("earned"), no("weeks")]);
    assert!(matches!(gold.values[2], Setting::Param(_)));
    assert_eq!(gold.values[1], Setting::Is(Value::Text("cake".into())));

    let spend = &plan.counters[usize::from(no("spend"))];
    assert_eq!((spend.per, spend.carry), (Window::Level(0), Setting::Is(Num::minor(100, 0))));
    assert!(
        matches!(&spend.kind, CounterKind::Sum { add: Some(add), .. } if add.tier_reads == [tier_slots::LEVEL])
    );
    let earned = &plan.counters[usize::from(no("earned"))];
    assert!(matches!(earned.kind, CounterKind::Earned { count_pending: false, .. }));
    let weeks = &plan.counters[usize::from(no("weeks"))];
    assert!(matches!(weeks.kind, CounterKind::Streak { forgive: Forgive::Wallet(2), .. }));
    let ty = |name: &str| &plan.types[usize::from(plan.type_by_name[name])];
    assert!(ty("order.paid").reads_tiers && ty("order.quoted").reads_tiers);
    assert!(!ty("order.refunded").reads_tiers);
    let segment = &plan.segments[0].when;
    assert_eq!(
        (segment.tier_reads.as_slice(), segment.reads.as_slice()),
        (&[0][..], &[Read::Achieved(0)][..])
    );
}

#[test]
fn rules_on_a_clock() {
    let plan = plan();
    let anniversary = plan.member_fields.slot("anniversary").unwrap() as u16;
    let before = Some(span(3, SpanUnit::Day));
    assert_eq!(
        rule(&plan, "birthday").clock,
        Some(Clock::Yearly { field: anniversary, before, at: (9, 30) })
    );
    assert!(rule(&plan, "birthday").trigger.on.is_empty());
    let month = Clock::Every { unit: Unit::Month, after: Some(span(10, SpanUnit::Day)) };
    assert_eq!(rule(&plan, "month").clock, Some(month));
    let Some(Clock::Idle { of, .. }) = &rule(&plan, "silence").clock else { panic!("idle") };
    assert_eq!(of, &[plan.type_by_name["order.paid"]]);
    assert_eq!(rule(&plan, "opening").clock, Some(Clock::Once { at: "2027-05-01T10:00".parse().unwrap() }));
    assert_eq!(plan.clocks.len(), 6);
    let order = |id: &str| plan.rules.iter().position(|r| &*r.id == id).unwrap();
    assert!(order("month_pay") < order("month_twice"), "rules on one clock refer to each other");
    let due = &plan.types[usize::from(plan.type_by_name["fealty.due"])];
    assert!(due.reads_tiers && due.rules.is_empty());
    assert!(due.reads.contains(&Read::WalletAvailable(2)));
}

#[test]
fn effects_of_rules() {
    let plan = plan();
    let opening = &rule(&plan, "opening").earn[0];
    assert_eq!(opening.expires, Some(Setting::Is(Term::parse("end of month").unwrap())));
    assert_eq!(opening.pending, Some(Pending::For(Setting::Is(Wait::Span(span(1, SpanUnit::Day))))));
    let place = &rule(&plan, "plan").place[0];
    assert!(matches!(&place.level, LevelOf::Path(path) if path.member_reads.len() == 1));
    assert!(place.down && place.keep.is_some());
    let friend = rule(&plan, "friend");
    assert_eq!((friend.to, friend.limits[0].across), (Payee::Referrer, Across::Household));
    assert_eq!(friend.limits[0].per, Window::Level(0));
    let sale = rule(&plan, "sale").discount.as_ref().unwrap();
    assert!(sale.items.as_ref().is_some_and(|items| items.uses.item));
    assert!(matches!(sale.off, Off::Percent(_)));
    assert!(rule(&plan, "line").trigger.each.as_ref().is_some_and(|each| each.order_items));
    let level = &rule(&plan, "silence").emit[0].data[0].1;
    assert!(matches!(&level.ty, Type::Words(_)), "a level leaves as its name");
}

#[test]
fn rewards_and_their_carts() {
    let plan = plan();
    let reward = |id: &str| plan.rewards.iter().find(|r| &*r.id == id).unwrap();
    assert_eq!(reward("cake").hold, span(15, SpanUnit::Minute));
    assert_eq!((reward("cake").stock, reward("cake").needs_order), (Some(10), false));
    assert!(matches!(reward("voucher").quantity_step, Setting::Param(_)));
    assert!(reward("off").needs_order);
    assert!(matches!(&reward("code").gives, Gives::CodePattern(p) if p == "FREE-####"));
    assert!(matches!(&reward("pool").gives, Gives::CodeImported(p) if p == "imported"));
    let Gives::Custom(table) = &reward("till").gives else { panic!("custom") };
    assert_eq!(table.to_string(), r#"{"cents":10,"rate":0.25}"#);
}

#[test]
fn achievements_and_workflows_pay_by_hidden_rules() {
    let plan = plan();
    let ten = &plan.achievements[0];
    let hidden = &plan.rules[usize::from(ten.rule)];
    assert_eq!(
        (&*hidden.id, hidden.give.len(), &*hidden.limits[0].id),
        ("achievements.ten", 1, "achievements.ten#0")
    );
    assert!(hidden.trigger.on.is_empty() && ten.repeat && ten.needs.len() == 2);

    let back = &plan.workflows[0];
    assert!(back.trigger.on.is_empty() && matches!(back.clock, Some(Clock::Idle { .. })));
    assert_eq!((back.again, back.exit.len()), (Some(span(180, SpanUnit::Day)), 1));
    let Act::Effects(first) = back.steps[0].act else { panic!("effects") };
    assert_eq!(&*plan.rules[usize::from(first)].id, "workflows.back#0");
    let Act::WaitFor { trigger, at_most } = &back.steps[1].act else { panic!("waits for") };
    assert_eq!((trigger.on.len(), *at_most), (1, Some(Setting::Is(span(14, SpanUnit::Day)))));
    assert_eq!(&*back.steps[2].when[0].source, "!steps.came.came");
    assert!(matches!(back.steps[3].act, Act::Wait(_)) && matches!(back.steps[4].act, Act::Stop));

    let referrals = plan.referrals.as_ref().unwrap();
    assert_eq!((referrals.claim, referrals.trigger.when.len()), (span(30, SpanUnit::Day), 1));
    let households = plan.households.as_ref().unwrap();
    assert_eq!((households.members_max, households.stay), (4, Some(span(30, SpanUnit::Day))));
}

#[test]
fn steps_of_tests() {
    let program =
        good(&WHOLE.replace("last_kept", "last").replace(r#"last = "6 months idle", rate"#, "rate"));
    let [test] = &program.tests[..] else { panic!("one test") };
    assert_eq!(test.steps[0].quote.as_ref().unwrap()["subtotal"], 10);
    let redeem = test.steps[1].redeem.as_ref().unwrap();
    assert_eq!(&*program.plan.rewards[usize::from(redeem.reward)].id, "off");
    assert_eq!(redeem.quantity, Num::minor(15, 1));
    assert_eq!(redeem.order.as_ref().unwrap()["subtotal"], 20);
    assert_eq!((test.steps[2].confirm, test.steps[3].join.as_deref()), (Some(1), Some("ada")));
}

#[test]
fn a_setting_is_right_in_every_region() {
    // `keep` does not wait for activity, and region `ch` says that it does.
    let text = WHOLE.replace("last_kept", "last");
    assert_eq!(
        said(&text),
        [
            r#"bad_term `'params.last'`: `6 months idle` counts from the last activity | only points can expire so: say how long from the beginning"#
        ]
    );
}
