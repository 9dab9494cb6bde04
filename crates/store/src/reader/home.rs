//! Where the data are, for those who look: connections, and the few questions that each database answers in its own way.
//!
//! Invariant: a connection that is left in a transaction is brought out of it or is not used again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::event::MemberNo;
use domain::key::Key;
use rusqlite::Connection;

use super::Stats;
use crate::StoreError;
use crate::db::{Db, values};
use crate::keys::Keys;
#[cfg(feature = "postgres")]
use crate::postgres::{Conn, Use};
use crate::sqlite::{Head, Shared, file, store_error, sweep};

/// Connections that are kept when nobody uses them.
const IDLE_MAX: usize = 16;

pub enum Home {
    Sqlite {
        dir: PathBuf,
        keys: Keys,
        shared: Arc<Shared>,
        idle: Mutex<Vec<Connection>>,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        shared: Arc<crate::postgres::Shared>,
        idle: Mutex<Vec<Conn>>,
    },
}

impl Home {
    pub fn sqlite(dir: &Path, keys: Keys, shared: Arc<Shared>) -> Home {
        Home::Sqlite { dir: dir.into(), keys, shared, idle: Mutex::new(Vec::new()) }
    }
    #[cfg(feature = "postgres")]
    pub fn postgres(shared: Arc<crate::postgres::Shared>) -> Home {
        Home::Postgres { shared, idle: Mutex::new(Vec::new()) }
    }

    pub fn with<T>(&self, ask: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self {
            Home::Sqlite { dir, idle, .. } => {
                let idle = || idle.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = idle().pop();
                let conn = match kept {
                    Some(conn) => conn,
                    None => file::open_reader(dir, 4096)?,
                };
                let answer = ask(Db::Sqlite(&conn));
                let ended = conn.is_autocommit() || Db::Sqlite(&conn).execute("ROLLBACK", &[]).is_ok();
                let mut idle = idle();
                if ended && idle.len() < IDLE_MAX {
                    idle.push(conn);
                }
                answer
            }
            #[cfg(feature = "postgres")]
            Home::Postgres { shared, idle } => {
                let idle = || idle.lock().unwrap_or_else(PoisonError::into_inner);
                // The server may have hung up since.
                let kept = std::iter::from_fn(|| idle().pop()).find(Conn::is_open);
                let conn = match kept {
                    Some(conn) => conn,
                    None => shared.door.connect(Use::Read)?,
                };
                let answer = ask(Db::Postgres(&conn));
                let ended = conn.rest();
                let mut idle = idle();
                if ended && idle.len() < IDLE_MAX {
                    idle.push(conn);
                }
                answer
            }
        }
    }

    /// The positions of each key, oldest first. What is in flight may have a key and no row yet.
    pub fn locate(&self, db: Db<'_>, keys: &[Key]) -> Result<Vec<Vec<u64>>, StoreError> {
        match (self, db) {
            (Home::Sqlite { keys: known, .. }, Db::Sqlite(conn)) => {
                known.locate(conn, keys).map_err(|e| store_error(&e))
            }
            #[cfg(feature = "postgres")]
            (_, db) => {
                let select = "SELECT pos FROM key WHERE key = ?1 ORDER BY pos";
                keys.iter().map(|key| db.all(select, values![key.0.cast_signed()], |r| r.get(0))).collect()
            }
        }
    }

    /// A member's newest state that is durable. `db` is in no transaction that began before.
    pub fn state(&self, db: Db<'_>, no: MemberNo) -> Result<Option<String>, StoreError> {
        match (self, db) {
            (Home::Sqlite { shared, .. }, Db::Sqlite(conn)) => sweep::state(conn, &shared.recent, no),
            #[cfg(feature = "postgres")]
            (_, db) => db.one("SELECT image FROM member WHERE no = ?1", values![no], |r| r.get(0)),
        }
    }

    /// States in the order of numbers, so many from after `no` on.
    pub fn states(&self, no: MemberNo, limit: usize) -> Result<Vec<(MemberNo, String)>, StoreError> {
        match self {
            Home::Sqlite { shared, .. } => {
                let recent = shared.recent.after(no, limit);
                let select = "SELECT no, image FROM member_swept WHERE no > ?1 ORDER BY no LIMIT ?2";
                let read = |db: Db<'_>| db.all(select, values![no, limit], |r| Ok((r.get(0)?, r.get(1)?)));
                let mut states: std::collections::BTreeMap<_, _> = self.with(read)?.into_iter().collect();
                states.extend(recent.iter().map(|(no, image)| (*no, image.as_str().to_owned())));
                Ok(states.into_iter().take(limit).collect())
            }
            #[cfg(feature = "postgres")]
            Home::Postgres { .. } => {
                let select = "SELECT no, image FROM member WHERE no > ?1 ORDER BY no LIMIT ?2";
                self.with(|db| db.all(select, values![no, limit], |r| Ok((r.get(0)?, r.get(1)?))))
            }
        }
    }

    /// The highest number of a member's row; newer ones may be known elsewhere.
    pub fn states_highest(&self) -> Result<MemberNo, StoreError> {
        let table = match self {
            Home::Sqlite { .. } => "member_swept",
            #[cfg(feature = "postgres")]
            Home::Postgres { .. } => "member",
        };
        let highest = format!("SELECT coalesce(max(no), 0) FROM {table}");
        Ok(self.with(|db| db.one(&highest, &[], |r| r.get(0)))?.unwrap_or(0))
    }

    /// Where everything ends.
    pub fn head(&self, db: Db<'_>) -> Result<Head, StoreError> {
        match (self, db) {
            (Home::Sqlite { shared, .. }, Db::Sqlite(conn)) => Head::load(conn, &shared.recent),
            #[cfg(feature = "postgres")]
            (_, Db::Postgres(conn)) => crate::postgres::head::look(conn)?.head(conn),
            #[cfg(feature = "postgres")]
            (Home::Postgres { .. }, Db::Sqlite(_)) => unreachable!("a home asks its own connections"),
        }
    }

    /// What is known of the database itself.
    pub fn stats(&self) -> Stats {
        match self {
            Home::Sqlite { dir, keys, shared, .. } => Stats::sqlite(dir, keys, shared),
            #[cfg(feature = "postgres")]
            Home::Postgres { shared, .. } => Stats { rows: shared.committed(), ..Stats::default() },
        }
    }
}
