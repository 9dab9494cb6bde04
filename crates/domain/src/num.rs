//! Exact rational numbers: the only kind of number in expressions.
//!
//! A number in lowest terms stays below 10^18 in size and in its denominator; beyond that it is `OutOfRange`.
//! It is kept unreduced while that is cheap (19.99 is 1999/100), so `==` and `<` compare by cross multiplication.
//! Whether it was reduced can never be seen: comparison, text, `parts` and the bounds all speak of lowest terms.

pub(crate) mod wide;

use std::cmp::Ordering;

/// 10^18: no numerator or denominator in lowest terms reaches it.
pub const LIMIT: i128 = 1_000_000_000_000_000_000;
/// More places are printed as a fraction.
const PLACES_MAX: u32 = 18;

/// The one failure that is left at run time (`number_out_of_range`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// `n / d`, `d > 0`, both below `LIMIT` (but for an absurd `minor`, which only compares).
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

const fn pow10(places: u8) -> i64 {
    10_i64.pow(places as u32)
}

/// Any `n / d` with `d > 0`: as it is while both are small, else in lowest terms, else out of range.
#[inline]
fn fit(n: i128, d: i128) -> Result<Num, OutOfRange> {
    if n.unsigned_abs() < LIMIT.unsigned_abs() && d < LIMIT {
        return Ok(Num { n: n as i64, d: d as i64 });
    }
    fit_reduced(n, d)
}

#[cold]
fn fit_reduced(n: i128, d: i128) -> Result<Num, OutOfRange> {
    let g = gcd(n.unsigned_abs(), d.unsigned_abs()) as i128;
    let (n, d) = (n / g, d / g);
    if n.unsigned_abs() < LIMIT.unsigned_abs() && d < LIMIT {
        return Ok(Num { n: n as i64, d: d as i64 });
    }
    Err(OutOfRange)
}

/// Greatest common divisor by halving and subtracting: no divisions. Of 0 and b it is b.
fn gcd(a: u128, b: u128) -> u128 {
    if a == 0 || b == 0 {
        return a | b;
    }
    let twos = (a | b).trailing_zeros();
    let (mut a, mut b) = (a >> a.trailing_zeros(), b >> b.trailing_zeros());
    // Both are odd.
    while a != b {
        if a < b {
            (a, b) = (b, a);
        }
        a -= b;
        a >>= a.trailing_zeros();
        if let (Ok(a), Ok(b)) = (u64::try_from(a), u64::try_from(b)) {
            return u128::from(gcd_odd(a, b)) << twos;
        }
    }
    a << twos
}

fn gcd_odd(mut a: u64, mut b: u64) -> u64 {
    while a != b {
        if a < b {
            (a, b) = (b, a);
        }
        a -= b;
        a >>= a.trailing_zeros();
    }
    a
}

// The operators' traits cannot fail; these can.
#[allow(clippy::should_implement_trait)]
impl Num {
    pub const ZERO: Num = Num { n: 0, d: 1 };
    pub const ONE: Num = Num { n: 1, d: 1 };

    pub fn int(n: i64) -> Result<Num, OutOfRange> {
        fit(i128::from(n), 1)
    }
    /// `minor` smallest parts of `decimals` places: `minor(1999, 2)` is 19.99. A sum beyond the limit still compares
    /// rightly; whatever is computed with it is `OutOfRange`.
    pub fn minor(minor: i64, decimals: u8) -> Num {
        assert!(decimals < 18, "a currency or wallet has few decimals");
        Num { n: minor.max(-i64::MAX), d: pow10(decimals) }
    }
    /// `n / d` for any d other than 0.
    pub fn ratio(n: i128, d: i128) -> Result<Num, OutOfRange> {
        if d == 0 || n == i128::MIN || d == i128::MIN {
            return Err(OutOfRange);
        }
        if d < 0 { fit(-n, -d) } else { fit(n, d) }
    }
    /// Decimal text `-?[0-9]+(\.[0-9]+)?` read exactly; JSON exponents (`1e3`) are read too, and `n/d`, as `Display`
    /// writes it. None if it is no number.
    pub fn parse(text: &str) -> Option<Result<Num, OutOfRange>> {
        if let Some((n, _)) = Num::plain(text) {
            return Some(Ok(n));
        }
        match text.split_once('/') {
            Some((n, d)) => {
                let whole = |t: &str| t.bytes().all(|b| b.is_ascii_digit()) && !t.is_empty();
                if !whole(n.strip_prefix('-').unwrap_or(n)) || !whole(d) {
                    return None;
                }
                Some(
                    n.parse()
                        .and_then(|n| d.parse().map(|d| (n, d)))
                        .map_or(Err(OutOfRange), |(n, d)| Num::ratio(n, d)),
                )
            }
            None => Decimal::read(text).map(|d| d.value()),
        }
    }
    /// `[0-9]+(\.[0-9]+)?` of at most 18 bytes, and how many decimals it is written with: what nearly every number is,
    /// in one pass. None: it is something else, or no number.
    #[inline]
    pub fn plain(text: &str) -> Option<(Num, u8)> {
        let (mut n, mut point) = (0, None);
        if text.len() > 18 {
            return None;
        }
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => n = n * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() && at > 0 => point = Some(at),
                _ => return None,
            }
        }
        let decimals = match point {
            None if text.is_empty() => return None,
            None => 0,
            Some(at) => (text.len() - at - 1) as u8,
        };
        (point.is_none() || decimals > 0).then(|| (Num { n, d: pow10(decimals) }, decimals))
    }
    #[inline]
    pub fn add(self, o: Num) -> Result<Num, OutOfRange> {
        let (an, bn) = (i128::from(self.n), i128::from(o.n));
        if self.d == o.d {
            return fit(an + bn, i128::from(self.d));
        }
        let (ad, bd) = (i128::from(self.d), i128::from(o.d));
        fit(an * bd + bn * ad, ad * bd)
    }
    #[inline]
    pub fn sub(self, o: Num) -> Result<Num, OutOfRange> {
        self.add(o.neg())
    }
    #[inline]
    pub fn mul(self, o: Num) -> Result<Num, OutOfRange> {
        fit(i128::from(self.n) * i128::from(o.n), i128::from(self.d) * i128::from(o.d))
    }
    /// None of the callers may pass 0: the checker proves it. A zero divisor is `OutOfRange`.
    #[inline]
    pub fn div(self, o: Num) -> Result<Num, OutOfRange> {
        Num::ratio(i128::from(self.n) * i128::from(o.d), i128::from(self.d) * i128::from(o.n))
    }
    /// `a - b * floor(a / b)`: has the sign of b.
    pub fn rem(self, o: Num) -> Result<Num, OutOfRange> {
        if o.n == 0 {
            return Err(OutOfRange);
        }
        let (ad, bd) = (i128::from(self.d), i128::from(o.d));
        let (a, b) = (i128::from(self.n) * bd, i128::from(o.n) * ad);
        let r = a % b;
        fit(if r != 0 && (r < 0) != (b < 0) { r + b } else { r }, ad * bd)
    }
    /// Its numerator over `d`, if it is kept over `d`.
    #[inline]
    pub fn over(self, d: i64) -> Option<i64> {
        (self.d == d).then_some(self.n)
    }
    /// What it is kept over: not in lowest terms.
    #[inline]
    pub fn kept_over(self) -> i64 {
        self.d
    }
    #[inline]
    pub fn neg(self) -> Num {
        Num { n: -self.n, d: self.d }
    }
    pub fn abs(self) -> Num {
        Num { n: self.n.abs(), d: self.d }
    }
    #[inline]
    pub fn floor(self) -> Num {
        Num { n: if self.d == 1 { self.n } else { self.n.div_euclid(self.d) }, d: 1 }
    }
    pub fn ceil(self) -> Num {
        self.neg().floor().neg()
    }
    /// Half away from zero.
    pub fn round(self) -> Num {
        Num { n: nearest(i128::from(self.n), i128::from(self.d)) as i64, d: 1 }
    }
    pub fn is_zero(self) -> bool {
        self.n == 0
    }
    pub fn is_negative(self) -> bool {
        self.n < 0
    }
    pub fn is_integer(self) -> bool {
        self.n % self.d == 0
    }
    /// The whole number, if it is one.
    pub fn to_int(self) -> Option<i64> {
        self.is_integer().then(|| self.n / self.d)
    }
    /// Smallest parts of `decimals` places, rounded once. Down is toward minus infinity.
    pub fn to_minor(self, decimals: u8, round: Round) -> Result<i64, OutOfRange> {
        assert!(decimals < 18, "a currency or wallet has few decimals");
        let (n, d) = (i128::from(self.n) * i128::from(pow10(decimals)), i128::from(self.d));
        let whole = match round {
            Round::Down => n.div_euclid(d),
            Round::Up => -(-n).div_euclid(d),
            Round::Nearest => nearest(n, d),
        };
        if whole.unsigned_abs() < LIMIT.unsigned_abs() { Ok(whole as i64) } else { Err(OutOfRange) }
    }
    /// Smallest parts if it has at most `decimals` places, else None.
    pub fn exact_minor(self, decimals: u8) -> Option<i64> {
        assert!(decimals < 18, "a currency or wallet has few decimals");
        let (n, d) = (i128::from(self.n) * i128::from(pow10(decimals)), i128::from(self.d));
        (n % d == 0 && (n / d).unsigned_abs() < LIMIT.unsigned_abs()).then(|| (n / d) as i64)
    }
    /// As it is printed, if its denominator is a power of ten: what nearly every number is.
    fn plain_text(self, buffer: &mut [u8; 24]) -> Option<&str> {
        let mut places = self.d.ilog10();
        if places >= 18 || self.d != pow10(places as u8) {
            return None;
        }
        let mut rest = self.n.unsigned_abs();
        while places > 0 && rest.is_multiple_of(10) {
            (rest, places) = (rest / 10, places - 1);
        }
        // From the end: at most 19 digits, the point and the sign.
        let mut at = buffer.len();
        let mut put = |byte: u8| {
            at -= 1;
            buffer[at] = byte;
        };
        let mut written = 0;
        while rest > 0 || written <= places {
            if written == places && places > 0 {
                put(b'.');
            }
            put(b'0' + (rest % 10) as u8);
            (rest, written) = (rest / 10, written + 1);
        }
        if self.n < 0 {
            put(b'-');
        }
        std::str::from_utf8(&buffer[at..]).ok()
    }
    /// In lowest terms.
    pub fn parts(self) -> (i64, i64) {
        let g = gcd(u128::from(self.n.unsigned_abs()), u128::from(self.d.unsigned_abs())) as i64;
        (self.n / g, self.d / g)
    }
}

/// Half away from zero; `d > 0`.
fn nearest(n: i128, d: i128) -> i128 {
    let size = (n.unsigned_abs() + d.unsigned_abs() / 2) / d.unsigned_abs();
    // With an odd divisor there is no half; with an even one the half was added whole.
    if n < 0 { -(size as i128) } else { size as i128 }
}

/// A decimal text without its leading and trailing zeros: `digits * 10^exponent`.
struct Decimal {
    negative: bool,
    digits: i128,
    exponent: i64,
    /// More digits than any number in range can have.
    too_long: bool,
}

impl Decimal {
    fn read(text: &str) -> Option<Decimal> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((m, e)) => (m, Self::read_exponent(e)?),
            None => (text, 0),
        };
        let (whole, places) = mantissa.split_once('.').map_or((mantissa, None), |(w, p)| (w, Some(p)));
        let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !places.is_none_or(all_digits) {
            return None;
        }
        let places = places.unwrap_or("").trim_end_matches('0');
        let mut number = Decimal { negative, digits: 0, exponent, too_long: false };
        let mut zeros = 0_u32;
        for byte in whole.bytes().chain(places.bytes()) {
            if byte == b'0' {
                zeros += 1;
                continue;
            }
            number.push(zeros, i128::from(byte - b'0'));
            zeros = 0;
        }
        if number.digits != 0 {
            number.exponent += i64::from(zeros);
        }
        number.exponent -= places.len() as i64;
        Some(number)
    }

    /// `zeros` zeros, then a digit other than 0.
    fn push(&mut self, zeros: u32, digit: i128) {
        let scale = if self.digits == 0 { Some(1) } else { 10_i128.checked_pow(zeros.saturating_add(1)) };
        match scale.and_then(|s| self.digits.checked_mul(s)).and_then(|m| m.checked_add(digit)) {
            Some(digits) => self.digits = digits,
            None => self.too_long = true,
        }
    }

    fn read_exponent(text: &str) -> Option<i64> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000_000_000);
        Some(if text.starts_with('-') { -size } else { size })
    }

    fn value(&self) -> Result<Num, OutOfRange> {
        if self.too_long {
            return Err(OutOfRange);
        }
        if self.digits == 0 {
            return Ok(Num::ZERO);
        }
        let n = if self.negative { -self.digits } else { self.digits };
        if self.exponent >= 0 {
            let scale =
                if self.exponent < 19 { 10_i128.pow(self.exponent as u32) } else { return Err(OutOfRange) };
            return n.checked_mul(scale).ok_or(OutOfRange).and_then(|n| fit(n, 1));
        }
        let places = -self.exponent;
        if places < 18 {
            return fit(n, 10_i128.pow(places as u32));
        }
        // The denominator is 2^p 5^p; strip what the digits share with it. Neither power can stay above 59.
        let (n, twos) = strip(n, 2, places);
        let (n, fives) = strip(n, 5, places);
        let power = |base: i128, e: i64| {
            u32::try_from(e).ok().and_then(|e| base.checked_pow(e)).filter(|p| *p < LIMIT)
        };
        match (power(2, twos), power(5, fives)) {
            (Some(a), Some(b)) => fit(n, a * b),
            _ => Err(OutOfRange),
        }
    }
}

/// Divides by `factor` as often as it goes, at most `most` times; what is left of both.
fn strip(mut n: i128, factor: i128, mut most: i64) -> (i128, i64) {
    while most > 0 && n % factor == 0 {
        n /= factor;
        most -= 1;
    }
    (n, most)
}

impl PartialEq for Num {
    #[inline]
    fn eq(&self, o: &Num) -> bool {
        self.cmp(o) == Ordering::Equal
    }
}
impl Eq for Num {}
impl PartialOrd for Num {
    #[inline]
    fn partial_cmp(&self, o: &Num) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for Num {
    #[inline]
    fn cmp(&self, o: &Num) -> Ordering {
        if self.d == o.d {
            return self.n.cmp(&o.n);
        }
        (i128::from(self.n) * i128::from(o.d)).cmp(&(i128::from(o.n) * i128::from(self.d)))
    }
}
/// A decimal of at most 18 places is printed as one (`19.99`), anything else as `n/d`; `Num::parse` and serde read
/// both back.
impl std::fmt::Display for Num {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(text) = self.plain_text(&mut [0; 24]) {
            return f.write_str(text);
        }
        let (n, d) = self.parts();
        let (rest, twos) = strip(i128::from(d), 2, i64::MAX);
        let (rest, fives) = strip(rest, 5, i64::MAX);
        let places = (i64::MAX - twos).max(i64::MAX - fives) as u32;
        if rest != 1 || places > PLACES_MAX {
            return write!(f, "{n}/{d}");
        }
        let sign = if n < 0 { "-" } else { "" };
        let scale = 10_u128.pow(places);
        let digits = u128::from(n.unsigned_abs()) * scale / u128::from(d.unsigned_abs());
        write!(f, "{sign}{}", digits / scale)?;
        if places > 0 {
            write!(f, ".{:0width$}", digits % scale, width = places as usize)?;
        }
        Ok(())
    }
}
impl serde::Serialize for Num {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.plain_text(&mut [0; 24]) {
            Some(text) => s.serialize_str(text),
            None => s.collect_str(self),
        }
    }
}
impl<'de> serde::Deserialize<'de> for Num {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Num, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Num;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Num, E> {
                match Num::parse(text) {
                    Some(Ok(n)) => Ok(n),
                    Some(Err(OutOfRange)) => Err(E::custom("number out of range")),
                    None => Err(E::custom("not a number")),
                }
            }
        }
        d.deserialize_str(Text)
    }
}
impl Default for Num {
    fn default() -> Num {
        Num::ZERO
    }
}

#[cfg(test)]
mod tests;
