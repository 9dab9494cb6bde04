//! What a member buys: how lately, how often, for how much, and of which categories. Of the orders in his newest rows, as
//! they now stand: what came back is not counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use domain::glance;
use domain::num::Num;
use domain::outcome::Status;
use domain::plan::Region;
use serde::Serialize;
use store::Act;

/// Recency, frequency, money.
#[derive(Serialize)]
pub struct RfmShape {
    /// Days of the calendar since the last order; null: there is none.
    recency_days: Option<i32>,
    last_order_at: Option<jiff::Timestamp>,
    /// Orders, and by currency what they came to.
    frequency: usize,
    money: BTreeMap<String, String>,
    /// From when on all of his orders are counted; null: they all are.
    since: Option<jiff::Timestamp>,
}

#[derive(Serialize)]
pub struct FavouriteShape<'a> {
    category: &'a str,
    orders: usize,
    /// In the currency of the member's region.
    spent: String,
}

/// An order as it now stands, and what it was told to hold.
struct Bought<'a> {
    order: &'a glance::Bought,
    items: &'a [glance::Item],
}

pub struct Orders<'a> {
    bought: Vec<Bought<'a>>,
    since: Option<jiff::Timestamp>,
    region: &'a Region,
}

impl<'a> Orders<'a> {
    /// `acts`: newest first; `all`: there are no older ones.
    pub fn new(acts: &'a [Act], all: bool, region: &'a Region) -> Orders<'a> {
        let mut bought: Vec<Bought<'a>> = Vec::new();
        let told = acts.iter().filter_map(|act| Some((act, act.glance.order.as_ref()?)));
        for (act, order) in told {
            let at = bought.iter().position(|known| known.order.id == order.id).unwrap_or_else(|| {
                bought.push(Bought { order, items: &[] });
                bought.len() - 1
            });
            if act.glance.status == Status::Applied && bought[at].items.is_empty() {
                bought[at].items = &act.told.items;
            }
        }
        bought.retain(|one| !one.order.closed && (!one.order.left().is_zero() || one.order.total.is_zero()));
        let since = acts.last().filter(|_| !all).map(|act| act.time);
        Orders { bought, since, region }
    }

    pub fn rfm(&self, now: jiff::Timestamp) -> RfmShape {
        let last = self.bought.iter().map(|one| one.order.at).max();
        let day = |at: jiff::Timestamp| at.to_zoned(self.region.zone.clone()).date();
        let days = |at| (day(now) - day(at)).get_days().max(0);
        let mut money: BTreeMap<String, Num> = BTreeMap::new();
        for one in &self.bought {
            let sum = money.entry(self.currency(one.order).to_owned()).or_insert(Num::ZERO);
            *sum = sum.add(one.order.left()).unwrap_or(*sum);
        }
        RfmShape {
            recency_days: last.map(days),
            last_order_at: last,
            frequency: self.bought.len(),
            money: money.into_iter().map(|(currency, sum)| (currency, sum.to_string())).collect(),
            since: self.since,
        }
    }

    /// Those in most orders first, then those on which most was spent.
    pub fn favourites(&self, most: usize) -> Vec<FavouriteShape<'_>> {
        let mut all: BTreeMap<&str, (usize, Num)> = BTreeMap::new();
        for one in &self.bought {
            let counts = self.currency(one.order) == &*self.region.currency;
            let mut of_order = BTreeSet::new();
            for (item, kept) in one.items.iter().zip(&one.order.items) {
                let category = item.category.as_deref().filter(|category| !category.is_empty());
                let (Some(category), true) = (category, kept.back < Num::ONE) else { continue };
                let (orders, spent) = all.entry(category).or_insert((0, Num::ZERO));
                *orders += usize::from(of_order.insert(category));
                let rest = Num::ONE.sub(kept.back).and_then(|rest| rest.mul(kept.total));
                if let (true, Ok(sum)) = (counts, rest.and_then(|rest| spent.add(rest))) {
                    *spent = sum;
                }
            }
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(category, (orders, spent))| (Reverse(*orders), Reverse(*spent), *category));
        let shown = all.into_iter().take(most).map(|(category, (orders, spent))| FavouriteShape {
            category,
            orders,
            spent: spent.to_string(),
        });
        shown.collect()
    }

    /// An order that does not say is in the currency of where he is.
    fn currency(&self, order: &'a glance::Bought) -> &'a str {
        if order.currency.is_empty() { &self.region.currency } else { &order.currency }
    }
}
