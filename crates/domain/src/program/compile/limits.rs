//! Limits of rules and campaigns.

use super::Compiler;
use crate::condition::Code;
use crate::num::Num;
use crate::plan::{Across, Amount, Limit, LimitWhat};
use crate::program::check::near::did_you_mean;
use crate::program::read::{Node, Table};

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
                let most = self.amount(value, &below, Num::ZERO, "a limit is not negative");
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
        let per = self.window(table.get("per"), path);
        let across = self.across(table, path);
        let partial = table.get("partial").and_then(Node::bool).unwrap_or(true);
        Some(Limit { id: id.into(), what, most, per, across, partial })
    }

    fn across(&mut self, table: &Table, path: &str) -> Across {
        let Some(node) = table.get("across") else { return Across::Member };
        match node.text() {
            Some("members") => Across::Members,
            Some("household") => {
                if self.tree.get("households").is_none() {
                    let hint = "declare them: `households = { share = [\"WALLET\"] }`";
                    let path = format!("{path}.across");
                    self.report.error(Code::NotHere, &path, &node.at, "there are no households here", hint);
                }
                Across::Household
            }
            _ => Across::Member,
        }
    }
}
