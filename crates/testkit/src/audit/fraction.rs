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

impl Fraction {
    pub fn plus(self, o: Fraction) -> Fraction {
        of(self.n * o.d + o.n * self.d, self.d * o.d)
    }
    pub fn minus(self, o: Fraction) -> Fraction {
        of(self.n * o.d - o.n * self.d, self.d * o.d)
    }
    pub fn times(self, o: Fraction) -> Fraction {
        of(self.n * o.n, self.d * o.d)
    }
    pub fn over(self, o: Fraction) -> Fraction {
        of(self.n * o.d, self.d * o.n)
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
        self.n * o.d < o.n * self.d
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
