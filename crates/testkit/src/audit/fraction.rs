//! The auditor's own arithmetic: fractions of `i128`, always in lowest terms. Slow and plain on purpose.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    n: i128,
    d: i128,
}

pub const ZERO: Fraction = Fraction { n: 0, d: 1 };
pub const ONE: Fraction = Fraction { n: 1, d: 1 };

pub fn of(n: i128, d: i128) -> Fraction {
    assert!(d != 0, "division by zero in the auditor");
    let mut pair = (n.abs(), d.abs());
    while pair.1 != 0 {
        pair = (pair.1, pair.0 % pair.1);
    }
    let sign = if (n < 0) != (d < 0) { -1 } else { 1 };
    Fraction { n: sign * n.abs() / pair.0.max(1), d: d.abs() / pair.0.max(1) }
}

pub fn whole(n: i128) -> Fraction {
    of(n, 1)
}

/// `19.99`, `-3`, `7/3`
pub fn parse(text: &str) -> Option<Fraction> {
    if let Some((n, d)) = text.split_once('/') {
        return Some(of(n.parse().ok()?, d.parse().ok()?));
    }
    let (head, tail) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{head}{tail}").parse().ok()?;
    Some(of(digits, 10_i128.pow(tail.len() as u32)))
}

/// A model that overflows would prove nothing.
fn mul(a: i128, b: i128) -> i128 {
    a.checked_mul(b).expect("the auditor's fractions fit 128 bits")
}

impl Fraction {
    pub fn plus(self, o: Fraction) -> Fraction {
        // Over the least common denominator, so that long sums stay small.
        let common = of(self.d, o.d);
        let (left, right) = (mul(self.n, common.d), mul(o.n, common.n));
        of(left.checked_add(right).expect("the auditor's fractions fit 128 bits"), mul(self.d, common.d))
    }
    pub fn minus(self, o: Fraction) -> Fraction {
        self.plus(Fraction { n: -o.n, d: o.d })
    }
    pub fn times(self, o: Fraction) -> Fraction {
        let (a, b) = (of(self.n, o.d), of(o.n, self.d));
        of(mul(a.n, b.n), mul(a.d, b.d))
    }
    pub fn over(self, o: Fraction) -> Fraction {
        assert!(o.n != 0, "division by zero in the auditor");
        let turned = of(o.d, o.n);
        self.times(turned)
    }
    pub fn floor(self) -> i128 {
        self.n.div_euclid(self.d)
    }
    /// In smallest parts of `decimals` places.
    pub fn minor(self, decimals: u32, round: &str) -> i128 {
        let scaled = self.times(whole(10_i128.pow(decimals)));
        match round {
            "down" => scaled.floor(),
            "up" => -of(-scaled.n, scaled.d).floor(),
            _ if scaled.n < 0 => -of(-scaled.n, scaled.d).plus(of(1, 2)).floor(),
            _ => scaled.plus(of(1, 2)).floor(),
        }
    }
    pub fn below(self, o: Fraction) -> bool {
        mul(self.n, o.d) < mul(o.n, self.d)
    }
    pub fn least(self, o: Fraction) -> Fraction {
        if o.below(self) { o } else { self }
    }
    pub fn most(self, o: Fraction) -> Fraction {
        if self.below(o) { o } else { self }
    }
    pub fn is_zero(self) -> bool {
        self.n == 0
    }
}

#[test]
fn rounds_as_the_wallets_say() {
    let third = parse("-7").unwrap().over(whole(2));
    assert_eq!((third.minor(0, "down"), third.minor(0, "up"), third.minor(0, "nearest")), (-4, -3, -4));
    assert_eq!(parse("19.99").unwrap().times(whole(100)).minor(0, "down"), 1999);
    assert_eq!(of(10, 3).times(whole(3)), whole(10));
}
