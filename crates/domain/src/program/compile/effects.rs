//! Effects: what rules, achievements and steps of workflows do once their conditions hold.

use super::Compiler;
use super::rules::{is_flat, own_nouns};
use super::scope::Place;
use super::settings::{SPAN, TERM, WAIT};
use crate::canonical::TYPES;
use crate::condition::{Code, Expr};
use crate::num::Num;
use crate::plan::{Canon, Discount, Earn, Emit, Give, LevelOf, Off, Pending, PlaceOn, TypeNo};
use crate::program::check::near::did_you_mean;
use crate::program::read::{Node, Table};
use crate::value::{Type, Value};

pub const KEYS: [&str; 6] = ["earn", "give", "redeem", "place", "discount", "emit"];

#[derive(Default)]
pub struct Effects {
    pub earn: Vec<Earn>,
    pub give: Vec<Give>,
    pub redeem: Vec<Give>,
    pub place: Vec<PlaceOn>,
    pub discount: Option<Discount>,
    pub emit: Vec<Emit>,
}

/// Where effects stand: the place of amounts, that of what is done once for the event, and what holds in each.
pub struct Spot<'a> {
    pub place: &'a Place,
    pub once: &'a Place,
    pub given: &'a [&'a str],
    pub given_once: &'a [&'a str],
}

impl Compiler<'_, '_, '_> {
    pub fn effects(&mut self, table: &Table, path: &str, spot: &Spot<'_>) -> Effects {
        Effects {
            earn: self.earn(table, path, spot),
            give: self.gives(table, "give", path, spot),
            redeem: self.gives(table, "redeem", path, spot),
            place: self.places(table, path, spot),
            discount: table
                .get("discount")
                .and_then(Node::table)
                .and_then(|t| self.discount(t, &format!("{path}.discount"), spot.place, spot.given)),
            emit: self.emit(table, path, spot),
        }
    }

    fn earn(&mut self, table: &Table, path: &str, spot: &Spot<'_>) -> Vec<Earn> {
        let mut found = Vec::new();
        for (key, node) in table.get("earn").and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("{path}.earn.{}", key.text);
            let of = node.table();
            let amount = of.map_or(Some(node), |t| t.get("amount"));
            let amount =
                amount.and_then(|n| self.expression(n, &path, Some(&Type::Num), spot.place, spot.given));
            let expires = of.and_then(|t| t.get("expires"));
            let expires = expires.and_then(|n| self.setting(n, &format!("{path}.expires"), &TERM));
            let pending = of.and_then(|t| t.get("pending"));
            let pending = pending.map(|n| self.pending(n, &format!("{path}.pending")));
            let wallet = self.wallet_named(&key.text, &key.at, &path);
            found.extend(wallet.zip(amount).map(|(wallet, amount)| Earn {
                wallet,
                amount,
                expires,
                pending,
            }));
        }
        found.sort_by_key(|e| e.wallet);
        found
    }

    /// How long points wait.
    pub fn pending(&mut self, node: &Node, path: &str) -> Pending {
        let Some(table) = node.table() else {
            return self.setting(node, path, &WAIT).map_or(Pending::None, Pending::For);
        };
        let mut span = |key: &str| {
            let path = format!("{path}.{key}");
            table.get(key).and_then(|n| self.setting(n, &path, &SPAN))
        };
        let (after, at_most) = (span("after"), span("at_most"));
        let Some(until) = table.get("until") else { return Pending::None };
        let path = format!("{path}.until");
        let Some(on) = self.types(until, &path).first().copied() else { return Pending::None };
        let event = self.names.events.get(on);
        let of_order = matches!(
            event.canon,
            Canon::OrderUpdated | Canon::OrderFulfilled | Canon::OrderRefunded | Canon::OrderCancelled
        );
        if !of_order {
            let message = format!("`{}` is not what becomes of an order", event.name);
            let hint = "points wait for an event of the same order: `order.fulfilled`";
            self.report.error(Code::NotHere, &path, &until.at, message, hint);
        }
        Pending::Until { on, after, at_most }
    }

    /// `give` and `redeem`.
    fn gives(&mut self, table: &Table, key: &str, path: &str, spot: &Spot<'_>) -> Vec<Give> {
        let mut found = Vec::new();
        for (name, node) in table.get(key).and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("{path}.{key}.{}", name.text);
            let amount = self.expression(node, &path, Some(&Type::Num), spot.place, spot.given);
            let rewards = self.names.rewards.clone();
            let reward = self.known("reward", &rewards, &name.text, &name.at, &path);
            found.extend(reward.zip(amount).map(|(reward, amount)| Give { reward, amount }));
        }
        found.sort_by_key(|g| g.reward);
        found
    }

    fn places(&mut self, table: &Table, path: &str, spot: &Spot<'_>) -> Vec<PlaceOn> {
        let mut found = Vec::new();
        for (key, node) in table.get("place").and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("{path}.place.{}", key.text);
            let of = node.table();
            let Some(ladder) = self.ladder_named(&key.text, &key.at, &path) else { continue };
            let level = of.map_or(Some(node), |t| t.get("level"));
            let level = level.and_then(|n| self.level_of(n, &path, ladder, spot));
            let keep = of.and_then(|t| t.get("keep"));
            let keep = keep.and_then(|n| self.term(n, &format!("{path}.keep")));
            let down = of.and_then(|t| t.get("down")).and_then(Node::bool).unwrap_or(false);
            found.extend(level.map(|level| PlaceOn { ladder, level, keep, down }));
        }
        found.sort_by_key(|p| p.ladder);
        found
    }

    /// A level, or a path to words that are all levels.
    fn level_of(&mut self, node: &Node, path: &str, ladder: u16, spot: &Spot<'_>) -> Option<LevelOf> {
        let text = node.text()?;
        let name = &self.names.ladders[usize::from(ladder)];
        let (id, levels) = (name.id.clone(), name.levels.clone());
        let has = format!("it has {}", levels.join(", "));
        if !text.contains('.') {
            let at = levels.iter().position(|l| **l == *text);
            if at.is_none() {
                let near = did_you_mean(text, levels.iter().map(|l| &**l), "");
                let hint = if near.is_empty() { has } else { format!("{has}; {near}") };
                let message = format!("`{text}` is not a level of tiers.{id}");
                self.report.error(Code::UnknownWord, path, &node.at, message, hint);
            }
            return at.map(|at| LevelOf::Is(at as u16));
        }
        let expr = self.expression(node, path, None, spot.once, spot.given_once)?;
        let is_level = |word: &str| levels.iter().any(|l| **l == *word);
        let other = match &expr.ty {
            Type::Words(words) => words.iter().find(|w| !is_level(w)).map(|w| w.to_string()),
            Type::Text => match self.names.target(text) {
                Ok(target) => target.values.iter().find_map(|v| match v {
                    Value::Text(word) if !is_level(word) => Some(word.to_string()),
                    _ => None,
                }),
                Err(_) => Some("any text".into()),
            },
            _ => Some("no text".into()),
        };
        if let Some(other) = other {
            let message = format!("`{text}` may be what is not a level of tiers.{id}: {other}");
            self.report.error(Code::TypeMismatch, path, &node.at, message, has);
            return None;
        }
        Some(LevelOf::Path(Box::new(expr)))
    }

    /// Of a rule or of what a reward gives.
    pub fn discount(&mut self, table: &Table, path: &str, place: &Place, given: &[&str]) -> Option<Discount> {
        let mut number = |key: &str| {
            let path = format!("{path}.{key}");
            table.get(key).and_then(|n| self.expression(n, &path, Some(&Type::Num), place, given))
        };
        let (percent, amount) = (number("percent"), number("amount"));
        let (cheapest, at_most) = (number("cheapest"), number("at_most"));
        let one = (table.get("percent").is_some(), table.get("amount").is_some());
        if one.0 == one.1 {
            let at = table.iter().next().map(|(key, _)| key.at.clone()).unwrap_or_default();
            let (code, message) = match one.0 {
                true => (Code::UnknownKey, "`amount` does not go with `percent`"),
                false => (Code::MissingKey, "a discount lacks how much"),
            };
            self.report.error(code, path, &at, message, "write `percent`, or `amount` in money");
        }
        let beyond = |n: Num| n.is_negative() || Num::int(100).is_ok_and(|most| n > most);
        if let Some(node) = table.get("percent").filter(|n| n.decimal().is_some_and(beyond)) {
            let path = format!("{path}.percent");
            self.report.error(Code::WrongType, &path, &node.at, "a discount is 0 to 100 percent", "");
        }
        let each = place.sees_items();
        let items = table.entry("items").and_then(|(key, node)| {
            if each {
                let message = "`items` does not go with `each`";
                let hint = "with `each` the discount is of the `item`: say in `when` which";
                self.report.error(Code::UnknownKey, &format!("{path}.items"), &key.at, message, hint);
            }
            self.expression(node, &format!("{path}.items"), Some(&Type::Bool), &place.with_items(), given)
        });
        let off = percent.map(Off::Percent).or(amount.map(Off::Amount))?;
        Some(Discount { off, items, cheapest, at_most })
    }

    fn emit(&mut self, table: &Table, path: &str, spot: &Spot<'_>) -> Vec<Emit> {
        let Some(node) = table.get("emit") else { return Vec::new() };
        let path = format!("{path}.emit");
        let kind = node.text().or_else(|| node.table()?.get("type")?.text());
        let Some(kind) = kind else { return Vec::new() };
        self.own_message(kind, node, &path);
        let mut data = Vec::new();
        let fields = node.table().and_then(|t| t.get("data")).and_then(Node::table);
        for (key, node) in fields.into_iter().flat_map(Table::iter) {
            let path = format!("{path}.data.{}", key.text);
            let value = self.expression(node, &path, None, spot.once, spot.given_once);
            if value.as_ref().is_some_and(|v| !is_flat(&v.ty)) {
                let message = "a message does not hold records";
                let hint = "a text, a number, a date, or a list of such: messages are small";
                self.report.error(Code::TypeMismatch, &path, &node.at, message, hint);
            }
            data.extend(value.map(|v| (key.text.as_str().into(), v)));
        }
        vec![Emit { kind: kind.into(), data }]
    }

    /// Readers of the feed trust that Fealty's own messages are its own.
    fn own_message(&mut self, kind: &str, node: &Node, path: &str) {
        let known = TYPES.iter().any(|(name, ..)| *name == kind);
        let noun = kind.split('.').next().unwrap_or("");
        if known || own_nouns().contains(&noun) {
            let message = format!("`{kind}` is a message of Fealty's own");
            self.report.error(Code::BadId, path, &node.at, message, "name it otherwise: `\"guest.thanked\"`");
        }
    }

    /// A quote is judged and forgotten: it has a discount and nothing else, and nothing else has one.
    pub fn only_discounts(&mut self, table: &Table, path: &str, on: &[TypeNo]) {
        let quoted = |no: &TypeNo| self.names.events.get(*no).canon == Canon::OrderQuoted;
        let (all, any) = (on.iter().all(quoted), on.iter().any(quoted));
        for (key, _) in table.iter().filter(|(k, _)| KEYS.contains(&k.text.as_str())) {
            let (message, hint) = match key.text == "discount" {
                true if all => continue,
                true => ("a discount is given in a quote", "write `on = \"order.quoted\"`"),
                false if !any => continue,
                false => ("a quote is judged and forgotten: it has a discount alone", "`order.paid` earns"),
            };
            self.report.error(Code::NotHere, &format!("{path}.{}", key.text), &key.at, message, hint);
        }
    }
}

impl Discount {
    pub fn expressions(&self) -> Vec<&Expr> {
        let (Off::Percent(off) | Off::Amount(off)) = &self.off;
        [Some(off), self.items.as_ref(), self.cheapest.as_ref(), self.at_most.as_ref()]
            .into_iter()
            .flatten()
            .collect()
    }
}
