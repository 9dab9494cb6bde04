//! Endpoints, what waits for them, what they would not take, and the newest attempts.

use super::{Page, Reader};
use crate::db::{Row, Value, values};
use crate::{AttemptRow, ChangeId, DeliveryRow, StoreError};

/// No `Debug`: it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointRow {
    pub no: u64,
    /// JSON, as it was given.
    pub settings: Box<str>,
    /// JSON {name: value}.
    pub hidden: Box<str>,
    pub secrets: Box<str>,
    /// Why it is switched off.
    pub off: Option<Box<str>>,
    pub place: Box<str>,
    pub failing_ms: Option<i64>,
    pub created_ms: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointCounts {
    pub waiting: u64,
    pub dead: u64,
}

const ENDPOINT: &str =
    "SELECT no, settings, secrets, off, place, failing_ms, created_ms, hidden FROM endpoint";
const DELIVERY: &str = "SELECT pos, n, member, attempts, next_ms FROM delivery d";

/// Nothing of its member waits before it.
const FIRST: &str =
    "NOT EXISTS (SELECT 1 FROM delivery e WHERE e.endpoint = d.endpoint AND e.member IS NOT DISTINCT FROM d.member
    AND e.next_ms IS NOT NULL AND (e.pos, e.n) < (d.pos, d.n))";

/// Of one member so many are taken up together, where they go one after the other.
const OF_ONE: usize = 32;

impl Reader {
    pub fn endpoint_list(&self) -> Result<Vec<EndpointRow>, StoreError> {
        self.all(&format!("{ENDPOINT} ORDER BY no"), &[], endpoint)
    }
    pub fn endpoint_get(&self, no: u64) -> Result<Option<EndpointRow>, StoreError> {
        Ok(self.all(&format!("{ENDPOINT} WHERE no = ?1"), values![no], endpoint)?.pop())
    }
    pub fn endpoint_counts(&self, no: u64) -> Result<EndpointCounts, StoreError> {
        let count = "SELECT count(next_ms), count(*) - count(next_ms) FROM delivery WHERE endpoint = ?1";
        let counts = |r: &Row<'_>| Ok(EndpointCounts { waiting: r.get(0)?, dead: r.get(1)? });
        Ok(self.all(count, values![no], counts)?.pop().unwrap_or_default())
    }

    /// What is due by `now_ms`, the longest due first. `in_order`: of so many members those that are due, in their order,
    /// and nothing behind what is not due.
    pub fn delivery_due(
        &self,
        no: u64,
        now_ms: i64,
        in_order: bool,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let select = format!(
            "{DELIVERY} WHERE endpoint = ?1 AND next_ms <= ?2 AND (NOT ?3 OR {FIRST})
            ORDER BY next_ms, pos, n LIMIT ?4"
        );
        let first = self.all(&select, values![no, now_ms, in_order, limit], delivery)?;
        if !in_order {
            return Ok(first);
        }
        let behind = format!(
            "{DELIVERY} WHERE endpoint = ?1 AND member IS NOT DISTINCT FROM ?2 AND next_ms IS NOT NULL AND (pos, n) > (?3, ?4)
            ORDER BY pos, n LIMIT ?5"
        );
        let mut due = Vec::new();
        for one in first {
            let of = values![no, one.member, one.change.0, one.change.1, OF_ONE];
            let behind = self.all(&behind, of, delivery)?;
            due.push(one);
            due.extend(behind.into_iter().take_while(|row| row.next_ms.is_some_and(|at| at <= now_ms)));
        }
        Ok(due)
    }
    /// When the next is due.
    pub fn delivery_next(&self, no: u64, in_order: bool) -> Result<Option<i64>, StoreError> {
        let select = format!(
            "SELECT next_ms FROM delivery d WHERE endpoint = ?1 AND next_ms IS NOT NULL AND (NOT ?2 OR {FIRST})
            ORDER BY next_ms LIMIT 1"
        );
        Ok(self.all(&select, values![no, in_order], |r| r.get(0))?.pop())
    }
    /// Members of whom something waits.
    pub fn delivery_members(&self, no: u64) -> Result<Vec<u64>, StoreError> {
        let select = "SELECT DISTINCT member FROM delivery WHERE endpoint = ?1 AND next_ms IS NOT NULL AND member IS NOT NULL";
        self.all(select, values![no], |r| r.get(0))
    }
    /// Those that wait, or the dead ones, in the order of the feed.
    pub fn delivery_list(
        &self,
        no: u64,
        dead: bool,
        after: ChangeId,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let select = format!(
            "{DELIVERY} WHERE endpoint = ?1 AND (next_ms IS NULL) = ?2 AND (pos, n) > (?3, ?4) ORDER BY pos, n LIMIT ?5"
        );
        self.all(&select, values![no, dead, after.0, after.1, limit], delivery)
    }
    /// Newest first, from before `cursor`.
    pub fn attempt_list(
        &self,
        no: u64,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<AttemptRow>, StoreError> {
        let before = cursor.unwrap_or(i64::MAX.cast_unsigned());
        let select = "SELECT pos, n, at_ms, took_ms, status, said, no, taken FROM attempt
            WHERE endpoint = ?1 AND no < ?2 ORDER BY no DESC LIMIT ?3";
        let mut rows = self.all(select, values![no, before, limit + 1], |r| {
            let (change, status) = ((r.get(0)?, r.get(1)?), r.get(4)?);
            let (at_ms, took_ms, said, taken) = (r.get(2)?, r.get(3)?, r.get(5)?, r.get(7)?);
            let row = AttemptRow { change, at_ms, took_ms, status, said, taken };
            Ok((row, r.get::<u64>(6)?))
        })?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|last| last.1).filter(|_| more);
        Ok(Page { items: rows.into_iter().map(|(row, _)| row).collect(), next })
    }

    fn all<T>(
        &self,
        select: &str,
        values: &[Value<'_>],
        of: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.with(|db| db.all(select, values, of))
    }
}

fn endpoint(r: &Row<'_>) -> Result<EndpointRow, StoreError> {
    Ok(EndpointRow {
        no: r.get(0)?,
        settings: r.get(1)?,
        secrets: r.get(2)?,
        off: r.get(3)?,
        place: r.get(4)?,
        failing_ms: r.get(5)?,
        created_ms: r.get(6)?,
        hidden: r.get(7)?,
    })
}

fn delivery(r: &Row<'_>) -> Result<DeliveryRow, StoreError> {
    let change = (r.get(0)?, r.get(1)?);
    Ok(DeliveryRow { change, member: r.get(2)?, attempts: r.get(3)?, next_ms: r.get(4)? })
}
