//! "Sometimes": situations that a run of many seeds must have met, or it proved nothing. Each is counted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::server::Answered;
use crate::audit::Row;
use crate::career;
use crate::catalog::Terms;
use crate::club;
use crate::home;
use crate::world::DAY;

#[derive(Clone, Debug, Default)]
pub struct Marks(pub BTreeMap<&'static str, u64>);

/// All of the shop's. One that is never met fails a run of enough seeds, as one of another family's does.
const SHOP: [&str; 41] = [
    "adjustment refused for want of points",
    "an order without items",
    "balance_max cut a grant",
    "batch with the same event twice",
    "budget exhausted by another member",
    "budget or limit cut partly",
    "campaign chose another rule",
    "clock jumped",
    "commit failed and had happened",
    "commit failed and had not happened",
    "crash after commit, before the answer",
    "crash after the decision, before the commit",
    "crash before anything",
    "crash while the past was read",
    "crash with two batches in flight",
    "debt made by a return",
    "debt repaid by an earning",
    "duplicate answered from the journal",
    "duplicate while the first was in flight",
    "event 300 seconds ahead accepted",
    "event from the future refused",
    "event more than 300 days late",
    "event on the first second of a local day",
    "everything came back",
    "event older than the present level",
    "identity stayed with another member",
    "level given by an order",
    "level lost by a return",
    "limit freed by a return",
    "limit refused all",
    "negative balance",
    "order edited after it was paid",
    "order paid again under another event id",
    "program published in the middle",
    "refund before its order",
    "refund forgiven",
    "refund of an order of an older version",
    "refund told twice under two ids",
    "same id with another body",
    "three returns of one order",
    "two currencies of one member",
];

fn all() -> impl Iterator<Item = &'static str> {
    let others = [club::MARKS, home::MARKS, career::MARKS];
    SHOP.into_iter().chain(others.into_iter().flatten().copied())
}

impl Marks {
    pub fn hit(&mut self, name: &'static str) {
        debug_assert!(all().any(|known| known == name), "{name} is not in the list");
        *self.0.entry(name).or_insert(0) += 1;
    }
    pub fn add(&mut self, other: &Marks) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_insert(0) += count;
        }
    }
    pub fn never(&self) -> Vec<&'static str> {
        all().filter(|name| !self.0.contains_key(name)).collect()
    }
}

/// What a client was told.
pub fn of_answer(marks: &mut Marks, answer: &Answered) {
    match (answer.conflict, answer.duplicate, answer.of_flight) {
        (true, ..) => marks.hit("same id with another body"),
        (_, true, true) => marks.hit("duplicate while the first was in flight"),
        (_, true, false) => marks.hit("duplicate answered from the journal"),
        _ => {}
    }
}

/// Goes through a journal and counts what happened in it.
#[derive(Default)]
pub struct Watch {
    currencies: BTreeMap<u64, String>,
    /// When the present level of a member began.
    levels: BTreeMap<u64, i64>,
}

impl Watch {
    pub fn row(&mut self, marks: &mut Marks, row: &Row, terms: &[Terms]) {
        let told = &row.decision;
        match told["why"]["code"].as_str().unwrap_or("") {
            "event_from_future" => marks.hit("event from the future refused"),
            "points_insufficient" => marks.hit("adjustment refused for want of points"),
            "order_already_paid" => marks.hit("order paid again under another event id"),
            "refund_already_applied" => marks.hit("refund told twice under two ids"),
            "identity_taken" => marks.hit("identity stayed with another member"),
            _ => {}
        }
        if told["taken"].as_array().is_some_and(|all| !all.is_empty()) {
            marks.hit("identity stayed with another member");
        }
        if row.again.is_some() {
            marks.hit("refund before its order");
        }
        if told["s"] == "applied" {
            self.applied(marks, row);
            effects(marks, told, terms);
        }
        for message in told["msg"].as_array().into_iter().flatten().filter(|m| m["type"] == "tier.changed") {
            marks.hit(if message["data"]["up"] == true {
                "level given by an order"
            } else {
                "level lost by a return"
            });
        }
        for transfer in told["t"].as_array().into_iter().flatten() {
            let (debit, credit) = (&transfer["d"], &transfer["c"]);
            match (transfer["k"].as_str(), debit == "debt" || credit == "debt") {
                (Some("repay"), _) => marks.hit("debt repaid by an earning"),
                (_, true) => marks.hit("debt made by a return"),
                _ => {}
            }
            if transfer["b"].as_i64() < Some(0) {
                marks.hit("negative balance");
            }
        }
    }
    fn applied(&mut self, marks: &mut Marks, row: &Row) {
        let (order, list) = (&row.decision["o"], |v: &Value| v.as_array().cloned().unwrap_or_default());
        let grants = list(&order["g"]);
        if !grants.is_empty() && grants.iter().all(|g| g["b"] == g["g"]) {
            marks.hit("everything came back");
        }
        if order["v"].as_u64() < row.decision["v"].as_u64() && order["v"].is_u64() {
            marks.hit("refund of an order of an older version");
        }
        if list(&order["refunds"]).len() >= 3 {
            marks.hit("three returns of one order");
        }
        let Some(message) = &row.message else { return };
        if message.time > row.now {
            marks.hit("event 300 seconds ahead accepted");
        }
        if message.time < row.now - 300 * DAY {
            marks.hit("event more than 300 days late");
        }
        if [22, 23].contains(&(message.time.rem_euclid(DAY) / 3600)) && message.time % 3600 == 0 {
            marks.hit("event on the first second of a local day");
        }
        let member = row.decision["m"].as_u64().unwrap_or(0);
        if self.levels.get(&member).is_some_and(|began| message.time < *began) {
            marks.hit("event older than the present level");
        }
        if list(&row.decision["msg"]).iter().any(|m| m["type"] == "tier.changed") {
            self.levels.insert(member, message.time);
        }
        match message.kind.as_str() {
            "order.updated" => marks.hit("order edited after it was paid"),
            "order.paid" => {
                if list(&order["i"]).is_empty() {
                    marks.hit("an order without items");
                }
                let currency = order["cur"].as_str().unwrap_or("").to_owned();
                let member = row.decision["m"].as_u64().unwrap_or(0);
                if self.currencies.insert(member, currency.clone()).is_some_and(|before| before != currency) {
                    marks.hit("two currencies of one member");
                }
            }
            _ => {}
        }
    }
}

fn effects(marks: &mut Marks, told: &Value, terms: &[Terms]) {
    let limits =
        || terms.iter().flat_map(|t| t.rules.iter().flat_map(|r| &r.limits).chain(&t.campaign_limits));
    for effect in told["e"].as_array().into_iter().flatten() {
        let (kind, granted) = (
            effect["k"].as_str().unwrap_or("earn"),
            effect["g"].as_i64().or(effect["a"].as_i64()).unwrap_or(0),
        );
        let cut = effect["cut"].as_str().unwrap_or("");
        if kind == "reverse" {
            let of = |g: &&Value| g["r"] == effect["r"] && g["l"].as_array().is_some_and(|l| !l.is_empty());
            if told["o"]["g"].as_array().into_iter().flatten().any(|g| of(&g)) {
                marks.hit("limit freed by a return");
            }
        }
        match cut {
            "" => {}
            "balance_max" => marks.hit("balance_max cut a grant"),
            "forgiven" => marks.hit("refund forgiven"),
            _ if limits().any(|l| l.id == cut) => {
                if limits().any(|l| l.id == cut && l.across) {
                    marks.hit("budget exhausted by another member");
                }
                marks.hit(if granted > 0 { "budget or limit cut partly" } else { "limit refused all" });
            }
            _ if cut.contains("bonus") => marks.hit("campaign chose another rule"),
            _ => {}
        }
    }
}
