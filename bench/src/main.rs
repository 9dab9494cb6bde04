//! Side-by-side measurements: Fealty and a bare program that does the least that could be called the same work, in one
//! run, alternating; medians and their ratio. Nothing here asserts: figures go to docs/performance.md by hand.

mod bare;
mod context;
mod deliveries;
mod echo;
mod engines;
mod events;
mod growth;
mod http;
mod import;
mod load;
mod midnight;
mod overload;
mod plot;
mod postgres;
mod process;
mod quotes;
mod record;
mod sink;
mod table;
mod weight;

const HELP: &str = "\
bench [import|http|rules|quotes|context|deliveries|weight|midnight|postgres|growth|overload|engines|all]
                 default: import, http and rules
  quotes           what a checkout waits for, beside a load of events
  context          2,000 members' contexts a second while events flow, beside an answer that says nothing
  weight           members with 1,000 lots, with 10,000 past transfers; a program of 100 rules
  deliveries       webhooks a second beside the bare client, how late they are, and bad neighbours
  midnight         so many --members due at one instant
  postgres         on PostgreSQL, one process and several, beside pgbench with one transaction an event
  engines          a decision beside json-rules-engine and zen-engine under the same rules
  overload         ten times as many events as can be taken: what is taken, what is refused and how, and afterwards
  growth           what an event costs by events stored (to --stored), members and rules, as plots too
  --rounds N       each side so often, alternating; medians are shown [3]
  --events N       events of one import [200000]
  --stored N       then again with so many stored before [0: not]
  --members N      active members [100000]
  --random-ids     event ids without order
  --seconds N      of one load [5]
bench compare ONE.json OTHER.json           two earlier runs side by side
bench events --events N [--members N] [--random-ids] [--from N] FILE    writes events and does nothing else
bench echo                                                              the bare HTTP server alone";

const FLAGS: [&str; 7] =
    ["--rounds", "--events", "--stored", "--members", "--random-ids", "--seconds", "--from"];

/// What was asked for.
pub struct Options {
    pub rounds: usize,
    pub events: u64,
    pub stored: u64,
    pub members: u64,
    pub random_ids: bool,
    pub seconds: u64,
    pub from: u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| ["help", "--help", "-h"].contains(&arg.as_str())) {
        return println!("{HELP}");
    }
    if let Some(unknown) = args.iter().find(|arg| arg.starts_with('-') && !FLAGS.contains(&arg.as_str())) {
        eprintln!("there is no `{unknown}`\n{HELP}");
        std::process::exit(2);
    }
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.replace('_', "").parse().ok()).unwrap_or(default)
    };
    let options = Options {
        rounds: number("--rounds", 3) as usize,
        events: number("--events", 200_000),
        stored: number("--stored", 0),
        members: number("--members", 100_000),
        random_ids: args.iter().any(|arg| arg == "--random-ids"),
        seconds: number("--seconds", 5),
        from: number("--from", 0),
    };
    let what = args.first().filter(|arg| !arg.starts_with("--")).map_or("all", String::as_str);
    match what {
        "echo" => return echo::serve(),
        "post" => return bare::post(&args[1..]),
        "compare" => {
            if let Err(why) = record::compare(&args[1..]) {
                eprintln!("{why}");
                std::process::exit(2);
            }
            return;
        }
        "events" => {
            let file = args.last().expect("FILE");
            return events::write(std::path::Path::new(file), &options, options.from, options.events);
        }
        "import" | "http" | "rules" | "quotes" | "context" | "deliveries" | "weight" | "midnight"
        | "postgres" | "growth" | "overload" | "engines" | "all" => {}
        unknown => {
            eprintln!("there is no `{unknown}`\n{HELP}");
            std::process::exit(2);
        }
    }
    println!("one run on this machine, alternating, {} rounds; read ratios, not figures\n", options.rounds);
    if matches!(what, "import" | "all") {
        import::measure(&options);
    }
    if matches!(what, "http" | "all") {
        http::measure(&options);
    }
    match what {
        "quotes" => quotes::measure(&options),
        "context" => context::measure(&options),
        "weight" => weight::measure(&options),
        "deliveries" => deliveries::measure(&options),
        "midnight" => midnight::measure(&options),
        "postgres" => postgres::measure(&options),
        "growth" => growth::measure(&options),
        "overload" => overload::measure(&options),
        "engines" => engines::measure(),
        _ => {}
    }
    if matches!(what, "rules" | "all") {
        print!("{}", process::cargo_example("domain", "expressions", &[]));
    }
    record::keep();
}
