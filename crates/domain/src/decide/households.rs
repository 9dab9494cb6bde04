//! Households: who joins and who leaves, and what comes and goes with him. A household is a document of its own
//! (`Member::household`), which holds what is available in the wallets that it shares; each lot says who put it in.
//!
//! Who joins a member that is in no household yet founds one with him, in three rows: he asks, the other one founds it
//! and moves in, he moves in. The laws: what a household uses of a limit is what its residents use; whoever leaves takes
//! his own unspent lots, with their dates, and the last one takes what is left.

use jiff::Timestamp;
use serde_json::json;

use super::book::{Book, limit_mut};
use super::expiry::Quiet;
use super::giving::{self, other};
use super::{Made, Matter, due, limits};
use crate::codes::{self, reason, reason_at};
use crate::event::MemberNo;
use crate::household::{Balance, Who};
use crate::lots::{self, AMOUNT_MAX};
use crate::member::{Home, LimitState, Member, Resident, WalletState};
use crate::outcome::{Emitted, Reason};
use crate::own;
use crate::plan::{Across, Limit, Plan, Wallet};
use crate::planted;
use crate::snapshot::Want;
use crate::value::Text;

/// What a member does, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Asks this one, who is in no household, to found one.
    Ask(MemberNo),
    /// Founds one, into which this one moves next.
    Found(MemberNo),
    /// Moves into this household.
    In(MemberNo),
    Out,
}

/// Types within made rows.
pub const FOUNDS: &str = "fealty.founds";
pub const MOVES_IN: &str = "fealty.moves_in";

/// Reads `fealty.joined`: the household of the member whom it names. Err: this must be loaded first.
pub fn joined(matter: &Matter<'_>) -> Result<Result<Move, Reason>, Vec<Want>> {
    let plan = &*matter.plans.current;
    let Some(households) = &plan.households else {
        return Ok(Err(reason(codes::HOUSEHOLDS_NONE, "the program has no households")));
    };
    if matter.member.home.is_some() {
        let said = "the member is in a household: he leaves it first";
        return Ok(Err(reason(codes::HOUSEHOLD_ALREADY, said)));
    }
    let Some(no) = other(matter, 0)? else {
        return Ok(Err(reason_at(codes::MEMBER_UNKNOWN, "/data/with", "there is no such member")));
    };
    if no == matter.member.no {
        let said = "both are the same member";
        return Ok(Err(reason_at(codes::HOUSEHOLD_WITH_ONESELF, "/data/with", said)));
    }
    let theirs = giving::loaded(matter, no)?;
    let residents = theirs.home.and_then(|home| home.household.as_ref()).map_or(1, |h| h.residents.len());
    if residents >= households.members_max as usize {
        let said = format!("a household has at most {} members", households.members_max);
        return Ok(Err(reason(codes::HOUSEHOLD_FULL, said)));
    }
    let own = matter.who();
    for wallet in plan.wallets.iter().filter(|wallet| wallet.shared) {
        if let Err(why) = owes_nothing(own, wallet).and_then(|()| owes_nothing(theirs, wallet)) {
            return Ok(Err(why));
        }
        if own.balance(wallet).available > AMOUNT_MAX - theirs.balance(wallet).available {
            let said = format!("a household cannot hold so much {}", wallet.id);
            return Ok(Err(reason(codes::NUMBER_OUT_OF_RANGE, said)));
        }
    }
    Ok(Ok(theirs.member.home.as_ref().map_or(Move::Ask(no), |home| Move::In(home.no))))
}

/// Reads `fealty.left`.
pub fn left(matter: &Matter<'_>) -> Result<Move, Reason> {
    let plan = &*matter.plans.current;
    let Some(home) = &matter.member.home else {
        return Err(reason(codes::HOUSEHOLD_NOT_IN, "the member is in no household"));
    };
    if let Some(stay) = plan.households.as_ref().and_then(|households| households.stay) {
        let end = stay.after(&home.since.to_zoned(plan.regions[0].zone.clone())).timestamp();
        if matter.event.time < end {
            let said = format!("who joins a household stays {stay}: until {end}");
            return Err(reason(codes::HOUSEHOLD_STAY, said));
        }
    }
    let mut shared = plan.wallets.iter().filter(|wallet| wallet.shared);
    shared.try_for_each(|wallet| owes_nothing(matter.who(), wallet))?;
    Ok(Move::Out)
}

/// Debts stay with whom they arose: nobody joins or leaves while points are owed.
fn owes_nothing(who: Who<'_>, wallet: &Wallet) -> Result<(), Reason> {
    let Balance { available, debt, .. } = who.balance(wallet);
    if debt == 0 && available >= 0 {
        return Ok(());
    }
    Err(reason(codes::HOUSEHOLD_OWES, format!("{} are owed: nobody joins or leaves before", wallet.id)))
}

pub fn go(book: &mut Book<'_>, step: Move) {
    match step {
        Move::Ask(whom) => {
            let data = json!({"type": FOUNDS, "for": book.member.no});
            book.made.push(Made { member: whom, kind: own::FOLLOW, data });
        }
        Move::Found(whom) => {
            move_in(book);
            let home = book.home.as_ref().map(|home| home.no);
            let data = json!({"type": MOVES_IN, "home": home});
            book.made.push(Made { member: whom, kind: own::FOLLOW, data });
        }
        Move::In(_) => move_in(book),
        Move::Out => move_out(book),
    }
}

fn move_in(book: &mut Book<'_>) {
    // The door does not know yet where he goes: what has ended there by now ends first.
    for id in shared(book.plan, book.home.as_deref()) {
        book.expire(&id);
    }
    bring_in(book);
    let (no, since) = (book.member.no, book.at);
    let home = book.home.as_deref_mut().expect("who moves in has a home");
    home.household.get_or_insert_default().residents.push(Resident { no, since });
    for limit in shared_limits(book.plan) {
        let used = book.member.limits.iter().find(|l| l.id == limit.id);
        for (window, amount) in used.into_iter().flat_map(|used| &used.parts) {
            limits::add(limit_mut(&mut home.limits, &limit.id), limit.per, *window, *amount);
        }
    }
    let home = home.no;
    book.member.home = Some(Home { no: home, since });
    tell(book, "household.joined", home);
}

/// He leaves, with his own unspent lots.
pub fn move_out(book: &mut Book<'_>) {
    let (plan, no) = (book.plan, book.member.no);
    let last = book.home.as_deref().is_some_and(|home| residents(home).len() == 1);
    for id in shared(plan, book.home.as_deref()) {
        let quiet = Quiet::of(book.wallet(&id));
        let parts = giving::hand_out(book, &id, i64::MAX, |lot| {
            last || lot.by == Some(no) || planted::is("leaves_with_all")
        });
        let home = book.home.take();
        giving::move_in(book, &id, &parts, quiet);
        book.home = home;
    }
    let home = book.home.take().expect("who leaves has a home");
    for limit in shared_limits(plan) {
        let used = book.member.limits.iter().find(|l| l.id == limit.id);
        for (window, amount) in used.into_iter().flat_map(|used| &used.parts) {
            limits::free(limit_mut(&mut home.limits, &limit.id), *window, *amount);
        }
    }
    home.limits.retain(|limit: &LimitState| !limit.parts.is_empty());
    home.household.get_or_insert_default().residents.retain(|resident| resident.no != no);
    // It is out of the book from here on.
    home.due = due::next(plan, home);
    let home = home.no;
    book.member.home = None;
    tell(book, "household.left", home);
}

/// The member's lots of shared wallets go to the household.
fn bring_in(book: &mut Book<'_>) {
    for id in shared(book.plan, Some(book.member)) {
        let quiet = Quiet::of(lots::wallet(book.member, &id));
        let home = book.home.take();
        let parts = giving::hand_out(book, &id, i64::MAX, |_| true);
        book.home = home;
        giving::move_in(book, &id, &parts, quiet);
    }
}

/// Wallets that households share and in which this one holds something.
fn shared(plan: &Plan, of: Option<&Member>) -> Vec<Text> {
    let held = |wallet: &&Wallet| {
        wallet.shared
            && of.and_then(|of| lots::wallet(of, &wallet.id)).is_some_and(|state| !state.lots.is_empty())
    };
    plan.wallets.iter().filter(held).map(|wallet| wallet.id.clone()).collect()
}

/// Limits that are one for a household.
pub fn shared_limits(plan: &Plan) -> impl Iterator<Item = &Limit> {
    let rules = plan.rules.iter().flat_map(|rule| &rule.limits);
    let campaigns = plan.campaigns.iter().flat_map(|campaign| &campaign.limits);
    let rewards = plan.rewards.iter().flat_map(|reward| &reward.limits);
    rules.chain(campaigns).chain(rewards).filter(|limit| limit.across == Across::Household)
}

pub fn residents(home: &Member) -> &[Resident] {
    home.household.as_ref().map_or(&[], |household| &household.residents)
}

fn tell(book: &mut Book<'_>, kind: &str, home: MemberNo) {
    let data = serde_json::Map::new();
    book.decision.household = Some(home);
    book.decision.emitted.push(Emitted::own(kind, data));
}

/// A new version of the program may share another wallet, or one no longer: what lies in the wrong document goes where
/// it belongs at once.
pub fn next_due(plan: &Plan, member: &Member) -> Option<Timestamp> {
    let misplaced =
        |state: &&WalletState| !state.lots.is_empty() && plan.shares(&state.id) == member.home.is_some();
    let due = match &member.household {
        Some(household) => !household.residents.is_empty() && member.wallets.iter().any(|w| misplaced(&w)),
        None => member.home.is_some() && member.wallets.iter().any(|w| misplaced(&w)),
    };
    due.then_some(plan.since)
}

/// Lots of a wallet that is shared no longer go back to those who put them in, in rows of theirs; what nobody put in goes
/// to the first of them.
pub fn run_due(book: &mut Book<'_>, at: Timestamp) {
    if next_due(book.plan, book.member).is_none_or(|due| due > at) {
        return;
    }
    if book.home.is_some() {
        return bring_in(book);
    }
    let residents: Vec<MemberNo> = residents(book.member).iter().map(|resident| resident.no).collect();
    let unshared: Vec<_> =
        book.member.wallets.iter().map(|w| w.id.clone()).filter(|id| !book.plan.shares(id)).collect();
    for wallet in &unshared {
        for (n, no) in residents.iter().enumerate() {
            let his = |by: Option<MemberNo>| {
                by == Some(*no) || (n == 0 && !by.is_some_and(|by| residents.contains(&by)))
            };
            let quiet = Quiet::of(book.wallet(wallet));
            let parts = giving::hand_out(book, wallet, i64::MAX, |lot| his(lot.by));
            if !parts.is_empty() {
                book.made.push(giving::sent(book.member.no, *no, wallet, &parts, &quiet));
            }
        }
    }
}
