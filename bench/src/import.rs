//! `fealty import` beside a bare program that writes the same rows in the same batches with no logic
//! (`store/examples/write_limit.rs`), with nothing stored and with `--stored` events stored before.

use std::path::Path;

use crate::table::{median, print, short};
use crate::{Options, events, process};

pub fn measure(options: &Options) {
    let mut rows = Vec::new();
    rows.push(row(options, 0));
    if options.stored > 0 {
        rows.push(row(options, options.stored));
    }
    let head = ["stored before", "Fealty events/s", "bare SQLite events/s", "ratio", "bytes an event"];
    print("Import, durable, 20 rules", &head, &rows);
}

fn row(options: &Options, stored: u64) -> Vec<String> {
    let files = process::fresh("import-events");
    let (mut ours, mut bare, mut bytes) = (Vec::new(), Vec::new(), 0.0);
    let data = process::fresh("import-data");
    if stored > 0 {
        load(&data, &files.join("before.ndjson"), options, 0, stored);
        let _ = std::fs::remove_file(files.join("before.ndjson"));
    }
    for round in 0..options.rounds as u64 {
        let fresh = stored == 0;
        let data = if fresh { process::fresh("import-data") } else { data.clone() };
        let from = if fresh { 0 } else { stored + round * options.events };
        let file = files.join("events.ndjson");
        let seconds = load(&data, &file, options, from, options.events);
        ours.push(options.events as f64 / seconds);
        bytes = size(&data) / (from + options.events) as f64;
        if fresh {
            bare.push(write_limit(options, 0, 1));
        }
    }
    if stored > 0 {
        bare.push(write_limit(options, stored, options.rounds));
    }
    vec![
        stored.to_string(),
        short(median(&ours)),
        short(median(&bare)),
        format!("{:.2}", median(&ours) / median(&bare)),
        format!("{bytes:.0}"),
    ]
}

/// Writes the events, imports them and gives the seconds that the import took.
fn load(data: &Path, file: &Path, options: &Options, from: u64, count: u64) -> f64 {
    events::write(file, options, from, count);
    let mut command = process::fealty();
    command.args(["import", "--program", "bench/program.toml", "--data"]).arg(data).arg(file);
    process::timed(command).0
}

/// Events a second of the bare program: the last number on its last line. It fills its own folder first, so with
/// events stored before all its rounds are run at once.
fn write_limit(options: &Options, stored: u64, rounds: usize) -> f64 {
    let folder = process::fresh("write-limit").to_string_lossy().into_owned();
    let (events, stored) = (options.events.to_string(), stored.to_string());
    let (members, rounds) = (options.members.to_string(), rounds.to_string());
    let mut args = vec![folder.as_str(), &events, &stored, &members, "--only", "bare", "--rounds", &rounds];
    if options.random_ids {
        args.push("--random-ids");
    }
    let text = process::cargo_example("store", "write_limit", &args);
    let words = text.split_whitespace().rev();
    words.filter_map(|word| word.parse().ok()).next().unwrap_or(f64::NAN)
}

fn size(folder: &Path) -> f64 {
    let Ok(read) = std::fs::read_dir(folder) else { return 0.0 };
    read.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len() as f64)).sum()
}
