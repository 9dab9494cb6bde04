//! Cutting what a rule would pay: its own limits, a campaign's, the wallet's `balance_max`. Reads only.

use super::limits::{self, Forgotten};
use super::rules::{Judge, Offer};
use crate::codes;
use crate::lots::AMOUNT_MAX;
use crate::num::Round;
use crate::plan::{Limit, LimitWhat};

impl Judge<'_> {
    /// Cuts an offer by limits. `running`: what was granted under each of them in this event already, where several
    /// rules share them; it is updated. An offer of which nothing is left says nothing either.
    pub fn cut_by_limits(&self, offer: &mut Offer, limits: &[Limit], mut running: Option<&mut Vec<i64>>) {
        let wanted_something = offer.amounts.iter().any(|a| a.granted > 0);
        for (at, limit) in limits.iter().enumerate() {
            let (left, why) = self.left(limit);
            match limit.what {
                LimitWhat::Times if left < 1 => offer.refuse(why),
                LimitWhat::Times => {}
                LimitWhat::Wallet(wallet) => {
                    let before = running.as_ref().map_or(0, |running| running[at]);
                    let mut left = (left - before).max(0);
                    for amount in offer.amounts.iter_mut().filter(|a| a.wallet == wallet) {
                        if amount.granted > left {
                            amount.granted = if limit.partial { left } else { 0 };
                            amount.cut = Some(why.into());
                        }
                        left -= amount.granted;
                    }
                }
            }
        }
        if wanted_something && offer.amounts.iter().all(|a| a.granted == 0) {
            offer.emitted.clear();
            offer.placed.clear();
            offer.gifts.clear();
        }
        // A later limit may have cut what an earlier one let pass, so what runs is counted at the end.
        if let Some(running) = &mut running {
            for (limit, running) in limits.iter().zip(running.iter_mut()) {
                *running += granted_under(limit, offer);
            }
        }
    }

    /// What this limit leaves, in its wallet's smallest parts or in times; and what to say where it cuts.
    fn left<'l>(&self, limit: &'l Limit) -> (i64, &'l str) {
        let most = self.case.amount(limit.most);
        let decimals = match limit.what {
            LimitWhat::Times => 0,
            LimitWhat::Wallet(wallet) => self.case.plan.wallets[usize::from(wallet)].decimals,
        };
        let most = most.to_minor(decimals, Round::Down).unwrap_or(i64::MAX);
        match limits::used(self.uses.parts(limit), limit.per, &self.case.moment) {
            Ok(used) => (most.saturating_sub(used).max(0), &limit.id),
            Err(Forgotten) => (0, codes::WINDOW_FORGOTTEN),
        }
    }

    /// Earning stops at `balance_max`, and at the 9e15 that any account can hold. What pays off debt does not count, nor
    /// does what this order holds already.
    pub fn cut_by_balance(&self, offer: &mut Offer) {
        for at in 0..offer.amounts.len() {
            let amount = &offer.amounts[at];
            let wallet = &self.case.plan.wallets[usize::from(amount.wallet)];
            let most =
                wallet.balance_max.map(|most| self.case.amount(most).to_minor(wallet.decimals, Round::Down));
            let (most, why) = match most {
                Some(Ok(most)) if most <= AMOUNT_MAX => (most, codes::BALANCE_MAX),
                _ => (AMOUNT_MAX, codes::NUMBER_OUT_OF_RANGE),
            };
            let held: i64 = self.held.iter().filter(|h| h.0 == amount.wallet).map(|h| h.1).sum();
            let has = self.case.who().balance(wallet);
            let has = has.available + has.pending - has.debt;
            let before = self.offers.iter().flat_map(|o| &o.amounts).chain(&offer.amounts[..at]);
            let granted: i64 = before.filter(|a| a.wallet == amount.wallet).map(|a| a.granted).sum();
            let room = (most - (has - held + granted)).max(0);
            let amount = &mut offer.amounts[at];
            if amount.granted > room {
                amount.granted = room;
                amount.cut = Some(why.into());
            }
        }
    }
}

/// How much of an offer counts under a limit.
pub fn granted_under(limit: &Limit, offer: &Offer) -> i64 {
    match limit.what {
        LimitWhat::Times => i64::from(offer.pays()),
        LimitWhat::Wallet(wallet) => {
            offer.amounts.iter().filter(|a| a.wallet == wallet).map(|a| a.granted).sum()
        }
    }
}
