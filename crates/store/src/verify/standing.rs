//! What members have besides points, told by the journal alone: levels, open reservations, what is used of a stock; and
//! that nothing a member holds is due before his next instant.
//! Not here: whether a level was deserved (`replay` decides it again).

use std::collections::{BTreeMap, HashMap};

use domain::member::Member;
use domain::outcome::Decision;
use domain::redemption::Stage;
use domain::value::Text;
use jiff::Timestamp;

use super::Report;

#[derive(Default)]
pub struct Standing {
    /// By member: ladder and level, as last told.
    levels: HashMap<u64, Vec<(Text, Text)>>,
    /// Open reservations: whose, and when each lapses.
    open: HashMap<(u64, u16), (u64, Option<Timestamp>)>,
    /// Pieces in use, by the name of the stock among the budgets.
    stock: BTreeMap<Text, i128>,
}

impl Standing {
    /// `joins`: what another member had came to this one, levels too.
    pub fn row(&mut self, pos: u64, member: u64, decision: &Decision, joins: bool) {
        if joins {
            self.levels.remove(&member);
        }
        for told in decision.emitted.iter().filter(|m| m.rule.is_empty() && &*m.kind == "tier.changed") {
            let text = |key: &str| told.data.get(key).and_then(|value| value.as_str()).unwrap_or("").into();
            let (ladder, level): (Text, Text) = (text("ladder"), text("to"));
            let levels = self.levels.entry(member).or_default();
            match levels.iter_mut().find(|known| known.0 == ladder) {
                Some(known) => known.1 = level,
                None => levels.push((ladder, level)),
            }
        }
        for one in &decision.redemptions {
            let id = (one.pos, one.n);
            let before = self.open.remove(&id);
            if one.stage == Stage::Reserved {
                self.open.insert(id, (member, one.until));
            }
            let sign = match one.stage {
                Stage::Reserved | Stage::Confirmed if one.pos == pos => 1,
                Stage::Cancelled | Stage::Lapsed => -1,
                Stage::Returned if one.pos != pos && before.is_none() => -1,
                _ => continue,
            };
            for (used, amount) in one.limits.iter().filter(|(used, _)| is_stock(&used.limit)) {
                *self.stock.entry(used.limit.clone()).or_default() += sign * i128::from(*amount);
            }
        }
    }

    /// The stored member against it.
    pub fn member(&mut self, member: &Member, report: &mut Report) {
        let no = member.no;
        let levels = self.levels.remove(&no).filter(|_| member.merged_into.is_none() && !member.erased);
        for (ladder, told) in levels.unwrap_or_default() {
            let held =
                member.tiers.iter().find(|state| state.ladder == ladder).map(|state| &*state.held.level);
            if held != Some(&*told) {
                let held = held.unwrap_or("none");
                report.member("level", no, format!("its level of {ladder} is {held}, and {told} was told"));
            }
        }
        for held in &member.held {
            let id = (held.pos, held.n);
            if self.open.remove(&id) != Some((no, Some(held.until))) {
                report.member(
                    "reservation",
                    no,
                    format!("it holds {id:?}, which is not open, or not so long"),
                );
            }
        }
        let first = earliest(member);
        if first.is_some_and(|first| member.due.is_none_or(|due| due > first)) {
            let what = format!("what it holds is due at {first:?}, and it waits for {:?}", member.due);
            report.member("due", no, what);
        }
    }

    /// The budgets are told as they are stored.
    pub fn finish(&self, budgets: &BTreeMap<String, Vec<(i64, i64)>>, report: &mut Report) {
        for (id, (no, _)) in &self.open {
            report.member("reservation", *no, format!("{id:?} is open, and it does not hold it"));
        }
        let names = self.stock.keys().map(|id| &**id).chain(budgets.keys().map(String::as_str));
        let mut names: Vec<&str> = names.filter(|id| is_stock(id)).collect();
        names.sort_unstable();
        names.dedup();
        for id in names {
            let is: i128 = budgets.get(id).into_iter().flatten().map(|part| i128::from(part.1)).sum();
            let must = self.stock.get(id).copied().unwrap_or(0);
            if is != must {
                report.file("stock", format!("of {id} {is} pieces are used, and redemptions hold {must}"));
            }
        }
    }
}

fn is_stock(budget: &str) -> bool {
    budget.starts_with("stock.")
}

/// The first instant at which something that the member holds ends, is released or lapses.
fn earliest(member: &Member) -> Option<Timestamp> {
    let lots = member.wallets.iter().flat_map(|wallet| wallet.lots.iter()).filter_map(|lot| lot.expires_at);
    let waits = member.wallets.iter().flat_map(|wallet| &wallet.waiting);
    let waits = waits.flat_map(|one| [one.until, one.expires_at]).flatten();
    let held = member.held.iter().map(|held| held.until);
    let runs = member.runs.iter().filter_map(|run| run.until);
    lots.chain(waits).chain(held).chain(runs).min()
}
