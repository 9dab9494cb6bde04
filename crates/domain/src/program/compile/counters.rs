//! Counters: what they hear and how they count, or whose points they count.

use super::rules::is_scalar;
use super::scope::Place;
use super::trigger::{each_path, heard};
use super::{Compiler, CounterName};
use crate::condition::{Code, Expr};
use crate::num::Num;
use crate::plan::{Amount, Counter, CounterKind, Forgive, TypeNo};
use crate::program::check::near::did_you_mean;
use crate::program::read::{At, Node, Table};
use crate::time::{Unit, Window};
use crate::value::Type;

/// Counters by id.
pub fn names(tree: &Table) -> Vec<CounterName> {
    let table = tree.get("counters").and_then(Node::table);
    let name = |(key, node): (&crate::program::read::Key, &Node)| {
        let ago = matches!(node.table().map(per), Some(Window::Unit(_)));
        CounterName { id: key.text.clone(), ago }
    };
    let mut names: Vec<CounterName> = table.into_iter().flat_map(Table::iter).map(name).collect();
    names.sort_by(|a, b| a.id.cmp(&b.id));
    names
}

fn per(table: &Table) -> Window {
    table.get("per").and_then(Node::text).and_then(Window::parse).unwrap_or(Window::Life)
}

impl Compiler<'_, '_, '_> {
    pub fn counters(&mut self) -> Vec<Counter> {
        let mut found = Vec::new();
        for (id, at, node) in self.section("counters") {
            let Some(table) = node.table() else { continue };
            let path = format!("counters.{id}");
            self.one_way(table, &path, at);
            let kind = match table.get("earned") {
                Some(node) => self.earned(node, &path),
                None => self.counted(table, &path),
            };
            found.extend(kind.map(|kind| Counter {
                id: id.into(),
                kind,
                per: per(table),
                carry: Amount::Is(Num::ZERO),
            }));
        }
        found
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
        let place = Place::Counter { on, each: each_path(table) };
        let given = super::expressions::sources(table.get("when"));
        if let Some(unit) = table.get("streak").and_then(Node::text).and_then(Unit::parse) {
            let forgive = table.get("forgive");
            if let Some(node) = forgive.filter(|n| n.text().is_some()) {
                let message = "gaps paid from a wallet are not built yet";
                self.report.error(
                    Code::NotYet,
                    &format!("{path}.forgive"),
                    &node.at,
                    message,
                    "a number of gaps is",
                );
            }
            let forgive = forgive.and_then(Node::decimal).and_then(Num::to_int).unwrap_or(0);
            return Some(CounterKind::Streak {
                trigger,
                unit,
                forgive: Forgive::Gaps(u32::try_from(forgive).unwrap_or(0)),
            });
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

    /// `"wallets.W"` or `"rules.R.W"`
    fn earned(&mut self, node: &Node, path: &str) -> Option<CounterKind> {
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
        let wallet_no = self.wallet(wallet);
        if wallet_no.is_none() {
            let hint = did_you_mean(wallet, self.names.wallets.iter().map(String::as_str), "");
            self.report.error(
                Code::UnknownName,
                &path,
                &node.at,
                format!("there is no wallet `{wallet}`"),
                hint,
            );
        }
        let Some(rule) = rule else {
            return wallet_no.map(|wallet| CounterKind::Earned { wallet, rule: None, count_pending: true });
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
        Some(CounterKind::Earned { wallet: wallet_no, rule: Some(no as u16), count_pending: true })
    }
}

impl Counter {
    /// Types that it hears; points that it counts come with any.
    pub fn hears(&self) -> &[TypeNo] {
        match &self.kind {
            CounterKind::Sum { trigger, .. }
            | CounterKind::Streak { trigger, .. }
            | CounterKind::Distinct { trigger, .. } => &trigger.on,
            CounterKind::Earned { .. } => &[],
        }
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
