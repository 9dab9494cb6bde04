//! Ten times what a server can take: how much of it is taken all the same, how soon and how the rest is refused, what
//! memory it costs, and how soon all is as before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::KEY;
use crate::load::{Body, Load, Seen};
use crate::process;
use crate::record::{Bar, bar};
use crate::table::{median, percentile, print, short};
use crate::{Options, events};

/// Events of one request.
const BATCH: u64 = 100;
/// Of those who flood.
const CLIENTS: usize = 256;
/// Single events in this time are as before.
const CALM: Duration = Duration::from_millis(50);

pub fn measure(options: &Options) {
    let rounds: Vec<[f64; 7]> = (0..options.rounds).map(|_| one(options)).collect();
    let of = |n: usize| median(&rounds.iter().map(|round| round[n]).collect::<Vec<_>>());
    let worst = |n: usize| rounds.iter().map(|round| round[n]).fold(0.0, f64::max);
    bar("ten times too many events: taken, of capacity", of(2) / of(0), "", Bar::AtLeast(0.8));
    bar("ten times too many events: refusals, p99", of(4), "ms", Bar::AtMost(50.0));
    bar("ten times too many events: memory", worst(5), "MiB", Bar::AtMost(512.0));
    bar("ten times too many events: calm again", worst(6), "ms", Bar::AtMost(10_000.0));
    let head = [
        "",
        "capacity /s",
        "offered /s",
        "taken /s",
        "of capacity",
        "refused p50 / p99 ms",
        "memory MiB at most",
        "calm again after ms",
    ];
    let row = vec![
        format!("batches of {BATCH}"),
        short(of(0)),
        short(of(1)),
        short(of(2)),
        format!("{:.2}", of(2) / of(0)),
        format!("{:.1} / {:.1}", of(3), of(4)),
        format!("{:.0}", worst(5)),
        format!("{:.0}", worst(6)),
    ];
    print("Ten times as many events as can be taken", &head, &[row]);
}

/// Capacity, offered and taken a second, refusals' p50 and p99, memory, time until calm.
fn one(options: &Options) -> [f64; 7] {
    let port = process::free_port();
    let server = process::serve("bench/program.toml", &process::fresh("overload"), KEY, port);
    let next = Arc::new(AtomicU64::new(0));
    let members = options.members.min(20_000);
    let batch: Body = Arc::new(move |text, n| {
        for one in 0..BATCH {
            text.push(if one == 0 { '[' } else { ',' });
            events::append(text, n * BATCH + one, members, false);
        }
        text.push(']');
    });
    let load = |clients, body: &Body, rate, seconds: f64| {
        let time = Duration::from_secs_f64(seconds);
        Load { port, key: KEY.into(), clients, path: Some("/v1/events"), body: body.clone(), time, rate }
    };
    load(8, &batch, None, 1.0).run(&next);
    let seconds = options.seconds as f64;
    let calm = load(8, &batch, None, seconds).run(&next).per_second * BATCH as f64;
    let (over, memory) = (AtomicBool::new(false), AtomicU64::new(0));
    let flood: Seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                memory.fetch_max(process::memory_mib(server.pid()), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let _over = Over(&over);
        load(CLIENTS, &batch, Some(10.0 * calm / BATCH as f64), seconds).run(&next)
    });
    let offered =
        flood.per_second * BATCH as f64 * (1.0 + flood.refused as f64 / flood.latencies.len().max(1) as f64);
    [
        calm,
        offered,
        flood.per_second * BATCH as f64,
        percentile(&flood.refusals, 50.0),
        percentile(&flood.refusals, 99.0),
        memory.load(Ordering::Relaxed) as f64,
        until_calm(port, &next, members),
    ]
}

/// Says so when it goes, in a panic too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Milliseconds until ten single events in a row are answered at once.
fn until_calm(port: u16, next: &Arc<AtomicU64>, members: u64) -> f64 {
    let began = Instant::now();
    let single: Body = Arc::new(move |text, n| events::append(text, (1 << 40) + n, members, false));
    loop {
        let time = Duration::from_millis(100);
        let load = Load {
            port,
            key: KEY.into(),
            clients: 1,
            path: Some("/v1/events"),
            body: single.clone(),
            time,
            rate: Some(100.0),
        };
        let begun = began.elapsed();
        let seen = load.run(next);
        let slow = seen.refused > 0 || seen.latencies.iter().any(|ms| *ms > CALM.as_secs_f64() * 1e3);
        if !slow || began.elapsed() > Duration::from_secs(60) {
            return begun.as_secs_f64() * 1e3;
        }
    }
}
