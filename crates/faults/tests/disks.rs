//! A full disk and flipped bits, a few; `cargo xtask faults` does more.

use faults::{flips, full};

#[test]
fn a_full_disk_refuses_writes_with_a_time_and_recovers() {
    if let Some(why) = full::missing() {
        return faults::not_tested(&format!("a full disk under the server: {why}"));
    }
    let tally = full::run(2).unwrap();
    assert!(tally.refused == 2 && tally.acked > 2);
}

#[test]
fn a_flipped_bit_in_the_journal_is_found() {
    let tally = flips::run(60, 1).unwrap();
    assert_eq!(tally.missed, 0, "{:?}", tally.example);
}
