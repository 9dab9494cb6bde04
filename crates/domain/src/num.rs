//! Exact rational numbers: the only kind of number in expressions.
//!
//! A number in lowest terms stays below 10^18 in size and in its denominator; beyond that it is `OutOfRange`.
//! It is kept unreduced while that is cheap (19.99 is 1999/100), so `==` and `<` compare by cross multiplication.

use std::cmp::Ordering;

/// 10^18: no numerator or denominator in lowest terms reaches it.
pub const LIMIT: i128 = 1_000_000_000_000_000_000;

/// The one failure that is left at run time (`number_out_of_range`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// `n / d`, `d > 0`.
#[derive(Clone, Copy, Debug)]
pub struct Num {
    n: i64,
    d: i64,
}

/// How a rational becomes a whole number of smallest parts. `Nearest` is half away from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Round {
    #[default]
    Down,
    Nearest,
    Up,
}

#[allow(unused_variables)]
impl Num {
    pub const ZERO: Num = Num { n: 0, d: 1 };
    pub const ONE: Num = Num { n: 1, d: 1 };

    pub fn int(n: i64) -> Result<Num, OutOfRange> {
        todo!()
    }
    /// `minor` smallest parts of `decimals` places: `minor(1999, 2)` is 19.99.
    pub fn minor(minor: i64, decimals: u8) -> Num {
        todo!()
    }
    /// `n / d` for any d other than 0.
    pub fn ratio(n: i128, d: i128) -> Result<Num, OutOfRange> {
        todo!()
    }
    /// Decimal text `-?[0-9]+(\.[0-9]+)?` read exactly; JSON exponents (`1e3`) are read too. None if it is no number.
    pub fn parse(text: &str) -> Option<Result<Num, OutOfRange>> {
        todo!()
    }
    pub fn add(self, o: Num) -> Result<Num, OutOfRange> {
        todo!()
    }
    pub fn sub(self, o: Num) -> Result<Num, OutOfRange> {
        todo!()
    }
    pub fn mul(self, o: Num) -> Result<Num, OutOfRange> {
        todo!()
    }
    /// None of the callers may pass 0: the checker proves it. A zero divisor is `OutOfRange`.
    pub fn div(self, o: Num) -> Result<Num, OutOfRange> {
        todo!()
    }
    /// `a - b * floor(a / b)`
    pub fn rem(self, o: Num) -> Result<Num, OutOfRange> {
        todo!()
    }
    pub fn neg(self) -> Num {
        Num { n: -self.n, d: self.d }
    }
    pub fn floor(self) -> Num {
        todo!()
    }
    pub fn ceil(self) -> Num {
        todo!()
    }
    /// Half away from zero.
    pub fn round(self) -> Num {
        todo!()
    }
    pub fn is_zero(self) -> bool {
        self.n == 0
    }
    pub fn is_negative(self) -> bool {
        self.n < 0
    }
    pub fn is_integer(self) -> bool {
        todo!()
    }
    /// The whole number, if it is one.
    pub fn to_int(self) -> Option<i64> {
        todo!()
    }
    /// Smallest parts of `decimals` places, rounded once. Down is toward minus infinity.
    pub fn to_minor(self, decimals: u8, round: Round) -> Result<i64, OutOfRange> {
        todo!()
    }
    /// Smallest parts if it has at most `decimals` places, else None.
    pub fn exact_minor(self, decimals: u8) -> Option<i64> {
        todo!()
    }
    /// In lowest terms.
    pub fn parts(self) -> (i64, i64) {
        todo!()
    }
}

impl PartialEq for Num {
    fn eq(&self, o: &Num) -> bool {
        self.cmp(o) == Ordering::Equal
    }
}
impl Eq for Num {}
impl PartialOrd for Num {
    fn partial_cmp(&self, o: &Num) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for Num {
    fn cmp(&self, o: &Num) -> Ordering {
        (i128::from(self.n) * i128::from(o.d)).cmp(&(i128::from(o.n) * i128::from(self.d)))
    }
}
/// A finite decimal is printed as one (`19.99`), anything else as `n/d`; `Num::parse` and serde read both back.
impl std::fmt::Display for Num {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
impl serde::Serialize for Num {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> serde::Deserialize<'de> for Num {
    fn deserialize<D: serde::Deserializer<'de>>(_d: D) -> Result<Num, D::Error> {
        todo!()
    }
}
impl Default for Num {
    fn default() -> Num {
        Num::ZERO
    }
}
