//! Wallets.

use super::Compiler;
use super::settings::TERM;
use crate::condition::Code;
use crate::num::{Num, Round};
use crate::plan::{Pending, Setting, Wallet, WhenShort};
use crate::program::read::Node;
use crate::term::Term;
use crate::time::Span;

impl Compiler<'_, '_, '_> {
    pub fn wallets(&mut self) -> Vec<Wallet> {
        let mut found = Vec::new();
        for (id, _, node) in self.section("wallets") {
            let path = format!("wallets.{id}");
            let get = |key: &str| node.table().and_then(|t| t.get(key));
            let text = |key: &str| get(key).and_then(Node::text);
            let value = get("value").and_then(Node::decimal);
            if let (Some(value), Some(node)) = (value, get("value"))
                && value <= Num::ZERO
            {
                self.report.error(
                    Code::WrongType,
                    &format!("{path}.value"),
                    &node.at,
                    "a point is worth more than 0",
                    "",
                );
            }
            let balance_max = get("balance_max").and_then(|n| {
                self.amount(n, &format!("{path}.balance_max"), Num::ZERO, "a balance is not negative")
            });
            let expires = get("expires").and_then(|n| self.setting(n, &format!("{path}.expires"), &TERM));
            let activity = get("activity").map(|n| self.types(n, &format!("{path}.activity")));
            let pending = get("pending").map(|n| self.pending(n, &format!("{path}.pending")));
            found.push(Wallet {
                id: id.into(),
                decimals: get("decimals")
                    .and_then(Node::decimal)
                    .and_then(Num::to_int)
                    .map_or(0, |n| n.clamp(0, 6) as u8),
                round: match text("round") {
                    Some("nearest") => Round::Nearest,
                    Some("up") => Round::Up,
                    _ => Round::Down,
                },
                when_short: match text("when_short") {
                    Some("forgive") => WhenShort::Forgive,
                    Some("negative") => WhenShort::Negative,
                    _ => WhenShort::Debt,
                },
                balance_max,
                value,
                expires: expires.unwrap_or(Setting::Is(Term::never())),
                activity: activity.unwrap_or_default(),
                pending: pending.unwrap_or(Pending::None),
                warn: text("warn").and_then(Span::parse),
                transfer: get("transfer").and_then(Node::bool).unwrap_or(false),
                shared: false,
            });
        }
        found
    }
}
