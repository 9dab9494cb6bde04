//! Events a second on a real PostgreSQL: `fealty import`, and 1, 2 and 4 servers on one database that are sent batches
//! and single events, beside `pgbench` doing one transaction an event with rows of the same size; all in turn in one run.
//!
//! Not here: what a user would write by hand (`by_hand`).

mod by_hand;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use testkit::postgres::Postgres;

use crate::http::KEY;
use crate::load::Load;
use crate::table::{median, print, short};
use crate::{Options, events, process};
use by_hand::ByHand;

/// Beside the server's own: everything is synced, as it is by default.
const SETTINGS: [&str; 6] = [
    "shared_buffers=2GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=15min",
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
];
const BATCH: u64 = 500;

/// What came of one way in one round.
#[derive(Clone, Copy)]
struct Seen {
    per_second: f64,
    /// Microseconds an event.
    ours_us: f64,
    servers_us: f64,
    wal_bytes: f64,
}

/// A server, and a database for each round.
pub struct Bench<'o> {
    options: &'o Options,
    server: Postgres,
    next: Arc<AtomicU64>,
}

pub fn measure(options: &Options) {
    let server = Postgres::with(&SETTINGS).unwrap_or_else(|why| panic!("{why}"));
    let bench = Bench { options, server, next: Arc::default() };
    let version = bench.sql("postgres", "SHOW server_version");
    println!("PostgreSQL {version}, {}; load {}\n", SETTINGS.join(", "), load());
    // What a row of Fealty's is like, and the members that there are.
    let url = bench.server.database();
    bench.import(&url, 0, options.events.min(50_000));
    let by_hand = ByHand::new(&bench, &url);
    let ways = by_hand::ways();
    let mut hand: Vec<Vec<Seen>> = vec![Vec::new(); ways.len()];
    let mut ours: Vec<(String, Vec<Seen>)> = Vec::new();
    for round in 0..options.rounds {
        for (way, seen) in ways.iter().zip(&mut hand) {
            seen.push(by_hand.run(&bench, way));
        }
        let mut add = |n: usize, name: String, seen: Seen| {
            if round == 0 {
                ours.push((name, Vec::new()));
            }
            ours[n].1.push(seen);
        };
        let url = bench.server.database();
        add(0, "`fealty import`".into(), bench.import(&url, 0, options.events));
        bench.next.store(1 << 40, std::sync::atomic::Ordering::Relaxed);
        for (n, servers) in [1, 2, 4].into_iter().enumerate() {
            let name = |what| format!("{servers} served, {what}");
            add(1 + 2 * n, name("batches of 500"), bench.serve(&url, servers, 8, BATCH));
            add(2 + 2 * n, name("single events, 64 clients"), bench.serve(&url, servers, 64, 1));
        }
    }
    show(&ways, &hand, &ours);
    println!("load at the end: {}", load());
}

fn show(ways: &[by_hand::Way], hand: &[Vec<Seen>], ours: &[(String, Vec<Seen>)]) {
    let of = |seen: &[Seen], one: fn(&Seen) -> f64| median(&seen.iter().map(one).collect::<Vec<_>>());
    let rate = |seen: &[Seen]| of(seen, |seen| seen.per_second);
    let best = hand.iter().map(|seen| rate(seen)).fold(f64::NAN, f64::max);
    let line = |name: &str, seen: &[Seen]| {
        vec![
            name.to_owned(),
            short(rate(seen)),
            format!("{:.2}", rate(seen) / best),
            format!("{:.0}", of(seen, |seen| seen.ours_us)),
            format!("{:.0}", of(seen, |seen| seen.servers_us)),
            format!("{:.0}", of(seen, |seen| seen.wal_bytes)),
        ]
    };
    let by_hand = ways.iter().zip(hand).map(|(way, seen)| line(&way.to_string(), seen));
    let rows: Vec<_> = by_hand.chain(ours.iter().map(|(name, seen)| line(name, seen))).collect();
    let head = [
        "way",
        "events/s",
        "times pgbench's best",
        "CPU us an event",
        "PostgreSQL's CPU us",
        "WAL bytes an event",
    ];
    print("On PostgreSQL, durable", &head, &rows);
}

impl Bench<'_> {
    fn import(&self, url: &str, from: u64, count: u64) -> Seen {
        let file = process::fresh("postgres").join("events.ndjson");
        events::write(&file, self.options, from, count);
        let before = self.before();
        let run = process::import("bench/program.toml", Path::new(url), &file);
        self.seen(before, count as f64, run.seconds, run.cpu_seconds)
    }

    /// So many servers on one database, and clients that are spread over them.
    fn serve(&self, url: &str, servers: usize, clients: usize, batch: u64) -> Seen {
        let start = || {
            let port = process::free_port();
            (process::serve("bench/program.toml", Path::new(url), KEY, port), port)
        };
        let servers: Vec<_> = (0..servers).map(|_| start()).collect();
        let members = self.options.members;
        let random_ids = self.options.random_ids;
        let post = |port: u16, seconds: f64| {
            let load = Load {
                port,
                key: KEY.into(),
                clients: clients / servers.len(),
                path: Some("/v1/events"),
                body: Arc::new(move |text, n| write(text, n, batch, members, random_ids)),
                time: Duration::from_secs_f64(seconds),
                rate: None,
            };
            load.run(&self.next)
        };
        let all = |seconds: f64| -> u64 {
            std::thread::scope(|scope| {
                let loads: Vec<_> =
                    servers.iter().map(|(_, port)| scope.spawn(move || post(*port, seconds))).collect();
                loads.into_iter().map(|load| load.join().expect("it ends").latencies.len() as u64).sum()
            })
        };
        let cpu = || servers.iter().map(|(server, _)| process::cpu_seconds(server.pid())).sum::<f64>();
        all(0.5);
        let (before, ours, begun) = (self.before(), cpu(), Instant::now());
        let events = all(self.options.seconds as f64) * batch;
        self.seen(before, events as f64, begun.elapsed().as_secs_f64(), cpu() - ours)
    }

    /// Nothing is left to do for the server of what was before. Answers what it had used and written by then.
    fn before(&self) -> (f64, f64) {
        self.sql("postgres", "CHECKPOINT");
        (self.servers_cpu(), self.wal())
    }
    fn seen(&self, before: (f64, f64), events: f64, seconds: f64, ours: f64) -> Seen {
        Seen {
            per_second: events / seconds,
            ours_us: ours * 1e6 / events,
            servers_us: (self.servers_cpu() - before.0) * 1e6 / events,
            wal_bytes: (self.wal() - before.1) / events,
        }
    }
    fn servers_cpu(&self) -> f64 {
        process::family_cpu_seconds(self.server.pid())
    }
    fn wal(&self) -> f64 {
        let bytes = self.sql("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'");
        bytes.parse().expect("a number of bytes")
    }
    fn sql(&self, database: &str, sql: &str) -> String {
        self.server.sql(database, sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }
}

/// The `n`-th request.
fn write(text: &mut String, n: u64, batch: u64, members: u64, random_ids: bool) {
    if batch == 1 {
        // Far from those that come in batches.
        return events::append(text, n | 1 << 50, members, random_ids);
    }
    for event in n * batch..(n + 1) * batch {
        text.push(if text.is_empty() { '[' } else { ',' });
        events::append(text, event, members, random_ids);
    }
    text.push(']');
}

/// How many want the processors, in the mean of a minute.
fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split_whitespace().next().unwrap_or("unknown").to_owned()
}
