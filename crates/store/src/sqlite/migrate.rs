//! Steps from an empty file to today's tables. A step that was released is never edited: its checksum is kept in
//! the file, and a file that was made by other or newer steps is refused.

use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::store_error;
use crate::StoreError;

const STEPS: &[(&str, &str)] = &[
    ("0001_base", include_str!("../../migrations/0001_base.sql")),
    ("0002_endpoints", include_str!("../../migrations/0002_endpoints.sql")),
    ("0003_connectors", include_str!("../../migrations/0003_connectors.sql")),
    ("0004_quarantine", include_str!("../../migrations/0004_quarantine.sql")),
];

pub fn run(conn: &mut Connection) -> Result<(), StoreError> {
    apply(conn, STEPS)
}

fn apply(conn: &mut Connection, steps: &[(&str, &str)]) -> Result<(), StoreError> {
    let done = applied(conn).map_err(|e| store_error(&e))?;
    for (i, (name, checksum)) in done.iter().enumerate() {
        let Some((step, sql)) = steps.get(i) else {
            return Err(StoreError::Unavailable(format!(
                "the data was written by a newer Fealty (step {name}; this one knows {} steps): use that version or a later one",
                steps.len()
            )));
        };
        if step != name || sum(sql)[..] != checksum[..] {
            return Err(StoreError::Corrupt(format!(
                "step {name} of the tables is not this program's step {step}"
            )));
        }
    }
    for (no, (name, sql)) in steps.iter().enumerate().skip(done.len()) {
        step(conn, no, name, sql).map_err(|e| store_error(&e))?;
    }
    Ok(())
}

fn applied(conn: &Connection) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    let known: bool =
        conn.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'migration')", [], |r| {
            r.get(0)
        })?;
    if !known {
        return Ok(Vec::new());
    }
    let mut select = conn.prepare("SELECT name, checksum FROM migration ORDER BY no")?;
    select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

/// One step, all or nothing. The first also makes the installation's secret.
fn step(conn: &mut Connection, no: usize, name: &str, sql: &str) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if no == 0 {
        tx.execute_batch(
            "CREATE TABLE migration (no INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL) STRICT;
             CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
             INSERT INTO meta VALUES ('secret', randomblob(48));",
        )?;
    }
    tx.execute_batch(sql)?;
    tx.execute("INSERT INTO migration VALUES (?1, ?2, ?3)", params![no, name, sum(sql)])?;
    tx.commit()
}

fn sum(sql: &str) -> [u8; 32] {
    Sha256::digest(sql.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: (&str, &str) = ("0001_a", "CREATE TABLE a (x INTEGER) STRICT");
    const TWO: (&str, &str) = ("0002_b", "CREATE TABLE b (x INTEGER) STRICT");

    #[test]
    fn steps_are_applied_once_in_order_and_a_stranger_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        apply(&mut conn, &[ONE]).unwrap();
        apply(&mut conn, &[ONE, TWO]).unwrap();
        apply(&mut conn, &[ONE, TWO]).unwrap();
        let newer = apply(&mut conn, &[ONE]).unwrap_err();
        assert!(newer.to_string().contains("newer Fealty"), "{newer}");
        let edited = apply(&mut conn, &[ONE, ("0002_b", "CREATE TABLE b (y INTEGER) STRICT")]).unwrap_err();
        assert!(matches!(edited, StoreError::Corrupt(_)), "{edited}");
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let mut conn = Connection::open_in_memory().unwrap();
        let bad = ("0002_b", "CREATE TABLE b (x INTEGER) STRICT; CREATE TABLE a (x INTEGER) STRICT");
        apply(&mut conn, &[ONE, bad]).unwrap_err();
        apply(&mut conn, &[ONE, TWO]).unwrap();
    }
}
