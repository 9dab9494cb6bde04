//! Streaks: runs of periods without gap. Told in any order; a gap may be forgiven, or paid for when its period ends; a
//! return takes its mark back unless something else marked the period too.
//! Bounded: 16 runs, 64 gaps that were paid for.

use jiff::Timestamp;
use jiff::civil::Date;

use super::distinct::{forget_again, note_again};
use super::limits::Moment;
use crate::member::CounterState;
use crate::num::Num;
use crate::time::Unit;

const RUNS_MAX: usize = 16;
/// Periods of one run that are joined with another member's.
const PERIODS_MAX: i32 = 4_000;
const PAID_MAX: usize = 64;

/// A run of periods without gap: (start of its last period, how many).
type Run = (i64, Num);

fn length(run: &Run) -> i64 {
    run.1.to_int().unwrap_or(1)
}

fn more(n: i64) -> Num {
    Num::int(n).unwrap_or(Num::ONE)
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

/// Length of the run that reaches `moment`, whose own period may still be empty; `forgive` gaps may lie in it, and those
/// that were paid for.
pub fn run_length(state: &CounterState, unit: Unit, forgive: u32, moment: &Moment) -> i64 {
    present_run(state, unit, forgive, moment).0
}

/// Start of the first period of that run; of the present one, if there is none.
pub fn run_begin(state: &CounterState, unit: Unit, forgive: u32, moment: &Moment) -> i64 {
    moment.start_of(present_run(state, unit, forgive, moment).1)
}

fn present_run(state: &CounterState, unit: Unit, forgive: u32, moment: &Moment) -> (i64, Date) {
    let runs = &state.parts;
    let paid = |from: Date, to: Date| {
        let inside = |key: &&i64| {
            let day = date(**key, moment);
            day > from && day < to
        };
        state.paid.iter().filter(inside).count() as i64
    };
    let here = unit.start(moment.at.date(), &moment.calendar);
    let (mut forgiven, mut total, mut reached) = (i64::from(forgive), 0, here);
    for (at, run) in runs.iter().rev().enumerate() {
        let first = first_of(unit, run, moment);
        if first > here {
            continue;
        }
        let last = date(run.0, moment).min(here);
        let gap = if at == 0 && last == here { 0 } else { (steps(unit, last, reached) - 1).max(0) };
        let missed = (gap - paid(last, reached)).max(0);
        if missed > forgiven {
            break;
        }
        forgiven -= missed;
        total += steps(unit, first, last) + 1;
        reached = first;
    }
    (total, reached)
}

/// Marks the period that starts at `key`; a late one may join two runs.
pub fn mark(state: &mut CounterState, unit: Unit, key: i64, moment: &Moment) {
    let runs = &mut state.parts;
    let here = date(key, moment);
    let (before, after) = (unit.back(here, 1, &moment.calendar), unit.back(here, -1, &moment.calendar));
    let at = runs.partition_point(|run| run.0 < key);
    if runs.get(at).is_some_and(|run| first_of(unit, run, moment) <= here) {
        note_again(state, key, 0);
        return;
    }
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

/// All periods that are marked in `from` are marked here too.
pub fn join(state: &mut CounterState, from: &CounterState, unit: Unit, moment: &Moment) {
    for run in &from.parts {
        let last = date(run.0, moment);
        let periods = i32::try_from(length(run)).unwrap_or(i32::MAX).min(PERIODS_MAX);
        for back in 0..periods {
            mark(state, unit, moment.start_of(unit.back(last, back, &moment.calendar)), moment);
        }
    }
    for (key, value, more) in &from.again {
        (0..*more).for_each(|_| note_again(state, *key, *value));
    }
    from.paid.iter().for_each(|key| pay(state, *key));
}

/// What `join` marked is marked once less.
pub fn part(state: &mut CounterState, from: &CounterState, unit: Unit, moment: &Moment) {
    for (key, value, more) in &from.again {
        (0..*more).for_each(|_| {
            forget_again(state, *key, *value);
        });
    }
    for run in &from.parts {
        let last = date(run.0, moment);
        let periods = i32::try_from(length(run)).unwrap_or(i32::MAX).min(PERIODS_MAX);
        for back in 0..periods {
            unmark(state, unit, moment.start_of(unit.back(last, back, &moment.calendar)), moment);
        }
    }
}

/// Takes back one mark of the period that starts at `key`: if it was the only one, its run falls in two.
pub fn unmark(state: &mut CounterState, unit: Unit, key: i64, moment: &Moment) {
    if forget_again(state, key, 0) {
        return;
    }
    let runs = &mut state.parts;
    let here = date(key, moment);
    let at = runs.partition_point(|run| run.0 < key);
    let Some(run) = runs.get(at).copied() else { return };
    let first = first_of(unit, &run, moment);
    if first > here {
        return;
    }
    let (before, after) = (steps(unit, first, here), steps(unit, here, date(run.0, moment)));
    runs.remove(at);
    if after > 0 {
        runs.insert(at, (run.0, more(after)));
    }
    if before > 0 {
        let last = unit.back(here, 1, &moment.calendar);
        runs.insert(at, (moment.start_of(last), more(before)));
    }
    if runs.len() > RUNS_MAX {
        runs.remove(0);
    }
}

/// The gap that is to be paid for next, should it stay one: its period's start, and when that ends. None: no run.
pub fn next_gap(state: &CounterState, unit: Unit, moment: &Moment) -> Option<(i64, Timestamp)> {
    let newest = state.parts.last().map(|run| run.0);
    let covered = newest?.max(state.paid.last().copied().unwrap_or(i64::MIN));
    let here = date(covered, moment);
    let (gap, end) = (unit.back(here, -1, &moment.calendar), unit.back(here, -2, &moment.calendar));
    Some((moment.start_of(gap), Timestamp::from_second(moment.start_of(end)).ok()?))
}

/// The gap that starts at `key` has been paid for.
pub fn pay(state: &mut CounterState, key: i64) {
    if let Err(at) = state.paid.binary_search(&key) {
        state.paid.insert(at, key);
    }
    let many = state.paid.len().saturating_sub(PAID_MAX);
    state.paid.drain(..many);
}
