//! `fealty check`: all mistakes of a program at once, then its tests. Exit 1 if there is any.

use std::path::PathBuf;

use clap::Args;
use domain::program::diag::{self, Diagnostic};
use domain::program::{Rejected, Source};
use domain::scenario;
use serde_json::json;

use super::{FOUND, Failure, program};

#[derive(Args)]
pub struct Check {
    /// The program file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which of the program's [environments] counts
    #[arg(long, env = "FEALTY_ENVIRONMENT", value_name = "NAME")]
    environment: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub fn run(self) -> Result<u8, Failure> {
        match program::read(&self.file, self.environment.as_deref(), 1)? {
            Err(Rejected { diagnostics, sources }) => Ok(self.tell(false, 0, &diagnostics, &sources)),
            Ok(read) => {
                let (failures, untested) = scenario::run_all(&read);
                let good = failures.is_empty();
                let ended = read.ended(jiff::Zoned::now().date());
                let mut all: Vec<Diagnostic> =
                    read.warnings.iter().cloned().chain(ended).chain(untested).collect();
                all.sort_by_key(|d| (d.source, d.span.start));
                all.extend(failures.iter().map(scenario::Failure::diagnostic));
                Ok(self.tell(good, read.tests.len(), &all, &read.sources))
            }
        }
    }

    fn tell(&self, good: bool, tests: usize, diagnostics: &[Diagnostic], sources: &[Source]) -> u8 {
        if self.json {
            let list = diag::to_json(diagnostics, sources);
            println!("{}", json!({"ok": good, "tests": tests, "diagnostics": list}));
        } else {
            if !diagnostics.is_empty() {
                eprintln!("{}", diag::render(diagnostics, sources, program::colour()));
            }
            let errors = diagnostics.iter().filter(|d| d.severity == diag::Severity::Error).count();
            if good {
                println!(
                    "{} is good: {tests} test(s) passed, {} warning(s)",
                    self.file.display(),
                    diagnostics.len()
                );
            } else {
                println!("{}: {errors} mistake(s)", self.file.display());
            }
        }
        if good { 0 } else { FOUND }
    }
}
