//! Where a row or the stored state differs from what was worked out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::purse::{Lot, LotId, Move, Waiting};
use super::{Book, Club};
use crate::audit::{Row, payload, same};
use crate::club::terms::LEVELS;
use crate::sim::story::State;

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn lot_id(value: &Value) -> Option<LotId> {
    Some((value[0].as_u64()?, value[1].as_u64()?))
}

/// Seconds of a stored instant.
fn instant(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

fn account(value: &Value, usual: &str) -> String {
    value.as_str().unwrap_or(usual).to_owned()
}

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
        let moves = list(&told["t"]).map(|t| {
            let at = self.terms.wallets.iter().find(|w| t["w"] == w.id);
            (
                at.map_or("", |w| w.id),
                account(&t["d"], "issued"),
                account(&t["c"], "available"),
                t["a"].as_i64().unwrap_or(0),
                lot_id(&t["l"]),
            )
        });
        let mut moves: Vec<_> = moves.collect();
        moves.sort();
        let own = |m: &Move| (m.wallet, m.from.to_owned(), m.to.to_owned(), m.amount, m.lot);
        same("moves of points", moves, book.moves.iter().map(own).collect())?;
        let said = list(&told["msg"]).map(|m| {
            let (kind, data) = (payload::text(&m["type"]), &m["data"]);
            match kind.as_str() {
                "tier.changed" => {
                    format!("{kind} {} {}", payload::text(&data["from"]), payload::text(&data["to"]))
                }
                _ => format!("{kind} {}", payload::text(&data["reward"])),
            }
        });
        same("messages", said.collect(), book.said.clone())?;
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
        let ids =
            list(&told["rd"]).map(|one| (one["pos"].as_u64().unwrap_or(0), one["n"].as_u64().unwrap_or(0)));
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
        let open = list(&document["held"])
            .map(|h| ((h["pos"].as_u64().unwrap_or(0), h["n"].as_u64().unwrap_or(0)), instant(&h["until"])));
        let must = own.held.iter().map(|id| (*id, Some(self.counter.all[id].until)));
        same("open reservations", open.collect::<Vec<_>>(), must.collect())?;
        let stored: BTreeMap<&str, &Value> =
            list(&document["wallets"]).filter_map(|w| Some((w["id"].as_str()?, w))).collect();
        for purse in &own.purses {
            let wallet = stored.get(purse.id).copied().unwrap_or(&Value::Null);
            let amount = |key: &str| wallet[key].as_i64().unwrap_or(0);
            same(
                &format!("available, pending and debt of {}", purse.id),
                (amount("available"), amount("pending"), amount("debt")),
                (purse.available, purse.pending(), purse.debt),
            )?;
            let lots = list(&wallet["lots"])
                .map(|l| Some(Lot { id: lot_id(l)?, left: l[2].as_i64()?, ends: instant(&l[4]) }));
            same(&format!("lots of {}", purse.id), lots.collect(), Some(purse.lots.clone()))?;
            let waiting = list(&wallet["waiting"]).map(|w| {
                Some(Waiting {
                    id: (w["p"].as_u64()?, w["n"].as_u64().unwrap_or(0)),
                    left: w["r"].as_i64()?,
                    until: instant(&w["u"]),
                    order: w["o"][0].as_str().map(str::to_owned),
                    ends: instant(&w["e"]),
                })
            });
            same(&format!("what waits of {}", purse.id), waiting.collect(), Some(purse.waiting.clone()))?;
        }
        Ok(())
    }
}
