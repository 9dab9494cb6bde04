//! Counters: read as of an instant, counted, and what a refund subtracts at the time of the order.
//! Bounded: 14 calendar windows, 256 instants. Runs and different values are in `streak` and `distinct`.

use sha2::{Digest, Sha256};

use super::case::Case;
use super::distinct::{self, groups};
use super::limits::Moment;
use super::rules::{Picked, pick, text};
use super::streak::{self, mark, run_length, unmark};
use crate::condition::{Read, State};
use crate::member::{CounterState, Member};
use crate::num::wide::Wide;
use crate::num::{Num, OutOfRange};
use crate::order::Count;
use crate::plan::{Counter, CounterKind, CounterNo, Forgive, Plan, Trigger};
use crate::planted;
use crate::time::Window;

pub const WINDOWS_MAX: usize = 14;
const INSTANTS_MAX: usize = 256;
pub const DISTINCT_MAX: usize = 1_000;

pub fn state<'a>(member: &'a Member, id: &str) -> Option<&'a CounterState> {
    member.counters.iter().find(|c| &*c.id == id)
}

pub fn state_mut<'a>(member: &'a mut Member, id: &str) -> &'a mut CounterState {
    let at = member.counters.iter().position(|c| &*c.id == id).unwrap_or_else(|| {
        member.counters.push(CounterState::new(id));
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
            whole(run_length(state, *unit, gaps(forgive), moment) as usize)
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

/// So many gaps of a run are forgiven for nothing.
fn gaps(forgive: &Forgive) -> u32 {
    match forgive {
        Forgive::Gaps(gaps) => *gaps,
        Forgive::Wallet(_) => 0,
    }
}

/// Since when the present run of a streak goes on; None: it is no streak.
pub fn run_begin(counter: &Counter, state: Option<&CounterState>, moment: &Moment) -> Option<i64> {
    let CounterKind::Streak { unit, forgive, .. } = &counter.kind else { return None };
    Some(state.map_or(i64::MIN, |state| streak::run_begin(state, *unit, gaps(forgive), moment)))
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

impl Counted {
    /// What the order remembers of it.
    pub fn remembered(&self, plan: &Plan) -> Count {
        let counter = plan.counters[usize::from(self.counter)].id.clone();
        let (parts, values) = match &self.what {
            Counting::Add(parts) => (parts.clone(), Vec::new()),
            Counting::Mark => (Vec::new(), Vec::new()),
            Counting::Values(values) => (Vec::new(), values.clone()),
        };
        Count { counter, window: self.window, parts, reversed: Num::ZERO, values }
    }
}

pub enum Counting {
    /// By item of the order, or one part.
    Add(Vec<Num>),
    /// The period is marked.
    Mark,
    /// By item of the order (None: not picked), or one.
    Values(Vec<Option<u64>>),
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
                Some(Picked::Event) => Counting::Values(vec![Some(one(None)?)]),
                Some(Picked::Items(items, count)) => {
                    let mut values = vec![None; count];
                    for (at, item) in items {
                        values[at] = Some(one(Some(item))?);
                    }
                    Counting::Values(values)
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
                mark(state, unit, counted.window, moment);
            }
            Ok(())
        }
        Counting::Values(values) => {
            let values: Vec<u64> = values.iter().flatten().copied().collect();
            distinct::insert(state, counter.per, counted.window, &values);
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

/// A gap of a streak has been paid for.
pub fn pay_gap(member: &mut Member, counter: &Counter, key: i64) {
    streak::pay(state_mut(member, &counter.id), key);
}

/// Takes back what a returned order had marked or shown, as far as it has gone back (shares by item, or one).
pub fn take_back(member: &mut Member, counter: &Counter, count: &mut Count, back: &[Wide], moment: &Moment) {
    let Some(state) = member.counters.iter_mut().find(|c| c.id == counter.id) else { return };
    let all = back.iter().all(|share| *share == Wide::ONE);
    match counter.kind {
        CounterKind::Streak { .. } if planted::is("run_keeps_its_mark") => {}
        CounterKind::Streak { unit, .. } if all && count.reversed.is_zero() => {
            unmark(state, unit, count.window, moment);
            count.reversed = Num::ONE;
        }
        CounterKind::Distinct { .. } => {
            let by_item = count.values.len() == back.len();
            for (at, value) in count.values.iter_mut().enumerate() {
                let gone = all || (by_item && back[at] == Wide::ONE);
                if let (true, Some(value)) = (gone, value.take_if(|_| gone)) {
                    distinct::remove(state, counter.per, count.window, value);
                }
            }
        }
        _ => {}
    }
}

/// Which counters of what is earned count it: those that count what is pending, the others, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Granted,
    Held,
    Released,
}

/// Points granted (or, negative, taken back) for every counter that counts what is earned.
pub fn earned(
    member: &mut Member,
    plan: &Plan,
    rule: &str,
    wallet: &str,
    (minor, stage): (i64, Stage),
    moment: &Moment,
) {
    for counter in &plan.counters {
        let CounterKind::Earned { wallet: of, rule: by, count_pending } = counter.kind else { continue };
        if (stage == Stage::Held && !count_pending) || (stage == Stage::Released && count_pending) {
            continue;
        }
        let of = &plan.wallets[usize::from(of)];
        if *of.id != *wallet || by.is_some_and(|by| *plan.rules[usize::from(by)].id != *rule) {
            continue;
        }
        let (mut key, amount) = (moment.window(counter.per), Num::minor(minor.abs(), of.decimals));
        if let (true, false, Some(state)) = (minor < 0, count_pending, state(member, &counter.id)) {
            // It was counted when it was released, in that window or a later one.
            key = state.parts.iter().map(|part| part.0).find(|start| *start >= key).unwrap_or(key);
        }
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

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
