//! Balances, lots and counts of changes, from transfers alone.

use std::collections::{BTreeMap, HashMap};

use domain::outcome::{Account, Decision, Transfer, TransferKind};

use super::{Report, WalletTotal};

/// |amount| of anything.
const AMOUNT_MAX: i64 = 9_000_000_000_000_000;

#[derive(Default)]
pub struct Ledger {
    pub members: HashMap<u64, Told>,
    /// By wallet: what stands against the members.
    program: BTreeMap<domain::value::Text, [i128; 6]>,
}

/// What the journal says of a member.
#[derive(Default)]
pub struct Told {
    pub last_pos: u64,
    pub changes: u64,
    /// The household that he is in.
    pub home: Option<u64>,
    pub wallets: Vec<Wallet>,
    /// The newest of his rows that says all that it ever said.
    pub plain: u64,
    /// Compared with the stored member.
    pub seen: bool,
}

pub struct Wallet {
    pub id: domain::value::Text,
    pub available: i128,
    pub pending: i128,
    pub debt: i128,
    /// (row, number) and what is left. A lot that swallowed others goes below 0 here; their sum is right all the same.
    pub lots: Vec<((u64, u16), i128)>,
    /// One has been below 0. It may be used up by now, and what comes back to it is under its name alone.
    pub joined: bool,
}

impl Ledger {
    pub fn row(&mut self, pos: u64, member: u64, prev: u64, decision: &Decision, report: &mut Report) {
        let told = self.members.entry(member).or_default();
        if prev != told.last_pos {
            report.row(
                "member chain",
                pos,
                format!("member {member}'s row before is {}, not {prev}", told.last_pos),
            );
        }
        told.last_pos = pos;
        let changes = domain::change::count(decision);
        let first = if changes == 0 { 0 } else { told.changes + 1 };
        if decision.seq != first {
            report.row(
                "member_seq",
                pos,
                format!("the first change is numbered {}, not {first}", decision.seq),
            );
        }
        told.changes += changes;
        if let Some(home) = decision.household {
            told.home = if told.home == Some(home) { None } else { Some(home) };
        }
        for transfer in &decision.transfers {
            report.transfers += 1;
            laws(pos, transfer, report);
            match transfer.of {
                // A household's wallet: its own number holds it.
                Some(home) => self.members.entry(home).or_default().apply(pos, transfer, report),
                None => self.members.entry(member).or_default().apply(pos, transfer, report),
            }
            let accounts = self.program.entry(transfer.wallet.clone()).or_default();
            for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
                if let Some(n) = program_account(account) {
                    accounts[n] += sign * i128::from(transfer.amount);
                }
            }
        }
    }

    /// What members hold is what the program gave them.
    pub fn totals(&mut self, report: &mut Report) {
        let mut totals: BTreeMap<&str, WalletTotal> = BTreeMap::new();
        for (wallet, [issued, reversed, adjusted, redeemed, expired, given]) in &self.program {
            let wallet_total = WalletTotal {
                wallet: wallet.to_string(),
                issued: -issued,
                reversed: *reversed,
                adjusted: -adjusted,
                redeemed: *redeemed,
                expired: *expired,
                ..WalletTotal::default()
            };
            if *given != 0 {
                report.file(
                    "conservation",
                    format!("what members gave to each other in {wallet} is off by {given}"),
                );
            }
            totals.insert(wallet, wallet_total);
        }
        for wallet in self.members.values().flat_map(|told| &told.wallets) {
            if let Some(total) = totals.get_mut(&*wallet.id) {
                total.available += wallet.available + wallet.pending;
                total.debt += wallet.debt;
            }
        }
        for total in totals.into_values() {
            let gone = total.reversed + total.redeemed + total.expired;
            if total.available - total.debt != total.issued + total.adjusted - gone {
                report.file("conservation", format!("wallet {} does not add up: {total:?}", total.wallet));
            }
            report.wallets.push(total);
        }
    }
}

fn program_account(account: Account) -> Option<usize> {
    match account {
        Account::Issued => Some(0),
        Account::Reversed => Some(1),
        Account::Adjusted => Some(2),
        Account::Redeemed => Some(3),
        Account::Expired => Some(4),
        Account::Given => Some(5),
        Account::Available | Account::Pending | Account::Debt => None,
    }
}

/// A transfer by itself.
fn laws(pos: u64, transfer: &Transfer, report: &mut Report) {
    if !(1..=AMOUNT_MAX).contains(&transfer.amount) {
        report.row("ledger", pos, format!("a transfer moves {}", transfer.amount));
    }
    if transfer.debit == transfer.credit {
        report.row("ledger", pos, "a transfer has one end only");
    }
    if transfer.wallet.is_empty() {
        report.row("ledger", pos, "a transfer names no wallet");
    }
    if program_account(transfer.debit).is_some() && program_account(transfer.credit).is_some() {
        report.row("ledger", pos, "a transfer leaves the member out");
    }
}

impl Told {
    fn apply(&mut self, pos: u64, transfer: &Transfer, report: &mut Report) {
        let amount = i128::from(transfer.amount);
        let at = self.wallets.iter().position(|wallet| wallet.id == transfer.wallet).unwrap_or_else(|| {
            let id = transfer.wallet.clone();
            self.wallets.push(Wallet {
                id,
                available: 0,
                pending: 0,
                debt: 0,
                lots: Vec::new(),
                joined: false,
            });
            self.wallets.len() - 1
        });
        let wallet = &mut self.wallets[at];
        if transfer.credit == Account::Available {
            // A balance below 0 is filled first; the lot holds the rest.
            let hole = (-wallet.available).max(0);
            wallet.move_lot(pos, transfer, amount - hole.min(amount), report);
        } else if transfer.debit == Account::Available {
            wallet.move_lot(pos, transfer, -amount, report);
        }
        for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
            match account {
                Account::Available => wallet.available += sign * amount,
                Account::Pending => wallet.pending += sign * amount,
                // What the member owes stands on the other side.
                Account::Debt => wallet.debt -= sign * amount,
                _ => {}
            }
        }
        if i128::from(transfer.after) != wallet.available {
            let what = format!("the balance after it is {}, not {}", wallet.available, transfer.after);
            report.row("balance", pos, what);
        }
        if wallet.debt < 0 {
            report.row("balance", pos, "a debt was paid that was not owed");
        }
        if wallet.pending < 0 {
            report.row("balance", pos, "pending points go below 0");
        }
    }
}

impl Wallet {
    fn move_lot(&mut self, pos: u64, transfer: &Transfer, by: i128, report: &mut Report) {
        let Some(lot) = transfer.lot else {
            if by > 0 {
                report.row("lots", pos, "points became available and no lot holds them");
            }
            return;
        };
        let again =
            matches!(transfer.kind, TransferKind::Release | TransferKind::Return | TransferKind::Transfer);
        if lot.0 > pos || (by > 0 && lot.0 != pos && !again) {
            report.row("lots", pos, format!("lot {lot:?} is of another row"));
        }
        match self.lots.iter_mut().find(|(id, _)| *id == lot) {
            Some((_, left)) => *left += by,
            None => self.lots.push((lot, by)),
        }
        self.joined |= self.lots.iter().any(|(id, left)| *id == lot && *left < 0);
        self.lots.retain(|(_, left)| *left != 0);
    }
}
