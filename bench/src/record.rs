//! What a run found, kept as JSON, so that two commits can be compared: the machine, what was asked for, and every table
//! that was printed. `bench compare` shows two of them side by side.
//!
//! Invariant: what is kept is what was printed, cell by cell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::process;
use crate::table;

#[derive(Serialize, Deserialize)]
pub struct Record {
    /// Revision of the source, with a `+` if something was changed since.
    commit: String,
    at: jiff::Timestamp,
    /// As it was called.
    command: String,
    machine: Machine,
    tables: Vec<Table>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    /// Of the folder that is written to.
    file_system: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

static TABLES: Mutex<Vec<Table>> = Mutex::new(Vec::new());
static BARS: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

/// What a figure must reach.
#[derive(Clone, Copy)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure that is held against a bar; all of them are told at the end.
pub fn bar(what: &str, figure: f64, unit: &str, bar: Bar) {
    let (sign, limit, holds) = match bar {
        Bar::AtLeast(limit) => ("at least", limit, figure >= limit),
        Bar::AtMost(limit) => ("at most", limit, figure <= limit),
    };
    let shown = |figure| format!("{} {unit}", table::short(figure)).trim().to_owned();
    let holds = if holds { "yes" } else { "no" };
    let row = vec![what.into(), shown(figure), format!("{sign} {}", shown(limit)), holds.into()];
    BARS.lock().unwrap_or_else(PoisonError::into_inner).push(row);
}

/// A table was printed.
pub fn add(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let twice = head.iter().enumerate().find(|(n, name)| head[..*n].contains(name));
    assert!(twice.is_none(), "{title} has two columns of one name: {twice:?}");
    let head = head.iter().map(|name| (*name).to_owned()).collect();
    let table = Table { title: title.into(), head, rows: rows.to_vec() };
    TABLES.lock().unwrap_or_else(PoisonError::into_inner).push(table);
}

/// Where everything is kept that a run leaves behind.
pub fn folder() -> PathBuf {
    let folder = process::target().join("bench/results");
    std::fs::create_dir_all(&folder).expect("can make a folder under target");
    folder
}

/// Tells which figures reach their bar, and writes all tables of this run down.
pub fn keep() {
    let bars = BARS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if !bars.is_empty() {
        table::print("Bars", &["what", "figure", "bar", "holds"], &bars);
    }
    let tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (commit, at) = (commit(), jiff::Timestamp::now());
    let name = format!("{}-{}.json", at.strftime("%Y%m%d-%H%M%S"), commit.trim_end_matches('+'));
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let record = Record { commit, at, command, machine: Machine::here(), tables };
    let file = folder().join(name);
    let json = serde_json::to_string_pretty(&record).expect("a record is JSON");
    std::fs::write(&file, json + "\n").expect("can write under target");
    println!(
        "kept in {}; `cargo xtask bench compare ONE.json OTHER.json` sets two of them side by side",
        file.display()
    );
}

impl Machine {
    fn here() -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim().to_owned()
        };
        let kib = field(&read("/proc/meminfo"), "MemTotal");
        let kib: u64 = kib.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
        Machine {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: said("stat", &["-f", "-c", "%T", &process::target().to_string_lossy()]),
        }
    }
}

fn commit() -> String {
    let changed =
        if said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "+" };
    match said("git", &["rev-parse", "--short", "HEAD"]).as_str() {
        "" => "unknown".into(),
        commit => format!("{commit}{changed}"),
    }
}

/// What a program says, or nothing.
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(process::root()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Prints each figure that both have, and the later beside the earlier.
pub fn compare(files: &[String]) -> Result<(), String> {
    let [before, after] = files else { return Err("compare takes two files".into()) };
    let (before, after) = (read(Path::new(before))?, read(Path::new(after))?);
    println!("{} ({}) and {} ({})\n", before.commit, before.at, after.commit, after.at);
    if before.machine != after.machine {
        println!("They were taken on different machines: only ratios within a run can be compared.\n");
    }
    let old: BTreeMap<_, _> = before.tables.iter().flat_map(Table::figures).collect();
    for table in &after.tables {
        let mut rows = Vec::new();
        for (key, now) in table.figures() {
            if let Some(was) = old.get(&key) {
                let ratio = if *was == 0.0 { String::new() } else { format!("{:.2}", now / was) };
                rows.push(vec![key.1, key.2, table::short(*was), table::short(now), ratio]);
            }
        }
        if !rows.is_empty() {
            let head = ["", "figure", &before.commit, &after.commit, "ratio"];
            table::show(&table.title, &head, &rows);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Record, String> {
    let said = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|why| said(&why))?;
    serde_json::from_str(&text).map_err(|why| said(&why))
}

impl Table {
    /// Each number by its table, row and column; a cell of several (`1.2 / 3.4`) counts as several.
    fn figures(&self) -> impl Iterator<Item = ((String, String, String), f64)> {
        let cells = self.rows.iter().flat_map(|row| {
            let name = row.first().cloned().unwrap_or_default();
            self.head.iter().zip(row).skip(1).map(move |(column, cell)| (name.clone(), column, cell))
        });
        cells.flat_map(|(row, column, cell)| {
            let parts: Vec<&str> = cell.split(" / ").collect();
            let many = parts.len() > 1;
            let figures = parts.iter().enumerate().filter_map(|(n, part)| {
                let column = if many { format!("{column}, {}", n + 1) } else { column.clone() };
                Some(((self.title.clone(), row.clone(), column), number(part)?))
            });
            figures.collect::<Vec<_>>()
        })
    }
}

/// `12.3k` is 12,300.
fn number(cell: &str) -> Option<f64> {
    match cell.strip_suffix('k') {
        Some(thousands) => thousands.parse::<f64>().ok().map(|number| number * 1_000.0),
        None => cell.parse().ok(),
    }
}

#[test]
fn figures_are_found_in_cells() {
    let cells = |row: [&str; 3]| row.map(str::to_owned).to_vec();
    let table = Table {
        title: "t".into(),
        head: cells(["load", "rate", "p50 / p99 ms"]),
        rows: vec![cells(["8 clients", "12.5k", "0.5 / 2"]), cells(["none", "-", ""])],
    };
    let found: Vec<_> = table.figures().map(|((_, row, column), figure)| (row, column, figure)).collect();
    let of = |column: &str, figure| ("8 clients".to_owned(), column.to_owned(), figure);
    assert_eq!(found, [of("rate", 12_500.0), of("p50 / p99 ms, 1", 0.5), of("p50 / p99 ms, 2", 2.0)]);
}
