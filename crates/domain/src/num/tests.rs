//! The laws of `Num`, against fractions of i128 that are always in lowest terms.

use proptest::prelude::*;

use super::wide::Wide;
use super::*;

/// In lowest terms, `.1 > 0`.
type Reference = (i128, i128);

fn lowest(n: i128, d: i128) -> Reference {
    let (mut a, mut b) = (n.abs(), d.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let sign = d.signum();
    (sign * n / a, sign * d / a)
}

fn in_range((n, d): Reference) -> bool {
    n.abs() < LIMIT && d < LIMIT
}

fn check(got: Result<Num, OutOfRange>, (n, d): Reference) {
    match got {
        Ok(got) => {
            let (gn, gd) = got.parts();
            assert_eq!((i128::from(gn), i128::from(gd)), (n, d));
            assert!(in_range((n, d)));
        }
        Err(OutOfRange) => assert!(!in_range((n, d)), "{n}/{d} is in range"),
    }
}

fn reference(n: Num) -> Reference {
    lowest(n.n.into(), n.d.into())
}

/// Small, decimal, near the limits, reduced or not.
fn num() -> impl Strategy<Value = Num> {
    let edge = LIMIT as i64 - 1;
    let size = prop_oneof![
        4 => -1000_i64..1000,
        2 => -10_000_000_000_i64..10_000_000_000,
        1 => (edge - 10)..=edge,
        1 => -edge..=edge,
    ];
    let divisor = prop_oneof![
        4 => prop::sample::select(vec![1_i64, 2, 10, 100, 1000]),
        2 => 1_i64..1000,
        1 => 1_i64..=edge,
        1 => (edge - 10)..=edge,
    ];
    (size, divisor).prop_map(|(n, d)| Num { n, d })
}

fn small() -> impl Strategy<Value = Wide> {
    num().prop_map(Wide::of)
}

proptest! {
    #[test]
    fn wide_fractions_obey_the_laws(a in small(), b in small(), c in small()) {
        prop_assert_eq!(a.add(b), b.add(a));
        prop_assert_eq!(a.mul(b), b.mul(a));
        if let Ok(sum) = a.add(b) {
            prop_assert_eq!(sum.sub(b), Ok(a));
            if let (Ok(all), Ok(ac), Ok(bc)) = (sum.mul(c), a.mul(c), b.mul(c)) {
                prop_assert_eq!(ac.add(bc).unwrap_or(all), all);
            }
        }
        if let (Ok(product), true) = (a.mul(b), b != Wide::ZERO) {
            prop_assert_eq!(product.div(b), Ok(a));
        }
        let difference = a.sub(b).expect("two numbers fit");
        prop_assert_eq!(a.cmp(&b), difference.cmp(&Wide::ZERO));
    }
    #[test]
    fn a_wide_fraction_rounds_as_a_number_does(a in num(), decimals in 0..6_u8) {
        for round in [Round::Down, Round::Nearest, Round::Up] {
            if let Ok(minor) = a.to_minor(decimals, round) {
                prop_assert_eq!(Wide::of(a).to_minor(decimals, round), Ok(minor));
            }
        }
        let off = Wide::of(a).coarse().sub(Wide::of(a)).expect("two numbers fit");
        let bound = Wide::of(Num::minor(1, 12));
        prop_assert!(off <= bound && Wide::ZERO.sub(off).unwrap() <= bound);
    }
}

/// Their cross products fit nowhere.
#[test]
fn long_wide_fractions_compare() {
    let square = |n: i128, d: i128| {
        let one = Wide::of(Num::ratio(n, d).unwrap());
        one.mul(one).unwrap()
    };
    let (more, less) = (square(LIMIT - 2, LIMIT - 1), square(LIMIT - 3, LIMIT - 2));
    assert_eq!(more.sub(less), Err(OutOfRange));
    assert!(more > less && more < Wide::ONE && less > Wide::ZERO);
    assert_eq!(more.cmp(&more), Ordering::Equal);
    assert_eq!(more.coarse(), Wide::ONE);
}

proptest! {
    #[test]
    fn arithmetic_is_that_of_fractions(a in num(), b in num()) {
        let ((an, ad), (bn, bd)) = (reference(a), reference(b));
        check(a.add(b), lowest(an * bd + bn * ad, ad * bd));
        check(a.sub(b), lowest(an * bd - bn * ad, ad * bd));
        check(a.mul(b), lowest(an * bn, ad * bd));
        prop_assert_eq!(a.cmp(&b), (an * bd).cmp(&(bn * ad)));
        prop_assert_eq!(a == b, (an, ad) == (bn, bd));
        if bn == 0 {
            prop_assert_eq!(a.div(b), Err(OutOfRange));
            prop_assert_eq!(a.rem(b), Err(OutOfRange));
        } else {
            check(a.div(b), lowest(an * bd, ad * bn));
            let floor = (an * bd * bn.signum()).div_euclid(ad * bn.abs());
            if let Some(product) = bn.checked_mul(floor).and_then(|p| p.checked_mul(ad)) {
                check(a.rem(b), lowest(an * bd - product, ad * bd));
            }
        }
    }

    #[test]
    fn chains_do_not_depend_on_reduction(ns in prop::collection::vec((-999_i64..999, 1_i64..60), 1..40)) {
        // As long as the reference stays in range, so does the number.
        let (mut sum, mut exact) = (Num::ZERO, (0, 1));
        for (n, d) in ns {
            let (n, d) = (i128::from(n), i128::from(d));
            exact = lowest(exact.0 * d + n * exact.1, exact.1 * d);
            match sum.add(Num::ratio(n, d).unwrap()) {
                Ok(next) => sum = next,
                Err(OutOfRange) => { prop_assert!(!in_range(exact)); break }
            }
            prop_assert_eq!(reference(sum), exact);
        }
    }

    #[test]
    fn text_reads_back(a in num()) {
        prop_assert_eq!(Num::parse(&a.to_string()), Some(Ok(a)));
        let json = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Num>(&json).unwrap(), a);
    }

    #[test]
    fn decimals_are_read_exactly(n in -999_999_999_999_i64..999_999_999_999, places in 0_u8..12, zeros in 0_usize..30) {
        let size = format!("{:0width$}", n.unsigned_abs(), width = usize::from(places) + 1);
        let (whole, part) = size.split_at(size.len() - usize::from(places));
        let sign = if n < 0 { "-" } else { "" };
        let text = format!("{sign}{}{whole}.{part}0{}", "0".repeat(zeros), "0".repeat(zeros));
        prop_assert_eq!(Num::parse(&text), Some(Ok(Num::minor(n, places))));
        let text = format!("{sign}{whole}{part}e-{places}");
        prop_assert_eq!(Num::parse(&text), Some(Ok(Num::minor(n, places))));
    }

    #[test]
    fn rounding(a in num(), decimals in 0_u8..7) {
        let (n, d) = reference(a);
        let scaled = n * i128::from(pow10(decimals));
        let down = scaled.div_euclid(d);
        let rest = scaled - down * d;
        let up = if rest == 0 { down } else { down + 1 };
        let half_up = if n < 0 { rest * 2 > d } else { rest * 2 >= d };
        let nearest = if half_up { down + 1 } else { down };
        let fits = |x: i128| if x.abs() < LIMIT { Ok(x as i64) } else { Err(OutOfRange) };
        prop_assert_eq!(a.to_minor(decimals, Round::Down), fits(down));
        prop_assert_eq!(a.to_minor(decimals, Round::Up), fits(up));
        prop_assert_eq!(a.to_minor(decimals, Round::Nearest), fits(nearest));
        prop_assert_eq!(a.exact_minor(decimals), if rest == 0 { fits(down).ok() } else { None });
        if decimals == 0 {
            prop_assert_eq!(a.floor().to_int().map(i128::from), Some(down));
            prop_assert_eq!(a.ceil().to_int().map(i128::from), Some(up));
            prop_assert_eq!(a.round().to_int().map(i128::from), Some(nearest));
            prop_assert_eq!(a.is_integer(), rest == 0);
        }
    }

    #[test]
    fn any_text_is_answered(text in "[-0-9./eE+ ]{0,40}") {
        let _ = Num::parse(&text);
    }
}

fn parse(text: &str) -> Num {
    Num::parse(text).unwrap().unwrap()
}

#[test]
fn examples() {
    assert_eq!(parse("19.99").to_string(), "19.99");
    assert_eq!(parse("-0.050").to_string(), "-0.05");
    assert_eq!(parse("1e3").to_string(), "1000");
    assert_eq!(parse("-1.5E-2").to_string(), "-0.015");
    assert_eq!(parse("00012").to_string(), "12");
    assert_eq!(parse("0e999999999999999999999"), Num::ZERO);
    assert_eq!(parse("10").div(parse("3")).unwrap().to_string(), "10/3");
    assert_eq!(parse("10").div(parse("3")).unwrap().mul(parse("3")).unwrap(), parse("10"));
    assert_eq!(parse("2.5").round(), parse("3"));
    assert_eq!(parse("-2.5").round(), parse("-3"));
    assert_eq!(parse("-7").rem(parse("3")).unwrap(), parse("2"));
    // 3 / 2^20 needs 20 places, and is read.
    assert_eq!(parse("0.00000286102294921875"), Num::ratio(3, 1 << 20).unwrap());
    assert_eq!(Num::minor(1999, 2), parse("19.99"));
}

#[test]
fn what_is_no_number() {
    for text in [
        "", "-", ".5", "5.", "1.2.3", "+1", "1e", "1e+", " 1", "1_000", "0x10", "inf", "NaN", "1/", "/2",
        "1/-2", "--1", "१",
    ] {
        assert_eq!(Num::parse(text), None, "{text}");
    }
}

#[test]
fn what_is_out_of_range() {
    let long = "9".repeat(5_000);
    for text in [
        "1000000000000000000",
        "-1e18",
        "0.000000000000000001",
        "1e999999999999999999",
        "1e-400",
        "1/0",
        "1/1000000000000000001",
        long.as_str(),
    ] {
        assert_eq!(Num::parse(text), Some(Err(OutOfRange)), "{text}");
    }
    assert_eq!(parse("999999999999999999").add(Num::ONE), Err(OutOfRange));
    assert_eq!(Num::int(i64::MIN), Err(OutOfRange));
    assert_eq!(Num::minor(i64::MIN, 0).add(Num::minor(i64::MIN, 0)), Err(OutOfRange));
    assert!(Num::minor(i64::MAX, 2) > parse("999999999999999"));
}
