//! `cargo xtask journey`: real purchases through the real binary, compared with a calculation that shares no code.

use crate::peers;
use crate::shell::Outcome;

pub fn run(_args: &[String]) -> Outcome {
    peers::install_journey()
}
