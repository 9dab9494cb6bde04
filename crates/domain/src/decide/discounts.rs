//! Money off a cart: what one discount takes off each line, and what several take off together.
//! Each is computed from the cart as told, so discounts do not cascade; together they never take more than a line is
//! worth, nor more than the subtotal. Rounded once, by line, to the digits of the currency.

use super::amounts::largest_remainder;
use super::case::{self, Case, slot_num};
use crate::canonical::{item, order};
use crate::condition::Env;
use crate::num::{Num, OutOfRange, Round};
use crate::plan::{Discount, Off};
use crate::value::Value;

/// What is taken off, in the currency's smallest parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cut {
    /// (line of the cart, amount)
    pub lines: Vec<(usize, i64)>,
    /// Of the subtotal, where it is of no lines.
    pub whole: i64,
}

impl Cut {
    pub fn sum(&self) -> i64 {
        self.whole + self.lines.iter().map(|line| line.1).sum::<i64>()
    }
}

/// A cart, as far as discounts ask.
pub struct Cart<'a> {
    pub items: &'a [Value],
    pub subtotal: Num,
    /// Digits of its currency.
    pub exponent: u8,
}

impl<'a> Cart<'a> {
    /// The order that a case is about.
    pub fn of(case: &'a Case<'_>) -> Cart<'a> {
        let subtotal = slot_num(case.payload, order::SUBTOTAL);
        Cart { items: case::items(case.payload), subtotal, exponent: case.region.exponent }
    }
}

/// Lines, and how much of each the discount is of.
type Base = Vec<(usize, Num)>;

/// `picked`: the lines of a rule with `each`. `env`: what expressions may read beside an item.
pub fn cut<'e>(
    discount: &Discount,
    cart: &Cart<'e>,
    picked: Option<&[usize]>,
    env: &dyn Fn(Option<&'e Value>) -> Env<'e>,
) -> Result<Cut, OutOfRange> {
    let lines: Option<Vec<usize>> = match (picked, &discount.items) {
        (Some(picked), _) => Some(picked.to_vec()),
        (None, Some(items)) => {
            let mut lines = Vec::new();
            for (at, one) in cart.items.iter().enumerate() {
                if items.holds(&env(Some(one)))? {
                    lines.push(at);
                }
            }
            Some(lines)
        }
        // The cheapest of nothing in particular are the cheapest of all.
        (None, None) => discount.cheapest.as_ref().map(|_| (0..cart.items.len()).collect()),
    };
    let first = picked.and_then(|picked| picked.first()).map(|at| &cart.items[*at]);
    let most = match &discount.at_most {
        Some(at_most) => money(at_most.num(&env(first))?, cart, Round::Down)?,
        None => i64::MAX,
    };
    let mut cut = match lines {
        None => Cut { lines: Vec::new(), whole: off(discount, cart.subtotal, cart, &env(None))? },
        Some(lines) => {
            let base = match &discount.cheapest {
                Some(cheapest) => cheapest_of(cart, lines, cheapest.num(&env(first))?)?,
                None => lines.iter().map(|at| (*at, total(&cart.items[*at]))).collect(),
            };
            Cut { lines: by_line(discount, cart, &base, picked.is_some(), env)?, whole: 0 }
        }
    };
    if cut.sum() > most {
        let weights: Vec<Num> = cut.lines.iter().map(|line| Num::minor(line.1, 0)).collect();
        for (line, part) in cut.lines.iter_mut().zip(largest_remainder(most, &weights)) {
            line.1 = part;
        }
        cut.whole = cut.whole.min(most);
    }
    cut.lines.retain(|line| line.1 > 0);
    Ok(cut)
}

fn by_line<'e>(
    discount: &Discount,
    cart: &Cart<'e>,
    base: &Base,
    each: bool,
    env: &dyn Fn(Option<&'e Value>) -> Env<'e>,
) -> Result<Vec<(usize, i64)>, OutOfRange> {
    let mut lines = Vec::with_capacity(base.len());
    if each || matches!(discount.off, Off::Percent(_)) {
        for (at, base) in base {
            let item = each.then(|| &cart.items[*at]);
            lines.push((*at, off(discount, *base, cart, &env(item))?));
        }
        return Ok(lines);
    }
    // An amount is of all of them together.
    let all = base.iter().try_fold(Num::ZERO, |sum, (_, base)| sum.add(*base))?;
    let amount = off(discount, all, cart, &env(None))?;
    let weights: Vec<Num> = base.iter().map(|(_, base)| *base).collect();
    let parts = largest_remainder(amount, &weights);
    Ok(base.iter().map(|(at, _)| *at).zip(parts).collect())
}

/// What is taken off `base`: 0 to all of it.
fn off(discount: &Discount, base: Num, cart: &Cart<'_>, env: &Env<'_>) -> Result<i64, OutOfRange> {
    let wanted = match &discount.off {
        Off::Percent(percent) => {
            let percent = percent.num(env)?.max(Num::ZERO).min(Num::int(100)?);
            base.mul(percent)?.div(Num::int(100)?)?
        }
        Off::Amount(amount) => amount.num(env)?.max(Num::ZERO),
    };
    Ok(money(wanted, cart, Round::Nearest)?.min(money(base, cart, Round::Down)?))
}

/// The `count` cheapest units of these lines: how much of each line they are.
fn cheapest_of(cart: &Cart<'_>, lines: Vec<usize>, count: Num) -> Result<Base, OutOfRange> {
    let mut priced = Vec::with_capacity(lines.len());
    for at in lines {
        let one = &cart.items[at];
        let quantity = slot_num(one, item::QUANTITY);
        let price = if quantity > Num::ZERO { total(one).div(quantity)? } else { Num::ZERO };
        priced.push((price, quantity, at));
    }
    priced.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.cmp(&b.2)));
    let mut left = count.max(Num::ZERO);
    let mut base = Base::new();
    for (price, quantity, at) in priced {
        let units = quantity.min(left);
        if units > Num::ZERO {
            base.push((at, price.mul(units)?));
            left = left.sub(units)?;
        }
    }
    base.sort_by_key(|(at, _)| *at);
    Ok(base)
}

fn total(one: &Value) -> Num {
    slot_num(one, item::TOTAL)
}

fn money(n: Num, cart: &Cart<'_>, round: Round) -> Result<i64, OutOfRange> {
    n.to_minor(cart.exponent, round)
}

/// What several discounts take off together: those by line first, in their order, then those of the whole.
pub fn together(cart: &Cart<'_>, mut cuts: Vec<Cut>) -> Vec<Cut> {
    let worth = |one: &Value| total(one).to_minor(cart.exponent, Round::Down).unwrap_or(0);
    let mut lines: Vec<i64> = cart.items.iter().map(worth).collect();
    let mut left = cart.subtotal.to_minor(cart.exponent, Round::Down).unwrap_or(0);
    for (at, amount) in cuts.iter_mut().flat_map(|cut| &mut cut.lines) {
        *amount = (*amount).min(lines[*at]).min(left);
        lines[*at] -= *amount;
        left -= *amount;
    }
    for cut in &mut cuts {
        cut.whole = cut.whole.min(left);
        left -= cut.whole;
        cut.lines.retain(|line| line.1 > 0);
    }
    assert!(left >= 0 && lines.iter().all(|line| *line >= 0), "a line never falls below 0");
    cuts
}
