//! Different values, by window: seen, and taken back by a return unless something else showed them too.
//! Bounded: 1,000 values, 14 calendar windows, 256 further sights.

use super::counters::{DISTINCT_MAX, WINDOWS_MAX};
use crate::member::CounterState;
use crate::num::Num;
use crate::time::Window;

/// Sights beyond the first that are remembered; older ones are as if they had not been.
const AGAIN_MAX: usize = 256;

type Group = (i64, Vec<u64>);

/// The values of each window (or instant), in the order of `parts`, whose number says how many there are.
pub fn groups(state: &CounterState) -> impl Iterator<Item = (i64, &[u64])> {
    let mut rest = &state.values[..];
    state.parts.iter().map(move |(key, count)| {
        let count = count.to_int().and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(rest.len());
        let (values, after) = rest.split_at(count);
        rest = after;
        (*key, values)
    })
}

fn read(state: &CounterState) -> Vec<Group> {
    groups(state).map(|(key, values)| (key, values.to_vec())).collect()
}

fn write(state: &mut CounterState, mut all: Vec<Group>) {
    all.retain(|group| !group.1.is_empty());
    state.parts = all.iter().map(|(key, v)| (*key, Num::int(v.len() as i64).unwrap_or(Num::ZERO))).collect();
    state.values = all.into_iter().flat_map(|group| group.1).collect();
}

fn group(all: &mut Vec<Group>, key: i64) -> &mut Vec<u64> {
    let at = all.binary_search_by_key(&key, |group| group.0).unwrap_or_else(|at| {
        all.insert(at, (key, Vec::new()));
        at
    });
    &mut all[at].1
}

pub fn insert(state: &mut CounterState, per: Window, key: i64, values: &[u64]) {
    let mut all = read(state);
    let mut again = Vec::new();
    let mut count = all.iter().map(|group| group.1.len()).sum::<usize>();
    for value in values {
        let seen = group(&mut all, key);
        if seen.contains(value) {
            again.push((key, *value));
        } else if count < DISTINCT_MAX {
            seen.push(*value);
            count += 1;
        }
    }
    if matches!(per, Window::Rolling(_)) {
        // Only the latest sight of a value counts.
        for at in 0..all.len() {
            let (before, after) = all.split_at_mut(at + 1);
            let (instant, values) = &mut before[at];
            let later = |value: &mut u64| after.iter().any(|group| group.1.contains(value));
            again.extend(values.extract_if(.., later).map(|value| (*instant, value)));
        }
    }
    while matches!(per, Window::Unit(_) | Window::Level(_)) && all.len() > WINDOWS_MAX {
        all.remove(0);
    }
    write(state, all);
    again.into_iter().for_each(|(key, value)| note_again(state, key, value));
}

/// A value was seen (a period marked) once more.
pub fn note_again(state: &mut CounterState, key: i64, value: u64) {
    match state.again.binary_search_by_key(&(key, value), |one| (one.0, one.1)) {
        Ok(at) => state.again[at].2 = state.again[at].2.saturating_add(1),
        Err(at) => state.again.insert(at, (key, value, 1)),
    }
    let many = state.again.len().saturating_sub(AGAIN_MAX);
    state.again.drain(..many);
}

/// One sight less, if there was more than one.
pub fn forget_again(state: &mut CounterState, key: i64, value: u64) -> bool {
    let Ok(at) = state.again.binary_search_by_key(&(key, value), |one| (one.0, one.1)) else { return false };
    state.again[at].2 -= 1;
    if state.again[at].2 == 0 {
        state.again.remove(at);
    }
    true
}

/// Takes back one sight of a value. In a rolling window an earlier one then counts again.
pub fn remove(state: &mut CounterState, per: Window, key: i64, value: u64) {
    if forget_again(state, key, value) {
        return;
    }
    let mut all = read(state);
    let seen = group(&mut all, key);
    let Some(at) = seen.iter().position(|v| *v == value) else { return };
    seen.remove(at);
    let earlier = state.again.iter().rev().find(|one| one.1 == value && one.0 < key).map(|one| one.0);
    if let (Some(earlier), Window::Rolling(_)) = (earlier, per)
        && forget_again(state, earlier, value)
    {
        group(&mut all, earlier).push(value);
    }
    write(state, all);
}
