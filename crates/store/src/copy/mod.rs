//! Moving house: everything from the embedded database to PostgreSQL or back, with positions, hashes and names as they
//! are, so that feeds, retries and endpoints go on where they were.
//!
//! Invariant: what is read is one moment of the source; the target was empty and holds all of it afterwards, or nothing.

mod tables;
mod to_folder;
mod to_postgres;

pub use to_folder::to_folder;
pub use to_postgres::to_postgres;

use crate::StoreError;

/// Told (table, rows so far) now and then.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64);

/// Rows that are read and written at once.
const SLICE: usize = 2_000;

fn taken(place: &str) -> StoreError {
    StoreError::Unavailable(format!("there are data already in {place}: copy to an empty one"))
}
