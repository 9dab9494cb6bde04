//! A PostgreSQL that answers a commit only when a standby has it: what is answered is there, even where the connection
//! was lost while the standby was away, and even where the same event is sent again.
#![cfg(feature = "postgres")]

mod shop;

use shop::several::{attempt, bring, check, open};
use shop::{Bench, Shop, small};
use std::time::{Duration, Instant};

use store::StoreError;
use testkit::postgres::{Postgres, ask};

/// With a machine that has other things to do.
const SOON: Duration = Duration::from_secs(60);

/// Nobody is told that this order is in.
fn is_not_taken(shop: &mut Shop, n: u64) {
    let answer = attempt(shop, &[(1, n, 3)]);
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    shop.forget();
}

/// So many rows: it has written them down when it says so, and shows them a moment later.
fn comes_there(url: &str, rows: &str) {
    let begun = Instant::now();
    while ask(url, "SELECT count(*) FROM journal").unwrap() != rows {
        assert!(begun.elapsed() < SOON, "{rows} rows");
    }
}

#[test]
fn nobody_is_answered_before_the_standby_has_it() {
    let server = Postgres::start().unwrap();
    let bench = Bench::of(&server, small());
    let (mut one, mut other) = (open(&bench), open(&bench));
    bring(&mut one, &[(1, 0, 3)]);
    let standby = server.standby();
    bring(&mut one, &[(1, 1, 3)]);
    let url = bench.url.clone().unwrap();
    let there = standby.url(url.rsplit('/').next().unwrap());
    let rows = "SELECT count(*) FROM journal";
    comes_there(&there, "2");
    standby.stop();
    is_not_taken(&mut one, 2);
    // A crash of the server makes an end of the waiting: the row is there, and only there.
    server.kill();
    server.again();
    assert_eq!(ask(&url, rows).unwrap(), "3");
    std::thread::scope(|scope| {
        scope.spawn(|| is_not_taken(&mut one, 2));
        scope.spawn(|| is_not_taken(&mut other, 2));
    });
    standby.again();
    bring(&mut one, &[(1, 2, 3)]);
    comes_there(&there, "3");
    bring(&mut other, &[(1, 2, 3), (1, 3, 3)]);
    check(&bench, 4);
}

/// Its session is ended in the middle of the waiting, by which the commit stands, and the process finds that out by itself.
#[test]
fn a_settled_batch_is_with_the_standby_too() {
    is_interrupted("pg_terminate_backend");
}

/// Somebody makes an end of the waiting, by which the server warns and says that it is done.
#[test]
fn a_commit_that_was_told_not_to_wait_is_not_done() {
    is_interrupted("pg_cancel_backend");
}

fn is_interrupted(how: &str) {
    let server = Postgres::start().unwrap();
    let bench = Bench::of(&server, small());
    let mut shop = open(&bench);
    bring(&mut shop, &[(1, 0, 3)]);
    let standby = server.standby();
    standby.stop();
    let end = format!("SELECT count({how}(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    std::thread::scope(|scope| {
        let under_way = scope.spawn(|| is_not_taken(&mut shop, 1));
        let begun = Instant::now();
        while server.sql("postgres", &end).unwrap() == "0" {
            assert!(!under_way.is_finished() && begun.elapsed() < SOON, "it waits for the standby");
        }
        under_way.join().unwrap();
    });
    standby.again();
    bring(&mut shop, &[(1, 1, 3)]);
    check(&bench, 2);
}
