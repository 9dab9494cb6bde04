//! What makes members or programs heavy, each beside the light form: 1,000 lots in a wallet, of members in memory and of
//! such as are loaded for their event; 10,000 past transfers; a program of 100 rules, 5 levels and 10 achievements. The
//! ratio tells whether an event costs more for it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::process::{self, Run};
use crate::table::{median, print, short};
use crate::{Options, events};

/// Members whose events are measured: enough that a batch does not hold many events of one.
const MEMBERS: u64 = 500;
/// The first of those without a past.
const FRESH: u64 = 1_000_000;
const DAY: i64 = 86_400;
/// 2023-01-01.
const START: i64 = 1_672_531_200;

const LOTS: &str = r#"
program = { id = "weight", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "20 years" }
wallets.visits = {}
rules.dated = { on = "order.paid", when = 'order.channel == "web"', earn.points = 'order.total' }
rules.visit = { on = "order.paid", when = 'order.channel == "visit"', earn.visits = 1 }
"#;

pub fn measure(options: &Options) {
    let mut rows = Vec::new();
    heavy(options, &mut rows, "1,000 lots", "web", 1_000, MEMBERS);
    cold(options, &mut rows);
    heavy(options, &mut rows, "10,000 past transfers", "visit", 10_000, MEMBERS / 5);
    rules(options, &mut rows);
    let head =
        ["heavy", "CPU us an event", "light", "ratio of CPU", "events/s", "light /s", "ratio of speed"];
    print("Import of heavy members and programs beside light ones", &head, &rows);
}

fn row(name: &str, heavy: &[Run], light: &[Run], events: u64) -> Vec<String> {
    let cpu = |runs: &[Run]| {
        median(&runs.iter().map(|run| run.cpu_seconds * 1e6 / events as f64).collect::<Vec<_>>())
    };
    let rate = |runs: &[Run]| median(&runs.iter().map(|run| events as f64 / run.seconds).collect::<Vec<_>>());
    vec![
        name.to_string(),
        format!("{:.1}", cpu(heavy)),
        format!("{:.1}", cpu(light)),
        format!("{:.2}", cpu(heavy) / cpu(light)),
        short(rate(heavy)),
        short(rate(light)),
        format!("{:.2}", rate(heavy) / rate(light)),
    ]
}

/// Events of members with a past of so many events each, one a day, beside as many members without one.
fn heavy(
    options: &Options,
    rows: &mut Vec<Vec<String>>,
    name: &str,
    channel: &'static str,
    past: u64,
    members: u64,
) {
    let (folder, data) = (process::fresh("weight"), process::fresh("weight-data"));
    let program = folder.join("program.toml");
    std::fs::write(&program, LOTS).expect("can write");
    let program = program.to_string_lossy().into_owned();
    let file = folder.join("events.ndjson");
    let mut number = 0;
    // Where lots do not matter, time need not pass.
    let step = if channel == "web" { DAY } else { 60 };
    write(
        &file,
        past * members,
        |n| (n % members, START + (n / members) as i64 * step, channel),
        &mut number,
    );
    process::import(&program, &data, &file);
    let now = START + past as i64 * step + DAY;
    let (mut laden, mut light) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let events = options.events / 4;
        write(&file, events, |n| (n % members, now, "web"), &mut number);
        laden.push(process::import(&program, &data, &file));
        write(&file, events, |n| (FRESH + n % members, now, "web"), &mut number);
        light.push(process::import(&program, &data, &file));
    }
    rows.push(row(name, &laden, &light, options.events / 4));
}

/// Members who are loaded for their event: each import is a process that knows nobody, and each event another's. What a
/// process takes by itself, with one event, is left out.
fn cold(options: &Options, rows: &mut Vec<Vec<String>>) {
    const COLD: u64 = 4 * MEMBERS;
    const LOTS_AT_ONCE: i64 = 50;
    let (folder, data) = (process::fresh("weight"), process::fresh("weight-data"));
    let of = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("can write");
        file.to_string_lossy().into_owned()
    };
    let mut past = LOTS.to_owned();
    for n in 0..LOTS_AT_ONCE {
        let earn = format!(r#"{{ amount = 'order.total', expires = "{} days" }}"#, 9_000 + n);
        let _ = writeln!(
            past,
            r#"rules.lot_{n} = {{ on = "order.paid", when = 'order.channel == "past"', earn.points = {earn} }}"#
        );
    }
    let (past, program) = (of("past.toml", &past), of("program.toml", LOTS));
    let file = folder.join("events.ndjson");
    let (mut number, times) = (0, 1_000 / LOTS_AT_ONCE as u64);
    let lots = |n: u64| (n % COLD, START + (n / COLD) as i64 * LOTS_AT_ONCE * DAY, "past");
    write(&file, times * COLD, lots, &mut number);
    process::import(&past, &data, &file);
    let now = START + 1_001 * DAY;
    write(&file, COLD, |n| (FRESH + n, now, "web"), &mut number);
    process::import(&program, &data, &file);
    let (mut laden, mut light) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let mut sum = |first: u64| {
            let mut sum = Run { seconds: 0.0, cpu_seconds: 0.0, memory_mib: 0 };
            for (count, sign) in [(1, -1.0), (COLD, 1.0)].repeat(4) {
                write(&file, count, |n| (first + n, now, "web"), &mut number);
                let run = process::import(&program, &data, &file);
                sum.seconds += sign * run.seconds;
                sum.cpu_seconds += sign * run.cpu_seconds;
            }
            sum
        };
        laden.push(sum(0));
        light.push(sum(FRESH));
    }
    rows.push(row("1,000 lots, not in memory", &laden, &light, 4 * (COLD - 1)));
}

/// So many orders of 10.00, each of the member, instant and channel that `of` tells.
fn write(file: &Path, count: u64, of: impl Fn(u64) -> (u64, i64, &'static str), number: &mut u64) {
    use std::io::Write as _;
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(file).expect("can write"));
    for n in 0..count {
        let (member, second, channel) = of(n);
        let time = jiff::Timestamp::from_second(second).expect("a time of these years");
        let id = *number;
        *number += 1;
        writeln!(
            out,
            r#"{{"specversion":"1.0","id":"w{id}","source":"bench","type":"order.paid","subject":"customer:{member}","time":"{time}","data":{{"id":"w{id}","currency":"EUR","total":"10.00","subtotal":"10.00","channel":"{channel}","items":[{{"sku":"a","quantity":1,"price":"10.00"}}]}}}}"#
        )
        .expect("can write");
    }
    out.flush().expect("can write");
}

/// The same events under twenty rules, and under a hundred with levels and achievements.
fn rules(options: &Options, rows: &mut Vec<Vec<String>>) {
    let folder = process::fresh("weight");
    let file = folder.join("events.ndjson");
    events::write(&file, options, 0, options.events);
    let large = large(&folder).to_string_lossy().into_owned();
    let (mut laden, mut light) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        laden.push(process::import(&large, &process::fresh("weight-data"), &file));
        light.push(process::import("bench/program.toml", &process::fresh("weight-data"), &file));
    }
    rows.push(row("100 rules, 5 levels, 10 achievements", &laden, &light, options.events));
}

/// The program of the other measurements with 80 more rules, of which one applies to every tenth order.
fn large(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(process::root().join("bench/program.toml")).expect("our program");
    let mut text = text.split("[tests.").next().expect("a first part").to_owned();
    for n in 0..80 {
        let when = match n % 4 {
            0 => format!(r#"order.store == "x{n}""#),
            1 => format!(r#"order.items.exists(i, i.sku == "special-{n}")"#),
            2 => format!("order.subtotal > {} && order.channel == \"kiosk\"", 10 + n),
            _ => format!("counters.spend > {} && order.total < 1", 1_000 * n),
        };
        let _ = writeln!(
            text,
            "rules.more_{n:02} = {{ on = \"order.paid\", when = '{when}', earn.points = {n} }}"
        );
    }
    text.push_str("counters.orders = { on = \"order.paid\" }\n");
    for n in 1..=10 {
        let _ =
            writeln!(text, "achievements.orders_{n:02} = {{ needs.orders = {}, earn.points = 10 }}", 3 * n);
    }
    text.push_str("counters.year = { on = \"order.paid\", add = 'order.subtotal', per = \"year\" }\n");
    text.push_str("[tiers.status]\nlevels = [{ id = \"basic\" }");
    for (id, spend) in [("bronze", 100), ("silver", 300), ("gold", 800), ("platinum", 2_000)] {
        let _ = write!(text, ", {{ id = \"{id}\", needs.year = {spend} }}");
    }
    text.push_str("]\n");
    let file = folder.join("large.toml");
    std::fs::write(&file, text).expect("can write");
    file
}
