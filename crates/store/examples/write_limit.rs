//! How fast rows can be written here: the store, a bare program that writes the same rows, and the naive form with a
//! unique index, alternating in one run. No rules are in it; `cargo xtask bench` measures the whole.
//!
//!     write_limit FOLDER EVENTS STORED MEMBERS [--random-ids] [--batch N] [--rounds N] [--only NAME]
//!
//! Each form has a folder of its own, filled with STORED events first. The bare form appends journal rows, one blob of
//! keys a batch and updates member rows; the naive one puts the keys into a plain unique index instead.
//! The last number printed is the bare form's events per second.

#[path = "write_limit/bare.rs"]
mod bare;
#[path = "write_limit/events.rs"]
mod events;
#[path = "write_limit/full.rs"]
mod full;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub struct Job {
    pub members: u64,
    pub random_ids: bool,
    pub batch: u64,
}

/// One of the forms that are compared.
trait Form {
    /// Writes the events `from..to`, durably; answers how long each commit took.
    fn write(&mut self, job: &Job, from: u64, to: u64) -> Vec<Duration>;
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, default: u64| args.get(n).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let flag = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let folder = PathBuf::from(args.first().map_or("write-limit-data", String::as_str));
    let (count, stored) = (number(1, 500_000), number(2, 0));
    let job = Job {
        members: number(3, 100_000).max(1),
        random_ids: args.iter().any(|arg| arg == "--random-ids"),
        batch: flag("--batch").and_then(|n| n.parse().ok()).unwrap_or(2048),
    };
    let rounds: u64 = flag("--rounds").and_then(|n| n.parse().ok()).unwrap_or(3);
    let names: Vec<&str> = ["store", "bare", "naive"]
        .into_iter()
        .filter(|name| flag("--only").is_none_or(|only| only == name))
        .collect();
    let mut rates = vec![Vec::new(); names.len()];
    let mut forms: Vec<Box<dyn Form>> = Vec::new();
    for name in &names {
        let mut form = open(name, &folder.join(name));
        if stored > 0 {
            report(name, "fill", &mut *form, &job, 0, stored);
        }
        forms.push(form);
    }
    for round in 0..rounds {
        for (at, name) in names.iter().enumerate() {
            let from = stored + round * count;
            rates[at].push(report(name, "", &mut *forms[at], &job, from, from + count));
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    let of = |name: &str| names.iter().position(|n| *n == name).map_or(f64::NAN, |at| medians[at]);
    println!("store/bare {:.2} store/naive {:.2}", of("store") / of("bare"), of("store") / of("naive"));
    println!("medians: store {:.0} naive {:.0} bare {:.0}", of("store"), of("naive"), of("bare"));
}

fn open(name: &str, folder: &Path) -> Box<dyn Form> {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    match name {
        "store" => Box::new(full::Full::open(folder)),
        other => Box::new(bare::Bare::open(folder, other == "naive")),
    }
}

fn report(name: &str, what: &str, form: &mut dyn Form, job: &Job, from: u64, to: u64) -> f64 {
    let (begun, cpu, written) = (Instant::now(), cpu_seconds(), written_bytes());
    let mut commits = form.write(job, from, to);
    let seconds = begun.elapsed().as_secs_f64();
    let events = (to - from) as f64;
    commits.sort_unstable();
    let at = |share: f64| commits[((commits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:5} {what:4} {from:>9}..{to:<9} {:>8.0} events/s, commit p50 {:.1} p99 {:.1} max {:.1} ms, cpu {:.1} us, written {:.2} KB an event, memory {} MB",
        events / seconds,
        at(0.5),
        at(0.99),
        at(1.0),
        (cpu_seconds() - cpu) * 1e6 / events,
        (written_bytes() - written) / 1e3 / events,
        resident_mb(),
    );
    events / seconds
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Of this process; 0 where there is no /proc.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>();
    ticks / 100.0
}
fn written_bytes() -> f64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0.0)
}
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1000
}
