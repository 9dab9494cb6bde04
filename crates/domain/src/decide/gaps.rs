//! Gaps in a streak that a wallet pays for: when the period ends and nothing marked it, one point of it keeps the run.
//! Where there is none, the run is over.

use jiff::Timestamp;

use super::case::moment;
use super::{Book, Scene, counters, streak};
use crate::member::Member;
use crate::num::{Num, Round};
use crate::outcome::Account;
use crate::plan::{Counter, CounterKind, Forgive, Plan, Wallet};
use crate::snapshot::Want;

struct Gap<'p> {
    counter: &'p Counter,
    wallet: &'p Wallet,
    /// Start of its period.
    key: i64,
    end: Timestamp,
}

/// The next gap of each streak; those whose time has come and gone are no more.
fn gaps<'p>(plan: &'p Plan, member: &Member) -> Vec<Gap<'p>> {
    let of = |counter: &'p Counter| {
        let CounterKind::Streak { unit, forgive: Forgive::Wallet(wallet), .. } = counter.kind else {
            return None;
        };
        let state = counters::state(member, &counter.id)?;
        let (key, end) = streak::next_gap(state, unit, &moment(plan, member, member.enrolled_at))?;
        let wallet = &plan.wallets[usize::from(wallet)];
        member.clock.is_none_or(|clock| end > clock).then_some(Gap { counter, wallet, key, end })
    };
    plan.counters.iter().filter_map(of).collect()
}

/// When the next gap ends; asked after every event, so it only looks.
pub fn next_due(plan: &Plan, member: &Member) -> Option<Timestamp> {
    gaps(plan, member).iter().map(|gap| gap.end).min()
}

/// Pays for the gaps that end at `at` or ended before. Err: this must be loaded first.
pub fn run_due(book: &mut Book<'_>, _scene: &Scene<'_>, at: Timestamp) -> Result<(), Vec<Want>> {
    for gap in gaps(book.plan, book.member).into_iter().filter(|gap| gap.end <= at) {
        let wallet = &gap.wallet.id;
        let one = Num::ONE.to_minor(gap.wallet.decimals, Round::Down).unwrap_or(1);
        if book.wallet(wallet).is_some_and(|state| state.available >= one) {
            let rule = format!("counters.{}", gap.counter.id);
            book.take(Account::Redeemed, Some(&rule), wallet, one, None);
            counters::pay_gap(book.member, gap.counter, gap.key);
        }
    }
    Ok(())
}
