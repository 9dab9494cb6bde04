//! Webhooks to endpoints on this machine: how many a second beside the bare client, how late after the commit (and how
//! late a live stream is), and what bad neighbours do to a good one.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::KEY;
use crate::load::{Load, Seen};
use crate::process::{self, Server, cpu_seconds, memory_mib};
use crate::record::{Bar, bar};
use crate::sink::{self, Mood, Sink};
use crate::table::{median, percentile, print, short};
use crate::{Options, events};

/// What is thrown away before it is measured: connections, caches.
const WARM: usize = 2_000;

pub fn measure(options: &Options) {
    speed(options);
    lateness(options);
    neighbours(options);
}

fn speed(options: &Options) {
    let count = (options.events as usize).clamp(10 * WARM, 60_000);
    let (data, file) = (process::fresh("deliveries"), process::fresh("deliveries-events").join("e.ndjson"));
    events::write(&file, options, 0, count as u64);
    process::import("bench/program.toml", &data, &file);
    let mut rows = Vec::new();
    for (endpoints, at_once) in [(1, 8), (1, 64), (4, 16)] {
        let (mut ours, mut bare, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let (per_second, cpu_us, bytes) = deliver(&data, endpoints, at_once, count);
            ours.push(per_second);
            cpu.push(cpu_us);
            bare.push(post(count, endpoints * at_once, bytes));
        }
        if endpoints > 1 {
            let of =
                |what: &str| format!("webhooks to {endpoints} endpoints, {at_once} at once each: {what}");
            bar(&of("a second"), median(&ours), "/s", Bar::AtLeast(25_000.0));
            bar(&of("beside the bare client"), median(&ours) / median(&bare), "", Bar::AtLeast(0.5));
        }
        rows.push(vec![
            format!("{endpoints} x {at_once}"),
            short(median(&ours)),
            short(median(&bare)),
            format!("{:.2}", median(&ours) / median(&bare)),
            format!("{:.0}", median(&cpu)),
        ]);
    }
    let head = ["endpoints x at once", "Fealty /s", "bare client /s", "ratio", "CPU us a delivery"];
    print(&format!("Deliveries of {count} changes that wait"), &head, &rows);
}

/// Deliveries a second of all endpoints together, what one of them cost, and the bytes of a body.
fn deliver(data: &Path, endpoints: usize, at_once: usize, count: usize) -> (f64, f64, usize) {
    let (_server, port, pid) = serve(data);
    let sinks: Vec<_> = (0..endpoints).map(|_| Sink::start(Mood::Well)).collect();
    let made: Vec<String> = sinks.iter().map(|sink| endpoint(port, sink, "start", at_once)).collect();
    let sum = || sinks.iter().map(|sink| sink.count()).sum::<usize>();
    wait("the first", || sum() >= WARM);
    let (began, from, cpu) = (Instant::now(), sum(), cpu_seconds(pid));
    let until = count / 2 * endpoints.min(2);
    wait("deliveries", || sum() >= until);
    let (took, done) = (began.elapsed().as_secs_f64(), (sum() - from) as f64);
    let cost = (cpu_seconds(pid) - cpu) * 1e6 / done;
    for id in made {
        ask(port, "DELETE", &format!("/v1/endpoints/{id}"), "");
    }
    (done / took, cost, sinks[0].body_bytes())
}

fn post(count: usize, at_once: usize, bytes: usize) -> f64 {
    let sink = Sink::start(Mood::Well);
    let mut command = std::process::Command::new(std::env::current_exe().expect("ourselves"));
    command.arg("post").arg(sink.url()).args([count, at_once, bytes].map(|n| n.to_string()));
    let (_, told) = process::timed(command);
    told.trim().parse().expect("a number")
}

/// How late each change is after its event was acknowledged, which is after it was committed.
fn lateness(options: &Options) {
    let mut rows = Vec::new();
    for (name, clients, rate) in [("200 events a second", 4, 200.0), ("1,000 events a second", 16, 1_000.0)] {
        let (mut hooks, mut streams) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let (_server, port, _) = serve(&process::fresh("lateness"));
            let sink = Sink::start(Mood::Well);
            endpoint(port, &sink, "end", 8);
            let heard = stream(port);
            let acknowledged = run(options, port, clients, rate);
            wait("the last", || sink.with(distinct) >= acknowledged.len());
            hooks.push(sink.with(|came| late(came.iter().map(|c| (&*c.event, c.at)), &acknowledged)));
            wait("the last of the stream", || {
                let heard = heard.lock().expect("nobody panicked");
                heard.iter().map(|(event, _)| event).collect::<HashSet<_>>().len() >= acknowledged.len()
            });
            let heard = heard.lock().expect("nobody panicked");
            streams.push(late(heard.iter().map(|(event, at)| (&**event, *at)), &acknowledged));
        }
        let at = |all: &[Vec<f64>], percent| {
            median(&all.iter().map(|one| percentile(one, percent)).collect::<Vec<_>>())
        };
        let said = |all: &[Vec<f64>]| format!("{:.2} / {:.2}", at(all, 50.0), at(all, 99.0));
        rows.push(vec![name.to_owned(), said(&hooks), said(&streams)]);
    }
    let head = ["load", "webhook p50 / p99 ms", "stream p50 / p99 ms"];
    print("From the answer to an event to the arrival of what it changed", &head, &rows);
}

fn neighbours(options: &Options) {
    let data = process::fresh("neighbours");
    let (_server, port, pid) = serve(&data);
    let good = Sink::start(Mood::Well);
    endpoint(port, &good, "end", 8);
    let mut acknowledged = HashSet::new();
    let mut p95 = |name: &str| {
        let from = good.count();
        let told = run(options, port, 4, 200.0);
        wait("the last", || good.with(|came| distinct(&came[from..])) >= told.len());
        let late = good.with(|came| late(came[from..].iter().map(|c| (&*c.event, c.at)), &told));
        acknowledged.extend(told.into_keys());
        let row = [50.0, 95.0, 99.0].map(|percent| format!("{:.2}", percentile(&late, percent)));
        (percentile(&late, 95.0), vec![name.to_owned(), row.join(" / "), memory_mib(pid).to_string()])
    };
    let (alone, first) = p95("alone");
    let bad = [Mood::Busy, Mood::Silent, Mood::Huge].map(Sink::start);
    for sink in &bad {
        endpoint(port, sink, "end", 8);
    }
    let began = good.count();
    let (beside, second) = p95("beside one that says 429, one that hangs, one that sends a gigabyte");
    print(
        "A good endpoint, 200 events a second",
        &["", "p50 / p95 / p99 ms", "memory MiB, at most"],
        &[first, second],
    );
    println!("p95 beside the bad ones: {:.2} times that alone", beside / alone);
    bar("a good endpoint beside three bad ones: p95", beside / alone, "times alone", Bar::AtMost(2.0));
    // Mended, they get what they missed.
    bad.iter().for_each(|sink| sink.be(Mood::Well));
    let all: HashSet<Box<str>> =
        good.with(|came| came[began..].iter().map(|one| one.cursor.clone()).collect());
    for (sink, name) in bad.iter().zip(["429", "hangs", "gigabyte"]) {
        let before = Instant::now();
        let missing = || {
            let got: HashSet<Box<str>> =
                sink.with(|came| came.iter().map(|one| one.cursor.clone()).collect());
            all.difference(&got).count()
        };
        while missing() > 0 && before.elapsed() < Duration::from_secs(900) {
            std::thread::sleep(Duration::from_millis(200));
        }
        let (seconds, count) = (before.elapsed().as_secs(), all.len());
        println!(
            "{name}: {} requests, {count} changes, {} lost, {seconds} s after it was mended",
            sink.requests(),
            missing()
        );
    }
    println!("memory of the server at most {} MiB\n", memory_mib(pid));
}

/// Events at this rate: when each was acknowledged, by its id.
fn run(options: &Options, port: u16, clients: usize, rate: f64) -> HashMap<String, Instant> {
    static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
    let members = options.members;
    let load = |seconds| Load {
        port,
        key: KEY.into(),
        clients,
        path: Some("/v1/events"),
        body: Arc::new(move |text: &mut String, n| events::append(text, n, members, false)),
        time: Duration::from_secs_f64(seconds),
        rate: Some(rate),
    };
    let next = Arc::new(AtomicU64::new(NEXT.fetch_add(1_000_000, Ordering::Relaxed)));
    let Seen { sent, latencies, numbers, .. } = load(options.seconds as f64).run(&next);
    let answered = sent.iter().zip(&latencies).map(|(sent, ms)| *sent + Duration::from_secs_f64(ms / 1e3));
    numbers.iter().map(|n| events::id(*n, false)).zip(answered).collect()
}

/// Milliseconds from the acknowledgement to the first that came of it. What came before the answer was read is 0.
fn late<'e>(
    came: impl Iterator<Item = (&'e str, Instant)>,
    acknowledged: &HashMap<String, Instant>,
) -> Vec<f64> {
    let mut first: HashMap<&str, Instant> = HashMap::new();
    for (event, at) in came {
        first.entry(event).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }
    let late = |(event, at): (&str, Instant)| {
        acknowledged.get(event).map(|answered| at.saturating_duration_since(*answered).as_secs_f64() * 1e3)
    };
    first.into_iter().filter_map(late).collect()
}

fn distinct(came: &[sink::Came]) -> usize {
    came.iter().map(|one| &one.event).collect::<HashSet<_>>().len()
}

/// Follows the live stream of the feed.
fn stream(port: u16) -> Arc<Mutex<Vec<(Box<str>, Instant)>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let request = format!(
        "GET /v1/feed/stream?types=points.earned HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).expect("it answers");
    assert!(line.contains(" 200 "), "{line}");
    std::thread::spawn(move || {
        loop {
            line.clear();
            if !lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                return;
            }
            if let Some(change) = line.strip_prefix("data:") {
                let came = (sink::event(change).into(), Instant::now());
                kept.lock().expect("nobody panicked").push(came);
            }
        }
    });
    heard
}

fn serve(data: &Path) -> (Server, u16, u32) {
    let settings = process::fresh("deliveries-settings").join("settings.toml");
    std::fs::write(&settings, "[delivery]\nallow_networks = [\"127.0.0.0/8\"]\n").expect("can write");
    let port = process::free_port();
    let mut command = process::fealty();
    command.args(["serve", "--program", "bench/program.toml", "--settings"]).arg(settings);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data).env("FEALTY_API_KEY", KEY);
    let server = Server::start(command, port);
    let pid = server.pid();
    (server, port, pid)
}

/// The id of a new endpoint.
fn endpoint(port: u16, sink: &Sink, after: &str, at_once: usize) -> String {
    let body = format!(
        r#"{{"url":"{}","after":"{after}","types":["points.earned"],"per_second":10000,"at_once":{at_once}}}"#,
        sink.url()
    );
    let told = ask(port, "POST", "/v1/endpoints", &body);
    let id = told.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
    id.unwrap_or_else(|| panic!("{told}")).0.to_owned()
}

fn ask(port: u16, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let began = Instant::now();
    while !until() {
        assert!(began.elapsed() < Duration::from_secs(300), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
