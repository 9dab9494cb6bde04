//! Writing a level: what is held, what was, counters that start anew with it, and who is told.
//! The law: rungs below are lower or older, and none of them has ended.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::super::case::moment;
use super::super::counters;
use super::{Held, Way, index, next, number, present};
use crate::bind;
use crate::decide::Book;
use crate::member::{LevelWindows, Rung, TierState};
use crate::num::Num;
use crate::outcome::Emitted;
use crate::plan::{Canon, LadderNo, Region};
use crate::time::Window;
use crate::value::{Text, Value};

const BELOW_MAX: usize = 8;
const PAST_MAX: usize = 4;

/// Why a level is held from now on.
#[derive(Clone, Copy, Debug)]
pub enum Why<'a> {
    Reached,
    /// By a rule.
    Placed(&'a str),
    ByHand(&'a str),
    /// The one before came to its end.
    Ended,
    /// The order that had lifted the member went back.
    Refunded,
    /// Whom the member had absorbed is himself again, with the level that he had brought.
    Parted,
}

/// What is held from `at` on.
pub struct Change<'a> {
    pub ladder: LadderNo,
    pub rung: Rung,
    /// What would be held without it.
    pub below: Vec<Rung>,
    pub at: Timestamp,
    /// The way on which its needs were met: what exceeds them may be carried on.
    pub way: Option<&'a Way>,
    pub why: Why<'a>,
}

impl Change<'_> {
    /// An older level is held again.
    fn comes_back(&self) -> bool {
        self.rung.since < self.at && matches!(self.why, Why::Refunded)
    }
}

pub fn write(book: &mut Book<'_>, region: &Region, change: Change<'_>) {
    let ladder = &book.plan.ladders[usize::from(change.ladder)];
    let before = present(ladder, book.member);
    let back = change.comes_back().then_some(change.at);
    let mut change = change;
    if back.is_none() {
        change.rung.windows = start_anew(book, region, &change, &before);
    }
    let at = book.member.tiers.iter().position(|state| state.ladder == ladder.id);
    let mut past = Vec::new();
    let mut from = before.since;
    if let Some(state) = at.map(|at| book.member.tiers.remove(at)) {
        from = state.back.unwrap_or(state.held.since);
        past = state.past;
    }
    // What was held for no time at all was never seen.
    if from < change.at {
        past.push((ladder.levels[before.level].id.clone(), from));
    }
    past.drain(..past.len().saturating_sub(PAST_MAX));
    let mut below = change.below;
    below.retain(|rung| rung.until.is_none_or(|until| until > change.at));
    below.drain(..below.len().saturating_sub(BELOW_MAX));
    let after = index(ladder, &change.rung.level);
    let state = TierState { ladder: ladder.id.clone(), held: change.rung, back, below, past };
    let until = state.held.until;
    book.member.tiers.push(state);
    if after != before.level {
        tell(book, region, change.ladder, (before.level, after), until, change.at, change.why);
    }
}

/// Counters that count since the level began begin again, with what may be carried on: from which window, in which.
fn start_anew(
    book: &mut Book<'_>,
    region: &Region,
    change: &Change<'_>,
    before: &Held,
) -> Option<LevelWindows> {
    let plan = book.plan;
    let per = Window::Level(change.ladder);
    let mut now = moment(plan, book.member, change.at);
    now.levels[usize::from(change.ladder)] = before.window;
    // Two levels may begin in one second.
    let window = change.rung.since.as_second().max(before.window.saturating_add(1));
    let mut windows = LevelWindows { led: before.window, own: window, carried: Vec::new() };
    let mut any = false;
    for (no, counter) in plan.counters.iter().enumerate().filter(|(_, counter)| counter.per == per) {
        let state = counters::state(book.member, &counter.id);
        let need = change.way.and_then(|way| way.iter().find(|(of, _)| usize::from(*of) == no));
        let carried = need.map_or(Num::ZERO, |(_, need)| {
            let value = counters::value(counter, state, &now, 0);
            let more = value.sub(number(need, region)).unwrap_or(Num::ZERO).max(Num::ZERO);
            more.min(number(&counter.carry, region))
        });
        counters::restart(book.member, counter, window, carried);
        if !carried.is_zero() {
            windows.carried.push((counter.id.clone(), carried));
        }
        any = true;
    }
    any.then_some(windows)
}

pub fn tell(
    book: &mut Book<'_>,
    region: &Region,
    no: LadderNo,
    (before, after): (usize, usize),
    until: Option<Timestamp>,
    at: Timestamp,
    why: Why<'_>,
) {
    let plan = book.plan;
    let ladder = &plan.ladders[usize::from(no)];
    let (from, to) = (&ladder.levels[before].id, &ladder.levels[after].id);
    let up = after > before;
    let mut data = Map::new();
    let mut put = |name: &str, value: Json| drop(data.insert(name.into(), value));
    put("ladder", ladder.id.as_str().into());
    put("from", from.as_str().into());
    put("to", to.as_str().into());
    put("up", up.into());
    let (word, more) = match why {
        Why::Reached => ("reached", None),
        Why::Placed(rule) => ("placed", Some(("rule", rule))),
        Why::ByHand(reason) => ("placed", Some(("reason", reason))),
        Why::Ended => ("ended", None),
        Why::Refunded => ("refunded", None),
        Why::Parted => ("unmerged", None),
    };
    put("why", word.into());
    if let Some((name, text)) = more {
        put(name, text.into());
    }
    put("until", until.map_or(Json::Null, |until| until.to_string().into()));
    if let Some(next) = next(plan, ladder, book.member, region, at) {
        put("next", next.level.id.as_str().into());
        let missing = next.missing.iter().map(|(id, less)| (id.to_string(), bind::number(*less)));
        put("missing", missing.collect::<Map<_, _>>().into());
    }
    book.decision.emitted.push(Emitted::own("tier.changed", data));
    let text = |text: &Text| Value::Text(text.clone());
    let payload = vec![text(&ladder.id), text(from), text(to), Value::Bool(up)];
    // Nothing is paid for being as before.
    if matches!(why, Why::Parted) {
        return;
    }
    book.hear(Canon::TierChanged, || Value::Record(payload));
}
