//! From a data folder to PostgreSQL, in one transaction.

use std::path::Path;

use super::tables::{NUMBERED, TABLES, Table, field};
use super::{Progress, SLICE, taken};
use crate::StoreError;
use crate::db::{Db, Value, values};
use crate::flight::Head;
use crate::postgres::{Conn, Copy, IN_USE, Use, enter};
use crate::sqlite::sweep::Recent;
use crate::sqlite::{file, store_error};
use crate::verify::{self, Report};

/// Bytes that are sent at once.
const BYTES_MAX: usize = 8 << 20;

/// The folder is held meanwhile: no server can write to it.
pub fn to_postgres(dir: &Path, url: &str, progress: Progress<'_>) -> Result<u64, StoreError> {
    let _lock = file::lock(dir)?;
    // Brings its tables up to date.
    drop(file::open(dir)?);
    let source = file::open_reader(dir, 16 * 1024)?;
    let from = Db::Sqlite(&source);
    let target = enter(url)?.connect(Use::Migrate)?;
    target.run("SET idle_in_transaction_session_timeout = 0")?;
    target.begin("BEGIN; LOCK TABLE head IN EXCLUSIVE MODE")?;
    let alone = format!("SELECT pg_try_advisory_xact_lock({IN_USE})");
    if Db::Postgres(&target).one(&alone, &[], |r| r.get(0))? != Some(true) {
        let why = "a process uses the database: stop it first, for it would go on with the secret of before";
        return Err(StoreError::Unavailable(why.into()));
    }
    let known = "SELECT (SELECT next_pos FROM head) > 1 OR EXISTS (SELECT 1 FROM program_version)
        OR EXISTS (SELECT 1 FROM api_key) OR EXISTS (SELECT 1 FROM endpoint)";
    if Db::Postgres(&target).one(known, &[], |r| r.get(0))? == Some(true) {
        return Err(taken("the database"));
    }
    from.begin_reading()?;
    for table in TABLES {
        put(table, from, &target, progress)?;
    }
    put_keys(&source, &target, progress)?;
    let head = Head::load(&source, &Recent::load(&source)?)?;
    let end = "UPDATE head SET next_pos = ?1, next_member = ?2, now_ms = ?3, hash = ?4";
    let to = Db::Postgres(&target);
    to.execute(end, values![head.next_pos, head.next_member, head.now_ms, head.hash])?;
    let secret = from.one("SELECT value FROM meta WHERE name = 'secret'", &[], |r| r.get::<Vec<u8>>(0))?;
    let secret = secret.ok_or_else(|| StoreError::Corrupt("the data have no secret".into()))?;
    to.execute("UPDATE meta SET value = ?1 WHERE name = 'secret'", values![secret])?;
    for table in NUMBERED {
        let given = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'no'), greatest(?1, (SELECT max(no) FROM {table}), 1))"
        );
        let newest = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        let newest = from.one(newest, values![*table], |r| r.get::<i64>(0))?.unwrap_or(0);
        to.one(&given, values![newest], |_| Ok(()))?;
    }
    target.commit()?;
    Ok(head.next_pos - 1)
}

fn put(table: &Table, from: Db<'_>, target: &Conn, progress: Progress<'_>) -> Result<(), StoreError> {
    let source = table.file.map_or(table.name, |(read, _)| read);
    let insert = format!("COPY {} ({}) FROM STDIN BINARY", table.name, table.names());
    let columns = i16::try_from(table.columns.len()).expect("few columns");
    let (mut copy, mut rows, mut waiting) = (Copy::of(columns), 0_u64, 0);
    from.each(&table.select(source), &[], |row| {
        copy.row();
        for (at, (_, kind)) in table.columns.iter().enumerate() {
            match field(row, at, *kind)? {
                Value::Null => copy.bytes(None),
                Value::Int(int) => copy.int(Some(int)),
                Value::Bool(is) => copy.bytes(Some(&[u8::from(is)])),
                // There is no such character in its texts; what is hashed has none.
                Value::Text(text) if text.contains('\0') => {
                    copy.bytes(Some(text.replace('\0', "\u{fffd}").as_bytes()));
                }
                Value::Text(text) => copy.bytes(Some(text.as_bytes())),
                Value::Bytes(bytes) => copy.bytes(Some(bytes)),
            }
        }
        (rows, waiting) = (rows + 1, waiting + 1);
        if waiting == SLICE || copy.size() > BYTES_MAX {
            waiting = 0;
            progress(table.name, rows);
            std::mem::replace(&mut copy, Copy::of(columns)).send(target, &insert)?;
        }
        Ok(())
    })?;
    progress(table.name, rows);
    copy.send(target, &insert)
}

/// All of them at once: 16 bytes each.
fn put_keys(source: &rusqlite::Connection, target: &Conn, progress: Progress<'_>) -> Result<(), StoreError> {
    let mut report = Report::default();
    let keys = verify::stored_keys(source, &mut report).map_err(|e| store_error(&e))?;
    if let Some(breach) = report.breaches.first() {
        return Err(StoreError::Corrupt(breach.what.clone()));
    }
    let mut keys: Vec<(i64, i64)> =
        keys.into_iter().map(|(key, pos)| (key.cast_signed(), pos.cast_signed())).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut done = 0;
    for slice in keys.chunks(SLICE * 8) {
        let mut copy = Copy::of(2);
        for (key, pos) in slice {
            copy.row();
            copy.int(Some(*key));
            copy.int(Some(*pos));
        }
        copy.send(target, "COPY key FROM STDIN BINARY")?;
        done += slice.len() as u64;
        progress("key", done);
    }
    Ok(())
}
