//! Exact fractions of 128 bits, for what is computed of several numbers before it is rounded once, where the steps between
//! pass the bounds of `Num`. Not for expressions of programs, and never stored.
//!
//! Invariant: lowest terms, `d > 0`. What does not fit is `OutOfRange`; whatever else is exact.

use std::cmp::Ordering;

use super::{Num, OutOfRange, Round, gcd, nearest};

/// Places of what has no exact form.
const COARSE: u8 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide {
    n: i128,
    d: i128,
}

fn shared(a: i128, b: i128) -> i128 {
    gcd(a.unsigned_abs(), b.unsigned_abs()).max(1) as i128
}

fn product(a: i128, b: i128) -> Result<i128, OutOfRange> {
    a.checked_mul(b).ok_or(OutOfRange)
}

// The operators' traits cannot fail; these can.
#[allow(clippy::should_implement_trait)]
impl Wide {
    pub const ZERO: Wide = Wide { n: 0, d: 1 };
    pub const ONE: Wide = Wide { n: 1, d: 1 };

    pub fn of(num: Num) -> Wide {
        let (n, d) = num.parts();
        Wide { n: n.into(), d: d.into() }
    }
    pub fn int(n: i64) -> Wide {
        Wide { n: n.into(), d: 1 }
    }
    pub fn add(self, o: Wide) -> Result<Wide, OutOfRange> {
        let common = shared(self.d, o.d);
        let (left, right) = (product(self.n, o.d / common)?, product(o.n, self.d / common)?);
        let (n, d) = (left.checked_add(right).ok_or(OutOfRange)?, product(self.d, o.d / common)?);
        let common = shared(n, d);
        Ok(Wide { n: n / common, d: d / common })
    }
    pub fn sub(self, o: Wide) -> Result<Wide, OutOfRange> {
        self.add(Wide { n: o.n.checked_neg().ok_or(OutOfRange)?, d: o.d })
    }
    pub fn mul(self, o: Wide) -> Result<Wide, OutOfRange> {
        let (one, other) = (shared(self.n, o.d), shared(o.n, self.d));
        Ok(Wide { n: product(self.n / one, o.n / other)?, d: product(self.d / other, o.d / one)? })
    }
    /// By 0 it is out of range.
    pub fn div(self, o: Wide) -> Result<Wide, OutOfRange> {
        if o.n == 0 || o.n == i128::MIN {
            return Err(OutOfRange);
        }
        self.mul(Wide { n: o.d * o.n.signum(), d: o.n.abs() })
    }
    /// Twelve decimals; what is too large for that stays as it is.
    pub fn coarse(self) -> Wide {
        let scale = 10_i128.pow(COARSE.into());
        let (whole, rest) = (self.n.div_euclid(self.d), self.n.rem_euclid(self.d));
        // Without the last bits of a long divisor, the rest fits.
        let bits = (i128::BITS - self.d.leading_zeros()).saturating_sub(80);
        let rest = nearest((rest >> bits) * scale, (self.d >> bits).max(1));
        let n = whole.checked_mul(scale).and_then(|n| n.checked_add(rest));
        n.map_or(self, |n| Wide { n: n / shared(n, scale), d: scale / shared(n, scale) })
    }
    /// Smallest parts of `decimals` places, rounded once. Down is toward minus infinity.
    pub fn to_minor(self, decimals: u8, round: Round) -> Result<i64, OutOfRange> {
        let scaled = self.mul(Wide { n: 10_i128.pow(decimals.into()), d: 1 })?;
        let whole = match round {
            Round::Down => scaled.n.div_euclid(scaled.d),
            Round::Up => -scaled.n.checked_neg().ok_or(OutOfRange)?.div_euclid(scaled.d),
            Round::Nearest => nearest(scaled.n, scaled.d),
        };
        i64::try_from(whole).map_err(|_| OutOfRange)
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, o: &Wide) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}

/// By whole parts, and where these are equal, by the turned rests: products need not fit.
impl Ord for Wide {
    fn cmp(&self, o: &Wide) -> Ordering {
        let (mut a, mut b) = (*self, *o);
        loop {
            let wholes = a.n.div_euclid(a.d).cmp(&b.n.div_euclid(b.d));
            let (rest, other) = (a.n.rem_euclid(a.d), b.n.rem_euclid(b.d));
            if wholes.is_ne() || rest == 0 || other == 0 {
                return wholes.then(rest.cmp(&0).cmp(&other.cmp(&0)));
            }
            (a, b) = (Wide { n: b.d, d: other }, Wide { n: a.d, d: rest });
        }
    }
}
