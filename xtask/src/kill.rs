//! `cargo xtask kill`: builds the server and the harness in release and passes the arguments on.

use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    shell::run(shell::cargo(&["build", "--quiet", "--release", "--bin", "fealty"]))?;
    harness(args, "release")
}

/// A few rounds against the debug build that the tests have made already.
pub fn short() -> Outcome {
    harness(&["--rounds".to_owned(), "10".to_owned()], "debug")
}

fn harness(args: &[String], profile: &str) -> Outcome {
    let mut all = vec!["run", "--quiet", "--package", "testkit", "--bin", "kill"];
    if profile == "release" {
        all.push("--release");
    }
    all.push("--");
    all.extend(args.iter().map(String::as_str));
    let mut command = shell::cargo(&all);
    command.env("FEALTY", shell::target().join(profile).join("fealty"));
    shell::run(command)
}
