//! A backup: one moment of the data as one SQLite file, and beside it a manifest that says what the file must be.
//!
//! Where the pages come from is said by who fills the file: `copy` takes them from the embedded database. Whatever fills
//! it, `finish` makes it durable, checks it, and only then gives it its name; so a file of that name is whole.

mod copy;
mod manifest;
mod restore;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::verify::{Report, verify_file};

pub use copy::copy;
pub use manifest::Manifest;
pub use restore::restore;

/// What is being done, for those who show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In bytes.
    Copy,
    /// In rows of the journal.
    Check,
    /// In bytes.
    Sum,
}

/// Told (phase, done, of how much) now and then.
pub type Progress<'a> = &'a mut dyn FnMut(Phase, u64, u64);

/// Why there is no backup, or nothing was restored.
#[derive(Debug)]
pub enum Failed {
    Store(StoreError),
    /// It is not what its manifest says, or no database at all.
    NotWhole(String),
    /// It was read, and does not add up.
    Breaches(Box<Report>),
    /// There is something already where it should go.
    Taken(PathBuf),
}

impl From<StoreError> for Failed {
    fn from(why: StoreError) -> Failed {
        Failed::Store(why)
    }
}

/// Where a backup grows until it is whole. One that was broken off is written over.
pub struct Partial {
    pub path: PathBuf,
    to: PathBuf,
    /// Keeps a second backup to the same place away.
    _lock: File,
}

impl Partial {
    /// Beside the place where it will be; whoever reads it is its owner, because the installation's secrets are in it.
    pub fn new(to: &Path) -> Result<Partial, Failed> {
        if to.exists() {
            return Err(Failed::Taken(to.into()));
        }
        let path = with_end(to, ".partial");
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|e| cannot("make", &path, &e))?;
        if let Err(why) = file.try_lock() {
            return Err(cannot("have for itself", &path, &why).into());
        }
        file.set_len(0).map_err(|e| cannot("empty", &path, &e))?;
        Ok(Partial { path, to: to.into(), _lock: file })
    }

    /// What could not be filled is taken away.
    pub fn give_up(self, why: Failed) -> Failed {
        let _leaves_it = std::fs::remove_file(&self.path);
        why
    }

    /// Makes it durable, checks it, writes the manifest, and gives it its name. What does not check is taken away.
    pub fn finish(self, check: bool, progress: Progress<'_>) -> Result<Done, Failed> {
        let done = self.finish_or_not(check, progress);
        if done.is_err() {
            let _leaves_it = std::fs::remove_file(&self.path);
        }
        done
    }

    fn finish_or_not(&self, check: bool, progress: Progress<'_>) -> Result<Done, Failed> {
        sync(&self.path)?;
        let report = if check { Some(checked(&self.path, progress)?) } else { None };
        let manifest = Manifest::of(&self.path, check, progress)?;
        // The manifest first: where the file is, its manifest is.
        manifest.write(&self.to)?;
        std::fs::rename(&self.path, &self.to).map_err(|e| cannot("name", &self.to, &e))?;
        sync_folder(&self.to)?;
        Ok(Done { manifest: Some(manifest), report })
    }
}

/// What was made, and what its check found: no breach.
#[derive(Debug)]
pub struct Done {
    /// None: a file was restored that has none.
    pub manifest: Option<Manifest>,
    pub report: Option<Report>,
}

fn checked(file: &Path, progress: Progress<'_>) -> Result<Report, Failed> {
    let report = verify_file(file, &mut |done, all| progress(Phase::Check, done, all))?;
    if report.is_clean() { Ok(report) } else { Err(Failed::Breaches(Box::new(report))) }
}

/// Bytes and SHA-256 of a file, as it is read.
struct Sum {
    bytes: u64,
    sha256: String,
}

/// Reads it in pieces; each is also given to `each`.
fn sum(
    path: &Path,
    (phase, progress): (Phase, Progress<'_>),
    mut each: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<Sum, StoreError> {
    let failed = |e: io::Error| cannot("read", path, &e);
    let mut file = File::open(path).map_err(failed)?;
    let all = file.metadata().map_err(failed)?.len();
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let count = file.read(&mut piece).map_err(failed)?;
        if count == 0 {
            return Ok(Sum { bytes, sha256: hex(&hash.finalize()) });
        }
        hash.update(&piece[..count]);
        each(&piece[..count])?;
        bytes += count as u64;
        progress(phase, bytes, all);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `backup.db` and `.json` is `backup.db.json`.
fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn cannot(what: &str, path: &Path, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("cannot {what} {}: {why}", path.display()))
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| cannot("make durable", path, &e))
}

/// The entry of a file in its folder.
fn sync_folder(of: &Path) -> Result<(), StoreError> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(folder)
}
