//! What becomes of a redemption: confirmed, cancelled, lapsed, returned; and what comes back when its order is refunded.
//! A reservation that is given up leaves everything as if it had never been, dates included.

use std::sync::Arc;

use jiff::Timestamp;

use super::codes::{self, Drawer, Drawn};
use super::{points, pool_id, taking};
use crate::codes::{self as code, reason};
use crate::decide::book::Book;
use crate::decide::case::{Case, slot_text};
use crate::decide::{Matter, Scene, refunds};
use crate::key::KeyMaker;
use crate::num::Num;
use crate::order::Order;
use crate::outcome::Reason;
use crate::plan::Gives;
use crate::planted;
use crate::redemption::{self, Redemption, Stage};
use crate::snapshot::{PastRow, Rows, Want};
use crate::value::{Text, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Confirm,
    Cancel,
    Return,
}

/// `fealty.redemption`, checked.
pub struct Step {
    act: Act,
    one: Redemption,
    drawn: Drawn,
    /// Confirmed: the order on which it is spent, if that was paid before.
    order: Option<Order>,
}

/// Slots of `fealty.redemption`.
pub mod slots {
    pub const REDEMPTION: usize = 0;
    pub const ACT: usize = 1;
}

/// A redemption as it now stands, and whose it is: his who made it. Err: this must be loaded first.
pub fn newest(
    rows: &Rows,
    keys: &KeyMaker,
    pos: u64,
    n: u16,
) -> Result<Option<(u64, Redemption)>, Vec<Want>> {
    let key = keys.redemption(pos, n);
    let rows = rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
    let of = |one: &&Redemption| (one.pos, one.n) == (pos, n);
    let owner = rows.iter().find(|row| row.pos == pos).and_then(|row| row.decision.member);
    Ok(rows.iter().rev().find_map(|row| {
        let one = row.decision.redemptions.iter().rev().find(of)?;
        Some((owner?, one.clone()))
    }))
}

/// Reads `fealty.redemption`. Err: this must be loaded first.
pub fn stepped(matter: &Matter<'_>) -> Result<Result<Step, Reason>, Vec<Want>> {
    let (payload, keys) = (&matter.bound.record, &matter.plans.keys);
    let id = slot_text(payload, slots::REDEMPTION);
    let unknown = || Ok(Err(reason(code::REDEMPTION_UNKNOWN, format!("there is no redemption `{id}`"))));
    let Some((pos, n)) = redemption::parse(keys, id) else { return unknown() };
    let Some((owner, one)) = newest(&matter.snapshot.rows, keys, pos, n)? else { return unknown() };
    if !matter.member.has_number(owner) {
        return unknown();
    }
    let act = match slot_text(payload, slots::ACT) {
        "confirm" => Act::Confirm,
        "cancel" => Act::Cancel,
        "return" => Act::Return,
        other => {
            let said = format!("`{other}` is not one of confirm, cancel, return");
            return Ok(Err(crate::codes::reason_at(code::UNKNOWN_WORD, "/data/act", said)));
        }
    };
    if let Some(over) = over(act, &one, matter.event.time) {
        return Ok(Err(reason(code::REDEMPTION_OVER, over)));
    }
    let (mut drawn, mut order) = (Drawn::default(), None);
    if act == Act::Confirm {
        order = order_of(matter, one.order.as_ref())?;
        if order.as_ref().is_some_and(refunds::is_back) {
            return Ok(Err(reason(code::REDEMPTION_OVER, "its order came back: cancel it")));
        }
        let gives = match &one.pool {
            Some(pool) => Some(Gives::CodeImported(pool.clone())),
            None => matter.plans.current.rewards.iter().find(|r| r.id == one.reward).map(|r| r.gives.clone()),
        };
        let snapshot = matter.snapshot;
        let drawer = Drawer { keys, rows: &snapshot.rows, budgets: &snapshot.budgets, here: &[] };
        let units = one.quantity.ceil().to_int().unwrap_or(1);
        match gives.map_or(Ok(Some(Drawn::default())), |gives| drawer.draw(&gives, (pos, n), units))? {
            Some(codes) => drawn = codes,
            None => return Ok(Err(taking::used_up().reason)),
        }
    }
    Ok(Ok(Step { act, one, drawn, order }))
}

/// The order on which something is spent, if that was paid. Err: this must be loaded first.
pub fn order_of(matter: &Matter<'_>, id: Option<&Text>) -> Result<Option<Order>, Vec<Want>> {
    let Some(id) = id else { return Ok(None) };
    let key = matter.plans.keys.order(id);
    let rows = matter.snapshot.rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
    let order = rows.iter().rev().filter_map(|row| row.decision.order.as_ref()).find(|order| order.id == *id);
    let own = |order: &&Order| matter.member.has_number(order.member);
    Ok(order.filter(own).cloned())
}

/// Why it cannot be done any more.
fn over(act: Act, one: &Redemption, at: Timestamp) -> Option<String> {
    let lapsed = one.is_open() && one.until.is_some_and(|until| until <= at);
    match (act, one.stage) {
        _ if lapsed => Some("its time is over; what it held came back".into()),
        (Act::Confirm | Act::Cancel, Stage::Reserved) | (Act::Return, Stage::Confirmed) => None,
        (Act::Return, Stage::Reserved) => Some("it is not confirmed: cancel it".into()),
        (Act::Confirm, Stage::Confirmed) => Some("it is confirmed".into()),
        (Act::Cancel, Stage::Confirmed) => Some("it is confirmed: return it".into()),
        (_, Stage::Cancelled) => Some("it was cancelled".into()),
        (_, Stage::Lapsed) => Some("its time is over; what it held came back".into()),
        (_, Stage::Returned) => Some("it was returned".into()),
    }
}

pub fn step(book: &mut Book<'_>, scene: &Scene<'_>, step: Step) {
    let keys = &scene.plans.keys;
    let Step { act, mut one, drawn, order } = step;
    match act {
        Act::Confirm => {
            close(book, &one);
            if let Some(pool) = &one.pool {
                let parts = book.budget_mut(&pool_id(pool));
                codes::hold(parts, -(drawn.codes.len() as i64));
                codes::give(parts, &drawn);
            }
            let valid = valid(book, scene, &one);
            taking::settle(book, scene, &mut one, drawn.codes, valid);
            if let Some(order) = &order {
                give_back_share(book, order, &mut one);
            }
        }
        Act::Cancel => release(book, &mut one, Stage::Cancelled),
        Act::Return => {
            release(book, &mut one, Stage::Returned);
            take_back(book, &one);
        }
    }
    taking::tell(book, keys, one);
}

fn valid(book: &Book<'_>, scene: &Scene<'_>, one: &Redemption) -> Option<Timestamp> {
    let plan = book.plan;
    let reward = plan.rewards.iter().find(|reward| reward.id == one.reward)?;
    let (ty, region) = (taking::quoted(plan), scene.region(book));
    let mut case = Case::new(plan, ty, scene.event, &Value::Absent, book.who(), region, scene.event.time);
    case.read_member();
    taking::valid(&case, reward)
}

fn close(book: &mut Book<'_>, one: &Redemption) {
    book.member.held.retain(|held| (held.pos, held.n) != (one.pos, one.n));
}

/// Everything that it took comes back, and what it used is free.
fn release(book: &mut Book<'_>, one: &mut Redemption, stage: Stage) {
    points::give_back(book, one);
    let kept = stage == Stage::Lapsed && planted::is("lapse_keeps_stock");
    for (used, amount) in one.limits.iter().filter(|_| !kept) {
        book.free_limit(used, *amount);
    }
    if let (true, Some(pool)) = (one.is_open(), &one.pool) {
        let units = one.quantity.ceil().to_int().unwrap_or(1);
        codes::hold(book.budget_mut(&pool_id(pool)), -units);
    }
    close(book, one);
    one.stage = stage;
    one.until = None;
}

/// Points that it gave are taken back, as from a refunded order.
fn take_back(book: &mut Book<'_>, one: &Redemption) {
    for earned in &one.earned {
        let grant = crate::order::Grant {
            rule: super::rule_id(&one.reward).into(),
            wallet: earned.wallet.clone(),
            pos: earned.lot.0,
            n: earned.lot.1,
            granted: earned.amount,
            reversed: 0,
            shares: Vec::new(),
            limits: Vec::new(),
        };
        let moment = crate::decide::case::moment(book.plan, book.member, one.at);
        book.take_back(&grant, earned.lot, earned.amount, &moment);
    }
}

/// Gives back what was reserved and lapses at `at` or before. Err: this must be loaded first.
pub fn run_due(book: &mut Book<'_>, scene: &Scene<'_>, at: Timestamp) -> Result<(), Vec<Want>> {
    let due: Vec<_> = book.member.held.iter().filter(|held| held.until <= at).cloned().collect();
    for held in due {
        let found = newest(scene.rows, &scene.plans.keys, held.pos, held.n)?;
        let (_, mut one) = found.expect("a reservation that is held has a row");
        assert!(one.is_open(), "what is held is reserved");
        release(book, &mut one, Stage::Lapsed);
        taking::tell(book, &scene.plans.keys, one);
    }
    Ok(())
}

/// Redemptions that were spent on an order and stand. Err: this must be loaded first.
pub fn spent_on(matter: &Matter<'_>, order: &Order) -> Result<Vec<Redemption>, Vec<Want>> {
    let plans = matter.plans;
    if std::iter::once(&plans.current).chain(&plans.older).all(|plan| plan.rewards.is_empty()) {
        return Ok(Vec::new());
    }
    let (rows, key) = (&matter.snapshot.rows, plans.keys.order_spent(&order.id));
    let made = rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
    let mut found: Vec<Redemption> = Vec::new();
    let own = |row: &&Arc<PastRow>| row.decision.member.is_some_and(|no| matter.member.has_number(no));
    for row in made.iter().filter(own) {
        for one in row.decision.redemptions.iter().filter(|one| one.order.as_ref() == Some(&order.id)) {
            let newest = newest(rows, &plans.keys, one.pos, one.n)?;
            found.extend(newest.map(|(_, one)| one).filter(|one| one.stage == Stage::Confirmed));
        }
    }
    Ok(found)
}

/// The same share of the points comes back as of the order, which has been told what came back.
pub fn refund(book: &mut Book<'_>, keys: &KeyMaker, order: &Order, spent: Vec<Redemption>) {
    for mut one in spent {
        let returned = |one: &Redemption| one.spent.iter().map(|spent| spent.returned).sum::<i64>();
        let before = returned(&one);
        give_back_share(book, order, &mut one);
        if returned(&one) == before {
            continue;
        }
        if one.back == Num::ONE {
            release(book, &mut one, Stage::Returned);
            taking::tell(book, keys, one);
        } else {
            book.decision.redemptions.push(one);
        }
    }
}

/// As much of the points comes back as of the order.
pub fn give_back_share(book: &mut Book<'_>, order: &Order, one: &mut Redemption) {
    let mut wallets: Vec<Text> = one.spent.iter().map(|spent| spent.wallet.clone()).collect();
    wallets.dedup();
    let (mut total, mut back) = (0, 0);
    for wallet in wallets {
        let all = one.spent.iter().filter(|spent| spent.wallet == wallet);
        let (sum, was) = all.fold((0, 0), |(sum, was), s| (sum + s.amount, was + s.returned));
        let target = refunds::target(order, sum, &[]).max(was);
        points::give_back_to(book, one, &wallet, target);
        (total, back) = (total + sum, back + target);
    }
    if total > 0 {
        one.back = Num::ratio(i128::from(back), i128::from(total)).unwrap_or(Num::ZERO);
    }
}
