//! Members' contexts at a constant rate while events flow, beside what the same server answers that looks at nothing, and
//! the member alone. Latencies count from when each request was due, however late its client was.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::http::KEY;
use crate::load::{Body, Load, Seen};
use crate::record::{Bar, bar};
use crate::table::{median, percentile, print, short};
use crate::{Options, events, process};

const PROGRAM: &str = "bench/context.toml";
/// Requests a second.
const RATE: f64 = 2_000.0;
const CLIENTS: usize = 64;
/// Beside so many events a second.
const EVENTS: [f64; 3] = [0.0, 200.0, 1_000.0];

pub fn measure(options: &Options) {
    let members = options.members.min(20_000);
    let (folder, data) = (process::fresh("context"), process::fresh("context-data"));
    let file = folder.join("events.ndjson");
    events::write(&file, &Options { members, ..*options }, 0, options.events);
    process::import(PROGRAM, &data, &file);
    let port = process::free_port();
    let server = process::serve(PROGRAM, &data, KEY, port);
    let (next, known) = (Arc::new(AtomicU64::new(options.events)), options.events);
    let mut rows = Vec::new();
    for (name, tail) in
        [("nothing (/livez)", None), ("the member", Some("")), ("the context", Some("/context"))]
    {
        for rate in EVENTS {
            let ask: Body = Arc::new(move |text, n| match tail {
                None => text.push_str("/livez"),
                Some(tail) => {
                    // One of those who sent the events before.
                    let who = events::member(events::mix(n) % known, members);
                    let _ = write!(text, "/v1/members/customer:{who}{tail}");
                }
            });
            let seen: Vec<(Seen, f64)> = (0..options.rounds)
                .map(|_| one(options, (port, server.pid()), &next, members, ask.clone(), rate))
                .collect();
            let of = |what: &dyn Fn(&(Seen, f64)) -> f64| median(&seen.iter().map(what).collect::<Vec<_>>());
            let at = |percent| of(&|(one, _)| percentile(&one.from_due, percent));
            if tail == Some("/context") {
                bar(&format!("contexts beside {rate} events/s: p99"), at(99.0), "ms", Bar::AtMost(5.0));
            }
            let refused: u64 = seen.iter().map(|(one, _)| one.refused).sum();
            rows.push(vec![
                format!("{name}, {rate} events/s"),
                short(of(&|(one, _)| one.per_second)),
                format!("{:.2} / {:.2} / {:.2}", at(50.0), at(99.0), at(99.9)),
                format!("{:.0}", of(&|(_, cpu)| *cpu)),
                refused.to_string(),
            ]);
        }
    }
    let busy = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{members} members, {} events before; load of the machine at the end: {busy}", options.events);
    let head = ["asked for, beside", "answers /s", "p50 / p99 / p99.9 ms", "CPU us an answer", "refused"];
    print("Contexts over HTTP, 2,000 a second", &head, &rows);
}

/// And what each answer cost the server, with its share of the events.
fn one(
    options: &Options,
    (port, pid): (u16, u32),
    next: &Arc<AtomicU64>,
    members: u64,
    ask: Body,
    rate: f64,
) -> (Seen, f64) {
    let load = |clients, path, body, rate, seconds| {
        let time = Duration::from_secs_f64(seconds);
        Load { port, key: KEY.into(), clients, path, body, time, rate: Some(rate) }
    };
    let first = Arc::new(AtomicU64::new(1));
    // Warm up: connections, caches.
    load(CLIENTS, None, ask.clone(), RATE, 0.5).run(&first);
    std::thread::scope(|scope| {
        let seconds = options.seconds as f64;
        if rate > 0.0 {
            let event: Body = Arc::new(move |text, n| events::append(text, n, members, false));
            let events = load(64, Some("/v1/events"), event, rate, seconds + 0.5);
            scope.spawn(move || events.run(next));
        }
        let before = process::cpu_seconds(pid);
        let seen = load(CLIENTS, None, ask, RATE, seconds).run(&first);
        let cost = (process::cpu_seconds(pid) - before) * 1e6 / seen.latencies.len() as f64;
        (seen, cost)
    })
}
