//! The contract on finding the past, with thresholds so small that tails are sealed and runs merged all the time.

mod shop;

use domain::snapshot::{Snapshot, Want};
use shop::{Bench, Shop, small};

/// Every event of `0..n` is found exactly once, and none beyond.
fn check_found(shop: &mut Shop, n: u64) {
    let maker = shop.store.key_maker();
    let mut snapshot = Snapshot::default();
    let keys: Vec<_> = (0..n + 50).map(|n| maker.event("shop", &format!("e{n}"))).collect();
    let wants: Vec<_> = keys.iter().map(|key| Want::Rows(*key)).collect();
    shop.store.fetch(&mut snapshot, &wants).unwrap();
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(snapshot.rows[key].len(), usize::from((i as u64) < n), "event {i} of {n}");
    }
}

#[test]
fn everything_is_found_while_tails_are_sealed_and_runs_merged() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    let mut n = 0;
    for round in 0..400_u64 {
        let size = 1 + round * 7 % 23;
        // A fifth of each batch has come before, from near and far.
        let orders: Vec<_> =
            (0..size).map(|i| (i % 5, if i % 5 == 4 { (n + i) / 2 } else { n + i - i / 5 }, 3)).collect();
        let orders: Vec<_> = orders.into_iter().filter(|order| order.1 <= n + size).collect();
        shop.batch(&orders);
        let newest = orders.iter().map(|order| order.1).max().unwrap_or(0);
        n = n.max(newest + 1);
        if round % 16 == 0 {
            shop.store.trim(&mut shop.snapshot, 3);
            check_found(&mut shop, n);
        }
    }
    shop.flush();
    check_found(&mut shop, n);
    let stats = shop.reader.stats().unwrap();
    assert_eq!(stats.rows, n);
    assert_eq!(stats.merge_error, None);
    assert!((1..12).contains(&stats.runs), "{stats:?}: merged");
    assert!(stats.tail_keys < 1000, "{stats:?}: sealed");
    assert!(stats.checkpoints > 0, "{stats:?}");
    assert_eq!(bench.verify().rows, n);
    drop(shop);
    let mut shop = Shop::new(bench.open());
    check_found(&mut shop, n);
    for i in 0..n {
        assert_eq!(shop.reader.event_get(None, &format!("e{i}")).unwrap().len(), 1, "event {i}");
    }
    // Duplicates of all ages change nothing.
    for i in (0..n).step_by(37) {
        shop.order(i % 5, i, 3);
    }
    shop.flush();
    assert_eq!(shop.reader.stats().unwrap().rows, n);
}

#[test]
fn readers_find_everything_at_every_moment() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    let reader = shop.reader.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let looking = std::thread::spawn(move || {
        let mut looked = 0;
        while stopped.try_recv().is_err() {
            let rows = reader.stats().unwrap().rows;
            for pos in (1..=rows).rev().step_by(1 + rows as usize / 20) {
                let found = reader.event_get(Some("shop"), &format!("e{}", pos - 1)).unwrap();
                assert_eq!(found.iter().map(|row| row.pos).collect::<Vec<_>>(), [pos]);
                looked += 1;
            }
        }
        looked
    });
    for n in 0..300 {
        let orders: Vec<_> = (0..10).map(|i| (i % 4, n * 10 + i, 1)).collect();
        shop.batch(&orders);
    }
    shop.flush();
    stop.send(()).unwrap();
    assert!(looking.join().unwrap() > 20);
}

#[test]
fn what_a_crash_left_of_a_run_is_dropped() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    for n in 0..200 {
        shop.order(n % 3, n, 1);
    }
    shop.flush();
    drop(shop);
    let sql = bench.sql();
    let highest: i64 = sql.query_row("SELECT max(no) FROM run", [], |r| r.get(0)).unwrap();
    // Pages and a filter of a run that was never finished, and keys of a batch that is sealed already.
    for page in 0..300 {
        let at = ((highest + 1) << 24) | page;
        sql.execute("INSERT INTO run_page VALUES (?1, zeroblob(13))", [at]).unwrap();
        sql.execute("INSERT INTO run_filter VALUES (?1, zeroblob(64))", [at]).unwrap();
    }
    sql.execute("INSERT OR IGNORE INTO tail_keys VALUES (1, zeroblob(13))", []).unwrap();
    let mut shop = Shop::new(bench.open());
    check_found(&mut shop, 200);
    for n in 200..400 {
        shop.order(n % 3, n, 1);
    }
    shop.flush();
    check_found(&mut shop, 400);
    drop(shop);
    let left =
        "SELECT count(*) FROM (SELECT at >> 24 AS no FROM run_page UNION SELECT at >> 24 FROM run_filter)
        WHERE no NOT IN (SELECT no FROM run) AND no = ?1";
    let left: i64 = sql.query_row(left, [highest + 1], |r| r.get(0)).unwrap();
    assert_eq!(left, 0);
    let zero: i64 = sql
        .query_row("SELECT count(*) FROM tail_keys WHERE entries = zeroblob(13)", [], |r| r.get(0))
        .unwrap();
    assert_eq!(zero, 0);
    bench.verify();
}
