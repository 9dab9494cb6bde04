//! What is said of a sheet: which column is what, who is new, how many points, what is wrong in which line.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use csv::{ByteRecord, Writer, WriterBuilder};
use domain::event::Input;
use domain::num::Num;
use serde_json::{Value, json};

use super::row::{Fault, Reading};
use crate::cli::table::{grouped, render};
use crate::cli::{Failure, SETTINGS};
use crate::http::shape::Points;

/// Lines that are told one by one to a person, and in JSON.
const SHOWN: usize = 20;
const LISTED: usize = 1_000;

/// What is put beside a wrong line.
const BESIDE: [&str; 3] = ["line", "wrong", "do"];

#[derive(Default)]
pub struct Tally {
    pub rows: u64,
    pub new: u64,
    pub known: u64,
    /// Given by an import before.
    pub before: u64,
    pub left_out: BTreeMap<&'static str, u64>,
    pub minor: i128,
    pub levels: BTreeMap<usize, u64>,
    pub wrong: u64,
    pub differ: u64,
    /// Differences that cannot be given or taken.
    pub refused: u64,
    /// Written by this run.
    pub written: u64,
    pub adjusted: u64,
}

/// A line that says something else than it did in an import before.
pub struct Difference {
    pub line: u64,
    pub before: i64,
    pub now: i64,
    pub also: Vec<&'static str>,
    /// What would bring the balance there.
    pub adjust: Option<Input>,
    /// Why it cannot.
    pub refused: Option<String>,
}

pub struct Report {
    pub tally: Tally,
    pub differences: Vec<Difference>,
    faults: Vec<Fault>,
    header: Vec<String>,
    delimiter: u8,
    aside: Option<PathBuf>,
    writer: Option<Writer<File>>,
    began: Instant,
    pub dry: bool,
    /// Whether differences are applied: then all of them are kept.
    pub applies: bool,
}

impl Report {
    pub fn new(
        header: &[String],
        delimiter: u8,
        aside: Option<PathBuf>,
        (dry, applies): (bool, bool),
    ) -> Report {
        Report {
            tally: Tally::default(),
            differences: Vec::new(),
            faults: Vec::new(),
            header: header.to_vec(),
            delimiter,
            aside,
            writer: None,
            began: Instant::now(),
            dry,
            applies,
        }
    }

    pub fn cell<'r>(&self, record: &'r ByteRecord, column: &str) -> &'r str {
        let at = self.header.iter().position(|name| name == column);
        let cell = at.and_then(|at| record.get(at)).unwrap_or_default();
        std::str::from_utf8(cell).unwrap_or_default().trim()
    }

    /// A line that is not taken in; it is put aside, if that is asked.
    pub fn wrong(&mut self, record: &ByteRecord, faults: Vec<Fault>) -> Result<(), Failure> {
        self.tally.wrong += 1;
        if let (Some(path), false) = (self.aside.clone(), self.dry) {
            self.put_aside(&path, record, &faults).map_err(|e| {
                Failure::new(SETTINGS, format!("cannot write {}", path.display()), e)
                    .fix("choose another file")
            })?;
        }
        let room = LISTED.saturating_sub(self.faults.len());
        self.faults.extend(faults.into_iter().take(room));
        Ok(())
    }

    /// Columns of the sheet itself: without what was put beside them here, when it was put aside before.
    fn width(&self) -> usize {
        let ends = self.header.ends_with(&BESIDE.map(str::to_owned));
        self.header.len() - if ends { BESIDE.len() } else { 0 }
    }

    fn put_aside(&mut self, path: &Path, record: &ByteRecord, faults: &[Fault]) -> csv::Result<()> {
        if self.writer.is_none() {
            let mut writer = WriterBuilder::new().delimiter(self.delimiter).flexible(true).from_path(path)?;
            let header = self.header[..self.width()].iter().map(String::as_str);
            writer.write_record(header.chain(BESIDE))?;
            self.writer = Some(writer);
        }
        let width = self.width();
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let join = |part: &dyn Fn(&Fault) -> String| faults.iter().map(part).collect::<Vec<_>>().join("; ");
        let line = faults.first().map_or(0, |fault| fault.line).to_string();
        let wrong = join(&|fault| match &fault.column {
            Some(column) => format!("{column}: {}", fault.what),
            None => fault.what.clone(),
        });
        let fix = join(&|fault| fault.fix.clone());
        // A row that is too short keeps the columns in their places.
        let cells = match record.len().checked_sub(self.header.len()) {
            Some(more) => width + more,
            None => record.len().min(width),
        };
        let blank = (cells..width).map(|_| &b""[..]);
        let more = [line.as_bytes(), wrong.as_bytes(), fix.as_bytes()];
        writer.write_record(record.iter().take(cells).chain(blank).chain(more))
    }

    pub fn differs(&mut self, difference: Difference) {
        self.tally.differ += 1;
        self.tally.refused += u64::from(difference.refused.is_some());
        if self.applies || self.differences.len() < LISTED {
            self.differences.push(difference);
        }
    }

    /// What was put aside is on disk.
    pub fn close(&mut self) -> Result<(), Failure> {
        let closed = self.writer.take().map_or(Ok(()), |mut writer| writer.flush());
        closed.map_err(|e| Failure::new(SETTINGS, "cannot write the lines that were put aside", e))
    }

    fn points(reading: &Reading, minor: i128) -> String {
        let decimals = reading.wallet.as_ref().map_or(0, |w| w.1);
        match i64::try_from(minor) {
            Ok(minor) if decimals > 0 => Num::minor(minor, decimals).to_string(),
            _ => grouped(minor / 10_i128.pow(u32::from(decimals))),
        }
    }

    pub fn table(&self, reading: &Reading) -> String {
        let tally = &self.tally;
        let mut rows = vec![vec!["column".to_owned(), "is taken as".to_owned()]];
        let used = reading.columns.used.iter();
        rows.extend(used.map(|column| vec![column.name.clone(), column.what.word()]));
        for (name, why) in &reading.columns.unused {
            let dash = if why.is_empty() { "-".to_owned() } else { format!("- ({why})") };
            rows.push(vec![name.clone(), dash]);
        }
        let mut text = render(&rows);
        let mut rows = vec![vec!["members".to_owned(), "count".to_owned()]];
        let mut put = |name: &str, count: u64, always: bool| {
            if always || count > 0 {
                rows.push(vec![name.to_owned(), grouped(count)]);
            }
        };
        put("new", tally.new, true);
        put("known, and get what they had", tally.known, true);
        put("came before", tally.before, true);
        put("came before, and differ", tally.differ, false);
        put("of these, cannot be made the same", tally.refused, false);
        for (why, count) in &tally.left_out {
            put(&format!("left out: {why}"), *count, true);
        }
        put("wrong lines", tally.wrong, true);
        text += &format!("\n{}", render(&rows));
        let mut rows = vec![vec!["they get".to_owned(), "amount".to_owned()]];
        if let Some((wallet, _)) = &reading.wallet {
            rows.push(vec![wallet.to_string(), Self::points(reading, tally.minor)]);
        }
        if let Some((ladder, levels)) = &reading.ladder {
            for (at, level) in levels.iter().enumerate() {
                let count = tally.levels.get(&at).copied().unwrap_or(0);
                rows.push(vec![format!("{ladder} {}", level.id), grouped(count)]);
            }
        }
        if rows.len() > 1 {
            text += &format!("\n{}", render(&rows));
        }
        self.tell_faults(&mut text);
        self.tell_differences(reading, &mut text);
        text
    }

    fn tell_faults(&self, text: &mut String) {
        for fault in self.faults.iter().take(SHOWN) {
            let column = fault.column.as_ref().map_or(String::new(), |column| format!(", {column}"));
            let cell: String = fault.cell.chars().take(60).collect();
            let cell = if cell.is_empty() { String::new() } else { format!(" `{cell}`") };
            *text += &format!("\nline {}{column}{cell}: {}\n  do: {}\n", fault.line, fault.what, fault.fix);
        }
        let more = self.tally.wrong.saturating_sub(SHOWN as u64);
        if more > 0 && self.faults.len() > SHOWN {
            *text += &format!("\nand more: {} wrong lines in all\n", grouped(self.tally.wrong));
        }
    }

    fn tell_differences(&self, reading: &Reading, text: &mut String) {
        for one in self.differences.iter().take(SHOWN) {
            let points = |minor: i64| Self::points(reading, minor.into());
            let mut said = Vec::new();
            if one.before != one.now {
                said.push(format!(
                    "had {} in an import before, has {} here",
                    points(one.before),
                    points(one.now)
                ));
            }
            if !one.also.is_empty() {
                said.push(format!("other {} than before, which stay as they are", one.also.join(", ")));
            }
            if let Some(why) = &one.refused {
                said.push(format!("the difference cannot be made up: {why}"));
            }
            *text += &format!("\nline {}: {}\n", one.line, said.join("; "));
        }
        if self.tally.differ > SHOWN as u64 {
            *text += &format!("\nand more: {} lines differ in all\n", grouped(self.tally.differ));
        }
        if self.tally.differ > 0 && !self.applies {
            *text += "\ndifferences are left alone; --apply-differences gives or takes what the balances differ by\n";
        }
    }

    /// The last line, by which a person knows what has happened.
    pub fn end(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let tally = &self.tally;
        if self.dry {
            return format!("dry run: nothing was written ({seconds:.1} s)");
        }
        if tally.wrong > 0 && self.aside.is_none() {
            return "nothing was written: correct the lines, or put them aside with --skip-errors FILE"
                .into();
        }
        let mut said = format!("{} members written in {seconds:.1} s", grouped(tally.written));
        if tally.adjusted > 0 {
            said += &format!(", {} balances adjusted", grouped(tally.adjusted));
        }
        if let (Some(path), 1..) = (&self.aside, tally.wrong) {
            said += &format!("; {} lines are in {}", grouped(tally.wrong), path.display());
        }
        said
    }

    pub fn json(&self, reading: &Reading) -> Value {
        let tally = &self.tally;
        let columns: BTreeMap<&str, String> =
            reading.columns.used.iter().map(|column| (&*column.name, column.what.word())).collect();
        let unused: Vec<&str> = reading.columns.unused.iter().map(|(name, _)| &**name).collect();
        let points = |minor: i64| Points(minor, reading.wallet.as_ref().map_or(0, |w| w.1));
        let levels: BTreeMap<&str, u64> = reading
            .ladder
            .iter()
            .flat_map(|(_, levels)| levels)
            .enumerate()
            .map(|(at, level)| (level.id.as_str(), tally.levels.get(&at).copied().unwrap_or(0)))
            .collect();
        let errors: Vec<Value> = self.faults.iter().map(|fault| {
            json!({"line": fault.line, "column": fault.column, "cell": fault.cell, "what": fault.what, "do": fault.fix})
        }).collect();
        let differences: Vec<Value> = self.differences.iter().take(LISTED).map(|one| {
            let mut told =
                json!({"line": one.line, "before": points(one.before), "now": points(one.now), "also": one.also});
            if let Some(why) = &one.refused {
                told["refused"] = why.as_str().into();
            }
            told
        }).collect();
        json!({
            "dry_run": self.dry, "columns": columns, "unused": unused, "rows": tally.rows, "new": tally.new,
            "known": tally.known, "came_before": tally.before, "differ": tally.differ, "left_out": tally.left_out,
            "wrong": tally.wrong, "wallet": reading.wallet.as_ref().map(|(id, _)| id.as_str()),
            "points": points(i64::try_from(tally.minor).unwrap_or(i64::MAX)), "levels": levels,
            "errors": errors, "differences": differences, "written": tally.written, "adjusted": tally.adjusted,
            "refused": tally.refused,
            "seconds": (self.began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        })
    }
}
