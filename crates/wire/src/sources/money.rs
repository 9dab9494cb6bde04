//! Amounts: digits of currencies, minor units, and sums that cannot go wrong silently.

use domain::num::{Num, OutOfRange, Round};

use super::field::Dec;
use super::unreadable;
use crate::problem::Fault;

/// Digits behind the point (ISO 4217).
pub(super) fn digits(currency: &str) -> u8 {
    match currency.to_ascii_uppercase().as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Digits of Stripe's minor units: ISK and UGX are counted in hundredths although they have none, MGA in whole.
/// <https://docs.stripe.com/currencies#zero-decimal>
pub(super) fn stripe_digits(currency: &str) -> u8 {
    match currency.to_ascii_uppercase().as_str() {
        "ISK" | "UGX" => 2,
        "MGA" => 0,
        _ => digits(currency),
    }
}

pub(super) fn minor(amount: i64, digits: u8) -> Num {
    Num::minor(amount, digits)
}

/// Rounded to the currency's digits, half away from zero.
pub(super) fn rounded(amount: Num, currency: &str) -> Result<Num, Fault> {
    let digits = digits(currency);
    amount.to_minor(digits, Round::Nearest).map(|n| Num::minor(n, digits)).map_err(|_| range())
}

pub(super) fn sum(amounts: impl IntoIterator<Item = Num>) -> Result<Num, Fault> {
    amounts.into_iter().try_fold(Num::ZERO, Num::add).map_err(|OutOfRange| range())
}

pub(super) fn sum_of<'a, T: 'a>(list: &'a [T], amount: impl Fn(&'a T) -> Dec) -> Result<Num, Fault> {
    sum(list.iter().map(|one| amount(one).0))
}

pub(super) fn less(a: Num, b: Num) -> Result<Num, Fault> {
    a.sub(b).map_err(|_| range())
}

/// Amounts of an order are not negative.
pub(super) fn not_negative(amount: Num) -> Num {
    if amount.is_negative() { Num::ZERO } else { amount }
}

/// `amount * part / whole`, `whole` not zero.
pub(super) fn share(amount: Num, part: Num, whole: Num) -> Result<Num, Fault> {
    amount.mul(part).and_then(|n| n.div(whole)).map_err(|_| range())
}

pub(super) fn range() -> Fault {
    unreadable("an amount is out of range")
}
