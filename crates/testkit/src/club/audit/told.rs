//! What a row or a stored member says, read out of its JSON in the auditors' own words.

use std::collections::BTreeMap;

use serde_json::Value;

use super::purse::{Lot, LotId, Move, Purse, Waiting};
use crate::audit::{payload, same};

const ACCOUNTS: [&str; 9] =
    ["available", "pending", "debt", "issued", "reversed", "adjusted", "redeemed", "expired", "given"];

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

pub fn lot_id(value: &Value) -> Option<LotId> {
    Some((value[0].as_u64()?, value[1].as_u64()?))
}

/// Seconds of a stored instant.
pub fn instant(value: &Value) -> Option<i64> {
    let told = || value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
    value.as_i64().or_else(told)
}

/// All that moved, sorted.
pub fn moves(told: &Value, wallets: &[&'static str]) -> Vec<Move> {
    let account = |value: &Value, usual: &'static str| {
        let name = value.as_str().unwrap_or(usual);
        ACCOUNTS.into_iter().find(|known| *known == name).unwrap_or("no account")
    };
    let moves = list(&told["t"]).map(|t| Move {
        wallet: wallets.iter().find(|id| t["w"] == **id).copied().unwrap_or("no wallet"),
        from: account(&t["d"], "issued"),
        to: account(&t["c"], "available"),
        amount: t["a"].as_i64().unwrap_or(0),
        lot: lot_id(&t["l"]),
        of: t["of"].as_u64(),
    });
    let mut moves: Vec<Move> = moves.collect();
    moves.sort();
    moves
}

/// The messages of a row, each with what is looked at of it; of an erased member only the kinds are left.
pub fn messages(told: &Value) -> Vec<String> {
    let one = |m: &Value| {
        let (kind, data) = (payload::text(&m["type"]), &m["data"]);
        let text = |key: &str| payload::text(&data[key]);
        let what = match kind.as_str() {
            _ if data.is_null() => String::new(),
            "tier.changed" => format!(" {} {}", text("from"), text("to")),
            "points.expiring" => {
                let end = instant(&data["expires_at"]).unwrap_or(0);
                format!(" {} {} {end}", text("wallet"), data["amount"])
            }
            "achievement.completed" => format!(" {} {}", text("achievement"), data["count"]),
            "referral.qualified" => format!(" {}", text("code")),
            kind if kind.starts_with("redemption.") => format!(" {}", text("reward")),
            _ => String::new(),
        };
        format!("{kind}{what}")
    };
    list(&told["msg"]).map(one).collect()
}

/// A stored wallet against the auditor's.
pub fn purse(document: &Value, own: &Purse) -> Result<(), String> {
    let stored: BTreeMap<&str, &Value> =
        list(&document["wallets"]).filter_map(|w| Some((w["id"].as_str()?, w))).collect();
    let wallet = stored.get(own.id).copied().unwrap_or(&Value::Null);
    let amount = |key: &str| wallet[key].as_i64().unwrap_or(0);
    same(
        &format!("available, pending and debt of {}", own.id),
        (amount("available"), amount("pending"), amount("debt")),
        (own.available, own.pending(), own.debt),
    )?;
    let lots = list(&wallet["lots"])
        .map(|l| Some(Lot { id: lot_id(l)?, left: l[2].as_i64()?, ends: instant(&l[4]), by: l[5].as_u64() }));
    same(&format!("lots of {}", own.id), lots.collect(), Some(own.lots.clone()))?;
    let waiting = list(&wallet["waiting"]).map(|w| {
        Some(Waiting {
            id: (w["p"].as_u64()?, number(&w["n"])),
            left: w["r"].as_i64()?,
            until: instant(&w["u"]),
            order: w["o"][0].as_str().map(str::to_owned),
            ends: instant(&w["e"]),
        })
    });
    same(&format!("what waits of {}", own.id), waiting.collect(), Some(own.waiting.clone()))
}
