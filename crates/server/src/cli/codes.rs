//! `fealty codes import`: codes from files, one a line, into the pool of a reward. Those that came before are left out
//! and counted. Can be stopped and run again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use domain::decide::rewards::{codes, terms};
use domain::event::{API_SOURCE, Event, Input};
use domain::own::CODES;
use domain::plan::Gives;
use domain::snapshot::Snapshot;
use domain::value::LIST_MAX;
use engine::{Delivery, Engine, Intake, Metrics, Pending};
use indicatif::ProgressBar;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::table::{grouped, render};
use super::{Choice, FOUND, Failure, Place, SETTINGS, STORE, import, open, serve};

#[derive(Args)]
pub struct Codes {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Bring in codes, one a line; the server must not serve the same folder meanwhile
    Import(Bring),
}

#[derive(Args)]
struct Bring {
    /// The reward that gives them
    #[arg(long, value_name = "ID")]
    reward: String,
    #[command(flatten)]
    choice: Choice,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
    /// Text files, one code a line; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Rows under way: enough to keep decider and writer busy, few enough to hold in memory.
const UNDER_WAY_MAX: usize = 8;
/// Lines that are told one by one.
const SHOWN: usize = 20;

#[derive(Default)]
struct Tally {
    added: i64,
    skipped: u64,
    unreadable: u64,
}

impl Codes {
    pub fn run(self) -> Result<u8, Failure> {
        let What::Import(bring) = self.what;
        bring.run()
    }
}

impl Bring {
    fn run(self) -> Result<u8, Failure> {
        let file = self.place.file()?;
        super::log(file.log.unwrap_or_default());
        let data = self.place.data(&file)?;
        let inputs = self.files.iter().map(|path| lines(path)).collect::<Result<Vec<_>, _>>()?;
        let opened = self.choice.open(&data, &file)?;
        let plan = opened.plans.current.clone();
        let reward = plan.rewards.iter().find(|reward| *reward.id == *self.reward);
        let Some((reward, Gives::CodeImported(pool))) = reward.map(|reward| (reward, &reward.gives)) else {
            let what = format!("cannot bring codes for the reward `{}`", self.reward);
            let why =
                if reward.is_some() { "it gives no codes of a pool" } else { "there is no such reward" };
            return Err(Failure::settings(what, why).fix("write `gives.code.pool = \"…\"` in the program"));
        };
        let reader = opened.store.reader();
        let options = engine::Options {
            queue_max: UNDER_WAY_MAX + 1,
            clock: opened.clock,
            wakes: false,
            compile: opened.compile,
            fatal: Arc::new(serve::stop_at_once),
            metrics: Metrics::default(),
        };
        let engine = Engine::start(opened.store, opened.plans, options)
            .map_err(|e| Failure::new(STORE, "cannot start the decider's thread", e))?;
        let mut tally = Tally::default();
        let bar = import::bar(bytes(&self.files), self.json);
        let fed = self.feed(inputs, pool, &engine.intake, &mut tally, &bar);
        engine.stop();
        bar.finish_and_clear();
        let mut now = Snapshot::default();
        reader.fetch(&mut now, &[]).map_err(|e| open::failed(&data, e))?;
        self.tell(&tally, terms::left(&now.budgets, reward).unwrap_or(0));
        fed?;
        Ok(if tally.unreadable > 0 { FOUND } else { 0 })
    }

    fn feed(
        &self,
        inputs: Vec<Box<dyn BufRead>>,
        pool: &str,
        intake: &Intake,
        tally: &mut Tally,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let (mut under_way, mut chunk) = (VecDeque::new(), Vec::with_capacity(LIST_MAX));
        for (path, input) in self.files.iter().zip(inputs) {
            for (n, line) in input.lines().enumerate() {
                let line = line.map_err(|e| unreadable_file(path, e))?;
                bar.inc(line.len() as u64 + 1);
                let code = line.trim();
                if code.is_empty() {
                    continue;
                }
                if !codes::is_code(code) {
                    tally.unreadable += 1;
                    if tally.unreadable <= SHOWN as u64 {
                        eprintln!("{}:{}: {}", path.display(), n + 1, codes::NO_CODE);
                    }
                    continue;
                }
                chunk.push(code.to_owned());
                if chunk.len() == LIST_MAX {
                    hand_over(pool, &mut chunk, intake, &mut under_way, tally)?;
                }
            }
        }
        hand_over(pool, &mut chunk, intake, &mut under_way, tally)?;
        under_way.into_iter().try_for_each(|one| settle(one, tally))
    }

    fn tell(&self, tally: &Tally, left: i64) {
        let Tally { added, skipped, unreadable } = tally;
        if self.json {
            let told = json!({"reward": self.reward, "added": added, "skipped": skipped, "unreadable": unreadable, "left": left});
            println!("{told}");
            return;
        }
        let row = |name: &str, count: i128| vec![name.to_owned(), grouped(count)];
        print!(
            "{}",
            render(&[
                vec!["codes".into(), "count".into()],
                row("added", (*added).into()),
                row("came before", (*skipped).into()),
                row("unreadable", (*unreadable).into()),
                row("left", left.into()),
            ])
        );
    }
}

/// None: a pipe does not say how much it brings.
fn bytes(files: &[PathBuf]) -> Option<u64> {
    files.iter().map(|path| std::fs::metadata(path).ok().filter(|at| at.is_file()).map(|at| at.len())).sum()
}

fn lines(path: &PathBuf) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(path).map_err(|e| unreadable_file(path, e))?)))
}

fn unreadable_file(path: &std::path::Path, why: std::io::Error) -> Failure {
    Failure::new(SETTINGS, format!("cannot read {}", path.display()), why).fix("check the name")
}

/// A row under way, and how many codes it names.
type UnderWay = (u64, Pending);

fn hand_over(
    pool: &str,
    chunk: &mut Vec<String>,
    intake: &Intake,
    under_way: &mut VecDeque<UnderWay>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    if chunk.is_empty() {
        return Ok(());
    }
    if under_way.len() == UNDER_WAY_MAX
        && let Some(one) = under_way.pop_front()
    {
        settle(one, tally)?;
    }
    let data = json!({"pool": pool, "codes": chunk}).to_string().into_bytes();
    let body_hash: [u8; 32] = Sha256::digest(&data).into();
    // The same codes again are the same event.
    let name: String = body_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let event = Event {
        source: API_SOURCE.into(),
        id: format!("codes:{name}").into(),
        kind: CODES.into(),
        subject: None,
        also: Vec::new(),
        time: jiff::Timestamp::now(),
        data: data.into(),
    };
    let input = Input { event: event.into(), body_hash, origin: "import".into() };
    let pending = intake.submit(vec![Delivery { input, raw: None }]).map_err(import::failed)?;
    under_way.push_back((chunk.len() as u64, pending));
    chunk.clear();
    Ok(())
}

fn settle((count, pending): UnderWay, tally: &mut Tally) -> Result<(), Failure> {
    for outcome in pending.wait().map_err(import::failed)? {
        if outcome.duplicate {
            tally.skipped += count;
            continue;
        }
        if let Some(reason) = &outcome.decision.reason {
            return Err(Failure::new(STORE, "the codes were refused", &reason.message));
        }
        tally.added += outcome.decision.brought.map_or(0, |brought| brought.1);
        tally.skipped += outcome.decision.skipped.len() as u64;
    }
    Ok(())
}
