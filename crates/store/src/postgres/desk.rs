//! Small writes that are no events: each in a transaction of its own, and one after the other among all processes, as
//! where one writer does them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::connect::{Conn, Use};
use super::shared::Shared;
use crate::StoreError;
use crate::db::Db;

pub struct Desk {
    shared: Arc<Shared>,
    conn: Mutex<Option<Conn>>,
}

const BEGIN: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('fealty desk ' || current_schema(), 0))";

impl Desk {
    pub fn new(shared: Arc<Shared>) -> Desk {
        Desk { shared, conn: Mutex::new(None) }
    }

    pub fn me(&self) -> i64 {
        self.shared.me
    }

    /// Durable when it returns. An error of the commit leaves open whether it happened: whoever asks again finds out.
    pub fn transact<T>(&self, work: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        let mut kept = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = kept.take().filter(|conn| conn.begin(BEGIN).is_ok());
        let conn = match begun {
            Some(conn) => conn,
            None => {
                let conn = self.shared.door.connect(Use::Write)?;
                conn.begin(BEGIN)?;
                conn
            }
        };
        let answer = work(Db::Postgres(&conn)).and_then(|answer| conn.commit().map(|()| answer));
        *kept = Some(conn).filter(Conn::rest);
        answer
    }
}
