//! A wallet's open lots in spending order. Few of them are one list. Of many, the ends, where nearly everything happens,
//! are lists, and what lies between is kept in pages: an event looks at the ends, and clones, stores and adds up pages
//! without their lots.
//!
//! Invariant: in spending order throughout; no page is empty, and where there are pages neither end is, and there are more
//! lots than are kept apart.
//! Not here: what is available (`lots`), how pages are stored (`stored`, `form`).

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;

use super::LotId;
use super::page::Page;
use crate::member::Lot;
use crate::planted;

/// Open lots with the same dates that are kept apart; beyond, the oldest two are joined.
pub const LOTS_APART_MAX: usize = 8;
/// Lots of a list; beyond, those inside go to pages.
const LIST_MAX: usize = 16;
/// What then stays of it, and what comes from a page to an end that was used up.
const LIST_KEPT: usize = 5;
const PAGE_MAX: usize = 64;

#[derive(Clone, Debug, Default)]
pub struct Lots {
    /// The first, or all.
    head: Vec<Lot>,
    rest: Option<Box<Rest>>,
}

#[derive(Clone, Debug, Default)]
struct Rest {
    pages: Arc<Pages>,
    tail: Vec<Lot>,
}

/// What most events leave alone is not even looked at: its totals are here.
#[derive(Clone, Debug, Default)]
struct Pages {
    list: Vec<Arc<Page>>,
    count: usize,
    sum: i128,
    /// Since they were numbered.
    changed: bool,
}

/// Which run (0: the head, then the pages, then the tail), and which of it.
type Place = (usize, usize);

impl FromIterator<Lot> for Lots {
    fn from_iter<T: IntoIterator<Item = Lot>>(lots: T) -> Lots {
        Lots { head: lots.into_iter().collect(), rest: None }
    }
}

/// The same lots, on whatever pages.
impl PartialEq for Lots {
    fn eq(&self, other: &Lots) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Lots {
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    pub fn len(&self) -> usize {
        self.head.len() + self.rest.as_ref().map_or(0, |rest| rest.tail.len() + rest.pages.count)
    }

    pub fn first(&self) -> Option<&Lot> {
        self.head.first()
    }

    pub fn last(&self) -> Option<&Lot> {
        self.rest.as_ref().map_or(&self.head, |rest| &rest.tail).last()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Lot> {
        let tail = self.rest.as_ref().map_or(&[][..], |rest| &rest.tail);
        self.head.iter().chain(self.pages().iter().flat_map(|page| page.lots())).chain(tail)
    }

    /// What remains in all of them; each holds something.
    pub fn sum(&self) -> i128 {
        let sum = |list: &[Lot]| -> i128 {
            let held = list.iter().map(|lot| {
                assert!(lot.remaining > 0, "an open lot holds something");
                i128::from(lot.remaining)
            });
            held.sum()
        };
        sum(&self.head) + self.rest.as_ref().map_or(0, |rest| rest.pages.sum + sum(&rest.tail))
    }

    /// Those with a date that end after this, in order.
    pub fn ending_after(&self, after: Option<Timestamp>) -> impl Iterator<Item = &Lot> {
        let is_over =
            move |end: Option<Timestamp>| end.is_some_and(|end| after.is_some_and(|after| end <= after));
        let passed = move |lot: &Lot| is_over(lot.expires_at);
        let from = match &self.rest {
            Some(rest) if self.head.last().is_some_and(passed) => {
                rest.run_from(passed, |page| is_over(page.end))
            }
            _ => 0,
        };
        let lots = (from..self.runs()).flat_map(move |run| self.run(run));
        lots.skip_while(move |lot| passed(lot)).take_while(|lot| lot.expires_at.is_some())
    }

    /// A new lot comes where it belongs, or is joined with one that is alike where there are many.
    pub fn add(&mut self, lot: Lot) {
        let key = order(&lot);
        let before = |own: &Lot| order(own) <= key;
        // Seldom does it take more than when a page ends to tell.
        let begins = |page: &Page| match (page.end.is_none(), page.end).cmp(&(key.0, key.1)) {
            Ordering::Equal => page.span.1 < key.2 || before(&page.lots()[0]),
            than => than == Ordering::Less,
        };
        let run = self.rest.as_ref().map_or(0, |rest| rest.run_from(before, begins));
        let n = self.run(run).partition_point(before);
        self.change(run, |list| list.insert(n, lot));
        self.join((run, n));
        self.mend();
    }

    /// So much comes to this lot, if it is there and is the one that is meant.
    pub fn add_to(&mut self, id: LotId, is: impl Fn(&Lot) -> bool, amount: i64) -> bool {
        let Some((run, n)) = self.find(id, is) else { return false };
        self.change(run, |list| list[n].remaining = super::add(list[n].remaining, amount));
        true
    }

    /// Up to `amount` of this lot.
    pub fn take_of(&mut self, id: LotId, amount: i64) -> Option<Lot> {
        let (run, n) = self.find(id, |_| true).filter(|_| amount > 0)?;
        let part = self.change(run, |list| {
            let part = part(&mut list[n], amount);
            list.retain(|lot| lot.remaining > 0);
            part
        });
        self.mend();
        Some(part)
    }

    /// Up to `amount` of those that are picked, in order.
    pub fn take(&mut self, amount: i64, picks: impl Fn(&Lot) -> bool) -> Vec<Lot> {
        let (mut left, mut taken) = (amount, Vec::new());
        for run in 0..self.runs() {
            if left == 0 {
                break;
            }
            let Some(from) = self.run(run).iter().position(&picks) else { continue };
            self.change(run, |list| {
                for lot in list[from..].iter_mut().filter(|lot| picks(lot)) {
                    let part = part(lot, left);
                    left -= part.remaining;
                    taken.push(part);
                    if left == 0 {
                        break;
                    }
                }
                list.retain(|lot| lot.remaining > 0);
            });
        }
        self.mend();
        taken
    }

    /// All that end up to then.
    pub fn take_ended(&mut self, at: Timestamp) -> Vec<Lot> {
        let ended = |lot: &Lot| lot.expires_at.is_some_and(|end| end <= at);
        let mut gone = Vec::new();
        while self.first().is_some_and(ended) {
            let count = self.head.partition_point(ended);
            gone.extend(self.head.drain(..count));
            self.mend();
        }
        gone
    }

    /// All that have no date.
    pub fn take_undated(&mut self) -> Vec<Lot> {
        let mut gone = Vec::new();
        while self.last().is_some_and(|lot| lot.expires_at.is_none()) {
            let list = self.rest.as_mut().map_or(&mut self.head, |rest| &mut rest.tail);
            let from = list.partition_point(|lot| lot.expires_at.is_some());
            gone.splice(..0, list.drain(from..));
            self.mend();
        }
        gone
    }

    pub fn is_in_order(&self) -> bool {
        self.iter().map(order).is_sorted()
    }

    pub(super) fn pages(&self) -> &[Arc<Page>] {
        self.rest.as_ref().map_or(&[], |rest| &rest.pages.list)
    }

    /// To number them, or to put in what was loaded.
    pub(super) fn pages_mut(&mut self) -> &mut [Arc<Page>] {
        let Some(rest) = &mut self.rest else { return &mut [] };
        let pages = Arc::make_mut(&mut rest.pages);
        pages.changed = false;
        &mut pages.list
    }

    /// Since they were last numbered.
    pub(super) fn pages_changed(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.pages.changed)
    }

    pub(super) fn ends(&self) -> (&[Lot], &[Lot]) {
        (&self.head, self.rest.as_ref().map_or(&[], |rest| &rest.tail))
    }

    /// Behind all others, where it belongs: as they are stored, one after the other.
    pub fn push(&mut self, lot: Lot) {
        self.rest.as_mut().map_or(&mut self.head, |rest| &mut rest.tail).push(lot);
    }

    /// Behind all others, as they are stored.
    pub(super) fn push_page(&mut self, page: Page) {
        let rest = self.rest.get_or_insert_default();
        let before = std::mem::take(&mut rest.tail);
        let before = Some(before).filter(|lots| !lots.is_empty()).map(|lots| Arc::new(Page::new(lots)));
        rest.change_list(|list| list.extend(before.into_iter().chain([Arc::new(page)])));
    }

    /// What stands between the ends is whole.
    pub(super) fn is_in_form(&self) -> bool {
        let whole = |rest: &Rest| !rest.tail.is_empty() && rest.pages.list.iter().all(|page| page.count > 0);
        self.rest.as_ref().is_none_or(|rest| !self.head.is_empty() && whole(rest))
    }

    fn runs(&self) -> usize {
        self.rest.as_ref().map_or(1, |rest| rest.pages.list.len() + 2)
    }

    fn run(&self, run: usize) -> &[Lot] {
        match &self.rest {
            Some(rest) if run > 0 => rest.pages.list.get(run - 1).map_or(&rest.tail[..], |page| page.lots()),
            _ => &self.head,
        }
    }

    fn change<T>(&mut self, run: usize, change: impl FnOnce(&mut Vec<Lot>) -> T) -> T {
        match &mut self.rest {
            Some(rest) if run > rest.pages.list.len() => change(&mut rest.tail),
            Some(rest) if run > 0 => rest.change(run - 1, change),
            _ => change(&mut self.head),
        }
    }

    /// The first of this name that is meant.
    fn find(&self, id: LotId, is: impl Fn(&Lot) -> bool) -> Option<Place> {
        let pages = self.pages();
        let may_hold = |run: &usize| {
            let page = run.checked_sub(1).and_then(|at| pages.get(at));
            page.is_none_or(|page| (page.span.0..=page.span.1).contains(&id.0))
        };
        (0..self.runs()).filter(may_hold).find_map(|run| {
            let n = self.run(run).iter().position(|lot| lot.id() == id && is(lot))?;
            Some((run, n))
        })
    }

    /// The oldest two lots with the same dates (and, in a household, of the same member) become one, under the older
    /// one's name, until few enough are left. Where there were more before, only the new one can be like another.
    fn join(&mut self, new: Place) {
        if self.rest.is_none() {
            while self.head.len() > LOTS_APART_MAX {
                let Some((older, younger)) = self.oldest_alike() else { return };
                let younger = self.head.remove(younger);
                absorb(&mut self.head[older], &younger);
            }
        } else if let Some(other) = self.alike(new) {
            let (older, younger) = (other.min(new), other.max(new));
            let gone = self.change(younger.0, |list| list.remove(younger.1));
            self.change(older.0, |list| absorb(&mut list[older.1], &gone));
        }
    }

    /// In spending order one date stands together.
    fn oldest_alike(&self) -> Option<(usize, usize)> {
        let alike = |at: usize| {
            let older = &self.head[at];
            let mut same = self.head[at + 1..].iter().take_while(|lot| lot.expires_at == older.expires_at);
            Some((at, at + 1 + same.position(|lot| lot.by == older.by)?))
        };
        (0..self.head.len()).find_map(alike)
    }

    fn alike(&self, new: Place) -> Option<Place> {
        let lot = &self.run(new.0)[new.1];
        let before = |at: &Place| match *at {
            (0, 0) => None,
            (run, 0) => Some((run - 1, self.run(run - 1).len() - 1)),
            (run, n) => Some((run, n - 1)),
        };
        let after = |at: &Place| match *at {
            (run, n) if n + 1 < self.run(run).len() => Some((run, n + 1)),
            (run, _) => (run + 1 < self.runs()).then_some((run + 1, 0)),
        };
        let of = |at: &Place| &self.run(at.0)[at.1];
        let same_date = |at: &Place| of(at).expires_at == lot.expires_at;
        let older = std::iter::successors(before(&new), before).take_while(same_date);
        let younger = std::iter::successors(after(&new), after).take_while(same_date);
        older.chain(younger).find(|at| of(at).by == lot.by)
    }

    /// Lists and pages get back to their sizes.
    fn mend(&mut self) {
        let head = &mut self.head;
        let Some(rest) = &mut self.rest else {
            if head.len() > LIST_MAX {
                let tail = head.split_off(head.len() - LIST_KEPT);
                let between = head.split_off(LIST_KEPT);
                let mut rest = Rest { tail, ..Rest::default() };
                let pages = between.chunks(PAGE_MAX).map(|some| Arc::new(Page::new(some.to_vec())));
                rest.change_list(|list| list.extend(pages));
                self.rest = Some(Box::new(rest));
            }
            return;
        };
        rest.mend();
        if let (true, Some(first)) = (head.is_empty(), rest.pages.list.first()) {
            let count = if first.count as usize > LIST_MAX { LIST_KEPT } else { first.count as usize };
            head.extend(rest.change(0, |list| list.drain(..count).collect::<Vec<_>>()));
        }
        if let (true, Some(last)) = (rest.tail.is_empty(), rest.pages.list.last()) {
            let count = last.count as usize;
            let from = if count > LIST_MAX { count - LIST_KEPT } else { 0 };
            rest.tail = rest.change(rest.pages.list.len() - 1, |list| list.split_off(from));
        }
        if head.len() > LIST_MAX {
            rest.bring(head.split_off(LIST_KEPT), true);
        }
        if rest.tail.len() > LIST_MAX {
            let kept = rest.tail.split_off(rest.tail.len() - LIST_KEPT);
            let some = std::mem::replace(&mut rest.tail, kept);
            rest.bring(some, false);
        }
        rest.mend();
        let between = rest.pages.count;
        if between == 0 || head.len() + between + rest.tail.len() <= 2 * LIST_KEPT {
            rest.pages.list.iter().for_each(|page| head.extend_from_slice(page.lots()));
            head.append(&mut rest.tail);
            self.rest = None;
            self.mend();
        }
    }
}

impl Rest {
    /// Of what begins in this way, the last run: lots that are `before`, and pages whose first is, stand in front of all
    /// others.
    fn run_from(&self, before: impl Fn(&Lot) -> bool, begins: impl Fn(&Page) -> bool) -> usize {
        if self.tail.first().is_some_and(before) {
            return self.pages.list.len() + 1;
        }
        self.pages.list.partition_point(|page| begins(page))
    }

    fn change<T>(&mut self, at: usize, change: impl FnOnce(&mut Vec<Lot>) -> T) -> T {
        self.change_list(|list| Arc::make_mut(&mut list[at]).change(change))
    }

    fn change_list<T>(&mut self, change: impl FnOnce(&mut Vec<Arc<Page>>) -> T) -> T {
        let pages = Arc::make_mut(&mut self.pages);
        let done = change(&mut pages.list);
        pages.changed = true;
        pages.count = pages.list.iter().map(|page| page.count as usize).sum();
        pages.sum = pages.list.iter().map(|page| i128::from(page.sum)).sum();
        done
    }

    /// Pages that were emptied go, what is too long is halved, small neighbours become one.
    fn mend(&mut self) {
        let small =
            |two: &[Arc<Page>]| two.iter().map(|page| page.count as usize).sum::<usize>() <= PAGE_MAX / 2;
        let ends = |page: &Arc<Page>| page.count == 0 || page.count as usize > PAGE_MAX;
        let list = &self.pages.list;
        if !self.pages.changed || !(list.iter().any(ends) || list.windows(2).any(small)) {
            return;
        }
        self.change_list(|list| {
            list.retain(|page| page.count > 0);
            while let Some(at) = list.iter().position(|page| page.count as usize > PAGE_MAX) {
                let half = Arc::make_mut(&mut list[at]).change(|lots| lots.split_off(lots.len() / 2));
                list.insert(at + 1, Arc::new(Page::new(half)));
            }
            while let Some(at) = list.windows(2).position(small) {
                let next = list.remove(at + 1);
                Arc::make_mut(&mut list[at]).change(|lots| lots.extend_from_slice(next.lots()));
            }
        });
    }

    /// To the front or the back of what is in pages.
    fn bring(&mut self, some: Vec<Lot>, front: bool) {
        let at = if front { 0 } else { self.pages.list.len().saturating_sub(1) };
        match self.pages.list.get(at) {
            Some(page) if page.count as usize + some.len() <= PAGE_MAX => self.change(at, |lots| {
                let at = if front { 0 } else { lots.len() };
                lots.splice(at..at, some);
            }),
            _ => self.change_list(|list| {
                let at = if front { 0 } else { list.len() };
                list.insert(at, Arc::new(Page::new(some)));
            }),
        }
    }
}

/// Takes up to `amount` out of it.
fn part(lot: &mut Lot, amount: i64) -> Lot {
    let part = Lot { remaining: lot.remaining.min(amount), ..lot.clone() };
    lot.remaining -= part.remaining;
    part
}

fn absorb(older: &mut Lot, younger: &Lot) {
    let lost = i64::from(planted::is("lots_joined_wrongly"));
    older.remaining = super::add(older.remaining, younger.remaining - lost);
    older.joined = older.joined.saturating_add(younger.joined).saturating_add(1);
}

/// Spending order.
fn order(lot: &Lot) -> (bool, Option<Timestamp>, u64, u16) {
    (lot.expires_at.is_none(), lot.expires_at, lot.pos, lot.n)
}
