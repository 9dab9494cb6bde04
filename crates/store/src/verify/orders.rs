//! Orders: each pays once, and what was taken back is never more than what was given, nor less than before.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::order::Order;
use domain::outcome::{Account, Decision, TransferKind};
use rusqlite::Connection;

use super::Report;
use super::journal::Told;

#[derive(Default)]
pub struct Orders {
    newest: HashMap<Box<str>, Newest>,
}

struct Newest {
    /// The row that first told of it.
    first: u64,
    pos: u64,
    member: u64,
    /// (granted, reversed) of each grant.
    grants: Vec<(i64, i64)>,
    /// Uses of limits: (limit, window, across, amount).
    uses: Vec<(Box<str>, i64, bool, i64)>,
    /// By wallet, what it gave less what was taken back.
    net: Vec<(Box<str>, i128)>,
}

impl Orders {
    pub fn add(&mut self, pos: u64, order: &Order, decision: &Decision, report: &mut Report) {
        let newest = match self.newest.entry(order.id.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                report.orders += 1;
                let (grants, uses, net) = (Vec::new(), Vec::new(), Vec::new());
                new.insert(Newest { first: order.pos, pos, member: order.member, grants, uses, net })
            }
        };
        if newest.first != order.pos || order.pos > pos {
            let what = format!("order {} began at row {}, not {}", order.id, newest.first, order.pos);
            report.row("order", pos, what);
        }
        if newest.member != order.member {
            report.row("order", pos, format!("order {} changed hands", order.id));
        }
        newest.pos = pos;
        for (n, grant) in order.grants.iter().enumerate() {
            let before = newest.grants.get(n).map_or(0, |grant| grant.1);
            if grant.granted < 0 || grant.reversed < 0 || grant.reversed > grant.granted {
                let what = format!(
                    "of {} that rule {} gave, {} were taken back",
                    grant.granted, grant.rule, grant.reversed
                );
                report.row("reversal", pos, what);
            }
            if grant.reversed < before && newest.grants.len() <= order.grants.len() {
                report.row(
                    "reversal",
                    pos,
                    format!("less is taken back of rule {}'s grant than before", grant.rule),
                );
            }
            if !grant.shares.is_empty()
                && grant.shares.iter().map(|s| i128::from(*s)).sum::<i128>() != grant.granted.into()
            {
                report.row(
                    "reversal",
                    pos,
                    format!("the items' shares of rule {}'s grant do not sum to it", grant.rule),
                );
            }
        }
        newest.grants = order.grants.iter().map(|grant| (grant.granted, grant.reversed)).collect();
        newest.uses = uses(order);
        newest.moves(pos, order, decision, report);
    }
}

fn uses(order: &Order) -> Vec<(Box<str>, i64, bool, i64)> {
    let mut uses = Vec::new();
    for grant in &order.grants {
        for used in grant.limits.iter().filter(|used| !used.times) {
            uses.push((used.limit.clone(), used.window, used.across, grant.granted - grant.reversed));
        }
    }
    uses
}

impl Newest {
    fn moves(&mut self, pos: u64, order: &Order, decision: &Decision, report: &mut Report) {
        for transfer in &decision.transfers {
            let sign = match (transfer.kind, transfer.credit) {
                (TransferKind::Earn | TransferKind::Repay, _) => 1,
                (TransferKind::Reverse, Account::Reversed) => -1,
                _ => continue,
            };
            let by = sign * i128::from(transfer.amount);
            match self.net.iter_mut().find(|(wallet, _)| *wallet == transfer.wallet) {
                Some((_, net)) => *net += by,
                None => self.net.push((transfer.wallet.clone(), by)),
            }
        }
        for (wallet, net) in &self.net {
            if *net < 0 {
                report.row(
                    "reversal",
                    pos,
                    format!("order {} gave less {wallet} than was taken back", order.id),
                );
            }
        }
    }
}

/// A budget of all members cannot show less use than the orders that stand.
pub fn finish(conn: &Connection, told: &mut Told, report: &mut Report) -> rusqlite::Result<()> {
    let mut used: HashMap<(&str, i64), i128> = HashMap::new();
    for (limit, window, _, amount) in
        told.orders.newest.values().flat_map(|order| &order.uses).filter(|used| used.2)
    {
        *used.entry((limit, *window)).or_default() += i128::from(*amount);
    }
    let mut select = conn.prepare("SELECT id, parts FROM budget")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, parts): (String, String) = (row.get(0)?, row.get(1)?);
        let Ok(parts) = serde_json::from_str::<Vec<(i64, i64)>>(&parts) else {
            report.file("budget", format!("budget {id} cannot be read"));
            continue;
        };
        for (window, is) in parts {
            let least = used.get(&(id.as_str(), window)).copied().unwrap_or(0);
            if i128::from(is) < least || is < 0 {
                report.file(
                    "budget",
                    format!("of {id}, window {window}, {is} is used, but orders hold {least}"),
                );
            }
        }
    }
    Ok(())
}
