//! The listener: a thread with a connection of its own that hears what other processes commit, and that they want the
//! turn. Nothing depends on it but speed: what it misses is found by looking.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connect::{Conn, Use};
use super::head::{self, CHANNEL, FREE, WANTED};
use super::shared::Shared;
use crate::StoreError;

/// It looks by itself this often.
const LOOK: Duration = Duration::from_secs(1);
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(250);

pub fn start(shared: Arc<Shared>) -> Result<(), StoreError> {
    let run = move || {
        while !shared.closed.load(Ordering::Acquire) {
            if listen(&shared).is_err() {
                std::thread::sleep(AGAIN);
            }
        }
    };
    let thread = std::thread::Builder::new().name("store-listener".into()).spawn(run);
    thread.map(|_| ()).map_err(|e| StoreError::Unavailable(format!("cannot start store-listener: {e}")))
}

/// Until the connection ends or nobody uses the store any more.
fn listen(shared: &Shared) -> Result<(), StoreError> {
    let conn = shared.door.connect(Use::Write)?;
    conn.run(&format!("LISTEN {CHANNEL}"))?;
    while !shared.closed.load(Ordering::Acquire) {
        let seen = head::look(&conn)?;
        shared.advance(seen.next_pos - 1);
        if seen.waiting {
            wanted(shared, &conn);
        }
        shared.turn.hear();
        hear(shared, &conn)?;
    }
    Ok(())
}

/// Until it is quiet for a while.
fn hear(shared: &Shared, conn: &Conn) -> Result<(), StoreError> {
    loop {
        let Some(heard) = conn.heard(LOOK)? else { return Ok(()) };
        if shared.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some((channel, word)) = heard.payload().rsplit_once(':') else { continue };
        if channel != shared.channel {
            continue;
        }
        match word {
            WANTED => wanted(shared, conn),
            FREE => {}
            pos => shared.advance(pos.parse().unwrap_or(0)),
        }
        shared.turn.hear();
    }
}

fn wanted(shared: &Shared, conn: &Conn) {
    if let Some(fence) = shared.turn.want() {
        shared.give_up(conn, fence);
    }
}
