//! A member and one whom he absorbed are two again: the survivor lets him go in one row, with what is his; in the next the
//! other is himself again. What that is, the row of the merge says: it holds both as they were.
//!
//! The laws: points are neither made nor lost, and of two who are parted at once each is as he was before the merge. What
//! the survivor spent since stays spent, what he earned since is his, but for what came of the other's own orders (`apart`).

use jiff::SignedDuration;
use serde_json::json;

use super::book::Book;
use super::case::slot_num;
use super::giving::{self, Part};
use super::{Made, Matter, Scene, merge, tiers, unjoin};
use crate::codes::{self, reason, reason_at};
use crate::event::{CLOCK_SOURCE, MemberNo};
use crate::lots::{self, AMOUNT_MAX, LotId};
use crate::member::{Lot, Member, Referral, Run, Silence, Since, Waiting, WalletState};
use crate::outcome::{Account, Effect, Emitted, Reason, Transfer, TransferKind};
use crate::own;
use crate::plan::WhenShort;
use crate::snapshot::Want;

/// So long after a merge it can be undone.
const DAYS: i64 = 30;

/// Both as they were when they became one, and what that moved.
pub struct Parting {
    from: Member,
    before: Member,
    moved: Vec<Transfer>,
}

/// Reads `fealty.unmerged`. Err: this must be loaded first.
pub fn unmerged(matter: &Matter<'_>) -> Result<Result<Parting, Reason>, Vec<Want>> {
    let no = slot_num(&matter.bound.record, 0).to_int().and_then(|no| MemberNo::try_from(no).ok());
    let member = matter.member;
    let Some(one) = member.absorbed.iter().find(|one| Some(one.no) == no) else {
        let said = "this member has not absorbed that one, or they are two again";
        return Ok(Err(reason_at(codes::UNMERGE_NOT_ABSORBED, "/data/absorbed", said)));
    };
    let not_now = |said: &str| Ok(Err(reason(codes::UNMERGE_NOT_NOW, said)));
    if member.absorbed.last().is_some_and(|last| last.no != one.no) {
        return not_now("another member was absorbed later: undo that merge first");
    }
    if matter.event.time.duration_since(one.at) > SignedDuration::from_hours(24 * DAYS) {
        let said = format!("a merge can be undone for {DAYS} days: move points by hand");
        return Ok(Err(reason(codes::UNMERGE_TOO_LATE, said)));
    }
    if !member.held.is_empty() {
        return not_now("the member has an open reservation: confirm or cancel it first");
    }
    let key = matter.plans.keys.event(CLOCK_SOURCE, &one.event);
    let rows = matter.snapshot.rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
    let row = rows.iter().find(|row| row.pos == one.pos);
    let told = row.and_then(|row| {
        let from = merge::taken_over(&row.event.data)?;
        let before = row.decision.before.as_deref().cloned()?;
        Some(Parting { from, before, moved: row.decision.transfers.clone() })
    });
    match told {
        None => not_now("the merge was done by an older version, which did not keep what is needed"),
        Some(parting) if owes_too_much(matter, &parting.moved) => {
            Ok(Err(reason(codes::NUMBER_OUT_OF_RANGE, "more would be owed than a wallet can hold")))
        }
        Some(parting) => Ok(Ok(parting)),
    }
}

fn owes_too_much(matter: &Matter<'_>, moved: &[Transfer]) -> bool {
    let who = matter.who();
    matter.plans.current.wallets.iter().any(|wallet| {
        let of_this = moved.iter().filter(|transfer| transfer.wallet == wallet.id);
        let sum = of_this.fold(0_i64, |sum, transfer| sum.saturating_add(transfer.amount));
        let balance = who.balance(wallet);
        [balance.available.abs(), balance.debt].iter().any(|held| held.saturating_add(sum) > AMOUNT_MAX)
    })
}

/// What `let_go` tells the other of himself.
pub fn himself(data: &[u8]) -> Result<Box<Member>, Reason> {
    #[derive(serde::Deserialize)]
    struct Told {
        member: Box<Member>,
    }
    let told = serde_json::from_slice(data);
    told.map(|told: Told| told.member)
        .map_err(|e| reason(codes::BAD_JSON, format!("this was not made by this version: {e}")))
}

/// The survivor lets the other go.
pub fn let_go(book: &mut Book<'_>, scene: &Scene<'_>, parting: Parting) {
    let Parting { mut from, before, moved } = parting;
    let is_his = |no: MemberNo| no == from.no || from.absorbed.iter().any(|one| one.no == no);
    let gone: Vec<_> = book.member.absorbed.extract_if(.., |one| is_his(one.no)).collect();
    let since: Vec<Since> = gone.iter().map(|one| one.since.clone()).collect();
    // Those whom he had absorbed himself, with what came of their orders.
    from.absorbed = gone.into_iter().filter(|one| one.no != from.no).collect();
    for (id, ..) in since.iter().flat_map(|since| &since.lots) {
        lots::wallet_mut(&mut from, id);
    }
    for wallet in &mut from.wallets {
        let own = lots::wallet(&before, &wallet.id);
        *wallet = Purse { theirs: wallet, own, moved: &moved, since: &since }.part(book);
    }
    let merged = unjoin::unjoin(book, &mut from, &before, &since);
    from.identities.retain(|name| book.member.identities.contains(name));
    book.member.identities.retain(|name| !from.identities.contains(name));
    part_rest(book.member, &mut from, &before);
    tiers::part(book, &before, &merged, scene.event.time);
    book.decision.emitted.push(Emitted::about("member.parted", from.no));
    book.made.push(Made { member: from.no, kind: own::PART, data: json!({"member": from.whole()}) });
}

/// The other is himself again.
pub fn part(book: &mut Book<'_>, himself: &Member) {
    let empty = |wallet: &WalletState| {
        let WalletState { active_at, idle, warned, .. } = wallet.clone();
        WalletState { active_at, idle, warned, ..WalletState::new(&wallet.id) }
    };
    let was = &*book.member;
    book.decision.emitted.extend(was.merged_into.map(|from| Emitted::about("member.parted", from)));
    *book.member = Member {
        // The door gives him his names.
        identities: Vec::new(),
        wallets: himself.wallets.iter().map(empty).collect(),
        pages: was.pages.clone(),
        last_pos: was.last_pos,
        changes: was.changes,
        // What rang meanwhile rang for the survivor.
        clock: Some(himself.clock.map_or(book.at, |clock| clock.max(book.at))),
        ..himself.clone()
    };
    himself.wallets.iter().for_each(|wallet| merge::take_wallet(book, wallet));
}

/// What of each stands only once: it goes back to him from whom it came, as it stands now.
fn part_rest(member: &mut Member, from: &mut Member, before: &Member) {
    for (name, value) in &from.fields {
        if !before.fields.contains_key(name) && member.fields.get(name) == Some(value) {
            member.fields.remove(name);
        }
    }
    for run in &mut from.runs {
        let came = !before.runs.iter().any(|own| own.workflow == run.workflow);
        let same = |own: &Run| own.workflow == run.workflow && own.started_at == run.started_at;
        if let Some(at) = member.runs.iter().position(same).filter(|_| came) {
            *run = member.runs.remove(at);
        }
    }
    for (flow, at) in &from.started {
        let own = before.started.iter().find(|(own, _)| own == flow).map(|(_, at)| *at);
        member.started.retain_mut(|(own_flow, own_at)| {
            if own_flow == flow && own_at == at {
                *own_at = own.unwrap_or(*own_at);
                return own.is_some();
            }
            true
        });
    }
    for silence in &mut from.silences {
        let own = before.silences.iter().find(|own| own.of == silence.of);
        let same = |now: &Silence| now.of == silence.of && now.heard_at == silence.heard_at;
        if let Some(at) = member.silences.iter().position(same)
            && own.is_none_or(|own| own.heard_at != silence.heard_at)
        {
            *silence = member.silences.remove(at);
            member.silences.extend(own.cloned());
        }
    }
    let since = |referral: &Option<Referral>| referral.as_ref().map(|r| (r.by, r.claimed_at));
    if before.referral.is_none() && since(&member.referral) == since(&from.referral) {
        from.referral = member.referral.take();
    } else if member.referral.is_none() {
        member.referral = before.referral.clone();
    }
    member.brought = member.brought.saturating_sub(from.brought);
    member.near.retain(|no| before.near.contains(no) || !from.near.contains(no));
}

/// One wallet of two who part.
struct Purse<'a> {
    /// Of him who goes, when he was absorbed.
    theirs: &'a WalletState,
    /// Of the survivor, just before.
    own: Option<&'a WalletState>,
    /// By the merge.
    moved: &'a [Transfer],
    since: &'a [Since],
}

impl Purse<'_> {
    /// What he takes with him. Said as an effect: what he had brought, and how much of it is left.
    fn part(&self, book: &mut Book<'_>) -> WalletState {
        let id = self.theirs.id.clone();
        let state = book.wallet(&id);
        let active_at = state.and_then(|state| state.active_at).max(self.theirs.active_at);
        let (idle, warned) = (self.theirs.idle.clone(), self.theirs.warned);
        let mut his = WalletState { active_at, idle, warned, ..WalletState::new(&id) };
        let (owes, owed) = self.settle_apart(book);
        let mut brought = 0;
        for lot in self.theirs.lots.iter() {
            let most = if self.grew((lot.pos, lot.n)) { AMOUNT_MAX } else { lot.remaining };
            self.take_lot(book, &mut his, ((lot.pos, lot.n), lot.expires_at), most);
            brought += lot.remaining;
        }
        for one in &self.theirs.waiting {
            let most = if self.grew((one.pos, one.n)) { AMOUNT_MAX } else { one.remaining };
            self.take_waiting(book, &mut his, ((one.pos, one.n), one.expires_at), most);
            brought += one.remaining;
        }
        for lot in self.since.iter().flat_map(|since| &since.lots).filter(|lot| lot.0 == id) {
            let name = (lot.1, lot.2);
            let known =
                self.theirs.lots.iter().any(|lot| (lot.pos, lot.n) == name) || self.theirs.waits(name);
            if !known {
                self.take_waiting(book, &mut his, (name, None), AMOUNT_MAX);
            }
        }
        self.owe(book, &mut his, owes, owed);
        giving::settle_debt(book, &id);
        if brought > 0 {
            let left = (his.lots.iter().map(|lot| lot.remaining).sum::<i64>() + his.pending).min(brought);
            let cut = (left < brought).then(|| codes::SPENT_SINCE.into());
            let (rule, kind) = ("".into(), "give_back".into());
            book.decision.effects.push(Effect {
                rule,
                kind,
                wallet: id,
                wanted: brought,
                granted: left,
                cut,
            });
        }
        his
    }

    fn grew(&self, lot: LotId) -> bool {
        let all = self.since.iter().flat_map(|since| &since.lots);
        all.into_iter().any(|one| one.0 == self.theirs.id && (one.1, one.2) == lot)
    }

    /// What one's lots paid of the other's debts comes back to these lots. Returns what the survivor then owes again, and
    /// what the other does.
    fn settle_apart(&self, book: &mut Book<'_>) -> (i64, i64) {
        let id = &*self.theirs.id;
        let nets = |t: &&Transfer| {
            let paid = t.kind == TransferKind::Repay || t.credit == Account::Given;
            *t.wallet == *id && t.debit == Account::Available && paid
        };
        let of_merge = self.moved.iter().filter(nets);
        let mut paid: Vec<Part> = of_merge.filter_map(|t| Some(self.part_of(t.lot?, t.amount))).collect();
        let by_merge: i64 = paid.iter().map(|part| part.amount).sum();
        let he_owed = self.theirs.debt + (-self.theirs.available).max(0);
        let (mut owes, mut owed) = (by_merge - by_merge.min(he_owed), by_merge.min(he_owed));
        // What he brought filled a balance below 0.
        let mut hole = self.own.map_or(0, |own| -own.available).max(0);
        for lot in self.theirs.lots.iter() {
            let part = lot.remaining.min(hole);
            if part > 0 {
                paid.push(self.part_of((lot.pos, lot.n), part));
                (hole, owes) = (hole - part, owes + part);
            }
        }
        let forgives = book.plan.wallets.iter().any(|w| *w.id == *id && w.when_short == WhenShort::Forgive);
        for (wallet, lot) in self.since.iter().filter(|_| !forgives).flat_map(|since| &since.paid) {
            let name = (lot.pos, lot.n);
            let is_his = self.theirs.lots.iter().any(|lot| (lot.pos, lot.n) == name) || self.grew(name);
            if **wallet == *id && !is_his && !self.theirs.waits(name) {
                paid.push(Part { lot: name, amount: lot.remaining, expires_at: lot.expires_at });
                owed += lot.remaining;
            }
        }
        giving::hand_in(book, id, &paid);
        // What has ended meanwhile comes back ended.
        book.expire(id);
        (owes, owed)
    }

    fn part_of(&self, lot: LotId, amount: i64) -> Part {
        let mut lots = self.theirs.lots.iter().chain(self.own.into_iter().flat_map(|own| own.lots.iter()));
        let expires_at = lots.find(|one| (one.pos, one.n) == lot).and_then(|one| one.expires_at);
        Part { lot, amount, expires_at }
    }

    /// Up to `most` of a lot that is his, wherever it lies by now, goes with him under its own name.
    fn take_lot(
        &self,
        book: &mut Book<'_>,
        his: &mut WalletState,
        (lot, expires_at): (LotId, Option<jiff::Timestamp>),
        most: i64,
    ) {
        let (id, by) = (&*self.theirs.id, book.giver(&self.theirs.id));
        let mut parts = giving::hand_out(book, id, most, |one| (one.pos, one.n) == lot && one.by == by);
        if parts.is_empty() && most < AMOUNT_MAX {
            // It was joined to an older one with the same dates.
            let took = |one: &Lot| one.joined > 0 && one.expires_at == expires_at && one.by == by;
            parts = giving::hand_out(book, id, most, took);
        }
        for part in parts {
            his.add(lot, part.amount, part.expires_at, None);
        }
    }

    /// The same of a grant that waited, and may have been released since.
    fn take_waiting(
        &self,
        book: &mut Book<'_>,
        his: &mut WalletState,
        (lot, expires_at): (LotId, Option<jiff::Timestamp>),
        most: i64,
    ) {
        let id = &*self.theirs.id;
        let own = book.own_mut(id);
        let waits = own.waiting.iter().find(|one| (one.pos, one.n) == lot).cloned();
        let taken = own.take_waiting(lot, most);
        if let Some(one) = waits.filter(|_| taken > 0) {
            his.hold(Waiting { remaining: taken, ..one });
            let accounts = (Account::Pending, Account::Given);
            book.transfer(TransferKind::Transfer, accounts, id, taken, None, Some(lot));
        }
        if taken < most {
            self.take_lot(book, his, (lot, expires_at), if most == AMOUNT_MAX { most } else { most - taken });
        }
    }

    /// `owes`, `owed`: what was paid for the survivor, and for him who goes. What he brought of debt and what still stands
    /// of it goes with him.
    fn owe(&self, book: &mut Book<'_>, his: &mut WalletState, owes: i64, owed: i64) {
        let id = &*self.theirs.id;
        let since = self.since.iter().flat_map(|since| &since.owed).filter(|owed| *owed.0 == *id);
        let since: i64 = since.map(|owed| owed.1).sum();
        let he_owed = self.theirs.debt + (-self.theirs.available).max(0);
        let stands = (he_owed - owed.min(he_owed)) + since;
        let negative = book.plan.wallets.iter().any(|w| *w.id == *id && w.when_short == WhenShort::Negative);
        let given = |book: &mut Book<'_>, accounts, amount: i64| {
            if amount > 0 {
                book.transfer(TransferKind::Transfer, accounts, id, amount, None, None);
            }
        };
        if negative {
            let below = (-book.wallet_mut(id).available).max(0).min(stands);
            book.wallet_mut(id).available += below;
            given(book, (Account::Given, Account::Available), below);
            his.available -= below + owed;
            if owes > 0 {
                merge::owe_below(book, id, owes);
            }
        } else {
            let debt = book.wallet_mut(id).debt.min(stands);
            book.wallet_mut(id).repay(debt);
            given(book, (Account::Given, Account::Debt), debt);
            his.debt += debt + owed;
            if owes > 0 {
                book.wallet_mut(id).owe(owes);
                given(book, (Account::Debt, Account::Given), owes);
            }
        }
    }
}
