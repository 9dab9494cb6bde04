//! Where a row or the stored state differs from what was worked out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::history::begin;
use super::{Book, Career};
use crate::audit::{Row, payload, same};
use crate::club::audit::told::{self, instant, list, number};
use crate::sim::story::State;

const WALLETS: [&str; 2] = ["points", "tokens"];

impl Career {
    pub(super) fn compare(&mut self, book: &Book, row: &Row) -> Result<(), String> {
        let told = &row.decision;
        same("status", told["s"].as_str().unwrap_or(""), book.status)?;
        same("code", told["why"]["code"].as_str().unwrap_or(""), book.code)?;
        if !book.decided {
            let nothing = ["t", "msg", "frees", "linked"].iter().all(|key| told[key].is_null());
            return if nothing { Ok(()) } else { Err("nothing may come of it".to_owned()) };
        }
        same("member", told["m"].as_u64().unwrap_or(0), book.no)?;
        same("made a member", told["new"].as_bool().unwrap_or(false), book.new)?;
        same("set free", list(&told["frees"]).map(number).collect(), book.frees.clone())?;
        same("moves of points", told::moves(told, &WALLETS), book.moves.clone())?;
        same("messages", told::messages(told), book.said.clone())?;
        // Changes of a member are numbered without gap.
        let made = (usize::from(book.new || book.named) + book.moves.len() + book.said.len()) as u64;
        let member = self.member(book.no);
        let first = if made == 0 { 0 } else { member.changes + 1 };
        same("first change of the member", told["q"].as_u64().unwrap_or(0), first)?;
        member.changes += made;
        Ok(())
    }
    pub(super) fn compare_state(&self, (members, _): &State, clock: i64) -> Result<(), String> {
        if let Some(next) = self.next.front() {
            return Err(format!("at the end there was still to come {next:?}"));
        }
        for no in self.members.keys() {
            self.ready(*no, clock)?;
        }
        same("members", members.keys().copied().collect::<Vec<_>>(), self.members.keys().copied().collect())?;
        for (no, document) in members {
            let compared =
                self.compare_member(*no, document).and_then(|()| self.compare_career(*no, document));
            compared.map_err(|why| format!("member {no}: {why}\n  {document}"))?;
        }
        Ok(())
    }
    fn compare_member(&self, no: u64, document: &Value) -> Result<(), String> {
        let own = &self.members[&no];
        same("names", list(&document["identities"]).map(payload::text).collect(), own.names.clone())?;
        same("members nearby", list(&document["near"]).map(number).collect(), own.near.clone())?;
        same("changes", number(&document["changes"]), own.changes)?;
        same("up to when what was due is done", instant(&document["clock"]), own.clock)?;
        same("what is due next", instant(&document["due"]), self.due(no))?;
        own.purses.iter().try_for_each(|purse| told::purse(document, purse))
    }
    fn compare_career(&self, no: u64, document: &Value) -> Result<(), String> {
        let own = &self.members[&no];
        let done = list(&document["achieved"]).map(|one| {
            let windows = list(&one["windows"]).map(|w| (w[0].as_i64().unwrap_or(0), number(&w[1]) as u32));
            (payload::text(&one["id"]), (number(&one["times"]) as u32, windows.collect()))
        });
        let must = own.done.iter().map(|(id, done)| ((*id).to_owned(), done.clone()));
        same("goals", done.collect::<BTreeMap<_, _>>(), must.collect())?;
        let flows = list(&document["runs"]).map(|one| self.going(one));
        same("workflows", flows.collect::<Vec<_>>(), own.flows.iter().cloned().map(Some).collect())?;
        let started = list(&document["started"]).map(|one| (payload::text(&one[0]), instant(&one[1])));
        let must = own.started.iter().map(|(id, at)| ((*id).to_owned(), Some(*at)));
        same("workflows that began", started.collect::<BTreeMap<_, _>>(), must.collect())?;
        let silences = list(&document["silences"]).map(|one| {
            (payload::text(&one["of"]), (instant(&one["heard_at"]).unwrap_or(0), one["rung"] == true))
        });
        same("silences", silences.collect(), own.silences.clone())?;
        let by = &document["referral"];
        let must = own.brought_by.clone();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let stored = by["by"].as_u64().map(|no| {
            (no, instant(&by["due"]), text(&by["order"]), by["qualified"] == true, by["void"] == true)
        });
        let must = must.map(|by| (by.by, by.due, by.order, by.qualified, by.void));
        same("who brought him", stored, must)?;
        same("brought", number(&document["brought"]), own.brought)?;
        self.compare_run(no, document)
    }
    fn compare_run(&self, no: u64, document: &Value) -> Result<(), String> {
        let (own, unit) = (&self.members[&no], self.terms.run.unit);
        let run = list(&document["counters"]).find(|one| one["id"] == "run").unwrap_or(&Value::Null);
        let stretches = list(&run["parts"])
            .filter_map(|p| Some((p[0].as_i64()?, payload::number(&p[1])?.minor(0, "down") as i64)));
        let mut must: Vec<(i64, i64)> = Vec::new();
        let mut before = None;
        for day in &own.run.marked {
            match must.last_mut().filter(|_| before == Some(unit.before(*day))) {
                Some(last) => *last = (begin(*day), last.1 + 1),
                None => must.push((begin(*day), 1)),
            }
            before = Some(*day);
        }
        same("runs", stretches.collect(), must)?;
        let again = list(&run["again"]).map(|one| (one[0].as_i64().unwrap_or(0), number(&one[2]) as u32));
        let must = own.run.again.iter().map(|(day, more)| (begin(*day), *more));
        same("periods marked more than once", again.collect::<Vec<_>>(), must.collect())?;
        let paid = list(&run["paid"]).filter_map(Value::as_i64);
        same("gaps paid for", paid.collect::<Vec<_>>(), own.run.paid.iter().map(|day| begin(*day)).collect())
    }
}
