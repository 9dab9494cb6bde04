//! One member becomes two again: counters, limits and achievements are told apart. The reverse of `join`; what was counted
//! since stays with the survivor, but for what came of the other's own orders (`apart`).

use super::book::Book;
use super::households;
use super::limits::{self, Moment};
use super::{counters, distinct, join, streak, tiers};
use crate::member::{CounterState, LimitState, Member, Since};
use crate::num::Num;
use crate::plan::{CounterKind, Plan};
use crate::time::Window;

/// What is in `from`, as he was when he was absorbed, leaves the survivor, who was `before`; `since` is brought into `from`.
/// Returns the survivor's levels as they came out of the merge.
pub fn unjoin(book: &mut Book<'_>, from: &mut Member, before: &Member, since: &[Since]) -> Member {
    let plan = book.plan;
    let windows = tiers::by_now(plan, from, from.enrolled_at).levels;
    let mut merged = before.clone();
    plan.ladders.iter().for_each(|ladder| join::join_tier(ladder, &mut merged, from));
    let now = tiers::by_now(plan, &merged, merged.enrolled_at);
    for more in since.iter().flat_map(|since| &since.counters) {
        counters::state_mut(from, &more.id);
    }
    for state in &mut from.counters {
        let more = since.iter().flat_map(|since| &since.counters).filter(|more| more.id == state.id);
        let more: Vec<(i64, Num)> = more.flat_map(|more| more.parts.iter().copied()).collect();
        part_counter(plan, book.member, state, &more, &windows, &now);
        let paid = counters::state(before, &state.id).map_or(&[][..], |own| &own.paid);
        let own = counters::state_mut(book.member, &state.id);
        own.paid.retain(|key| paid.contains(key) || !state.paid.contains(key));
    }
    let empty = |state: &CounterState| *state == CounterState::new(&state.id);
    from.counters.retain(|state| !empty(state));
    book.member.counters.retain(|state| !empty(state));
    for limit in since.iter().flat_map(|since| &since.limits) {
        add(&mut from.limits, limit);
    }
    for limit in &from.limits {
        free(&mut book.member.limits, limit);
        let shared = households::shared_limits(plan).any(|shared| shared.id == limit.id);
        if let Some(home) = book.home.as_mut().filter(|_| shared) {
            free(&mut home.limits, limit);
        }
    }
    for his in &from.achieved {
        let Some(own) = book.member.achieved.iter_mut().find(|own| own.id == his.id) else { continue };
        own.times = own.times.saturating_sub(his.times);
        for (window, times) in &his.windows {
            if let Ok(at) = own.windows.binary_search_by_key(window, |one| one.0) {
                own.windows[at].1 = own.windows[at].1.saturating_sub(*times);
            }
        }
        own.windows.retain(|one| one.1 > 0);
    }
    book.member.achieved.retain(|own| own.times > 0);
    merged
}

fn part_counter(
    plan: &Plan,
    member: &mut Member,
    from: &mut CounterState,
    more: &[(i64, Num)],
    windows: &[i64],
    now: &Moment,
) {
    let Some(counter) = plan.counters.iter().find(|counter| counter.id == from.id) else { return };
    match counter.kind {
        CounterKind::Sum { .. } | CounterKind::Earned { .. } => {
            // Where `join` put it.
            let theirs = |key: i64| match counter.per {
                Window::Level(ladder) if windows.get(usize::from(ladder)) == Some(&key) => {
                    now.window(counter.per)
                }
                _ => key,
            };
            for (key, amount) in more {
                let of = from.parts.iter().position(|part| theirs(part.0) == *key);
                match of {
                    Some(at) => from.parts[at].1 = from.parts[at].1.add(*amount).unwrap_or(from.parts[at].1),
                    None => {
                        let at = from.parts.partition_point(|part| part.0 < *key);
                        from.parts.insert(at, (*key, *amount));
                    }
                }
            }
            for (key, amount) in &from.parts {
                let _ = counters::subtract(member, counter, theirs(*key), *amount);
            }
            let Some(own) = member.counters.iter_mut().find(|own| own.id == from.id) else { return };
            own.parts.retain(|part| !part.1.is_zero());
        }
        CounterKind::Streak { unit, .. } => {
            streak::part(counters::state_mut(member, &counter.id), from, unit, now);
        }
        CounterKind::Distinct { .. } => {
            let state = counters::state_mut(member, &counter.id);
            for (key, value, times) in &from.again {
                (0..*times).for_each(|_| {
                    distinct::forget_again(state, *key, *value);
                });
            }
            for (key, values) in distinct::groups(from) {
                values.iter().for_each(|value| distinct::remove(state, counter.per, key, *value));
            }
        }
    }
}

fn add(limits: &mut Vec<LimitState>, more: &LimitState) {
    let parts = super::book::limit_mut(limits, &more.id);
    for (window, used) in &more.parts {
        match parts.binary_search_by_key(window, |part| part.0) {
            Ok(at) => parts[at].1 = (parts[at].1 + used).max(0),
            Err(at) => parts.insert(at, (*window, (*used).max(0))),
        }
    }
    parts.retain(|part| part.1 > 0);
    limits.retain(|limit| !limit.parts.is_empty());
}

fn free(limits: &mut Vec<LimitState>, his: &LimitState) {
    if let Some(own) = limits.iter_mut().find(|own| own.id == his.id) {
        his.parts.iter().for_each(|(window, used)| limits::free(&mut own.parts, *window, *used));
    }
    limits.retain(|limit| !limit.parts.is_empty());
}
