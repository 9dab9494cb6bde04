//! What comes of the orders of an absorbed member (returns, edits, deliveries) is done to the survivor, and noted beside the
//! absorbed number, so that it goes with him should the two be parted. Not here: parting (`unmerge`).

use super::Work;
use super::book::{Book, limit_mut};
use crate::event::MemberNo;
use crate::lots::LotId;
use crate::member::{CounterState, LimitState, Lot, Since, WalletState};
use crate::num::Num;
use crate::outcome::{Account, Transfer, TransferKind};
use crate::plan::Plan;

/// Lots that are remembered of each kind.
const LOTS_MAX: usize = 64;

/// The survivor as he was before an event about an order of whom he absorbed.
pub struct Before {
    whose: MemberNo,
    /// Lots that the order itself had made.
    own: Vec<LotId>,
    counters: Vec<CounterState>,
    limits: Vec<LimitState>,
    wallets: Vec<WalletState>,
}

pub fn before(work: &Work, book: &Book<'_>) -> Option<Before> {
    let order = work.order().filter(|order| order.member != book.member.no)?;
    let member = &*book.member;
    member.absorbed.iter().find(|one| one.no == order.member)?;
    Some(Before {
        whose: order.member,
        own: order.grants.iter().map(|grant| grant.lot(order)).collect(),
        counters: member.counters.clone(),
        limits: member.limits.clone(),
        wallets: book.plan.wallets.iter().filter_map(|wallet| book.wallet(&wallet.id).cloned()).collect(),
    })
}

pub fn note(book: &mut Book<'_>, before: Before) {
    let member = &mut *book.member;
    let Some(one) = member.absorbed.iter_mut().find(|one| one.no == before.whose) else { return };
    let since = &mut one.since;
    count(book.plan, &mut since.counters, &before.counters, Num::ONE.neg());
    count(book.plan, &mut since.counters, &member.counters, Num::ONE);
    for (limits, sign) in [(&before.limits, -1), (&member.limits, 1)] {
        for limit in limits {
            let noted = limit_mut(&mut since.limits, &limit.id);
            for (key, used) in &limit.parts {
                match noted.binary_search_by_key(key, |part| part.0) {
                    Ok(at) => noted[at].1 += sign * used,
                    Err(at) => noted.insert(at, (*key, sign * used)),
                }
            }
        }
    }
    since.counters.iter_mut().for_each(|state| state.parts.retain(|part| !part.1.is_zero()));
    since.counters.retain(|state| !state.parts.is_empty());
    since.limits.iter_mut().for_each(|limit| limit.parts.retain(|part| part.1 != 0));
    since.limits.retain(|limit| !limit.parts.is_empty());
    book.decision.transfers.iter().for_each(|transfer| points(since, &before, transfer));
    since.lots.drain(..since.lots.len().saturating_sub(LOTS_MAX));
    since.paid.truncate(LOTS_MAX);
}

/// Adds up counters that are sums; runs and different values tell themselves what is still there.
fn count(plan: &Plan, noted: &mut Vec<CounterState>, states: &[CounterState], sign: Num) {
    let sums = |state: &&CounterState| plan.counters.iter().any(|c| c.id == state.id && c.is_sum());
    for state in states.iter().filter(sums) {
        let at = noted.iter().position(|one| one.id == state.id).unwrap_or_else(|| {
            noted.push(CounterState::new(&state.id));
            noted.len() - 1
        });
        let parts = &mut noted[at].parts;
        for (key, amount) in &state.parts {
            let Ok(amount) = amount.mul(sign) else { continue };
            match parts.binary_search_by_key(key, |part| part.0) {
                Ok(at) => parts[at].1 = parts[at].1.add(amount).unwrap_or(parts[at].1),
                Err(at) => parts.insert(at, (*key, amount)),
            }
        }
    }
}

fn points(since: &mut Since, before: &Before, transfer: &Transfer) {
    let wallet = &transfer.wallet;
    match (transfer.debit, transfer.credit, transfer.lot) {
        (_, Account::Available | Account::Pending, Some(lot)) => {
            let named = (wallet.clone(), lot.0, lot.1);
            if !since.lots.contains(&named) {
                since.lots.push(named);
            }
        }
        (Account::Available, _, Some(lot)) if transfer.kind == TransferKind::Reverse => {
            let mut lots =
                before.wallets.iter().filter(|state| state.id == *wallet).flat_map(|w| w.lots.iter());
            let known = lots.find(|known| (known.pos, known.n) == lot);
            if let Some(known) = known.filter(|_| !before.own.contains(&lot)) {
                let paid = Lot { remaining: transfer.amount, ..known.clone() };
                since.paid.push((wallet.clone(), paid));
            }
        }
        (Account::Available | Account::Debt, _, None) if transfer.kind == TransferKind::Reverse => {
            match since.owed.iter_mut().find(|owed| owed.0 == *wallet) {
                Some(owed) => owed.1 += transfer.amount,
                None => since.owed.push((wallet.clone(), transfer.amount)),
            }
        }
        _ => {}
    }
}
