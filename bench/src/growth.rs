//! What an event costs as what is there grows: events stored before, members, rules. Each as a table and as a plot. Cost
//! is the CPU of the process, which a busy machine disturbs least; what a process takes by itself is left out where it
//! is not small beside the events.

use std::fmt::Write as _;
use std::path::Path;

use crate::plot::{self, Line};
use crate::process::{self, Run};
use crate::table::{median, print, short};
use crate::{Options, events, record};

pub fn measure(options: &Options) {
    stored(options);
    members(options);
    rules(options);
}

/// One folder that grows: at each step some imports are measured, which grow it too.
fn stored(options: &Options) {
    let (folder, data) = (process::fresh("growth"), process::fresh("growth-data"));
    let file = folder.join("events.ndjson");
    let most = if options.stored > 0 { options.stored } else { 2_000_000 };
    let (mut there, mut found) = (0, Vec::new());
    for step in [0, 100_000, 300_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000] {
        if step > most {
            break;
        }
        while there < step {
            let count = (step - there).min(1_000_000);
            events::write(&file, options, there, count);
            process::import("bench/program.toml", &data, &file);
            there += count;
        }
        let from = there;
        let runs: Vec<Run> = (0..options.rounds)
            .map(|_| {
                events::write(&file, options, there, options.events);
                there += options.events;
                process::import("bench/program.toml", &data, &file)
            })
            .collect();
        // As many as were there when the middle one of them began.
        let stored = from + options.events * (options.rounds as u64 / 2);
        found.push((stored as f64, runs));
    }
    tell("events stored before", "stored", options.events, &found);
}

fn members(options: &Options) {
    let folder = process::fresh("growth");
    let file = folder.join("events.ndjson");
    let mut found = Vec::new();
    for members in [100, 1_000, 10_000, 100_000, 1_000_000] {
        let options = Options { members, ..*options };
        // All of them are there before.
        let data = process::fresh("growth-data");
        let before = members.min(1_000_000);
        events::write(&file, &options, 0, before);
        process::import("bench/program.toml", &data, &file);
        let runs = (0..options.rounds as u64).map(|round| {
            events::write(&file, &options, before + round * options.events, options.events);
            process::import("bench/program.toml", &data, &file)
        });
        found.push((members as f64, runs.collect()));
    }
    tell("members", "members", options.events, &found);
}

/// Each hears every order; none of those that are added applies.
fn rules(options: &Options) {
    let folder = process::fresh("growth");
    let file = folder.join("events.ndjson");
    events::write(&file, options, 0, options.events);
    let mut found = Vec::new();
    for rules in [20, 50, 100, 300, 1_000] {
        let program = program(&folder, rules);
        let runs =
            (0..options.rounds).map(|_| process::import(&program, &process::fresh("growth-data"), &file));
        found.push((rules as f64, runs.collect()));
    }
    tell("rules", "rules", options.events, &found);
}

fn program(folder: &Path, rules: usize) -> String {
    let text = std::fs::read_to_string(process::root().join("bench/program.toml")).expect("our program");
    let mut text = text.split("[tests.").next().expect("a first part").to_owned();
    for n in 20..rules {
        let when = match n % 4 {
            0 => format!(r#"order.store == "x{n}""#),
            1 => format!(r#"order.items.exists(i, i.sku == "special-{n}")"#),
            2 => format!("order.subtotal > {} && order.channel == \"kiosk\"", 10 + n),
            _ => format!("counters.spend > {} && order.total < 1", 1_000 * n),
        };
        let _ =
            writeln!(text, "rules.more_{n:04} = {{ on = \"order.paid\", when = '{when}', earn.points = 1 }}");
    }
    let file = folder.join(format!("rules-{rules}.toml"));
    std::fs::write(&file, text).expect("can write");
    file.to_string_lossy().into_owned()
}

fn tell(of: &str, name: &str, events: u64, found: &[(f64, Vec<Run>)]) {
    let cpu = |runs: &[Run]| {
        median(&runs.iter().map(|run| run.cpu_seconds * 1e6 / events as f64).collect::<Vec<_>>())
    };
    let rate = |runs: &[Run]| median(&runs.iter().map(|run| events as f64 / run.seconds).collect::<Vec<_>>());
    let first = found.first().map_or(f64::NAN, |(_, runs)| cpu(runs));
    let row = |(at, runs): &(f64, Vec<Run>)| {
        let memory = runs.iter().map(|run| run.memory_mib).max().unwrap_or(0);
        vec![
            format!("{at:.0}"),
            format!("{:.1}", cpu(runs)),
            format!("{:.2}", cpu(runs) / first),
            short(rate(runs)),
            memory.to_string(),
        ]
    };
    let head = [of, "CPU us an event", "times the first", "events/s", "memory MiB"];
    let title = format!("Cost of an event by {of}");
    print(&title, &head, &found.iter().map(row).collect::<Vec<_>>());
    let points =
        found.iter().map(|(at, runs)| (at.max(10_000.0 * f64::from(u8::from(*at == 0.0))), cpu(runs)));
    let file = record::folder().join(format!("growth-{name}.svg"));
    plot::write(
        &file,
        &title,
        of,
        "CPU us an event",
        &[Line { name: "fealty import", points: points.collect() }],
    );
    println!("plot: {}\n", file.display());
}
