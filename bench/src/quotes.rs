//! Quotes over HTTP, alone and beside a load of events: what a checkout waits for.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::http::KEY;
use crate::load::{Body, Load, Seen};
use crate::process;
use crate::record::{Bar, bar};
use crate::table::{median, percentile, print, short};
use crate::{Options, events};

/// Quotes a second of all shops together.
const RATE: f64 = 200.0;

pub fn measure(options: &Options) {
    let next = Arc::new(AtomicU64::new(events::mix(std::process::id().into()) >> 24));
    let mut rows = Vec::new();
    for (name, clients, rate) in [
        ("nothing else", 0, 0.0),
        ("2,000 events a second", 64, 2_000.0),
        ("5,000 events a second", 64, 5_000.0),
    ] {
        let seen: Vec<Seen> = (0..options.rounds).map(|_| one(options, &next, clients, rate)).collect();
        let at =
            |percent| median(&seen.iter().map(|one| percentile(&one.latencies, percent)).collect::<Vec<_>>());
        bar(&format!("quotes beside {name}: p99"), at(99.0), "ms", Bar::AtMost(5.0));
        rows.push(vec![
            name.to_string(),
            short(median(&seen.iter().map(|one| one.per_second).collect::<Vec<_>>())),
            format!("{:.2} / {:.2} / {:.2}", at(50.0), at(99.0), at(99.9)),
        ]);
    }
    print("Quotes over HTTP, 8 clients", &["beside", "quotes /s", "p50 / p99 / p99.9 ms"], &rows);
}

fn one(options: &Options, next: &Arc<AtomicU64>, clients: usize, rate: f64) -> Seen {
    let port = process::free_port();
    let _server = process::serve("bench/program.toml", &process::fresh("quotes"), KEY, port);
    let members = options.members.min(20_000);
    let load = |clients, path, body: Body, rate, seconds: f64| Load {
        port,
        key: KEY.into(),
        clients,
        path,
        body,
        time: Duration::from_secs_f64(seconds),
        rate: Some(rate),
    };
    let event: Body = Arc::new(move |text, n| events::append(text, n, members, false));
    let first = Arc::new(AtomicU64::new(0));
    load(64, Some("/v1/events"), event.clone(), 5_000.0, 2.0).run(&first);
    let known = first.load(Ordering::Relaxed);
    let quote: Body = Arc::new(move |text, n| append(text, n, members, known));
    std::thread::scope(|scope| {
        let seconds = options.seconds as f64;
        if clients > 0 {
            let events = load(clients, Some("/v1/events"), event, rate, seconds + 0.5);
            scope.spawn(move || events.run(next));
        }
        load(8, Some("/v1/quotes"), quote, RATE, seconds).run(&Arc::new(AtomicU64::new(1)))
    })
}

/// A cart of three lines of some member who has sent one of the first `known` events; every tenth of somebody unknown.
fn append(text: &mut String, n: u64, members: u64, known: u64) {
    if !n.is_multiple_of(10) {
        let _ = write!(text, r#"{{"member":"customer:{}","#, events::member(events::mix(n) % known, members));
    } else {
        text.push('{');
    }
    let _ = write!(
        text,
        r#""order":{{"currency":"EUR","channel":"web","items":[{{"sku":"a","category":"coffee","quantity":2,"price":"{}.50"}},{{"sku":"b","category":"mugs","quantity":1,"price":"12.00"}},{{"sku":"c","category":"tea","quantity":3,"price":"4.20"}}]}}}}"#,
        n % 90
    );
}
