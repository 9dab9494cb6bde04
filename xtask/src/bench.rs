//! `cargo xtask bench`: builds in release and hands over to the `bench` crate.

use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    let mut all = vec!["run", "--release", "--package", "bench", "--"];
    all.extend(args.iter().map(String::as_str));
    shell::run(shell::cargo(&["build", "--release", "--bin", "fealty"]))?;
    shell::run(shell::cargo(&all))
}

/// Nothing is built in release, and nothing is measured.
pub fn help() -> Outcome {
    shell::run(shell::cargo(&["run", "--quiet", "--package", "bench", "--", "--help"]))
}
