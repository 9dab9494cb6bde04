//! Writing: what was judged becomes transfers, lots, grants, used limits. The only place that moves points.
//! Laws, asserted here and in `lots`: a transfer moves more than nothing, shares sum to what was granted, no more is taken
//! back than was granted.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::counters::{self, Stage};
use super::cuts::granted_under;
use super::follow::Heard;
use super::grants::Since;
use super::households;
use super::limits::{self, Moment};
use super::rewards::Gift;
use super::rules::{Offer, OfferAmount};
use super::tiers;
use crate::codes;
use crate::event::MemberNo;
use crate::household::Who;
use crate::lots::{self, AMOUNT_MAX, LotId};
use crate::member::{LimitState, Member, WalletState};
use crate::order::{Grant, Order, Use};
use crate::outcome::{Account, Decision, Effect, Transfer, TransferKind};
use crate::plan::{Across, Canon, Limit, LimitWhat, Plan, Region, Rule, WhenShort};
use crate::planted;
use crate::snapshot::Budgets;
use crate::value::Text;

pub struct Book<'a> {
    pub plan: &'a Plan,
    pub member: &'a mut Member,
    pub budgets: &'a mut Budgets,
    pub decision: &'a mut Decision,
    /// The event's own time: what ended by then is gone, and lots are dated from it.
    pub at: Timestamp,
    /// Where the event was: whose params count.
    pub region: &'a Region,
    /// Row that is being written.
    pub pos: u64,
    /// Number of the next lot in it.
    pub n: u16,
    /// Budgets that this batch changed, as they were before it.
    pub changed_budgets: &'a mut Vec<(Box<str>, Vec<(i64, i64)>)>,
    /// Budgets as they were before this event, should it be thrown away.
    pub undo: Vec<(Box<str>, Option<Vec<(i64, i64)>>)>,
    /// The household to which the member belongs.
    pub home: Option<&'a mut Member>,
    /// What happened here and is still to be heard.
    pub heard: VecDeque<Heard>,
    /// Type of the event, for `points.on`.
    pub on: Text,
    /// How deep the present one follows; 0: the event itself.
    pub depth: u8,
    /// What this does to other members: rows of theirs, right after this one.
    pub made: Vec<Made>,
    /// What rules give or redeem, and is still to be done.
    pub gifts: VecDeque<Gift>,
}

/// A row to be made for another member: type and payload of an event of Fealty's own.
pub struct Made {
    pub member: MemberNo,
    pub kind: &'static str,
    pub data: serde_json::Value,
}

impl Book<'_> {
    pub fn who(&self) -> Who<'_> {
        Who { member: self.member, home: self.home.as_deref() }
    }

    /// The household that holds this wallet, if one does.
    fn holder(&self, wallet: &str) -> Option<&Member> {
        self.home.as_deref().filter(|_| self.plan.shares(wallet))
    }

    /// What is available and owed: with the household, where it shares this wallet.
    pub fn wallet_mut(&mut self, id: &str) -> &mut WalletState {
        match &mut self.home {
            Some(home) if self.plan.shares(id) => lots::wallet_mut(home, id),
            _ => lots::wallet_mut(self.member, id),
        }
    }

    pub fn wallet(&self, id: &str) -> Option<&WalletState> {
        lots::wallet(self.holder(id).unwrap_or(self.member), id)
    }

    /// The member's own: what waits is there, whoever shares the wallet.
    pub fn own_mut(&mut self, id: &str) -> &mut WalletState {
        lots::wallet_mut(self.member, id)
    }

    /// Who puts lots into this wallet, where that must be known: in a household.
    pub fn giver(&self, wallet: &str) -> Option<MemberNo> {
        self.giver_of(wallet, None)
    }

    /// Whose lots come back to it: his who put them in.
    pub fn giver_of(&self, wallet: &str, by: Option<MemberNo>) -> Option<MemberNo> {
        self.holder(wallet).map(|_| by.unwrap_or(self.member.no))
    }

    /// Who put something in does not hold it with this member any more.
    pub fn is_elsewhere(&self, wallet: &str, by: MemberNo) -> bool {
        let home = self.holder(wallet).map_or(&[][..], households::residents);
        by != self.member.no && !home.iter().any(|one| one.no == by)
    }

    pub fn transfer(
        &mut self,
        kind: TransferKind,
        (debit, credit): (Account, Account),
        wallet: &str,
        amount: i64,
        rule: Option<&str>,
        lot: Option<LotId>,
    ) {
        assert!(amount > 0 && amount <= AMOUNT_MAX, "a transfer moves more than nothing and at most 9e15");
        assert!(debit != credit, "a transfer has two ends");
        let waits = debit == Account::Pending || credit == Account::Pending;
        let home = self.holder(wallet).filter(|_| !waits);
        let after = lots::wallet(home.unwrap_or(self.member), wallet).map_or(0, |w| w.available);
        let of = home.map(|home| home.no);
        let (wallet, rule) = (wallet.into(), rule.map(Into::into));
        self.decision.transfers.push(Transfer { kind, wallet, debit, credit, amount, rule, lot, after, of });
    }

    /// Takes up to `amount` of what is available, from `own` first. Returns how much was there.
    pub fn take(
        &mut self,
        to: Account,
        rule: Option<&str>,
        wallet: &str,
        amount: i64,
        own: Option<LotId>,
    ) -> i64 {
        let kind = match to {
            Account::Reversed => TransferKind::Reverse,
            Account::Redeemed => TransferKind::Spend,
            _ => TransferKind::Adjust,
        };
        let at = self.at;
        let parts = self.wallet_mut(wallet).take(amount, own, at);
        let taken = parts.iter().map(|part| part.remaining).sum();
        let end = self.wallet(wallet).map_or(0, |w| w.available);
        let mut left = taken;
        for part in parts {
            left -= part.remaining;
            self.transfer(kind, (Account::Available, to), wallet, part.remaining, rule, Some(part.id()));
            // All lots were taken at once above; each transfer shows the balance after it.
            if let Some(transfer) = self.decision.transfers.last_mut() {
                transfer.after = end + left;
            }
        }
        taken
    }

    /// A grant is taken back by `wanted`: from what waits of it, its own lot, other lots; what is not there follows the
    /// wallet's `when_short`. Counters count it back as of `moment`.
    pub fn take_back(&mut self, grant: &Grant, own: LotId, wanted: i64, moment: &Moment) {
        let (rule, wallet) = (&*grant.rule, &*grant.wallet);
        let waited = self.own_mut(wallet).take_waiting(own, wanted);
        if waited > 0 {
            let accounts = (Account::Pending, Account::Reversed);
            self.transfer(TransferKind::Reverse, accounts, wallet, waited, Some(rule), Some(own));
        }
        for how in [(-waited, Stage::Held), (waited - wanted, Stage::Granted)] {
            counters::earned(self.member, self.plan, rule, wallet, how, moment);
        }
        let taken = waited + self.take(Account::Reversed, Some(rule), wallet, wanted - waited, Some(own));
        let short = wanted - taken;
        let policy =
            self.plan.wallets.iter().find(|w| *w.id == *wallet).map_or(WhenShort::Debt, |w| w.when_short);
        let mut moved = 0;
        if short > 0 {
            let state = self.wallet_mut(wallet);
            match policy {
                WhenShort::Debt if planted::is("debt_forgiven") => {}
                WhenShort::Debt => {
                    moved = short.min(AMOUNT_MAX - state.debt);
                    if moved > 0 {
                        state.owe(moved);
                        let accounts = (Account::Debt, Account::Reversed);
                        self.transfer(TransferKind::Reverse, accounts, wallet, moved, Some(rule), None);
                    }
                }
                WhenShort::Negative => {
                    moved = short.min(AMOUNT_MAX + state.available);
                    if moved > 0 {
                        state.overdraw(moved);
                        let accounts = (Account::Available, Account::Reversed);
                        self.transfer(TransferKind::Reverse, accounts, wallet, moved, Some(rule), None);
                    }
                }
                WhenShort::Forgive => {}
            }
        }
        let cut = match (moved == short, policy) {
            (true, _) => None,
            (false, WhenShort::Forgive) => Some(codes::FORGIVEN.into()),
            (false, _) => Some(codes::NUMBER_OUT_OF_RANGE.into()),
        };
        let (rule, wallet) = (rule.into(), wallet.into());
        let granted = taken + moved;
        self.decision.effects.push(Effect { rule, kind: "reverse".into(), wallet, wanted, granted, cut });
    }

    /// Everything that was offered is paid; with an order, what it gave is remembered there.
    pub fn pay(
        &mut self,
        judged_by: &Plan,
        offers: Vec<Offer>,
        moment: &Moment,
        mut order: Option<&mut Order>,
    ) {
        let mut counted_times: Vec<Text> = Vec::new();
        // What is kept of a batch is many times this, so there is no room to spare in it.
        let most = offers.iter().map(|offer| offer.amounts.len()).sum();
        self.decision.effects.reserve_exact(most);
        self.decision.transfers.reserve_exact(most);
        if let Some(order) = &mut order {
            order.grants.reserve_exact(most);
        }
        for offer in offers {
            let rule = &judged_by.rules[usize::from(offer.rule)];
            let limits = limits_of(judged_by, rule);
            let mut granted_any = false;
            for amount in &offer.amounts {
                let wallet = &judged_by.wallets[usize::from(amount.wallet)].id;
                self.note(rule, wallet, amount);
                if amount.granted > 0 {
                    granted_any = true;
                    let order_now = order.as_deref();
                    let since = Since { plan: judged_by, region: self.region, at: self.at, order: order_now };
                    let earn = rule.earn.iter().find(|earn| earn.wallet == amount.wallet);
                    let dates = self.dates(since, wallet, earn);
                    let how = (amount.granted, dates.stage());
                    let n = self.grant(&rule.id, wallet, amount.granted, dates, None);
                    self.counted(&rule.id, wallet, how, moment);
                    self.hear_points(Canon::PointsEarned, wallet, amount.granted, &rule.id);
                    if let Some(order) = &mut order {
                        let row = if self.pos == order.pos { 0 } else { self.pos };
                        order.grants.push(grant(rule, wallet, (row, n), amount, &limits, moment));
                    }
                }
            }
            for limit in &limits {
                let mut amount = granted_under(limit, &offer);
                if limit.what == LimitWhat::Times && amount > 0 {
                    if counted_times.contains(&limit.id) {
                        amount = 0;
                    } else {
                        counted_times.push(limit.id.clone());
                    }
                }
                self.use_limit(limit, moment, amount);
            }
            if let Some(order) = &mut order
                && offer.pays()
                && !granted_any
            {
                order.applied.push(rule.id.clone());
            }
            if offer.pays()
                && let Some(value) = offer.once
            {
                self.decision.once.push((rule.id.clone(), value));
            }
            self.decision.emitted.extend(offer.emitted);
            tiers::place_all(self, &rule.id, &offer.placed, moment.at.timestamp());
            self.gifts.extend(offer.gifts);
        }
    }

    fn note(&mut self, rule: &Rule, wallet: &str, amount: &OfferAmount) {
        if amount.wanted > 0 {
            self.decision.effects.push(Effect {
                rule: rule.id.clone(),
                kind: "earn".into(),
                wallet: wallet.into(),
                wanted: amount.wanted,
                granted: amount.granted,
                cut: amount.cut.clone(),
            });
        }
    }

    pub fn use_limit(&mut self, limit: &Limit, moment: &Moment, amount: i64) {
        if amount > 0 {
            let parts = if limit.across == Across::Members {
                self.keep_budget(&limit.id);
                let before = self.changed_budgets.iter().find(|kept| *kept.0 == *limit.id);
                if let (Some((id, parts)), true) = (before, planted::is("budget_of_batch_start")) {
                    self.budgets.insert(id.clone(), parts.clone());
                }
                self.budgets.entry(limit.id.as_str().into()).or_default()
            } else {
                limit_mut(&mut self.member.limits, &limit.id)
            };
            let window = moment.window(limit.per);
            limits::add(parts, limit.per, window, amount);
            // What a household uses is what its residents use.
            if let (Across::Household, Some(home)) = (limit.across, &mut self.home) {
                limits::add(limit_mut(&mut home.limits, &limit.id), limit.per, window, amount);
            }
        }
    }

    /// What is used up of a stock or a pool, to be changed.
    pub fn budget_mut(&mut self, id: &str) -> &mut Vec<(i64, i64)> {
        self.keep_budget(id);
        self.budgets.entry(id.into()).or_default()
    }

    fn keep_budget(&mut self, id: &str) {
        if !self.undo.iter().any(|(kept, _)| **kept == *id) {
            self.undo.push((id.into(), self.budgets.get(id).cloned()));
        }
        if !self.changed_budgets.iter().any(|(kept, _)| **kept == *id) {
            self.changed_budgets.push((id.into(), self.budgets.get(id).cloned().unwrap_or_default()));
        }
    }

    pub fn free_limit(&mut self, used: &Use, amount: i64) {
        if amount == 0 || planted::is("limit_not_freed") {
            return;
        }
        if used.across {
            self.keep_budget(&used.limit);
        }
        let home = self.home.as_mut().map_or(&mut [][..], |home| &mut home.limits);
        free([&mut self.member.limits, home], self.budgets, used, amount);
    }
}

/// Frees what a grant used, in its own window; `members`: the member's limits and the household's.
pub fn free(members: [&mut [LimitState]; 2], budgets: &mut Budgets, used: &Use, amount: i64) {
    if used.across {
        if let Some(parts) = budgets.get_mut(&*used.limit) {
            limits::free(parts, used.window, amount);
        }
        return;
    }
    for limit in members.into_iter().flatten().filter(|limit| limit.id == used.limit) {
        limits::free(&mut limit.parts, used.window, amount);
    }
}

pub fn limit_mut<'a>(limits: &'a mut Vec<LimitState>, id: &str) -> &'a mut Vec<(i64, i64)> {
    let at = limits.iter().position(|l| &*l.id == id).unwrap_or_else(|| {
        limits.push(LimitState { id: id.into(), parts: Vec::new() });
        limits.len() - 1
    });
    &mut limits[at].parts
}

/// The rule's own limits and those of the campaigns in which it stands.
pub fn limits_of<'p>(plan: &'p Plan, rule: &'p Rule) -> Vec<&'p Limit> {
    let mut limits: Vec<&Limit> = rule.limits.iter().collect();
    let mut campaign = rule.campaign;
    while let Some(no) = campaign {
        let within = &plan.campaigns[usize::from(no)];
        limits.extend(&within.limits);
        campaign = within.parent;
    }
    limits
}

/// What the order remembers of one grant.
pub fn grant(
    rule: &Rule,
    wallet: &str,
    (pos, n): LotId,
    amount: &OfferAmount,
    limits: &[&Limit],
    moment: &Moment,
) -> Grant {
    let sum: i64 = amount.shares.iter().sum();
    assert!(amount.shares.is_empty() || sum == amount.granted, "shares sum to what was granted");
    let of_this = |limit: &&&Limit| match limit.what {
        LimitWhat::Times => true,
        LimitWhat::Wallet(wallet) => wallet == amount.wallet,
    };
    let used = |limit: &&Limit| Use {
        limit: limit.id.clone(),
        window: moment.window(limit.per),
        times: limit.what == LimitWhat::Times,
        across: limit.across == Across::Members,
    };
    Grant {
        rule: rule.id.clone(),
        wallet: wallet.into(),
        pos,
        n,
        granted: amount.granted,
        reversed: 0,
        shares: amount.shares.clone(),
        limits: limits.iter().filter(of_this).map(used).collect(),
    }
}
