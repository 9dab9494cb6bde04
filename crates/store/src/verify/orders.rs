//! Orders: each rule pays an order once, and what was taken back is never more than what was given, nor less than
//! before. What an order still holds of a limit is in use there.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use domain::order::Order;
use domain::outcome::{Account, Decision, TransferKind};

use super::Report;

#[derive(Default)]
pub struct Orders {
    /// By the order's key.
    newest: HashMap<u64, Newest>,
    names: Vec<domain::value::Text>,
}

struct Newest {
    /// The row that first told of it.
    first: u64,
    member: u64,
    /// Of the items and totals: an edit may change what must be back.
    shape: u64,
    grants: Vec<Grant>,
    /// What it still holds of limits.
    uses: Vec<Use>,
    /// By wallet, what it gave less what was taken back; and whether some of that was forgiven.
    net: Vec<(u32, i128, bool)>,
}

struct Grant {
    rule: u32,
    wallet: u32,
    granted: i64,
    reversed: i64,
    /// Of what it gave, item by item: an edit judges again, and limits may then leave it more or less.
    shares: u64,
}

#[derive(Clone, PartialEq, Eq)]
struct Use {
    limit: u32,
    window: i64,
    times: bool,
    across: bool,
    amount: i64,
}

/// What orders hold of the limits of members (member, limit, window), and of all (0, limit, window).
pub type Held = HashMap<(u64, domain::value::Text, i64), i128>;

impl Orders {
    fn name(&mut self, name: &str) -> u32 {
        let known = self.names.iter().position(|known| **known == *name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    pub fn add(&mut self, pos: u64, key: u64, order: &Order, decision: &Decision, report: &mut Report) {
        let grants = self.grants(order);
        let uses = self.uses(order);
        let moves = self.moves(order, decision);
        let shape = shape(order);
        laws(pos, order, &grants, report);
        let newest = match self.newest.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                report.orders += 1;
                let (first, member) = (pos, order.member);
                new.insert(Newest {
                    first,
                    member,
                    shape,
                    grants: Vec::new(),
                    uses: Vec::new(),
                    net: Vec::new(),
                })
            }
        };
        if newest.first != order.pos {
            let what = format!("order {} began at row {}, not {}", order.id, newest.first, order.pos);
            report.row("order", pos, what);
        }
        if newest.member != order.member {
            report.row("order", pos, format!("order {} changed hands", order.id));
        }
        for grant in &grants {
            let before =
                newest.grants.iter().find(|old| (old.rule, old.wallet) == (grant.rule, grant.wallet));
            let less = |old: &Grant| old.shares == grant.shares && old.reversed > grant.reversed;
            if before.is_some_and(less) && newest.shape == shape {
                report.row("reversal", pos, format!("order {}: less is taken back than before", order.id));
            }
        }
        newest.net(moves);
        newest.grants = grants;
        newest.uses = uses;
        newest.shape = shape;
        newest.check(pos, order, report);
    }

    fn grants(&mut self, order: &Order) -> Vec<Grant> {
        let grant = |grant: &domain::order::Grant| Grant {
            rule: self.name(&grant.rule),
            wallet: self.name(&grant.wallet),
            granted: grant.granted,
            reversed: grant.reversed,
            shares: hash(&(grant.granted, &grant.shares)),
        };
        order.grants.iter().map(grant).collect()
    }

    fn uses(&mut self, order: &Order) -> Vec<Use> {
        let mut uses: Vec<Use> = Vec::new();
        for grant in order.grants.iter().filter(|grant| grant.reversed < grant.granted) {
            for used in &grant.limits {
                let (limit, window, times, across) =
                    (self.name(&used.limit), used.window, used.times, used.across);
                let amount = if times { 1 } else { grant.granted - grant.reversed };
                let new = Use { limit, window, times, across, amount };
                // A limit that counts times counts an order once.
                if !times || !uses.contains(&new) {
                    uses.push(new);
                }
            }
        }
        uses
    }

    /// (wallet, amount, forgiven) of what this row gave or took.
    fn moves(&mut self, order: &Order, decision: &Decision) -> Vec<(u32, i128, bool)> {
        let mut moves = Vec::new();
        for transfer in &decision.transfers {
            let sign = match (transfer.kind, transfer.debit, transfer.credit) {
                (TransferKind::Earn | TransferKind::Repay, Account::Issued, _) => 1,
                (TransferKind::Reverse, _, Account::Reversed) => -1,
                _ => continue,
            };
            // What follows in the same row (a reward, an achievement, a step, what heard of a new level) is not the order's.
            let rule = transfer.rule.as_deref().unwrap_or_default();
            let its = |grant: &domain::order::Grant| *grant.rule == *rule && grant.wallet == transfer.wallet;
            if rule.contains('.') || (sign > 0 && !order.grants.iter().any(its)) {
                continue;
            }
            moves.push((self.name(&transfer.wallet), sign * i128::from(transfer.amount), false));
        }
        for effect in
            decision.effects.iter().filter(|effect| &*effect.kind == "reverse" && effect.cut.is_some())
        {
            moves.push((self.name(&effect.wallet), 0, true));
        }
        moves
    }
}

fn laws(pos: u64, order: &Order, grants: &[Grant], report: &mut Report) {
    for (n, grant) in order.grants.iter().enumerate() {
        if grant.granted < 0 || grant.reversed < 0 || grant.reversed > grant.granted {
            let what = format!(
                "of {} that rule {} gave, {} were taken back",
                grant.granted, grant.rule, grant.reversed
            );
            report.row("reversal", pos, what);
        }
        if order.closed && grant.reversed != grant.granted {
            report.row(
                "reversal",
                pos,
                format!("the order is closed, and rule {}'s grant stands", grant.rule),
            );
        }
        let shares = grant.shares.iter().map(|share| i128::from(*share)).sum::<i128>();
        if !grant.shares.is_empty() && shares != grant.granted.into() {
            report.row(
                "reversal",
                pos,
                format!("the items' shares of rule {}'s grant do not sum to it", grant.rule),
            );
        }
        let same = |other: &Grant| (other.rule, other.wallet) == (grants[n].rule, grants[n].wallet);
        if grants[..n].iter().any(same) {
            report.row("once", pos, format!("rule {} paid order {} twice", grant.rule, order.id));
        }
    }
}

fn shape(order: &Order) -> u64 {
    let item = |item: &domain::order::OrderItem| {
        (item.id.clone(), item.quantity.to_string(), item.total.to_string())
    };
    hash(&(order.total.to_string(), order.items.iter().map(item).collect::<Vec<_>>()))
}

fn hash(what: &impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    what.hash(&mut hash);
    hash.finish()
}

impl Newest {
    fn net(&mut self, moves: Vec<(u32, i128, bool)>) {
        for (wallet, by, forgiven) in moves {
            match self.net.iter_mut().find(|net| net.0 == wallet) {
                Some(net) => (net.1, net.2) = (net.1 + by, net.2 | forgiven),
                None => self.net.push((wallet, by, forgiven)),
            }
        }
    }
    /// What moved is what the order says that it gave and took.
    fn check(&self, pos: u64, order: &Order, report: &mut Report) {
        for &(wallet, net, forgiven) in &self.net {
            let of = self.grants.iter().filter(|grant| grant.wallet == wallet);
            let stands: i128 = of.map(|grant| i128::from(grant.granted) - i128::from(grant.reversed)).sum();
            if net < 0 || (!forgiven && net != stands) {
                let what =
                    format!("order {} holds {stands} by its grants, and {net} by its transfers", order.id);
                report.row("reversal", pos, what);
            }
        }
    }
}

impl Orders {
    /// What the orders that stand hold of limits is added.
    pub fn hold(&self, held: &mut Held) {
        for order in self.newest.values() {
            for used in &order.uses {
                let member = if used.across { 0 } else { order.member };
                let limit = self.names[used.limit as usize].clone();
                *held.entry((member, limit, used.window)).or_default() += i128::from(used.amount);
            }
        }
    }
}

/// A budget of all members cannot show less use than orders hold of it.
pub fn compare(budgets: &BTreeMap<String, Vec<(i64, i64)>>, held: &Held, report: &mut Report) {
    for (id, parts) in budgets {
        for (window, is) in parts {
            let least = held.get(&(0, id.as_str().into(), *window)).copied().unwrap_or(0);
            if *is < 0 || i128::from(*is) < least {
                report.file(
                    "budget",
                    format!("of {id}, window {window}, {is} is used, but orders hold {least}"),
                );
            }
        }
    }
}
