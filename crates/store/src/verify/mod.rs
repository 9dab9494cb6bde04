//! Proof by recomputation: everything that the store says is computed again from the journal alone and compared.
//!
//! It shares the stored types with the core, and no arithmetic: balances, lots, chains, counts and keys are worked out
//! here a second time, in the plainest way. It reads one moment of the file and never writes; the server may run.
//! That a rule gave what it should is shown by `replay`, which calls the core again.

mod index;
mod journal;
mod keys;
mod ledger;
mod members;
mod orders;
mod pages;
mod paying;
mod pools;
mod replay;
mod standing;

pub use replay::replay;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use domain::key::KeyMaker;
use index::{Index, Share};
use rusqlite::Connection;
use serde::Serialize;

use crate::StoreError;
use crate::sqlite::{file, store_error};

/// Breaches that are told one by one; beyond, they are only counted.
const BREACHES_MAX: usize = 1000;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub rows: u64,
    pub transfers: u64,
    pub members: u64,
    pub orders: u64,
    pub identities: u64,
    pub keys: u64,
    /// Rows of erased members, from which their personal data are gone.
    pub redacted: u64,
    /// Rows that were decided again.
    pub replayed: u64,
    /// Rows that could not: of erased members, and of those whose rows lean on what is no longer known of them.
    pub passed_over: u64,
    /// Hash of the last row: whoever kept it can tell later that nothing before it was changed.
    pub head: String,
    /// Points that members hold, owe, and have had from the program, by wallet, in smallest parts.
    pub wallets: Vec<WalletTotal>,
    pub breach_count: u64,
    /// The first of them.
    pub breaches: Vec<Breach>,
    pub milliseconds: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct WalletTotal {
    pub wallet: String,
    pub available: i128,
    pub debt: i128,
    pub issued: i128,
    pub reversed: i128,
    pub adjusted: i128,
    /// Spent on rewards, less what came back.
    pub redeemed: i128,
    pub expired: i128,
}

#[derive(Debug, Serialize)]
pub struct Breach {
    /// Short name of the law.
    pub law: &'static str,
    /// Row of the journal, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pos: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<u64>,
    pub what: String,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.breach_count == 0
    }
    fn row(&mut self, law: &'static str, pos: u64, what: impl Into<String>) {
        self.add(Breach { law, pos: Some(pos), member: None, what: what.into() });
    }
    fn member(&mut self, law: &'static str, member: u64, what: impl Into<String>) {
        self.add(Breach { law, pos: None, member: Some(member), what: what.into() });
    }
    fn file(&mut self, law: &'static str, what: impl Into<String>) {
        self.add(Breach { law, pos: None, member: None, what: what.into() });
    }
    fn add(&mut self, breach: Breach) {
        self.breach_count += 1;
        if self.breaches.len() < BREACHES_MAX {
            self.breaches.push(breach);
        }
    }
}

/// Rows whose keys and orders are looked at in one pass: it bounds memory to some 500 MB.
const ROWS_AT_ONCE: u64 = 2_000_000;

/// `progress` is told (rows done, rows in all) now and then.
pub fn verify(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    verify_by(dir, ROWS_AT_ONCE, progress)
}

/// With so many rows at once, in as many passes as it takes.
pub fn verify_by(
    dir: &Path,
    rows_at_once: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    if !dir.join(file::FILE).exists() {
        return Err(StoreError::Unavailable(format!("there is no database in {}", dir.display())));
    }
    look(&file::open_reader(dir, 16 * 1024)?, rows_at_once, progress)
}

/// The same of a file that rests, in no data folder: a backup.
pub fn verify_file(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    look(&file::open_resting(path)?, ROWS_AT_ONCE, progress)
}

fn look(
    conn: &Connection,
    rows_at_once: u64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let begun = Instant::now();
    let mut report = Report::default();
    pages::part(&mut report, "the file", |_| conn.execute_batch("BEGIN"))?;
    match key_maker(conn) {
        Ok(maker) => check(conn, &maker, rows_at_once, &mut report, progress)?,
        Err(StoreError::Corrupt(why)) => report.file("file", format!("without its secret: {why}")),
        Err(other) => return Err(other),
    }
    report.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// All keys of the file with their positions.
#[cfg(feature = "postgres")]
pub(crate) fn stored_keys(conn: &Connection, report: &mut Report) -> rusqlite::Result<Vec<(u64, u64)>> {
    keys::stored(conn, Share::ALL, report)
}

fn key_maker(conn: &Connection) -> Result<KeyMaker, StoreError> {
    let secret =
        conn.query_row("SELECT substr(value, 1, 16) FROM meta WHERE name = 'secret'", [], |r| r.get(0));
    Ok(KeyMaker(secret.map_err(|e| store_error(&e))?))
}

fn check(
    conn: &Connection,
    maker: &KeyMaker,
    rows_at_once: u64,
    report: &mut Report,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    pages::part(report, "the file", |report| {
        let mut pages = conn.prepare("PRAGMA quick_check(20)")?;
        let mut damage = pages.query([])?;
        while let Some(row) = damage.next()? {
            let what: String = row.get(0)?;
            if what != "ok" {
                report.file("file", what);
            }
        }
        Ok(())
    })?;
    // How many rows there are is only a guess in a damaged file.
    let rows: u64 = conn.query_row("SELECT ifnull(max(pos), 0) FROM journal", [], |r| r.get(0)).unwrap_or(0);
    let of = rows / rows_at_once.max(1) + 1;
    let mut told = journal::Told::new(conn, Share { no: 0, of });
    pages::part(report, "what was erased", |report| told.load_redacted(conn, report))?;
    pages::part(report, "the programs", |_| {
        told.paying = paying::Paying::load(conn)?;
        Ok(())
    })?;
    pages::part(report, "the journal", |report| journal::scan(conn, &mut told, maker, report, progress))?;
    let mut held = orders::Held::new();
    let mut index = std::mem::replace(&mut told.index, Index::new(Share::ALL));
    for no in 1..=of {
        pages::part(report, "keys", |report| keys::check(conn, &mut index, told.last_pos, report))?;
        index.orders.hold(&mut held);
        if no < of {
            progress(no * rows / of, rows);
            index = Index::new(Share { no, of });
            pages::part(report, "the journal", |report| index::scan(conn, &mut index, maker, report))?;
        }
    }
    pages::part(report, "budgets", |report| {
        told.budgets = budgets(conn, report)?;
        orders::compare(&told.budgets, &held, report);
        Ok(())
    })?;
    pages::part(report, "members", |report| members::check(conn, &mut told, &held, report))?;
    told.standing.finish(&told.budgets, report);
    std::mem::take(&mut told.pools).finish(&told.budgets, report);
    told.ledger.totals(report);
    pages::part(report, "what is kept aside", |report| aside(conn, report))
}

/// What is used of each budget, by window.
fn budgets(conn: &Connection, report: &mut Report) -> rusqlite::Result<BTreeMap<String, Vec<(i64, i64)>>> {
    let mut budgets = BTreeMap::new();
    let mut select = conn.prepare("SELECT id, parts FROM budget")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, parts): (String, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_str(&parts) {
            Ok(parts) => drop(budgets.insert(id, parts)),
            Err(e) => report.file("budget", format!("budget {id} cannot be read: {e}")),
        }
    }
    Ok(budgets)
}

/// What was kept beside the journal belongs to it.
fn aside(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    for (table, law) in [("raw", "raw"), ("quarantine", "quarantine")] {
        let sql =
            format!("SELECT pos FROM {table} WHERE pos IS NOT NULL AND pos NOT IN (SELECT pos FROM journal)");
        let mut lost = conn.prepare(&sql)?;
        for pos in lost.query_map([], |r| r.get::<_, u64>(0))? {
            report.row(law, pos?, format!("{table} names a row that is not there"));
        }
    }
    let mut waits = conn.prepare("SELECT name FROM migration")?;
    let steps = waits.query_map([], |r| r.get::<_, String>(0))?.count();
    if steps == 0 {
        report.file("schema", "the steps that made the tables are not recorded");
    }
    Ok(())
}
