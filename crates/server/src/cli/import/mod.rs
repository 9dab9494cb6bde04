//! `fealty import`: NDJSON CloudEvents from files into the one door. One thread reads, some parse, one decides, one
//! writes; this one hands over in the order of the files and counts what came back.
//!
//! It can be stopped and run again: what was committed is answered as a duplicate.

mod chunks;
mod members;
mod parse;
mod tally;

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use clap::{Args, Subcommand};
use engine::{Delivery, Engine, Intake, Metrics, Pending};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Choice, FOUND, Failure, INTERRUPTED, Place, STORE, serve};
use parse::Parsed;
use tally::Tally;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Import {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    choice: Choice,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
    /// NDJSON files, one CloudEvent a line; `-` for standard input; `.gz` is unpacked
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Bring in members of another product, from its CSV export: balances, levels, dates
    Members(Box<members::Members>),
}

/// Events of one hand-over: about half a batch, so that batches stay full.
const PIECE: usize = 1_024;
/// Hand-overs under way: enough to keep decider and writer busy, few enough to hold in memory.
const PIECES_MAX: usize = 12;
const QUEUE_MAX: usize = PIECE * (PIECES_MAX + 2);

impl Import {
    pub fn run(self) -> Result<u8, Failure> {
        if let Some(What::Members(members)) = self.what {
            return members.run();
        }
        let file = self.place.file()?;
        super::log(file.log.unwrap_or_default());
        let data = self.place.data(&file)?;
        let inputs = chunks::open(&self.files)?;
        let opened = self.choice.open(&data, &file)?;
        let reader = opened.store.reader();
        let ids = crate::app::member_ids(&opened.store);
        let options = engine::Options {
            queue_max: QUEUE_MAX,
            clock: opened.clock.clone(),
            wakes: false,
            compile: opened.compile,
            fatal: Arc::new(serve::stop_at_once),
            metrics: Metrics::default(),
        };
        let engine = Engine::start(opened.store, opened.plans, options)
            .map_err(|e| Failure::new(STORE, "cannot start the decider's thread", e))?;
        let stop = stop_on_ctrl_c();
        let bar = bar(inputs.bytes, self.json);
        let mut tally = Tally::new(&self.files);
        let parsed = parse::start(inputs, ids, opened.clock, stop.clone());
        let fed = feed(parsed, &engine.intake, &mut tally, &bar, &stop);
        let plan = engine.versions.current();
        engine.stop();
        bar.finish_and_clear();
        tally.follow_the_freed(&reader);
        if self.json {
            println!("{}", tally.json(&plan))
        } else {
            print!("{}", tally.table(&plan))
        }
        fed?;
        if stop.load(Ordering::Relaxed) {
            eprintln!("stopped; run the same command again to go on, what is in is skipped as duplicate");
            return Ok(INTERRUPTED);
        }
        Ok(if tally.clean() { 0 } else { FOUND })
    }
}

/// Where each event of a hand-over stood.
struct Piece {
    file: usize,
    lines: Vec<u64>,
    pending: Pending,
}

fn feed(
    mut parsed: parse::InOrder,
    intake: &Intake,
    tally: &mut Tally,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut under_way: VecDeque<Piece> = VecDeque::new();
    while let Some(chunk) = parsed.next() {
        let Parsed { file, events, bad, bytes, broken } = chunk;
        tally.unreadable_lines(file, bad);
        if let Some(why) = broken {
            tally.broken(file, &why);
        }
        let mut events = events.into_iter();
        loop {
            let (lines, deliveries): (Vec<u64>, Vec<Delivery>) = events
                .by_ref()
                .take(PIECE)
                .map(|(line, input)| (line, Delivery { input, raw: None }))
                .unzip();
            if deliveries.is_empty() {
                break;
            }
            if under_way.len() == PIECES_MAX
                && let Some(piece) = under_way.pop_front()
            {
                settle(piece, tally)?;
            }
            let pending = intake.submit(deliveries).map_err(failed)?;
            under_way.push_back(Piece { file, lines, pending });
        }
        bar.inc(bytes);
        if !bar.is_hidden() {
            bar.set_message(tally.line());
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    under_way.into_iter().try_for_each(|piece| settle(piece, tally))
}

fn settle(piece: Piece, tally: &mut Tally) -> Result<(), Failure> {
    let outcomes = piece.pending.wait().map_err(failed)?;
    for (outcome, line) in outcomes.iter().zip(&piece.lines) {
        tally.add(outcome, piece.file, *line);
    }
    Ok(())
}

pub fn failed(failure: engine::Failure) -> Failure {
    let why = match failure {
        engine::Failure::Full { .. } => "the queue is full".to_owned(),
        engine::Failure::Unavailable(why) | engine::Failure::Unknown(why) => why,
        engine::Failure::Stopped => "the decider has stopped".to_owned(),
    };
    Failure::new(STORE, "the import was not finished", why)
        .fix("run the same command again: what is in is skipped as duplicate")
}

/// From when this returns, Ctrl-C is heard.
fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let (listening, heard) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let mut first = std::pin::pin!(tokio::signal::ctrl_c());
            // Listening begins when it is first asked.
            let already = std::future::poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await;
            drop(listening);
            if already.is_pending() && first.await.is_err() {
                return;
            }
            seen.store(true, Ordering::Relaxed);
            eprintln!("stopping after what is under way; Ctrl-C again stops at once");
            // A pipe that brings nothing would be waited for. What is acknowledged is on disk, whenever this ends.
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(i32::from(INTERRUPTED));
            }
        });
    });
    let _listening = heard.recv();
    stop
}

/// Shown to a person who waits, of so many bytes in all.
pub fn bar(bytes: Option<u64>, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, shape) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{bar:30} {percent:>3} %  {eta} left  {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {elapsed}  {msg}"),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    match ProgressStyle::with_template(shape) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
