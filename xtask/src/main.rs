//! All automation: one file per command, nothing but the standard library, so that it builds in a second.
//!
//! `cargo xtask test` is what CI runs and what a person runs before handing work in.

mod bench;
mod brokers;
mod container;
mod cutoff;
mod faults;
mod journey;
mod kill;
mod outages;
mod peers;
mod races;
mod shell;
mod sim;
mod soak;
mod test;
mod tidy;
mod versions;

const HELP: &str = "\
cargo xtask test               everything CI checks; installs what the tests need
cargo xtask tidy               the layout rules alone (seconds)
cargo xtask ci                 the same as test
cargo xtask journey            155,848 real grocery baskets, compared with an independent calculation
    [--households N]           only the first N households
cargo xtask bench              side-by-side measurements (release build; takes minutes)
    [--events N] [--stored N]  events per import run; events stored before the second one
cargo xtask bench brokers      how long a publisher waits for NATS while the server is idle, saturated, stopped
cargo xtask sim                seeded simulator with an independent auditor (release build)
    [--seeds N] [--from S]     so many worlds, from this seed; [--trace] tells what happened in them
    [--postgres]               on a real PostgreSQL, not in memory or on a file
    [--planted]                instead: mistakes planted on purpose, each of which must be found
cargo xtask kill               kill -9 of the real binary under load (release build)
    [--rounds N] [--seed N]
cargo xtask cutoff             four readers of the feed, cut off and killed at random, end with the same changes
    [--minutes N] [--seed N]   (ten minutes, unless it is said)
cargo xtask brokers            households shop by HTTP and every broker, on both stores, while processes are killed
    [--households N] [--by …] [--into …] [--parts N] [--seed N]
cargo xtask outages            PostgreSQL killed, connections ended, COMMITs cut under two running servers
    [--kills N] [--seconds N] [--cuts N] [--seed N]
cargo xtask postgres-versions  what concerns PostgreSQL, on 16, 17 and 18 (from npm)
cargo xtask soak               all of these and the bench, scaled to the time given, with a table of what holds
    [--minutes N] [--write]    (30, unless it is said); writes the table to docs/proof.md
cargo xtask faults [NAME]      power cuts and other faults of the real world, each with its control (NAME: only that one)
    [--images N] [--seed N]    2,000 images of cut disks, unless it is said; `--json FILE` writes the figures
cargo xtask races              many clients at the same instant, ten times as often as every test run (minutes)";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let help = rest.iter().any(|arg| arg == "--help" || arg == "-h");
    let outcome = match command {
        // What bench can do is said by itself.
        "bench" if help => bench::help(),
        _ if help => {
            println!("{HELP}");
            Ok(())
        }
        "test" | "ci" => test::run(),
        "tidy" => tidy::run(),
        "journey" => journey::run(rest),
        "bench" => bench::run(rest),
        "sim" => sim::run(rest),
        "kill" => kill::run(rest),
        "cutoff" => cutoff::run(rest),
        "brokers" => brokers::run(rest),
        "outages" => outages::run(rest),
        "postgres-versions" => versions::run(),
        "faults" => faults::run(rest),
        "races" => races::run(),
        "soak" => soak::run(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n{HELP}")),
    };
    if let Err(message) = outcome {
        eprintln!("{message}");
        std::process::exit(1);
    }
}
