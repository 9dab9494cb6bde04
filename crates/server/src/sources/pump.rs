//! One source's task: it takes what a broker has, puts it through the door as one submission, and acknowledges it after
//! the commit. What cannot be read is set aside first, with where it came from, and acknowledged with the rest.
//!
//! Invariants: a message is acknowledged only when every event of it is durable, or it lies in quarantine. While the
//! door is closed nothing more is taken, and what was taken is held. What comes again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use connectors::{Arrival, Inlet, Way};
use engine::{Failure, SUBMISSION_MAX};
use store::NewQuarantine;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::meter::Meter;
use super::reading::{Read, Reader, kept};
use super::{Broker, Source, Way as Comes};
use crate::app::App;
use crate::outbound::{Guard, Outbound};

/// After a failure it is tried again, later and later.
const AGAIN: Duration = Duration::from_millis(250);
const AGAIN_MAX: Duration = Duration::from_secs(5);
/// The same while the door is closed.
const REST: Duration = Duration::from_millis(20);
const REST_MAX: Duration = Duration::from_secs(1);
/// Before a task that panicked is started anew.
const BROKEN_REST: Duration = Duration::from_secs(10);
/// How often it is asked what waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Something waits, and nothing has come for so long: the connection is made anew.
const SILENT_MAX: Duration = Duration::from_secs(15);

/// The tasks of all sources that are read.
pub struct Pumps(Vec<JoinHandle<()>>);

impl Pumps {
    /// Waits until what was taken is committed and acknowledged; the feed was closed before.
    pub async fn stop(self) {
        for task in self.0 {
            let _ = task.await;
        }
    }
}

pub fn start(app: &Arc<App>) -> Pumps {
    let named = app.sources.iter().filter(|(_, source)| matches!(source.way, Comes::Broker(_)));
    Pumps(named.map(|(name, _)| tokio::spawn(keep_up(app.clone(), name.clone()))).collect())
}

/// What panics is started anew after a rest.
async fn keep_up(app: Arc<App>, name: String) {
    let mut end = app.feed.closing();
    loop {
        let (again, of) = (app.clone(), name.clone());
        let work = async move {
            if let Some(Source { way: Comes::Broker(broker), .. }) = again.sources.get(&of) {
                Pump { app: &again, name: &of, broker, end: again.feed.closing() }.run().await;
            }
        };
        let Err(broken) = tokio::spawn(work).await else { return };
        tracing::error!(source = name, %broken, "a source's task broke; it is started anew");
        tokio::select! {
            _ = end.wait_for(|end| *end) => return,
            () = sleep(BROKEN_REST) => {}
        }
    }
}

struct Pump<'a> {
    app: &'a App,
    name: &'a str,
    broker: &'a Broker,
    /// The server stops.
    end: watch::Receiver<bool>,
}

impl Pump<'_> {
    fn meter(&self) -> Meter<'_> {
        self.app.meters.of(self.name)
    }

    fn ends(&self) -> bool {
        *self.end.borrow()
    }

    async fn run(mut self) {
        // Whoever writes the settings says where it is: no network is closed.
        let way: Way = Arc::new(Outbound::new(Guard::open()));
        let mut failures = 0;
        while !self.ends() {
            let mut end = self.end.clone();
            let opened = tokio::select! {
                _ = end.wait_for(|end| *end) => return,
                opened = Inlet::open(&self.broker.address, &way, self.broker.terms) => opened,
            };
            let why = match opened {
                Ok(mut inlet) => {
                    self.meter().connected(inlet.warning());
                    tracing::info!(source = self.name, from = self.broker.shown, "the source is read");
                    if let Some(warning) = inlet.warning() {
                        tracing::warn!(source = self.name, warning, "the source is read, but");
                    }
                    let worked = self.work(&mut inlet, &mut failures).await;
                    inlet.close().await;
                    match worked {
                        Ok(()) => return,
                        Err(why) => why,
                    }
                }
                Err(why) => why,
            };
            if self.meter().lost(&why) {
                tracing::warn!(source = self.name, why, "the source cannot be read; it is tried again");
            }
            failures += 1;
            tokio::select! {
                _ = end.wait_for(|end| *end) => return,
                () = sleep(later(AGAIN, failures, AGAIN_MAX)) => self.meter().reconnects(),
            }
        }
    }

    /// Until the server stops; an error is why the connection is of no use any more.
    async fn work(&mut self, inlet: &mut Inlet, failures: &mut u32) -> Result<(), String> {
        let mut came = Instant::now();
        let mut look = Instant::now();
        while !self.ends() {
            if look <= Instant::now() {
                self.look(inlet, came).await?;
                look = Instant::now() + LOOK_EVERY;
            }
            let taken = tokio::select! {
                _ = self.end.wait_for(|end| *end), if inlet.may_be_cut() => return Ok(()),
                taken = inlet.take(SUBMISSION_MAX) => taken?,
            };
            if taken.is_empty() {
                continue;
            }
            *failures = 0;
            self.meter().came(taken.iter().filter(|one| one.again).count());
            let aside = self.apply(inlet, &taken).await?;
            inlet.ack(&taken).await?;
            self.meter().taken(taken.len(), aside);
            came = Instant::now();
        }
        Ok(())
    }

    /// How much waits there; and whether it should have come.
    async fn look(&self, inlet: &mut Inlet, came: Instant) -> Result<(), String> {
        let Some(backlog) = inlet.backlog().await? else { return Ok(()) };
        self.meter().lag(backlog.messages);
        if backlog.is_due && came.elapsed() >= SILENT_MAX {
            let seconds = came.elapsed().as_secs();
            return Err(format!("{} messages wait, and none came for {seconds} s", backlog.messages));
        }
        Ok(())
    }

    /// Until all of them are durable or set aside: how many were set aside. Where not all fit through the door at once,
    /// half as many are tried.
    async fn apply(&self, inlet: &mut Inlet, all: &[Arrival]) -> Result<usize, String> {
        let (mut done, mut aside, mut size, mut failures) = (0, 0, all.len(), 0);
        let mut held = Instant::now();
        while done < all.len() {
            let part = &all[done..all.len().min(done + size)];
            let tried = self.holding(inlet, all, &mut held, self.put(part)).await?;
            match tried {
                Ok(poison) => {
                    (done, aside, failures) = (done + part.len(), aside + poison, 0);
                    self.meter().said(None);
                    continue;
                }
                Err(Failure::Stopped) => return Err("the engine is stopping".into()),
                Err(Failure::Full { .. }) => {
                    size = (part.len() / 2).max(1);
                    self.waits("the queue of events is full");
                }
                Err(Failure::Unavailable(why) | Failure::Unknown(why)) => self.waits(&why),
            }
            failures += 1;
            self.holding(inlet, all, &mut held, sleep(later(REST, failures, REST_MAX))).await?;
        }
        Ok(aside)
    }

    fn waits(&self, why: &str) {
        if self.meter().said(Some(why)) {
            tracing::warn!(source = self.name, why, "what the source brings waits");
        }
    }

    /// Does the work while the broker is told, as often as it wants, that its messages are not forgotten.
    async fn holding<T>(
        &self,
        inlet: &mut Inlet,
        all: &[Arrival],
        held: &mut Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, String> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = sleep_until(*held + inlet.hold_every()) => {
                    inlet.hold(all).await?;
                    *held = Instant::now();
                }
            }
        }
    }

    /// One submission: how many of the messages were set aside.
    async fn put(&self, part: &[Arrival]) -> Result<usize, Failure> {
        let Read { deliveries, poison } = self.read(part);
        for (no, reason) in &poison {
            self.set_aside(&part[*no], reason).await?;
        }
        self.app.intake.submit(deliveries)?.outcomes().await?;
        Ok(poison.len())
    }

    fn read(&self, part: &[Arrival]) -> Read {
        let Some(source) = self.app.sources.get(self.name) else { return Read::default() };
        let origin = format!("source:{}", self.name);
        let reading = wire::cloudevents::Reading {
            members: &self.app.ids,
            received: self.app.clock.now(),
            origin: &origin,
        };
        let reader = Reader {
            source: self.name,
            payload: &source.payload,
            broker: self.broker.address.broker,
            body_bytes_max: self.app.bounds.body_bytes_max,
            reading,
        };
        reader.read(part)
    }

    /// With where it came from. The same one is kept once, however often it comes.
    async fn set_aside(&self, arrival: &Arrival, reason: &str) -> Result<(), Failure> {
        tracing::warn!(source = self.name, message = &*arrival.name, reason, "a message was set aside");
        let place = [
            ("fealty-broker", self.broker.address.broker.name()),
            ("fealty-from", &*self.broker.shown),
            ("fealty-message", &*arrival.name),
        ];
        let place = place.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: Vec<_> = place.chain(kept(&arrival.headers)).collect();
        let (admin, source, reason) = (self.app.admin.clone(), self.name.to_owned(), reason.to_owned());
        // A body without a bound would not be.
        let body = arrival.body.slice(..arrival.body.len().min(self.app.bounds.body_bytes_max));
        let at_ms = self.app.clock.now().as_millisecond();
        let put = move || {
            admin.quarantine_put(&NewQuarantine {
                at_ms,
                conflict: false,
                source: &source,
                event_id: None,
                pos: None,
                reason: &reason,
                headers: &headers,
                body: &body,
            })
        };
        let unavailable = |why: String| Failure::Unavailable(why);
        let put = tokio::task::spawn_blocking(put).await.map_err(|broken| unavailable(broken.to_string()))?;
        put.map_err(|error| unavailable(error.to_string()))
    }
}

/// Doubled with each failure in a row.
fn later(first: Duration, failures: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most)
}
