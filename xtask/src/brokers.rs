//! `cargo xtask brokers`: households shop by every way in, while the processes that read it are killed at random. Builds
//! the server with all its brokers and passes the arguments on.

use crate::peers;
use crate::shell::{self, Outcome};

const FULL: &[&str] = &[
    "--households",
    "200",
    "--parts",
    "10",
    "--by",
    "http,nats,rabbitmq,sqs,kafka",
    "--into",
    "postgres,folder",
];

pub fn run(args: &[String]) -> Outcome {
    peers::install_brokers()?;
    peers::install_journey()?;
    let features = "--features=fealty/brokers,fealty/postgres,fealty/kafka";
    shell::run(shell::cargo(&["build", "--quiet", "--bin", "fealty", features]))?;
    let mut command = shell::command(peers::python(), &["tests/peers/processes.py"]);
    // What is said twice counts as it is said last.
    command.args(FULL).args(args).env("FEALTY", shell::target().join("debug/fealty"));
    shell::run(command)
}
