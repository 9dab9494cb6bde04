//! Counters: read as of an instant, counted, and what a refund subtracts at the time of the order.
//! Bounded: 14 calendar windows, 256 instants, 16 runs of a streak, 1,000 distinct values.

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::case::Case;
use super::limits::Moment;
use super::rules::{Picked, pick, text};
use crate::condition::{Read, State};
use crate::member::{CounterState, Member};
use crate::num::{Num, OutOfRange};
use crate::plan::{Counter, CounterKind, CounterNo, Forgive, Plan, Trigger};
use crate::time::{Unit, Window};

const WINDOWS_MAX: usize = 14;
const INSTANTS_MAX: usize = 256;
const RUNS_MAX: usize = 16;
pub const DISTINCT_MAX: usize = 1_000;

pub fn state<'a>(member: &'a Member, id: &str) -> Option<&'a CounterState> {
    member.counters.iter().find(|c| &*c.id == id)
}

fn state_mut<'a>(member: &'a mut Member, id: &str) -> &'a mut CounterState {
    let at = member.counters.iter().position(|c| &*c.id == id).unwrap_or_else(|| {
        member.counters.push(CounterState { id: id.into(), parts: Vec::new(), values: Vec::new() });
        member.counters.len() - 1
    });
    &mut member.counters[at]
}

/// The counter as an event at `moment` sees it, `ago` windows before.
pub fn value(counter: &Counter, state: Option<&CounterState>, moment: &Moment, ago: u8) -> Num {
    let Some(state) = state else { return Num::ZERO };
    let whole = |n: usize| Num::int(n as i64).unwrap_or(Num::ZERO);
    match &counter.kind {
        CounterKind::Streak { unit, forgive, .. } => {
            let forgive = match forgive {
                Forgive::Gaps(gaps) => *gaps,
                Forgive::Wallet(_) => 0,
            };
            whole(run_length(&state.parts, *unit, forgive, moment) as usize)
        }
        CounterKind::Distinct { .. } => {
            let mut seen: Vec<u64> = groups(state)
                .filter(|(key, _)| inside(*key, counter.per, moment, ago))
                .flat_map(|(_, values)| values.iter().copied())
                .collect();
            seen.sort_unstable();
            seen.dedup();
            whole(seen.len())
        }
        CounterKind::Sum { .. } | CounterKind::Earned { .. } => state
            .parts
            .iter()
            .filter(|(key, _)| inside(*key, counter.per, moment, ago))
            .try_fold(Num::ZERO, |sum, (_, n)| sum.add(*n))
            .unwrap_or(Num::ZERO),
    }
}

fn inside(key: i64, per: Window, moment: &Moment, ago: u8) -> bool {
    match per {
        Window::Life => true,
        Window::Unit(unit) => key == moment.period(unit, i32::from(ago)),
        Window::Level(_) => key == moment.window(per),
        Window::Rolling(span) => key > moment.rolling_start(span) && key <= moment.seconds(),
    }
}

/// What one event adds to one counter.
pub struct Counted {
    pub counter: CounterNo,
    pub window: i64,
    pub what: Counting,
}

pub enum Counting {
    /// By item of the order, or one part.
    Add(Vec<Num>),
    /// The period is marked.
    Mark,
    Values(Vec<u64>),
}

/// Counters may not read other state, so this is never asked.
struct Nothing;
impl State for Nothing {
    fn read(&self, _: Read) -> Num {
        Num::ZERO
    }
}

/// What the event adds to this counter; None if it does not count it.
pub fn count(case: &Case<'_>, no: CounterNo) -> Result<Option<Counted>, OutOfRange> {
    let counter = &case.plan.counters[usize::from(no)];
    let window = case.moment.window(counter.per);
    let what = match &counter.kind {
        CounterKind::Sum { trigger, add } => {
            let one = |item| add.as_ref().map_or(Ok(Num::ONE), |add| add.num(&case.env(&Nothing, item)));
            match fires(trigger, case)? {
                None => return Ok(None),
                Some(Picked::Event) => Counting::Add(vec![one(None)?]),
                Some(Picked::Items(items, count)) => {
                    let mut parts = vec![Num::ZERO; count];
                    for (at, item) in items {
                        parts[at] = one(Some(item))?;
                    }
                    Counting::Add(parts)
                }
            }
        }
        CounterKind::Streak { trigger, unit, .. } => {
            if fires(trigger, case)?.is_none() {
                return Ok(None);
            }
            let window = case.moment.period(*unit, 0);
            return Ok(Some(Counted { counter: no, window, what: Counting::Mark }));
        }
        CounterKind::Distinct { trigger, of } => {
            let one = |item| of.eval(&case.env(&Nothing, item)).map(|v| hash(&text(&v)));
            match fires(trigger, case)? {
                None => return Ok(None),
                Some(Picked::Event) => Counting::Values(vec![one(None)?]),
                Some(Picked::Items(items, _)) => {
                    Counting::Values(items.iter().map(|(_, item)| one(Some(item))).collect::<Result<_, _>>()?)
                }
            }
        }
        CounterKind::Earned { .. } => return Ok(None),
    };
    Ok(Some(Counted { counter: no, window, what }))
}

fn fires<'a>(trigger: &Trigger, case: &'a Case<'_>) -> Result<Option<Picked<'a>>, OutOfRange> {
    if trigger.active.as_ref().is_some_and(|schedule| !schedule.holds(&case.now)) {
        return Ok(None);
    }
    pick(trigger, case, &Nothing)
}

pub fn apply(member: &mut Member, plan: &Plan, counted: &Counted, moment: &Moment) -> Result<(), OutOfRange> {
    let counter = &plan.counters[usize::from(counted.counter)];
    let state = state_mut(member, &counter.id);
    match &counted.what {
        Counting::Add(parts) => add(state, counter.per, counted.window, sum(parts)?),
        Counting::Mark => {
            if let CounterKind::Streak { unit, .. } = counter.kind {
                mark(&mut state.parts, unit, counted.window, moment);
            }
            Ok(())
        }
        Counting::Values(values) => {
            insert_values(state, counter.per, counted.window, values);
            Ok(())
        }
    }
}

pub fn sum(parts: &[Num]) -> Result<Num, OutOfRange> {
    parts.iter().try_fold(Num::ZERO, |sum, n| sum.add(*n))
}

/// Adds to a window (a negative amount subtracts); one that was dropped stays dropped.
fn add(state: &mut CounterState, per: Window, key: i64, amount: Num) -> Result<(), OutOfRange> {
    let parts = &mut state.parts;
    match parts.binary_search_by_key(&key, |part| part.0) {
        Ok(at) => parts[at].1 = parts[at].1.add(amount)?,
        Err(0) if matches!(per, Window::Unit(_) | Window::Level(_)) && parts.len() >= WINDOWS_MAX => {}
        Err(at) => parts.insert(at, (key, amount)),
    }
    match per {
        Window::Unit(_) | Window::Level(_) if parts.len() > WINDOWS_MAX => drop(parts.remove(0)),
        Window::Rolling(_) if parts.len() > INSTANTS_MAX => {
            let first = parts.remove(0).1;
            parts[0].1 = parts[0].1.add(first)?;
        }
        _ => {}
    }
    Ok(())
}

/// Adds to a window of a counter.
pub fn change(member: &mut Member, counter: &Counter, key: i64, amount: Num) -> Result<(), OutOfRange> {
    add(state_mut(member, &counter.id), counter.per, key, amount)
}

/// Begins a window of a counter anew, with `amount` in it.
pub fn restart(member: &mut Member, counter: &Counter, key: i64, amount: Num) {
    if matches!(counter.kind, CounterKind::Streak { .. }) {
        return;
    }
    match member.counters.iter_mut().find(|state| state.id == counter.id) {
        None if amount.is_zero() => return,
        None => {}
        Some(state) => {
            let values = groups(state).filter(|(at, _)| *at < key).map(|(_, values)| values.len()).sum();
            if matches!(counter.kind, CounterKind::Distinct { .. }) {
                state.values.truncate(values);
            }
            state.parts.retain(|part| part.0 < key);
        }
    }
    if !amount.is_zero() {
        state_mut(member, &counter.id).parts.push((key, amount));
    }
}

/// Takes back, where it was counted, what a returned order had added.
pub fn subtract(member: &mut Member, counter: &Counter, key: i64, amount: Num) -> Result<(), OutOfRange> {
    let Some(state) = member.counters.iter_mut().find(|c| c.id == counter.id) else { return Ok(()) };
    let at = match state.parts.binary_search_by_key(&key, |part| part.0) {
        Ok(at) => at,
        // Instants are joined into later ones.
        Err(at) if matches!(counter.per, Window::Rolling(_)) && at < state.parts.len() => at,
        Err(_) => return Ok(()),
    };
    state.parts[at].1 = state.parts[at].1.sub(amount)?;
    Ok(())
}

/// Points granted (or, negative, taken back) for every counter that counts what is earned.
pub fn earned(member: &mut Member, plan: &Plan, rule: &str, wallet: &str, minor: i64, moment: &Moment) {
    for counter in &plan.counters {
        let CounterKind::Earned { wallet: of, rule: by, .. } = counter.kind else { continue };
        let of = &plan.wallets[usize::from(of)];
        if *of.id != *wallet || by.is_some_and(|by| *plan.rules[usize::from(by)].id != *rule) {
            continue;
        }
        let (key, amount) = (moment.window(counter.per), Num::minor(minor.abs(), of.decimals));
        // A counter that is full stays as it is: points themselves are bounded far below.
        let _ = if minor < 0 {
            subtract(member, counter, key, amount)
        } else {
            add(state_mut(member, &counter.id), counter.per, key, amount)
        };
    }
}

pub fn hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// The values of each window (or instant), in the order of `parts`, whose number says how many there are.
fn groups(state: &CounterState) -> impl Iterator<Item = (i64, &[u64])> {
    let mut rest = &state.values[..];
    state.parts.iter().map(move |(key, count)| {
        let count = count.to_int().and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(rest.len());
        let (values, after) = rest.split_at(count);
        rest = after;
        (*key, values)
    })
}

fn insert_values(state: &mut CounterState, per: Window, key: i64, values: &[u64]) {
    let mut all: Vec<(i64, Vec<u64>)> = groups(state).map(|(key, values)| (key, values.to_vec())).collect();
    let at = all.binary_search_by_key(&key, |group| group.0).unwrap_or_else(|at| {
        all.insert(at, (key, Vec::new()));
        at
    });
    for value in values {
        let full = all.iter().map(|group| group.1.len()).sum::<usize>() >= DISTINCT_MAX;
        if !full && !all[at].1.contains(value) {
            all[at].1.push(*value);
        }
    }
    if matches!(per, Window::Rolling(_)) {
        // Only the latest sight of a value matters.
        for at in 0..all.len() {
            let (before, after) = all.split_at_mut(at + 1);
            before[at].1.retain(|v| !after.iter().any(|group| group.1.contains(v)));
        }
    }
    all.retain(|group| !group.1.is_empty());
    while matches!(per, Window::Unit(_) | Window::Level(_)) && all.len() > WINDOWS_MAX {
        all.remove(0);
    }
    state.parts = all.iter().map(|(key, v)| (*key, Num::int(v.len() as i64).unwrap_or(Num::ZERO))).collect();
    state.values = all.into_iter().flat_map(|group| group.1).collect();
}

/// A run of periods without gap: (start of its last period, how many).
type Run = (i64, Num);

fn length(run: &Run) -> i64 {
    run.1.to_int().unwrap_or(1)
}

fn date(seconds: i64, moment: &Moment) -> Date {
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MIN);
    at.to_zoned(moment.at.time_zone().clone()).date()
}

/// Periods from one start to a later one.
fn steps(unit: Unit, from: Date, to: Date) -> i64 {
    let days = || i64::from((to - from).get_days());
    let months = || i64::from(to.year() - from.year()) * 12 + i64::from(to.month() - from.month());
    match unit {
        Unit::Day => days(),
        Unit::Week => days() / 7,
        Unit::Month => months(),
        Unit::Quarter => months() / 3,
        Unit::HalfYear => months() / 6,
        Unit::Year | Unit::MembershipYear => i64::from(to.year() - from.year()),
    }
}

fn first_of(unit: Unit, run: &Run, moment: &Moment) -> Date {
    let back = i32::try_from(length(run) - 1).unwrap_or(i32::MAX);
    unit.back(date(run.0, moment), back, &moment.calendar)
}

/// Length of the run that reaches `moment`, whose own period may still be empty; `forgive` gaps may lie in it.
fn run_length(runs: &[Run], unit: Unit, forgive: u32, moment: &Moment) -> i64 {
    let here = unit.start(moment.at.date(), &moment.calendar);
    let (mut forgiven, mut total, mut reached) = (i64::from(forgive), 0, here);
    for (at, run) in runs.iter().rev().enumerate() {
        let first = first_of(unit, run, moment);
        if first > here {
            continue;
        }
        let last = date(run.0, moment).min(here);
        let missed = if at == 0 && last == here { 0 } else { (steps(unit, last, reached) - 1).max(0) };
        if missed > forgiven {
            break;
        }
        forgiven -= missed;
        total += steps(unit, first, last) + 1;
        reached = first;
    }
    total
}

/// Marks the period that starts at `key`; a late one may join two runs.
fn mark(runs: &mut Vec<Run>, unit: Unit, key: i64, moment: &Moment) {
    let here = date(key, moment);
    let (before, after) = (unit.back(here, 1, &moment.calendar), unit.back(here, -1, &moment.calendar));
    let at = runs.partition_point(|run| run.0 < key);
    if runs.get(at).is_some_and(|run| first_of(unit, run, moment) <= here) {
        return;
    }
    let more = |n: i64| Num::int(n).unwrap_or(Num::ONE);
    let joins_before = at > 0 && date(runs[at - 1].0, moment) == before;
    let joins_after = runs.get(at).is_some_and(|run| first_of(unit, run, moment) == after);
    match (joins_before, joins_after) {
        (true, true) => {
            runs[at].1 = more(length(&runs[at]) + length(&runs[at - 1]) + 1);
            runs.remove(at - 1);
        }
        (true, false) => runs[at - 1] = (key, more(length(&runs[at - 1]) + 1)),
        (false, true) => runs[at].1 = more(length(&runs[at]) + 1),
        (false, false) => runs.insert(at, (key, Num::ONE)),
    }
    if runs.len() > RUNS_MAX {
        runs.remove(0);
    }
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
