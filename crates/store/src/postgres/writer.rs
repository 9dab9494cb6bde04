//! The writer: the one thread and the one connection of a process that commit batches, each in a transaction that begins
//! with the head. When a connection is lost in the middle, it finds out by the head what became of the batch, and goes on.
//!
//! Invariant: `done(Ok)` is called after a durable commit and never otherwise; after a batch that was given up nothing of
//! its generation is written. PostgreSQL may come and go: the process need not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use super::connect::{Conn, Use};
use super::head::{self, server_ms};
use super::rows;
use super::shared::Shared;
use crate::db::Db;
use crate::flight::Flight;
use crate::flight::encode::{self, Encoded, Ready};
use crate::flight::line::Line;
use crate::{Options, StoreError, redact};

/// So long it is tried to bring a batch through, or to find out what became of it.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(50);
/// Attempts that a server may refuse that is there and answers.
const REFUSALS_MAX: u32 = 3;

// Nearly all of them are batches, and few wait at a time.
#[allow(clippy::large_enum_variant)]
pub enum Job {
    Batch(Ready),
    Barrier(SyncSender<()>),
    Stop,
}

impl From<Ready> for Job {
    fn from(ready: Ready) -> Job {
        Job::Batch(ready)
    }
}
impl encode::Job for Job {
    const STOP: Job = Job::Stop;
    fn barrier(reply: SyncSender<()>) -> Job {
        Job::Barrier(reply)
    }
}

pub fn start(shared: Arc<Shared>, options: &Options, head: [u8; 32]) -> Result<Line<Job>, StoreError> {
    let (failures, options) = (shared.failures.clone(), options.clone());
    Line::start(failures, head, move |jobs, back| Desk { shared, back, conn: None, options }.run(jobs))
}

/// What the writer's thread owns.
struct Desk {
    shared: Arc<Shared>,
    /// Where buffers go to be filled again.
    back: SyncSender<Encoded>,
    /// None: it is to be connected anew.
    conn: Option<Conn>,
    options: Options,
}

/// What became of a batch whose connection was lost.
enum Fate {
    Done,
    NotDone,
    Lost(StoreError),
}

impl Desk {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Some(job) = self.next(jobs) {
            match job {
                Job::Batch(Ready { flight, encoded, generation, done }) => {
                    let result = self.write(&flight, &encoded, generation);
                    done(result);
                    let _enough = self.back.try_send(encoded);
                    if let Some(fence) = self.shared.turn.due() {
                        match self.connected() {
                            Ok(_) => self.shared.give_up(self.conn.as_ref().expect("connected"), fence),
                            Err(_) => self.shared.turn.left(fence),
                        }
                    }
                }
                Job::Barrier(reply) => {
                    let _gone = reply.send(());
                }
                Job::Stop => break,
            }
        }
    }

    /// What is being erased goes on between jobs, as long as it is our turn, so that nobody waits for the whole of it.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        while self.shared.erasing.load(Ordering::Acquire) {
            let Some(fence) = self.shared.turn.fence() else { break };
            // What fails is tried again in the next turn.
            let more = self.erase_on(fence).unwrap_or(false);
            self.shared.erasing.store(more, Ordering::Release);
            match jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
        }
        jobs.recv().ok()
    }

    fn erase_on(&mut self, fence: i64) -> Result<bool, StoreError> {
        let (me, rows) = (self.shared.me, self.options.erase_rows);
        let conn = self.connected()?;
        conn.begin("BEGIN")?;
        let ours = "SELECT 1 FROM head WHERE holder = $1 AND fence = $2 FOR UPDATE";
        let more = match conn.query(ours, &[&me, &fence]) {
            Ok(found) if found.is_empty() => Ok(false),
            Ok(_) => redact::on(Db::Postgres(conn), rows),
            Err(why) => Err(why),
        };
        match more.and_then(|more| conn.commit().map(|()| more)) {
            Ok(more) => Ok(more),
            Err(why) => {
                self.rest();
                Err(why)
            }
        }
    }

    fn connected(&mut self) -> Result<&Conn, StoreError> {
        if self.conn.is_none() {
            self.conn = Some(self.shared.door.connect(Use::Write)?);
        }
        Ok(self.conn.as_ref().expect("just connected"))
    }
    /// After a failure: the connection is kept if it can be used on.
    fn rest(&mut self) {
        self.conn = self.conn.take().filter(Conn::rest);
    }

    fn write(&mut self, flight: &Flight, encoded: &Encoded, generation: u64) -> Result<(), StoreError> {
        if let Some(why) = self.shared.failures.refusal(generation) {
            return Err(why);
        }
        if flight.is_empty() {
            return Ok(());
        }
        let written = self.bring_through(flight, encoded);
        match &written {
            Ok(()) => {
                if let Some(row) = encoded.rows().last() {
                    self.shared.end_at(flight.last_pos, *row.hash);
                }
                self.shared.advance(flight.last_pos);
            }
            Err(why) => self.shared.failures.add(generation, why),
        }
        written
    }

    fn bring_through(&mut self, flight: &Flight, encoded: &Encoded) -> Result<(), StoreError> {
        let (until, mut refusals) = (Instant::now() + PATIENCE, 0);
        loop {
            let fence = self.shared.turn.fence().ok_or_else(overtaken)?;
            let why = match self.transact(fence, flight, encoded) {
                Ok(Some(waiting)) => {
                    if waiting {
                        let _when_it_has_landed = self.shared.turn.want();
                    }
                    return Ok(());
                }
                Ok(None) => overtaken(),
                Err(why) => why,
            };
            self.rest();
            if why.must_stop() {
                return Err(why);
            }
            refusals += u32::from(self.conn.is_some());
            match self.settle(flight, encoded, until) {
                Fate::Done => return Ok(()),
                Fate::NotDone if refusals >= REFUSALS_MAX || Instant::now() > until => return Err(why),
                Fate::NotDone => {
                    std::thread::sleep(AGAIN.min(until.saturating_duration_since(Instant::now())))
                }
                Fate::Lost(why) => return Err(why),
            }
        }
    }

    /// None: it is not our turn any more; otherwise whether others wait for it.
    fn transact(
        &mut self,
        fence: i64,
        flight: &Flight,
        encoded: &Encoded,
    ) -> Result<Option<bool>, StoreError> {
        let (shared, options) = (self.shared.clone(), self.options.clone());
        let conn = self.connected()?;
        let few = rows::are_few(flight);
        if !few {
            conn.begin("BEGIN")?;
        }
        let waiting = rows::write(conn, &shared, fence, options.lease_ms, flight, encoded)?;
        if few || waiting.is_none() {
            return Ok(waiting);
        }
        let mut erasing = false;
        for erasure in &flight.write.batch.erased {
            redact::erase(Db::Postgres(conn), erasure)?;
            erasing |= redact::on(Db::Postgres(conn), options.erase_rows)?;
        }
        conn.commit()?;
        shared.erasing.fetch_or(erasing, Ordering::AcqRel);
        Ok(waiting)
    }

    /// Takes the head under a new fence, after which nothing of before can be committed any more, and looks where the
    /// journal ends. Taking it is a commit of its own: when it is done, what was before is as safe.
    fn settle(&mut self, flight: &Flight, encoded: &Encoded, until: Instant) -> Fate {
        loop {
            let looked = self.look(flight, encoded);
            match looked {
                Ok(fate) => return fate,
                Err(why) if Instant::now() > until => {
                    let why = format!(
                        "what became of a batch is not known yet ({why}); ask again under the same id"
                    );
                    return Fate::Lost(StoreError::Unavailable(why));
                }
                Err(_) => {
                    self.rest();
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    fn look(&mut self, flight: &Flight, encoded: &Encoded) -> Result<Fate, StoreError> {
        let (shared, lease_ms) = (self.shared.clone(), self.options.lease_ms);
        let conn = self.connected()?;
        let update = concat!(
            "UPDATE head SET fence = fence + 1, until_ms = ",
            server_ms!(),
            " + $2 WHERE holder = $1 RETURNING fence, next_pos"
        );
        let found = conn.query(update, &[&shared.me, &lease_ms])?;
        conn.is_kept()?;
        let last = encoded.rows().last().map(|row| &row.hash[..]);
        if let Some(row) = found.first() {
            shared.turn.renewed(row.get(0));
            if row.get::<_, i64>(1) == rows::int(flight.first_pos) {
                // Also where the batch had no rows: doing that again does no harm.
                return Ok(Fate::NotDone);
            }
        }
        let at = conn.query("SELECT hash FROM journal WHERE pos = $1", &[&rows::int(flight.last_pos)])?;
        let ours = at.first().is_some_and(|row| last.is_some_and(|last| row.get::<_, &[u8]>(0) == last));
        if !ours || flight.last_pos < flight.first_pos {
            return Ok(Fate::Lost(overtaken()));
        }
        if found.is_empty() {
            head::confirm(conn)?;
        }
        Ok(Fate::Done)
    }
}

fn overtaken() -> StoreError {
    StoreError::Unavailable("another process has taken its turn meanwhile".into())
}
