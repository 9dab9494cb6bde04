//! `fealty backup` and `fealty restore`: one moment of the data as one file that was checked, and back. The server may run
//! while a backup is made; a restore needs a folder without data.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::backup::{self, Done, Failed, Manifest, Partial, Phase};

use super::table::grouped;
use super::{DATA, FOUND, Failure, Place, verify};

#[derive(Args)]
pub struct Backup {
    /// The file to make; a manifest is put beside it, FILE.json
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Recompute everything in the backup before it gets its name
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    verify: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub struct Restore {
    /// The backup; its manifest lies beside it
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Backup {
    pub fn run(self) -> Result<u8, Failure> {
        let begun = Instant::now();
        let data = self.place.existing(&self.place.file()?)?;
        let (dir, _passing) = data.at_rest()?;
        let bar = bar(self.json);
        let made = Partial::new(&self.to).and_then(|partial| {
            let mut progress = |phase, done, all| show(&bar, phase, done, all);
            match backup::copy(&dir, &partial, &mut progress) {
                Ok(()) => partial.finish(self.verify, &mut progress),
                Err(why) => Err(partial.give_up(why)),
            }
        });
        bar.finish_and_clear();
        let what = format!("no backup was made of {data}");
        let done = match made {
            Ok(done) => done,
            Err(Failed::Breaches(report)) => {
                verify::tell_breaches(&report);
                return Err(Failure::new(FOUND, what, "the data do not add up, nor does their copy")
                    .fix("keep the folder for those who look into it, restore an older backup; `--verify false` copies it as it is"));
            }
            Err(Failed::Store(why)) => {
                return Err(Failure::new(DATA, what, why).fix(
                    "make room, or choose another place with --to; what was there before is as it was",
                ));
            }
            Err(other) => return Err(failed(what, other, "choose a name that is free with --to")),
        };
        tell(&Told { file: &self.to, done: &done, begun, verb: "backed up", to: &self.to }, self.json);
        Ok(0)
    }
}

impl Restore {
    pub fn run(self) -> Result<u8, Failure> {
        let begun = Instant::now();
        let dir = self.place.data(&self.place.file()?)?.folder("restore a backup")?;
        let bar = bar(self.json);
        let restored =
            backup::restore(&self.from, &dir, &mut |phase, done, all| show(&bar, phase, done, all));
        bar.finish_and_clear();
        let what = format!("{} was not restored", self.from.display());
        let done = match restored {
            Ok(done) => done,
            Err(Failed::Breaches(report)) => {
                verify::tell_breaches(&report);
                return Err(
                    Failure::new(FOUND, what, "what is in it does not add up").fix("take another backup")
                );
            }
            Err(Failed::Store(why)) => {
                return Err(Failure::new(DATA, what, why)
                    .fix("stop what uses the folder, make room, or choose another folder with --data"));
            }
            Err(other) => return Err(failed(what, other, "choose a folder without data with --data")),
        };
        tell(&Told { file: &self.from, done: &done, begun, verb: "restored", to: &dir }, self.json);
        if !self.json {
            let dir = dir.display();
            println!("\nnext: fealty serve --data {dir}");
            println!(
                "Readers of the feed who saw more are told so (feed_reset). Who was erased since is to be erased again."
            );
        }
        Ok(0)
    }
}

fn failed(what: String, why: Failed, where_to: &str) -> Failure {
    match why {
        Failed::Taken(path) => {
            Failure::new(DATA, what, format!("{} is there already", path.display())).fix(where_to)
        }
        Failed::NotWhole(why) => Failure::new(FOUND, what, format!("the backup is not whole: {why}"))
            .fix("copy it again from where it was kept, or take another backup"),
        Failed::Store(why) => Failure::new(DATA, what, why),
        Failed::Breaches(_) => Failure::new(FOUND, what, "it does not add up"),
    }
}

struct Told<'a> {
    file: &'a Path,
    done: &'a Done,
    begun: Instant,
    verb: &'static str,
    to: &'a Path,
}

fn tell(told: &Told<'_>, as_json: bool) {
    let milliseconds = u64::try_from(told.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let manifest = told.done.manifest.as_ref();
    let verified = told.done.report.is_some();
    if as_json {
        let file = told.file.display().to_string();
        let told = json!({"file": file, "to": told.to.display().to_string(), "manifest": manifest,
            "verified": verified, "milliseconds": milliseconds});
        println!("{told}");
        return;
    }
    let (verb, to, seconds) = (told.verb, told.to.display(), milliseconds as f64 / 1000.0);
    match manifest {
        Some(manifest) => tell_manifest(manifest, verb, &to),
        None => println!("{verb} to {to}; there is no manifest beside it, so only what is in it was checked"),
    }
    if verified {
        println!("checked: everything in it adds up");
    } else {
        println!("not checked: `fealty restore` will");
    }
    println!("in {seconds:.1} s");
}

fn tell_manifest(manifest: &Manifest, verb: &str, to: &dyn std::fmt::Display) {
    let (rows, bytes) = (grouped(manifest.rows), grouped(manifest.bytes));
    println!("{verb} {rows} rows, {bytes} bytes, to {to}");
    println!("made at  {}\nhead     {}\nsha256   {}", manifest.made_at, manifest.head, manifest.sha256);
}

fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template("{msg:10} {bar:30} {percent:>3} %  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(bar: &ProgressBar, phase: Phase, done: u64, all: u64) {
    let name = match phase {
        Phase::Copy => "copying",
        Phase::Check => "checking",
        Phase::Sum => "summing",
    };
    if bar.message() != name {
        bar.set_message(name);
        bar.reset_eta();
    }
    bar.set_length(all);
    bar.set_position(done);
}
