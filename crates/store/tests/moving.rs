//! Moving house into PostgreSQL while somebody is already, or wants, in.
#![cfg(feature = "postgres")]

mod shop;

use std::time::{Duration, Instant};

use shop::{Bench, Shop, small};
use store::Store;
use store::postgres::{IN_USE, Use, enter};
use testkit::postgres::Postgres;

/// A process that has started on the empty database would go on with its secret, by which ids and keys are made.
#[test]
fn nobody_is_moved_in_on() {
    let from = Bench::with(small());
    let mut shop = Shop::new(from.open());
    shop.order(1, 0, 3);
    shop.flush();
    drop(shop);
    let url = Postgres::shared().database();
    let copy = || store::copy::to_postgres(&from.dir, &url, &mut |_, _| {});
    let there = Store::connect(&url, &small()).unwrap();
    let refused = copy().unwrap_err().to_string();
    assert!(refused.contains("a process uses the database"), "{refused}");
    drop(there);
    let (mut moved, begun) = (copy(), Instant::now());
    // Its connections end a moment later than it.
    while moved.as_ref().is_err_and(|why| why.to_string().contains("a process uses the database")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{moved:?}");
        moved = copy();
    }
    assert_eq!(moved, Ok(1));
    let refused = copy().unwrap_err().to_string();
    assert!(refused.contains("there are data already"), "{refused}");
}

#[test]
fn who_starts_while_somebody_moves_in_is_told() {
    let url = Postgres::shared().database();
    let mover = enter(&url).unwrap().connect(Use::Migrate).unwrap();
    mover.begin(&format!("BEGIN; SELECT pg_advisory_xact_lock({IN_USE})")).unwrap();
    let refused = Store::connect(&url, &small()).err().unwrap().to_string();
    assert!(refused.contains("data are being copied into it"), "{refused}");
    mover.commit().unwrap();
    Store::connect(&url, &small()).unwrap();
}
