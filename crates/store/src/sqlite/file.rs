//! The file: how it is opened, locked and born. Every connection is made here.
//!
//! Invariant: a connection that writes has read back that its commits are durable (WAL, synchronous=FULL), and no
//! second process writes to the same folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{migrate, store_error};
use crate::StoreError;

/// The one file of a data folder (beside its write-ahead log).
pub const FILE: &str = "fealty.db";
const LOCK: &str = "fealty.lock";

/// Before 3.51.3, two connections of which one checkpoints could corrupt the file (sqlite.org/wal.html#walresetbug).
const SQLITE_MIN: i32 = 3_051_003;

/// Held as long as the process may write.
pub struct Lock(#[allow(dead_code)] File);

pub fn lock(dir: &Path) -> Result<Lock, StoreError> {
    let unavailable = |what: &str, e: &dyn std::fmt::Display| {
        StoreError::Unavailable(format!("{what} {}: {e}", dir.display()))
    };
    std::fs::create_dir_all(dir).map_err(|e| unavailable("cannot make the data folder", &e))?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join(LOCK));
    let file = file.map_err(|e| unavailable("cannot open the lock file in", &e))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
            "the data folder {} is in use by another process; stop it first, or choose another folder",
            dir.display()
        ))),
        Err(TryLockError::Error(e)) => Err(unavailable("cannot lock", &e)),
    }
}

/// Opens for writing; makes the file and brings its tables up to date.
pub fn open(dir: &Path) -> Result<Connection, StoreError> {
    let version = rusqlite::version_number();
    assert!(
        version >= SQLITE_MIN,
        "SQLite {} has the WAL-reset bug; 3.51.3 is the least",
        rusqlite::version()
    );
    let path = dir.join(FILE);
    if !path.exists() {
        // Nothing reports it when the folder's entry is not durable (the error is ignored inside SQLite),
        // so the file is made, synced and opened again before anything is promised.
        let mut conn = writer(&path)?;
        migrate::run(&mut conn)?;
        conn.close().map_err(|(_, e)| store_error(&e))?;
        let sync = |what: &Path| File::open(what).and_then(|file| file.sync_all());
        sync(&path)
            .and_then(|()| sync(dir))
            .map_err(|e| StoreError::Unavailable(format!("cannot make {} durable: {e}", path.display())))?;
    }
    let mut conn = writer(&path)?;
    migrate::run(&mut conn)?;
    Ok(conn)
}

fn writer(path: &Path) -> Result<Connection, StoreError> {
    let conn =
        Connection::open(path).map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))?;
    set_up_writer(&conn).map_err(|e| match store_error(&e) {
        StoreError::Corrupt(_) => {
            StoreError::Corrupt(format!("{} is no database of Fealty: {e}", path.display()))
        }
        other => other,
    })?;
    let mode: String =
        conn.query_row("PRAGMA journal_mode", [], |r| r.get(0)).map_err(|e| store_error(&e))?;
    let sync: i64 = conn.query_row("PRAGMA synchronous", [], |r| r.get(0)).map_err(|e| store_error(&e))?;
    if mode != "wal" || sync != 2 {
        return Err(StoreError::Unavailable(format!(
            "SQLite cannot promise durable commits here: journal_mode is {mode}, synchronous is {sync} (wal and 2 are needed)"
        )));
    }
    Ok(conn)
}

fn set_up_writer(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(64);
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    conn.execute_batch(
        "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON; PRAGMA foreign_keys=ON;
         PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY",
    )?;
    // A log that grew behind a long look at the data is cut when it begins anew.
    conn.query_row("PRAGMA journal_size_limit=268435456", [], |_| Ok(()))?;
    conn.query_row("PRAGMA wal_autocheckpoint=0", [], |_| Ok(()))
}

/// A connection that only reads; `cache_kib` is its page cache.
pub fn open_reader(dir: &Path, cache_kib: u32) -> Result<Connection, StoreError> {
    let path = dir.join(FILE);
    let conn = Connection::open_with_flags(&path, READ_ONLY);
    reader(conn.map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))?, cache_kib)
}

const READ_ONLY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

fn reader(conn: Connection, cache_kib: u32) -> Result<Connection, StoreError> {
    let set_up = || {
        conn.set_prepared_statement_cache_capacity(64);
        conn.busy_timeout(std::time::Duration::from_secs(5))?;
        conn.execute_batch(&format!(
            "PRAGMA query_only=ON; PRAGMA cache_size=-{cache_kib}; PRAGMA temp_store=MEMORY"
        ))
    };
    set_up().map_err(|e: rusqlite::Error| store_error(&e))?;
    Ok(conn)
}

/// A connection that only reads a file that rests: a backup. It asks for no locks, which a file system of the network
/// may not have.
pub fn open_resting(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags_and_vfs(path, READ_ONLY, "unix-none");
    reader(conn.map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))?, 16 * 1024)
}

/// A file that is no data folder's yet gets today's tables, and rests again.
pub fn bring_up_to_date(path: &Path) -> Result<(), StoreError> {
    let known = "SELECT count(*) FROM meta WHERE name = 'secret'";
    let mut conn = writer(path)?;
    if conn.query_row(known, [], |r| r.get::<_, i64>(0)).unwrap_or(0) != 1 {
        return Err(StoreError::Corrupt("it is no database of Fealty".into()));
    }
    migrate::run(&mut conn)?;
    conn.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(())).map_err(|e| store_error(&e))?;
    conn.close().map_err(|(_, e)| store_error(&e))
}

/// A connection that only moves pages from the log into the file.
pub fn open_checkpointer(dir: &Path) -> Result<Connection, StoreError> {
    let conn = writer(&dir.join(FILE))?;
    conn.execute_batch("PRAGMA cache_size=-1024").map_err(|e| store_error(&e))?;
    Ok(conn)
}
