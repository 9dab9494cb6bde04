//! Single events over HTTP, each answered after it is durable, beside a server that only reads and answers.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::load::{Load, Seen};
use crate::process::{self, Server};
use crate::record::{Bar, bar};
use crate::table::{median, percentile, print, short};
use crate::{Options, events};

pub const KEY: &str = "bench-owner-key-0123456789abcdef0123456789abcdef";

pub fn measure(options: &Options) {
    let next = Arc::new(AtomicU64::new(events::mix(std::process::id().into()) >> 24));
    let loads: [(&str, usize, Option<f64>); 5] = [
        ("1 client", 1, None),
        ("1 client, 200 a second", 1, Some(200.0)),
        ("64 clients", 64, None),
        ("256 clients", 256, None),
        ("256 clients, half of that", 256, Some(0.0)),
    ];
    let mut rows = Vec::new();
    let mut fastest = 10_000.0;
    for (name, clients, rate) in loads {
        let rate = rate.map(|rate| if rate == 0.0 { fastest / 2.0 } else { rate });
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..options.rounds {
            ours.push(one(options, &next, clients, rate, Side::Fealty, round));
            bare.push(one(options, &next, clients, rate, Side::Echo, round));
        }
        let rates = |seen: &[Seen]| median(&seen.iter().map(|one| one.per_second).collect::<Vec<_>>());
        let at = |seen: &[Seen], percent| {
            median(&seen.iter().map(|one| percentile(&one.latencies, percent)).collect::<Vec<_>>())
        };
        bars(name, rates(&ours), at(&ours, 50.0), at(&ours, 99.0));
        let refused: u64 = ours.iter().map(|one| one.refused).sum();
        fastest = rates(&ours);
        rows.push(vec![
            name.to_string(),
            short(rates(&ours)),
            short(rates(&bare)),
            format!("{:.2}", rates(&ours) / rates(&bare)),
            format!("{:.2} / {:.2} / {:.2}", at(&ours, 50.0), at(&ours, 99.0), at(&ours, 99.9)),
            format!("{:.2} / {:.2}", at(&bare, 50.0), at(&bare, 99.0)),
            refused.to_string(),
        ]);
    }
    let head = [
        "load",
        "Fealty /s",
        "echo /s",
        "ratio",
        "Fealty p50 / p99 / p99.9 ms",
        "echo p50 / p99 ms",
        "refused",
    ];
    print("Single events over HTTP, durable", &head, &rows);
}

fn bars(load: &str, rate: f64, median: f64, late: f64) {
    let of = |what: &str| format!("single events over HTTP, {load}: {what}");
    match load {
        "1 client" => {
            bar(&of("p50"), median, "ms", Bar::AtMost(0.5));
            bar(&of("p99"), late, "ms", Bar::AtMost(5.0));
        }
        "256 clients" => bar(&of("a second"), rate, "/s", Bar::AtLeast(18_000.0)),
        "256 clients, half of that" => bar(&of("p99"), late, "ms", Bar::AtMost(50.0)),
        _ => {}
    }
}

#[derive(Clone, Copy)]
enum Side {
    Fealty,
    Echo,
}

fn one(
    options: &Options,
    next: &Arc<AtomicU64>,
    clients: usize,
    rate: Option<f64>,
    side: Side,
    round: usize,
) -> Seen {
    let port = process::free_port();
    let _server = match side {
        Side::Fealty => process::serve("bench/program.toml", &process::fresh("serve"), KEY, port),
        Side::Echo => {
            let mut command = Command::new(std::env::current_exe().expect("ourselves"));
            command.arg("echo").env("ECHO_PORT", port.to_string());
            Server::start(command, port)
        }
    };
    let (members, random_ids) = (options.members, options.random_ids || round > 0);
    let load = |seconds: f64, rate| Load {
        port,
        key: KEY.into(),
        clients,
        path: Some("/v1/events"),
        body: Arc::new(move |text, n| events::append(text, n, members, random_ids)),
        time: Duration::from_secs_f64(seconds),
        rate,
    };
    // Warm up: connections, caches, the first members.
    load(0.5, rate).run(next);
    load(options.seconds as f64, rate).run(next)
}
