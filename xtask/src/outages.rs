//! `cargo xtask outages`: builds the server and the harness and passes the arguments on.

use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    let server = ["build", "--quiet", "--bin", "fealty", "--features=fealty/brokers,fealty/postgres"];
    shell::run(shell::cargo(&server))?;
    harness(args)
}

/// A short one against the build that the tests have made already.
pub fn short() -> Outcome {
    harness(&["--kills", "2", "--seconds", "4", "--cuts", "25"].map(str::to_owned))
}

fn harness(args: &[String]) -> Outcome {
    let mut all = vec!["run", "--quiet", "--package", "testkit", "--bin", "outages", "--"];
    all.extend(args.iter().map(String::as_str));
    let mut command = shell::cargo(&all);
    command.env("FEALTY", shell::target().join("debug/fealty"));
    shell::run(command)
}
