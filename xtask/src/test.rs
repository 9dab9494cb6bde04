//! `cargo xtask test`: everything that must hold before work is handed in, in the order in which it fails fastest.
//! Each step runs even if one before it failed, so that one run shows all that is wrong.
//!
//! The last line is `N passed, N failed`: tests as their runners count them, every other step as one.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::shell::{self, Outcome};
use crate::{container, cutoff, journey, kill, outages, peers, tidy};

/// What a plain build leaves out is tested too.
const EXTRAS: &str = "--features=fealty/brokers,fealty/postgres";

/// Those that ask the server, and nothing of the folder in which its data are.
const ON_POSTGRES: &[&str] = &[
    "clock",
    "context",
    "crowds",
    "drain",
    "events",
    "explain",
    "feed",
    "giving",
    "households",
    "members",
    "metrics",
    "program",
    "races",
    "rewards",
    "sources",
    "standing",
    "ways_in",
    "webhooks",
    "wishes",
];

/// How a script ends that this machine lacks something for.
const LEFT_OUT: i32 = 77;

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    lines: Vec<String>,
}

impl Tally {
    /// One step that counts as one.
    fn step(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        self.counted(name, || match work() {
            Ok(()) => (1, 0),
            Err(why) => {
                eprintln!("{why}");
                (0, 1)
            }
        });
    }

    /// One step that counts for itself: (passed, failed).
    fn counted(&mut self, name: &str, work: impl FnOnce() -> (u64, u64)) {
        println!("\n== {name}");
        let start = Instant::now();
        let (passed, failed) = work();
        self.passed += passed;
        self.failed += failed;
        let verdict = if failed == 0 { "ok  " } else { "FAIL" };
        let seconds = start.elapsed().as_secs();
        self.lines.push(format!("{verdict} {name}: {passed} passed, {failed} failed ({seconds} s)"));
    }
}

pub fn run() -> Outcome {
    let mut tally = Tally::default();
    let _none_yet = std::fs::remove_file(peers::not_tested_list());
    tally.step("tidy", tidy::run);
    tally.step("format", || shell::run(shell::cargo(&["fmt", "--all", "--", "--check", "-l"])));
    tally.step("install what the tests need", peers::install);
    tally.step("clippy", || {
        shell::run(shell::cargo(&[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            EXTRAS,
            "--",
            "-D",
            "warnings",
        ]))
    });
    tally.step("build the server", || {
        shell::run(shell::cargo(&["build", "--quiet", "--bin", "fealty", EXTRAS]))
    });
    tally.counted("tests", tests);
    tally.counted("the server's tests on PostgreSQL", on_postgres);
    tally.counted("Kafka", kafka);
    tally.counted("what the container is built of", || match container::check() {
        None => {
            peers::not_tested("the container's features: make, g++ and the headers of OpenSSL and zlib");
            (0, 0)
        }
        Some(Ok(())) => (1, 0),
        Some(Err(why)) => {
            eprintln!("{why}");
            (0, 1)
        }
    });
    tally.counted("example programs", programs);
    // One of them lets real households shop; where their purchases cannot be had, it says so itself.
    let _ = peers::install_journey();
    tally.counted("peers", peer_scripts);
    tally.counted("journey of a few households", || match journey::short() {
        None => (0, 0),
        Some(Ok(())) => (1, 0),
        Some(Err(why)) => {
            eprintln!("{why}");
            (0, 1)
        }
    });
    tally.step("kill -9, a few rounds", kill::short);
    tally.step("PostgreSQL fails under two servers, for a short while", || outages::short(None));
    tally.step("readers cut off and killed, 20 s", cutoff::short);
    println!("\n{}\n", tally.lines.join("\n"));
    println!("{}", not_tested());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err("not everything passed".into()) }
}

/// All tests of the workspace: by nextest if it is there, else by cargo itself; documentation tests by cargo.
fn tests() -> (u64, u64) {
    if !shell::exists("cargo-nextest") {
        let all = shell::cargo(&["test", "--quiet", "--workspace", EXTRAS, "--no-fail-fast"]);
        return count_cargo(shell::tee(with_peers(all)));
    }
    let mut command = shell::command(
        "sh",
        &[
            "-c",
            &format!(
                "exec cargo nextest run --workspace {EXTRAS} --no-fail-fast --no-tests pass --status-level fail 2>&1"
            ),
        ],
    );
    command.env("NEXTEST_COLOR", "never").env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_QUIET", "true");
    let (passed, failed) = count_nextest(shell::tee(with_peers(command)));
    let docs = shell::cargo(&["test", "--quiet", "--workspace", EXTRAS, "--doc", "--no-fail-fast"]);
    let (more, worse) = count_cargo(shell::tee(docs));
    (passed + more, failed + worse)
}

/// Those of the server once more, on the other database.
fn on_postgres() -> (u64, u64) {
    let mut all = shell::cargo(&["test", "--quiet", "--package", "fealty", "--no-fail-fast", EXTRAS]);
    all.args(ON_POSTGRES.iter().flat_map(|test| ["--test", test])).env("FEALTY_TEST_STORE", "postgres");
    count_cargo(shell::tee(with_peers(all)))
}

/// Its C library is built for this alone, where it can be; the peers then find a server that knows it.
fn kafka() -> (u64, u64) {
    if !shell::exists("make") || !shell::exists("g++") {
        peers::not_tested("Kafka: make and g++ build its C library");
        return (0, 0);
    }
    let test = &["test", "--quiet", "--package", "connectors", "--features", "kafka", "--test", "kafka"];
    let (passed, failed) = count_cargo(shell::tee(shell::cargo(test)));
    let server =
        ["build", "--quiet", "--bin", "fealty", "--features=fealty/brokers,fealty/postgres,fealty/kafka"];
    match shell::run(shell::cargo(&server)) {
        Ok(()) => (passed, failed),
        Err(why) => {
            eprintln!("{why}");
            (passed, failed + 1)
        }
    }
}

/// Tells a command where the server and the software by others lie.
fn with_peers(mut command: Command) -> Command {
    command
        .env("FEALTY", shell::target().join("debug/fealty"))
        .env("FEALTY_NOT_TESTED", peers::not_tested_list());
    command.env("FEALTY_PEERS_PYTHON", peers::python()).env("FEALTY_PEERS_NODE", peers::node());
    command
}

/// One line, so that nothing passes by being left out.
fn not_tested() -> String {
    let list = std::fs::read_to_string(peers::not_tested_list()).unwrap_or_default();
    let left: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("not tested: ")).collect();
    match left.len() {
        0 => "not tested: nothing was left out".to_owned(),
        count => format!("not tested: {count} ({})", left.join("; ")),
    }
}

/// `Summary [  1.2s] 40 tests run: 39 passed, 1 failed, 0 skipped`
fn count_nextest((good, text): (bool, String)) -> (u64, u64) {
    let Some(line) =
        text.lines().rev().find(|line| line.contains("tests run:") || line.contains("test run:"))
    else {
        return (0, u64::from(!good));
    };
    let passed = before(line, "passed");
    let failed = before(line, "failed") + before(line, "timed out") + before(line, "exec failed");
    (passed, failed.max(u64::from(!good)))
}

/// `test result: ok. 5 passed; 0 failed; …`, once for each binary.
fn count_cargo((good, text): (bool, String)) -> (u64, u64) {
    let results = text.lines().filter(|line| line.starts_with("test result:"));
    let (passed, failed) =
        results.fold((0, 0), |(p, f), line| (p + before(line, "passed"), f + before(line, "failed")));
    (passed, failed.max(u64::from(!good)))
}

/// The number that stands before `word`.
fn before(line: &str, word: &str) -> u64 {
    let Some(at) = line.find(word) else { return 0 };
    let mut words = line[..at].split_whitespace().rev();
    words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// `fealty check` of every example: diagnostics and the program's own tests.
fn programs() -> (u64, u64) {
    let binary = shell::target().join("debug/fealty");
    let mut counts = (0, 0);
    for folder in entries("programs") {
        let file = folder.join("program.toml");
        if !file.exists() {
            continue;
        }
        match shell::run(shell::command(&binary, &["check", &file.to_string_lossy()])) {
            Ok(()) => counts.0 += 1,
            Err(why) => {
                eprintln!("{why}");
                counts.1 += 1;
            }
        }
    }
    counts
}

/// `tests/peers/*.py`: each starts the server whose path stands in `FEALTY`, speaks with it through the vendors'
/// own libraries and exits with 0 if all was well, with `LEFT_OUT` where it cannot be run, and says so.
fn peer_scripts() -> (u64, u64) {
    let mut counts = (0, 0);
    for script in entries("tests/peers") {
        if script.extension().is_none_or(|end| end != "py") {
            continue;
        }
        let mut command = with_peers(shell::command(peers::python(), &[&script.to_string_lossy()]));
        match command.status().map(|status| status.code()) {
            Ok(Some(0)) => counts.0 += 1,
            Ok(Some(LEFT_OUT)) => {}
            ended => {
                eprintln!("{}: {ended:?}", script.display());
                counts.1 += 1;
            }
        }
    }
    counts
}

/// What a folder of the work tree holds, sorted; nothing if there is no such folder.
fn entries(folder: &str) -> Vec<PathBuf> {
    let Ok(read) = std::fs::read_dir(shell::root().join(folder)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[test]
fn counts_what_runners_print() {
    let text = "Summary [   0.02s] 12 tests run: 10 passed (1 slow), 2 failed, 1 skipped\n";
    assert_eq!(count_nextest((false, text.into())), (10, 2));
    assert_eq!(count_nextest((false, "error: could not compile".into())), (0, 1));
    let text =
        "test result: ok. 5 passed; 0 failed; 0 ignored\ntest result: ok. 2 passed; 1 failed; 0 ignored\n";
    assert_eq!(count_cargo((false, text.into())), (7, 1));
}
