//! What an error of PostgreSQL means to the caller.

use postgres::Error;
use postgres::error::SqlState;

use crate::StoreError;

/// When nothing was being committed.
pub fn store_error(e: &Error) -> StoreError {
    let why = words(e);
    let Some(db) = e.as_db_error() else {
        // The connection; or a value that is not of the column's type, which none of ours is.
        let is_lost = e.is_closed() || is_io(e);
        return if is_lost { StoreError::Unavailable(why) } else { StoreError::Corrupt(why) };
    };
    if *db.code() == SqlState::LOCK_NOT_AVAILABLE {
        return StoreError::Busy;
    }
    // A right that is missing can be given; a table that is missing cannot be mended by waiting.
    let can_be_given = *db.code() == SqlState::INSUFFICIENT_PRIVILEGE;
    match &db.code().code()[..2] {
        // What the tables refuse, what they do not have, and what is damaged.
        "22" | "23" | "42" | "XX" if !can_be_given => StoreError::Corrupt(why),
        _ => StoreError::Unavailable(why),
    }
}

fn is_io(e: &Error) -> bool {
    let mut cause = std::error::Error::source(e);
    while let Some(why) = cause {
        if why.is::<std::io::Error>() {
            return true;
        }
        cause = why.source();
    }
    false
}

pub fn words(e: &Error) -> String {
    match e.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => std::error::Error::source(e).map_or_else(|| e.to_string(), |why| format!("{e}: {why}")),
    }
}
