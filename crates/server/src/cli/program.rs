//! The program file on disk: read with its includes, checked, its tests run.

use std::path::{Path, PathBuf};

use domain::program::{self, Program, Rejected, Source, diag};
use domain::scenario;

use super::{FOUND, Failure};

/// The program that is served when none is given.
pub const STARTER: &str = include_str!("../../../../programs/starter/program.toml");

/// Reads and checks; `Err` holds the diagnostics.
pub fn read(
    path: &Path,
    environment: Option<&str>,
    version: u32,
) -> Result<Result<Program, Rejected>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::settings(format!("cannot read the program file {}", path.display()), e)
            .fix("give an existing file; `fealty init` makes one to start from")
    })?;
    let dir = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let main = Source { name: path.display().to_string(), text };
    Ok(program::read(main, &mut |pattern| include(&dir, pattern), environment, version))
}

pub fn read_starter(environment: Option<&str>, version: u32) -> Result<Program, Rejected> {
    let main = Source { name: "the starter program".into(), text: STARTER.into() };
    program::read(main, &mut |_| Ok(Vec::new()), environment, version)
}

/// A program that does not check, or whose tests fail, is told as rustc would tell it.
pub fn rejected(rejected: &Rejected) -> Failure {
    eprintln!("{}", diag::render(&rejected.diagnostics, &rejected.sources, colour()));
    let count = rejected.diagnostics.len();
    Failure::new(FOUND, "the program does not check", format!("{count} mistake(s), shown above"))
        .fix("mend them; `fealty check FILE` shows them again")
}

/// Colours for a terminal that wants them.
pub fn colour() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Files that match a pattern of `include`: a path with `*` in its last part, or one file; sorted by name.
fn include(dir: &Path, pattern: &str) -> Result<Vec<Source>, String> {
    let path = Path::new(pattern);
    if path.is_absolute() || path.components().any(|c| c == std::path::Component::ParentDir) {
        return Err("it must lie in the folder of the program".into());
    }
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Source { name: path.display().to_string(), text })
    };
    let last = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((before, after)) = last.split_once('*') else { return Ok(vec![read(dir.join(path))?]) };
    let folder = dir.join(path.parent().unwrap_or(Path::new("")));
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        })
        .collect();
    found.sort();
    found.into_iter().map(read).collect()
}

/// Runs the program's tests; what failed, as diagnostics.
pub fn failed_tests(program: &Program) -> Vec<diag::Diagnostic> {
    scenario::run_all(program).0.iter().map(scenario::Failure::diagnostic).collect()
}
