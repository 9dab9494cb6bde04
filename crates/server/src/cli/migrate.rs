//! `fealty migrate`: brings the tables up to date before the processes come; with `--distributed` declares them to Citus.

use clap::Args;
use serde_json::json;

use super::{DATA, Data, Failure, Place, SETTINGS};

#[derive(Args)]
pub struct Migrate {
    #[command(flatten)]
    place: Place,
    /// Declare the database's schema to Citus, so that all of it lies on one node of a cluster
    #[arg(long)]
    distributed: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub fn run(self) -> Result<u8, Failure> {
        let data = self.place.data(&self.place.file()?)?;
        let schema = match (&data, self.distributed) {
            (Data::Database(url), true) => Some(distribute(&data, url)?),
            (Data::Folder(_), true) => {
                let why = "not_here: a data folder is one file on one machine";
                return Err(Failure::new(SETTINGS, "the tables were not distributed", why)
                    .fix("name a PostgreSQL database with --database postgres://…"));
            }
            (_, false) => {
                drop(data.open()?);
                None
            }
        };
        match schema {
            _ if self.json => println!("{}", json!({"data": data.to_string(), "distributed": schema})),
            Some(schema) => {
                println!(
                    "the tables in {data} are up to date, and Citus has their schema {schema} on one node"
                );
            }
            None => println!("the tables in {data} are up to date"),
        }
        Ok(0)
    }
}

#[cfg(feature = "postgres")]
fn distribute(data: &Data, url: &str) -> Result<String, Failure> {
    store::postgres::distribute(url).map_err(|e| {
        Failure::new(DATA, format!("the tables in {data} were not distributed"), e)
            .fix("without Citus, groups of members lie on PostgreSQL servers of their own: docs/scaling.md")
    })
}

#[cfg(not(feature = "postgres"))]
fn distribute(_data: &Data, _url: &str) -> Result<String, Failure> {
    let why = "feature_left_out: this `fealty` was built without the feature `postgres`";
    Err(Failure::new(SETTINGS, "the tables were not distributed", why)
        .fix("build it with `cargo build --release --features postgres`"))
}
