//! Rules: what they hear, when they hold, what they earn and emit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::expressions::sources;
use super::judged::in_order;
use super::scope::Place;
use super::trigger::{each_path, heard};
use super::{Compiler, RuleName};
use crate::canonical::TYPES;
use crate::condition::{Code, Expr, Read};
use crate::plan::{Canon, Earn, Emit, OncePer, Payee, Rule, RuleNo};
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::read::{Node, Table};
use crate::value::Type;

impl Compiler<'_, '_, '_> {
    /// Rules by id; says nothing.
    pub fn rule_names(&self) -> Vec<RuleName> {
        let name = |(id, _, node): (&str, _, &Node)| {
            let table = node.table()?;
            let earn = table.get("earn").and_then(Node::table);
            let mut earns: Vec<u16> =
                earn.into_iter().flat_map(Table::iter).filter_map(|(k, _)| self.wallet(&k.text)).collect();
            earns.sort_unstable();
            let campaign = table.get("campaign").and_then(Node::text).map(str::to_owned);
            Some(RuleName { id: id.to_owned(), on: heard(&self.names, table), earns, campaign })
        };
        self.section("rules").into_iter().filter_map(name).collect()
    }

    /// Compiled once to learn who refers to whom, and again if that moves anyone.
    pub fn rules(&mut self) -> Vec<Rule> {
        let rules = self.compile_rules();
        let refers: BTreeMap<String, BTreeSet<String>> =
            rules.iter().map(|r| (r.id.to_string(), self.refers(r))).collect();
        let order = match in_order(&refers) {
            Ok(order) => order,
            Err(circle) => {
                let path = format!("rules.{}", circle[0]);
                let at = self
                    .section("rules")
                    .iter()
                    .find(|(id, ..)| *id == circle[0])
                    .map(|(_, at, _)| (*at).clone());
                let message = format!("rules refer to each other: {}", circle.join(", "));
                self.report.error(
                    Code::Circle,
                    &path,
                    &at.unwrap_or_default(),
                    message,
                    "one of them has to stand for itself",
                );
                return rules;
            }
        };
        let moved = order.iter().zip(&self.names.rules).any(|(id, rule)| *id != rule.id);
        if !moved || self.report.has_errors() {
            return rules;
        }
        let order: HashMap<String, usize> = order.into_iter().enumerate().map(|(no, id)| (id, no)).collect();
        self.names.rules.sort_by_key(|rule| order.get(&rule.id).copied());
        self.forget_scopes();
        let sources = self.report.sources;
        // What is wrong was told the first time.
        let mut silent = Report::new(sources);
        std::mem::swap(self.report, &mut silent);
        let (mentioned, ends) = (self.mentioned.len(), self.ends.len());
        let rules = self.compile_rules();
        self.mentioned.truncate(mentioned);
        self.ends.truncate(ends);
        std::mem::swap(self.report, &mut silent);
        rules
    }

    fn refers(&self, rule: &Rule) -> BTreeSet<String> {
        let reads = rule.expressions().into_iter().flat_map(|e| &e.reads);
        let of = |read: &Read| match read {
            Read::Granted(no, _) => Some(self.names.rules[usize::from(*no)].id.clone()),
            _ => None,
        };
        reads.filter_map(of).collect()
    }

    fn compile_rules(&mut self) -> Vec<Rule> {
        let mut section = self.section("rules");
        let order: HashMap<&str, usize> =
            self.names.rules.iter().enumerate().map(|(no, r)| (r.id.as_str(), no)).collect();
        section.sort_by_key(|(id, ..)| order.get(id).copied());
        section.into_iter().filter_map(|(id, _, node)| Some(self.rule(id, node.table()?, node))).collect()
    }

    fn rule(&mut self, id: &str, table: &Table, node: &Node) -> Rule {
        let path = format!("rules.{id}");
        let on = heard(&self.names, table);
        let trigger = self.trigger(table, &path, |each| Place::Rule { on: on.clone(), each });
        let place = Place::Rule { on: on.clone(), each: each_path(table) };
        let earn = self.earn(table, &path, &place);
        let emit = self.emit(table, &path, &on);
        if table.get("earn").is_none() && table.get("emit").is_none() && !has_later(table) {
            let at = self
                .section("rules")
                .iter()
                .find(|(r, ..)| *r == id)
                .map_or(node.at.clone(), |(_, at, _)| (*at).clone());
            let message = format!("`{path}` has no effect");
            self.report.error(Code::MissingKey, &path, &at, message, "add `earn.WALLET` or `emit`");
        }
        let mut refers: Vec<RuleNo> = earn.iter().flat_map(|e| &e.amount.reads).filter_map(granted).collect();
        refers.sort_unstable();
        refers.dedup();
        Rule {
            name: table.get("name").and_then(Node::text).map(Into::into),
            campaign: self.campaign_of(table, &path),
            once_per: self.once_per(table, &path, &on),
            limits: self.limits(table, &path),
            paused: table.get("paused").and_then(Node::bool).unwrap_or(false),
            id: id.into(),
            trigger,
            clock: None,
            to: Payee::Member,
            earn,
            emit,
            give: Vec::new(),
            redeem: Vec::new(),
            place: Vec::new(),
            discount: None,
            refers,
        }
    }

    fn earn(&mut self, table: &Table, path: &str, place: &Place) -> Vec<Earn> {
        let given = sources(table.get("when"));
        let mut found = Vec::new();
        for (key, node) in table.get("earn").and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("{path}.earn.{}", key.text);
            let amount = node.table().map_or(Some(node), |t| t.get("amount"));
            let amount = amount.and_then(|n| self.expression(n, &path, Some(&Type::Num), place, &given));
            match self.wallet(&key.text) {
                Some(wallet) => {
                    found.extend(amount.map(|amount| Earn { wallet, amount, expires: None, pending: None }))
                }
                None => {
                    let hint = did_you_mean(
                        &key.text,
                        self.names.wallets.iter().map(String::as_str),
                        &format!("declare it: [wallets.{}]", key.text),
                    );
                    let message = format!("there is no wallet `{}`", key.text);
                    self.report.error(Code::UnknownName, &path, &key.at, message, hint);
                }
            }
        }
        found.sort_by_key(|e| e.wallet);
        found
    }

    fn emit(&mut self, table: &Table, path: &str, on: &[u16]) -> Vec<Emit> {
        let Some(node) = table.get("emit") else { return Vec::new() };
        let path = format!("{path}.emit");
        let kind = node.text().or_else(|| node.table()?.get("type")?.text());
        let Some(kind) = kind else { return Vec::new() };
        self.own_message(kind, node, &path);
        let given: Vec<&str> = match table.get("each") {
            // What holds for each item says nothing about the event.
            Some(_) => Vec::new(),
            None => sources(table.get("when")),
        };
        let place = Place::Message { on: on.to_vec() };
        let mut data = Vec::new();
        let fields = node.table().and_then(|t| t.get("data")).and_then(Node::table);
        for (key, node) in fields.into_iter().flat_map(Table::iter) {
            let path = format!("{path}.data.{}", key.text);
            let value = self.expression(node, &path, None, &place, &given);
            if value.as_ref().is_some_and(|v| !is_flat(&v.ty)) {
                let hint = "a text, a number, a date, or a list of such: messages are small";
                self.report.error(
                    Code::TypeMismatch,
                    &path,
                    &node.at,
                    "a message does not hold records",
                    hint,
                );
            }
            data.extend(value.map(|v| (key.text.as_str().into(), v)));
        }
        vec![Emit { kind: kind.into(), data }]
    }

    /// Readers of the feed trust that Fealty's own messages are its own.
    fn own_message(&mut self, kind: &str, node: &Node, path: &str) {
        let known = TYPES.iter().any(|(name, ..)| *name == kind);
        let noun = kind.split('.').next().unwrap_or("");
        let own = ["points", "tier", "reward", "redemption", "achievement", "referral", "program", "fealty"];
        if known || own.contains(&noun) {
            let message = format!("`{kind}` is a message of Fealty's own");
            self.report.error(Code::BadId, path, &node.at, message, "name it otherwise: `\"guest.thanked\"`");
        }
    }

    fn once_per(&mut self, table: &Table, path: &str, on: &[u16]) -> OncePer {
        let Some(node) = table.get("once_per") else {
            let canon = on.first().map(|no| self.names.events.get(*no).canon);
            return match canon {
                Some(Canon::OrderPaid | Canon::OrderUpdated) => OncePer::Order,
                _ => OncePer::Event,
            };
        };
        let path = format!("{path}.once_per");
        let given = match table.get("each") {
            Some(_) => Vec::new(),
            None => sources(table.get("when")),
        };
        match self.expression(node, &path, None, &Place::OncePer { on: on.to_vec() }, &given) {
            Some(expr) if is_scalar(&expr.ty) => OncePer::Expr(expr),
            Some(_) => {
                self.report.error(
                    Code::TypeMismatch,
                    &path,
                    &node.at,
                    "a business key is one value",
                    "a text, a number or a date: `order.id`",
                );
                OncePer::Event
            }
            None => OncePer::Event,
        }
    }
}

/// A single value, fit as a key.
pub fn is_scalar(ty: &Type) -> bool {
    !matches!(ty, Type::List(_) | Type::Record(_) | Type::Table(..) | Type::Bands)
}

/// A single value, or a list of them.
fn is_flat(ty: &Type) -> bool {
    match ty {
        Type::List(of) => is_scalar(of),
        ty => is_scalar(ty),
    }
}

fn granted(read: &Read) -> Option<RuleNo> {
    match read {
        Read::Granted(no, _) => Some(*no),
        _ => None,
    }
}

/// Effects that are known and refused already.
fn has_later(table: &Table) -> bool {
    ["give", "redeem", "place", "discount"].iter().any(|key| table.get(key).is_some())
}

impl Rule {
    /// All expressions of a rule.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut all: Vec<&Expr> = self.trigger.when.iter().collect();
        all.extend(self.earn.iter().map(|e| &e.amount));
        all.extend(self.emit.iter().flat_map(|e| e.data.iter().map(|(_, v)| v)));
        if let OncePer::Expr(key) = &self.once_per {
            all.push(key);
        }
        all
    }
}
