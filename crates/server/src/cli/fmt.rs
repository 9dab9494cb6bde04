//! `fealty fmt`: lays out program files. What they say does not change, nor does their version.

use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use domain::program::{self as language, Source};

use super::{FOUND, Failure, program};

#[derive(Args)]
pub struct Fmt {
    /// Program files, each with what it includes; `-` reads standard input and writes to standard output
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and exit 1 if there is any
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub fn run(self) -> Result<u8, Failure> {
        let mut would = 0;
        for file in &self.files {
            if file.as_os_str() == "-" {
                would += u8::from(self.standard()?);
                continue;
            }
            // Whether it checks is no matter; what it includes is found by reading it.
            let sources = match program::read(file, None, 1)? {
                Ok(program) => program.sources,
                Err(rejected) => rejected.sources,
            };
            for source in &sources {
                let text = laid_out(source)?;
                if text == source.text {
                    continue;
                }
                would = 1;
                if self.check {
                    println!("{} is not laid out", source.name);
                } else {
                    std::fs::write(&source.name, text)
                        .map_err(|e| Failure::new(FOUND, format!("cannot write {}", source.name), e))?;
                    println!("laid out {}", source.name);
                }
            }
        }
        Ok(if self.check && would > 0 { FOUND } else { 0 })
    }

    /// Whether it changed.
    fn standard(&self) -> Result<bool, Failure> {
        let mut text = String::new();
        let failed = |e| Failure::new(FOUND, "cannot read standard input", e);
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        let source = Source { name: "standard input".into(), text };
        let text = laid_out(&source)?;
        if !self.check {
            let failed = |e| Failure::new(FOUND, "cannot write to standard output", e);
            std::io::stdout().write_all(text.as_bytes()).map_err(failed)?;
        }
        Ok(text != source.text)
    }
}

fn laid_out(source: &Source) -> Result<String, Failure> {
    language::format(source).map_err(|rejected| program::rejected(&rejected))
}
