//! `cargo xtask outages`: builds the server and the harness and passes the arguments on.

use std::path::Path;

use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    let server = ["build", "--quiet", "--bin", "fealty", "--features=fealty/brokers,fealty/postgres"];
    shell::run(shell::cargo(&server))?;
    harness(args, None)
}

/// A short one against the build that the tests have made already, on this PostgreSQL or the newest that is installed.
pub fn short(bin: Option<&Path>) -> Outcome {
    harness(&["--kills", "2", "--seconds", "4", "--cuts", "25"].map(str::to_owned), bin)
}

fn harness(args: &[String], bin: Option<&Path>) -> Outcome {
    let mut all = vec!["run", "--quiet", "--package", "testkit", "--bin", "outages", "--"];
    all.extend(args.iter().map(String::as_str));
    let mut command = shell::cargo(&all);
    command.env("FEALTY", shell::target().join("debug/fealty"));
    command.envs(bin.map(|bin| ("FEALTY_POSTGRES_BIN", bin)));
    shell::run(command)
}
