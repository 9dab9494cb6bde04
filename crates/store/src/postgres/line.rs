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

use postgres::{AsyncMessage, Client, Connection, Error, Notification, Socket};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::connect::{Door, Use};
use super::error::store_error;
use super::tls::Stream;
use crate::StoreError;

/// So long an answer is waited for before somebody asks what the server is doing.
const SILENCE: Duration = Duration::from_secs(6);
/// So long it may work at one question.
const MOST: Duration = Duration::from_secs(35);
/// For the name of a host, an encrypted line and a password, on top of the time that a connection may take.
const GREETING: Duration = Duration::from_secs(1);
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
    what_for: Use,
}

/// What arrives, besides answers, is kept until somebody wants it.
struct Wire {
    connection: Connection<Socket, Stream>,
    heard: VecDeque<Notification>,
}

/// What the server does that does not answer.
const DOES: &str = "SELECT CASE WHEN state <> 'active' THEN 'idle' WHEN wait_event = 'SyncRep' THEN 'standby' ELSE 'work' END
    FROM pg_stat_activity WHERE pid = $1";

enum Doing {
    Work,
    /// It waits for a standby to have what was committed.
    Standby,
    /// It has answered, and this never arrived; or it is not there any more.
    Nothing,
}

impl Line {
    pub fn dial(door: &Door, what_for: Use) -> Result<Line, StoreError> {
        let mut line = Line::bare(door, what_for)?;
        let me = line.client().query_one("SELECT pg_backend_pid()", &[]);
        line.pid = line.wait(me)?.get(0);
        Ok(line)
    }

    fn bare(door: &Door, what_for: Use) -> Result<Line, StoreError> {
        let failed =
            |why: String| StoreError::Unavailable(format!("cannot connect to {}: {why}", door.address));
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.to_string()))?;
        let config = &door.address.config;
        let each = config.get_connect_timeout().copied().unwrap_or_default() + GREETING;
        let most = each * u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        let dialled = runtime.block_on(async { timeout(most, config.connect(door.tls.clone())).await });
        let why = match dialled {
            Ok(Ok((client, connection))) => {
                let wire = RefCell::new(Wire { connection, heard: VecDeque::new() });
                let (client, runtime) = (Some(client), Some(runtime));
                let (lost, door) = (Cell::new(false), door.clone());
                return Ok(Line { client, wire, runtime, lost, pid: 0, door, what_for });
            }
            Ok(Err(e)) => {
                std::error::Error::source(&e).map_or_else(|| e.to_string(), |why| format!("{e}: {why}"))
            }
            Err(_) => format!("nobody answers within {} s", most.as_secs()),
        };
        // Looking up the name of a host may take longer.
        runtime.shutdown_background();
        Err(failed(why))
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
        loop {
            let mut wire = self.wire.borrow_mut();
            let carried = poll_fn(|cx| match wire.carry(cx) {
                Err(e) => Poll::Ready(Err(e)),
                Ok(()) => ask.as_mut().poll(cx),
            });
            let answered = self.run(async { timeout(self.silence(), carried).await });
            let why = match answered {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(e)) => {
                    self.lost.set(e.as_db_error().is_none());
                    return Err(store_error(&e));
                }
                Err(_) => match self.doing() {
                    Doing::Work if begun.elapsed() < MOST || self.what_for == Use::Migrate => continue,
                    Doing::Standby if self.what_for == Use::Migrate => continue,
                    Doing::Work => "it works at it for too long",
                    Doing::Standby => "no standby has it yet",
                    Doing::Nothing => "the connection is silent",
                },
            };
            self.lost.set(true);
            let waited = begun.elapsed().as_secs();
            return Err(StoreError::Unavailable(format!(
                "the server has not answered for {waited} s: {why}"
            )));
        }
    }

    fn silence(&self) -> Duration {
        if self.pid == 0 { GREETING * 3 } else { SILENCE }
    }

    fn doing(&self) -> Doing {
        if self.pid == 0 {
            return Doing::Nothing;
        }
        let asked = Line::bare(&self.door, Use::Read).and_then(|other| {
            let row = other.wait(other.client().query_opt(DOES, &[&self.pid]))?;
            Ok(row.map(|row| row.get::<_, String>(0)))
        });
        match asked.ok().flatten().as_deref() {
            Some("work") => Doing::Work,
            Some("standby") => Doing::Standby,
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

impl Wire {
    /// Sends and receives what can be now. An error: it has ended.
    fn carry(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        loop {
            match self.connection.poll_message(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(told)))) => self.heard.push_back(told),
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
