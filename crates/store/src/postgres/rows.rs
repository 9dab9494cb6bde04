//! The rows of a batch, within its transaction: COPY for what is only added, arrays for what is changed.
//!
//! Invariant: the head comes first. Whoever was overtaken finds no row there, and nothing else is written.

use std::collections::HashSet;

use super::connect::Conn;
use super::head::{CHANNEL, server_ms};
use super::shared::Shared;
use crate::StoreError;
use crate::access;
use crate::db::Db;
use crate::flight::Flight;
use crate::flight::encode::Encoded;
use crate::sqlite::headers_json;

/// Rows of the journal back to which is known what each batch touched.
const TOUCHED_MAX: i64 = 100_000;

/// In the middle of a transaction. None: it is not our turn any more; otherwise whether others wait for it.
pub fn write(
    conn: &Conn,
    shared: &Shared,
    fence: i64,
    lease_ms: i64,
    flight: &Flight,
    encoded: &Encoded,
) -> Result<Option<bool>, StoreError> {
    let write = &flight.write;
    let newest_member = write.members.last().map_or(0, |member| int(member.no));
    let hash = encoded.rows().last().map(|row| &row.hash[..]);
    let now_ms = (!write.batch.rows.is_empty()).then_some(write.now_ms);
    let update = concat!(
        "WITH gone_on AS (UPDATE head SET until_ms = ",
        server_ms!(),
        " + $1, next_pos = $2, next_member = greatest(next_member, $3), now_ms = coalesce($4, now_ms),
            hash = coalesce($5, hash)
            WHERE holder = $6 AND fence = $7 AND next_pos = $8 RETURNING waiting)
        SELECT waiting, pg_notify($9, $10) FROM gone_on"
    );
    let told = format!("{}:{}", shared.channel, flight.last_pos);
    let (next, first) = (int(flight.last_pos) + 1, int(flight.first_pos));
    let found = conn.query(
        update,
        &[
            &lease_ms,
            &next,
            &(newest_member + 1),
            &now_ms,
            &hash,
            &shared.me,
            &fence,
            &first,
            &CHANNEL,
            &told,
        ],
    )?;
    let Some(row) = found.first() else { return Ok(None) };
    journal(conn, flight, encoded)?;
    keys(conn, flight)?;
    states(conn, flight, encoded)?;
    names(conn, flight)?;
    access::put_conflicts(Db::Postgres(conn), flight)?;
    Ok(Some(row.get(0)))
}

fn journal(conn: &Conn, flight: &Flight, encoded: &Encoded) -> Result<(), StoreError> {
    let write = &flight.write;
    let (mut journal, mut raws) = (Copy::of(9), Copy::of(4));
    for (row, text) in write.batch.rows.iter().zip(encoded.rows()) {
        let body_hash = row.input.map(|n| &write.batch.input(&write.inputs, n).body_hash[..]);
        journal.row();
        journal.int(Some(int(row.pos)));
        journal.int(row.member.map(int));
        journal.int(Some(int(row.prev_pos)));
        journal.int(Some(write.now_ms));
        journal.int(row.again.map(int));
        journal.bytes(text.input.map(str::as_bytes));
        journal.bytes(body_hash);
        journal.bytes(Some(text.decided.as_bytes()));
        journal.bytes(Some(text.hash));
        if let Some(raw) = row.input.and_then(|n| write.raws.get(n)).and_then(Option::as_ref) {
            raws.row();
            raws.int(Some(int(row.pos)));
            raws.bytes(Some(raw.source.replace('\0', "\u{fffd}").as_bytes()));
            raws.bytes(Some(headers_json(&raw.headers).as_bytes()));
            raws.bytes(Some(&raw.body));
        }
    }
    journal.send(conn, "COPY journal FROM STDIN BINARY")?;
    raws.send(conn, "COPY raw FROM STDIN BINARY")
}

/// In their order, so that neighbours in the index are written together.
fn keys(conn: &Conn, flight: &Flight) -> Result<(), StoreError> {
    let mut keys: Vec<(i64, i64)> =
        flight.keys.iter().map(|(key, pos)| (key.cast_signed(), int(*pos))).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut copy = Copy::of(2);
    for (key, pos) in keys {
        copy.row();
        copy.int(Some(key));
        copy.int(Some(pos));
    }
    copy.send(conn, "COPY key FROM STDIN BINARY")
}

/// Members, their pages of lots, budgets, and who was touched.
fn states(conn: &Conn, flight: &Flight, encoded: &Encoded) -> Result<(), StoreError> {
    let write = &flight.write;
    if !write.members.is_empty() {
        let numbers: Vec<i64> = write.members.iter().map(|member| int(member.no)).collect();
        let images: Vec<&str> =
            encoded.image_parts().iter().map(|at| &encoded.images()[at.clone()]).collect();
        let due: Vec<Option<i64>> =
            (0..numbers.len()).map(|n| write.due_ms.get(n).copied().flatten()).collect();
        let put = "WITH told AS (INSERT INTO touched VALUES ($4, $1)), forgotten AS (DELETE FROM touched WHERE pos < $5)
            INSERT INTO member SELECT * FROM unnest($1::BIGINT[], $2::TEXT[], $3::BIGINT[])
            ON CONFLICT (no) DO UPDATE SET image = excluded.image, due_ms = excluded.due_ms";
        let last = int(flight.last_pos);
        conn.execute(put, &[&numbers, &images, &due, &last, &(last - TOUCHED_MAX)])?;
    } else if !write.batch.rows.is_empty() {
        // So that others know of every batch whom it touched, be it nobody.
        conn.execute("INSERT INTO touched VALUES ($1, '{}')", &[&int(flight.last_pos)])?;
    }
    let (at, lots): (Vec<i64>, Vec<&str>) = encoded.pages.added().unzip();
    if !at.is_empty() {
        let put = "INSERT INTO lot_page SELECT * FROM unnest($1::BIGINT[], $2::TEXT[])";
        conn.execute(put, &[&at, &lots])?;
    }
    if !encoded.pages.gone().is_empty() {
        conn.execute("DELETE FROM lot_page WHERE at = ANY($1)", &[&encoded.pages.gone()])?;
    }
    if !write.budgets.is_empty() {
        let json = |parts: &Vec<(i64, i64)>| serde_json::to_string(parts).expect("numbers are JSON");
        let (ids, parts): (Vec<&str>, Vec<String>) =
            write.budgets.iter().map(|(id, parts)| (&**id, json(parts))).unzip();
        let put = "INSERT INTO budget SELECT * FROM unnest($1::TEXT[], $2::TEXT[])
            ON CONFLICT (id) DO UPDATE SET parts = excluded.parts";
        conn.execute(put, &[&ids, &parts])?;
    }
    Ok(())
}

fn names(conn: &Conn, flight: &Flight) -> Result<(), StoreError> {
    let batch = &flight.write.batch;
    let freed: Vec<&str> =
        batch.erased.iter().flat_map(|erasure| &erasure.names).map(|name| name.as_str()).collect();
    if !freed.is_empty() {
        conn.execute("DELETE FROM identity WHERE name = ANY($1)", &[&freed])?;
    }
    if batch.identities.is_empty() {
        return Ok(());
    }
    // A name that was given twice belongs to whom it was given last.
    let mut seen = HashSet::new();
    let newest = batch.identities.iter().rev().filter(|(name, _)| seen.insert(name.as_str()));
    let mut names: Vec<(&str, i64)> = newest.map(|(name, no)| (name.as_str(), int(*no))).collect();
    names.sort_unstable();
    let (names, owners): (Vec<&str>, Vec<i64>) = names.into_iter().unzip();
    let put = "INSERT INTO identity SELECT * FROM unnest($1::TEXT[], $2::BIGINT[])
        ON CONFLICT (name) DO UPDATE SET member = excluded.member";
    conn.execute(put, &[&names, &owners]).map(|_| ())
}

/// Numbers of ours stay far below 2^63.
pub fn int(whole: u64) -> i64 {
    i64::try_from(whole).expect("a number of ours has less than 63 bits")
}

/// The binary form of COPY.
pub struct Copy {
    columns: i16,
    bytes: Vec<u8>,
}

impl Copy {
    pub fn of(columns: i16) -> Copy {
        Copy { columns, bytes: Vec::new() }
    }
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
    pub fn row(&mut self) {
        if self.bytes.is_empty() {
            // Signature, no flags, no extension.
            self.bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        }
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
    }
    pub fn int(&mut self, int: Option<i64>) {
        self.bytes(int.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..]));
    }
    pub fn bytes(&mut self, bytes: Option<&[u8]>) {
        let len = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).expect("a field is below 2 GiB"));
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
    }
    pub fn send(mut self, conn: &Conn, sql: &str) -> Result<(), StoreError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        conn.copy(sql, &self.bytes).map(|_| ())
    }
}
