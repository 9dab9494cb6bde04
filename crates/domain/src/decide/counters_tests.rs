//! Counters: streaks told in any order, distinct values, bounds.

use super::*;
use crate::decide::streak::{next_gap, pay};
use crate::time::{Calendar, Span, SpanUnit, Unit};
use proptest::prelude::*;

fn moment(day: i64) -> Moment {
    let start = jiff::civil::date(2026, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    let calendar = Calendar {
        week_starts: jiff::civil::Weekday::Monday,
        year_starts: 1,
        enrolled_on: jiff::civil::date(2026, 1, 1),
    };
    let at = start.timestamp().as_second() + day * 86_400 + 3_600;
    let at = jiff::Timestamp::from_second(at).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    Moment::new(at, calendar, Vec::new())
}

fn counter(kind: CounterKind, per: Window) -> Counter {
    Counter { id: "c".into(), kind, per, carry: crate::plan::Setting::Is(Num::ZERO) }
}

fn streak(days: &[i64]) -> CounterState {
    let mut state = CounterState::new("c");
    for day in days {
        let now = moment(*day);
        mark(&mut state, Unit::Day, now.period(Unit::Day, 0), &now);
    }
    state
}

#[test]
fn a_streak_counts_to_yesterday_or_today() {
    let days = streak(&[1, 2, 3]);
    let at = |day, forgive| run_length(&days, Unit::Day, forgive, &moment(day));
    assert_eq!((at(3, 0), at(4, 0), at(5, 0), at(5, 1), at(6, 1)), (3, 3, 0, 3, 0));
    let gap = streak(&[1, 2, 4]);
    assert_eq!(run_length(&gap, Unit::Day, 0, &moment(4)), 1);
    assert_eq!(run_length(&gap, Unit::Day, 1, &moment(4)), 3);
}

#[test]
fn a_gap_that_was_paid_for_does_not_end_the_run() {
    let mut days = streak(&[1, 2]);
    let start = |day| moment(day).period(Unit::Day, 0);
    let (gap, end) = next_gap(&days, Unit::Day, &moment(2)).unwrap();
    assert_eq!((gap, end.as_second()), (start(3), start(4)));
    pay(&mut days, gap);
    assert_eq!(next_gap(&days, Unit::Day, &moment(3)).map(|gap| gap.0), Some(start(4)));
    assert_eq!(run_length(&days, Unit::Day, 0, &moment(4)), 2);
    assert_eq!(run_length(&days, Unit::Day, 0, &moment(5)), 0);
    mark(&mut days, Unit::Day, start(4), &moment(4));
    assert_eq!(run_length(&days, Unit::Day, 0, &moment(5)), 3);
}

proptest! {
    /// Runs do not depend on the order in which days are told.
    #[test]
    fn late_days_join_runs(days in Just((0..20_i64).collect::<Vec<_>>()).prop_shuffle(), take in 1..20_usize, at in 0..25_i64) {
        let told = &days[..take];
        let streak = run_length(&streak(told), Unit::Day, 0, &moment(at));
        let from = if told.contains(&at) { at } else { at - 1 };
        let plain = (0..).take_while(|n| told.contains(&(from - n))).count() as i64;
        prop_assert_eq!(streak, plain);
    }

    /// What is taken back is as if it had not been told.
    #[test]
    fn a_mark_that_goes_back_was_never_there(days in prop::collection::vec((0..20_i64, any::<bool>()), 1..30)) {
        let all: Vec<i64> = days.iter().map(|day| day.0).collect();
        let kept: Vec<i64> = days.iter().filter(|day| !day.1).map(|day| day.0).collect();
        let mut state = streak(&all);
        for (day, _) in days.iter().filter(|day| day.1) {
            unmark(&mut state, Unit::Day, moment(*day).period(Unit::Day, 0), &moment(*day));
        }
        let told = streak(&kept);
        prop_assert_eq!((state.parts, state.again), (told.parts, told.again));
    }

    /// The same for values, in calendar windows and in rolling ones.
    #[test]
    fn a_value_that_goes_back_was_never_there(seen in prop::collection::vec((0..20_i64, 0..4_u64, any::<bool>()), 1..30), at in 0..25_i64, rolling in any::<bool>()) {
        let per = if rolling { Window::Rolling(Span { count: 7, unit: SpanUnit::Day }) } else { Window::Unit(Unit::Week) };
        let (mut all, mut kept) = (CounterState::new("c"), CounterState::new("c"));
        for (day, value, back) in &seen {
            let key = moment(*day).window(per);
            distinct::insert(&mut all, per, key, &[*value]);
            if !back {
                distinct::insert(&mut kept, per, key, &[*value]);
            }
        }
        for (day, value, _) in seen.iter().filter(|one| one.2) {
            distinct::remove(&mut all, per, moment(*day).window(per), *value);
        }
        let trigger = Trigger { on: Vec::new(), each: None, when: Vec::new(), active: None };
        let of = crate::condition::Expr::number(Num::ONE);
        let counter = counter(CounterKind::Distinct { trigger, of }, per);
        let count = |state| value(&counter, Some(state), &moment(at), 0);
        prop_assert_eq!(count(&all), count(&kept));
    }
}

#[test]
fn distinct_values_by_window() {
    let mut state = CounterState::new("c");
    let week = Window::Rolling(Span { count: 7, unit: SpanUnit::Day });
    for (day, value) in [(0, 1), (1, 2), (2, 1), (9, 3)] {
        distinct::insert(&mut state, week, moment(day).seconds(), &[value]);
    }
    let of = |day| {
        groups(&state)
            .filter(|(key, _)| inside(*key, week, &moment(day), 0))
            .map(|g| g.1.len())
            .sum::<usize>()
    };
    // Value 1 was last seen on day 2.
    assert_eq!((of(3), of(8), of(9)), (2, 1, 1));
}

#[test]
fn fourteen_calendar_windows_are_kept() {
    let mut state = CounterState::new("c");
    let day = Window::Unit(Unit::Day);
    for n in 0..20 {
        add(&mut state, day, moment(n).window(day), Num::ONE).unwrap();
    }
    add(&mut state, day, moment(0).window(day), Num::ONE).unwrap();
    assert_eq!(state.parts.len(), 14);
    assert_eq!(state.parts[0].0, moment(6).window(day));
}
