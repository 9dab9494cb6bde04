//! Counters: streaks told in any order, distinct values, bounds.

use super::*;
use crate::time::{Calendar, Span, SpanUnit};
use proptest::prelude::*;

fn moment(day: i64) -> Moment {
    let start = jiff::civil::date(2026, 1, 1).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    let calendar = Calendar {
        week_starts: jiff::civil::Weekday::Monday,
        year_starts: 1,
        enrolled_on: jiff::civil::date(2026, 1, 1),
    };
    let at = start.timestamp().as_second() + day * 86_400 + 3_600;
    Moment {
        at: jiff::Timestamp::from_second(at).unwrap().to_zoned(jiff::tz::TimeZone::UTC),
        calendar,
        levels: Vec::new(),
    }
}

fn runs(days: &[i64]) -> Vec<Run> {
    let mut runs = Vec::new();
    for day in days {
        let now = moment(*day);
        mark(&mut runs, Unit::Day, now.period(Unit::Day, 0), &now);
    }
    runs
}

#[test]
fn a_streak_counts_to_yesterday_or_today() {
    let days = runs(&[1, 2, 3]);
    let at = |day, forgive| run_length(&days, Unit::Day, forgive, &moment(day));
    assert_eq!((at(3, 0), at(4, 0), at(5, 0), at(5, 1), at(6, 1)), (3, 3, 0, 3, 0));
    let gap = runs(&[1, 2, 4]);
    assert_eq!(run_length(&gap, Unit::Day, 0, &moment(4)), 1);
    assert_eq!(run_length(&gap, Unit::Day, 1, &moment(4)), 3);
}

proptest! {
    /// Runs do not depend on the order in which days are told.
    #[test]
    fn late_days_join_runs(days in Just((0..20_i64).collect::<Vec<_>>()).prop_shuffle(), take in 1..20_usize, at in 0..25_i64) {
        let told = &days[..take];
        let streak = run_length(&runs(told), Unit::Day, 0, &moment(at));
        let from = if told.contains(&at) { at } else { at - 1 };
        let plain = (0..).take_while(|n| told.contains(&(from - n))).count() as i64;
        prop_assert_eq!(streak, plain);
    }
}

#[test]
fn distinct_values_by_window() {
    let mut state = CounterState { id: "c".into(), parts: Vec::new(), values: Vec::new() };
    let week = Window::Rolling(Span { count: 7, unit: SpanUnit::Day });
    for (day, value) in [(0, 1), (1, 2), (2, 1), (9, 3)] {
        insert_values(&mut state, week, moment(day).seconds(), &[value]);
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
    let mut state = CounterState { id: "c".into(), parts: Vec::new(), values: Vec::new() };
    let day = Window::Unit(Unit::Day);
    for n in 0..20 {
        add(&mut state, day, moment(n).window(day), Num::ONE).unwrap();
    }
    add(&mut state, day, moment(0).window(day), Num::ONE).unwrap();
    assert_eq!(state.parts.len(), 14);
    assert_eq!(state.parts[0].0, moment(6).window(day));
}
