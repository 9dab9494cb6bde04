//! `fealty init`: a commented program with its tests, and a settings file. Nothing is overwritten.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{FOUND, Failure, program};

#[derive(Args)]
pub struct Init {
    /// Where; made if it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
}

const SETTINGS: &str = include_str!("../../../../settings.example.toml");

impl Init {
    pub fn run(self) -> Result<u8, Failure> {
        let failed = |path: &Path, e: std::io::Error| {
            Failure::new(FOUND, format!("cannot write {}", path.display()), e).fix("choose another folder")
        };
        std::fs::create_dir_all(&self.dir).map_err(|e| failed(&self.dir, e))?;
        let settings = SETTINGS.replacen("#program = \"program.toml\"", "program = \"program.toml\"", 1);
        for (name, text) in [("program.toml", program::STARTER), ("settings.toml", &settings)] {
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
            "\nNext:\n  {fealty} check {here}/program.toml\n  {fealty} serve --program {here}/program.toml --settings {here}/settings.toml"
        );
        Ok(0)
    }
}
