//! `fealty init`: a commented program with its tests (one of `programs/`), and a settings file. Nothing is overwritten.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::{FOUND, Failure, program};

#[derive(Args)]
pub struct Init {
    /// Where; made if it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// The program to start from
    #[arg(long, value_name = "NAME", default_value = "starter", value_parser = names())]
    from: String,
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../../../programs/", $name, "/program.toml"))
    };
}

/// Name, what it is for, text.
const PROGRAMS: [(&str, &str, &str); 9] = [
    ("starter", "a small café, every line explained", program::STARTER),
    ("coffee-stamps", "a stamp for each drink, ten are a free one", text!("coffee-stamps")),
    ("grocery-fuel", "a supermarket: points at the till, cents at the pump", text!("grocery-fuel")),
    ("fashion-tiers", "fashion: points after the return window, four levels", text!("fashion-tiers")),
    ("software-stripe", "software by subscription: credit on Stripe invoices", text!("software-stripe")),
    ("airline-miles", "miles are spent, status is flown for every year", text!("airline-miles")),
    ("marketplace-regions", "a marketplace in three countries and currencies", text!("marketplace-regions")),
    ("paid-membership", "a club with a fee: member prices and cash back", text!("paid-membership")),
    ("trade-rebates", "a manufacturer and its dealers: rebates by the quarter", text!("trade-rebates")),
];

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(PROGRAMS.map(|(name, about, _)| PossibleValue::new(name).help(about)))
}

const SETTINGS: &str = include_str!("../../../../settings.example.toml");

impl Init {
    pub fn run(self) -> Result<u8, Failure> {
        let failed = |path: &Path, e: std::io::Error| {
            Failure::new(FOUND, format!("cannot write {}", path.display()), e).fix("choose another folder")
        };
        std::fs::create_dir_all(&self.dir).map_err(|e| failed(&self.dir, e))?;
        let settings = SETTINGS.replacen("#program = \"program.toml\"", "program = \"program.toml\"", 1);
        let program = PROGRAMS.iter().find(|(name, ..)| *name == self.from).map_or(program::STARTER, |p| p.2);
        for (name, text) in [("program.toml", program), ("settings.toml", &settings)] {
            let path = self.dir.join(name);
            match std::fs::File::create_new(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes()).map_err(|e| failed(&path, e))?;
                    println!("wrote {}", path.display());
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                    println!("kept  {} (it was there)", path.display());
                }
                Err(e) => return Err(failed(&path, e)),
            }
        }
        // As this was called, so that it works when pasted, be the binary on the PATH or where cargo put it.
        let fealty = std::env::args().next().unwrap_or_else(|| "fealty".to_owned());
        let here = self.dir.display();
        println!(
            "\nNext:\n  {fealty} check {here}/program.toml\n  {fealty} serve --program {here}/program.toml --settings {here}/settings.toml --data {here}/data"
        );
        Ok(0)
    }
}
