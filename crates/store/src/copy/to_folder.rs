//! From PostgreSQL to a data folder: one moment of it, while any number of processes go on.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use rusqlite::Connection;

use super::tables::{NUMBERED, TABLES, Table, field};
use super::{Progress, SLICE, taken};
use crate::StoreError;
use crate::db::{Db, Value, values};
use crate::keys::run::RunMaker;
use crate::postgres::{Conn, Use, enter};
use crate::sqlite::{file, store_error, write_slice};

/// The folder is made if missing. One that is left behind by a copy that was broken off has no rows, and is used again.
pub fn to_folder(url: &str, dir: &Path, progress: Progress<'_>) -> Result<u64, StoreError> {
    let source = enter(url)?.connect(Use::Migrate)?;
    let _lock = file::lock(dir)?;
    let target = file::open(dir)?;
    let to = Db::Sqlite(&target);
    let known = "SELECT EXISTS (SELECT 1 FROM journal) OR EXISTS (SELECT 1 FROM program_version)
        OR EXISTS (SELECT 1 FROM api_key)";
    if to.one(known, &[], |r| r.get(0))? == Some(true) {
        return Err(taken(&dir.display().to_string()));
    }
    source.run("SET idle_in_transaction_session_timeout = 0")?;
    source.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    to.execute("BEGIN IMMEDIATE", &[])?;
    for table in TABLES {
        put(table, &source, to, progress)?;
    }
    let known = "SELECT EXISTS (SELECT 1 FROM journal) OR EXISTS (SELECT 1 FROM program_version)";
    if to.one(known, &[], |r| r.get(0))? != Some(true) {
        let why = "there are no data in the database: see how it and its schema are written";
        return Err(StoreError::Unavailable(why.into()));
    }
    let from = Db::Postgres(&source);
    for table in NUMBERED {
        let given = format!(
            "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('{table}', 'no')::REGCLASS), 0)"
        );
        let newest = from.one(&given, &[], |r| r.get::<i64>(0))?.unwrap_or(0);
        let known =
            "UPDATE sqlite_sequence SET seq = CASE WHEN seq < ?2 THEN ?2 ELSE seq END WHERE name = ?1";
        if to.execute(known, values![*table, newest])? == 0 && newest > 0 {
            to.execute("INSERT INTO sqlite_sequence VALUES (?1, ?2)", values![*table, newest])?;
        }
    }
    let end = from.one("SELECT next_pos FROM head", &[], |r| r.get::<u64>(0))?;
    let end = end.ok_or_else(|| StoreError::Corrupt("the head row is not there".into()))? - 1;
    put_keys(&source, &target, end, progress)?;
    let secret = from.one("SELECT value FROM meta WHERE name = 'secret'", &[], |r| r.get::<Vec<u8>>(0))?;
    let secret = secret.ok_or_else(|| StoreError::Corrupt("the data have no secret".into()))?;
    to.execute("UPDATE meta SET value = ?1 WHERE name = 'secret'", values![secret])?;
    to.execute("COMMIT", &[])?;
    Ok(end)
}

fn put(table: &Table, source: &Conn, to: Db<'_>, progress: Progress<'_>) -> Result<(), StoreError> {
    let from = Db::Postgres(source);
    // Bodies may be large.
    let at_once = if ["raw", "quarantine"].contains(&table.name) { SLICE / 100 } else { SLICE };
    let rows_of = format!("rows_of_{}", table.name);
    from.execute(&format!("DECLARE {rows_of} CURSOR FOR {}", table.select(table.name)), &[])?;
    let target = table.file.map_or(table.name, |(_, written)| written);
    let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    let insert = format!("INSERT INTO {target} ({}) VALUES ({})", table.names(), places.join(", "));
    let mut rows = 0_u64;
    loop {
        let before = rows;
        from.each(&format!("FETCH {at_once} FROM {rows_of}"), &[], |row| {
            let fields = table.columns.iter().enumerate().map(|(at, (_, kind))| field(row, at, *kind));
            let fields: Vec<Value<'_>> = fields.collect::<Result<_, _>>()?;
            to.execute(&insert, &fields)?;
            rows += 1;
            Ok(())
        })?;
        progress(table.name, rows);
        if rows == before {
            return from.execute(&format!("CLOSE {rows_of}"), &[]).map(|_| ());
        }
    }
}

/// One run holds them all.
fn put_keys(
    source: &Conn,
    target: &Connection,
    last_pos: u64,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    let mut keys: Vec<(u64, u64)> = Vec::new();
    let from = Db::Postgres(source);
    from.execute("DECLARE rows_of_key CURSOR FOR SELECT key, pos FROM key", &[])?;
    loop {
        let before = keys.len();
        from.each(&format!("FETCH {} FROM rows_of_key", SLICE * 8), &[], |row| {
            keys.push((row.get::<i64>(0)?.cast_unsigned(), row.get(1)?));
            Ok(())
        })?;
        progress("key", keys.len() as u64);
        if keys.len() == before {
            break;
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort_unstable();
    let (send, slices) = sync_channel(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut run = RunMaker::new(1, 0, last_pos, keys.len(), &send);
            // An error is that nobody listens any more, who knows why.
            if keys.iter().all(|(key, pos)| run.push(*key, *pos).is_ok()) {
                let _nobody_listens = run.finish(Vec::new());
            }
        });
        slices.iter().try_for_each(|slice| write_slice(target, &slice, usize::MAX).map(|_| ()))
    })
    .map_err(|e| store_error(&e))
}
