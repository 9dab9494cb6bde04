//! Points that go from one member to another: lots leave in spending order and arrive with their own names and dates, so
//! that expiry cannot be escaped. The giver's row comes first; the receiver's is made right after it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::book::Book;
use super::case::{slot_num, slot_text};
use super::expiry::Quiet;
use super::members::form;
use super::{Made, Matter};
use crate::codes::{self, reason, reason_at};
use crate::event::MemberNo;
use crate::household::{Balance, Who};
use crate::lots::{AMOUNT_MAX, LotId};
use crate::member::Lot;
use crate::num::Num;
use crate::outcome::{Account, Reason, TransferKind};
use crate::own;
use crate::planted;
use crate::snapshot::Want;
use crate::value::{Text, Value};

/// A part of a lot on its way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Part {
    pub lot: LotId,
    pub amount: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Part {
    pub fn of(lot: &Lot) -> Part {
        Part { lot: lot.id(), amount: lot.remaining, expires_at: lot.expires_at }
    }
}

/// `fealty.transferred`, checked.
pub struct Gift {
    to: MemberNo,
    wallet: Text,
    minor: i64,
}

/// Another member, named by number in the payload. None: nobody can be meant.
pub fn other(matter: &Matter<'_>, slot: usize) -> Result<Option<MemberNo>, Vec<Want>> {
    let number = slot_num(&matter.bound.record, slot).to_int();
    stands_for(matter, number.and_then(|no| MemberNo::try_from(no).ok()))
}

/// Who has this number by now: an absorbed one stands for him who absorbed him. None: nobody, or nobody any more.
pub fn stands_for(matter: &Matter<'_>, mut no: Option<MemberNo>) -> Result<Option<MemberNo>, Vec<Want>> {
    while let Some(at) = no.filter(|at| *at != matter.member.no) {
        match matter.snapshot.members.get(&at).ok_or_else(|| vec![Want::Member(at)])? {
            Some(state) if state.merged_into.is_some() => no = state.merged_into,
            Some(state) if !state.erased && state.household.is_none() => break,
            _ => no = None,
        }
    }
    Ok(no)
}

/// Slots of `fealty.transferred`.
const TO: usize = 0;
const WALLET: usize = 1;
const AMOUNT: usize = 2;

/// Reads `fealty.transferred`. Err: this must be loaded first.
pub fn gift(matter: &Matter<'_>) -> Result<Result<Gift, Reason>, Vec<Want>> {
    let (plan, payload) = (&*matter.plans.current, &matter.bound.record);
    let Some(to) = other(matter, TO)? else {
        return Ok(Err(reason_at(codes::MEMBER_UNKNOWN, "/data/to", "there is no such member")));
    };
    if to == matter.member.no {
        let said = "both are the same member";
        return Ok(Err(reason_at(codes::TRANSFER_TO_ONESELF, "/data/to", said)));
    }
    Ok(checked(matter, plan, payload, loaded(matter, to)?))
}

/// Another member, who exists, and his household.
pub fn loaded<'a>(matter: &Matter<'a>, no: MemberNo) -> Result<Who<'a>, Vec<Want>> {
    let members = &matter.snapshot.members;
    let member = members.get(&no).and_then(Option::as_deref).ok_or_else(|| vec![Want::Member(no)])?;
    match &member.home {
        Some(home) if !members.contains_key(&home.no) => Err(vec![Want::Member(home.no)]),
        _ => Ok(matter.snapshot.who(member)),
    }
}

fn checked(
    matter: &Matter<'_>,
    plan: &crate::plan::Plan,
    payload: &Value,
    to: Who<'_>,
) -> Result<Gift, Reason> {
    let id = slot_text(payload, WALLET);
    let Some(wallet) = plan.wallets.iter().find(|w| *w.id == *id) else {
        return Err(reason_at(codes::WALLET_UNKNOWN, "/data/wallet", format!("there is no wallet `{id}`")));
    };
    if !wallet.transfer {
        let said = format!("members cannot give {id} to each other: the wallet has no `transfer = true`");
        return Err(reason_at(codes::TRANSFER_NOT_ALLOWED, "/data/wallet", said));
    }
    if wallet.shared && matter.member.home.is_some() {
        let said = format!("{id} belongs to the household, not to one of its members");
        return Err(reason_at(codes::TRANSFER_NOT_ALLOWED, "/data/wallet", said));
    }
    let minor = slot_num(payload, AMOUNT).exact_minor(wallet.decimals).filter(|m| *m > 0 && *m <= AMOUNT_MAX);
    let Some(minor) = minor else {
        let said = format!("an amount of {id} is above 0, {}", form(wallet));
        return Err(reason_at(codes::AMOUNT_INVALID, "/data/amount", said));
    };
    let Balance { available, debt, .. } = matter.who().balance(wallet);
    if available - debt < minor {
        let missing = Num::minor(minor - (available - debt), wallet.decimals);
        return Err(reason_at(
            codes::POINTS_INSUFFICIENT,
            "/data/amount",
            format!("missing: {missing} {id}"),
        ));
    }
    let theirs = to.balance(wallet);
    if theirs.available.saturating_add(theirs.pending).saturating_add(minor) > AMOUNT_MAX {
        return Err(reason(codes::NUMBER_OUT_OF_RANGE, "the receiver cannot hold so much"));
    }
    Ok(Gift { to: to.member.no, wallet: wallet.id.clone(), minor })
}

pub fn give(book: &mut Book<'_>, gift: &Gift, at: Timestamp) {
    // What has ended by then is not given.
    let quiet = Quiet::of(book.wallet(&gift.wallet));
    let parts = hand_out(book, &gift.wallet, gift.minor, |lot| lot.expires_at.is_none_or(|end| end > at));
    let sum: i64 = parts.iter().map(|part| part.amount).sum();
    assert!(sum == gift.minor, "a gift was checked against the balance");
    book.made.push(sent(book.member.no, gift.to, &gift.wallet, &parts, &quiet));
}

/// The receiver's row.
pub fn sent(from: MemberNo, to: MemberNo, wallet: &str, parts: &[Part], quiet: &Quiet) -> Made {
    let mut data = json!({"type": RECEIVED, "from": from, "wallet": wallet, "parts": parts});
    if *quiet != Quiet::default() {
        data["quiet"] = json!(quiet);
    }
    Made { member: to, kind: own::FOLLOW, data }
}

/// Type within the receiver's row.
pub const RECEIVED: &str = "fealty.received";

/// What the receiver's row says.
#[derive(Deserialize)]
pub struct Received {
    pub wallet: Text,
    pub parts: Vec<Part>,
    #[serde(default)]
    pub quiet: Quiet,
}

pub fn receive(book: &mut Book<'_>, received: &Received) {
    move_in(book, &received.wallet, &received.parts, received.quiet.clone());
    settle_debt(book, &received.wallet);
}

/// Up to `amount` leaves of the lots that are picked, in spending order.
pub fn hand_out(book: &mut Book<'_>, wallet: &str, amount: i64, picks: impl Fn(&Lot) -> bool) -> Vec<Part> {
    let taken = book.wallet_mut(wallet).lots.take(amount, picks);
    let parts: Vec<Part> = taken.iter().map(Part::of).collect();
    for part in &parts {
        book.wallet_mut(wallet).available -= part.amount;
        let accounts = (Account::Available, Account::Given);
        book.transfer(TransferKind::Transfer, accounts, wallet, part.amount, None, Some(part.lot));
    }
    book.wallet_mut(wallet).check();
    parts
}

/// From another wallet, in which it was so long quiet.
pub fn move_in(book: &mut Book<'_>, wallet: &str, parts: &[Part], quiet: Quiet) {
    if parts.iter().any(|part| part.expires_at.is_none()) {
        quiet.comes(book.wallet_mut(wallet));
    }
    hand_in(book, wallet, parts);
}

pub fn hand_in(book: &mut Book<'_>, wallet: &str, parts: &[Part]) {
    let by = book.giver(wallet);
    for part in parts {
        let state = book.wallet_mut(wallet);
        if state.lots.add_to(part.lot, |lot| lot.by == by, part.amount) {
            state.available += part.amount;
            state.check();
        } else {
            let expires_at = part.expires_at.filter(|_| !planted::is("gift_without_date"));
            state.add(part.lot, part.amount, expires_at, by);
        }
        let accounts = (Account::Given, Account::Available);
        book.transfer(TransferKind::Transfer, accounts, wallet, part.amount, None, Some(part.lot));
    }
}

/// What is owed is paid from what is there.
pub fn settle_debt(book: &mut Book<'_>, wallet: &str) {
    let state = book.wallet_mut(wallet);
    let parts = state.lots.take(state.debt, |_| true);
    for part in &parts {
        let state = book.wallet_mut(wallet);
        (state.available, state.debt) = (state.available - part.remaining, state.debt - part.remaining);
        let accounts = (Account::Available, Account::Debt);
        book.transfer(TransferKind::Repay, accounts, wallet, part.remaining, None, Some(part.id()));
    }
    book.wallet_mut(wallet).check();
}
