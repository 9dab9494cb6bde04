//! The simulator from the command line; `cargo xtask sim` builds and starts it.
//!
//! Prints what failed and how to see it again. Exit code 1 if a seed failed or a situation was never met.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use testkit::sim::{self, Choice, Marks, Report};

/// Every so many seeds are run twice and must decide the same.
const TWICE: u64 = 50;
/// With fewer seeds a rare situation may be missed by chance.
const MARKS_FROM: u64 = 800;

struct Args {
    from: u64,
    seeds: u64,
    choice: Choice,
    planted: bool,
    /// Only this one of those that are planted.
    only: Option<String>,
    threads: usize,
}

fn main() -> ExitCode {
    let args = match read(&mut std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprintln!(
                "{why}\nsim [--seeds N] [--from S] [--real|--memory|--postgres] [--trace] [--threads N] [--planted [--only NAME]]"
            );
            return ExitCode::from(2);
        }
    };
    // A panic is told as the failure of its seed.
    std::panic::set_hook(Box::new(|_| {}));
    if args.planted { planted(&args) } else { seeds(&args) }
}

fn read(args: &mut dyn Iterator<Item = String>) -> Result<Args, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut read =
        Args { from: 1, seeds: 200, choice: Choice::default(), planted: false, only: None, threads };
    while let Some(arg) = args.next() {
        if arg == "--only" {
            read.only = Some(args.next().ok_or("--only needs a name")?);
            continue;
        }
        let mut number = || {
            let text = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("{text} is no number"))
        };
        match arg.as_str() {
            "--seeds" => read.seeds = number()?,
            "--from" => read.from = number()?,
            "--threads" => read.threads = number()?.clamp(1, 64) as usize,
            "--real" => read.choice.real = Some(true),
            "--postgres" => read.choice.on_postgres = true,
            "--memory" => read.choice.real = Some(false),
            "--trace" => read.choice.trace = true,
            "--planted" => read.planted = true,
            other => return Err(format!("{other} is no argument")),
        }
    }
    Ok(read)
}

/// Runs seeds on all threads; `each` says whether to go on.
fn run(args: &Args, mut each: impl FnMut(Report) -> bool) {
    let (next, stop) = (AtomicU64::new(args.from), AtomicBool::new(false));
    let end = args.from + args.seeds;
    let work = |to: Sender<Report>| {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let mut report = sim::run(seed, args.choice);
            // In memory: the secret of a real store is drawn anew, and codes are made of it.
            let digest =
                || sim::run(seed, Choice { real: Some(false), on_postgres: false, ..args.choice }).digest;
            if seed % TWICE == 0 && report.failure.is_none() && digest() != digest() {
                report.failure = Some("run twice, the same seed decided differently".to_owned());
            }
            if to.send(report).is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let (to, reports) = channel();
        for _ in 0..args.threads {
            let to = to.clone();
            scope.spawn(|| work(to));
        }
        drop(to);
        for report in reports {
            if !each(report) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
}

fn seeds(args: &Args) -> ExitCode {
    let (begun, shows) = (Instant::now(), std::io::stderr().is_terminal());
    let (mut done, mut rows, mut messages, mut failed) = (0_u64, 0_usize, 0_usize, Vec::new());
    let mut marks = Marks::default();
    run(args, |report| {
        done += 1;
        rows += report.rows;
        messages += report.messages;
        marks.add(&report.marks);
        if args.choice.trace {
            println!("{}", report.trace.join("\n"));
        }
        if let Some(why) = report.failure {
            println!(
                "\nseed {} failed: {why}\n  again: cargo xtask sim --from {} --seeds 1 --trace",
                report.seed, report.seed
            );
            failed.push(report.seed);
        }
        if shows || done.is_multiple_of(500) {
            let rate = done as f64 / begun.elapsed().as_secs_f64();
            let bar = "#".repeat((done * 40 / args.seeds.max(1)) as usize);
            let end = if shows { "\r" } else { "\n" };
            eprint!(
                "[{bar:<40}] {done}/{} seeds, {rate:.1} a second, {} failed {end}",
                args.seeds,
                failed.len()
            );
            let _ = std::io::stderr().flush();
        }
        failed.len() < 5
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!("\nsituations met:");
    for (name, count) in &marks.0 {
        println!("  {count:>8}  {name}");
    }
    let never = if args.seeds >= MARKS_FROM { marks.never() } else { Vec::new() };
    for name in &never {
        println!("     never  {name}");
    }
    println!(
        "{done} seeds from {}, {messages} messages, {rows} rows, {seconds:.1} s, {:.1} seeds/s, {} failed, {} situations never met",
        args.from,
        done as f64 / seconds,
        failed.len(),
        never.len()
    );
    if failed.is_empty() && never.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each planted mistake must be found.
#[cfg(feature = "planted")]
fn planted(args: &Args) -> ExitCode {
    use domain::planted;
    let (mut tried_all, mut missed) = (0, 0);
    println!("{:<24} {:>6}  {:>7}  found as", "planted", "seeds", "seconds");
    for (name, what) in planted::ALL {
        if args.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        tried_all += 1;
        planted::choose(Some(name));
        let (begun, mut tried, mut found) = (Instant::now(), 0_u64, None);
        run(args, |report| {
            tried += 1;
            if let (Some(why), None) = (report.failure, &found) {
                found = Some((report.seed, why));
            }
            found.is_none()
        });
        let seconds = begun.elapsed().as_secs_f64();
        // A seed that fails by itself proves nothing.
        planted::choose(None);
        let sound = found.as_ref().is_none_or(|(seed, _)| sim::run(*seed, args.choice).failure.is_none());
        match found.filter(|_| sound) {
            Some((seed, why)) => {
                let why: String = why.lines().next().unwrap_or("").chars().rev().take(90).collect();
                let why: String = why.chars().rev().collect();
                println!("{name:<24} {tried:>6}  {seconds:>7.1}  seed {seed}: …{why}");
            }
            None => {
                missed += 1;
                println!("{name:<24} {tried:>6}  {seconds:>7.1}  NOT FOUND ({what})");
            }
        }
    }
    planted::choose(None);
    println!("{} of {tried_all} found", tried_all - missed);
    if missed == 0 && tried_all > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(feature = "planted"))]
fn planted(_: &Args) -> ExitCode {
    eprintln!("built without the feature `planted`");
    ExitCode::from(2)
}
