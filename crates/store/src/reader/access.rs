//! Program versions, API keys, and what was set aside for people.

use super::{Page, Reader};
use crate::StoreError;
use crate::db::{Row, values};
use crate::sqlite::form;

#[derive(Clone, Debug, PartialEq)]
pub struct ProgramVersion {
    pub version: u32,
    pub hash: [u8; 32],
    /// As it was given to `program_version_put`.
    pub body: Box<str>,
    pub published_ms: i64,
    pub published_by: Box<str>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRow {
    pub no: u64,
    pub name: Box<str>,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    pub scopes: Vec<Box<str>>,
    pub created_ms: i64,
    pub revoked_ms: Option<i64>,
    /// From then on it does not count.
    pub expires_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct QuarantineRow {
    pub no: u64,
    pub at_ms: i64,
    /// `conflict` or `refused`
    pub kind: Box<str>,
    pub source: Box<str>,
    pub event_id: Option<Box<str>>,
    /// The row that it contradicts.
    pub pos: Option<u64>,
    pub reason: Box<str>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

const PROGRAM: &str = "SELECT version, hash, body, published_ms, published_by FROM program_version";
const KEY: &str = "SELECT no, name, scopes, created_ms, revoked_ms, expires_ms, hash FROM api_key";

impl Reader {
    /// All versions, oldest first.
    pub fn program_version_list(&self) -> Result<Vec<ProgramVersion>, StoreError> {
        self.with(|db| db.all(&format!("{PROGRAM} ORDER BY version"), &[], program))
    }
    pub fn program_version_get(&self, version: u32) -> Result<Option<ProgramVersion>, StoreError> {
        self.with(|db| db.one(&format!("{PROGRAM} WHERE version = ?1"), values![version], program))
    }

    /// By how much the clock of a sandbox is ahead of the machine's.
    pub fn clock_get(&self) -> Result<i64, StoreError> {
        let shift = self.with(|db| db.one("SELECT shift_ms FROM clock", &[], |r| r.get(0)))?;
        Ok(shift.unwrap_or(0))
    }

    /// Revoked ones too.
    pub fn api_key_list(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        let rows = self.with(|db| db.all(&format!("{KEY} ORDER BY no"), &[], api_key))?;
        rows.into_iter().map(with_scopes).collect()
    }
    /// The key with this SHA-256; the caller looks whether it was revoked.
    pub fn api_key_lookup(&self, hash: &[u8; 32]) -> Result<Option<ApiKeyRow>, StoreError> {
        let row = self.with(|db| db.one(&format!("{KEY} WHERE hash = ?1"), values![*hash], api_key))?;
        row.map(with_scopes).transpose()
    }

    /// Newest first, from before `cursor`.
    pub fn quarantine_list(
        &self,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<QuarantineRow>, StoreError> {
        let before = cursor.unwrap_or(i64::MAX.cast_unsigned());
        let sql = "SELECT no, at_ms, kind, source, event_id, pos, reason, headers, body FROM quarantine
            WHERE no < ?1 ORDER BY no DESC LIMIT ?2";
        let mut rows = self.with(|db| db.all(sql, values![before, limit + 1], quarantine))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(row, _)| row.no);
        let with_headers = |(row, headers): (QuarantineRow, String)| {
            let headers = form::from_json(&headers, || format!("the headers of quarantined {}", row.no))?;
            Ok(QuarantineRow { headers, ..row })
        };
        Ok(Page { items: rows.into_iter().map(with_headers).collect::<Result<_, StoreError>>()?, next })
    }
}

fn program(r: &Row<'_>) -> Result<ProgramVersion, StoreError> {
    Ok(ProgramVersion {
        version: r.get(0)?,
        hash: r.get(1)?,
        body: r.get(2)?,
        published_ms: r.get(3)?,
        published_by: r.get(4)?,
    })
}

fn api_key(r: &Row<'_>) -> Result<(ApiKeyRow, String), StoreError> {
    let (no, name, created_ms, revoked_ms) = (r.get(0)?, r.get(1)?, r.get(3)?, r.get(4)?);
    let (expires_ms, hash) = (r.get(5)?, r.get(6)?);
    Ok((ApiKeyRow { no, name, hash, scopes: Vec::new(), created_ms, revoked_ms, expires_ms }, r.get(2)?))
}

fn with_scopes((row, scopes): (ApiKeyRow, String)) -> Result<ApiKeyRow, StoreError> {
    let scopes = form::from_json(&scopes, || format!("the scopes of key {}", row.no))?;
    Ok(ApiKeyRow { scopes, ..row })
}

fn quarantine(r: &Row<'_>) -> Result<(QuarantineRow, String), StoreError> {
    let row = QuarantineRow {
        no: r.get(0)?,
        at_ms: r.get(1)?,
        kind: r.get(2)?,
        source: r.get(3)?,
        event_id: r.get(4)?,
        pos: r.get(5)?,
        reason: r.get(6)?,
        headers: Vec::new(),
        body: r.get(8)?,
    };
    Ok((row, r.get(7)?))
}
