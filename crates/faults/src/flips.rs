//! Bit flips: one bit of what the journal stores is turned in a copy of a data folder, and the proof is asked.
//!
//! The rows are flipped as SQLite stores them (bytes of the file), not through SQL: where a flip makes a page unreadable,
//! it is found by not opening.

use std::collections::BTreeMap;
use std::path::Path;

use testkit::rng::Rng;
use testkit::server;

use crate::shop::{self, Shop, small};

#[derive(Default)]
pub struct Tally {
    /// By what named it.
    pub found: BTreeMap<String, u32>,
    pub missed: u32,
    pub example: Option<String>,
}

impl Tally {
    pub fn show(&self) {
        println!("one bit of a row of the journal is flipped, and `verify` is asked");
        for (by, count) in &self.found {
            println!("  {by:<40} {count:>6}");
        }
        println!("  {:<40} {:>6}", "not found", self.missed);
        if let Some(example) = &self.example {
            println!("  first: {example}");
        }
    }
}

pub fn run(flips: u32, seed: u64) -> Result<Tally, String> {
    let (mut rng, mut tally) = (Rng::new(seed), Tally::default());
    let at = server::folder("flips");
    let (file, places) = sound(&at)?;
    for _ in 0..flips {
        let place = rng.pick(&places);
        let (byte, bit) = (place.start + rng.index(place.len()), rng.index(8));
        let mut bytes = file.clone();
        bytes[byte] ^= 1 << bit;
        std::fs::write(at.join(store::FILE), &bytes).map_err(|e| e.to_string())?;
        match named(&at) {
            Some(by) => *tally.found.entry(by).or_default() += 1,
            None => {
                tally.missed += 1;
                tally.example.get_or_insert(format!("bit {bit} of byte {byte}"));
            }
        }
    }
    let _gone = std::fs::remove_dir_all(&at);
    Ok(tally)
}

/// A data folder in one file, and where in it the rows of the journal lie.
fn sound(at: &Path) -> Result<(Vec<u8>, Vec<std::ops::Range<usize>>), String> {
    let mut shop = Shop::open(at, &small()).map_err(|e| e.to_string())?;
    let orders: Vec<u64> = (0..200).collect();
    for part in orders.chunks(20) {
        shop.send(part).map_err(|e| e.to_string())?;
    }
    drop(shop);
    let rest = || -> rusqlite::Result<Vec<Vec<u8>>> {
        let sql = rusqlite::Connection::open(at.join(store::FILE))?;
        sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let mut fields = Vec::new();
        for column in ["input", "body_hash", "decided", "hash"] {
            let mut rows = sql
                .prepare(&format!("SELECT CAST({column} AS BLOB) FROM journal WHERE {column} IS NOT NULL"))?;
            fields.extend(rows.query_map([], |row| row.get(0))?.collect::<Result<Vec<Vec<u8>>, _>>()?);
        }
        sql.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
        Ok(fields)
    };
    let fields = rest().map_err(|e| e.to_string())?;
    let file = std::fs::read(at.join(store::FILE)).map_err(|e| e.to_string())?;
    shop::clean(at)?;
    // A field that goes on in overflow pages is not found in one piece, and left alone.
    let places: Vec<_> = fields.iter().filter_map(|field| find(&file, field)).collect();
    if places.len() * 10 < fields.len() * 9 {
        return Err(format!("only {} of {} fields were found in the file", places.len(), fields.len()));
    }
    Ok((file, places))
}

/// Where it lies, if only once.
fn find(file: &[u8], field: &[u8]) -> Option<std::ops::Range<usize>> {
    let head = field.get(..field.len().min(24))?;
    let mut at = (0..file.len().saturating_sub(field.len()))
        .filter(|at| file[*at..].starts_with(head) && file[*at..].starts_with(field));
    let first = at.next()?;
    at.next().is_none().then(|| first..first + field.len())
}

/// By what it is found.
fn named(at: &Path) -> Option<String> {
    match store::verify::verify(at, &mut |_, _| {}) {
        Err(store::StoreError::Corrupt(_)) => Some("it does not read".into()),
        Err(other) => Some(format!("error: {other}").chars().take(40).collect()),
        Ok(report) => report.breaches.first().map(|breach| format!("law: {}", breach.law)),
    }
}
