//! Medians, percentiles, and a table that can be pasted into a page.

/// The middle one; the upper of two.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = (percent / 100.0 * sorted.len() as f64) as usize;
    sorted.get(at.min(last)).copied().unwrap_or(f64::NAN)
}

/// `12345.6` is `12.3k`.
pub fn short(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{:.1}k", value / 1_000.0)
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// Shown and kept.
pub fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    crate::record::add(title, head, rows);
    show(title, head, rows);
}

pub fn show(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("### {title}\n| {} |", head.join(" | "));
    println!("|{}", "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!();
}

#[test]
fn takes_the_middle() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 99.0), 4.0);
    assert_eq!(short(12_345.6), "12.3k");
}
