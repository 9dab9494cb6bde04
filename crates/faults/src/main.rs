//! `cargo xtask faults` builds and starts this: campaigns of faults, each with a table and with figures.

use std::path::PathBuf;
use std::process::ExitCode;

use faults::figures::{self, Figure};
use faults::power::{self, Control};
use faults::{flips, full, mount, shop};

const USAGE: &str = "faults [power|full|flips|all] [--images N] [--flips N] [--seed N] [--json FILE]";

struct Args {
    campaign: String,
    images: u32,
    flips: u32,
    seed: u64,
    json: Option<PathBuf>,
}

fn read_args() -> Option<Args> {
    let mut args = Args { campaign: "all".into(), images: 2000, flips: 1000, seed: 1, json: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--images" => args.images = words.next()?.parse().ok()?,
            "--flips" => args.flips = words.next()?.parse().ok()?,
            "--seed" => args.seed = words.next()?.parse().ok()?,
            "--json" => args.json = Some(words.next()?.into()),
            name if !name.starts_with('-') => args.campaign = name.into(),
            _ => return None,
        }
    }
    Some(args)
}

/// The process that power is cut from: `pour FOLDER (true: synchronous=NORMAL) SEED`.
fn pour(words: &[String]) -> ExitCode {
    let [folder, loses, seed] = words else { return ExitCode::from(2) };
    let options = store::Options { loses_on_power_cut: loses == "true", ..shop::small() };
    let mut rng = testkit::rng::Rng::new(seed.parse().unwrap_or(1));
    match shop::Shop::open(folder.as_ref(), &options).and_then(|mut shop| shop.pour(&mut rng)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "pour") {
        return pour(&words[1..]);
    }
    let Some(args) = read_args() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut found = Vec::new();
    let wanted = |name: &str| args.campaign == name || args.campaign == "all";
    let mut result = Ok(());
    if wanted("power") {
        result = result.and_then(|()| power_cuts(&args, &mut found));
    }
    if wanted("full") {
        result = result.and_then(|()| full_disk(&mut found));
    }
    if wanted("flips") {
        result = result.and_then(|()| bit_flips(&args, &mut found));
    }
    let good = figures::show(&found);
    if let Some(path) = &args.json
        && let Err(why) = figures::write(&found, path)
    {
        eprintln!("{}: {why}", path.display());
        return ExitCode::FAILURE;
    }
    match result {
        Ok(()) if good => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn power_cuts(args: &Args, found: &mut Vec<Figure>) -> Result<(), String> {
    if let Some(why) = mount::missing() {
        return Err(format!("power cuts: {why}"));
    }
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let small = power::store(&own, args.images / 2, args.seed, Control::None)?;
    small.show("power cut, the store with small thresholds");
    let real = power::server(args.images.div_ceil(2), args.seed, Control::None, 10)?;
    real.show("power cut, fealty serve");
    let normal = power::store(&own, 40, args.seed, Control::Normal)?;
    normal.show("control: the store with synchronous=NORMAL");
    let lying = power::server(20, args.seed, Control::LyingDisk, 10)?;
    lying.show("control: fealty serve on a disk that lies about its log");
    let broken = small.broken() + real.broken();
    let figure = format!(
        "{} images ({} of fealty serve, {} served again), {broken} broken",
        small.images() + real.images(),
        real.images(),
        real.served
    );
    found.push(Figure::new("a power cut loses nothing acknowledged", figure, "0 broken", broken == 0));
    for (name, control) in [("synchronous=NORMAL", &normal), ("a disk that lies", &lying)] {
        let figure = format!("{} of {} images broken", control.broken(), control.images());
        let promise = format!("a power cut is seen to lose commits with {name} (control)");
        found.push(Figure::new(&promise, figure, "more than 0", control.broken() > 0));
    }
    Ok(())
}

fn full_disk(found: &mut Vec<Figure>) -> Result<(), String> {
    if let Some(why) = full::missing() {
        return Err(format!("full disks: {why}"));
    }
    let tally = full::run(20)?;
    let ms = tally.recovery_max.as_millis();
    println!(
        "a full disk: {} rounds, {} acknowledged, each round refused with 503",
        tally.rounds, tally.acked
    );
    let figure = format!(
        "{} rounds, {} acknowledged and all there, writing again after {ms} ms at most",
        tally.rounds, tally.acked
    );
    let promise =
        "a full disk: reads go on, writes are answered 503 with Retry-After, and it recovers by itself";
    found.push(Figure::new(promise, figure, "10 s to recover, nothing lost", true));
    Ok(())
}

fn bit_flips(args: &Args, found: &mut Vec<Figure>) -> Result<(), String> {
    let tally = flips::run(args.flips, args.seed)?;
    tally.show();
    let figure = format!("{} of {}", args.flips - tally.missed, args.flips);
    found.push(Figure::new(
        "a flipped bit in a row of the journal is found by verify",
        figure,
        "all",
        tally.missed == 0,
    ));
    Ok(())
}
