//! What a member has done, and what counters say of it: orders are summed anew whenever a counter is read, and a run is
//! walked back period by period.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;

use super::{Book, Career, Member, Order};
use crate::career::terms::{Counter, Forgive, Per, Unit};
use crate::club::ends::{HOME, local};
use crate::sim::marks::Marks;

/// Counters are kept in millionths.
pub const ONE: i128 = 1_000_000;
/// The youngest stretches of periods are kept.
const STRETCHES: usize = 16;
/// And so many gaps that were paid for.
const PAID: usize = 64;

/// The periods in which he was there.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub marked: BTreeSet<Date>,
    /// Marked so often more.
    pub again: BTreeMap<Date, u32>,
    /// Gaps that were paid for.
    pub paid: BTreeSet<Date>,
}

impl Unit {
    /// The period that holds this day.
    pub fn start(self, day: Date) -> Date {
        match self {
            Unit::Day => day,
            Unit::Week => day - i64::from(day.weekday().to_monday_zero_offset()).days(),
            Unit::Month => day.first_of_month(),
            Unit::Quarter => day.first_of_month() - i64::from((day.month() - 1) % 3).months(),
        }
    }
    pub fn after(self, start: Date) -> Date {
        match self {
            Unit::Day => start + 1.day(),
            Unit::Week => start + 7.days(),
            Unit::Month => start + 1.month(),
            Unit::Quarter => start + 3.months(),
        }
    }
    pub fn before(self, start: Date) -> Date {
        self.start(start - 1.day())
    }
}

pub fn begin(day: Date) -> i64 {
    day.in_tz(HOME).expect("every day has a first instant").timestamp().as_second()
}

impl Run {
    pub fn mark(&mut self, period: Date, unit: Unit) {
        if !self.marked.insert(period) {
            *self.again.entry(period).or_insert(0) += 1;
        }
        self.forget(unit);
    }
    fn unmark(&mut self, period: Date, unit: Unit) {
        match self.again.get_mut(&period) {
            Some(1) => drop(self.again.remove(&period)),
            Some(more) => *more -= 1,
            None => drop(self.marked.remove(&period)),
        }
        self.forget(unit);
    }
    fn forget(&mut self, unit: Unit) {
        let ends = |day: &&Date| !self.marked.contains(&unit.after(**day));
        let last: Vec<Date> = self.marked.iter().filter(ends).copied().collect();
        if let Some(over) = last.len().checked_sub(STRETCHES + 1) {
            self.marked = self.marked.split_off(&unit.after(last[over]));
        }
    }
    /// How many periods the run has that reaches this one, which may still be empty; and with which it began.
    pub fn present(&self, here: Date, unit: Unit, forgiven: i64) -> (i64, Date) {
        let (mut at, mut left, mut run) = (here, forgiven, (0, here));
        let Some(first) = self.marked.first() else { return run };
        while at >= *first {
            if self.marked.contains(&at) {
                run = (run.0 + 1, at);
            } else if at != here && !self.paid.contains(&at) {
                left -= 1;
            }
            if left < 0 {
                break;
            }
            at = unit.before(at);
        }
        run
    }
}

impl Order {
    pub fn is_back(&self) -> bool {
        self.closed || self.back >= self.cents
    }
    /// So much of an amount is back with the order.
    pub fn share_back(&self, amount: i64) -> i64 {
        if self.is_back() {
            return amount;
        }
        (i128::from(amount) * i128::from(self.back) / i128::from(self.cents)) as i64
    }
    /// What is left of what it counted, to a millionth.
    fn left(&self, amount: i128) -> i128 {
        if self.is_back() {
            return 0;
        }
        let (back, cents) = (i128::from(self.back), i128::from(self.cents));
        amount - (2 * amount * back + cents) / (2 * cents)
    }
}

impl Career {
    fn forgiven(&self) -> i64 {
        if let Forgive::Gaps(gaps) = self.terms.run.forgive { gaps } else { 0 }
    }
    pub(super) fn present_run(&self, member: &Member, at: i64) -> (i64, Date) {
        let unit = self.terms.run.unit;
        member.run.present(unit.start(local(at).date()), unit, self.forgiven())
    }
    /// The counter as it is at an instant, in millionths.
    pub(super) fn value(&self, member: &Member, counter: Counter, at: i64) -> i128 {
        if counter == Counter::Run {
            return i128::from(self.present_run(member, at).0) * ONE;
        }
        let own = self.orders.values().filter(|order| order.member == member.no);
        let inside = own.filter(|order| window(self.terms.per(counter), at).holds(order.at));
        let one = |order: &Order| {
            order.left(if counter == Counter::Spend { i128::from(order.cents) * ONE / 100 } else { ONE })
        };
        inside.map(one).sum()
    }
    pub(super) fn came(&mut self, book: &Book, marks: &mut Marks) {
        let (unit, forgiven) = (self.terms.run.unit, self.forgiven());
        let here = unit.start(local(book.at).date());
        let run = &mut self.member(book.no).run;
        let (before, joins) = (run.clone(), run.marked.contains(&unit.after(here)));
        run.mark(here, unit);
        if joins && run.marked.contains(&unit.before(here)) && !before.marked.contains(&here) {
            marks.hit("late visit joined two runs");
        }
        let (length, _) = run.present(here, unit, forgiven);
        let straight = Run { paid: BTreeSet::new(), ..run.clone() }.present(here, unit, 0).0;
        if length > straight {
            marks.hit(if forgiven > 0 {
                "run went on over a forgiven gap"
            } else {
                "run went on over a paid gap"
            });
        }
        if length == 1 && before.marked.range(..here).next_back().is_some() {
            marks.hit("run broken, and another begun");
        }
        if length >= 3 {
            marks.hit("run of three and more");
        }
    }
    /// The order is back in full: its mark goes, unless something else marked the period too.
    pub(super) fn comes_off(&mut self, id: &str, marks: &mut Marks) {
        let order = self.orders.get_mut(id).expect("it was looked at");
        if self.terms.run.on != "order.paid" || !order.is_back() || order.unmarked {
            return;
        }
        order.unmarked = true;
        let (no, unit) = (order.member, self.terms.run.unit);
        let here = unit.start(local(order.at).date());
        let run = &mut self.members.get_mut(&no).expect("it was looked at").run;
        run.unmark(here, unit);
        let inner = [unit.before(here), unit.after(here)].iter().all(|day| run.marked.contains(day));
        if inner && !run.marked.contains(&here) {
            marks.hit("return broke a run in two");
        }
    }
    /// The gap that is to be paid for next, should it stay one, and when it ends.
    pub(super) fn gap(&self, member: &Member) -> Option<(Date, i64)> {
        if self.terms.run.forgive != Forgive::Token {
            return None;
        }
        let unit = self.terms.run.unit;
        let covered = (*member.run.marked.last()?).max(member.run.paid.last().copied().unwrap_or(Date::MIN));
        let gap = unit.after(covered);
        let end = begin(unit.after(gap));
        member.clock.is_none_or(|clock| end > clock).then_some((gap, end))
    }
    pub(super) fn pay_for_gap(&mut self, book: &mut Book, marks: &mut Marks) {
        let Some((gap, _)) = self.gap(&self.members[&book.no]).filter(|gap| gap.1 <= book.at) else { return };
        let member = self.member(book.no);
        if member.purses[1].available < 1 {
            return marks.hit("gap without a token to pay for it");
        }
        marks.hit("gap paid for");
        member.purses[1].take("redeemed", 1, None);
        member.purses[1].spends = true;
        member.run.paid.insert(gap);
        if member.run.paid.len() > PAID {
            member.run.paid.pop_first();
        }
    }
}

/// Instants that count at another.
pub struct Inside {
    pub from: i64,
    pub to: i64,
}

impl Inside {
    fn holds(&self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

pub fn window(per: Per, at: i64) -> Inside {
    match per {
        Per::Life => Inside { from: i64::MIN, to: i64::MAX },
        Per::Unit(unit) => {
            let start = unit.start(local(at).date());
            Inside { from: begin(start), to: begin(unit.after(start)) - 1 }
        }
        Per::Days(days) => Inside { from: (local(at) - days.days()).timestamp().as_second() + 1, to: at },
    }
}
