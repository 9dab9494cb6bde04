//! `cargo xtask soak --minutes N`: the whole programme of proofs, scaled to the time given. Each campaign is a command of
//! its own that anybody can run; here they are run one after another, and what each says last is its figure. With
//! `--write` the table becomes `docs/proof.md`.
//!
//! Invariant: every figure on that page was printed by the run that wrote it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::shell::{self, Outcome};

/// A promise, what backs it, and how much of it fits into a minute of the soak.
struct Campaign {
    promise: &'static str,
    /// Of `cargo xtask`.
    command: &'static str,
    /// The argument that says how much of it, and how much for each minute.
    much: Option<(&'static str, f64)>,
}

const fn whole(promise: &'static str, command: &'static str) -> Campaign {
    Campaign { promise, command, much: None }
}
const fn scaled(promise: &'static str, command: &'static str, much: &'static str, a_minute: f64) -> Campaign {
    Campaign { promise, command, much: Some((much, a_minute)) }
}

const CAMPAIGNS: &[Campaign] = &[
    scaled(
        "In random worlds, with faults of every kind, the ledger is what an independent auditor expects; every situation is met",
        "sim",
        "--seeds",
        40.0,
    ),
    scaled(
        "Killed at any moment, the server loses nothing that it acknowledged and counts nothing twice",
        "kill",
        "--rounds",
        2.0,
    ),
    scaled(
        "Readers, endpoints and brokers that are cut off and killed end with the same changes as the ledger",
        "cutoff",
        "--seconds",
        8.0,
    ),
    whole("Each of the mistakes that are planted on purpose is found", "sim --planted"),
    whole(
        "PostgreSQL killed, connections ended, COMMITs cut: nothing lost, nothing doubled, back within 10 s",
        "outages",
    ),
    whole(
        "By HTTP and every broker, with processes killed at random, the same comes out as of an import",
        "brokers",
    ),
    whole("155,848 real baskets come out as an independent calculation says", "journey"),
    scaled(
        "Power cuts, full disks and flipped bits lose nothing that was acknowledged",
        "faults",
        "--images",
        20.0,
    ),
    whole("Many clients at the same instant: no reward, code or budget is given out twice", "races"),
    whole("Imports: speed, memory, start", "bench import --rounds 1"),
    whole("Single events over HTTP: speed and lateness", "bench http --rounds 1"),
    whole("Quotes beside a load of events", "bench quotes --rounds 1"),
    whole("Contexts beside a load of events", "bench context --rounds 1"),
    whole("Webhooks: speed, lateness, bad neighbours", "bench deliveries --rounds 1"),
    whole("PostgreSQL beside pgbench", "bench postgres --rounds 1"),
    whole("Ten times as many events as can be taken", "bench overload --rounds 1"),
    whole("A decision beside other rule engines", "bench engines"),
];

/// What a campaign came to.
struct Found {
    what: String,
    figure: String,
    bar: String,
    holds: bool,
    command: String,
}

pub fn run(args: &[String]) -> Outcome {
    let (mut minutes, mut write) = (30.0, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.as_slice().first().and_then(|next| next.parse::<f64>().ok())) {
            ("--minutes", Some(number)) => {
                minutes = number;
                args.next();
            }
            ("--write", _) => write = true,
            _ => return Err("soak [--minutes N] [--write]".into()),
        }
    }
    let begun = Instant::now();
    let mut found = Vec::new();
    for (n, campaign) in CAMPAIGNS.iter().enumerate() {
        let command = campaign.command(minutes);
        eprintln!(
            "\n[{}/{}] {} min: cargo xtask {command}",
            n + 1,
            CAMPAIGNS.len(),
            begun.elapsed().as_secs() / 60
        );
        found.extend(campaign.run(&command)?);
    }
    let table = table(&found);
    println!("\n{table}");
    if write {
        let page = page(&table, minutes, begun.elapsed());
        std::fs::write(shell::root().join("docs/proof.md"), page)
            .map_err(|why| format!("docs/proof.md: {why}"))?;
    }
    match found.iter().filter(|one| !one.holds).count() {
        0 => Ok(()),
        short => Err(format!("{short} of {} fall short", found.len())),
    }
}

impl Campaign {
    fn command(&self, minutes: f64) -> String {
        match self.much {
            Some((much, a_minute)) => {
                format!("{} {much} {:.0}", self.command, (a_minute * minutes).max(10.0))
            }
            None => self.command.to_owned(),
        }
    }

    /// What it says is passed on while it runs.
    fn run(&self, command: &str) -> Result<Vec<Found>, String> {
        let ourselves = std::env::current_exe().map_err(|why| why.to_string())?;
        let (well, said) = shell::tee(shell::command(ourselves, &command.split(' ').collect::<Vec<_>>()));
        let lines: Vec<&str> = said.lines().collect();
        let rerun = format!("cargo xtask {command}");
        let mut found = bars(&lines, &rerun);
        if found.is_empty() || !well {
            let last = lines.iter().rev().find(|line| !line.trim().is_empty()).unwrap_or(&"it said nothing");
            let (what, bar) = (self.promise.to_owned(), "all of it".to_owned());
            found.push(Found { what, figure: last.replace('|', "/"), bar, holds: well, command: rerun });
        }
        Ok(found)
    }
}

/// The rows of the table `Bars`, in which a bench tells what is to be reached.
fn bars(lines: &[&str], command: &str) -> Vec<Found> {
    let from = lines.iter().position(|line| *line == "### Bars").map_or(lines.len(), |at| at + 3);
    let rows = lines.iter().skip(from).take_while(|line| line.starts_with('|'));
    let cells = rows
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    cells
        .filter_map(|cells| {
            let [what, figure, bar, holds] = <[String; 4]>::try_from(cells).ok()?;
            Some(Found { what, figure, bar, holds: holds == "yes", command: command.to_owned() })
        })
        .collect()
}

fn table(found: &[Found]) -> String {
    let mut table =
        String::from("| what is promised | figure | bar | holds | run it again |\n|---|---|---|---|---|\n");
    for one in found {
        let holds = if one.holds { "yes" } else { "**no**" };
        let _ =
            writeln!(table, "| {} | {} | {} | {holds} | `{}` |", one.what, one.figure, one.bar, one.command);
    }
    table
}

fn page(table: &str, minutes: f64, took: Duration) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1).map(str::trim));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "# Proof\n\nWritten by `cargo xtask soak --minutes {minutes:.0} --write`, which ran {} minutes on {cores} cores ({}). \
         Every figure here was printed by that run; where one falls short of its bar, it says so. Which test stands behind \
         each promise of the product is in [promises.md](promises.md), what the figures mean in [performance.md](performance.md).\n\n{table}",
        took.as_secs() / 60,
        model.unwrap_or("unknown")
    )
}

#[test]
fn what_a_bench_promises_is_found_in_what_it_says() {
    let said = [
        "noise",
        "### Bars",
        "| what | figure | bar | holds |",
        "|---|---|---|---|",
        "| p99 | 3 ms | at most 5 ms | yes |",
        "",
        "| no | more | of | it |",
    ];
    let found = bars(&said, "cargo xtask bench http");
    assert_eq!(found.len(), 1);
    assert!(found[0].holds && found[0].what == "p99" && found[0].figure == "3 ms");
    assert!(table(&found).contains("| p99 | 3 ms | at most 5 ms | yes | `cargo xtask bench http` |"));
}
