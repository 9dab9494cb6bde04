//! `cargo xtask sim`: builds the simulator in release and passes the arguments on.

use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    let mut all = vec!["run", "--quiet", "--release", "--package", "testkit", "--bin", "sim"];
    // What is planted must never lie about where a server is built.
    let folder = shell::target().join("planted").to_string_lossy().into_owned();
    if args.iter().any(|arg| arg == "--planted") {
        all.extend(["--features", "planted", "--target-dir", &folder]);
    }
    if args.iter().any(|arg| arg == "--postgres") {
        all.extend(["--features", "postgres"]);
    }
    all.push("--");
    all.extend(args.iter().map(String::as_str));
    shell::run(shell::cargo(&all))
}
