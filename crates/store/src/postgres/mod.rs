//! PostgreSQL: many processes on one database, which take turns.

mod address;
mod connect;
mod error;
mod migrate;
mod tls;

pub use address::Address;
pub use connect::{Conn, Door, Use};
pub use error::store_error;

use crate::StoreError;

/// Connects and brings the tables up to date.
pub fn open(url: &str) -> Result<Door, StoreError> {
    let door = Door::new(Address::parse(url)?)?;
    migrate::run(&door.connect(Use::Migrate)?)?;
    Ok(door)
}
