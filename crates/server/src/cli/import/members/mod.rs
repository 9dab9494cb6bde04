//! `fealty import members`: members of another product from its CSV export, each with balance, level and dates, as events
//! through the one door. The sheet is read twice: first all of it is looked at, then what is still to be given is given.
//!
//! It can be stopped and run again, and a second import of the same file changes nothing.

mod cells;
mod columns;
mod give;
mod look;
mod report;
mod row;
mod sheet;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use csv::ByteRecord;
use engine::{Engine, Metrics};
use indicatif::ProgressBar;
use jiff::Timestamp;

use super::{PIECE, QUEUE_MAX, bar, stop_on_ctrl_c};
use crate::cli::{Choice, FOUND, Failure, INTERRUPTED, Place, SETTINGS, STORE, open, serve};
use cells::{Dates, Decimal};
use columns::{Columns, Vendor};
use give::Giving;
use look::Look;
use report::{Difference, Report};
use row::{Read, Reading};
use sheet::Sheet;

#[derive(Args)]
pub struct Members {
    /// Whose export it is: its columns are known
    #[arg(long, value_enum)]
    from: Option<Vendor>,
    /// Which column holds what, such as email=E-Mail or field.newsletter=Newsletter; may be repeated
    #[arg(long = "column", value_name = "WHAT=COLUMN")]
    columns: Vec<String>,
    /// Which level is meant by a name in the file, such as "Gold VIP=gold"; may be repeated
    #[arg(long = "tier", value_name = "NAME=LEVEL")]
    tiers: Vec<String>,
    /// The wallet that gets the points, where the program has several
    #[arg(long, value_name = "ID")]
    wallet: Option<String>,
    /// The ladder of the levels, where the program has several
    #[arg(long, value_name = "ID")]
    ladder: Option<String>,
    /// Take the shop's ids of customers as names of this kind, such as shopify:customer
    #[arg(long, value_name = "KIND")]
    customers: Option<String>,
    /// Whether day or month comes first, where a date could be read both ways
    #[arg(long, value_enum)]
    dates: Option<Dates>,
    /// What separates decimals, where a number could be read both ways
    #[arg(long, value_enum)]
    decimal: Option<Decimal>,
    /// Why they have these points, for their history [default: "Balance from …"]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Also take in guests, who never joined
    #[arg(long)]
    guests: bool,
    /// Look at everything and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Put wrong lines into this file, with what is wrong, and take in the rest
    #[arg(long, value_name = "FILE")]
    skip_errors: Option<PathBuf>,
    /// Give or take what balances differ by from those of an import before
    #[arg(long)]
    apply_differences: bool,
    #[command(flatten)]
    choice: Choice,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
    /// The export, a CSV file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Members {
    pub fn run(self) -> Result<u8, Failure> {
        let settings = self.place.file()?;
        crate::cli::log(settings.log.unwrap_or_default());
        let data = self.place.data(&settings)?;
        let mut sheet = Sheet::open(&self.file)?;
        self.check_aside()?;
        // Columns are understood before a program is published.
        let mut opened = self.choice.look(&data, &settings)?;
        let (mut reading, mut now) = self.reading(&sheet, &opened)?;
        if !self.dry_run {
            drop(opened);
            opened = self.choice.open(&data, &settings)?;
            (reading, now) = self.reading(&sheet, &opened)?;
        }
        let how = (self.dry_run, self.apply_differences);
        let mut report = Report::new(&sheet.header, sheet.delimiter, self.skip_errors.clone(), how);
        let stop = stop_on_ctrl_c();
        let bar = bar(Some(2 * sheet.bytes), self.json);
        let mut look = Look::new(&reading, (&mut opened.store, &opened.plans), now, &mut report);
        let looked = self.look(&mut look, &mut sheet, &bar, &stop);
        let todo = std::mem::take(&mut look.todo);
        drop(look);
        let stopped = || stop.load(Ordering::Relaxed);
        let mut done = looked.and_then(|()| report.close());
        let goes_on = report.tally.wrong == 0 || self.skip_errors.is_some();
        if done.is_ok() && goes_on && !self.dry_run && !stopped() {
            done = self.give(opened, &todo, &reading, &mut report, &bar, &stop);
        }
        bar.finish_and_clear();
        done?;
        if stopped() {
            eprintln!("stopped; run the same command again to go on: who came before is left alone");
            return Ok(INTERRUPTED);
        }
        if self.json {
            println!("{}", report.json(&reading));
        } else {
            println!("{}\n{}", report.table(&reading), report.end());
        }
        let tally = &report.tally;
        let differ = tally.refused > 0 || tally.differ > 0 && !self.apply_differences;
        Ok(if tally.wrong > 0 || differ { FOUND } else { 0 })
    }

    /// The file of wrong lines is written while the sheet is read.
    fn check_aside(&self) -> Result<(), Failure> {
        let Some(aside) = &self.skip_errors else { return Ok(()) };
        match (aside.canonicalize(), self.file.canonicalize()) {
            (Ok(aside_), Ok(file)) if aside_ == file => Err(Failure::settings(
                format!("cannot put wrong lines into {}", aside.display()),
                "it is the file that is imported",
            )
            .fix("give --skip-errors another name")),
            _ => Ok(()),
        }
    }

    fn reading(&self, sheet: &Sheet, opened: &open::Opened) -> Result<(Reading, Timestamp), Failure> {
        let plan = &opened.plans.current;
        let now = Timestamp::from_millisecond(opened.clock.now().as_millisecond()).unwrap_or_default();
        let columns = Columns::find(self, &sheet.header, plan)?;
        let program = serde_json::from_str(&opened.program).unwrap_or_default();
        let keys = opened.store.key_maker();
        let shape = (sheet.header.len(), sheet.delimiter);
        let reading = Reading::new(self, columns, (plan, &program), (keys, now), shape)?;
        Ok((reading, now))
    }

    fn look(
        &self,
        look: &mut Look<'_>,
        sheet: &mut Sheet,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut row = ByteRecord::new();
        while let Some(line) = sheet.next(&mut row)? {
            look.row(line, &row)?;
            if look.todo.len().is_multiple_of(PIECE) {
                bar.set_position(sheet.at());
                bar.set_message("looking");
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
            }
        }
        look.decide()
    }

    fn give(
        &self,
        opened: open::Opened,
        todo: &[u64],
        reading: &Reading,
        report: &mut Report,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let options = engine::Options {
            queue_max: QUEUE_MAX,
            clock: opened.clock,
            wakes: false,
            compile: opened.compile,
            fatal: Arc::new(serve::stop_at_once),
            metrics: Metrics::default(),
        };
        let engine = Engine::start(opened.store, opened.plans, options)
            .map_err(|e| Failure::new(STORE, "cannot start the decider's thread", e))?;
        let mut giving = Giving::new(&engine.intake);
        let given = self.feed(&mut giving, todo, reading, bar, stop).and_then(|()| giving.finish());
        report.tally.written = given.as_ref().copied().unwrap_or(0);
        let mut done = given.map(|_| ());
        if done.is_ok() && self.apply_differences && !stop.load(Ordering::Relaxed) {
            let mut giving = Giving::new(&engine.intake);
            giving.refused = Some(Vec::new());
            let mut asked: Vec<&mut Difference> =
                report.differences.iter_mut().filter(|one| one.adjust.is_some()).collect();
            let mut all = asked.iter_mut().filter_map(|one| one.adjust.take());
            done = all.try_for_each(|input| giving.take(input));
            done = done.and_then(|()| giving.finish()).map(|count| report.tally.adjusted = count);
            for (at, why) in giving.refused.take().unwrap_or_default() {
                asked[at].refused = Some(why);
                report.tally.refused += 1;
            }
        }
        engine.stop();
        done
    }

    fn feed(
        &self,
        giving: &mut Giving<'_>,
        todo: &[u64],
        reading: &Reading,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut sheet = Sheet::open(&self.file)?;
        let (mut record, mut row) = (ByteRecord::new(), 0);
        while let Some(line) = sheet.next(&mut record)? {
            let mark = todo.get(row).copied().unwrap_or(0);
            row += 1;
            if row.is_multiple_of(PIECE) {
                bar.set_position(sheet.bytes + sheet.at());
                bar.set_message("writing");
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
            }
            if mark == 0 {
                continue;
            }
            match reading.read(line, &record) {
                Ok(Read::Brought(brought)) if look::mark(&brought.input) == mark => {
                    giving.take(brought.input)?;
                }
                _ => {
                    return Err(Failure::new(
                        SETTINGS,
                        "the import was not finished",
                        format!("line {line} has changed since it was looked at"),
                    )
                    .fix("leave the file alone and run the same command again"));
                }
            }
        }
        Ok(())
    }
}
