//! Achievements: goals that counters reach. What was completed stays so; a return takes back progress alone.

use super::history::{ONE, begin, window};
use super::{Book, Career, Heard, Member};
use crate::career::terms::{Counter, Goal, Per};
use crate::club::ends::local;
use crate::sim::marks::Marks;

/// In how many windows it is remembered.
const WINDOWS: usize = 32;

/// Which completions count against what is reached now, and under what one more is kept.
struct Within {
    from: i64,
    to: i64,
    now: i64,
}

impl Career {
    fn within(&self, goal: &Goal, member: &Member, at: i64) -> Within {
        let (first, _) = goal.needs[0];
        if first == Counter::Run && goal.repeat {
            let from = begin(self.present_run(member, at).1);
            return Within { from, to: i64::MAX, now: begin(self.terms.run.unit.start(local(at).date())) };
        }
        match self.terms.per(first) {
            Per::Life => Within { from: 0, to: 0, now: 0 },
            Per::Unit(unit) => {
                let now = begin(unit.start(local(at).date()));
                Within { from: now, to: now, now }
            }
            Per::Days(_) => Within { from: window(self.terms.per(first), at).from, to: i64::MAX, now: at },
        }
    }
    /// Completes what is reached.
    pub(super) fn goals(&mut self, book: &mut Book, marks: &mut Marks) {
        for goal in self.terms.goals.clone() {
            let member = &self.members[&book.no];
            let times = |(counter, need): &(Counter, i64)| {
                self.value(member, *counter, book.at).div_euclid(i128::from(*need) * ONE)
            };
            let reached = goal.needs.iter().map(times).min().unwrap_or(0).max(0) as u32;
            let reached = if goal.repeat { reached } else { reached.min(1) };
            let within = self.within(&goal, member, book.at);
            let done = member
                .done
                .get(goal.id)
                .map_or(0, |(_, all)| all.range(within.from..=within.to).map(|one| one.1).sum());
            if done > reached {
                marks.hit("completed goal outlives the return of an order");
            }
            for _ in done..reached {
                let weekday = local(book.at).date().weekday().to_monday_zero_offset();
                if goal.early && weekday > 2 {
                    marks.hit("goal waits for its schedule");
                    break;
                }
                self.complete(&goal, book, marks);
            }
        }
    }
    fn complete(&mut self, goal: &Goal, book: &mut Book, marks: &mut Marks) {
        let within = self.within(goal, &self.members[&book.no], book.at);
        let per = self.terms.per(goal.needs[0].0);
        let (times, all) = self.member(book.no).done.entry(goal.id).or_default();
        *times += 1;
        let count = *times;
        let of_run = goal.needs[0].0 == Counter::Run && goal.repeat;
        if !all.is_empty() {
            let inside = all.range(within.from..=within.to).next().is_some();
            marks.hit(match (of_run, inside) {
                (true, false) => "goal completed in a second run",
                (_, true) => "goal completed once more in its window",
                (false, false) => "goal completed in a further window",
            });
        }
        if of_run {
            // All of the run are kept under its newest period, so that a return which breaks it makes no new one.
            let mut run = all.split_off(&within.from);
            let newest = run.last_key_value().map_or(within.now, |last| within.now.max(*last.0));
            let sum = std::mem::take(&mut run).into_values().sum::<u32>() + 1;
            all.insert(newest, sum);
        } else {
            *all.entry(within.now).or_insert(0) += 1;
        }
        while all.len() > WINDOWS {
            let oldest = all.pop_first().map_or(0, |one| one.1);
            if let (Per::Days(_), Some(mut next)) = (per, all.first_entry()) {
                *next.get_mut() += oldest;
            }
        }
        if book.said.iter().any(|said| said.starts_with("achievement.completed")) {
            marks.hit("several goals completed in one row");
        }
        book.said.push(format!("achievement.completed {} {count}", goal.id));
        book.heard.push_back(Heard::Completed(i64::from(count)));
        self.grant(book, 0, goal.pays);
    }
}
