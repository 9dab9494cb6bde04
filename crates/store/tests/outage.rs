//! A PostgreSQL that comes and goes: connections that are cut at any moment, a COMMIT whose answer is lost, a server that
//! is killed. Nothing that was promised is lost, nothing counts twice, and no process has to start anew.
#![cfg(feature = "postgres")]

mod shop;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shop::several::{attempt, bring, check, open};
use shop::{Bench, small};
use testkit::postgres::Postgres;

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

/// Between a process and its server. Every so many COMMITs it hangs up: half of them before the server has it, half after.
struct Wire {
    port: u16,
    commits: Arc<AtomicU64>,
}

const EVERY: u64 = 3;
/// From here on none is cut.
const CALM: u64 = u64::MAX / 2;

impl Wire {
    fn to(port: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire { port: listener.local_addr().unwrap().port(), commits: Arc::default() };
        let commits = wire.commits.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
                let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let commits = commits.clone();
                std::thread::spawn(move || carry(client, server, Some(&commits)));
                std::thread::spawn(move || carry(back_from, back_to, None));
            }
        });
        wire
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, commits: Option<&AtomicU64>) {
    let mut buffer = [0; 65536];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let is_commit = buffer[..len].windows(7).any(|at| at == b"COMMIT\0");
        let n = commits.filter(|_| is_commit).map_or(CALM, |commits| commits.fetch_add(1, Ordering::Relaxed));
        let cut = n < CALM && n.is_multiple_of(EVERY);
        if cut && n / EVERY % 2 == 1 {
            break;
        }
        if to.write_all(&buffer[..len]).is_err() {
            break;
        }
        if cut {
            // The server has it; its answer reaches nobody.
            let _gone = from.shutdown(Shutdown::Both);
            let mut rest = Vec::new();
            let _nothing = from.read_to_end(&mut rest);
            return;
        }
    }
    let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn a_commit_that_nobody_answers_is_settled_by_the_process_itself() {
    let mut bench = Bench::of(Postgres::shared(), small());
    let direct = bench.url.take().unwrap();
    drop(store::Store::connect(&direct, &small()).unwrap());
    let wire = Wire::to(Postgres::shared().port);
    wire.commits.store(CALM, Ordering::Relaxed);
    let port = Postgres::shared().port.to_string();
    bench.url = Some(format!("{}?sslmode=disable", direct.replace(&port, &wire.port.to_string())));
    let mut shop = open(&bench);
    wire.commits.store(0, Ordering::Relaxed);
    for n in 0..60 {
        // Not once does the sender have to try again.
        attempt(&mut shop, &[(n % 5, n, 3)]).unwrap();
    }
    assert!(wire.commits.load(Ordering::Relaxed) > 60, "some were committed again");
    bench.url = Some(direct);
    check(&bench, 60);
}
