//! Steps from an empty schema to today's tables, in one transaction. A step that was released is never edited: its
//! checksum is kept, and tables that were made by other or newer steps are refused.
//!
//! Invariant: of processes that start at once one does it, and the others wait and find it done.

use sha2::{Digest, Sha256};

use super::connect::Conn;
use crate::StoreError;

const STEPS: &[(&str, &str)] = &[
    ("0001_base", include_str!("../../migrations/postgres/0001_base.sql")),
    ("0002_quarantine", include_str!("../../migrations/postgres/0002_quarantine.sql")),
];

pub fn run(conn: &Conn) -> Result<(), StoreError> {
    apply(conn, STEPS)
}

fn apply(conn: &Conn, steps: &[(&str, &str)]) -> Result<(), StoreError> {
    conn.begin("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('fealty ' || current_schema(), 0))")?;
    within(conn, steps)?;
    conn.commit()
}

fn within(conn: &Conn, steps: &[(&str, &str)]) -> Result<(), StoreError> {
    let known =
        conn.query("SELECT to_regclass(quote_ident(current_schema()) || '.migration') IS NOT NULL", &[])?;
    if !known.first().is_some_and(|row| row.get(0)) {
        conn.run(
            "CREATE TABLE migration (no BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL);
             CREATE TABLE meta (name TEXT PRIMARY KEY, value BYTEA NOT NULL);
             INSERT INTO meta VALUES ('secret', substr(
                 sha512(convert_to(gen_random_uuid()::TEXT || gen_random_uuid()::TEXT || gen_random_uuid()::TEXT, 'UTF8')), 1, 48))",
        )?;
    }
    let done = conn.query("SELECT name, checksum FROM migration ORDER BY no", &[])?;
    for (i, row) in done.iter().enumerate() {
        let (name, checksum): (&str, &[u8]) = (row.get(0), row.get(1));
        let Some((step, sql)) = steps.get(i) else {
            return Err(StoreError::Unavailable(format!(
                "the data was written by a newer Fealty (step {name}; this one knows {} steps): use that version or a later one",
                steps.len()
            )));
        };
        if *step != name || sum(sql)[..] != *checksum {
            return Err(StoreError::Corrupt(format!(
                "step {name} of the tables is not this program's step {step}"
            )));
        }
    }
    for (no, (name, sql)) in steps.iter().enumerate().skip(done.len()) {
        conn.run(sql)?;
        let row = "INSERT INTO migration VALUES ($1, $2, $3)";
        conn.execute(row, &[&(no as i64), name, &&sum(sql)[..]])?;
    }
    Ok(())
}

fn sum(sql: &str) -> [u8; 32] {
    Sha256::digest(sql.as_bytes()).into()
}
