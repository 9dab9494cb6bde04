//! Counters: what they hear and how they count, or whose points they count.

use super::rules::is_scalar;
use super::scope::Place;
use super::trigger::{each_path, heard};
use super::{Compiler, CounterName};
use crate::condition::{Code, Expr};
use crate::num::Num;
use crate::plan::{Amount, Counter, CounterKind, Forgive, Trigger, TypeNo};
use crate::program::check::near::did_you_mean;
use crate::program::read::{At, Node, Table};
use crate::time::{Unit, Window};
use crate::value::Type;

/// Counters by id.
pub fn names(tree: &Table) -> Vec<CounterName> {
    let table = tree.get("counters").and_then(Node::table);
    let name = |(key, node): (&crate::program::read::Key, &Node)| {
        let per = node.table().and_then(|t| t.get("per")).and_then(Node::text).and_then(Window::parse);
        let ago = matches!(per, Some(Window::Unit(_)));
        CounterName { id: key.text.clone(), ago }
    };
    let mut names: Vec<CounterName> = table.into_iter().flat_map(Table::iter).map(name).collect();
    names.sort_by(|a, b| a.id.cmp(&b.id));
    names
}

impl Compiler<'_, '_, '_> {
    pub fn counters(&mut self) -> Vec<Counter> {
        let mut found = Vec::new();
        for (id, at, node) in self.section("counters") {
            let Some(table) = node.table() else { continue };
            let path = format!("counters.{id}");
            self.one_way(table, &path, at);
            let kind = match table.get("earned") {
                Some(node) => self.earned(table, node, &path),
                None => self.counted(table, &path),
            };
            let per = self.window(table.get("per"), &path);
            let carry = self.carry(table, &path, per);
            found.extend(kind.map(|kind| Counter { id: id.into(), kind, per, carry }));
        }
        found
    }

    /// What exceeds a level's needs, where the next level counts anew.
    fn carry(&mut self, table: &Table, path: &str, per: Window) -> Amount {
        let Some((key, node)) = table.entry("carry") else { return Amount::Is(Num::ZERO) };
        let path = format!("{path}.carry");
        if !matches!(per, Window::Level(_)) {
            let message = "`carry` needs `per = \"tiers.LADDER\"`";
            let hint = "what exceeds the needs of a level is carried into the next";
            self.report.error(Code::UnknownKey, &path, &key.at, message, hint);
        }
        self.amount(node, &path, Num::ZERO, "what is carried is not negative")
            .unwrap_or(Amount::Is(Num::ZERO))
    }

    /// `on` or `earned`; with `on` at most one of `add`, `streak`, `distinct`.
    fn one_way(&mut self, table: &Table, path: &str, at: &At) {
        let on = table.get("on").is_some();
        let earned = table.get("earned").is_some();
        if !on && !earned {
            let message = format!("`{path}` counts nothing");
            self.report.error(
                Code::MissingKey,
                path,
                at,
                message,
                "add `on`, an event type, or `earned`, points of a wallet",
            );
        }
        let with_on = ["on", "each", "when", "active", "add", "streak", "distinct", "forgive"];
        let ways: Vec<&str> =
            ["add", "streak", "distinct"].into_iter().filter(|k| table.get(k).is_some()).collect();
        for (key, _) in table.iter() {
            let name = key.text.as_str();
            let other = match name {
                _ if earned && with_on.contains(&name) => "earned",
                "count_pending" if !earned => {
                    let message = "`count_pending` needs `earned`";
                    let path = format!("{path}.{name}");
                    self.report.error(Code::UnknownKey, &path, &key.at, message, "it is about points");
                    continue;
                }
                "forgive" if !ways.contains(&"streak") && !earned => {
                    let message = "`forgive` needs `streak`";
                    self.report.error(
                        Code::UnknownKey,
                        &format!("{path}.{name}"),
                        &key.at,
                        message,
                        "it forgives gaps in a run",
                    );
                    continue;
                }
                "streak" | "distinct" | "add" if ways.first() != Some(&name) => ways[0],
                _ => continue,
            };
            let message = format!("`{name}` does not go with `{other}`");
            let hint = "one of `on` or `earned`; with `on`, one of `add`, `streak`, `distinct`";
            self.report.error(Code::UnknownKey, &format!("{path}.{name}"), &key.at, message, hint);
        }
    }

    fn counted(&mut self, table: &Table, path: &str) -> Option<CounterKind> {
        let on = heard(&self.names, table);
        let trigger = self.trigger(table, path, |each| Place::Counter { on: on.clone(), each });
        self.no_quotes(table, path, &trigger.on);
        let place = Place::Counter { on, each: each_path(table) };
        let given = super::expressions::sources(table.get("when"));
        if let Some(unit) = table.get("streak").and_then(Node::text).and_then(Unit::parse) {
            let forgive = self.forgive(table, path);
            return Some(CounterKind::Streak { trigger, unit, forgive });
        }
        if let Some(node) = table.get("distinct") {
            let path = format!("{path}.distinct");
            let of = self.expression(node, &path, None, &place, &given)?;
            if !is_scalar(&of.ty) {
                self.report.error(
                    Code::TypeMismatch,
                    &path,
                    &node.at,
                    "one value is counted",
                    "a text, a number or a date",
                );
            }
            return Some(CounterKind::Distinct { trigger, of });
        }
        let add = match table.get("add") {
            Some(node) => {
                Some(self.expression(node, &format!("{path}.add"), Some(&Type::Num), &place, &given)?)
            }
            None => None,
        };
        Some(CounterKind::Sum { trigger, add })
    }

    /// A number of gaps, or `"wallets.W"`.
    fn forgive(&mut self, table: &Table, path: &str) -> Forgive {
        let Some(node) = table.get("forgive") else { return Forgive::Gaps(0) };
        let gaps = node.decimal().and_then(Num::to_int);
        let Some(text) = node.text().filter(|_| gaps.is_none()) else {
            return Forgive::Gaps(gaps.and_then(|n| u32::try_from(n).ok()).unwrap_or(0));
        };
        let path = format!("{path}.forgive");
        let wallet = match text.strip_prefix("wallets.") {
            Some(id) => self.wallet_named(id, &node.at, &path),
            None => {
                let message = format!("`{text}` is neither a number of gaps nor a wallet");
                self.report.error(Code::WrongType, &path, &node.at, message, "`2`, or `\"wallets.W\"`");
                None
            }
        };
        wallet.map_or(Forgive::Gaps(0), Forgive::Wallet)
    }

    /// `"wallets.W"` or `"rules.R.W"`
    fn earned(&mut self, table: &Table, node: &Node, path: &str) -> Option<CounterKind> {
        let count_pending = table.get("count_pending").and_then(Node::bool).unwrap_or(true);
        let text = node.text()?;
        let path = format!("{path}.earned");
        let parts: Vec<&str> = text.split('.').collect();
        let (rule, wallet) = match parts.as_slice() {
            ["wallets", wallet] => (None, *wallet),
            ["rules", rule, wallet] => (Some(*rule), *wallet),
            _ => {
                let message = format!("`{text}` is neither a wallet nor what a rule earned");
                self.report.error(
                    Code::WrongType,
                    &path,
                    &node.at,
                    message,
                    "`\"wallets.W\"` or `\"rules.R.W\"`",
                );
                return None;
            }
        };
        let wallet_no = self.wallet_named(wallet, &node.at, &path);
        let Some(rule) = rule else {
            return wallet_no.map(|wallet| CounterKind::Earned { wallet, rule: None, count_pending });
        };
        let Some(no) = self.names.rules.iter().position(|r| r.id == rule) else {
            let hint = did_you_mean(rule, self.names.rules.iter().map(|r| r.id.as_str()), "");
            self.report.error(Code::UnknownName, &path, &node.at, format!("there is no rule `{rule}`"), hint);
            return None;
        };
        let wallet_no = wallet_no?;
        if !self.names.rules[no].earns.contains(&wallet_no) {
            let message = format!("`rules.{rule}` earns no {wallet}");
            self.report.error(Code::UnknownName, &path, &node.at, message, "");
        }
        Some(CounterKind::Earned { wallet: wallet_no, rule: Some(no as u16), count_pending })
    }
}

impl Counter {
    /// What it hears; points that it counts come with any event.
    pub fn trigger(&self) -> Option<&Trigger> {
        match &self.kind {
            CounterKind::Sum { trigger, .. }
            | CounterKind::Streak { trigger, .. }
            | CounterKind::Distinct { trigger, .. } => Some(trigger),
            CounterKind::Earned { .. } => None,
        }
    }

    pub fn hears(&self) -> &[TypeNo] {
        self.trigger().map_or(&[], |trigger| &trigger.on)
    }

    /// All expressions of a counter.
    pub fn expressions(&self) -> Vec<&Expr> {
        match &self.kind {
            CounterKind::Sum { trigger, add } => trigger.when.iter().chain(add).collect(),
            CounterKind::Streak { trigger, .. } => trigger.when.iter().collect(),
            CounterKind::Distinct { trigger, of } => trigger.when.iter().chain([of]).collect(),
            CounterKind::Earned { .. } => Vec::new(),
        }
    }
}
