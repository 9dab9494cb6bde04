//! What an order's payment gave is remembered by the order, or no return could take it back. Which rules hear payments is
//! read from the program version that decided the row; what follows in the same row (a new level, an achievement) is not
//! the order's.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::outcome::{Account, Decision};
use rusqlite::Connection;
use serde_json::Value;

use super::Report;

/// By version: rules that hear `order.paid`.
#[derive(Default)]
pub struct Paying(HashMap<u32, HashSet<String>>);

impl Paying {
    pub fn load(conn: &Connection) -> rusqlite::Result<Paying> {
        let mut select = conn.prepare("SELECT version, body FROM program_version")?;
        let rows = select.query_map([], |r| Ok((r.get(0)?, r.get::<_, String>(1)?)))?;
        let mut all = HashMap::new();
        for row in rows {
            let (version, body) = row?;
            // Whether the version checks is asked by a replay.
            let program: Value = serde_json::from_str(&body).unwrap_or_default();
            let rules = program["rules"].as_object().into_iter().flatten();
            all.insert(version, rules.filter(|rule| hears(rule.1)).map(|rule| rule.0.clone()).collect());
        }
        Ok(Paying(all))
    }

    pub fn row(&self, pos: u64, decision: &Decision, report: &mut Report) {
        let Some(order) = decision.order.as_ref().filter(|order| order.pos == pos) else { return };
        let Some(rules) = self.0.get(&decision.version) else { return };
        let mut gave: BTreeMap<(&str, &str), i128> = BTreeMap::new();
        for transfer in decision.transfers.iter().filter(|transfer| transfer.debit == Account::Issued) {
            if let Some(rule) = transfer.rule.as_deref().filter(|rule| rules.contains(*rule)) {
                *gave.entry((rule, &transfer.wallet)).or_default() += i128::from(transfer.amount);
            }
        }
        for grant in order.grants.iter().filter(|grant| rules.contains(&*grant.rule)) {
            *gave.entry((&grant.rule, &grant.wallet)).or_default() -= i128::from(grant.granted);
        }
        for ((rule, wallet), more) in gave.into_iter().filter(|(_, more)| *more != 0) {
            let what = format!(
                "rule {rule} gave {more} {wallet} more than order {} remembers that it gave",
                order.id
            );
            report.row("grant", pos, what);
        }
    }
}

fn hears(rule: &Value) -> bool {
    let paid = |on: &Value| on == "order.paid";
    let to_member = rule["to"].is_null() || rule["to"] == "member";
    to_member && (paid(&rule["on"]) || rule["on"].as_array().is_some_and(|all| all.iter().any(paid)))
}
