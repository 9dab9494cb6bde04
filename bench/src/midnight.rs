//! A great many members due at one instant: how long it takes until all are woken, and what events feel of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::http::KEY;
use crate::load::{Body, Load, Seen};
use crate::process;
use crate::table::{percentile, print, short};
use crate::{Options, events};

/// Events a second beside it.
const RATE: f64 = 1_000.0;

pub fn measure(options: &Options) {
    let members = options.members;
    let (folder, data) = (process::fresh("midnight"), process::fresh("midnight-data"));
    // Long enough to import them first and to look at quiet seconds.
    let wait = Duration::from_secs(members / 6_000 + 30);
    let begun = SystemTime::now();
    let program = program(&folder, wait);
    import(&folder, &program, &data, members, begun);
    let midnight = begun + wait;
    let left = midnight.duration_since(SystemTime::now()).expect("the import takes less than was set aside");

    let port = process::free_port();
    let _server = process::serve(&program, &data, KEY, port);
    let next = Arc::new(AtomicU64::new(events::mix(std::process::id().into()) >> 24));
    std::thread::sleep(left.saturating_sub(Duration::from_secs(options.seconds + 2)));
    let body: Body = Arc::new(move |text, n| events::append(text, n, members, false));
    let time = Duration::ZERO;
    let load =
        Load { port, key: KEY.into(), clients: 64, path: Some("/v1/events"), body, time, rate: Some(RATE) };
    let start = Instant::now() + midnight.duration_since(SystemTime::now()).unwrap_or_default();
    let over = Arc::new(AtomicBool::new(false));
    let seen_over = over.clone();
    let loading = std::thread::spawn(move || load.run_until(&next, |_| seen_over.load(Ordering::Relaxed)));
    let woken = watch(port, start, members);
    over.store(true, Ordering::Relaxed);
    let seen = loading.join().expect("the load ends");
    let lag = seen_between(&seen, start, start + woken);
    let quiet = seen_between(&seen, start - Duration::from_secs(options.seconds), start);
    let row = |name: &str, latencies: &[f64]| {
        let at = |percent| percentile(latencies, percent);
        vec![
            name.to_string(),
            latencies.len().to_string(),
            format!("{:.2} / {:.2} / {:.2}", at(50.0), at(99.0), at(99.9)),
        ]
    };
    println!(
        "{members} members due at one instant: all woken in {:.1} s, {} a second; refused events: {}\n",
        woken.as_secs_f64(),
        short(members as f64 / woken.as_secs_f64()),
        seen.refused
    );
    let rows = [row("before", &quiet), row("while they are woken", &lag)];
    print(
        &format!("Events at {RATE} a second, 64 clients"),
        &["when", "events", "p50 / p99 / p99.9 ms"],
        &rows,
    );
}

fn seen_between(seen: &Seen, from: Instant, to: Instant) -> Vec<f64> {
    let both = seen.sent.iter().zip(&seen.latencies);
    both.filter(|(sent, _)| **sent >= from && **sent < to).map(|(_, latency)| *latency).collect()
}

/// The program of the other measurements, whose points wait so long.
fn program(folder: &Path, wait: Duration) -> String {
    let text = std::fs::read_to_string(process::root().join("bench/program.toml")).expect("our program");
    let waiting = format!(r#"wallets.points = {{ pending = "{} seconds" }}"#, wait.as_secs());
    assert!(text.contains("wallets.points = {}"), "bench/program.toml has a wallet without options");
    // Our own test there expects points at once.
    let text = text.split("[tests.").next().expect("a first part").replace("wallets.points = {}", &waiting);
    let file = folder.join("program.toml");
    std::fs::write(&file, text).expect("can write");
    file.to_string_lossy().into_owned()
}

/// An order of each member, all of one instant.
fn import(folder: &Path, program: &str, data: &Path, members: u64, at: SystemTime) {
    let file = folder.join("events.ndjson");
    let time = jiff::Timestamp::try_from(at).expect("a time of these years");
    let mut out =
        std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(&file).expect("can write"));
    for n in 0..members {
        writeln!(
            out,
            r#"{{"specversion":"1.0","id":"midnight-{n}","source":"bench","type":"order.paid","subject":"customer:{n}","time":"{time}","data":{{"id":"m{n}","currency":"EUR","total":"40.00","subtotal":"40.00","items":[{{"sku":"a","category":"coffee","quantity":1,"price":"40.00"}}]}}}}"#
        )
        .expect("can write");
    }
    out.flush().expect("can write");
    process::import(program, data, &file);
}

/// Waits for `midnight` and then until nobody is left to be woken; how long that took.
fn watch(port: u16, midnight: Instant, members: u64) -> Duration {
    let wakes = || metric(port, "fealty_wakes_total").unwrap_or(0.0);
    let before = wakes();
    std::thread::sleep(midnight.saturating_duration_since(Instant::now()));
    loop {
        let woken = wakes() - before;
        // Some may be looked at twice, or run what was due with an event of their own: the backlog tells the end, once most
        // of them were in it.
        if woken > members as f64 / 2.0 && metric(port, "fealty_wake_backlog") == Some(0.0) {
            return midnight.elapsed();
        }
        let limit = Duration::from_secs(60 + members / 500);
        assert!(midnight.elapsed() < limit, "{woken} of {members} were woken in {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn metric(port: u16, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let ask = format!(
        "GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name))?;
    line.rsplit(' ').next()?.parse().ok()
}
