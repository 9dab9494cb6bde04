//! Deciders beside each other on one PostgreSQL, who try again what was not taken.

use std::time::{Duration, Instant};

use store::StoreError;

use super::{Bench, Shop};

/// A decider who hears of errors by `attempt`.
pub fn open(bench: &Bench) -> Shop {
    let mut shop = Shop::new(bench.open());
    shop.failed = |e| std::panic::resume_unwind(Box::new(e.clone()));
    shop
}

/// One batch, brought through or not.
pub fn attempt(shop: &mut Shop, orders: &[(u64, u64, i64)]) -> Result<(), StoreError> {
    let batch = std::panic::AssertUnwindSafe(|| shop.batch(orders));
    if let Err(thrown) = std::panic::catch_unwind(batch) {
        return Err(*thrown
            .downcast::<StoreError>()
            .unwrap_or_else(|other| std::panic::resume_unwind(other)));
    }
    shop.results().pop().unwrap()
}

/// As whoever sends it again until it is taken.
pub fn bring(shop: &mut Shop, orders: &[(u64, u64, i64)]) {
    let begun = Instant::now();
    while let Err(why) = attempt(shop, orders) {
        assert!(!why.must_stop(), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(40), "{why}");
        shop.forget();
    }
}

/// Positions are dense, each event counts once, and what members have is what they were given.
pub fn check(bench: &Bench, events: u64) {
    let rows = "SELECT concat_ws(' ', count(*), min(pos), max(pos), count(DISTINCT hash), count(DISTINCT id)) FROM journal
        JOIN events USING (pos)";
    assert_eq!(bench.text(rows), format!("{events} 1 {events} {events} {events}"));
    let ends = "SELECT concat_ws(' ', next_pos, hash = (SELECT hash FROM journal ORDER BY pos DESC LIMIT 1), next_member
        - (SELECT max(no) FROM member)) FROM head";
    assert_eq!(bench.text(ends), format!("{} t 1", events + 1));
    assert_eq!(bench.text("SELECT sum(available) = (SELECT sum(amount) FROM transfers) FROM balances"), "t");
    assert_eq!(
        bench.text("SELECT count(*) FROM (SELECT name FROM identity GROUP BY member, name) i"),
        bench.text("SELECT count(*) FROM member")
    );
    let chains = "SELECT count(*) FROM journal j LEFT JOIN journal p ON p.pos = j.prev
        WHERE j.prev <> coalesce((SELECT max(pos) FROM journal b WHERE b.member = j.member AND b.pos < j.pos), 0)";
    assert_eq!(bench.text(chains), "0", "each row names the member's row before it");
    assert_eq!(bench.text("SELECT count(*) FROM key WHERE pos >= (SELECT next_pos FROM head)"), "0");
    bench.verify();
}
