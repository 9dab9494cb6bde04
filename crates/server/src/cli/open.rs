//! Opens the data and brings program and versions together, for `serve` and `import`.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::batch::Plans;
use domain::plan::Plan;
use domain::program::{self, Program, Rejected};
use engine::{Clock, Compile};
use store::{ProgramVersion, Store, StoreError};

use super::{DATA, Data, Failure, program as file};

/// Everything that the engine starts from.
pub struct Opened {
    pub store: Store,
    pub plans: Plans,
    /// The machine's time, and what a sandbox was moved by.
    pub clock: Clock,
    /// Makes plans of versions that others publish.
    pub compile: Compile,
    /// The newest version as JSON.
    pub program: String,
    /// Where there are no data yet, and none are to be made.
    pub _passing: Option<Passing>,
}

/// A folder that goes when it is not needed any more.
pub struct Passing(PathBuf);

impl Passing {
    /// Nobody else reads it, nor has made it before.
    pub fn new() -> Result<Passing, Failure> {
        let broken = |e: &dyn std::fmt::Display| {
            Failure::new(DATA, "cannot make a folder for the time of this look", e)
                .fix("make room, or set TMPDIR")
        };
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|e| broken(&e))?;
        let dir = std::env::temp_dir().join(format!("fealty-look-{:016x}", u64::from_le_bytes(name)));
        let mut maker = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.create(&dir).map_err(|e| broken(&e))?;
        Ok(Passing(dir))
    }
    pub fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn failed(data: &Data, error: StoreError) -> Failure {
    let fix = match &error {
        StoreError::Busy | StoreError::Unavailable(_) => match data {
            Data::Folder(_) => "stop what uses it, make room, or choose another folder with --data",
            Data::Database(_) => "see that the server runs and lets this user in, and mend what it says",
        },
        StoreError::Unknown(_) | StoreError::Corrupt(_) => {
            "run `fealty verify`; restore a backup if it finds a breach"
        }
    };
    Failure::new(DATA, format!("cannot use the data in {data}"), error).fix(fix)
}

/// The program file counts as the truth: if it differs from the newest version, it is published as the next one. Not so
/// where it has not changed since a version that was published over the API replaced it: that one counts.
/// Without a file, the newest version counts; in an empty store the starter program.
pub fn open(data: &Data, path: Option<&PathBuf>, environment: Option<&str>) -> Result<Opened, Failure> {
    // The program is checked before any data is made.
    let first = read(path, environment, 1)?;
    let store = data.open()?;
    let reader = store.reader();
    let shift = reader.clock_get().map_err(|e| failed(data, e))?;
    let clock = Clock::new(jiff::Timestamp::now, shift);
    let known = reader.program_version_list().map_err(|e| failed(data, e))?;
    if let (Some(newest), Some(_)) = (known.last(), path) {
        same_program(data, &newest.body, &first.plan.id)?;
    }
    if let Some(newest) = path.and_then(|_| replaced(data, &known, &first.plan.hash)) {
        tracing::warn!(
            "the program file is an older version: version {}, published later by {}, counts; change the file to replace it",
            newest.version,
            newest.published_by
        );
    } else if path.is_some() || known.is_empty() {
        publish(data, &store, &first, path, clock.now())?;
    }
    let versions = reader.program_version_list().map_err(|e| failed(data, e))?;
    opened(store, clock, &versions, environment)
}

/// As `open`, but nothing is published and no data are made: for those who only look.
pub fn look(data: &Data, path: Option<&PathBuf>, environment: Option<&str>) -> Result<Opened, Failure> {
    if !data.are_there() {
        let passing = Passing::new()?;
        let opened = open(&Data::Folder(passing.0.clone()), path, environment)?;
        return Ok(Opened { _passing: Some(passing), ..opened });
    }
    let store = data.open()?;
    let reader = store.reader();
    let shift = reader.clock_get().map_err(|e| failed(data, e))?;
    let clock = Clock::new(jiff::Timestamp::now, shift);
    let mut versions = reader.program_version_list().map_err(|e| failed(data, e))?;
    if let (Some(newest), Some(_)) = (versions.last().cloned(), path) {
        let file = read(path, environment, newest.version + 1)?;
        same_program(data, &newest.body, &file.plan.id)?;
        if replaced(data, &versions, &file.plan.hash).is_none() && newest.hash != file.plan.hash {
            let published_ms = clock.now().as_millisecond();
            let (version, hash) = (newest.version + 1, file.plan.hash);
            versions.push(ProgramVersion { version, hash, body: file.json.into(), published_ms, ..newest });
        }
    }
    opened(store, clock, &versions, environment)
}

fn opened(
    store: Store,
    clock: Clock,
    versions: &[ProgramVersion],
    environment: Option<&str>,
) -> Result<Opened, Failure> {
    let mut plans: Vec<Arc<Plan>> = Vec::with_capacity(versions.len());
    for version in versions {
        let read = program::read_json(&version.body, environment, version.version);
        let program = read.map_err(|rejected| file::rejected(&rejected))?;
        let at = jiff::Timestamp::from_millisecond(version.published_ms).unwrap_or_default();
        let plan = match plans.last() {
            Some(before) => program.plan.published(at, before),
            None => program.plan.first_published(at),
        };
        plans.push(Arc::new(plan));
    }
    let current =
        plans.pop().ok_or_else(|| Failure::new(DATA, "no program is stored", "the table is empty"))?;
    let keys = store.key_maker();
    let program = versions.last().map_or(String::new(), |version| version.body.to_string());
    let plans = Plans { current, older: plans, keys };
    let compile = compile(environment.map(str::to_owned));
    Ok(Opened { store, plans, clock, compile, program, _passing: None })
}

fn compile(environment: Option<String>) -> Compile {
    Arc::new(move |version, before| {
        let read = program::read_json(&version.body, environment.as_deref(), version.version);
        let program = read.map_err(|rejected| file::rejected(&rejected).to_string())?;
        let at = jiff::Timestamp::from_millisecond(version.published_ms).unwrap_or_default();
        Ok(program.plan.published(at, before))
    })
}

/// The version that has replaced the file's over the API since; or, where several processes share a database, in any way:
/// one that was started with an older file does not take the others back.
fn replaced<'v>(data: &Data, known: &'v [ProgramVersion], file: &[u8; 32]) -> Option<&'v ProgramVersion> {
    let (newest, older) = known.split_last()?;
    let by_file = ["file", "starter"].contains(&&*newest.published_by);
    let stale = newest.hash != *file && older.iter().any(|version| version.hash == *file);
    let shared = matches!(data, Data::Database(_));
    (stale && (shared || !by_file)).then_some(newest)
}

/// One data folder holds one program: another's members and points would become this one's.
fn same_program(data: &Data, stored: &str, id: &str) -> Result<(), Failure> {
    let stored: serde_json::Value = serde_json::from_str(stored).unwrap_or_default();
    match stored["program"]["id"].as_str() {
        Some(known) if known != id => Err(Failure::settings(
            format!("cannot serve the program `{id}` from {data}"),
            format!("program_id_differs: the data there belong to the program `{known}`"),
        )
        .fix(format!(
            "give `{id}` a folder of its own with --data DIR, or write `{known}` as the program's id"
        ))),
        _ => Ok(()),
    }
}

fn read(path: Option<&PathBuf>, environment: Option<&str>, version: u32) -> Result<Program, Failure> {
    let read = match path {
        Some(path) => file::read(path, environment, version)?,
        None => file::read_starter(environment, version),
    };
    read.map_err(|rejected| no_environment(path, environment).unwrap_or_else(|| file::rejected(&rejected)))
}

/// The setting `environment` is at fault, not the program.
fn no_environment(path: Option<&PathBuf>, environment: Option<&str>) -> Option<Failure> {
    let name = environment?;
    let program = match path {
        Some(path) => file::read(path, None, 1).ok()?,
        None => file::read_starter(None, 1),
    };
    let tree: serde_json::Value = serde_json::from_str(&program.ok()?.json).ok()?;
    let known: Vec<&str> =
        tree["environments"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if known.contains(&name) {
        return None;
    }
    let fix = match known.as_slice() {
        [] => "leave the setting `environment` out: the program has no [environments]".to_owned(),
        known => format!("choose one of: {}", known.join(", ")),
    };
    let why = "no section [environments] of the program has this name";
    Some(Failure::settings(format!("there is no environment `{name}`"), why).fix(fix))
}

fn publish(
    data: &Data,
    store: &Store,
    program: &Program,
    path: Option<&PathBuf>,
    now: jiff::Timestamp,
) -> Result<(), Failure> {
    let diagnostics = file::failed_tests(program);
    if !diagnostics.is_empty() {
        return Err(file::rejected(&Rejected { diagnostics, sources: program.sources.clone() }));
    }
    let by = if path.is_some() { "file" } else { "starter" };
    store
        .admin()
        .program_version_put(program.plan.hash, &program.json, by, now.as_millisecond())
        .map_err(|e| failed(data, e))?;
    Ok(())
}

#[test]
fn a_passing_folder_is_nobody_elses_and_goes() {
    let make = || Passing::new().unwrap_or_else(|e| panic!("{e}"));
    let (one, other) = (make(), make());
    assert_ne!(one.0, other.0, "nobody guesses it");
    #[cfg(unix)]
    {
        let about = std::fs::metadata(&one.0).expect("it was made");
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&about) & 0o777, 0o700);
    }
    let gone = one.0.clone();
    drop(one);
    assert!(!gone.exists() && other.0.exists());
}
