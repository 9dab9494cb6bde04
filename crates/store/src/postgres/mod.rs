//! PostgreSQL: any number of processes on one database. They take turns at deciding; within a turn a process works as
//! with a file of its own: while one batch is written the next is decided, and answered from the batches in flight.
//!
//! Invariant: what is decided is built on everything that was committed. A turn begins with catching up, and no batch is
//! committed but under the turn's fence and behind the row that it was decided from.

mod address;
mod catch_up;
mod connect;
mod desk;
mod dial;
mod distribute;
mod error;
mod fetch;
pub mod head;
pub mod leases;
mod line;
mod listen;
mod migrate;
mod rows;
mod shared;
mod statement;
mod tls;
mod turn;
mod value;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub use address::Address;
pub use connect::{Conn, Door, IN_USE, Use};
pub use desk::Desk;
pub use distribute::distribute;
pub use error::store_error;
pub use rows::Copy;
pub use shared::Shared;
pub use value::{given_to_postgres, int};

use crate::flight::encode::Task;
use crate::flight::failures::not_done;
use crate::flight::line::Line;
use crate::flight::{Flight, Head};
use crate::secret::Secret;
use crate::{Admin, Done, Options, Reader, StoreError, Write};

pub struct Postgres {
    options: Options,
    conn: Conn,
    head: Head,
    flights: VecDeque<InFlight>,
    /// Until when this turn, by its fence, is believed to be ours without looking.
    sure: Option<(i64, Instant)>,
    /// Batches of this and earlier generations are refused once one of them has failed.
    generation: u64,
    /// All that was committed before is as safe as it was to be, whatever became of connections.
    confirmed: bool,
    secret: Secret,
    shared: Arc<Shared>,
    reader: Reader,
    desk: Arc<Desk>,
    writer: Option<Line<writer::Job>>,
}

/// A batch and its keys in their order.
struct InFlight {
    flight: Arc<Flight>,
    keys: Vec<(u64, u64)>,
}

/// Connects and brings the tables up to date.
pub fn enter(url: &str) -> Result<Door, StoreError> {
    let door = Door::new(Address::parse(url)?)?;
    migrate::run(&door.connect(Use::Migrate)?)?;
    Ok(door)
}

/// What is the installation's, and a number that nobody else has drawn.
const OWN: &str = "SELECT current_schema()::TEXT, (SELECT value FROM meta WHERE name = 'secret'),
    ('x' || left(translate(gen_random_uuid()::TEXT, '-', ''), 15))::BIT(60)::BIGINT";

impl Postgres {
    pub fn open(url: &str, options: &Options) -> Result<Postgres, StoreError> {
        let door = enter(url)?;
        let conn = door.connect(Use::Write)?;
        let own =
            conn.query(OWN, &[])?.pop().ok_or_else(|| StoreError::Corrupt("nothing is answered".into()))?;
        let secret = Secret::of(own.get::<_, Option<&[u8]>>(1).unwrap_or_default())?;
        let seen = head::look(&conn)?;
        let head = seen.head(&conn)?;
        let end = (seen.next_pos - 1, seen.hash);
        let shared = Arc::new(Shared::new(door, own.get(0), own.get::<_, i64>(2), end));
        let reader = Reader::postgres(shared.clone(), secret.key_maker());
        let writer = writer::start(shared.clone(), options, seen.hash)?;
        listen::start(shared.clone())?;
        let desk = Arc::new(Desk::new(shared.clone()));
        let (flights, options) = (VecDeque::new(), options.clone());
        let writer = Some(writer);
        Ok(Postgres {
            options,
            conn,
            head,
            flights,
            sure: None,
            generation: 1,
            confirmed: false,
            secret,
            shared,
            reader,
            desk,
            writer,
        })
    }

    pub fn commit(&mut self, write: Write, done: Done) {
        let why = self.shared.failures.now().map(|why| not_done(&why));
        let no_turn = || StoreError::Unavailable("it is not this process's turn".into());
        if let Some(why) = why.or_else(|| self.shared.turn.fence().is_none().then(no_turn)) {
            self.shared.failures.add(self.generation, &why);
            return done(Err(why));
        }
        let flight = Arc::new(Flight::new(write, self.head.next_pos));
        self.head.advance(&flight);
        self.prune();
        let mut keys = flight.keys.clone();
        keys.sort_unstable();
        keys.dedup();
        self.flights.push_back(InFlight { flight: flight.clone(), keys });
        self.shared.turn.take_off();
        let shared = self.shared.clone();
        let landed: Done = Box::new(move |result| {
            shared.turn.land();
            done(result);
        });
        self.writer().send(Task::Batch { flight, generation: self.generation, done: landed });
    }

    fn writer(&self) -> &Line<writer::Job> {
        self.writer.as_ref().expect("open until dropped")
    }

    /// Lets go of what is in the database.
    fn prune(&mut self) {
        let committed = self.shared.committed();
        while self.flights.front().is_some_and(|one| one.flight.last_pos <= committed) {
            self.flights.pop_front();
        }
    }

    /// After a failed batch: once the caller has thrown his snapshot away, begins again where the journal ends.
    fn mend(&mut self, is_new: bool) -> Result<(), StoreError> {
        let Some(why) = self.shared.failures.now() else { return Ok(()) };
        if why.must_stop() || !is_new {
            return Err(if why.must_stop() { why } else { not_done(&why) });
        }
        self.writer().wait();
        self.shared.turn.lost();
        self.confirmed = false;
        let seen = self.ask(head::look)?;
        if seen.holder == self.shared.me && seen.waiting {
            // Whoever has had trouble lets others through first.
            let shared = self.shared.clone();
            self.ask(|conn| head::leave(conn, &shared.channel, shared.me))?;
            self.shared.turn.let_others();
        }
        self.head = self.ask(|conn| seen.head(conn))?;
        self.shared.end_at(seen.next_pos - 1, seen.hash);
        self.shared.fall_back(seen.next_pos - 1);
        self.flights.clear();
        self.generation += 1;
        self.shared.failures.recover();
        Ok(())
    }

    /// On a new connection if this one is lost: questions may be asked twice.
    fn ask<T>(&mut self, ask: impl Fn(&Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match ask(&self.conn) {
            Err(StoreError::Unavailable(_)) if !self.conn.rest() => {
                // The answer may be lost that it was not given up to us.
                self.confirmed = false;
                self.conn = self.shared.door.connect(Use::Write)?;
                ask(&self.conn)
            }
            answer => answer,
        }
    }

    pub fn secret(&self) -> &Secret {
        &self.secret
    }
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }
    pub fn admin(&self) -> Admin {
        Admin::postgres(self.desk.clone())
    }
    /// Tells the newest row that is durable, from now on whenever there is a newer one.
    pub fn hear(&self, tell: Box<dyn Fn(u64) + Send>) {
        self.shared.tell(tell);
    }
}

/// Everything handed over is written before the turn is given up.
impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.writer.take());
        self.shared.closed.store(true, Ordering::Release);
        let shared = self.shared.clone();
        let _lease_ends = self.ask(|conn| head::leave(conn, &shared.channel, shared.me));
    }
}
