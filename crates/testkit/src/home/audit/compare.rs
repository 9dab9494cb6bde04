//! Where a row or the stored state differs from what was worked out.

use serde_json::Value;

use super::{Book, Home};
use crate::audit::{Row, fraction, payload, same};
use crate::club::audit::told::{self, instant, list, lot_id, number};
use crate::home::terms::WALLETS;
use crate::sim::marks::Marks;
use crate::sim::story::State;

impl Home {
    pub(super) fn compare(&mut self, book: &Book, row: &Row, marks: &mut Marks) -> Result<(), String> {
        let told = &row.decision;
        same("status", told["s"].as_str().unwrap_or(""), book.status)?;
        same("code", told["why"]["code"].as_str().unwrap_or(""), book.code)?;
        let pair = |value: &Value| Some((value[0].as_u64()?, value[1].as_u64()?));
        same("codes that were brought", pair(&told["brought"]), book.brought)?;
        same("codes left out", list(&told["skipped"]).map(number).collect(), book.skipped.clone())?;
        if !book.decided {
            let nothing = ["t", "msg", "rd", "frees", "linked", "hh"].iter().all(|key| told[key].is_null());
            return if nothing { Ok(()) } else { Err("nothing may come of it".to_owned()) };
        }
        same("member", told["m"].as_u64().unwrap_or(0), book.no)?;
        same("made a member", told["new"].as_bool().unwrap_or(false), book.new)?;
        same("household", told["hh"].as_u64(), book.household)?;
        same("set free", list(&told["frees"]).map(number).collect(), book.frees.clone())?;
        same("moves of points", told::moves(told, &WALLETS), book.moves.clone())?;
        self.messages(book, told)?;
        self.compare_redemptions(book, told, marks)?;
        if book.no == 0 {
            return Ok(());
        }
        // Changes of a member are numbered without gap.
        let came = usize::from(book.new || book.named);
        let made = (came + book.moves.len() + book.said.len()) as u64;
        let member = self.member(book.no);
        let first = if made == 0 { 0 } else { member.changes + 1 };
        same("first change of the member", told["q"].as_u64().unwrap_or(0), first)?;
        member.changes += made;
        Ok(())
    }
    /// Of an erased member the kinds are left.
    fn messages(&self, book: &Book, told: &Value) -> Result<(), String> {
        let told = told::messages(told);
        let kind = |said: &String| said.split(' ').next().unwrap_or("").to_owned();
        let alike = |(told, own): (&String, &String)| told == own || *told == kind(own);
        if told.len() == book.said.len() && told.iter().zip(&book.said).all(alike) {
            return Ok(());
        }
        same("messages", told, book.said.clone())
    }
    fn compare_redemptions(&mut self, book: &Book, told: &Value, marks: &mut Marks) -> Result<(), String> {
        let ids = list(&told["rd"]).map(|one| (number(&one["pos"]), number(&one["n"])));
        same("redemptions", ids.collect(), book.redemptions.clone())?;
        for (one, id) in list(&told["rd"]).zip(&book.redemptions) {
            let own = &self.redemptions[id];
            same("stage of the redemption", payload::text(&one["stage"]), own.stage.to_owned())?;
            let spent = list(&one["spent"]).map(|s| {
                let back = s["returned"] == s["amount"];
                (lot_id(&s["lot"]), s["amount"].as_i64(), instant(&s["expires_at"]), s["by"].as_u64(), back)
            });
            let must = own.spent.iter().map(|s| (Some(s.lot), Some(s.amount), s.ends, s.by, s.back));
            same("what the redemption took", spent.collect::<Vec<_>>(), must.collect())?;
            if own.stage == "confirmed" {
                marks.hit(["code of a pool given", "code of a pattern given"][own.reward]);
            }
            self.codes_of(*id, one)?;
        }
        Ok(())
    }
    pub(super) fn compare_state(&self, (members, budgets): &State, clock: i64) -> Result<(), String> {
        if let Some(next) = self.next.front() {
            return Err(format!("at the end there was still to come {next:?}"));
        }
        for no in self.members.keys() {
            self.ready(*no, clock)?;
        }
        same("members", members.keys().copied().collect::<Vec<_>>(), self.members.keys().copied().collect())?;
        for (no, document) in members {
            self.compare_member(*no, document).map_err(|why| format!("member {no}: {why}\n  {document}"))?;
        }
        let parts = |name: &str| budgets.get(name).map_or(&[][..], |parts| parts);
        for (reward, used) in self.terms.rewards.iter().zip(self.stock) {
            let stored: i64 = parts(&format!("stock.{}", reward.id)).iter().map(|part| part.1).sum();
            let own = if reward.stock.is_some() { used } else { 0 };
            same(&format!("stock of {} that is used", reward.id), stored, own)?;
        }
        let count = |key: i64| parts("pool.films").iter().find(|part| part.0 == key).map_or(0, |part| part.1);
        let own = (self.pool.left.len() as i64, self.pool.held, self.pool.rows as i64);
        same("codes left, promised, and rows that brought them", (count(0), count(1), count(2)), own)
    }
    fn compare_member(&self, no: u64, document: &Value) -> Result<(), String> {
        let own = &self.members[&no];
        same("names", list(&document["identities"]).map(payload::text).collect(), own.names.clone())?;
        same("changes", number(&document["changes"]), own.changes)?;
        same("up to when what was due is done", instant(&document["clock"]), own.clock)?;
        same("what is due next", instant(&document["due"]), self.due(no))?;
        let open =
            list(&document["held"]).map(|h| ((number(&h["pos"]), number(&h["n"])), instant(&h["until"])));
        let must = own.held.iter().map(|id| (*id, Some(self.redemptions[id].until)));
        same("open reservations", open.collect::<Vec<_>>(), must.collect())?;
        let home = document["home"]["no"].as_u64().zip(instant(&document["home"]["since"]));
        same("household, and since when", home, own.home)?;
        let residents = list(&document["household"]["residents"]).map(|one| number(&one["no"]));
        same("residents", residents.collect::<Vec<_>>(), own.residents.clone().unwrap_or_default())?;
        same("absorbed by", document["merged_into"].as_u64(), own.into)?;
        same(
            "absorbed",
            list(&document["absorbed"]).map(|a| number(&a["no"])).collect(),
            own.absorbed.clone(),
        )?;
        same("erased", document["erased"] == true, own.erased)?;
        let used = list(&document["limits"]).flat_map(|l| list(&l["parts"]));
        let used = used.filter_map(|p| Some((p[0].as_i64()?, p[1].as_i64()?))).filter(|part| part.1 != 0);
        let must = own.used.iter().filter(|part| *part.1 != 0).map(|(month, used)| (*month, *used));
        same("what is used of the cap", used.collect::<Vec<_>>(), must.collect())?;
        let visits = list(&document["counters"]).flat_map(|c| list(&c["parts"]));
        let visits: Vec<_> = visits.filter_map(|p| payload::number(&p[1])).filter(|n| !n.is_zero()).collect();
        let must = (own.visits > 0).then(|| fraction::whole(own.visits.into()));
        same("visits", visits, must.into_iter().collect())?;
        own.purses.iter().try_for_each(|purse| told::purse(document, purse))
    }
}
