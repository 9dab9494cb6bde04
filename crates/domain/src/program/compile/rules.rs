//! Rules: what they hear, when they hold, and in what order they are judged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::effects::{Effects, Spot};
use super::expressions::sources;
use super::goals::effect_keys;
use super::judged::in_order;
use super::scope::Place;
use super::trigger::{clock_text, each_path, heard};
use super::{Compiler, RuleName};
use crate::condition::{Code, Expr, Read};
use crate::plan::{Canon, LevelOf, OncePer, Payee, Rule, RuleNo};
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
            let (on, clock) = (heard(&self.names, table), clock_text(table));
            Some(RuleName { id: id.to_owned(), on, clock, earns, campaign })
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
        let (on, clock) = (heard(&self.names, table), clock_text(table));
        let place = |each| Place::Rule { on: on.clone(), each, clock: clock.clone() };
        let trigger = self.trigger(table, &path, place);
        let place = place(each_path(table));
        let once = Place::Message { on: on.clone(), clock: clock.clone() };
        let given = sources(table.get("when"));
        // What holds for each item says nothing about the event.
        let given_once = if table.get("each").is_some() { Vec::new() } else { given.clone() };
        let spot = Spot { place: &place, once: &once, given: &given, given_once: &given_once };
        let effects = self.effects(table, &path, &spot);
        if effect_keys(table) == 0 {
            let section = self.section("rules");
            let at = section.iter().find(|(r, ..)| *r == id).map_or(&node.at, |(_, at, _)| at).clone();
            let message = format!("`{path}` has no effect");
            let hint =
                "add `earn.WALLET`, `give.REWARD`, `redeem.REWARD`, `place.LADDER`, `discount` or `emit`";
            self.report.error(Code::MissingKey, &path, &at, message, hint);
        }
        self.only_discounts(table, &path, &on);
        let mut refers: Vec<RuleNo> =
            effects.earn.iter().flat_map(|e| &e.amount.reads).filter_map(granted).collect();
        refers.sort_unstable();
        refers.dedup();
        let Effects { earn, give, redeem, place, discount, emit } = effects;
        Rule {
            name: table.get("name").and_then(Node::text).map(Into::into),
            campaign: self.campaign_of(table, &path),
            once_per: self.once_per(table, &path, &on),
            limits: self.limits(table, &path),
            paused: table.get("paused").and_then(Node::bool).unwrap_or(false),
            id: id.into(),
            trigger,
            clock: self.clock(table, &path),
            to: self.payee(table, &path),
            earn,
            emit,
            give,
            redeem,
            place,
            discount,
            refers,
        }
    }

    fn payee(&mut self, table: &Table, path: &str) -> Payee {
        let Some(node) = table.get("to").filter(|n| n.text() == Some("referrer")) else {
            return Payee::Member;
        };
        if self.tree.get("referrals").is_none() {
            let hint = "declare when a referral counts: `referrals = { on = \"order.paid\" }`";
            let path = format!("{path}.to");
            self.report.error(Code::NotHere, &path, &node.at, "there are no referrals here", hint);
        }
        Payee::Referrer
    }

    fn once_per(&mut self, table: &Table, path: &str, on: &[u16]) -> OncePer {
        let Some(node) = table.get("once_per") else {
            let canon = on.first().map(|no| self.names.events.get(*no).canon);
            // What a part of an order says is told for each part; what it gives is given once.
            let gives = ["earn", "give", "redeem", "place"].iter().any(|effect| table.get(effect).is_some());
            return match canon {
                Some(Canon::OrderPaid | Canon::OrderUpdated) => OncePer::Order,
                Some(Canon::OrderFulfilled | Canon::OrderCancelled) if gives => OncePer::Order,
                _ => OncePer::Event,
            };
        };
        let path = format!("{path}.once_per");
        let given = match table.get("each") {
            Some(_) => Vec::new(),
            None => sources(table.get("when")),
        };
        match self.expression(node, &path, None, &Place::OncePer { on: on.to_vec() }, &given) {
            Some(expr) if is_scalar(&expr.ty) => OncePer::Expr(Box::new(expr)),
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
pub fn is_flat(ty: &Type) -> bool {
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

/// Nouns of messages that are Fealty's own.
pub fn own_nouns() -> [&'static str; 9] {
    ["points", "tier", "reward", "redemption", "achievement", "referral", "household", "program", "fealty"]
}

impl Rule {
    /// All expressions of a rule.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut all: Vec<&Expr> = self.trigger.when.iter().collect();
        all.extend(self.earn.iter().map(|e| &e.amount));
        all.extend(self.give.iter().chain(&self.redeem).map(|g| &g.amount));
        all.extend(self.place.iter().filter_map(|p| match &p.level {
            LevelOf::Path(expr) => Some(&**expr),
            LevelOf::Is(_) => None,
        }));
        all.extend(self.discount.iter().flat_map(|d| d.expressions()));
        all.extend(self.emit.iter().flat_map(|e| e.data.iter().map(|(_, v)| v)));
        if let OncePer::Expr(key) = &self.once_per {
            all.push(key);
        }
        all
    }
}
