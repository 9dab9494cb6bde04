//! Reading a file that may be damaged: what cannot be read is told, and reading goes on behind it.

use rusqlite::{Connection, Error, OptionalExtension, Row};

use super::Report;
use crate::StoreError;
use crate::sqlite::store_error;

/// A part of the check; damage that ends it is a finding, not a failure to look.
pub fn part(
    report: &mut Report,
    name: &str,
    check: impl FnOnce(&mut Report) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let done = check(report);
    match done.map_err(|e| store_error(&e)) {
        Err(StoreError::Corrupt(why)) => {
            report.file("file", format!("{name} cannot be read to the end: {why}"))
        }
        Err(other) => return Err(other),
        Ok(()) => {}
    }
    Ok(())
}

fn is_damage(e: &Error) -> bool {
    matches!(store_error(e), StoreError::Corrupt(_))
}

/// Every row of a table, in the order of `columns.0`, its number.
pub fn each(
    conn: &Connection,
    table: &str,
    (key, more): (&str, &str),
    report: &mut Report,
    mut one: impl FnMut(&Row<'_>, &mut Report) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT {key}, {more} FROM {table} WHERE {key} > ?1 ORDER BY {key}");
    let mut select = conn.prepare(&sql)?;
    let mut after = 0_i64;
    loop {
        let mut rows = select.query([after])?;
        let failed = loop {
            match rows.next() {
                Ok(None) => return Ok(()),
                Ok(Some(row)) => {
                    after = row.get(0)?;
                    match one(row, report) {
                        Err(e) if is_damage(&e) => {
                            report.file("file", format!("{table} {after} cannot be read: {e}"));
                        }
                        other => other?,
                    }
                }
                Err(e) if is_damage(&e) => break e,
                Err(e) => return Err(e),
            }
        };
        let from = after + 1;
        let Some(next) = next_readable(conn, table, key, from)? else {
            report.file("file", format!("{table} cannot be read from {from} on: {failed}"));
            return Ok(());
        };
        report.file("file", format!("{table} cannot be read from {from} to {}: {failed}", next - 1));
        after = next - 1;
    }
}

/// The first number from which on there is something that can be read: steps that double, then halves.
fn next_readable(conn: &Connection, table: &str, key: &str, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut seek =
        conn.prepare(&format!("SELECT {key} FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1"))?;
    let mut look = |at: i64| match seek.query_row([at], |r| r.get::<_, i64>(0)).optional() {
        Ok(found) => Ok(Some(found)),
        Err(e) if is_damage(&e) => Ok(None),
        Err(e) => Err(e),
    };
    let (mut bad, mut step) = (from, 1_i64);
    let mut good = loop {
        let Some(at) = bad.checked_add(step) else { return Ok(None) };
        if let Some(found) = look(at)? {
            break match found {
                Some(_) => at,
                None => return Ok(None),
            };
        }
        (bad, step) = (at, step.saturating_mul(2));
    };
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        match look(middle)? {
            Some(_) => good = middle,
            None => bad = middle,
        }
    }
    Ok(look(good)?.flatten())
}
