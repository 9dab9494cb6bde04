//! Two members become one: the survivor asks, the absorbed hands over everything in a row of his own, the survivor takes
//! it in a third. The state that is handed over is in that row, word for word. Whatever is due for the absorbed runs
//! before his row, so nothing is lost between them.
//!
//! Nothing is paid twice by it: business keys of the absorbed count for the survivor (`Member::absorbed`), orders find
//! their lots under the same names, used limits and counters add up. The absorbed number stays as another name.

use serde_json::json;

use super::book::{Book, limit_mut};
use super::expiry::Quiet;
use super::giving::{self, Part, other};
use super::{Made, Matter, households, join};
use crate::codes::{self, reason, reason_at};
use crate::event::{Event, MemberNo};
use crate::lots;
use crate::member::{Absorbed, LimitState, Member, Since, Waiting, WalletState};
use crate::outcome::{Account, Emitted, Reason, TransferKind};
use crate::own;
use crate::planted;
use crate::snapshot::Want;

/// Types within made rows: the absorbed hands over, the survivor takes.
pub const HANDS_OVER: &str = "fealty.hands_over";
pub const TAKES_OVER: &str = "fealty.takes_over";
/// Members that one can absorb.
const ABSORBED_MAX: usize = 32;

/// Reads `fealty.merged`: whom to absorb. Err: this must be loaded first.
pub fn merged(matter: &Matter<'_>) -> Result<Result<MemberNo, Reason>, Vec<Want>> {
    let Some(no) = other(matter, 0)? else {
        return Ok(Err(reason_at(codes::MEMBER_UNKNOWN, "/data/absorb", "there is no such member")));
    };
    let member = matter.member;
    if no == member.no {
        return Ok(Err(reason_at(codes::MERGE_WITH_ONESELF, "/data/absorb", "both are the same member")));
    }
    let other = matter.snapshot.members.get(&no).and_then(Option::as_ref);
    if other.is_some_and(|other| other.home.is_some() || !other.held.is_empty()) {
        let said = "the member to be absorbed is in a household or has an open reservation: leave or settle it first";
        return Ok(Err(reason(codes::MERGE_NOT_NOW, said)));
    }
    let absorbed = other.map_or(0, |other| other.absorbed.len()) + 1 + member.absorbed.len();
    if absorbed > ABSORBED_MAX {
        return Ok(Err(reason(
            codes::MERGE_NOT_NOW,
            format!("a member absorbs at most {ABSORBED_MAX} others"),
        )));
    }
    if let Some(other) = other
        && let Some(wallet) = other.wallets.iter().find(|w| too_much(matter, w))
    {
        return Ok(Err(reason(codes::NUMBER_OUT_OF_RANGE, format!("{} cannot hold both", wallet.id))));
    }
    Ok(Ok(no))
}

fn too_much(matter: &Matter<'_>, theirs: &WalletState) -> bool {
    let wallet = matter.plans.current.wallets.iter().find(|wallet| wallet.id == theirs.id);
    let own = wallet.and_then(|wallet| matter.who().wallet(wallet));
    let sum = |amount: fn(&WalletState) -> i64| {
        amount(theirs).saturating_add(own.map_or(0, amount)).saturating_abs()
    };
    [sum(|w| w.available), sum(|w| w.pending), sum(|w| w.debt)].iter().any(|sum| *sum > lots::AMOUNT_MAX)
}

/// Him whom such a row takes over.
pub fn taken_over(data: &[u8]) -> Option<Member> {
    #[derive(serde::Deserialize)]
    struct Told {
        r#type: String,
        member: Member,
    }
    serde_json::from_slice(data).ok().filter(|told: &Told| told.r#type == TAKES_OVER).map(|told| told.member)
}

pub fn ask(book: &mut Book<'_>, absorb: MemberNo) {
    let data = json!({"type": HANDS_OVER, "to": book.member.no});
    book.made.push(Made { member: absorb, kind: own::FOLLOW, data });
}

/// Everything leaves the absorbed.
pub fn hand_over(book: &mut Book<'_>, to: MemberNo) {
    let before = book.member.clone();
    for wallet in &before.wallets {
        let id = &*wallet.id;
        giving::hand_out(book, id, i64::MAX, |_| true);
        for one in &wallet.waiting {
            let state = book.wallet_mut(id);
            state.waiting.retain(|w| (w.pos, w.n) != (one.pos, one.n));
            state.pending -= one.remaining;
            book.transfer(
                TransferKind::Transfer,
                (Account::Pending, Account::Given),
                id,
                one.remaining,
                None,
                Some((one.pos, one.n)),
            );
        }
        if wallet.available < 0 {
            book.wallet_mut(id).available = 0;
            let accounts = (Account::Given, Account::Available);
            book.transfer(TransferKind::Transfer, accounts, id, -wallet.available, None, None);
        }
        if wallet.debt > 0 {
            book.wallet_mut(id).debt = 0;
            book.transfer(
                TransferKind::Transfer,
                (Account::Given, Account::Debt),
                id,
                wallet.debt,
                None,
                None,
            );
        }
        book.wallet_mut(id).check();
    }
    let data = json!({"type": TAKES_OVER, "from": before.no, "member": before.whole()});
    book.made.push(Made { member: to, kind: own::FOLLOW, data });
    let mut empty = Member::new(before.no, before.enrolled_at);
    (empty.last_pos, empty.changes, empty.clock) = (before.last_pos, before.changes, before.clock);
    empty.wallets = before.wallets.iter().map(|w| WalletState::new(&w.id)).collect();
    empty.pages = before.pages.clone();
    empty.merged_into = Some(to);
    *book.member = empty;
    book.decision.emitted.push(Emitted::about("member.merged", to));
}

/// Everything comes to the survivor. His own fields, running workflows and referral stay where both have one.
pub fn take_over(book: &mut Book<'_>, from: &Member, event: &Event) {
    book.decision.before = Some(Box::new(book.member.whole()));
    for wallet in &from.wallets {
        take_wallet(book, wallet);
    }
    join::join(book.plan, book.member, from);
    for limit in from.limits.iter().filter(|_| !planted::is("merge_forgets_limits")) {
        join_limit(&mut book.member.limits, limit);
        let shared = households::shared_limits(book.plan).any(|shared| shared.id == limit.id);
        if let Some(home) = book.home.as_mut().filter(|_| shared) {
            join_limit(&mut home.limits, limit);
        }
    }
    let member = &mut *book.member;
    for (name, value) in &from.fields {
        if !member.fields.contains_key(name) {
            member.fields.insert(name.clone(), value.clone());
        }
    }
    for run in &from.runs {
        if !member.runs.iter().any(|own| own.workflow == run.workflow) {
            member.runs.push(run.clone());
        }
    }
    for (flow, at) in &from.started {
        match member.started.iter_mut().find(|(own, _)| own == flow) {
            Some((_, own)) => *own = (*own).max(*at),
            None => member.started.push((flow.clone(), *at)),
        }
    }
    for silence in &from.silences {
        match member.silences.iter_mut().find(|own| own.of == silence.of) {
            Some(own) if own.heard_at < silence.heard_at => *own = silence.clone(),
            Some(_) => {}
            None => member.silences.push(silence.clone()),
        }
    }
    if member.referral.is_none() {
        member.referral = from.referral.clone().filter(|referral| referral.by != member.no);
    }
    if member.referral.as_ref().is_some_and(|referral| referral.by == from.no) {
        member.referral = None;
    }
    member.brought = member.brought.saturating_add(from.brought);
    member.near.extend(from.near.iter().filter(|no| **no != member.no));
    member.near.retain(|no| *no != from.no);
    member.near.sort_unstable();
    member.near.dedup();
    member.absorbed.extend(from.absorbed.iter().cloned());
    let (at, event) = (event.time, (&*event.id).into());
    member.absorbed.push(Absorbed { no: from.no, at, pos: book.pos, event, since: Since::default() });
    book.decision.emitted.push(Emitted::about("member.absorbed", from.no));
}

pub fn take_wallet(book: &mut Book<'_>, theirs: &WalletState) {
    let id = &*theirs.id;
    let parts: Vec<Part> = theirs.lots.iter().map(Part::of).collect();
    giving::move_in(book, id, &parts, Quiet::of(Some(theirs)));
    for one in &theirs.waiting {
        let lot = Some((one.pos, one.n));
        hold(book.own_mut(id), one);
        let accounts = (Account::Given, Account::Pending);
        book.transfer(TransferKind::Transfer, accounts, id, one.remaining, None, lot);
    }
    if theirs.debt > 0 {
        book.wallet_mut(id).owe(theirs.debt);
        book.transfer(TransferKind::Transfer, (Account::Debt, Account::Given), id, theirs.debt, None, None);
    }
    // Less than what lies in lots: only a balance below 0.
    let hole = parts.iter().map(|part| part.amount).sum::<i64>() - theirs.available;
    if hole > 0 {
        owe_below(book, id, hole);
    }
    giving::settle_debt(book, id);
    let state = book.wallet_mut(id);
    state.active_at = state.active_at.max(theirs.active_at);
}

/// A balance below 0 comes: it takes from lots, and what is not there goes below 0.
pub fn owe_below(book: &mut Book<'_>, id: &str, hole: i64) {
    let mut left = hole;
    for part in book.wallet_mut(id).lots.take(hole, |_| true) {
        left -= part.remaining;
        book.wallet_mut(id).available -= part.remaining;
        let accounts = (Account::Available, Account::Given);
        book.transfer(TransferKind::Transfer, accounts, id, part.remaining, None, Some(part.id()));
    }
    if left > 0 {
        book.wallet_mut(id).overdraw(left);
        book.transfer(TransferKind::Transfer, (Account::Available, Account::Given), id, left, None, None);
    }
}

fn hold(state: &mut WalletState, one: &Waiting) {
    match state.waiting.iter_mut().find(|w| (w.pos, w.n) == (one.pos, one.n)) {
        Some(own) => own.remaining += one.remaining,
        None => state.waiting.push(one.clone()),
    }
    state.pending += one.remaining;
    state.check();
}

fn join_limit(limits: &mut Vec<LimitState>, from: &LimitState) {
    let parts = limit_mut(limits, &from.id);
    for (window, used) in &from.parts {
        match parts.binary_search_by_key(window, |part| part.0) {
            Ok(at) => parts[at].1 = parts[at].1.saturating_add(*used),
            Err(at) => parts.insert(at, (*window, *used)),
        }
    }
}
