//! Whole numbers out of shares: what each item contributed to a grant.
//! Exact; where a common denominator would not fit, rounding is down and the same everywhere.

use crate::num::Num;

/// Splits `total` >= 0 by `weights` >= 0 so that the parts sum to it: each gets its share rounded down, what is left goes
/// one by one to the largest remainders, equal ones in order. Weights that are all 0 count as equal.
pub fn largest_remainder(total: i64, weights: &[Num]) -> Vec<i64> {
    assert!(total >= 0, "what is split is not negative");
    if weights.is_empty() {
        return Vec::new();
    }
    let mut whole = whole_weights(weights);
    let mut sum: i128 = whole.iter().sum();
    if sum == 0 {
        whole.fill(1);
        sum = whole.len() as i128;
    }
    let exact = |w: i128| i128::from(total) * w;
    let mut parts: Vec<i64> = whole.iter().map(|w| (exact(*w) / sum) as i64).collect();
    let mut left = total - parts.iter().sum::<i64>();
    if left > 0 {
        let mut order: Vec<(i128, usize)> =
            whole.iter().enumerate().map(|(i, w)| (-(exact(*w) % sum), i)).collect();
        order.sort_unstable();
        for (_, i) in order.into_iter().take(left as usize) {
            parts[i] += 1;
            left -= 1;
        }
    }
    assert!(left == 0 && parts.iter().sum::<i64>() == total, "shares sum to what was granted");
    parts
}

/// The weights over one denominator, their sum at most 10^21, so that a product with points fits 128 bits.
fn whole_weights(weights: &[Num]) -> Vec<i128> {
    // Money of one order is mostly kept over the same denominator.
    let same = weights.iter().map(|w| w.over(weights[0].kept_over()).map(|n| i128::from(n.max(0))));
    if let Some(whole) = same.collect() {
        return whole;
    }
    let common = weights.iter().try_fold(1_i128, |common, w| lcm(common, i128::from(w.parts().1)));
    let scale = |w: &Num, d: i128| -> Option<i128> {
        let (n, own) = w.parts();
        i128::from(n.max(0)).checked_mul(d / i128::from(own)).filter(|n| *n < 1_000_000_000_000_000_000)
    };
    let exact = common.and_then(|d| weights.iter().map(|w| scale(w, d)).collect::<Option<Vec<_>>>());
    exact.unwrap_or_else(|| weights.iter().map(coarse).collect())
}

/// Millionths where they fit, else whole.
fn coarse(w: &Num) -> i128 {
    let (n, d) = w.parts();
    let (n, d) = (i128::from(n.max(0)), i128::from(d));
    // Below 10^18 * 10^3; a thousand of them times 9 * 10^15 stays below 2^127.
    n * 1_000 / d
}

fn lcm(a: i128, b: i128) -> Option<i128> {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x).checked_mul(b).filter(|n| *n < 1_000_000_000_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nums(texts: &[&str]) -> Vec<Num> {
        texts.iter().map(|t| Num::parse(t).unwrap().unwrap()).collect()
    }

    #[test]
    fn remainders_decide() {
        assert_eq!(largest_remainder(10, &nums(&["1", "1", "1"])), [4, 3, 3]);
        assert_eq!(largest_remainder(43, &nums(&["19.99", "5", "18.49"])), [20, 5, 18]);
        assert_eq!(largest_remainder(2, &nums(&["0", "0", "0"])), [1, 1, 0]);
        assert_eq!(largest_remainder(0, &nums(&["3", "4"])), [0, 0]);
        assert_eq!(largest_remainder(7, &[]), Vec::<i64>::new());
    }

    fn weight() -> impl Strategy<Value = Num> {
        (0..=999_999_999_999_999_999_i128, 1..=999_999_999_999_999_999_i128)
            .prop_map(|(n, d)| Num::ratio(n, d).unwrap())
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(total in 0..=crate::lots::AMOUNT_MAX, weights in prop::collection::vec(weight(), 1..40)) {
            let parts = largest_remainder(total, &weights);
            prop_assert!(parts.iter().all(|p| *p >= 0));
            prop_assert_eq!(parts.iter().map(|p| i128::from(*p)).sum::<i128>(), i128::from(total));
        }
        #[test]
        fn no_part_is_a_whole_point_off(total in 0..1_000_000_i64, weights in prop::collection::vec(1..10_000_i64, 1..20)) {
            let sum: i64 = weights.iter().sum();
            let nums: Vec<Num> = weights.iter().map(|w| Num::int(*w).unwrap()).collect();
            for (part, w) in largest_remainder(total, &nums).iter().zip(&weights) {
                prop_assert!((part * sum - total * w).abs() < sum);
            }
        }
    }
}
