//! A line to the server: one connection, asked by one thread at a time, and how long its answers are waited for.
//!
//! Invariant: nobody waits for a server that says nothing. Whether it still works at a question, another connection finds
//! out; if it does not, or cannot be reached, this one is lost. A lost line stays lost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use postgres::error::Severity;
use postgres::{AsyncMessage, Client, Config, Connection, Error, Notification, Socket};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant as Moment, sleep, timeout};

use super::connect::{Door, Use};
use super::dial::{Reached, call, dial};
use super::error::store_error;
use super::tls::Stream;
use crate::StoreError;

/// So long nothing may move before somebody asks what the server is doing.
const SILENCE: Duration = Duration::from_secs(6);
/// So long it may work at one question.
const MOST: Duration = Duration::from_secs(35);
/// So long an answer is waited for of what the server does.
const BESIDE: Duration = Duration::from_secs(3);
/// So long a line that ends may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(50);

pub struct Line {
    // None: it has ended.
    client: Option<Client>,
    wire: RefCell<Wire>,
    runtime: Option<Runtime>,
    lost: Cell<bool>,
    /// Who it is at the server; 0: it is one that only asks what another does.
    pid: i32,
    door: Door,
    /// Exactly where it ends: one of several hosts, and one address.
    place: Config,
    what_for: Use,
}

/// What arrives, besides answers, is kept until somebody wants it.
struct Wire {
    connection: Connection<Socket, Stream>,
    heard: VecDeque<Notification>,
    /// With what the server went along with what was asked last.
    warned: Option<String>,
}

/// What the server does that does not answer.
const DOES: &str = "SELECT CASE WHEN state <> 'active' OR wait_event_type = 'Client' THEN 'idle' WHEN wait_event = 'SyncRep' THEN 'standby' ELSE 'work' END
    FROM pg_stat_activity WHERE pid = $1";

enum Doing {
    Work,
    /// It waits for a standby to have what was committed.
    Standby,
    /// It has answered, or waits for the rest of the question, and this never arrived; or it is not there any more.
    Nothing,
}

impl Line {
    pub fn dial(door: &Door, what_for: Use) -> Result<Line, StoreError> {
        let failed = |why| StoreError::Unavailable(format!("cannot connect to {}: {why}", door.address));
        let runtime = runtime().map_err(failed)?;
        let (place, reached) = match runtime.block_on(dial(door)) {
            Ok(found) => found,
            Err(why) => {
                // Looking up the name of a host may take longer.
                runtime.shutdown_background();
                return Err(failed(why));
            }
        };
        let mut line = Line::over(reached, runtime, door, place, what_for);
        let me = line.client().query_one("SELECT pg_backend_pid()", &[]);
        line.pid = line.wait(me)?.get(0);
        Ok(line)
    }

    fn over(
        (client, connection): Reached,
        runtime: Runtime,
        door: &Door,
        place: Config,
        what_for: Use,
    ) -> Line {
        let wire = RefCell::new(Wire { connection, heard: VecDeque::new(), warned: None });
        let (client, runtime) = (Some(client), Some(runtime));
        let (lost, door) = (Cell::new(false), door.clone());
        Line { client, wire, runtime, lost, pid: 0, door, place, what_for }
    }

    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("it ends when it is dropped")
    }

    /// The answer to a question that was put to `client`.
    pub fn wait<T>(&self, ask: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        if self.lost.get() {
            return Err(StoreError::Unavailable("the connection was lost".into()));
        }
        let (mut ask, begun) = (pin!(ask), Instant::now());
        let (mut patience, mut given_up) = (self.silence(), None);
        self.wire.borrow_mut().warned = None;
        loop {
            let mut wire = self.wire.borrow_mut();
            let mut ended = false;
            let carried = while_it_moves(patience, |cx| match wire.carry(cx) {
                Err(e) => {
                    ended = true;
                    Poll::Ready(Err(e))
                }
                Ok(()) => ask.as_mut().poll(cx),
            });
            if let Some(answered) = self.run(carried) {
                return answered.map_err(|e| {
                    self.lost.set(ended || is_the_end(&e));
                    store_error(&e)
                });
            }
            if let Some(why) = given_up {
                self.lost.set(true);
                let waited = begun.elapsed().as_secs();
                let why = format!("the server has not answered for {waited} s: {why}");
                return Err(StoreError::Unavailable(why));
            }
            given_up = Some(match self.doing() {
                Doing::Work if begun.elapsed() < MOST || self.what_for == Use::Migrate => continue,
                Doing::Standby if self.what_for == Use::Migrate => continue,
                Doing::Work => "it works at it for too long",
                Doing::Standby => {
                    "no standby has it yet: start it, or take it out of synchronous_standby_names and reload"
                }
                Doing::Nothing => "the connection is silent",
            });
            // For what has arrived meanwhile.
            patience = GOODBYE;
        }
    }

    /// With what the server went along with what was asked last, if with anything.
    pub fn warned(&self) -> Option<String> {
        self.wire.borrow_mut().warned.take()
    }

    fn silence(&self) -> Duration {
        if self.pid == 0 { BESIDE } else { SILENCE }
    }

    /// By another connection to the very same place. A server that lets nobody in works.
    fn doing(&self) -> Doing {
        let Some(runtime) = runtime().ok().filter(|_| self.pid != 0) else { return Doing::Nothing };
        let other = match runtime.block_on(call(&self.place, &self.door.tls)) {
            Ok(reached) => Line::over(reached, runtime, &self.door, self.place.clone(), Use::Read),
            Err(why) if why.works() => return Doing::Work,
            Err(_) => return Doing::Nothing,
        };
        let told = other.wait(other.client().query_opt(DOES, &[&self.pid]));
        match told.map(|row| row.map(|row| row.get::<_, String>(0))).as_ref().map(Option::as_deref) {
            Ok(Some("work")) => Doing::Work,
            Ok(Some("standby")) => Doing::Standby,
            Err(_) if !other.lost.get() => Doing::Work,
            _ => Doing::Nothing,
        }
    }

    /// Whether the server has not hung up, as far as is known here.
    pub fn is_open(&self) -> bool {
        if self.lost.get() {
            return false;
        }
        let mut wire = self.wire.borrow_mut();
        let looked = self.run(async {
            poll_fn(|cx| Poll::Ready(wire.carry(cx))).await?;
            // What has arrived meanwhile is noticed by the runtime.
            tokio::task::yield_now().await;
            poll_fn(|cx| Poll::Ready(wire.carry(cx))).await
        });
        self.lost.set(looked.is_err());
        looked.is_ok()
    }

    /// What others told, within so long.
    pub fn heard(&self, within: Duration) -> Result<Option<Notification>, StoreError> {
        if self.lost.get() {
            return Err(StoreError::Unavailable("the connection was lost".into()));
        }
        let mut wire = self.wire.borrow_mut();
        let next = poll_fn(|cx| match wire.carry(cx) {
            Err(e) => Poll::Ready(Err(e)),
            Ok(()) => wire.heard.pop_front().map_or(Poll::Pending, |heard| Poll::Ready(Ok(heard))),
        });
        match self.run(async { timeout(within, next).await }) {
            Ok(heard) => heard.map(Some).map_err(|e| {
                self.lost.set(true);
                store_error(&e)
            }),
            Err(_) => Ok(None),
        }
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it ends when it is dropped").block_on(work)
    }
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())
}

/// None: nothing has happened for so long.
async fn while_it_moves<T>(most: Duration, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let mut silence = pin!(sleep(most));
    poll_fn(|cx| {
        if silence.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        // Whatever else woke it is a sign of life.
        silence.as_mut().reset(Moment::now() + most);
        let _begun_anew = silence.as_mut().poll(cx);
        poll(cx).map(Some)
    })
    .await
}

/// The connection is gone, or is about to go.
fn is_the_end(e: &Error) -> bool {
    e.as_db_error().is_none_or(|db| matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)))
}

impl Wire {
    /// Sends and receives what can be now. An error: it has ended.
    fn carry(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        loop {
            match self.connection.poll_message(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(told)))) => self.heard.push_back(told),
                Poll::Ready(Some(Ok(AsyncMessage::Notice(said)))) => {
                    if said.parsed_severity() == Some(Severity::Warning) {
                        self.warned = Some(said.message().to_owned());
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(e))) => return Err(e),
                Poll::Ready(None) | Poll::Pending => return Ok(()),
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.client.take());
        let Some(runtime) = self.runtime.take() else { return };
        if !self.lost.get() {
            let mut connection = Pin::new(&mut self.wire.get_mut().connection);
            // It says goodbye, or is missed.
            let _gone = runtime.block_on(async { timeout(GOODBYE, connection.as_mut()).await });
        }
        runtime.shutdown_background();
    }
}
