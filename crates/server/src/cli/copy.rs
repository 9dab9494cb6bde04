//! `fealty copy`: moves everything from a data folder to PostgreSQL or back, and checks it at both ends.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{DATA, Data, FOUND, Failure, SETTINGS, verify};

#[derive(Args)]
pub struct Copy {
    /// Where everything is: a data folder, or postgres://…
    #[arg(long, value_name = "DIR|URL")]
    from: String,
    /// Where it shall be; there must be nothing yet
    #[arg(long, value_name = "DIR|URL")]
    to: String,
    /// Check every invariant of both afterwards
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "true|false")]
    verify: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Copy {
    pub fn run(self) -> Result<u8, Failure> {
        let begun = Instant::now();
        let (from, to) = (Data::named(&self.from), Data::named(&self.to));
        if !from.are_there() {
            return Err(Failure::new(DATA, format!("nothing was copied from {from}"), "there are no data")
                .fix("give the folder that `fealty serve` uses with --from"));
        }
        let rows = copy(&from, &to, self.json)?;
        if self.verify {
            for data in [&from, &to] {
                let report = verify::of(data, verify::bar(self.json))?;
                if !report.is_clean() {
                    verify::tell_breaches(&report);
                    return Err(Failure::new(
                        FOUND,
                        format!("the data in {data} do not add up"),
                        "see above",
                    )
                    .fix("keep both, and go on with --from"));
                }
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        if self.json {
            println!(
                "{}",
                json!({"from": from.to_string(), "to": to.to_string(), "rows": rows, "verified": self.verify, "seconds": seconds})
            );
        } else {
            let checked = if self.verify { ", checked at both ends" } else { "" };
            println!("copied {rows} rows and all that belongs to them to {to}{checked} ({seconds:.1} s)");
            println!("stop using {from}: what comes in there from now on is not in {to}");
        }
        Ok(0)
    }
}

#[cfg(feature = "postgres")]
pub fn copy(from: &Data, to: &Data, quiet: bool) -> Result<u64, Failure> {
    use indicatif::{ProgressBar, ProgressStyle};
    use std::io::IsTerminal;

    let bar = if quiet || !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner()
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:<16} {pos} rows") {
        bar.set_style(style);
    }
    let mut progress = |table: &str, rows| {
        bar.set_message(table.to_owned());
        bar.set_position(rows);
    };
    let copied = match (from, to) {
        (Data::Folder(dir), Data::Database(url)) => store::copy::to_postgres(dir, url, &mut progress),
        (Data::Database(url), Data::Folder(dir)) => store::copy::to_folder(url, dir, &mut progress),
        _ => {
            return Err(Failure::new(
                SETTINGS,
                "nothing was copied",
                "one end is a folder and the other a database",
            )
            .fix("between two folders, or two databases, use a backup and restore it"));
        }
    };
    bar.finish_and_clear();
    copied.map_err(|e| {
        Failure::new(DATA, format!("nothing was copied from {from} to {to}"), e).fix(
            "stop what serves a folder, see that the database lets this user in, and copy to an empty place",
        )
    })
}

#[cfg(not(feature = "postgres"))]
pub fn copy(_from: &Data, _to: &Data, _quiet: bool) -> Result<u64, Failure> {
    let why = "feature_left_out: this `fealty` was built without the feature `postgres`";
    Err(Failure::new(SETTINGS, "nothing was copied", why)
        .fix("build it with `cargo build --release --features postgres`"))
}
