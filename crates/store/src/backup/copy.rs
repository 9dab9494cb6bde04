//! The pages of the embedded database, as they are at one moment, while a server goes on writing.
//!
//! A reader's transaction holds the moment; SQLite copies page by page out of it, so nothing that is written meanwhile
//! begins the copy anew, and no lock keeps the writer waiting. (`VACUUM INTO` would hold the moment much longer: it
//! builds every tree anew.) What it costs the server: the write-ahead log cannot begin anew until the copy is done, and
//! the disk is shared; so it goes in slices, with rests three times as long as the work. Measured with 16 clients who send
//! as fast as they can: resting as long as it worked took up to half of the server's speed, so nothing less will do.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Failed, Partial, Phase, Progress, cannot};
use crate::StoreError;
use crate::sqlite::{file, store_error};

/// 4 MiB: some 10 ms of a disk.
const SLICE_PAGES: i32 = 1024;
/// 16 MiB: more would stand before the server's own commits, and less keeps the file system's journal busy.
const SLICES_AT_ONCE: usize = 4;
/// Times as long as the work.
const REST: u32 = 3;
/// Where the disk itself is slow, the moment is not held for ever by resting.
const REST_MAX: Duration = Duration::from_secs(1);

/// Fills a backup from the folder of an embedded database.
pub fn copy(dir: &Path, partial: &Partial, progress: Progress<'_>) -> Result<(), Failed> {
    if !dir.join(file::FILE).exists() {
        return Err(StoreError::Unavailable(format!("there is no database in {}", dir.display())).into());
    }
    // Whoever has the data has locked the folder; it is his speed that is spared.
    let served = file::lock(dir).is_err();
    let source = file::open_reader(dir, 2 * 1024)?;
    // The moment begins with the first read.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(|e| store_error(&e))?;
    let mut dest = target(&partial.path)?;
    let disk = File::open(&partial.path).map_err(|e| cannot("open", &partial.path, &e))?;
    let backup = Backup::new(&source, &mut dest).map_err(|e| written(&partial.path, &e))?;
    for no in 1.. {
        let begun = Instant::now();
        let step = backup.step(SLICE_PAGES).map_err(|e| written(&partial.path, &e))?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::try_from(pages).unwrap_or(0) * 4096;
        progress(Phase::Copy, bytes(pages.pagecount - pages.remaining), bytes(pages.pagecount));
        if matches!(step, StepResult::Done) {
            break;
        }
        if no % SLICES_AT_ONCE == 0 {
            disk.sync_data().map_err(|e| cannot("write", &partial.path, &e))?;
        }
        if served {
            std::thread::sleep((begun.elapsed() * REST).min(REST_MAX));
        }
    }
    drop(backup);
    drop(dest);
    without_log(&partial.path).map_err(|e| cannot("write", &partial.path, &e))?;
    Ok(())
}

/// Two bytes of the first page say that a database has a write-ahead log (2) or none (1). The source has one; the copy,
/// which nobody writes to, is read without.
fn without_log(path: &Path) -> std::io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.seek(SeekFrom::Start(18))?;
    file.write_all(&[1, 1])
}

/// Nobody else has it, so it needs no locks (which a file system of the network may not have), and no journal of its own:
/// it is whole or thrown away.
fn target(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn =
        Connection::open_with_flags_and_vfs(path, flags, "unix-none").map_err(|e| written(path, &e))?;
    let set_up = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-4096";
    conn.execute_batch(set_up).map_err(|e| written(path, &e))?;
    Ok(conn)
}

fn written(path: &Path, e: &rusqlite::Error) -> StoreError {
    match store_error(e) {
        StoreError::Unavailable(why) => cannot("write", path, &why),
        other => other,
    }
}
