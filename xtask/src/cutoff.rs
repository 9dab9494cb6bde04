//! `cargo xtask cutoff`: builds the server and the harness and passes the arguments on.

use crate::peers;
use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    peers::install_brokers()?;
    shell::run(shell::cargo(&["build", "--quiet", "--bin", "fealty", "--features", "brokers"]))?;
    harness(args)
}

/// A short one against the build that the tests have made already.
pub fn short() -> Outcome {
    harness(&["--seconds".to_owned(), "20".to_owned()])
}

fn harness(args: &[String]) -> Outcome {
    let mut all = vec!["run", "--quiet", "--package", "testkit", "--bin", "cutoff", "--"];
    all.extend(args.iter().map(String::as_str));
    let mut command = shell::cargo(&all);
    command.env("FEALTY", shell::target().join("debug/fealty")).env("FEALTY_PEERS_PYTHON", peers::python());
    shell::run(command)
}
