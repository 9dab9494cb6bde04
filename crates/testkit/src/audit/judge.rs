//! What each rule of a program would pay, worked out by hand from `Terms`: the auditor's second opinion on `decide`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, Zoned};

use super::fraction::{self, Fraction};
use super::payload::Payload;
use crate::catalog::{Gives, Limit, Pay, Per, Region, Rule, Terms, WALLETS, When};

/// Parts that are kept of one limit.
pub const WINDOWS: usize = 64;

/// What of a limit is used, by start of the window; for a rolling one, by instant.
pub type Used = BTreeMap<i64, i128>;

#[derive(Clone, Debug, Default)]
pub struct Member {
    pub names: BTreeSet<String>,
    pub plan: Option<String>,
    /// `member.enrolled` was heard.
    pub enrolled: bool,
    pub region: String,
    /// By wallet: available, debt.
    pub wallets: BTreeMap<&'static str, (i128, i128)>,
    pub limits: BTreeMap<String, Used>,
    /// By counter, then by start of the window or instant.
    pub counters: BTreeMap<&'static str, BTreeMap<i64, Fraction>>,
    pub ladder: super::levels::Ladder,
    pub reviewed: BTreeSet<String>,
    /// (rule, value) that paid once.
    pub once: BTreeSet<(String, String)>,
}

/// A limit that a grant used: whose, in which window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub limit: String,
    pub start: i64,
    pub times: bool,
    pub across: bool,
    /// Its window is the time up to the event.
    pub rolling: bool,
}

#[derive(Clone, Debug)]
pub struct Judged {
    pub rule: String,
    pub wallet: &'static str,
    pub wanted: i128,
    pub granted: i128,
    /// By item, what it contributed before rounding.
    pub weights: Vec<Fraction>,
    pub uses: Vec<Use>,
    /// It refers to another rule.
    pub follows: Option<String>,
}

pub struct Case<'a> {
    pub terms: &'a Terms,
    pub kind: &'a str,
    pub payload: &'a Payload,
    pub member: &'a Member,
    pub budgets: &'a BTreeMap<String, Used>,
    /// What this order holds in `stars` already, where it is judged again.
    pub held: i128,
    pub time: i64,
    pub region: Option<&'a Region>,
}

pub fn wallet(id: &str) -> (&'static str, u32, &'static str, &'static str) {
    *WALLETS.iter().find(|w| w.0 == id).unwrap_or(&WALLETS[0])
}

pub fn local(time: i64, zone: &str) -> Zoned {
    let time = Timestamp::from_second(time).expect("times of a world are in range");
    time.in_tz(zone).expect("a zone of the catalogue")
}

/// The program's own zone: windows are cut there, wherever the order came from.
pub const HOME: &str = "Europe/Berlin";

/// First instant of the window that holds `time`; the instant itself for a rolling one.
pub fn start(terms: &Terms, per: Per, time: i64) -> i64 {
    let day = local(time, HOME).date();
    let first = match per {
        Per::Life => return 0,
        Per::Days(_) => return time,
        Per::Day => day,
        Per::Week => {
            let begins = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
                .iter()
                .position(|d| *d == terms.week_starts)
                .unwrap_or(0) as i64;
            let today = i64::from(day.weekday().to_monday_zero_offset());
            day - ((today - begins).rem_euclid(7)).days()
        }
        Per::Month => day.first_of_month(),
        Per::Quarter => months_from(terms, day, 3),
        Per::Year => months_from(terms, day, 12),
    };
    first.in_tz(HOME).expect("midnight can be found").timestamp().as_second()
}

fn months_from(terms: &Terms, day: Date, length: i64) -> Date {
    let months = i64::from(day.year()) * 12 + i64::from(day.month()) - 1;
    let begins = i64::from(terms.year_starts) - 1;
    let first = months - (months - begins).rem_euclid(length);
    Date::new(first.div_euclid(12) as i16, (first.rem_euclid(12) + 1) as i8, 1).expect("a month")
}

/// The rolling window that ends at `time` holds what is after this instant.
fn rolling_start(days: i64, time: i64) -> i64 {
    (local(time, HOME) - days.days()).timestamp().as_second()
}

/// The most that any window of that length holds with `time` in it.
fn most_in_one(used: &Used, days: i64, time: i64) -> i128 {
    let ends = std::iter::once(time).chain(used.range(time + 1..).map(|(at, _)| *at));
    let with_time = ends.map(|end| (rolling_start(days, end), end)).filter(|(from, _)| *from < time);
    with_time.map(|(from, end)| used.range(from + 1..=end).map(|(_, v)| *v).sum()).max().unwrap_or(0)
}

/// What of a counter lies in the rolling window up to `time`.
fn rolling<T: Copy>(parts: &BTreeMap<i64, T>, days: i64, time: i64) -> Vec<T> {
    parts.range(rolling_start(days, time) + 1..=time).map(|(_, v)| *v).collect()
}

impl Case<'_> {
    /// All that was granted or wanted, in the order of judgement.
    pub fn judge(&self) -> Vec<Judged> {
        let mut done: Vec<Judged> = Vec::new();
        let mut rules: Vec<&Rule> = self.terms.rules.iter().filter(|r| r.on == self.kind).collect();
        rules.sort_by_key(|r| (matches!(r.gives, Gives::Again(_)), chain(self.terms, r), r.id.clone()));
        let mut candidates = Vec::new();
        for rule in rules {
            if !self.applies(rule) {
                continue;
            }
            let (wanted, weights) = self.amount(rule, &done);
            let mut one = Judged {
                rule: rule.id.clone(),
                wallet: wallet(rule.wallet).0,
                wanted,
                granted: wanted,
                weights,
                uses: Vec::new(),
                follows: match &rule.gives {
                    Gives::Again(other) => Some(other.clone()),
                    _ => None,
                },
            };
            self.cut(&mut one, &rule.limits, &BTreeMap::new());
            if rule.campaign { candidates.push(one) } else { done.push(one) }
        }
        done.extend(self.settle(candidates));
        done.sort_by_key(|one| (one.follows.is_some(), one.rule.clone()));
        let mut held: BTreeMap<&str, i128> = BTreeMap::new();
        for one in &mut done {
            if one.wallet == "stars" {
                let has = self.member.wallets.get("stars").map_or(0, |w| w.0) - self.held;
                let now = held.entry("stars").or_insert(has);
                one.granted = one.granted.min((i128::from(self.terms.stars_max) - *now).max(0));
                *now += one.granted;
            }
        }
        done
    }
    fn settle(&self, mut candidates: Vec<Judged>) -> Vec<Judged> {
        let limits = &self.terms.campaign_limits;
        if self.terms.pay == Pay::All {
            let mut taken = BTreeMap::new();
            for one in &mut candidates {
                self.cut(one, limits, &taken);
                for limit in limits {
                    *taken.entry(limit.id.clone()).or_insert(0) += if limit.times { 1 } else { one.granted };
                }
            }
            return candidates;
        }
        for one in &mut candidates {
            self.cut(one, limits, &BTreeMap::new());
        }
        let listed: Vec<&str> = self.terms.listed().collect();
        let place = |one: &Judged| listed.iter().position(|id| *id == one.rule).unwrap_or(usize::MAX);
        let best = match self.terms.pay {
            Pay::Highest => {
                candidates.iter().max_by(|a, b| a.granted.cmp(&b.granted).then(b.rule.cmp(&a.rule)))
            }
            _ => candidates.iter().filter(|c| c.granted > 0).min_by_key(|c| place(c)),
        };
        let best = best.map(|one| one.rule.clone());
        for one in &mut candidates {
            if Some(&one.rule) != best.as_ref() {
                one.granted = 0;
            }
        }
        candidates
    }
    /// Whether schedule, condition and business key let the rule pay.
    fn applies(&self, rule: &Rule) -> bool {
        let count = |id: &str| self.member.counters.get(id);
        let order = |n: i64| fraction::whole(i128::from(n));
        let sum = |parts: Vec<Fraction>| parts.into_iter().fold(fraction::ZERO, Fraction::plus);
        match &rule.when {
            When::Always => true,
            When::TotalAtLeast(n) => !self.payload.total.below(order(*n)),
            When::OrdersAtLeast(n) => {
                let all = count("orders").and_then(|c| c.get(&0)).copied().unwrap_or(fraction::ZERO);
                !all.below(order(*n))
            }
            When::SpentAtLeast(n) => {
                let month = start(self.terms, Per::Month, self.time);
                let spent = count("spend").and_then(|c| c.get(&month)).copied().unwrap_or(fraction::ZERO);
                !spent.below(order(*n))
            }
            When::RecentAtLeast(n) => {
                !count("recent").map_or(fraction::ZERO, |c| sum(rolling(c, 30, self.time))).below(order(*n))
            }
            When::LevelAtLeast(level) => self.member.ladder.at(self.time) >= *level,
            When::Plan => self.member.plan.as_deref() == Some("gold"),
            When::Rated => {
                let value = (rule.id.clone(), self.payload.product.clone());
                !self.payload.rating.below(order(4)) && !self.member.once.contains(&value)
            }
            When::Season { from, through, weekend } => {
                let now = local(self.time, self.region.map_or(HOME, |r| r.zone));
                let (day, weekday) = (now.date(), now.weekday().to_monday_one_offset());
                let on = |(y, m, d): (i16, i8, i8)| Date::new(y, m, d).expect("a date of the catalogue");
                day >= on(*from) && day <= on(*through) && (!weekend || weekday >= 6)
            }
        }
    }
    /// What the rule wants, in smallest parts, and what each item contributed to it.
    fn amount(&self, rule: &Rule, done: &[Judged]) -> (i128, Vec<Fraction>) {
        let items = &self.payload.items;
        let totals: Vec<Fraction> = items.iter().map(|i| i.total).collect();
        let (sum, weights) = match &rule.gives {
            Gives::Rate => {
                let rate = self.region.map_or("1", |r| &r.rate);
                let rate = fraction::parse(rate).expect("a rate of the catalogue");
                (self.payload.subtotal.times(rate), totals)
            }
            Gives::Part(n) => (self.payload.total.over(fraction::whole(i128::from(*n))), totals),
            Gives::Flat(n) => (fraction::whole(i128::from(*n)), totals),
            Gives::Items { category, quarters } => {
                let each = items.iter().map(|i| {
                    let of = if i.category == *category { i128::from(*quarters) } else { 0 };
                    i.total.times(fraction::of(of, 4))
                });
                let each: Vec<Fraction> = each.collect();
                (each.iter().copied().fold(fraction::ZERO, Fraction::plus), each)
            }
            Gives::Again(other) => {
                let other = done.iter().find(|j| j.rule == *other);
                let granted = other.map_or(0, |j| j.granted);
                (fraction::whole(granted), other.map_or(totals, |j| j.weights.clone()))
            }
        };
        let (_, decimals, round, _) = wallet(rule.wallet);
        (sum.minor(decimals, round), weights)
    }
    /// Cuts to what the limits have left. `taken`: what was taken of them in this very event.
    fn cut(&self, one: &mut Judged, limits: &[Limit], taken: &BTreeMap<String, i128>) {
        for limit in limits {
            let at = start(self.terms, limit.per, self.time);
            let used =
                if limit.across { self.budgets.get(&limit.id) } else { self.member.limits.get(&limit.id) };
            let spent = used.map_or(0, |used| match limit.per {
                Per::Days(days) => most_in_one(used, days, self.time),
                _ => used.get(&at).copied().unwrap_or(0),
            });
            let forgotten =
                used.is_some_and(|u| u.len() >= WINDOWS && u.keys().next().is_some_and(|k| at < *k));
            let scale = if limit.times { 1 } else { 10_i128.pow(wallet(one.wallet).1) };
            let left = i128::from(limit.most) * scale - spent - taken.get(&limit.id).copied().unwrap_or(0);
            let left = if forgotten { 0 } else { left.max(0) };
            one.granted = match (limit.times, limit.partial) {
                (true, _) => {
                    if left >= 1 {
                        one.granted
                    } else {
                        0
                    }
                }
                (false, true) => one.granted.min(left),
                (false, false) => {
                    if one.granted <= left {
                        one.granted
                    } else {
                        0
                    }
                }
            };
            one.uses.push(Use {
                limit: limit.id.clone(),
                start: at,
                times: limit.times,
                across: limit.across,
                rolling: matches!(limit.per, Per::Days(_)),
            });
        }
    }
}

/// How many rules stand behind a reference.
fn chain(terms: &Terms, rule: &Rule) -> usize {
    match &rule.gives {
        Gives::Again(other) => 1 + terms.rules.iter().find(|r| r.id == *other).map_or(0, |r| chain(terms, r)),
        _ => 0,
    }
}
