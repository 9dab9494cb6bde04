//! `fealty verify`: recomputes every invariant from the journal. Exit 1 on any breach. Reads only; the server may run.

use std::io::IsTerminal;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use store::verify::{Report, replay, verify};

use super::table::{grouped, render};
use super::{Data, FOUND, Failure, Place, open};

#[derive(Args)]
pub struct Verify {
    /// Decide every event again, and compare; takes about as long as an import
    #[arg(long)]
    replay: bool,
    /// With --replay: which of the program's [environments] counts
    #[arg(long, env = "FEALTY_ENVIRONMENT", value_name = "NAME")]
    environment: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Breaches that are told one by one on a terminal.
const SHOWN: usize = 20;

impl Verify {
    pub fn run(self) -> Result<u8, Failure> {
        let file = self.place.file()?;
        let data = self.place.existing(&file)?;
        let (dir, _passing) = data.at_rest()?;
        let bar = bar(self.json);
        let mut progress = |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        };
        let mut report = verify(&dir, &mut progress).map_err(|e| open::failed(&data, e))?;
        if self.replay {
            let environment = self.environment.as_ref().or(file.environment.as_ref()).map(String::as_str);
            replay(&dir, environment, &mut report, &mut progress).map_err(|e| open::failed(&data, e))?;
        }
        bar.finish_and_clear();
        if self.json {
            println!("{}", serde_json::to_string(&report).unwrap_or_default());
        } else {
            tell(&report);
        }
        Ok(if report.is_clean() { 0 } else { FOUND })
    }
}

pub fn bar(quiet: bool) -> ProgressBar {
    let hidden = quiet || !std::io::stderr().is_terminal();
    let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(0) };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {eta} left  {pos} rows") {
        bar.set_style(style);
    }
    bar
}

/// Every invariant but that of deciding again.
pub fn of(data: &Data, bar: ProgressBar) -> Result<Report, Failure> {
    let (dir, _passing) = data.at_rest()?;
    let mut progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let report = verify(&dir, &mut progress).map_err(|e| open::failed(data, e));
    bar.finish_and_clear();
    report
}

/// Counts that are told though they are 0.
const ALWAYS: usize = 6;

fn tell(report: &Report) {
    let mut rows = vec![vec!["checked".to_owned(), "count".to_owned()]];
    for (name, count) in [
        ("rows", report.rows),
        ("transfers", report.transfers),
        ("members", report.members),
        ("orders", report.orders),
        ("identities", report.identities),
        ("index entries", report.keys),
        ("redacted rows", report.redacted),
        ("decided again", report.replayed),
        ("not, because of what was erased", report.passed_over),
    ]
    .into_iter()
    .enumerate()
    .filter(|(n, (_, count))| *n < ALWAYS || *count > 0)
    .map(|(_, row)| row)
    {
        rows.push(vec![name.to_owned(), grouped(count)]);
    }
    print!("{}", render(&rows));
    for wallet in &report.wallets {
        println!(
            "\n{}: {} available, {} owed; {} issued, {} reversed, {} adjusted, {} spent, {} expired (smallest parts)",
            wallet.wallet,
            grouped(wallet.available),
            grouped(wallet.debt),
            grouped(wallet.issued),
            grouped(wallet.reversed),
            grouped(wallet.adjusted),
            grouped(wallet.redeemed),
            grouped(wallet.expired)
        );
    }
    println!("\nhead of the chain: {}", report.head);
    tell_breaches(report);
    let seconds = report.milliseconds as f64 / 1000.0;
    if report.is_clean() {
        println!("clean, in {seconds:.1} s");
    } else {
        println!(
            "{} breach(es), in {seconds:.1} s; restore a backup, and keep this file for those who look into it",
            grouped(report.breach_count)
        );
    }
}

/// The first of them.
pub fn tell_breaches(report: &Report) {
    for breach in report.breaches.iter().take(SHOWN) {
        let place = match (breach.pos, breach.member) {
            (Some(pos), _) => format!("row {pos}"),
            (None, Some(member)) => format!("member {member}"),
            (None, None) => "the file".to_owned(),
        };
        println!("breach of {} at {place}: {}", breach.law, breach.what);
    }
}
