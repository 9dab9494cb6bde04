//! A member together with the household whose wallets he shares: which of the two documents holds what.
//! Of a shared wallet, what is available and what is owed lie with the household; what still waits lies with the member
//! who earned it, and comes in when it is released. Not here: joining and leaving (`decide/households`).

use crate::lots;
use crate::member::{LimitState, Member, WalletState};
use crate::plan::Wallet;

#[derive(Clone, Copy)]
pub struct Who<'a> {
    pub member: &'a Member,
    pub home: Option<&'a Member>,
}

/// Smallest parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub available: i64,
    pub pending: i64,
    pub debt: i64,
}

impl<'a> Who<'a> {
    pub fn alone(member: &'a Member) -> Who<'a> {
        Who { member, home: None }
    }

    /// Whose document holds what is available of this wallet.
    pub fn holder(self, wallet: &Wallet) -> &'a Member {
        self.home.filter(|_| wallet.shared).unwrap_or(self.member)
    }

    /// What is available and owed.
    pub fn wallet(self, wallet: &Wallet) -> Option<&'a WalletState> {
        lots::wallet(self.holder(wallet), &wallet.id)
    }

    pub fn balance(self, wallet: &Wallet) -> Balance {
        let held = self.wallet(wallet);
        let pending = match self.home {
            None => held,
            Some(_) => lots::wallet(self.member, &wallet.id),
        };
        Balance {
            available: held.map_or(0, |state| state.available),
            pending: pending.map_or(0, |state| state.pending),
            debt: held.map_or(0, |state| state.debt),
        }
    }

    /// Use of limits that are one for the household.
    pub fn shared_limits(self) -> &'a [LimitState] {
        &self.home.unwrap_or(self.member).limits
    }
}
