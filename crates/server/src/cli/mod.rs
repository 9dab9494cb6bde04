//! The command line: what may be said, exit codes, and how errors are told (what, why, what to do).
//!
//! Exit codes: 0 done; 1 something was found (a program that does not check, a breach, an unreadable line);
//! 2 wrong usage; 3 settings or program file cannot be used; 4 the data cannot be opened; 5 cannot listen;
//! 6 the store failed while running; 130 interrupted. They are documented in docs/cli.md and stay as they are.

pub mod backup;
pub mod check;
pub mod codes;
pub mod copy;
pub mod data;
pub mod explain;
pub mod fmt;
pub mod health;
pub mod import;
pub mod init;
pub mod keys;
pub mod migrate;
pub mod serve;
pub mod verify;

pub mod open;
pub mod program;
pub mod table;

use std::fmt::{Display, Formatter};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::settings::{File, Log};
pub use data::Data;

pub const FOUND: u8 = 1;
pub const SETTINGS: u8 = 3;
pub const DATA: u8 = 4;
pub const LISTEN: u8 = 5;
pub const STORE: u8 = 6;
pub const INTERRUPTED: u8 = 130;

#[derive(Parser)]
#[command(
    name = "fealty",
    version,
    about = "Loyalty automation that a merchant hosts: signed events in, points out, exactly once",
    after_help = "Exit codes: 0 done, 1 something was found, 2 wrong usage, 3 settings or program, 4 data, 5 listening, 6 store failed, 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a commented program with tests, and a settings file, to start from
    Init(init::Init),
    /// Serve the API; without arguments: ./data with the program it has, a new folder with the starter program
    Serve(Box<serve::Serve>),
    /// Check a program file and run its tests
    Check(check::Check),
    /// Lay out program files: spaces, blank lines, commas; what they say stays the same
    Fmt(fmt::Fmt),
    /// Bring in events from NDJSON files of CloudEvents; can be stopped and run again
    Import(Box<import::Import>),
    /// Bring codes into the pool of a reward
    Codes(codes::Codes),
    /// Check every invariant of the data
    Verify(verify::Verify),
    /// Make a backup, checked, also beside a running server
    Backup(backup::Backup),
    /// Move everything from a data folder to PostgreSQL, or back
    Copy(copy::Copy),
    /// Bring the tables up to date before the processes come; declare them to Citus
    Migrate(migrate::Migrate),
    /// Bring a backup into a folder without data, and check it
    Restore(backup::Restore),
    /// Say in words what became of an event, and why
    Explain(explain::Explain),
    /// Make, list and revoke API keys
    Keys(keys::Keys),
    /// Ask a running server whether it is ready
    Health(health::Health),
}

/// Where the data are, for all commands that touch them.
#[derive(Args, Clone)]
pub struct Place {
    /// Folder of the embedded database [default: ./data]
    #[arg(long, env = "FEALTY_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// PostgreSQL, for any number of processes: postgres://user:password@host/name
    #[arg(long, env = "FEALTY_DATABASE", value_name = "URL", conflicts_with = "data")]
    pub database: Option<String>,
    /// Settings file
    #[arg(long, env = "FEALTY_SETTINGS", value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

impl Place {
    pub fn file(&self) -> Result<File, Failure> {
        File::read(self.settings.as_deref())
    }
    /// Where there must be data.
    pub fn existing(&self, file: &File) -> Result<Data, Failure> {
        let data = self.data(file)?;
        if data.are_there() {
            return Ok(data);
        }
        let why = format!("there is no {} in it", store::FILE);
        Err(Failure::new(DATA, format!("no data in {data}"), why)
            .fix("give the folder that `fealty serve` uses with --data DIR"))
    }
    pub fn data(&self, file: &File) -> Result<Data, Failure> {
        let database = if self.data.is_some() { &None } else { &file.database };
        let Some(url) = self.database.as_ref().or(database.as_ref()) else {
            let dir = self.data.clone().or_else(|| file.data.clone());
            return Ok(Data::Folder(dir.unwrap_or_else(|| "./data".into())));
        };
        Data::database(url).ok_or_else(|| {
            let scheme = url.split(':').next().unwrap_or_default();
            let what = format!("cannot use a database of `{scheme}`");
            Failure::settings(what, "database_unknown: there is PostgreSQL beside the embedded one")
                .fix("write postgres://user:password@host/name, or leave it out and give --data DIR")
        })
    }
}

/// Which program counts, for all commands that decide events.
#[derive(Args)]
pub struct Choice {
    /// Program file [default: the version that the data folder has; the starter program in a new one]
    #[arg(long, env = "FEALTY_PROGRAM", value_name = "FILE")]
    program: Option<PathBuf>,
    /// Which of the program's [environments] counts
    #[arg(long, env = "FEALTY_ENVIRONMENT", value_name = "NAME")]
    environment: Option<String>,
}

impl Choice {
    pub fn environment<'c>(&'c self, file: &'c File) -> Option<&'c str> {
        self.environment.as_deref().or(file.environment.as_deref())
    }
    pub fn open(&self, data: &Data, file: &File) -> Result<open::Opened, Failure> {
        let path = self.program.as_ref().or(file.program.as_ref());
        open::open(data, path, self.environment(file))
    }
    /// As `open`, without changing anything.
    pub fn look(&self, data: &Data, file: &File) -> Result<open::Opened, Failure> {
        let path = self.program.as_ref().or(file.program.as_ref());
        open::look(data, path, self.environment(file))
    }
}

/// An error for a person: what, why, what to do; one line each.
pub struct Failure {
    pub code: u8,
    what: String,
    why: String,
    fix: String,
}

impl Failure {
    pub fn new(code: u8, what: impl Into<String>, why: impl Display) -> Failure {
        Failure { code, what: what.into(), why: why.to_string(), fix: String::new() }
    }
    pub fn settings(what: impl Into<String>, why: impl Display) -> Failure {
        Failure::new(SETTINGS, what, why)
    }
    pub fn fix(mut self, fix: impl Into<String>) -> Failure {
        self.fix = fix.into();
        self
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "error: {}\n  why: {}", one_line(&self.what), one_line(&self.why))?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n  do:  {}", one_line(&self.fix)) }
    }
}

/// Runs the command; an `Err` has been decided to be shown as it is.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(init) => init.run(),
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Fmt(fmt) => fmt.run(),
        Command::Import(import) => import.run(),
        Command::Codes(codes) => codes.run(),
        Command::Verify(verify) => verify.run(),
        Command::Backup(backup) => backup.run(),
        Command::Copy(copy) => copy.run(),
        Command::Migrate(migrate) => migrate.run(),
        Command::Restore(restore) => restore.run(),
        Command::Explain(explain) => explain.run(),
        Command::Keys(keys) => keys.run(),
        Command::Health(health) => health.run(),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.code)
        }
    }
}

/// Messages to stderr, so that what a command answers with (stdout) can be piped.
pub fn log(log: Log) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(program::colour());
    // A second call (tests) keeps the first one's subscriber.
    let _ = match log {
        Log::Human => builder.with_target(false).try_init(),
        Log::Json => builder.json().flatten_event(true).try_init(),
    };
}
