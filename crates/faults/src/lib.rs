//! Faults of the real world against the real store and the real binary: power cuts, system calls that fail, full disks,
//! flipped bits, kills at named points. `cargo xtask faults` runs all of it, the tests a little of each.
//!
//! Invariant: the product runs as it is shipped; whatever goes wrong is done to it from outside.

pub mod disk;
pub mod figures;
pub mod flips;
pub mod full;
pub mod mount;
pub mod orders;
pub mod power;
pub mod shop;
pub mod shots;

/// Said past the runner, which shows nothing of a test that passes; `cargo xtask test` repeats it at the end.
pub fn not_tested(what: &str) {
    use std::io::Write as _;
    let line = format!("not tested: {what}\n");
    let _no_terminal = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("FEALTY_NOT_TESTED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list of what was not tested");
    }
}
