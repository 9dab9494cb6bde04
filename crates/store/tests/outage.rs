//! A PostgreSQL that comes and goes: connections that are cut at any moment, a COMMIT whose answer is lost, a server that
//! is killed. Nothing that was promised is lost, nothing counts twice, and no process has to start anew.
#![cfg(feature = "postgres")]

mod shop;

use std::time::Duration;

use shop::several::{attempt, bring, check, open};
use shop::{Bench, small};
use testkit::postgres::Postgres;
use testkit::wire::Wire;

#[test]
fn connections_that_are_cut_cost_nobody_an_event() {
    let server = Postgres::start().unwrap();
    let bench = Bench::of(&server, small());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2_u64)
            .map(|process| {
                let mut shop = open(&bench);
                scope.spawn(move || {
                    for n in 0..60 {
                        bring(&mut shop, &[(n % 5, process * 1000 + n, 3)]);
                    }
                    shop.store.rest();
                })
            })
            .collect();
        let cut =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fealty'";
        while !workers.iter().all(|worker| worker.is_finished()) {
            server.sql("postgres", cut).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    check(&bench, 120);
}

#[test]
fn a_killed_server_comes_back_and_nothing_is_lost() {
    let server = Postgres::start().unwrap();
    let bench = Bench::of(&server, small());
    let mut shop = open(&bench);
    let mut n = 0;
    for _ in 0..3 {
        for _ in 0..15 {
            bring(&mut shop, &[(n % 5, n, 3)]);
            n += 1;
        }
        std::thread::scope(|scope| {
            let (shop, next) = (&mut shop, n);
            let under_way = scope.spawn(move || bring(shop, &[(next % 5, next, 3)]));
            server.kill();
            server.again();
            under_way.join().unwrap();
        });
        n += 1;
    }
    assert_eq!(shop.reader.stats().unwrap().rows, n);
    check(&bench, n);
}

#[test]
fn a_commit_that_nobody_answers_is_settled_by_the_process_itself() {
    let mut bench = Bench::of(Postgres::shared(), small());
    let direct = bench.url.take().unwrap();
    drop(store::Store::connect(&direct, &small()).unwrap());
    let wire = Wire::to(Postgres::shared().port);
    let port = Postgres::shared().port.to_string();
    bench.url = Some(format!("{}?sslmode=disable", direct.replace(&port, &wire.port.to_string())));
    let mut shop = open(&bench);
    wire.cut(3);
    for n in 0..60 {
        // Not once does the sender have to try again.
        attempt(&mut shop, &[(n % 5, n, 3)]).unwrap();
    }
    assert!(wire.commits() > 60, "some were committed again");
    bench.url = Some(direct);
    check(&bench, 60);
}
