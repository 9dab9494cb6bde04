//! From a backup to a folder that a server can use: copied, held against its manifest, brought to today's tables, checked,
//! and only then given its name. Until then there is nothing that a server would open.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::{Done, Failed, Manifest, Phase, Progress, cannot, checked, sum, sync, sync_folder, with_end};
use crate::StoreError;
use crate::sqlite::file;

/// Of a folder that has no data; it is made where there is none.
pub fn restore(from: &Path, dir: &Path, progress: Progress<'_>) -> Result<Done, Failed> {
    let manifest = Manifest::read(from)?;
    if !from.is_file() {
        return Err(cannot("read", from, &"there is no such file").into());
    }
    // No server can start there until this is done.
    let _lock = file::lock(dir)?;
    let to = dir.join(file::FILE);
    // A log that was left there would be laid over what is restored.
    for taken in ["", "-wal", "-journal"].map(|end| with_end(&to, end)) {
        if taken.exists() {
            return Err(Failed::Taken(taken));
        }
    }
    let partial = with_end(&to, ".restoring");
    let done = lay_out(from, &partial, manifest, progress);
    if done.is_err() {
        for left in ["", "-wal", "-shm", "-journal"].map(|end| with_end(&partial, end)) {
            let _was_never_there = std::fs::remove_file(left);
        }
        return done;
    }
    std::fs::rename(&partial, &to).map_err(|e| cannot("name", &to, &e))?;
    sync_folder(&to)?;
    done
}

fn lay_out(
    from: &Path,
    to: &Path,
    manifest: Option<Manifest>,
    progress: Progress<'_>,
) -> Result<Done, Failed> {
    let failed = |e: std::io::Error| cannot("write", to, &e);
    let mut file = File::create(to).map_err(failed)?;
    let found = sum(from, (Phase::Copy, &mut *progress), |piece| file.write_all(piece).map_err(failed))?;
    match &manifest {
        Some(manifest) => manifest.check_bytes(&found)?,
        None => check_header(&mut File::open(from).map_err(failed)?, found.bytes)?,
    }
    drop(file);
    file::bring_up_to_date(to).map_err(damaged)?;
    if let Some(manifest) = &manifest {
        manifest.check_end(to)?;
    }
    let report = checked(to, progress).map_err(|why| match why {
        Failed::Store(why) => damaged(why),
        other => other,
    })?;
    sync(to)?;
    Ok(Done { manifest, report: Some(report) })
}

/// What SQLite itself says of the size: pages that are missing at the end need not be missed by what is in the others.
fn check_header(file: &mut File, bytes: u64) -> Result<(), Failed> {
    let mut header = [0; 100];
    let read = file.read_exact(&mut header).is_ok() && header.starts_with(b"SQLite format 3\0");
    let page = u64::from(u16::from_be_bytes([header[16], header[17]]));
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    if !read || page * pages != bytes {
        return Err(Failed::NotWhole(format!("of {pages} pages of {page} bytes it has {bytes} bytes")));
    }
    Ok(())
}

fn damaged(why: StoreError) -> Failed {
    match why {
        StoreError::Corrupt(why) => Failed::NotWhole(why),
        other => Failed::Store(other),
    }
}
