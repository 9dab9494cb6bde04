//! When each member is to be woken: kept in memory, fed by what is decided, rebuilt from the stored members in slices.
//!
//! Invariant: a member is never woken late for what is known of him; too early costs a look. So what a slice tells, which
//! may be older than what was decided meanwhile, can only bring his wake forward.

use std::collections::{BTreeSet, HashMap};

use domain::event::MemberNo;
use jiff::Timestamp;

/// Members that are looked at in one slice.
pub const SLICE: usize = 256;
/// Members that are woken in one batch, beside its events.
pub const WAKES_MAX: usize = 512;

/// About 60 bytes a member for whom anything is due.
pub(crate) struct Wakes {
    /// Milliseconds, rounded up.
    due: BTreeSet<(i64, MemberNo)>,
    of: HashMap<MemberNo, i64>,
    /// The last member that was looked at; None: all were.
    looked: Option<MemberNo>,
}

impl Wakes {
    /// Knows of nobody: all stored members must be looked at.
    pub fn new() -> Wakes {
        Wakes { due: BTreeSet::new(), of: HashMap::new(), looked: Some(0) }
    }

    /// What a decision has just told.
    pub fn set(&mut self, no: MemberNo, due: Option<Timestamp>) {
        if let Some(before) = self.of.remove(&no) {
            self.due.remove(&(before, no));
        }
        if let Some(due) = due {
            self.of.insert(no, ceil(due));
            self.due.insert((ceil(due), no));
        }
    }

    /// What a slice tells.
    pub fn offer(&mut self, no: MemberNo, due: Option<Timestamp>) {
        let Some(due) = due else { return };
        if self.of.get(&no).is_none_or(|before| ceil(due) < *before) {
            self.set(no, Some(due));
        }
    }

    /// Those whose time has come, the earliest first.
    pub fn take(&mut self, now: Timestamp) -> Vec<MemberNo> {
        let now = now.as_millisecond();
        let due: Vec<_> = self.due.iter().take_while(|(at, _)| *at <= now).take(WAKES_MAX).copied().collect();
        for (at, no) in &due {
            self.due.remove(&(*at, *no));
            self.of.remove(no);
        }
        due.into_iter().map(|(_, no)| no).collect()
    }

    /// The earliest, in milliseconds.
    pub fn first(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// How many are known of whose time has come, at most `most`.
    pub fn backlog(&self, now: Timestamp, most: usize) -> usize {
        self.due.iter().take(most).take_while(|(at, _)| *at <= now.as_millisecond()).count()
    }

    /// Where the next slice begins; None: all members were looked at.
    pub fn looked(&self) -> Option<MemberNo> {
        self.looked
    }

    pub fn look_on(&mut self, last: Option<MemberNo>) {
        self.looked = last;
    }

    /// Looks at all of them again: the program has changed, or what was decided was lost.
    pub fn look_again(&mut self) {
        self.looked = Some(0);
    }
}

pub(crate) fn ceil(at: Timestamp) -> i64 {
    let floor = at.as_millisecond();
    if Timestamp::from_millisecond(floor).is_ok_and(|floor| floor < at) { floor + 1 } else { floor }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Option<Timestamp> {
        Timestamp::from_millisecond(ms).ok()
    }

    #[test]
    fn the_earliest_first_and_a_slice_only_brings_forward() {
        let mut wakes = Wakes::new();
        wakes.set(1, at(30));
        wakes.set(2, at(10));
        wakes.set(3, at(20));
        wakes.offer(1, at(40));
        wakes.offer(3, at(5));
        wakes.offer(4, None);
        assert_eq!((wakes.first(), wakes.backlog(at(20).unwrap(), 9)), (Some(5), 2));
        assert_eq!(wakes.take(at(20).unwrap()), [3, 2]);
        wakes.set(1, None);
        assert_eq!(wakes.first(), None);
    }

    #[test]
    fn nobody_is_woken_a_part_of_a_millisecond_too_early() {
        let mut wakes = Wakes::new();
        wakes.set(1, Some("2027-01-01T00:00:00.0005Z".parse().unwrap()));
        assert!(wakes.take("2027-01-01T00:00:00Z".parse().unwrap()).is_empty());
        assert_eq!(wakes.take("2027-01-01T00:00:00.001Z".parse().unwrap()), [1]);
    }

    #[test]
    fn a_midnight_of_many_comes_in_parts() {
        let mut wakes = Wakes::new();
        (1..=2_000).for_each(|no| wakes.set(no, at(1)));
        assert_eq!(wakes.take(at(1).unwrap()).len(), WAKES_MAX);
        assert_eq!(wakes.backlog(at(1).unwrap(), usize::MAX), 2_000 - WAKES_MAX);
    }
}
