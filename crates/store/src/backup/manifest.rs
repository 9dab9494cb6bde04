//! What a backup must be: written when it is made, held against it when it is restored.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{Failed, Phase, Progress, Sum, cannot, hex, sum, sync, sync_folder, with_end};
use crate::StoreError;
use crate::sqlite::{file, store_error};

/// The only form so far.
const FORM: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub form: u32,
    /// Version of the program that made it.
    pub fealty: String,
    pub made_at: jiff::Timestamp,
    /// Rows of the journal; the last of them is the moment that the backup holds.
    pub rows: u64,
    /// Of the last row, chained to all before it.
    pub head: String,
    pub bytes: u64,
    pub sha256: String,
    /// Whether everything in it was recomputed when it was made.
    pub verified: bool,
}

impl Manifest {
    pub fn of(backup: &Path, verified: bool, progress: Progress<'_>) -> Result<Manifest, Failed> {
        let (rows, head) = end(backup)?;
        let Sum { bytes, sha256 } = sum(backup, (Phase::Sum, progress), |_| Ok(()))?;
        let fealty = env!("CARGO_PKG_VERSION").into();
        let made_at = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
        Ok(Manifest { form: FORM, fealty, made_at, rows, head, bytes, sha256, verified })
    }

    /// Beside the backup: its name and `.json`.
    pub fn path(backup: &Path) -> PathBuf {
        with_end(backup, ".json")
    }

    pub fn write(&self, backup: &Path) -> Result<(), StoreError> {
        let (path, partial) = (Manifest::path(backup), with_end(backup, ".json.partial"));
        let text = serde_json::to_string_pretty(self).expect("a manifest is plain") + "\n";
        std::fs::write(&partial, text).map_err(|e| cannot("write", &partial, &e))?;
        sync(&partial)?;
        std::fs::rename(&partial, &path).map_err(|e| cannot("name", &path, &e))?;
        sync_folder(&path)
    }

    /// None: there is none.
    pub fn read(backup: &Path) -> Result<Option<Manifest>, Failed> {
        let path = Manifest::path(backup);
        if !path.exists() {
            return Ok(None);
        }
        let not_whole = |why: String| Failed::NotWhole(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|e| cannot("read", &path, &e))?;
        let manifest: Manifest = serde_json::from_str(&text).map_err(|e| not_whole(e.to_string()))?;
        if manifest.form != FORM {
            return Err(not_whole(format!("form {} is of a later Fealty", manifest.form)));
        }
        Ok(Some(manifest))
    }

    pub(super) fn check_bytes(&self, found: &Sum) -> Result<(), Failed> {
        if found.bytes != self.bytes {
            let (found, made) = (found.bytes, self.bytes);
            return Err(Failed::NotWhole(format!("it has {found} bytes, and was made with {made}")));
        }
        if found.sha256 != self.sha256 {
            let (found, made) = (&found.sha256, &self.sha256);
            return Err(Failed::NotWhole(format!("its SHA-256 is {found}, and was {made} when it was made")));
        }
        Ok(())
    }

    pub(super) fn check_end(&self, backup: &Path) -> Result<(), Failed> {
        let (rows, head) = end(backup)?;
        if (rows, &head) == (self.rows, &self.head) {
            return Ok(());
        }
        let made = format!("row {} with the hash {}", self.rows, self.head);
        Err(Failed::NotWhole(format!(
            "it ends with row {rows} with the hash {head}, and was made with {made}"
        )))
    }
}

/// The last row of the journal and its hash.
fn end(backup: &Path) -> Result<(u64, String), StoreError> {
    let conn: Connection = file::open_resting(backup)?;
    let select = "SELECT pos, hash FROM journal ORDER BY pos DESC LIMIT 1";
    let mut select = conn.prepare(select).map_err(|e| store_error(&e))?;
    let mut rows = select.query([]).map_err(|e| store_error(&e))?;
    let row = rows.next().map_err(|e| store_error(&e))?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, hex(&row.get::<_, Vec<u8>>(1)?)));
    Ok(row.map(read).transpose().map_err(|e| store_error(&e))?.unwrap_or_default())
}
