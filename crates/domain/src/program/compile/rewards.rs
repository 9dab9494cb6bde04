//! Rewards: what they cost, whom they are for, what they give.

use super::Compiler;
use super::expressions::sources;
use super::scope::Place;
use crate::condition::{Code, Expr};
use crate::num::Num;
use crate::plan::{Gives, Reward, Setting, WalletNo};
use crate::program::read::{Key, Node, Table, canonical_json};
use crate::term::Term;
use crate::time::{Span, SpanUnit};
use crate::value::Type;

const HOLD: Span = Span { count: 15, unit: SpanUnit::Minute };
const PLACE: Place = Place::Reward { item: false };

impl Compiler<'_, '_, '_> {
    pub fn rewards(&mut self) -> Vec<Reward> {
        let mut found = Vec::new();
        for (id, _, node) in self.section("rewards") {
            let Some(table) = node.table() else { continue };
            found.extend(self.reward(id, table));
        }
        found
    }

    fn reward(&mut self, id: &str, table: &Table) -> Option<Reward> {
        let path = format!("rewards.{id}");
        let given = sources(table.get("when"));
        let when = self.conditions(table.get("when"), &format!("{path}.when"), &PLACE);
        let cost = self.points(table, "cost", &path, &given);
        let gives = self.what(table, &path, &given);
        let valid = table.get("valid").and_then(|n| self.term(n, &format!("{path}.valid")));
        let mut positive = |key: &str| {
            let says = "a quantity is more than 0";
            let node = table.get(key)?;
            self.amount(node, &format!("{path}.{key}"), Num::minor(1, 9), says)
        };
        let (quantity_max, quantity_step) = (positive("quantity_max"), positive("quantity_step"));
        let mut all: Vec<&Expr> = when.iter().chain(cost.iter().map(|(_, e)| e)).collect();
        let gives = gives?;
        all.extend(gives.expressions());
        let needs_order = all.iter().any(|e| e.uses.payload);
        Some(Reward {
            id: id.into(),
            name: table.get("name").and_then(Node::text).map(Into::into),
            gives,
            active: self.schedule(table, &path),
            limits: self.limits(table, &path),
            stock: table.get("stock").and_then(Node::decimal).and_then(Num::to_int),
            valid: valid.unwrap_or(Setting::Is(Term::never())),
            hold: table.get("hold").and_then(Node::text).and_then(Span::parse).unwrap_or(HOLD),
            quantity_max: quantity_max.unwrap_or(Setting::Is(Num::ONE)),
            quantity_step: quantity_step.unwrap_or(Setting::Is(Num::ONE)),
            needs_order,
            cost,
            when,
        })
    }

    /// `cost` and `gives.earn`: points of one, by wallet.
    fn points(&mut self, table: &Table, key: &str, path: &str, given: &[&str]) -> Vec<(WalletNo, Expr)> {
        let mut found = Vec::new();
        for (name, node) in table.get(key).and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("{path}.{key}.{}", name.text);
            if node.decimal().is_some_and(Num::is_negative) {
                let message = "a reward neither costs nor gives less than nothing";
                self.report.error(Code::WrongType, &path, &node.at, message, "");
            }
            let amount = self.expression(node, &path, Some(&Type::Num), &PLACE, given);
            let wallet = self.wallet_named(&name.text, &name.at, &path);
            found.extend(wallet.zip(amount));
        }
        found.sort_by_key(|(wallet, _)| *wallet);
        found
    }

    /// What it gives is one thing.
    fn what(&mut self, table: &Table, path: &str, given: &[&str]) -> Option<Gives> {
        let (key, node) = table.entry("gives")?;
        let gives = node.table()?;
        let path = format!("{path}.gives");
        let (kind, node) = self.one_of_these(gives, key, &path)?;
        let below = format!("{path}.{}", kind.text);
        match kind.text.as_str() {
            "code" => self.code(node.table()?, kind, &below),
            "discount" => {
                let discount = self.discount(node.table()?, &below, &PLACE, given)?;
                Some(Gives::Discount(Box::new(discount)))
            }
            "product" => node.text().map(|t| Gives::Product(t.into())),
            "value" => self.expression(node, &below, Some(&Type::Num), &PLACE, given).map(Gives::Value),
            "earn" => Some(Gives::Earn(self.points(gives, "earn", &path, given))),
            "custom" => serde_json::from_str(&canonical_json(node)).ok().map(Gives::Custom),
            _ => None,
        }
    }

    fn one_of_these<'t>(&mut self, table: &'t Table, key: &Key, path: &str) -> Option<(&'t Key, &'t Node)> {
        let mut all = table.iter();
        let (first, second) = (all.next(), all.next());
        if let (Some((first, _)), Some((second, _))) = (first, second) {
            let message = format!("`{}` does not go with `{}`", second.text, first.text);
            self.report.error(Code::UnknownKey, path, &second.at, message, "a reward gives one thing");
        } else if first.is_none() {
            let hint = "`code`, `discount`, `product`, `value`, `earn` or `custom`";
            self.report.error(Code::MissingKey, path, &key.at, "a reward lacks what it gives", hint);
        }
        first
    }

    fn code(&mut self, table: &Table, key: &Key, path: &str) -> Option<Gives> {
        let pattern = table.get("pattern").and_then(|n| Some((n, n.text()?)));
        if let Some((node, text)) = pattern
            && (!text.contains('#') || text.len() > 100)
        {
            let message = format!("`{text}` is not a pattern of a code");
            let hint = "each `#` becomes a random letter or digit: `FREE-########`";
            self.report.error(Code::WrongType, &format!("{path}.pattern"), &node.at, message, hint);
        }
        match (table.get("pool").and_then(Node::text), pattern) {
            (Some(pool), None) => Some(Gives::CodeImported(pool.into())),
            (None, Some((_, pattern))) => Some(Gives::CodePattern(pattern.into())),
            _ => {
                let hint = "`{ pool = \"imported\" }` or `{ pattern = \"FREE-########\" }`";
                self.report.error(
                    Code::MissingKey,
                    path,
                    &key.at,
                    "a code comes from a pool, or a pattern",
                    hint,
                );
                None
            }
        }
    }
}

impl Gives {
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            Gives::Discount(discount) => discount.expressions(),
            Gives::Value(value) => vec![value],
            Gives::Earn(earn) => earn.iter().map(|(_, e)| e).collect(),
            Gives::CodeImported(_) | Gives::CodePattern(_) | Gives::Product(_) | Gives::Custom(_) => {
                Vec::new()
            }
        }
    }
}

impl Reward {
    /// All expressions of a reward.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut all: Vec<&Expr> = self.when.iter().chain(self.cost.iter().map(|(_, e)| e)).collect();
        all.extend(self.gives.expressions());
        all
    }
}
