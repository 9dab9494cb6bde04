//! `cargo xtask bench`: builds in release and hands over to the `bench` crate.

use crate::peers;
use crate::shell::{self, Outcome};

pub fn run(args: &[String]) -> Outcome {
    if let Some((first, rest)) = args.split_first()
        && first == "brokers"
    {
        return brokers(rest);
    }
    if args.first().is_some_and(|first| first == "compare") {
        let mut all = vec!["run", "--quiet", "--package", "bench", "--"];
        all.extend(args.iter().map(String::as_str));
        return shell::run(shell::cargo(&all));
    }
    let mut all = vec!["run", "--release", "--package", "bench", "--"];
    all.extend(args.iter().map(String::as_str));
    let mut measure = shell::cargo(&all);
    let what = args.first().map_or("", String::as_str);
    if what == "engines" {
        measure.env("BENCH_NODE", peers::install_engines()?);
    } else {
        let mut build = vec!["build", "--release", "--bin", "fealty"];
        if what == "postgres" {
            build.extend(["--features", "fealty/postgres"]);
        }
        shell::run(shell::cargo(&build))?;
    }
    shell::run(measure)
}

/// How long a publisher waits for NATS while the server that reads from it is idle, saturated and stopped.
fn brokers(args: &[String]) -> Outcome {
    peers::install_brokers()?;
    shell::run(shell::cargo(&["build", "--release", "--bin", "fealty", "--features", "fealty/nats"]))?;
    let mut all = vec!["bench/confirm.py"];
    all.extend(args.iter().map(String::as_str));
    let mut measure = shell::command(peers::python(), &all);
    measure.env("FEALTY", shell::target().join("release/fealty"));
    shell::run(measure)
}

/// Nothing is built in release, and nothing is measured.
pub fn help() -> Outcome {
    shell::run(shell::cargo(&["run", "--quiet", "--package", "bench", "--", "--help"]))
}
