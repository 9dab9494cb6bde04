//! The auditor's ladder: which level a member has by what was counted, and had at any time before.

use super::fraction::{self, Fraction};
use super::judge::{self, Member};
use super::{Auditor, Row, same};
use crate::catalog::{LEVELS, Levels, Per, Terms};
use crate::world::Message;

/// Levels before the present one that are remembered.
const PAST: usize = 4;
/// Levels below the present one that are remembered.
const BELOW: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rung {
    level: usize,
    since: i64,
    /// The order that made it so.
    by: String,
    /// That order went back, and yet the level stayed.
    loose: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Ladder {
    /// When the member came.
    pub begun: i64,
    /// Without the first level; the last one is held.
    rungs: Vec<Rung>,
    /// From when the present level has been held, where that is not when it began.
    back: Option<i64>,
    /// (level, from when), oldest first.
    past: Vec<(usize, i64)>,
}

impl Ladder {
    fn present(&self) -> usize {
        self.rungs.last().map_or(0, |rung| rung.level)
    }
    fn since(&self) -> i64 {
        self.rungs.last().map_or(self.begun, |rung| rung.since)
    }
    fn from(&self) -> i64 {
        self.back.unwrap_or(self.since())
    }
    /// The level that was held then, as far as anyone remembers.
    pub fn at(&self, time: i64) -> usize {
        if time >= self.from() {
            return self.present();
        }
        let then = self.past.iter().rev().find(|(_, from)| *from <= time);
        then.or(self.past.first()).map_or(0, |then| then.0)
    }
    /// The present level ends at `time` and becomes the past.
    fn leave(&mut self, time: i64) {
        let (level, from) = (self.present(), self.from());
        if from < time {
            self.past.push((level, from));
        }
        while self.past.len() > PAST {
            self.past.remove(0);
        }
    }
}

fn met(terms: &Terms, member: &Member, level: usize, time: i64) -> bool {
    let count = |counter: &str, start: i64| {
        let parts = member.counters.get(counter);
        parts.and_then(|parts| parts.get(&start)).copied().unwrap_or(fraction::ZERO)
    };
    let reaches = |count: Fraction, need: i64| !count.below(fraction::whole(i128::from(need)));
    let Levels { gold, black, earned } = terms.levels;
    let orders = count("orders", 0);
    match level {
        1 => reaches(orders, gold),
        _ => reaches(orders, black) || reaches(count("earned", judge::start(terms, Per::Year, time)), earned),
    }
}

impl Auditor {
    /// What a message did to the member's level, against the messages of the row; whether it did anything.
    pub(super) fn follow_levels(
        &mut self,
        message: &Message,
        no: u64,
        terms: &Terms,
        row: &Row,
    ) -> Result<bool, String> {
        let order = row.decision["o"]["id"].as_str().unwrap_or("");
        let mut changes = Vec::new();
        if let Some(member) = self.members.get_mut(&no) {
            let (kind, time) = (message.kind.as_str(), message.time);
            if ["order.refunded", "order.cancelled", "order.updated"].contains(&kind) {
                changes.extend(lose(terms, member, order, time));
            }
            let lifts = ["order.paid", "order.updated", "order.fulfilled"].contains(&kind);
            climb(terms, member, if lifts { order } else { "" }, time, &mut changes);
        }
        let told =
            row.decision["msg"].as_array().into_iter().flatten().filter(|m| m["type"] == "tier.changed");
        let name = |value: &serde_json::Value| LEVELS.iter().position(|level| value == level);
        let told = told.map(|m| (name(&m["data"]["from"]), name(&m["data"]["to"])));
        same(
            "changes of level",
            told.collect(),
            changes.iter().map(|c| (Some(c.0), Some(c.1))).collect::<Vec<_>>(),
        )?;
        Ok(!changes.is_empty())
    }
}

fn climb(terms: &Terms, member: &mut Member, by: &str, time: i64, changes: &mut Vec<(usize, usize)>) {
    while let Some(level) =
        (member.ladder.present() + 1..LEVELS.len()).find(|level| met(terms, member, *level, time))
    {
        let ladder = &mut member.ladder;
        let since = time.max(ladder.since());
        changes.push((ladder.present(), level));
        ladder.leave(since);
        ladder.rungs.push(Rung { level, since, by: by.to_owned(), loose: false });
        if ladder.rungs.len() > BELOW + 1 {
            ladder.rungs.remove(0);
        }
        ladder.back = None;
    }
}

fn lose(terms: &Terms, member: &mut Member, order: &str, time: i64) -> Option<(usize, usize)> {
    let before = member.ladder.present();
    let mut rungs = member.ladder.rungs.clone();
    rungs.retain_mut(|rung| {
        let given = rung.loose || rung.by == order;
        if given {
            rung.loose = met(terms, member, rung.level, rung.since) || met(terms, member, rung.level, time);
        }
        !given || rung.loose
    });
    let ladder = &mut member.ladder;
    let lost = rungs.last().map(|rung| rung.level) != ladder.rungs.last().map(|rung| rung.level);
    if lost {
        ladder.leave(time);
    }
    ladder.rungs = rungs;
    if !lost {
        return None;
    }
    ladder.back = (ladder.since() < time).then_some(time);
    Some((before, ladder.present()))
}
