//! `cargo xtask faults`: builds the server and the campaigns of faults and passes the arguments on.

use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    shell::run(shell::cargo(&["build", "--quiet", "--bin", "fealty"]))?;
    let mut all = vec!["run", "--quiet", "--package", "faults", "--"];
    all.extend(args.iter().map(String::as_str));
    let mut command = shell::cargo(&all);
    command.env("FEALTY", shell::target().join("debug/fealty"));
    shell::run(command)
}
