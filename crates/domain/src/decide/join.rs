//! Two members become one: counters add up, the better level stays, achievements that were completed stay so.
//! Not here: wallets, limits and names (`merge`).

use super::limits::Moment;
use super::{counters, distinct, streak, tiers};
use crate::member::{Achieved, CounterState, Member, TierState};
use crate::plan::{Counter, CounterKind, Ladder, Plan};
use crate::time::Window;

/// What `from` had counted, reached and completed comes to `into`.
pub fn join(plan: &Plan, into: &mut Member, from: &Member) {
    // Windows of levels first: they begin with the level that stays.
    let before = tiers::by_now(plan, from, from.enrolled_at).levels;
    for ladder in &plan.ladders {
        join_tier(ladder, into, from);
    }
    let now = tiers::by_now(plan, into, into.enrolled_at);
    for counter in &plan.counters {
        if let Some(state) = counters::state(from, &counter.id) {
            join_counter(counter, into, state, &before, &now);
        }
    }
    from.achieved.iter().for_each(|achieved| join_achieved(into, achieved));
}

pub fn join_tier(ladder: &Ladder, into: &mut Member, from: &Member) {
    let Some(other) = tiers::state(ladder, from) else { return };
    let rank = |state: &TierState| {
        let until = state.held.until.unwrap_or(jiff::Timestamp::MAX);
        (tiers::index(ladder, &state.held.level), until)
    };
    match into.tiers.iter_mut().find(|state| state.ladder == ladder.id) {
        None if rank(other).0 > 0 => into.tiers.push(other.clone()),
        Some(own) if rank(other) > rank(own) => *own = other.clone(),
        _ => {}
    }
}

fn join_counter(counter: &Counter, into: &mut Member, from: &CounterState, before: &[i64], now: &Moment) {
    match counter.kind {
        CounterKind::Sum { .. } | CounterKind::Earned { .. } => {
            for (key, amount) in &from.parts {
                let mut key = *key;
                if let Window::Level(ladder) = counter.per
                    && before.get(usize::from(ladder)) == Some(&key)
                {
                    key = now.window(counter.per);
                }
                // A counter that is full stays as it is.
                let _ = counters::change(into, counter, key, *amount);
            }
        }
        CounterKind::Streak { unit, .. } => {
            let state = counters::state_mut(into, &counter.id);
            streak::join(state, from, unit, now);
        }
        CounterKind::Distinct { .. } => {
            let state = counters::state_mut(into, &counter.id);
            for (key, values) in distinct::groups(from) {
                distinct::insert(state, counter.per, key, values);
            }
            for (key, value, more) in &from.again {
                (0..*more).for_each(|_| distinct::note_again(state, *key, *value));
            }
        }
    }
}

fn join_achieved(into: &mut Member, from: &Achieved) {
    let Some(own) = into.achieved.iter_mut().find(|own| own.id == from.id) else {
        into.achieved.push(from.clone());
        return;
    };
    own.times = own.times.saturating_add(from.times);
    for (window, times) in &from.windows {
        match own.windows.binary_search_by_key(window, |one| one.0) {
            Ok(at) => own.windows[at].1 = own.windows[at].1.saturating_add(*times),
            Err(at) => own.windows.insert(at, (*window, *times)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Expr;
    use crate::num::Num;
    use crate::plan::{Forgive, Setting, Trigger};
    use crate::time::{Calendar, Span, SpanUnit, Unit};
    use proptest::prelude::*;

    fn counter(kind: CounterKind, per: Window) -> Counter {
        Counter { id: "c".into(), kind, per, carry: Setting::Is(Num::ZERO) }
    }

    fn moment_of(day: i64) -> Moment {
        let enrolled_on = jiff::civil::date(2026, 1, 1);
        let start = enrolled_on.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let calendar = Calendar { week_starts: jiff::civil::Weekday::Monday, year_starts: 1, enrolled_on };
        let at = jiff::Timestamp::from_second(start.timestamp().as_second() + day * 86_400 + 60).unwrap();
        Moment::new(at.to_zoned(jiff::tz::TimeZone::UTC), calendar, Vec::new())
    }

    proptest! {
        /// What two members had counted is what one would have, had he done it all.
        #[test]
        fn counters_add_up(steps in prop::collection::vec((0..30_i64, 0..4_u64, any::<bool>()), 1..40), kind in 0..4_u8, at in 0..35_i64) {
            let trigger = || Trigger { on: Vec::new(), each: None, when: Vec::new(), active: None };
            let week = Window::Rolling(Span { count: 7, unit: SpanUnit::Day });
            let counter = match kind {
                0 => counter(CounterKind::Sum { trigger: trigger(), add: None }, Window::Unit(Unit::Week)),
                1 => counter(CounterKind::Sum { trigger: trigger(), add: None }, week),
                2 => counter(CounterKind::Streak { trigger: trigger(), unit: Unit::Day, forgive: Forgive::Gaps(0) }, Window::Life),
                _ => counter(CounterKind::Distinct { trigger: trigger(), of: Expr::number(Num::ONE) }, week),
            };
            let new = |no| Member::new(no, jiff::Timestamp::UNIX_EPOCH);
            let (mut one, mut two, mut whole) = (new(1), new(2), new(3));
            for (day, value, first) in &steps {
                let now = moment_of(*day);
                for member in [&mut whole, if *first { &mut one } else { &mut two }] {
                    match counter.kind {
                        CounterKind::Sum { .. } => counters::change(member, &counter, now.window(counter.per), Num::ONE).unwrap(),
                        CounterKind::Streak { unit, .. } => {
                            let state = counters::state_mut(member, "c");
                            streak::mark(state, unit, now.period(unit, 0), &now);
                        }
                        _ => {
                            let state = counters::state_mut(member, "c");
                            distinct::insert(state, counter.per, now.window(counter.per), &[*value]);
                        }
                    }
                }
            }
            if let Some(state) = counters::state(&two, "c") {
                join_counter(&counter, &mut one, state, &[], &moment_of(40));
            }
            let value = |member| counters::value(&counter, counters::state(member, "c"), &moment_of(at), 0);
            prop_assert_eq!(value(&one), value(&whole));
        }
    }
}
