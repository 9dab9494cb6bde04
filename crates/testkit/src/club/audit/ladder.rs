//! Which level a member has: climbed by visits, kept for a time, judged at its end, lost with the order that gave it.

use std::collections::BTreeMap;

use jiff::{ToSpan, Zoned};

use crate::club::ends::local;
use crate::club::terms::{LEVELS, Ladder, Terms};

/// Levels before and below the present one that are remembered, and windows of the counter.
const PAST: usize = 4;
const BELOW: usize = 8;
const WINDOWS: usize = 14;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    pub level: usize,
    pub since: i64,
    pub until: Option<i64>,
    /// The order whose message made it so; after its return, whether it is asked for at any return.
    by: Option<String>,
    loose: bool,
}

#[derive(Clone, Debug)]
pub struct Standing {
    /// When the member came.
    begun: i64,
    /// None: the first level, from the start.
    held: Option<Rung>,
    back: Option<i64>,
    below: Vec<Rung>,
    past: Vec<(usize, i64)>,
    /// Visits, by start of the window.
    visits: BTreeMap<i64, i64>,
}

/// From which level to which.
pub type Change = (usize, usize);

fn window(terms: &Terms, at: &Zoned) -> i64 {
    let day = at.date().first_of_month();
    let back = match terms.ladder.per {
        "month" => 0,
        "quarter" => (day.month() - 1) % 3,
        _ => day.month() - 1,
    };
    let first = day - i64::from(back).months();
    let first = first.in_tz(crate::club::ends::HOME).expect("every day has a first instant");
    first.timestamp().as_second()
}

impl Standing {
    pub fn new(begun: i64) -> Standing {
        let (below, past) = (Vec::new(), Vec::new());
        Standing { begun, held: None, back: None, below, past, visits: BTreeMap::new() }
    }
    pub fn level(&self) -> usize {
        self.held.as_ref().map_or(0, |rung| rung.level)
    }
    pub fn until(&self) -> Option<i64> {
        self.held.as_ref().and_then(|rung| rung.until)
    }
    fn since(&self) -> i64 {
        self.held.as_ref().map_or(self.begun, |rung| rung.since)
    }
    fn from(&self) -> i64 {
        self.back.unwrap_or(self.since())
    }
    /// What was held then, as far as it is remembered.
    pub fn at(&self, time: i64) -> usize {
        if self.held.is_none() || time >= self.from() {
            return self.level();
        }
        let then = self.past.iter().rev().find(|past| past.1 <= time).or(self.past.first());
        then.map_or(0, |past| past.0)
    }
    pub fn visit(&mut self, terms: &Terms, at: i64) {
        let start = window(terms, &local(at));
        let older = self.visits.keys().next().is_some_and(|first| start < *first);
        if older && self.visits.len() >= WINDOWS {
            return;
        }
        *self.visits.entry(start).or_insert(0) += 1;
        if self.visits.len() > WINDOWS {
            self.visits.pop_first();
        }
    }
    fn met(&self, terms: &Terms, level: usize, at: &Zoned) -> bool {
        let count = self.visits.get(&window(terms, at)).copied().unwrap_or(0);
        level > 0 && count >= terms.ladder.needs[level - 1]
    }
    /// When the level that is held is judged.
    pub fn due(&self, ladder: &Ladder) -> Option<i64> {
        let until = self.until()?;
        Some((local(until) + ladder.grace.days()).timestamp().as_second())
    }
    /// The present level and those that would be held without it.
    fn rungs(&self) -> Vec<Rung> {
        let held = self.held.iter().filter(|rung| rung.level > 0 || rung.since > self.begun);
        self.below.iter().chain(held).cloned().collect()
    }
    fn write(&mut self, rung: Rung, mut below: Vec<Rung>, at: i64, lost: bool) -> Option<Change> {
        let before = self.level();
        if self.from() < at {
            self.past.push((before, self.from()));
        }
        self.past.drain(..self.past.len().saturating_sub(PAST));
        below.retain(|rung| rung.until.is_none_or(|until| until > at));
        below.drain(..below.len().saturating_sub(BELOW));
        let after = rung.level;
        self.back = (lost && rung.since < at).then_some(at);
        (self.held, self.below) = (Some(rung), below);
        (before != after).then_some((before, after))
    }
    /// After an event at `at`; `clock`: up to when everything due was done. `by`: the order that the event was about.
    pub fn climb(&mut self, terms: &Terms, at: i64, clock: Option<i64>, by: Option<&str>) -> Vec<Change> {
        let (now, mut changes) = (local(at), Vec::new());
        loop {
            let present = self.level();
            let above = (present + 1..LEVELS.len()).find(|level| self.met(terms, *level, &now));
            let renewed = || {
                let began = window(terms, &local(self.since()));
                (self.met(terms, present, &now) && window(terms, &now) > began).then_some(present)
            };
            let Some(level) = above.or_else(renewed) else { return changes };
            let until = terms.ladder.keep.end(&now);
            let over = until.is_some_and(|until| until <= at || clock.is_some_and(|clock| until <= clock));
            let later = self.until().is_some_and(|old| until.is_none_or(|until| until > old));
            if over || (level == present && !later) {
                return changes;
            }
            let since = at.max(self.since());
            let rung = Rung { level, since, until, by: by.map(str::to_owned), loose: false };
            let below = self.rungs();
            changes.extend(self.write(rung, below, since, false));
        }
    }
    /// Judges what has ended.
    pub fn run_due(&mut self, terms: &Terms, at: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        while self.due(&terms.ladder).is_some_and(|due| due <= at) {
            let until = self.until().expect("it has an end");
            changes.extend(self.judge(terms, until, at));
        }
        changes
    }
    fn judge(&mut self, terms: &Terms, until: i64, at: i64) -> Option<Change> {
        let held = self.level();
        let mut below = self.rungs();
        below.retain(|rung| rung.level < held && rung.until.is_none_or(|until| until > at));
        // Needs met on the last instant of the level, of its grace, or now.
        let last = |end: i64| local(end) - 1.nanosecond();
        let moments = [last(until), last(at), local(at)];
        let earned = (1..LEVELS.len()).rev().find_map(|level| {
            moments.iter().find_map(|moment| {
                let end = self.met(terms, level, moment).then(|| terms.ladder.keep.end(moment))?;
                end.is_none_or(|end| end > at).then_some((level, end))
            })
        });
        let level = earned.map_or(0, |earned| earned.0);
        let target = match terms.ladder.lapse {
            "stay" if level < held => {
                self.held.as_mut().expect("it ended").until = None;
                return None;
            }
            "one_down" => level.max(held.saturating_sub(1)),
            _ => level,
        };
        let stands = |rung: &Rung| rung.level > target || (rung.level == target && level < target);
        let rung = if below.last().is_some_and(stands) {
            let older = below.pop().expect("there is one");
            Rung { since: at, by: None, loose: false, ..older }
        } else {
            let until = match earned {
                Some((level, until)) if level == target => until,
                _ if target == 0 => None,
                _ => terms.ladder.keep.end(&local(at)),
            };
            Rung { level: target, since: at, until, by: None, loose: false }
        };
        below.retain(|other| other.level < rung.level);
        self.write(rung, below, at, false)
    }
    /// The order went back: what it gave is lost, unless its needs are met all the same.
    pub fn lose(&mut self, terms: &Terms, order: &str, at: i64) -> Option<Change> {
        let before = self.rungs();
        let given = |rung: &Rung| rung.loose || rung.by.as_deref() == Some(order);
        if !before.iter().any(given) {
            return None;
        }
        let (mut kept, mut lost) = (Vec::new(), false);
        for mut rung in before {
            let asked = given(&rung);
            let met = [rung.since, at].iter().any(|at| self.met(terms, rung.level, &local(*at)));
            lost = asked && !met;
            if asked {
                rung.loose = met;
            }
            if !lost {
                kept.push(rung);
            }
        }
        if !lost && let Some(held) = kept.pop() {
            (self.held, self.below) = (Some(held), kept);
            return None;
        }
        kept.retain(|rung| rung.until.is_none_or(|until| until > at));
        let first = Rung { level: 0, since: self.begun, until: None, by: None, loose: false };
        let rung = kept.pop().unwrap_or(first);
        self.write(rung, kept, at, true)
    }
}
