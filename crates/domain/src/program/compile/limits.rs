//! Limits of rules and campaigns.

use super::Compiler;
use crate::condition::Code;
use crate::num::Num;
use crate::plan::{Amount, Limit, LimitWhat};
use crate::program::check::near::did_you_mean;
use crate::program::read::{Node, Table};
use crate::time::Window;

/// Limits on one rule or campaign.
const LIMITS_MAX: usize = 20;
/// Keys of a limit that are no wallets.
const KEYS: [&str; 4] = ["times", "per", "across", "partial"];

impl Compiler<'_, '_, '_> {
    pub fn limits(&mut self, table: &Table, path: &str) -> Vec<Limit> {
        let Some(node) = table.get("limit") else { return Vec::new() };
        let all = node.one_or_more();
        let below = format!("{path}.limit");
        if all.len() > LIMITS_MAX {
            let message = format!("{} limits, and at most {LIMITS_MAX} are allowed", all.len());
            self.report.error(Code::TooMany, &below, &node.at, message, "");
        }
        let mut found = Vec::new();
        for (i, node) in all.iter().enumerate() {
            let Some(table) = node.table() else { continue };
            found.extend(self.limit(table, node, format!("{path}#{i}"), &below));
        }
        found
    }

    fn limit(&mut self, table: &Table, node: &Node, id: String, path: &str) -> Option<Limit> {
        let mut what = Vec::new();
        for (key, value) in
            table.iter().filter(|(k, _)| k.text == "times" || !KEYS.contains(&k.text.as_str()))
        {
            let below = format!("{path}.{}", key.text);
            if key.text == "times" {
                what.extend(value.decimal().map(|n| (LimitWhat::Times, Amount::Is(n))));
            } else if let Some(wallet) = self.wallet(&key.text) {
                let most = self.names.params.amount(value, &below, self.report);
                if matches!(most, Some(Amount::Is(n)) if n.is_negative()) {
                    self.report.error(Code::WrongType, &below, &value.at, "a limit is not negative", "");
                }
                what.extend(most.map(|most| (LimitWhat::Wallet(wallet), most)));
            } else {
                let names = self.names.wallets.iter().map(String::as_str);
                let hint = did_you_mean(
                    &key.text,
                    KEYS.into_iter().chain(names),
                    "a limit is on `times`, or on the points of a wallet",
                );
                let message = format!("there is no wallet `{}`", key.text);
                self.report.error(Code::UnknownName, &below, &key.at, message, hint);
                what.push((LimitWhat::Times, Amount::Is(Num::ONE)));
            }
        }
        let limit = match what.as_slice() {
            [one] => Some(*one),
            many => {
                let shape_is_fine =
                    table.iter().all(|(k, n)| KEYS.contains(&k.text.as_str()) || n.number().is_some());
                if shape_is_fine {
                    let (code, message) = match many.len() {
                        0 => (Code::MissingKey, "a limit lacks what it limits"),
                        _ => (Code::UnknownKey, "a limit limits one thing"),
                    };
                    let hint =
                        "`{ times = 1, per = \"week\" }` or `{ points = 500 }`; several stand in a list";
                    let at = table.iter().next().map_or(&node.at, |(key, _)| &key.at).clone();
                    self.report.error(code, path, &at, message, hint);
                }
                None
            }
        };
        let (what, most) = limit?;
        let per = table.get("per").and_then(Node::text).and_then(Window::parse).unwrap_or(Window::Life);
        let across_members = table.get("across").and_then(Node::text) == Some("members");
        let partial = table.get("partial").and_then(Node::bool).unwrap_or(true);
        Some(Limit { id: id.into(), what, most, per, across_members, partial })
    }
}
