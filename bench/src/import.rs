//! `fealty import` beside a bare program that writes the same rows in the same batches with no logic, and one that
//! keeps keys in a plain unique index (`store/examples/write_limit.rs`), with nothing stored and with `--stored` events
//! stored before. Also: the same events again, memory, and how long a server takes to listen on what was stored.

use std::path::Path;
use std::time::Instant;

use crate::process::Run;
use crate::record::{Bar, bar};
use crate::table::{median, print, short};
use crate::{Options, events, process};

pub fn measure(options: &Options) {
    let mut rows = vec![row(options, 0)];
    if options.stored > 0 {
        rows.push(row(options, options.stored));
    }
    let head = [
        "stored before",
        "Fealty events/s",
        "bare SQLite events/s",
        "ratio",
        "naive SQLite events/s",
        "times naive",
        "all known already /s",
        "CPU us an event",
        "bytes an event",
        "memory MiB",
        "start ms",
    ];
    let ids = if options.random_ids { "random ids" } else { "ids in order" };
    print(&format!("Import, durable, 20 rules, {} members, {ids}", options.members), &head, &rows);
}

fn row(options: &Options, stored: u64) -> Vec<String> {
    let files = process::fresh("import-events");
    let mut data = process::fresh("import-data");
    let (mut ours, mut cpu, mut memory) = (Vec::new(), Vec::new(), 0);
    // The naive form suffers where ids have no order.
    let (mut bare, mut naive) = (Vec::new(), Vec::new());
    let file = files.join("events.ndjson");
    if stored > 0 {
        import(&data, &file, options, 0, stored);
        bare.push(limit(options, stored, options.rounds, "bare"));
        if options.random_ids {
            naive.push(limit(options, stored, options.rounds, "naive"));
        }
    }
    let mut last = 0;
    for round in 0..options.rounds as u64 {
        if stored == 0 {
            data = process::fresh("import-data");
            bare.push(limit(options, 0, 1, "bare"));
            if options.random_ids {
                naive.push(limit(options, 0, 1, "naive"));
            }
        }
        let from = if stored == 0 { 0 } else { stored + round * options.events };
        let run = import(&data, &file, options, from, options.events);
        ours.push(options.events as f64 / run.seconds);
        cpu.push(run.cpu_seconds * 1e6 / options.events as f64);
        memory = memory.max(run.memory_mib);
        last = from + options.events;
    }
    let of = |what: &str| format!("{what}, {stored} stored before, {} members", options.members);
    bar(&of("import, durable, 20 rules"), median(&ours), "events/s", Bar::AtLeast(60_000.0));
    bar(&of("memory of an import"), memory as f64, "MiB", Bar::AtMost(512.0));
    let bytes = size(&data) / last as f64;
    let known = run(&data, &file);
    let ready = start(&data) * 1e3;
    bar(&of("start to ready"), ready, "ms", Bar::AtMost(1_000.0));
    let ratio = |other: &[f64]| format!("{:.2}", median(&ours) / median(other));
    vec![
        stored.to_string(),
        short(median(&ours)),
        short(median(&bare)),
        ratio(&bare),
        short(median(&naive)),
        ratio(&naive),
        short(options.events as f64 / known.seconds),
        format!("{:.0}", median(&cpu)),
        format!("{bytes:.0}"),
        memory.to_string(),
        format!("{ready:.0}"),
    ]
}

/// Writes the events and imports them.
fn import(data: &Path, file: &Path, options: &Options, from: u64, count: u64) -> Run {
    events::write(file, options, from, count);
    run(data, file)
}

fn run(data: &Path, file: &Path) -> Run {
    process::import("bench/program.toml", data, file)
}

/// Seconds until a server listens on what is stored.
fn start(data: &Path) -> f64 {
    let port = process::free_port();
    let begun = Instant::now();
    let _server = process::serve("bench/program.toml", data, crate::http::KEY, port);
    begun.elapsed().as_secs_f64()
}

/// Events a second of a program that only writes: the last number on its last line. It fills its own folder first, so
/// with events stored before all its rounds are run at once.
fn limit(options: &Options, stored: u64, rounds: usize, name: &str) -> f64 {
    let folder = process::fresh("write-limit").to_string_lossy().into_owned();
    let (events, stored) = (options.events.to_string(), stored.to_string());
    let (members, rounds) = (options.members.to_string(), rounds.to_string());
    let mut args = vec![folder.as_str(), &events, &stored, &members, "--only", name, "--rounds", &rounds];
    if options.random_ids {
        args.push("--random-ids");
    }
    let text = process::cargo_example("store", "write_limit", &args);
    let mut words = text.split_whitespace().rev();
    let rate = words.find_map(|word| word.parse::<f64>().ok().filter(|rate| rate.is_finite()));
    let _ = std::fs::remove_dir_all(folder);
    rate.unwrap_or(f64::NAN)
}

fn size(folder: &Path) -> f64 {
    let Ok(read) = std::fs::read_dir(folder) else { return 0.0 };
    read.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len() as f64)).sum()
}
