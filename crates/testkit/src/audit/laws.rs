//! Laws that hold whatever the program says: of a row by itself, and of the state that is left at the end.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fraction::Fraction;
use super::{Auditor, Row, payload, same};
use crate::catalog::LEVELS;

/// Every transfer is between two accounts, above 0, and the balance after it follows from the one before.
pub fn row(row: &Row) -> Result<(), String> {
    let told = &row.decision;
    let status = told["s"].as_str().unwrap_or("");
    let mut after: BTreeMap<(&str, Option<u64>), i64> = BTreeMap::new();
    for transfer in told["t"].as_array().into_iter().flatten() {
        let amount = transfer["a"].as_i64().unwrap_or(0);
        let (debit, credit) =
            (transfer["d"].as_str().unwrap_or("issued"), transfer["c"].as_str().unwrap_or("available"));
        if amount <= 0 || amount > 9_000_000_000_000_000 || debit == credit {
            return Err(format!("no transfer: {transfer}"));
        }
        let wallet = (transfer["w"].as_str().unwrap_or(""), transfer["of"].as_u64());
        let now = transfer["b"].as_i64().unwrap_or(i64::MIN);
        let moved = i64::from(credit == "available") * amount - i64::from(debit == "available") * amount;
        if let Some(before) = after.insert(wallet, now) {
            same("balance after the transfer", now, before + moved)?;
        }
    }
    if status != "applied" && !after.is_empty() {
        return Err(format!("{status}, and yet points moved"));
    }
    for effect in told["e"].as_array().into_iter().flatten() {
        if effect["g"].as_i64().is_some_and(|granted| Some(granted) > effect["a"].as_i64()) {
            return Err(format!("more granted than wanted: {effect}"));
        }
    }
    for grant in told["o"]["g"].as_array().into_iter().flatten() {
        let (granted, back) = (grant["g"].as_i64().unwrap_or(0), grant["b"].as_i64().unwrap_or(0));
        if back < 0 || back > granted {
            return Err(format!("{back} taken back of {granted}"));
        }
    }
    Ok(())
}

impl Auditor {
    /// The state that the store holds, against the model's. `members` are the stored documents.
    pub fn finish(
        &self,
        members: &BTreeMap<u64, Value>,
        budgets: &BTreeMap<String, Vec<(i64, i64)>>,
    ) -> Result<(), String> {
        if !self.due.is_empty() {
            return Err(format!("rows {:?} were never set free", self.due));
        }
        for (order, waiting) in &self.waiting {
            if self.orders.contains_key(order) && !waiting.is_empty() {
                return Err(format!("{} still waits for {order}, which is known", waiting[0].1.id));
            }
        }
        same("members", members.keys().copied().collect::<Vec<_>>(), self.members.keys().copied().collect())?;
        for (no, document) in members {
            self.member(*no, document).map_err(|why| format!("member {no}: {why}\n  {document}"))?;
        }
        for (limit, used) in &self.budgets {
            let stored = budgets.get(limit).map_or(&[][..], |parts| parts);
            let stored = stored.iter().filter(|p| p.1 != 0).map(|p| i128::from(p.1)).collect::<Vec<_>>();
            let own = used.values().copied().filter(|v| *v != 0).collect::<Vec<_>>();
            same(limit, stored, own)?;
        }
        Ok(())
    }
    fn member(&self, no: u64, document: &Value) -> Result<(), String> {
        let own = &self.members[&no];
        same(
            "changes",
            document["changes"].as_u64().unwrap_or(0),
            self.changes.get(&no).copied().unwrap_or(0),
        )?;
        let names = document["identities"].as_array().into_iter().flatten().map(payload::text);
        same("identities", names.collect(), own.names.clone())?;
        let held = document["tiers"][0]["held"]["level"].as_str().unwrap_or(LEVELS[0]);
        same("level", held, LEVELS[own.ladder.at(i64::MAX)])?;
        let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let mut wallets = own.wallets.clone();
        for wallet in list("wallets") {
            let (id, available) = (payload::text(&wallet["id"]), wallet["available"].as_i64().unwrap_or(0));
            let debt = wallet["debt"].as_i64().unwrap_or(0);
            let model = wallets.remove(id.as_str()).unwrap_or_default();
            same(&id, (i128::from(available), i128::from(debt)), model)?;
            let lots: Vec<i64> = wallet["lots"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|l| l[2].as_i64().unwrap_or(-1))
                .collect();
            if lots.iter().any(|left| *left <= 0) || lots.len() > 17 {
                return Err(format!("{id}: lots {lots:?}"));
            }
            same(&format!("sum of the lots of {id}"), lots.iter().sum::<i64>(), available.max(0))?;
        }
        if let Some((id, left)) = wallets.into_iter().find(|(_, w)| *w != (0, 0)) {
            return Err(format!("wallet {id} is missing, should be {left:?}"));
        }
        for (id, used) in &own.limits {
            let stored = list("limits").into_iter().find(|l| l["id"] == **id).unwrap_or_default();
            let stored = stored["parts"].as_array().into_iter().flatten().filter_map(|p| p[1].as_i64());
            let stored: Vec<i128> = stored.filter(|v| *v != 0).map(i128::from).collect();
            same(id, stored, used.values().copied().filter(|v| *v != 0).collect())?;
        }
        for (id, parts) in &own.counters {
            let stored = list("counters").into_iter().find(|c| c["id"] == **id).unwrap_or_default();
            let stored =
                stored["parts"].as_array().into_iter().flatten().filter_map(|p| payload::number(&p[1]));
            let stored: Vec<Fraction> = stored.filter(|v| !v.is_zero()).collect();
            same(id, stored, parts.values().copied().filter(|v| !v.is_zero()).collect())?;
        }
        Ok(())
    }
}
