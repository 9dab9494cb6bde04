//! The rows of a batch. Few are one statement, with which they are committed too; of many, what is only added follows by
//! COPY within its transaction.
//!
//! Invariant: the head comes first. Whoever was overtaken finds no row there, and nothing else is written.

use std::collections::HashSet;

use domain::batch::NewRow;

use super::connect::Conn;
use super::shared::Shared;
use super::statement::{Statement, given};
use crate::access;
use crate::db::Db;
use crate::flight::Flight;
use crate::flight::encode::Encoded;
use crate::sqlite::headers_json;
use crate::{Raw, StoreError};

/// Rows of the journal back to which is known what each batch touched.
const TOUCHED_MAX: i64 = 100_000;
/// Older ones are forgotten together, when the journal passes a multiple of this.
const TOUCHED_STEP: i64 = 1_024;

/// Up to so many rows a batch is one statement, which commits by itself; more are faster by COPY.
const ROWS_MAX: usize = 64;

/// Whether all of the batch is in one statement.
pub fn are_few(flight: &Flight) -> bool {
    flight.write.batch.rows.len() <= ROWS_MAX
        && flight.write.batch.erased.is_empty()
        && flight.conflicts.is_empty()
}

/// In the middle of a transaction, unless they are few. None: it is not our turn any more; otherwise whether others wait
/// for it.
pub fn write(
    conn: &Conn,
    shared: &Shared,
    fence: i64,
    lease_ms: i64,
    flight: &Flight,
    encoded: &Encoded,
) -> Result<Option<bool>, StoreError> {
    let hash = encoded.rows().last().map(|row| &row.hash[..]);
    let mut statement = Statement::new(shared, fence, lease_ms, flight, hash);
    let few = are_few(flight);
    if few {
        add_journal(&mut statement, flight, encoded);
        add_keys(&mut statement, flight);
    }
    add_states(&mut statement, flight, encoded);
    add_names(&mut statement, flight);
    let waiting = statement.run(conn)?;
    if waiting.is_some() && !few {
        copy_journal(conn, flight, encoded)?;
        copy_keys(conn, flight)?;
        access::put_conflicts(Db::Postgres(conn), flight)?;
    }
    Ok(waiting)
}

fn add_journal<'v>(statement: &mut Statement<'v>, flight: &'v Flight, encoded: &'v Encoded) {
    let write = &flight.write;
    let rows = &write.batch.rows;
    if rows.is_empty() {
        return;
    }
    let body_hash = |row: &NewRow| row.input.map(|n| &write.batch.input(&write.inputs, n).body_hash[..]);
    let texts = || encoded.rows();
    let put = "INSERT INTO journal SELECT pos, member, prev, $4, again, input, body_hash, decided, hash FROM gone_on,
        unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $5::BIGINT[], $6::TEXT[], $7::BYTEA[], $8::TEXT[], $9::BYTEA[])
        r(pos, member, prev, again, input, body_hash, decided, hash)";
    let values = given![
        rows.iter().map(|row| int(row.pos)).collect::<Vec<_>>(),
        rows.iter().map(|row| row.member.map(int)).collect::<Vec<_>>(),
        rows.iter().map(|row| int(row.prev_pos)).collect::<Vec<_>>(),
        write.now_ms,
        rows.iter().map(|row| row.again.map(int)).collect::<Vec<_>>(),
        texts().map(|text| text.input).collect::<Vec<_>>(),
        rows.iter().map(body_hash).collect::<Vec<_>>(),
        texts().map(|text| text.decided).collect::<Vec<_>>(),
        texts().map(|text| &text.hash[..]).collect::<Vec<_>>()
    ];
    statement.add("came", put, values);
    let raws: Vec<(i64, &Raw)> = raws(flight).collect();
    if !raws.is_empty() {
        let put = "INSERT INTO raw SELECT r.* FROM gone_on,
            unnest($1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::BYTEA[]) r(pos, source, headers, body)";
        let values = given![
            raws.iter().map(|(pos, _)| *pos).collect::<Vec<_>>(),
            raws.iter().map(|(_, raw)| source(raw)).collect::<Vec<_>>(),
            raws.iter().map(|(_, raw)| headers_json(&raw.headers)).collect::<Vec<_>>(),
            raws.iter().map(|(_, raw)| &raw.body[..]).collect::<Vec<_>>()
        ];
        statement.add("words", put, values);
    }
}

fn copy_journal(conn: &Conn, flight: &Flight, encoded: &Encoded) -> Result<(), StoreError> {
    let write = &flight.write;
    let mut copy = Copy::of(9);
    for (row, text) in write.batch.rows.iter().zip(encoded.rows()) {
        let body_hash = row.input.map(|n| &write.batch.input(&write.inputs, n).body_hash[..]);
        copy.row();
        copy.int(Some(int(row.pos)));
        copy.int(row.member.map(int));
        copy.int(Some(int(row.prev_pos)));
        copy.int(Some(write.now_ms));
        copy.int(row.again.map(int));
        copy.bytes(text.input.map(str::as_bytes));
        copy.bytes(body_hash);
        copy.bytes(Some(text.decided.as_bytes()));
        copy.bytes(Some(text.hash));
    }
    copy.send(conn, "COPY journal FROM STDIN BINARY")?;
    let mut copy = Copy::of(4);
    for (pos, raw) in raws(flight) {
        copy.row();
        copy.int(Some(pos));
        copy.bytes(Some(source(raw).as_bytes()));
        copy.bytes(Some(headers_json(&raw.headers).as_bytes()));
        copy.bytes(Some(&raw.body));
    }
    copy.send(conn, "COPY raw FROM STDIN BINARY")
}

/// The vendors' words, with the row that each led to.
fn raws(flight: &Flight) -> impl Iterator<Item = (i64, &Raw)> {
    let write = &flight.write;
    let rows = write.batch.rows.iter();
    rows.filter_map(|row| Some((int(row.pos), write.raws.get(row.input?)?.as_ref()?)))
}

fn source(raw: &Raw) -> String {
    raw.source.replace('\0', "\u{fffd}")
}

/// In their order, so that neighbours in the index are written together.
fn keys(flight: &Flight) -> Vec<(i64, i64)> {
    let mut keys: Vec<(i64, i64)> =
        flight.keys.iter().map(|(key, pos)| (key.cast_signed(), int(*pos))).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn add_keys(statement: &mut Statement<'_>, flight: &Flight) {
    let (keys, positions): (Vec<i64>, Vec<i64>) = keys(flight).into_iter().unzip();
    if !keys.is_empty() {
        let put = "INSERT INTO key SELECT k.* FROM gone_on, unnest($1::BIGINT[], $2::BIGINT[]) k";
        statement.add("found", put, given![keys, positions]);
    }
}

fn copy_keys(conn: &Conn, flight: &Flight) -> Result<(), StoreError> {
    let mut copy = Copy::of(2);
    for (key, pos) in keys(flight) {
        copy.row();
        copy.int(Some(key));
        copy.int(Some(pos));
    }
    copy.send(conn, "COPY key FROM STDIN BINARY")
}

/// Members, their pages of lots, budgets, and who was touched.
fn add_states<'v>(statement: &mut Statement<'v>, flight: &'v Flight, encoded: &'v Encoded) {
    let write = &flight.write;
    let numbers: Vec<i64> = write.members.iter().map(|member| int(member.no)).collect();
    if !write.batch.rows.is_empty() || !numbers.is_empty() {
        // So that others know of every batch whom it touched, be it nobody.
        let last = int(flight.last_pos);
        let put = "INSERT INTO touched SELECT $1, $2::BIGINT[] FROM gone_on";
        statement.add("told", put, given![last, numbers.clone()]);
        let multiple = last / TOUCHED_STEP * TOUCHED_STEP;
        if multiple >= int(flight.first_pos) {
            let forget = "DELETE FROM touched WHERE pos < $1 AND EXISTS (SELECT 1 FROM gone_on)";
            statement.add("forgotten", forget, given![multiple - TOUCHED_MAX]);
        }
    }
    if !numbers.is_empty() {
        let images: Vec<&str> =
            encoded.image_parts().iter().map(|at| &encoded.images()[at.clone()]).collect();
        let due: Vec<Option<i64>> =
            (0..numbers.len()).map(|n| write.due_ms.get(n).copied().flatten()).collect();
        let put =
            "INSERT INTO member SELECT m.* FROM gone_on, unnest($1::BIGINT[], $2::TEXT[], $3::BIGINT[]) m
            ON CONFLICT (no) DO UPDATE SET image = excluded.image, due_ms = excluded.due_ms";
        statement.add("became", put, given![numbers, images, due]);
    }
    let (at, lots): (Vec<i64>, Vec<&str>) = encoded.pages.added().unzip();
    if !at.is_empty() {
        let put = "INSERT INTO lot_page SELECT p.* FROM gone_on, unnest($1::BIGINT[], $2::TEXT[]) p";
        statement.add("pages", put, given![at, lots]);
    }
    if !encoded.pages.gone().is_empty() {
        let gone = "DELETE FROM lot_page WHERE at = ANY($1) AND EXISTS (SELECT 1 FROM gone_on)";
        statement.add("old_pages", gone, given![encoded.pages.gone()]);
    }
    if !write.budgets.is_empty() {
        let json = |parts: &Vec<(i64, i64)>| serde_json::to_string(parts).expect("numbers are JSON");
        let (ids, parts): (Vec<&str>, Vec<String>) =
            write.budgets.iter().map(|(id, parts)| (&**id, json(parts))).unzip();
        let put = "INSERT INTO budget SELECT b.* FROM gone_on, unnest($1::TEXT[], $2::TEXT[]) b
            ON CONFLICT (id) DO UPDATE SET parts = excluded.parts";
        statement.add("used", put, given![ids, parts]);
    }
}

fn add_names<'v>(statement: &mut Statement<'v>, flight: &'v Flight) {
    let batch = &flight.write.batch;
    // A name that was given twice belongs to whom it was given last.
    let mut seen = HashSet::new();
    let newest = batch.identities.iter().rev().filter(|(name, _)| seen.insert(name.as_str()));
    let mut names: Vec<(&str, i64)> = newest.map(|(name, no)| (name.as_str(), int(*no))).collect();
    names.sort_unstable();
    let freed = batch.erased.iter().flat_map(|erasure| &erasure.names).map(|name| name.as_str());
    let freed: Vec<&str> = freed.filter(|name| !seen.contains(name)).collect();
    if !freed.is_empty() {
        let free = "DELETE FROM identity WHERE name = ANY($1) AND EXISTS (SELECT 1 FROM gone_on)";
        statement.add("freed", free, given![freed]);
    }
    if !names.is_empty() {
        let (names, owners): (Vec<&str>, Vec<i64>) = names.into_iter().unzip();
        let put = "INSERT INTO identity SELECT i.* FROM gone_on, unnest($1::TEXT[], $2::BIGINT[]) i
            ON CONFLICT (name) DO UPDATE SET member = excluded.member";
        statement.add("named", put, given![names, owners]);
    }
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
