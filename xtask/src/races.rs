//! `cargo xtask races`: the races of the server's tests, in full size.

use crate::shell::{self, Outcome};

pub fn run() -> Outcome {
    let args = ["test", "--package", "fealty", "--test", "races", "--test", "crowds"];
    let mut command = shell::cargo(&args);
    command.env("FEALTY_RACES", "full");
    shell::run(command)
}
