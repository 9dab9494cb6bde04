//! Lots as a plain sorted list would have them, and the laws of a wallet.

use super::*;
use proptest::prelude::*;

const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

fn empty() -> WalletState {
    WalletState::new("points")
}

fn day(n: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(n * 86_400).unwrap()
}

#[test]
fn its_own_lot_first_then_the_oldest() {
    let mut wallet = empty();
    for pos in 1..=3 {
        wallet.add((pos, 0), 10, None, None);
    }
    let parts = |taken: Vec<Lot>| taken.iter().map(|lot| (lot.id(), lot.remaining)).collect::<Vec<_>>();
    assert_eq!(parts(wallet.take(15, Some((2, 0)), NOW)), [((2, 0), 10), ((1, 0), 5)]);
    assert_eq!(wallet.available, 15);
    assert_eq!(parts(wallet.take(99, None, NOW)), [((1, 0), 5), ((3, 0), 10)]);
}

#[test]
fn what_expires_first_is_spent_first_and_undated_last() {
    let at = |s: &str| Some(s.parse().unwrap());
    let mut wallet = empty();
    wallet.add((1, 0), 1, None, None);
    wallet.add((2, 0), 1, at("2027-05-01T00:00:00Z"), None);
    wallet.add((3, 0), 1, at("2027-01-01T00:00:00Z"), None);
    let order: Vec<u64> = wallet.take(3, None, NOW).iter().map(|lot| lot.pos).collect();
    assert_eq!(order, [3, 2, 1]);
}

#[test]
fn a_balance_below_zero_is_filled_first() {
    let mut wallet = empty();
    wallet.overdraw(50);
    wallet.add((1, 0), 30, None, None);
    assert_eq!((wallet.available, wallet.lots.len()), (-20, 0));
    wallet.add((2, 0), 30, None, None);
    assert_eq!((wallet.available, wallet.lots.first().unwrap().remaining), (10, 10));
}

#[test]
fn lots_are_bounded() {
    let mut wallet = empty();
    for pos in 1..=100 {
        wallet.add((pos, 0), 1, None, None);
    }
    assert_eq!(wallet.lots.len(), 8);
    let first = wallet.lots.first().unwrap();
    assert_eq!((first.pos, first.remaining, first.joined), (1, 93, 92));
}

/// What an event does at the ends of many lots leaves the pages between alone, and their rows.
#[test]
fn events_at_the_ends_leave_pages_alone() {
    let mut member = Member::new(1, NOW);
    let wallet = wallet_mut(&mut member, "points");
    for n in 1..=990 {
        wallet.add((n, 0), 10, Some(day(n as i64)), None);
    }
    member.number_pages();
    let written: usize = member.new_pages().map(|page| page.1.len()).sum();
    assert!((950..=985).contains(&written), "{written} of 990 are on pages");
    let text = serde_json::to_string(&member).unwrap();
    assert!(text.len() < 2500, "{text}");
    let wallet = wallet_mut(&mut member, "points");
    wallet.add((1001, 0), 10, Some(day(1001)), None);
    wallet.take(5, None, NOW);
    member.number_pages();
    assert_eq!((member.new_pages().count(), member.gone_pages().len()), (0, 0));
}

/// Lots as they would be kept without pages.
#[derive(Clone, Default)]
struct Plain(Vec<Lot>);

impl Plain {
    fn add(&mut self, lot: Lot) {
        let order = |lot: &Lot| (lot.expires_at.is_none(), lot.expires_at, lot.pos, lot.n);
        let at = self.0.partition_point(|l| order(l) <= order(&lot));
        self.0.insert(at, lot);
        let alike = |lots: &[Lot], at: usize| {
            let same = |lot: &Lot| (lot.expires_at, lot.by) == (lots[at].expires_at, lots[at].by);
            Some((at, at + 1 + lots[at + 1..].iter().position(same)?))
        };
        while self.0.len() > list::LOTS_APART_MAX {
            let Some((older, younger)) = (0..self.0.len()).find_map(|at| alike(&self.0, at)) else { return };
            let younger = self.0.remove(younger);
            self.0[older].remaining += younger.remaining;
            self.0[older].joined += younger.joined + 1;
        }
    }

    fn take(&mut self, amount: i64, picks: impl Fn(&Lot) -> bool) -> Vec<Lot> {
        let (mut left, mut taken) = (amount, Vec::new());
        for lot in self.0.iter_mut().filter(|lot| picks(lot)) {
            let part = lot.remaining.min(left);
            if part > 0 {
                (lot.remaining, left) = (lot.remaining - part, left - part);
                taken.push(Lot { remaining: part, ..lot.clone() });
            }
        }
        self.0.retain(|lot| lot.remaining > 0);
        taken
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add { amount: i64, day: Option<i64>, by: Option<u64> },
    AddTo(u64, i64),
    TakeOf(u64, i64),
    Take(i64),
    TakeOfOne(i64, u64),
    End(i64),
    EndUndated,
    Store,
}

fn step() -> impl Strategy<Value = Step> {
    let by = prop::option::of(1..4_u64);
    let day = prop_oneof![9 => (1..4000_i64).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        40 => (1..100_i64, day, by).prop_map(|(amount, day, by)| Step::Add { amount, day, by }),
        2 => (1..500_u64, 1..50_i64).prop_map(|(pos, amount)| Step::AddTo(pos, amount)),
        4 => (1..500_u64, 1..150_i64).prop_map(|(pos, amount)| Step::TakeOf(pos, amount)),
        3 => (1..900_i64).prop_map(Step::Take),
        1 => (1..9000_i64, 1..4_u64).prop_map(|(amount, by)| Step::TakeOfOne(amount, by)),
        1 => (1..900_i64).prop_map(Step::End),
        1 => Just(Step::EndUndated),
        3 => Just(Step::Store),
    ]
}

/// The member's document and his pages as the store would keep them.
#[derive(Default)]
struct Rows(std::collections::BTreeMap<u32, String>);

impl Rows {
    fn store_and_load(&mut self, member: &mut Member) {
        member.number_pages();
        for number in member.gone_pages() {
            assert!(self.0.remove(number).is_some(), "page {number} was stored");
        }
        for (number, lots) in member.new_pages() {
            let before = self.0.insert(number, serde_json::to_string(lots).unwrap());
            assert!(before.is_none(), "page {number} is stored once");
        }
        assert!(self.0.keys().copied().eq(sorted(member.page_numbers())), "what is stored is spoken of");
        let mut read: Member = serde_json::from_str(&serde_json::to_string(&member).unwrap()).unwrap();
        read.put_pages(self.0.clone()).unwrap();
        assert!(
            read == *member
                && serde_json::to_string(&read).unwrap() == serde_json::to_string(&member).unwrap()
        );
        read.read_pages().unwrap();
        assert!(member.whole() == *member);
        *member = read;
    }
}

fn sorted(numbers: impl Iterator<Item = u32>) -> impl Iterator<Item = u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.into_iter()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done, nothing is made or lost.
    #[test]
    fn what_goes_in_comes_out(steps in prop::collection::vec((any::<bool>(), 1..1000_i64, 0..40_u64), 1..80)) {
        let mut wallet = empty();
        let mut sum = 0;
        for (pos, (add, amount, own)) in (1..).zip(steps) {
            if add {
                wallet.add((pos, 0), amount, None, None);
                sum += amount;
            } else {
                let taken = wallet.take(amount, Some((own, 0)), NOW);
                let taken: i64 = taken.iter().map(|lot| lot.remaining).sum();
                prop_assert_eq!(taken, amount.min(sum));
                sum -= taken;
            }
            prop_assert_eq!(wallet.available, sum);
        }
    }

    /// Pages change nothing: the same steps give the same lots and answers as one sorted list does.
    #[test]
    fn lots_on_pages_are_as_a_plain_list(
        before in prop::collection::vec((1..100_i64, 1..4000_i64), 0..500),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (mut plain, mut member, mut rows) = (Plain::default(), Member::new(1, NOW), Rows::default());
        member.wallets.push(empty());
        let before = before.into_iter().map(|(amount, end)| Step::Add { amount, day: Some(end), by: None });
        for (pos, step) in (1..).zip(before.chain(steps)) {
            let lots = &mut member.wallets[0].lots;
            let ended = |at: i64| move |lot: &Lot| lot.expires_at.is_some_and(|end| end <= day(at));
            match step {
                Step::Add { amount, day: end, by } => {
                    // Nearly all ends are whole seconds.
                    let part = jiff::SignedDuration::from_nanos(i64::from(pos % 7 == 0));
                    let expires_at = end.map(|end| day(end) + part);
                    let lot = Lot { pos, n: 0, remaining: amount, joined: 0, expires_at, by };
                    lots.add(lot.clone());
                    plain.add(lot);
                }
                Step::AddTo(pos, amount) => {
                    let own = plain.0.iter_mut().find(|lot| lot.id() == (pos, 0));
                    prop_assert_eq!(lots.add_to((pos, 0), |_| true, amount), own.is_some());
                    own.into_iter().for_each(|own| own.remaining += amount);
                }
                Step::TakeOf(pos, amount) => {
                    let must = plain.take(amount, |lot| lot.id() == (pos, 0));
                    prop_assert_eq!(lots.take_of((pos, 0), amount).into_iter().collect::<Vec<_>>(), must);
                }
                Step::Take(amount) => prop_assert_eq!(lots.take(amount, |_| true), plain.take(amount, |_| true)),
                Step::TakeOfOne(amount, by) => {
                    let his = |lot: &Lot| lot.by == Some(by);
                    prop_assert_eq!(lots.take(amount, his), plain.take(amount, his));
                }
                Step::End(at) => {
                    prop_assert_eq!(lots.take_ended(day(at)), plain.take(i64::MAX, ended(at)));
                }
                Step::EndUndated => {
                    prop_assert_eq!(lots.take_undated(), plain.take(i64::MAX, |lot| lot.expires_at.is_none()));
                }
                Step::Store => rows.store_and_load(&mut member),
            }
            let lots = &member.wallets[0].lots;
            prop_assert!(lots.iter().eq(&plain.0), "{:?} {:?}", lots, plain.0);
            prop_assert_eq!((lots.len(), lots.is_empty()), (plain.0.len(), plain.0.is_empty()));
            prop_assert_eq!((lots.first(), lots.last()), (plain.0.first(), plain.0.last()));
            prop_assert_eq!(lots.sum(), plain.0.iter().map(|lot| i128::from(lot.remaining)).sum::<i128>());
            for after in [None, Some(day(300)), Some(day(2000))] {
                let must = plain.0.iter().filter(|lot| lot.expires_at.is_some_and(|end| after.is_none_or(|a| end > a)));
                prop_assert!(lots.ending_after(after).eq(must));
            }
        }
    }
}
