//! The auditor: a model of what Fealty promises, kept by another hand. It shares no code with the core; of a row it
//! reads the message as sent and the JSON of the decision, works out by itself what should have happened, and says
//! where the two differ.

mod book;
pub mod fraction;
mod judge;
pub(crate) mod laws;
mod levels;
mod orders;
pub(crate) mod payload;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;

use crate::catalog::Terms;
use crate::world::Message;
use judge::{Member, Used};
use orders::Order;

/// One row of the journal, as read back from the store.
#[derive(Clone, Debug)]
pub struct Row {
    pub pos: u64,
    /// None for a row that was set free.
    pub message: Option<Message>,
    /// The row where it waited.
    pub again: Option<u64>,
    /// The clock at the moment of decision, seconds.
    pub now: i64,
    pub decision: Value,
}

#[derive(Default)]
pub struct Auditor {
    terms: BTreeMap<u32, Rc<Terms>>,
    last_pos: u64,
    last_now: i64,
    last_version: u32,
    seen: BTreeSet<(String, String)>,
    members: BTreeMap<u64, Member>,
    names: BTreeMap<String, u64>,
    budgets: BTreeMap<String, Used>,
    orders: BTreeMap<String, Order>,
    /// By order: what waits for it.
    waiting: BTreeMap<String, Vec<(u64, Message)>>,
    /// Rows that were said to be set free, and must come next.
    due: Vec<u64>,
    changes: BTreeMap<u64, u64>,
}

/// What should have become of a message.
pub(crate) struct Verdict {
    pub status: &'static str,
    /// Empty: not said.
    pub code: &'static str,
    pub member: u64,
    /// By rule and wallet: wanted, granted (or taken back).
    pub effects: BTreeMap<(String, &'static str), (i128, i128)>,
}

impl Auditor {
    pub fn new(terms: &[Terms]) -> Auditor {
        Auditor {
            terms: terms.iter().map(|t| (t.version, Rc::new(t.clone()))).collect(),
            ..Auditor::default()
        }
    }
    /// Follows one row. The error says what differs.
    pub fn row(&mut self, row: &Row) -> Result<(), String> {
        self.follow(row).map_err(|why| {
            let what = row
                .message
                .as_ref()
                .map_or_else(String::new, |m| format!("{} {} {}", m.source, m.id, m.data));
            format!("row {} ({what}): {why}\n  decision {}", row.pos, row.decision)
        })
    }
    fn follow(&mut self, row: &Row) -> Result<(), String> {
        same("position", row.pos, self.last_pos + 1)?;
        self.last_pos = row.pos;
        if row.now < self.last_now {
            return Err(format!("the clock went back from {} to {}", self.last_now, row.now));
        }
        self.last_now = row.now;
        let version = row.decision["v"].as_u64().unwrap_or(0) as u32;
        if version < self.last_version || !self.terms.contains_key(&version) {
            return Err(format!("judged by version {version} after {}", self.last_version));
        }
        self.last_version = version;
        laws::row(row)?;
        let message = match (&row.message, row.again) {
            (Some(message), None) => {
                if let Some(due) = self.due.first() {
                    return Err(format!("row {due} was to be set free before this"));
                }
                if self.seen.contains(&(message.source.clone(), message.id.clone())) {
                    return Err("the journal holds this (source, id) twice".to_owned());
                }
                message.clone()
            }
            (None, Some(again)) => self.set_free(again)?,
            _ => return Err("a row is either an input or set free".to_owned()),
        };
        let mut verdict = self.step(&message, row, version)?;
        let again = verdict.code == "member_already_enrolled";
        if verdict.status == "applied" || again {
            let terms = self.terms[&version].clone();
            // Told again, an enrolment does nothing, unless a new version lifts the member now.
            if self.follow_levels(&message, verdict.member, &terms, row)? {
                verdict.status = "applied";
            }
        }
        // What is refused for its form may be mended and sent under the same name.
        if !crate::sim::LEAVE_THE_NAME.contains(&verdict.code) {
            self.seen.insert((message.source.clone(), message.id.clone()));
        }
        self.compare(&verdict, row)?;
        self.compare_counts(row)?;
        let frees = row.decision["frees"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        self.due.extend(frees);
        self.check_changes(row)
    }
    fn set_free(&mut self, again: u64) -> Result<Message, String> {
        if self.due.first() != Some(&again) {
            return Err(format!("row {again} was set free out of turn; due: {:?}", self.due));
        }
        self.due.remove(0);
        for list in self.waiting.values_mut() {
            if let Some(at) = list.iter().position(|(pos, _)| *pos == again) {
                return Ok(list.remove(at).1);
            }
        }
        Err(format!("row {again} did not wait"))
    }
    /// Members' changes are numbered without gap.
    fn check_changes(&mut self, row: &Row) -> Result<(), String> {
        let made = ["t", "msg"]
            .iter()
            .map(|key| row.decision[key].as_array().map_or(0, Vec::len) as u64)
            .sum::<u64>();
        let told = &row.decision;
        let came = told["new"] == true || told["linked"].as_array().is_some_and(|names| !names.is_empty());
        let made = made + u64::from(came);
        let (Some(member), true) = (row.decision["m"].as_u64(), made > 0) else { return Ok(()) };
        let last = self.changes.entry(member).or_insert(0);
        same("first change of the member", row.decision["q"].as_u64().unwrap_or(0), *last + 1)?;
        *last += made;
        Ok(())
    }
    fn compare(&self, verdict: &Verdict, row: &Row) -> Result<(), String> {
        let told = &row.decision;
        same("status", told["s"].as_str().unwrap_or(""), verdict.status)?;
        if !verdict.code.is_empty() {
            same("code", told["why"]["code"].as_str().unwrap_or(""), verdict.code)?;
        }
        if verdict.status == "applied" {
            same("member", told["m"].as_u64().unwrap_or(0), verdict.member)?;
        }
        let mut effects: BTreeMap<(String, &str), (i128, i128)> = BTreeMap::new();
        for effect in told["e"].as_array().into_iter().flatten() {
            let wallet = judge::wallet(effect["w"].as_str().unwrap_or("")).0;
            let rule = effect["r"].as_str().unwrap_or("").to_owned();
            let sum = effects.entry((rule, wallet)).or_default();
            sum.0 += i128::from(effect["a"].as_i64().unwrap_or(i64::MIN));
            // What is usual is left out: as much as was wanted.
            sum.1 += i128::from(effect["g"].as_i64().or(effect["a"].as_i64()).unwrap_or(i64::MIN));
        }
        let granted = |map: &BTreeMap<(String, &'static str), (i128, i128)>| {
            map.iter().filter(|(_, v)| v.1 != 0).map(|(k, v)| (k.clone(), v.1)).collect::<BTreeMap<_, _>>()
        };
        let effects = effects.into_iter().collect();
        same("effects", granted(&effects), granted(&verdict.effects))?;
        for (key, (wanted, _)) in effects.iter().filter(|(_, v)| v.1 != 0) {
            same("wanted", *wanted, verdict.effects[key].0)?;
        }
        self.compare_balances(verdict, row)
    }
    /// What of each count is back, as the order remembers it.
    fn compare_counts(&self, row: &Row) -> Result<(), String> {
        let told = &row.decision["o"];
        let Some(order) = self.orders.get(told["id"].as_str().unwrap_or("")) else { return Ok(()) };
        for count in told["c"].as_array().into_iter().flatten() {
            let back = payload::number(&count["b"]).unwrap_or(fraction::ZERO);
            let own = order.counts.iter().find(|c| count["c"] == *c.counter).map(|c| c.reversed);
            same("back of a count", Some(back), own)?;
        }
        Ok(())
    }
    fn compare_balances(&self, verdict: &Verdict, row: &Row) -> Result<(), String> {
        let Some(member) = self.members.get(&verdict.member) else { return Ok(()) };
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for transfer in row.decision["t"].as_array().into_iter().flatten() {
            last.insert(transfer["w"].as_str().unwrap_or(""), transfer["b"].as_i64().unwrap_or(i64::MIN));
        }
        for (wallet, after) in last {
            let own = member.wallets.get(wallet).copied().unwrap_or_default().0;
            same(wallet, i128::from(after), own)?;
        }
        Ok(())
    }
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what} is {is:?}, should be {should:?}")) }
}
