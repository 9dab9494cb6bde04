//! What time does to points: releases, ends, and warnings of ends.
//! Lots without a date end together, where the term that holds now is idle: so long after the last activity, or after
//! the term began to hold.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::book::Book;
use super::case;
use super::settings::Settings;
use super::tiers;
use crate::bind;
use crate::member::{Member, WalletState};
use crate::num::Num;
use crate::outcome::{Account, Emitted, Transfer, TransferKind};
use crate::plan::{Canon, Plan, Setting, TypeNo, Wallet};
use crate::planted;
use crate::redemption::Redemption;
use crate::term::{Term, To};
use crate::time::Span;
use crate::value::Text;

/// When something of the member's wallets is released, ends, or is to be warned of.
pub fn next_due(plan: &Plan, member: &Member) -> Option<Timestamp> {
    member.wallets.iter().filter_map(|state| next_of(plan, member, state)).min()
}

fn next_of(plan: &Plan, member: &Member, state: &WalletState) -> Option<Timestamp> {
    let released = state.waiting.iter().filter_map(|one| one.until).min();
    let waiting_ends = state.waiting.iter().filter_map(|one| one.expires_at).min();
    let ends = state.lots.first().and_then(|lot| lot.expires_at);
    let wallet = plan.wallets.iter().find(|w| w.id == state.id);
    let idle = wallet.and_then(|wallet| idle_end(plan, wallet, member, state));
    let warned = wallet.and_then(|wallet| wallet.warn).and_then(|span| {
        let dated = state.lots.ending_after(state.warned).next().and_then(|lot| lot.expires_at);
        let idle = idle.filter(|end| state.warned.is_none_or(|warned| *end > warned));
        let end = dated.into_iter().chain(idle).min()?;
        Some(warning(plan, span, end))
    });
    [released, waiting_ends, ends, idle, warned].into_iter().flatten().min()
}

/// Its term may count from the last activity.
fn may_idle(wallet: &Wallet) -> bool {
    !matches!(&wallet.expires, Setting::Is(term) if !term.is_idle())
}

/// The idle term that holds for the member, if one does.
fn idle_term<'p>(plan: &'p Plan, wallet: &'p Wallet, member: &Member) -> Option<Cow<'p, Term>> {
    if !may_idle(wallet) {
        return None;
    }
    let settings = Settings { plan, region: tiers::home(plan, member), member, at: None };
    settings.get(&wallet.expires).filter(|term| term.is_idle())
}

/// When the lots without a date end.
pub fn idle_end(plan: &Plan, wallet: &Wallet, member: &Member, state: &WalletState) -> Option<Timestamp> {
    state.lots.last().filter(|lot| lot.expires_at.is_none())?;
    silence_end(plan, wallet, member, state)
}

/// When they would end, whether or not there are any.
fn silence_end(plan: &Plan, wallet: &Wallet, member: &Member, state: &WalletState) -> Option<Timestamp> {
    let term = idle_term(plan, wallet, member)?;
    let began = match &state.idle {
        Some((source, began)) if **source == *term.source => *began,
        // The program changed, and nothing happened since.
        _ => plan.since,
    };
    let from = state.active_at.map_or(began, |active| active.max(began));
    let moment = case::moment(plan, member, from);
    term.end(&moment.at, &moment.calendar, To::Day)
}

/// A lot without a date that comes back now would have ended by now.
pub fn is_silent(book: &Book<'_>, id: &str) -> bool {
    let wallet = book.plan.wallets.iter().find(|wallet| wallet.id == *id);
    let end = wallet
        .zip(book.wallet(id))
        .and_then(|(wallet, state)| silence_end(book.plan, wallet, book.who().holder(wallet), state));
    end.is_some_and(|end| end <= book.at)
}

/// Since when nothing happened in a wallet: it goes with points that go elsewhere, so that an idle term is neither escaped
/// by moving them, nor ends them because nothing happened where they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idle: Option<(Text, Timestamp)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active_at: Option<Timestamp>,
}

impl Quiet {
    pub fn of(state: Option<&WalletState>) -> Quiet {
        let (idle, active_at) = state.map_or((None, None), |state| (state.idle.clone(), state.active_at));
        Quiet { idle, active_at }
    }

    /// Before lots without a date come into this wallet.
    pub fn comes(self, state: &mut WalletState) {
        let since = self.active_at.max(self.idle.as_ref().map(|idle| idle.1));
        let first = state.lots.last().is_none_or(|lot| lot.expires_at.is_some());
        match (&mut state.idle, since) {
            (None, _) => state.idle = self.idle,
            (Some((_, began)), Some(since)) if first => *began = since,
            _ => {}
        }
        state.active_at = state.active_at.max(since);
    }
}

/// Releases, and then ends, everything in the wallets whose time has come.
pub fn run_due(book: &mut Book<'_>, at: Timestamp) {
    let ids: Vec<_> = book.member.wallets.iter().map(|state| state.id.clone()).collect();
    for id in &ids {
        book.release(id, |one| one.until.is_some_and(|until| until <= at));
    }
    for id in &ids {
        // What is with the household ends in a row of the household.
        let shared = book.giver(id).is_some();
        if !shared {
            book.expire(id);
        }
        book.expire_waiting(id);
        if shared {
            continue;
        }
        let plan = book.plan;
        let Some(wallet) = plan.wallets.iter().find(|w| w.id == *id) else { continue };
        let Some(state) = book.wallet(id) else { continue };
        if idle_end(plan, wallet, book.member, state).is_some_and(|end| end <= at) {
            let gone = book.wallet_mut(id).end_undated();
            book.expired(id, gone);
        }
    }
}

/// Says once of each end that is near enough what will end then. True: something was said.
fn warn(book: &mut Book<'_>) -> bool {
    let (plan, at) = (book.plan, book.at);
    let mut said = false;
    for wallet in &plan.wallets {
        // A household is warned in a row of its own.
        if book.giver(&wallet.id).is_some() {
            continue;
        }
        let (Some(span), Some(state)) = (wallet.warn, book.wallet(&wallet.id)) else { continue };
        let idle = idle_end(plan, wallet, book.member, state);
        let news = |end: &Timestamp| {
            warning(plan, span, *end) <= at && state.warned.is_none_or(|warned| *end > warned)
        };
        let near = state
            .lots
            .ending_after(state.warned)
            .map_while(|lot| lot.expires_at.filter(news).map(|end| (end, lot)));
        let idle = idle.filter(news);
        let undated = state
            .lots
            .iter()
            .rev()
            .map_while(|lot| idle.filter(|_| lot.expires_at.is_none()).map(|end| (end, lot)));
        let mut ends: Vec<(Timestamp, i64)> = Vec::new();
        for (end, lot) in near.chain(undated) {
            match ends.iter_mut().find(|one| one.0 == end) {
                Some(_) if planted::is("warning_of_one_lot") => {}
                Some(one) => one.1 += lot.remaining,
                None => ends.push((end, lot.remaining)),
            }
        }
        ends.sort_unstable();
        for (end, minor) in ends {
            book.wallet_mut(&wallet.id).warned = Some(end);
            let mut data = serde_json::Map::new();
            data.insert("wallet".into(), wallet.id.to_string().into());
            data.insert("amount".into(), bind::number(Num::minor(minor, wallet.decimals)));
            data.insert("expires_at".into(), end.to_string().into());
            book.decision.emitted.push(Emitted::own("points.expiring", data));
            book.hear_points(Canon::PointsExpiring, &wallet.id, minor, "");
            said = true;
        }
    }
    said
}

fn warning(plan: &Plan, span: Span, end: Timestamp) -> Timestamp {
    span.before(&end.to_zoned(plan.regions[0].zone.clone())).timestamp()
}

/// Before the event: terms that a new version of the program brought.
pub fn before(book: &mut Book<'_>) {
    note_terms(book, book.plan.since);
}

/// After the event and all that followed: what it means for idle terms, and warnings. True: they are to be heard.
pub fn after(book: &mut Book<'_>, ty: Option<TypeNo>) -> bool {
    note_activity(book, ty);
    note_terms(book, book.at);
    warn(book)
}

/// Notes which idle terms hold, and since when.
fn note_terms(book: &mut Book<'_>, since: Timestamp) {
    let plan = book.plan;
    for wallet in plan.wallets.iter().filter(|wallet| may_idle(wallet)) {
        if book.wallet(&wallet.id).is_none() {
            continue;
        }
        let term = idle_term(plan, wallet, book.who().holder(wallet));
        let idle = &mut book.wallet_mut(&wallet.id).idle;
        match term {
            None => *idle = None,
            Some(term) if idle.as_ref().is_some_and(|(held, _)| **held == *term.source) => {}
            Some(term) => *idle = Some((term.source.as_ref().into(), since)),
        }
    }
}

/// The event was activity in these wallets.
fn note_activity(book: &mut Book<'_>, ty: Option<TypeNo>) {
    let plan = book.plan;
    for wallet in plan.wallets.iter().filter(|wallet| may_idle(wallet)) {
        // What is reserved is not spent yet, and may come back.
        let spends = |one: &Redemption| {
            one.confirmed == Some(book.pos) && one.spent.iter().any(|spent| spent.wallet == wallet.id)
        };
        let earns = |t: &Transfer| match t.kind {
            TransferKind::Earn | TransferKind::Repay => true,
            // By hand.
            TransferKind::Adjust => t.debit == Account::Adjusted,
            _ => false,
        };
        let active = if wallet.activity.is_empty() {
            book.decision.transfers.iter().any(|t| t.wallet == wallet.id && earns(t))
                || book.decision.redemptions.iter().any(spends)
        } else {
            ty.is_some_and(|ty| wallet.activity.contains(&ty))
        };
        if active && book.wallet(&wallet.id).is_some() {
            let at = book.at;
            let state = book.wallet_mut(&wallet.id);
            state.active_at = Some(state.active_at.map_or(at, |before| before.max(at)));
        }
    }
}
