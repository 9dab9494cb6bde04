//! Laws of whole batches, over random worlds: what a return takes back, that order and repetition change nothing,
//! that nothing is made or lost, that budgets hold however messages are cut into batches.

use domain::outcome::{Account, Decision, Status};
use proptest::prelude::*;
use testkit::core::Core;
use testkit::world::Message;

const PLAIN: &str = r#"
program = { id = "laws", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal * 1.7' }
rules.tea = { on = "order.paid", each = 'order.items', when = 'item.category == "tea"', earn.points = 'item.total * 3 / 7' }
rules.again = { on = "order.paid", earn.points = 'rules.tea.points' }
rules.flat = { on = "order.paid", earn.points = 11 }
"#;

const BUDGETS: &str = r#"
program = { id = "laws", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.part = { on = "order.paid", earn.points = 'order.total', limit = { points = 300, per = "day", across = "members", partial = true } }
rules.whole = { on = "order.paid", earn.points = 'order.total', limit = { points = 200, per = "week", across = "members", partial = false } }
rules.own = { on = "order.paid", earn.points = 7, limit = { times = 2, per = "day", partial = true } }
rules.rolling = { on = "order.paid", earn.points = 'order.total', limit = { points = 90, per = "7 days", partial = true } }
"#;

const START: i64 = 1_772_000_000;

fn message(id: &str, kind: &str, who: &str, time: i64, data: String) -> Message {
    let subject = if who.is_empty() { String::new() } else { format!("email:{who}@example.com") };
    let (source, id, kind) = ("shop".to_owned(), id.to_owned(), kind.to_owned());
    Message { source, id, kind, subject, also: Vec::new(), time, data, arrives: START + 500 * 86_400 }
}

fn euros(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// An order of these items: (cents, is it tea). Shipping comes on top.
fn order(id: &str, who: &str, time: i64, items: &[(i64, bool)], shipping: i64) -> Message {
    let lines = items.iter().enumerate().map(|(no, (cents, tea))| {
        let category = if *tea { "tea" } else { "mugs" };
        format!(r#"{{"id":"i{no}","quantity":2,"category":"{category}","total":"{}"}}"#, euros(*cents))
    });
    let lines: Vec<String> = lines.collect();
    let sum: i64 = items.iter().map(|i| i.0).sum();
    let data = format!(
        r#"{{"id":"{id}","currency":"EUR","total":"{}","subtotal":"{}","items":[{}]}}"#,
        euros(sum + shipping),
        euros(sum),
        lines.join(",")
    );
    message(id, "order.paid", who, time, data)
}

#[derive(Clone, Debug)]
enum Back {
    Amount(i64),
    /// (item, units of two)
    Item(usize, i64),
    Whole,
}

fn refund(no: usize, order: &str, back: &Back) -> Message {
    let rest = match back {
        Back::Amount(cents) => format!(r#","amount":"{}""#, euros(*cents)),
        Back::Item(item, units) => format!(r#","items":[{{"id":"i{item}","quantity":{units}}}]"#),
        Back::Whole => String::new(),
    };
    let data = format!(r#"{{"id":"r{no}","order":"{order}","currency":"EUR"{rest}}}"#);
    message(&format!("r{no}"), "order.refunded", "", START + 90_000, data)
}

fn back(items: usize, total: i64) -> impl Strategy<Value = Back> {
    prop_oneof![
        4 => (1..=total).prop_map(Back::Amount),
        4 => (0..items, 1..=2_i64).prop_map(|(item, units)| Back::Item(item, units)),
        1 => Just(Back::Whole),
    ]
}

/// Items, shipping, and what comes back.
fn story() -> impl Strategy<Value = (Vec<(i64, bool)>, i64, Vec<Back>)> {
    let items = prop::collection::vec((1..9000_i64, any::<bool>()), 1..4);
    (items, 0..600_i64).prop_flat_map(|(items, shipping)| {
        let total = items.iter().map(|i| i.0).sum::<i64>() + shipping;
        let backs = prop::collection::vec(back(items.len(), total), 0..5);
        (Just(items), Just(shipping), backs)
    })
}

/// What the member holds less what he owes, and what counters say.
fn ledger(core: &Core) -> Vec<(i64, Vec<String>)> {
    let net = |m: &domain::member::Member| m.wallets.iter().map(|w| w.available - w.debt).sum();
    let counts = |m: &domain::member::Member| m.counters.iter().map(|c| format!("{:?}", c.parts)).collect();
    core.members().iter().map(|m| (net(m), counts(m))).collect()
}

fn reversed(decision: &Decision) -> i64 {
    decision.order.as_ref().map_or(0, |o| o.grants.iter().map(|g| g.reversed).sum())
}
fn granted(decision: &Decision) -> i64 {
    decision.order.as_ref().map_or(0, |o| o.grants.iter().map(|g| g.granted).sum())
}

/// Points by account: what left each less what entered it.
fn conserved(core: &Core) -> Result<(), TestCaseError> {
    let mut held = 0_i128;
    for transfer in core.decisions().iter().flat_map(|d| &d.transfers) {
        prop_assert!(transfer.amount > 0 && transfer.debit != transfer.credit);
        let own = |account| matches!(account, Account::Available | Account::Debt | Account::Pending);
        held += i128::from(own(transfer.credit)) * i128::from(transfer.amount);
        held -= i128::from(own(transfer.debit)) * i128::from(transfer.amount);
    }
    let members: i64 = ledger(core).iter().map(|m| m.0).sum();
    prop_assert_eq!(held, i128::from(members));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn returns_only_ever_take_back_more_and_at_last_all((items, shipping, backs) in story()) {
        let mut core = Core::new(PLAIN);
        let first = core.send(&[order("o1", "ada", START, &items, shipping)]);
        let all = granted(&first[0].1);
        let mut so_far = 0;
        for (no, back) in backs.iter().enumerate() {
            let told = core.send(&[refund(no, "o1", back)]);
            prop_assert_eq!(told[0].1.status, Status::Applied);
            let now = reversed(&told[0].1);
            prop_assert!(now >= so_far && now <= all, "{} after {} of {}", now, so_far, all);
            so_far = now;
        }
        let last = core.send(&[refund(99, "o1", &Back::Whole)]);
        prop_assert_eq!(reversed(&last[0].1), all);
        prop_assert_eq!(ledger(&core)[0].0, 0);
        conserved(&core)?;
    }

    #[test]
    fn by_amount_the_share_is_cumulative(total in 100..90_000_i64, parts in prop::collection::vec(1..20_000_i64, 1..6)) {
        let mut core = Core::new(PLAIN);
        let data = format!(r#"{{"id":"o1","currency":"EUR","total":"{0}","subtotal":"{0}"}}"#, euros(total));
        let first = core.send(&[message("o1", "order.paid", "ada", START, data)]);
        let grants = first[0].1.order.clone().expect("an order").grants;
        let mut back = 0;
        for (no, cents) in parts.iter().enumerate() {
            back = (back + cents).min(total);
            let told = core.send(&[refund(no, "o1", &Back::Amount(*cents))]);
            // Each grant by itself: floor(granted * share).
            let share = |g: i64| (i128::from(g) * i128::from(back) / i128::from(total)) as i64;
            prop_assert_eq!(reversed(&told[0].1), grants.iter().map(|g| share(g.granted)).sum::<i64>());
        }
    }

    #[test]
    fn what_an_item_gave_is_what_it_takes_back((items, shipping, _) in story()) {
        let mut core = Core::new(PLAIN);
        let first = core.send(&[order("o1", "ada", START, &items, shipping)]);
        let grants = first[0].1.order.clone().expect("an order").grants;
        for grant in &grants {
            prop_assert_eq!(grant.shares.iter().sum::<i64>(), grant.granted);
            prop_assert!(grant.shares.iter().all(|s| *s >= 0));
        }
        for item in 0..items.len() {
            let before = ledger(&core)[0].0;
            core.send(&[refund(item, "o1", &Back::Item(item, 2))]);
            let gave: i64 = grants.iter().map(|g| g.shares[item]).sum();
            prop_assert_eq!(before - ledger(&core)[0].0, gave);
        }
    }

    #[test]
    fn order_and_repetition_change_nothing(
        stories in prop::collection::vec(story(), 1..4),
        seed in any::<u64>(),
        sizes in prop::collection::vec(1..7_usize, 1..5),
    ) {
        let mut messages = Vec::new();
        for (no, (items, shipping, backs)) in stories.iter().enumerate() {
            let id = format!("o{no}");
            messages.push(order(&id, "ada", START + no as i64 * 86_400, items, *shipping));
            messages.extend(backs.iter().enumerate().map(|(at, back)| refund(no * 10 + at, &id, back)));
        }
        let mut straight = Core::new(PLAIN);
        for message in &messages {
            straight.send(std::slice::from_ref(message));
        }
        let mut rng = testkit::rng::Rng::new(seed);
        let mut shuffled: Vec<Message> = messages.iter().chain(&messages).cloned().collect();
        rng.shuffle(&mut shuffled);
        let mut mixed = Core::new(PLAIN);
        let (mut rest, mut sizes) = (&shuffled[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(rest.len().min(*sizes.next().unwrap_or(&1)));
            mixed.send(batch);
            rest = after;
        }
        let net = |core: &Core| ledger(core).iter().map(|m| m.0).collect::<Vec<_>>();
        prop_assert_eq!(net(&straight), net(&mixed));
        conserved(&mixed)?;
        // Everything once more changes nothing.
        let rows = mixed.decisions().len();
        let before = mixed.members();
        prop_assert!(mixed.send(&messages).iter().all(|told| told.0));
        prop_assert_eq!(rows, mixed.decisions().len());
        prop_assert_eq!(before, mixed.members());
    }

    #[test]
    fn budgets_hold_however_messages_are_cut_into_batches(
        orders in prop::collection::vec((0..5_usize, 0..20_i64, 1..120_i64, any::<bool>()), 1..40),
        sizes in prop::collection::vec(1..9_usize, 1..5),
    ) {
        let mut messages = Vec::new();
        for (no, (who, day, total, back)) in orders.iter().enumerate() {
            let data = format!(r#"{{"id":"o{no}","currency":"EUR","total":"{total}","subtotal":"{total}"}}"#);
            messages.push(message(&format!("o{no}"), "order.paid", &format!("p{who}"), START + day * 43_200, data));
            if *back {
                messages.push(refund(no, &format!("o{no}"), &Back::Whole));
            }
        }
        let (mut one, mut many) = (Core::new(BUDGETS), Core::new(BUDGETS));
        for message in &messages {
            one.send(std::slice::from_ref(message));
        }
        let (mut rest, mut sizes) = (&messages[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(rest.len().min(*sizes.next().unwrap_or(&1)));
            many.send(batch);
            rest = after;
            for (id, parts) in many.budgets() {
                let most = if id.contains("part") { 300 } else { 200 };
                prop_assert!(parts.iter().all(|p| (0..=most).contains(&p.1)), "{}: {:?}", id, parts);
            }
        }
        prop_assert_eq!(one.decisions(), many.decisions());
        prop_assert_eq!(one.members(), many.members());
        prop_assert_eq!(one.budgets(), many.budgets());
        conserved(&many)?;
    }
}

/// Each return leaves another fraction in the counter; together they must not push it out of bounds.
#[test]
fn counters_survive_many_odd_returns() {
    let mut core = Core::new(PLAIN);
    for no in 0..40 {
        let (id, cents) = (format!("o{no}"), 5001 + no * 77);
        core.send(&[order(&id, "ada", START + no, &[(cents, false)], 0)]);
        let told = core.send(&[refund(no as usize, &id, &Back::Amount(1234))]);
        assert!(told[0].1.effects.iter().all(|effect| &*effect.kind != "failed"), "{:?}", told[0].1.effects);
    }
    let left: f64 = (0..40).map(|no| 1.0 - 1234.0 / f64::from(5001 + no * 77)).sum();
    let counter = &core.members()[0].counters[0];
    let (n, d) = counter.parts[0].1.parts();
    assert!((n as f64 / d as f64 - left).abs() < 0.001, "{n}/{d} should be {left}");
}

/// A return is in the currency of its order, whatever the region of the member or the program is.
#[test]
fn a_return_in_thousandths_is_taken() {
    let program = r#"
program = { id = "laws", currency = "EUR", timezone = "Europe/Berlin" }
regions.kw = { currency = "KWD", timezone = "Asia/Kuwait" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.total' }
"#;
    let mut core = Core::new(program);
    let data = r#"{"id":"o1","currency":"KWD","total":"9.655","subtotal":"9.655"}"#;
    core.send(&[message("o1", "order.paid", "ada", START, data.into())]);
    let data = r#"{"id":"r1","order":"o1","currency":"KWD","amount":"9.655"}"#;
    let told = core.send(&[message("r1", "order.refunded", "ada", START, data.into())]);
    assert_eq!((told[0].1.status, ledger(&core)[0].0), (Status::Applied, 0));
}

/// Being enrolled is heard of new members and of those whom an order made.
#[test]
fn a_member_is_enrolled_once() {
    let mut core = Core::new(PLAIN);
    let enrolled = |id: &str| message(id, "member.enrolled", "ada", START, "{}".into());
    let told = core.send(&[enrolled("a"), enrolled("a"), enrolled("b")]);
    assert_eq!(
        told.iter().map(|t| t.1.status).collect::<Vec<_>>(),
        [Status::Applied, Status::Applied, Status::Ignored]
    );
    assert_eq!(core.members().len(), 1);
}

const GUESTS: &str = r#"
program = { id = "laws", currency = "EUR", timezone = "Europe/Berlin", enrol = "explicit" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.total' }
"#;

fn guest(id: &str, kind: &str, names: &[&str], data: &str) -> Message {
    let mut one = message(id, kind, names[0], START, data.to_owned());
    one.also = names[1..].iter().map(|name| format!("email:{name}@example.com")).collect();
    one
}

/// Claimed under one name, a guest's event brings another; what waits under both is set free once.
#[test]
fn a_guests_events_count_once_under_however_many_names() {
    let mut core = Core::new(GUESTS);
    let paid = |id: &str| format!(r#"{{"id":"{id}","currency":"EUR","total":"10","subtotal":"10"}}"#);
    core.send(&[guest("a", "order.paid", &["card", "ada"], &paid("o1"))]);
    core.send(&[guest("b", "order.paid", &["ada", "card"], &paid("o2"))]);
    core.send(&[guest("c", "member.enrolled", &["card"], "{}")]);
    assert_eq!(ledger(&core)[0].0, 20);
    assert_eq!(core.decisions().len(), 5);
}

/// What follows an order may name a guest by mistake: his events stay his.
#[test]
fn a_wrong_name_in_a_return_claims_nobody() {
    let mut core = Core::new(GUESTS);
    let paid = |id: &str| format!(r#"{{"id":"{id}","currency":"EUR","total":"10","subtotal":"10"}}"#);
    core.send(&[guest("a", "order.paid", &["bob"], &paid("o1"))]);
    core.send(&[
        guest("b", "member.enrolled", &["ada"], "{}"),
        guest("c", "order.paid", &["ada"], &paid("o2")),
    ]);
    core.send(&[guest(
        "d",
        "order.refunded",
        &["bob"],
        r#"{"id":"r1","order":"o2","currency":"EUR","amount":"5"}"#,
    )]);
    assert_eq!(ledger(&core), [(5, Vec::new())]);
    core.send(&[guest("e", "member.enrolled", &["bob"], "{}")]);
    assert_eq!(ledger(&core), [(5, Vec::new()), (10, Vec::new())]);
}
