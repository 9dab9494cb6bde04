//! An order as told, made whole: what it leaves out follows from the rest, and what cannot be an order is refused.
//! The one place for both, so that an order in a program's tests earns what the same order earns in life.
//! Not here: how each field is read (`bind`), what is a fault only beside the past (`decide`).

use crate::canonical::{item, order, part};
use crate::codes::{self, reason_at};
use crate::num::{Num, OutOfRange};
use crate::outcome::Reason;
use crate::plan::Canon;
use crate::value::{MONEY_BELOW, Value};

/// Completes and checks a payload that was just read.
pub fn complete(canon: Canon, payload: &mut Value) -> Result<(), Reason> {
    let Value::Record(slots) = payload else { return Ok(()) };
    match canon {
        Canon::OrderPaid | Canon::OrderUpdated | Canon::OrderQuoted => paid(slots),
        Canon::OrderRefunded => parts(&slots[crate::canonical::refund::ITEMS]),
        Canon::OrderCancelled | Canon::OrderFulfilled => parts(&slots[crate::canonical::delivery::ITEMS]),
        _ => Ok(()),
    }
}

/// An item is one piece and worth its price times its quantity; the order's subtotal is what its items are worth, and
/// its total is the subtotal: each only where it is not told.
fn paid(slots: &mut [Value]) -> Result<(), Reason> {
    let mut sum = Ok(Num::ZERO);
    if let Value::List(items) = &mut slots[order::ITEMS] {
        for (at, one) in items.iter_mut().enumerate() {
            let Value::Record(one) = one else { continue };
            let worth = line(at, one)?;
            sum = sum.and_then(|sum: Num| sum.add(worth));
        }
        told_twice(items)?;
    }
    if slots[order::SUBTOTAL] == Value::Absent {
        slots[order::SUBTOTAL] = Value::Num(money(sum, "/data/subtotal")?);
    }
    if slots[order::TOTAL] == Value::Absent {
        slots[order::TOTAL] = slots[order::SUBTOTAL].clone();
    }
    Ok(())
}

fn line(at: usize, slots: &mut [Value]) -> Result<Num, Reason> {
    let num = |value: &Value| if let Value::Num(n) = value { Some(*n) } else { None };
    let quantity = num(&slots[item::QUANTITY]).unwrap_or(Num::ONE);
    // Tills do send lines of nothing.
    if quantity.is_negative() {
        let said =
            format!("a quantity is not below 0, as {quantity} is: what comes back is an order.refunded");
        return Err(reason_at(codes::QUANTITY_INVALID, &format!("/data/items/{at}/quantity"), said));
    }
    slots[item::QUANTITY] = Value::Num(quantity);
    if let Some(told) = num(&slots[item::TOTAL]) {
        return Ok(told);
    }
    let price = num(&slots[item::PRICE]).unwrap_or(Num::ZERO);
    let pointer = format!("/data/items/{at}/price");
    if price.is_negative() {
        let said =
            "a price is not negative: tell a discount in the item's `total`, or in the order's `discount`";
        return Err(reason_at(codes::MONEY_NEGATIVE, &pointer, said));
    }
    let total = money(price.mul(quantity), &pointer)?;
    slots[item::TOTAL] = Value::Num(total);
    Ok(total)
}

fn money(amount: Result<Num, OutOfRange>, pointer: &str) -> Result<Num, Reason> {
    let below = Num::minor(MONEY_BELOW, 0);
    amount
        .ok()
        .filter(|n| *n < below)
        .ok_or_else(|| reason_at(codes::NUMBER_OUT_OF_RANGE, pointer, "an amount of money stays below 10^13"))
}

/// A return names items by their ids, so no two may have the same. Items without an id are no one's namesakes.
fn told_twice(items: &[Value]) -> Result<(), Reason> {
    fn id(value: &Value) -> &str {
        match value {
            Value::Record(slots) => match &slots[item::ID] {
                Value::Text(id) => id,
                _ => "",
            },
            _ => "",
        }
    }
    let mut ids: Vec<_> = items.iter().enumerate().map(|(at, item)| (id(item), at)).collect();
    ids.sort_unstable();
    match ids.windows(2).filter(|two| !two[0].0.is_empty() && two[0].0 == two[1].0).map(|two| two[1].1).min()
    {
        None => Ok(()),
        Some(at) => {
            let said = format!(
                "the item `{}` is there twice: give each line an id of its own, or join them into one",
                id(&items[at])
            );
            Err(reason_at(codes::ITEM_REPEATED, &format!("/data/items/{at}/id"), said))
        }
    }
}

/// Of what comes back, a quantity of 0 may stand beside an amount; less than nothing comes back never.
fn parts(list: &Value) -> Result<(), Reason> {
    let Value::List(list) = list else { return Ok(()) };
    for (at, one) in list.iter().enumerate() {
        let Value::Record(slots) = one else { continue };
        let Value::Num(quantity) = &slots[part::QUANTITY] else { continue };
        let amount = slots[part::AMOUNT] != Value::Absent;
        if quantity.is_negative() || (quantity.is_zero() && !amount) {
            let said = format!(
                "a quantity is more than 0, not {quantity}: leave the item out, or tell an `amount` instead"
            );
            return Err(reason_at(codes::QUANTITY_INVALID, &format!("/data/items/{at}/quantity"), said));
        }
    }
    Ok(())
}
