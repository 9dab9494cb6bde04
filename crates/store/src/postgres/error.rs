//! What an error of PostgreSQL means to the caller.

use postgres::Error;
use postgres::error::SqlState;

use crate::StoreError;

/// When nothing was being committed.
pub fn store_error(e: &Error) -> StoreError {
    match e.as_db_error() {
        // The connection; or a value that the client refused, which none of ours is.
        None if e.is_closed() || is_io(e) => StoreError::Unavailable(words(e)),
        None => StoreError::Corrupt(words(e)),
        Some(db) => match &db.code().code()[..2] {
            _ if passes(e) => StoreError::Unavailable(words(e)),
            // What the tables refuse, what they do not have, and what is damaged.
            "22" | "23" | "42" | "XX" => StoreError::Corrupt(words(e)),
            _ => StoreError::Unavailable(words(e)),
        },
    }
}

/// Whether it may go well the next time, on a new connection if need be.
pub fn passes(e: &Error) -> bool {
    let Some(db) = e.as_db_error() else { return e.is_closed() || is_io(e) };
    let code = db.code();
    let of_class = |class: &str| code.code().starts_with(class);
    of_class("08")
        || of_class("40")
        || of_class("57")
        || [
            &SqlState::LOCK_NOT_AVAILABLE,
            &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            &SqlState::TOO_MANY_CONNECTIONS,
            &SqlState::INSUFFICIENT_PRIVILEGE,
            // A plan that was made before the tables were changed by a newer process.
            &SqlState::FEATURE_NOT_SUPPORTED,
        ]
        .contains(&code)
}

/// Whether the connection can be used on.
pub fn is_io(e: &Error) -> bool {
    let mut cause = std::error::Error::source(e);
    while let Some(why) = cause {
        if why.is::<std::io::Error>() {
            return true;
        }
        cause = why.source();
    }
    false
}

fn words(e: &Error) -> String {
    match e.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => std::error::Error::source(e).map_or_else(|| e.to_string(), |why| format!("{e}: {why}")),
    }
}
