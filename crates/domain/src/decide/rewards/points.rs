//! Points that a redemption takes and that come back: each to the lot it came from, with its date. What has expired
//! meanwhile comes back and expires at once; what is owed is paid first.

use super::rule_id;
use crate::decide::expiry::{self, Quiet};
use crate::decide::{Book, giving};
use crate::member::Lot;
use crate::num::Num;
use crate::outcome::{Account, TransferKind};
use crate::plan::Canon;
use crate::planted;
use crate::redemption::{Redemption, Spent};
use crate::value::Text;

/// Takes `amount`, which is there, in spending order.
pub fn spend(book: &mut Book<'_>, reward: &str, wallet: &Text, amount: i64) -> Vec<Spent> {
    let at = book.at;
    let state = book.wallet_mut(wallet);
    let parts = state.take(amount, None, at);
    assert!(
        parts.iter().map(|part| part.remaining).sum::<i64>() == amount,
        "a cost was checked against the balance"
    );
    let (rule, end) = (rule_id(reward), book.wallet(wallet).map_or(0, |w| w.available));
    let mut left = amount;
    let mut spent = Vec::with_capacity(parts.len());
    for part in parts {
        let (lot, amount) = (part.id(), part.remaining);
        left -= amount;
        let ends = (Account::Available, Account::Redeemed);
        book.transfer(TransferKind::Spend, ends, wallet, amount, Some(&rule), Some(lot));
        after(book, end + left);
        let (expires_at, by) = (part.expires_at, part.by);
        spent.push(Spent { wallet: wallet.clone(), lot, amount, expires_at, by, returned: 0 });
    }
    spent
}

/// The transfer just written shows this balance after it.
fn after(book: &mut Book<'_>, available: i64) {
    if let Some(transfer) = book.decision.transfers.last_mut() {
        transfer.after = available;
    }
}

/// Everything that has not come back yet.
pub fn give_back(book: &mut Book<'_>, redemption: &mut Redemption) {
    for n in 0..redemption.spent.len() {
        let left = redemption.spent[n].amount - redemption.spent[n].returned;
        give_back_part(book, redemption, n, left);
    }
    redemption.back = Num::ONE;
}

/// So much of a wallet must be back in all: every lot gets its share, rounded down, what is left goes in their order.
pub fn give_back_to(book: &mut Book<'_>, redemption: &mut Redemption, wallet: &str, target: i64) {
    let lots: Vec<usize> =
        (0..redemption.spent.len()).filter(|n| *redemption.spent[*n].wallet == *wallet).collect();
    let sum = |of: fn(&Spent) -> i64| lots.iter().map(|n| of(&redemption.spent[*n])).sum::<i64>();
    let (total, returned) = (sum(|s| s.amount), sum(|s| s.returned));
    assert!((returned..=total).contains(&target), "no more comes back than was spent, and never less");
    let mut left = target - returned;
    for n in &lots {
        let spent = &redemption.spent[*n];
        let share = (i128::from(spent.amount) * i128::from(target) / i128::from(total.max(1))) as i64;
        let part = (share - spent.returned).clamp(0, left);
        give_back_part(book, redemption, *n, part);
        left -= part;
    }
    for n in lots {
        let part = (redemption.spent[n].amount - redemption.spent[n].returned).min(left);
        give_back_part(book, redemption, n, part);
        left -= part;
    }
    assert!(left == 0, "what was spent can come back");
}

fn give_back_part(book: &mut Book<'_>, redemption: &mut Redemption, n: usize, part: i64) {
    let spent = &mut redemption.spent[n];
    assert!(part >= 0 && spent.returned + part <= spent.amount, "no more comes back than was spent");
    if part == 0 {
        return;
    }
    spent.returned += part;
    let (wallet, lot, expires_at, by) = (spent.wallet.clone(), spent.lot, spent.expires_at, spent.by);
    let rule = rule_id(&redemption.reward);
    let back = (Account::Redeemed, Account::Available);
    if expires_at.map_or_else(|| expiry::is_silent(book, &wallet), |end| end <= book.at) {
        // In and out again: nothing of the wallet changes.
        let available = book.wallet_mut(&wallet).available;
        book.transfer(TransferKind::Return, back, &wallet, part, Some(&rule), Some(lot));
        after(book, available + part);
        let out = (Account::Available, Account::Expired);
        book.transfer(TransferKind::Expire, out, &wallet, part, None, Some(lot));
        book.hear_points(Canon::PointsExpired, &wallet, part, "");
        return;
    }
    if let Some(owner) =
        by.filter(|by| book.is_elsewhere(&wallet, *by) && !planted::is("back_to_the_spender"))
    {
        // Through the hands of him who spent it, who may have left, to whom it belongs.
        book.wallet_mut(&wallet).give_back(lot, part, expires_at, None);
        book.transfer(TransferKind::Return, back, &wallet, part, Some(&rule), Some(lot));
        let same = |one: &Lot| (one.pos, one.n, one.by) == (lot.0, lot.1, None);
        let quiet = Quiet::of(book.wallet(&wallet));
        let parts = giving::hand_out(book, &wallet, part, same);
        if !parts.is_empty() {
            book.made.push(giving::sent(book.member.no, owner, &wallet, &parts, &quiet));
        }
        return;
    }
    let repaid = book.wallet_mut(&wallet).repay(part);
    if repaid > 0 {
        let owed = (Account::Redeemed, Account::Debt);
        book.transfer(TransferKind::Return, owed, &wallet, repaid, Some(&rule), None);
    }
    if part > repaid {
        let expires_at = expires_at.filter(|_| !planted::is("return_without_date"));
        let by = book.giver_of(&wallet, by);
        book.wallet_mut(&wallet).give_back(lot, part - repaid, expires_at, by);
        book.transfer(TransferKind::Return, back, &wallet, part - repaid, Some(&rule), Some(lot));
    }
}
