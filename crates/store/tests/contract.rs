//! The contract of the store, as one suite that any database behind the seam can be put through: `Bench` is the only
//! part that knows how a database is opened.

mod shop;

use domain::snapshot::{Snapshot, Want};
use shop::{Bench, Shop};

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    for n in 0..50 {
        shop.order(n % 7, n, 100 + n as i64);
    }
    shop.flush();
    let before = shop.members();
    drop(shop);
    let mut shop = Shop::new(bench.open());
    assert_eq!(shop.members(), before);
    for n in 0..50 {
        let rows = shop.rows_of_event(n);
        assert_eq!(rows.len(), 1, "event {n}");
        assert_eq!(rows[0].pos, n + 1);
        assert_eq!(&*rows[0].event.id, format!("e{n}"));
    }
    assert!(shop.rows_of_event(50).is_empty());
    let mut snapshot = Snapshot::default();
    shop.store.fetch(&mut snapshot, &[Want::Member(99)]).unwrap();
    assert_eq!((snapshot.next_pos, snapshot.next_member), (51, 8));
    assert!(snapshot.members[&99].is_none());
}
