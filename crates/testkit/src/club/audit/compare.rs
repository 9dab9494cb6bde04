//! Where a row or the stored state differs from what was worked out.

use serde_json::Value;

use super::told::{self, instant, list, lot_id, number};
use super::{Book, Club};
use crate::audit::{Row, payload, same};
use crate::club::terms::LEVELS;
use crate::sim::story::State;

impl Club {
    pub(super) fn compare(&mut self, book: &Book, row: &Row) -> Result<(), String> {
        let told = &row.decision;
        same("status", told["s"].as_str().unwrap_or(""), book.status)?;
        same("code", told["why"]["code"].as_str().unwrap_or(""), book.code)?;
        if !book.decided {
            let nothing = ["t", "msg", "rd", "frees", "linked"].iter().all(|key| told[key].is_null());
            return if nothing { Ok(()) } else { Err("nothing may come of it".to_owned()) };
        }
        same("member", told["m"].as_u64().unwrap_or(0), book.no)?;
        same("made a member", told["new"].as_bool().unwrap_or(false), book.new)?;
        same("set free", list(&told["frees"]).filter_map(Value::as_u64).collect(), book.frees.clone())?;
        let wallets = [self.terms.wallets[0].id, self.terms.wallets[1].id];
        same("moves of points", told::moves(told, &wallets), book.moves.clone())?;
        same("messages", told::messages(told), book.said.clone())?;
        self.redemptions(book, told)?;
        self.note_names(book, row)?;
        // Changes of a member are numbered without gap.
        let came = told["new"].as_bool().unwrap_or(false) || list(&told["linked"]).next().is_some();
        let made = (usize::from(came) + book.moves.len() + book.said.len()) as u64;
        let member = self.members.get_mut(&book.no).ok_or("nobody")?;
        let first = if made == 0 { 0 } else { member.changes + 1 };
        same("first change of the member", told["q"].as_u64().unwrap_or(0), first)?;
        member.changes += made;
        Ok(())
    }
    fn redemptions(&self, book: &Book, told: &Value) -> Result<(), String> {
        let ids = list(&told["rd"]).map(|one| (number(&one["pos"]), number(&one["n"])));
        same("redemptions", ids.collect(), book.redemptions.clone())?;
        for (one, id) in list(&told["rd"]).zip(&book.redemptions) {
            let own = &self.counter.all[id];
            same("stage of the redemption", payload::text(&one["stage"]), own.stage.to_owned())?;
            let spent = list(&one["spent"]).map(|s| {
                (lot_id(&s["lot"]), s["amount"].as_i64(), instant(&s["expires_at"]), s["returned"].as_i64())
            });
            let must = own.spent.iter().map(|s| (Some(s.lot), Some(s.amount), s.ends, Some(s.returned)));
            same("what the redemption took", spent.collect::<Vec<_>>(), must.collect())?;
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
            self.member(*no, document).map_err(|why| format!("member {no}: {why}\n  {document}"))?;
        }
        for reward in self.terms.rewards.iter().filter(|reward| reward.stock.is_some()) {
            let parts = budgets.get(&format!("stock.{}", reward.id)).map_or(&[][..], |parts| parts);
            let used: i64 = parts.iter().map(|part| part.1).sum();
            let own = self.counter.stock.get(reward.id).copied().unwrap_or(0);
            same(&format!("stock of {} that is used", reward.id), used, own)?;
        }
        Ok(())
    }
    fn member(&self, no: u64, document: &Value) -> Result<(), String> {
        let own = &self.members[&no];
        same("names", list(&document["identities"]).map(payload::text).collect(), own.names.clone())?;
        same("changes", document["changes"].as_u64().unwrap_or(0), own.changes)?;
        same("up to when what was due is done", instant(&document["clock"]), own.clock)?;
        same("what is due next", instant(&document["due"]), self.due(no))?;
        let held = &document["tiers"][0]["held"];
        same("level", held["level"].as_str().unwrap_or(LEVELS[0]), LEVELS[own.standing.level()])?;
        same("end of the level", instant(&held["until"]), own.standing.until())?;
        let open =
            list(&document["held"]).map(|h| ((number(&h["pos"]), number(&h["n"])), instant(&h["until"])));
        let must = own.held.iter().map(|id| (*id, Some(self.counter.all[id].until)));
        same("open reservations", open.collect::<Vec<_>>(), must.collect())?;
        own.purses.iter().try_for_each(|purse| told::purse(document, purse))
    }
}
