//! The decider's thread: it takes everything that waits, decides it as one batch, hands the batch to the store and
//! goes on while that commits. Batches form by themselves; it rests until the next message or the next wake.
//!
//! The invariant: what is decided is built on what was decided before. When a commit fails, the snapshot and every
//! batch built on it are given up, and their submitters are told that they do not know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Instant;

use domain::batch::{self, Batch, Plans};
use domain::event::Input;
use domain::plan::Plan;
use domain::snapshot::{Snapshot, Want};
use store::{Raw, Store, StoreError, Write};
use tokio::sync::{oneshot, watch};

use crate::clock::{self, Clock};
use crate::due::{Moving, REST_MAX, whole};
use crate::intake::{Delivery, Failure, Message, Outcome, Queue, Reply};
use crate::publish::{self, Publish, Published};
use crate::waker::Wakes;
use crate::{Compile, Fatal, Versions};

/// Inputs of one batch; a submission is not split, so it may pass this by one submission.
pub const BATCH_MAX: usize = 2_048;
/// Members that are kept from batch to batch; one is below 1 KiB, so this is 100 MiB at most.
const CACHED_MEMBERS_MAX: usize = 100_000;

pub(crate) struct Decider {
    pub store: Store,
    pub plans: Plans,
    pub snapshot: Snapshot,
    pub versions: Versions,
    pub queue: Arc<Queue>,
    pub clock: Clock,
    pub fatal: Fatal,
    /// Set by the writer's thread when a commit fails.
    pub failed: Arc<AtomicBool>,
    /// None: what is due is left to another process.
    pub wakes: Option<Wakes>,
    /// Rows in which something due was done.
    pub woken: u64,
    /// Who waits until everything is done that is due since the clock was moved.
    pub moves: Vec<Moving>,
    /// Batches handed to the store and not yet answered.
    pub flying: Arc<AtomicUsize>,
    /// The store did not take a batch: nobody is woken before.
    pub rest_until: Option<Instant>,
    /// Told the newest row that is durable.
    pub committed: watch::Sender<u64>,
    /// Makes a plan of a version that another process has published.
    pub compile: Compile,
}

/// One submission and where its outcomes go.
struct Ask {
    count: usize,
    reply: oneshot::Sender<Reply>,
}

#[derive(Default)]
struct Gathered {
    asks: Vec<Ask>,
    inputs: Vec<Input>,
    raws: Vec<Option<Raw>>,
}

impl Gathered {
    fn add(&mut self, deliveries: Vec<Delivery>, reply: oneshot::Sender<Reply>) {
        self.asks.push(Ask { count: deliveries.len(), reply });
        for delivery in deliveries {
            self.inputs.push(delivery.input);
            self.raws.push(delivery.raw);
        }
    }
}

/// What follows a batch.
enum Then {
    Go,
    Publish(Box<Publish>),
    Move(clock::Ask),
    Stop,
}

/// Takes everything that waits, up to a publication or the end.
fn gather(first: Message, queue: &Receiver<Message>) -> (Gathered, Then) {
    let mut gathered = Gathered::default();
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Publish(publish) => return (gathered, Then::Publish(publish)),
            Message::Move(ask) => return (gathered, Then::Move(ask)),
            Message::Stop => return (gathered, Then::Stop),
            Message::Submit { deliveries, reply } => gathered.add(deliveries, reply),
        }
        next = if gathered.inputs.len() < BATCH_MAX { queue.try_recv().ok() } else { None };
    }
    (gathered, Then::Go)
}

impl Decider {
    /// Runs until it is told to stop or every handle on the intake is gone.
    pub fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let first = self.next(queue);
            let (gathered, then) = match first {
                Ok(first) => gather(first, queue),
                Err(RecvTimeoutError::Timeout) => (Gathered::default(), Then::Go),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !gathered.inputs.is_empty() {
                self.queue.leave(gathered.inputs.len());
            }
            self.look_on();
            self.decide(gathered);
            match then {
                Then::Go => {}
                Then::Publish(publish) => self.publish(*publish),
                Then::Move(ask) => self.move_clock(ask),
                Then::Stop => break,
            }
            self.answer_moves();
        }
    }

    /// The next message, or that the time has come for what is due. While nothing waits here, others may have their turn.
    fn next(&mut self, queue: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match queue.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {}
        }
        let rest = self.rest();
        if !self.is_due() {
            self.store.rest();
        }
        if rest.is_some_and(|rest| rest.is_zero()) {
            return Err(RecvTimeoutError::Timeout);
        }
        match rest {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(rest) => queue.recv_timeout(rest),
        }
    }

    fn decide(&mut self, gathered: Gathered) {
        self.forget_what_failed();
        let Gathered { asks, inputs, raws } = gathered;
        let started = Instant::now();
        let begun = self.begin(!inputs.is_empty());
        if inputs.is_empty()
            && let Err(error) = &begun
        {
            return self.try_later(error);
        }
        // As it is recorded, so that the same is due when it is decided again.
        let now = whole(self.clock.now());
        let wakes = if begun == Ok(true) { self.take_wakes(now) } else { Vec::new() };
        if inputs.is_empty() && wakes.is_empty() {
            return;
        }
        let store = &mut self.store;
        // A new snapshot first learns the next numbers and the newest time.
        let new = self.snapshot.next_pos == 0;
        let begun = begun.and_then(|_| if new { store.fetch(&mut self.snapshot, &[]) } else { Ok(()) });
        let now = now.max(self.snapshot.now);
        let decided = begun.and_then(|()| {
            let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| store.fetch(snapshot, wants);
            batch::process(&self.plans, &mut self.snapshot, &inputs, &wakes, now, &mut fetch)
        });
        let metrics = &self.queue.metrics;
        metrics.decide_seconds.observe(started.elapsed().as_secs_f64());
        metrics.batch_size.observe((inputs.len() + wakes.len()) as f64);
        match decided {
            Ok(batch) => {
                self.note_wakes(&batch, &wakes);
                if !batch.rows.is_empty() || !inputs.is_empty() {
                    self.commit(asks, inputs, raws, batch, now);
                }
            }
            Err(error) => {
                self.wake_later();
                self.give_up_snapshot();
                answer(asks, Err(failure(&error)));
                stop_if_it_must(&error, &self.fatal);
            }
        }
    }

    fn commit(
        &mut self,
        asks: Vec<Ask>,
        inputs: Vec<Input>,
        raws: Vec<Option<Raw>>,
        batch: Batch,
        now: jiff::Timestamp,
    ) {
        let outcomes = self.outcomes(&inputs, &batch);
        let due_ms = self.due_for_others(&batch);
        let write = Write { raws, due_ms, ..Write::of(&self.snapshot, batch, inputs, now.as_millisecond()) };
        let (queue, failed, fatal) = (self.queue.clone(), self.failed.clone(), self.fatal.clone());
        let (flying, told) = (self.flying.clone(), self.committed.clone());
        let newest = write.batch.rows.last().map(|row| row.pos);
        flying.fetch_add(1, Ordering::AcqRel);
        let started = Instant::now();
        let done = move |committed: Result<(), StoreError>| {
            queue.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
            match committed {
                Ok(()) => {
                    answer(asks, Ok(outcomes));
                    if let Some(newest) = newest {
                        tell(&told, newest);
                    }
                }
                Err(error) => {
                    failed.store(true, Ordering::Release);
                    queue.metrics.commit_failures.inc();
                    answer(asks, Err(failure(&error)));
                    stop_if_it_must(&error, &fatal);
                }
            }
            flying.fetch_sub(1, Ordering::AcqRel);
        };
        self.store.commit(write, Box::new(done));
        self.bound_snapshot();
    }

    fn outcomes(&self, inputs: &[Input], batch: &Batch) -> Vec<Outcome> {
        assert_eq!(inputs.len(), batch.answers.len(), "one answer for each input");
        self.queue.metrics.count(&batch.answers);
        inputs
            .iter()
            .zip(&batch.answers)
            .map(|(input, answer)| Outcome {
                source: input.event.source.clone(),
                id: input.event.id.clone(),
                time: input.event.time,
                pos: answer.pos,
                duplicate: answer.duplicate,
                conflict: answer.conflict,
                decision: answer.decision.clone(),
            })
            .collect()
    }

    /// As the batch leaves it; changing it later makes a copy as long as this one is on its way.
    fn publish(&mut self, publish: Publish) {
        let Publish { plan, json, origin, reply } = publish;
        let published = self.begin(true).and_then(|_| self.publish_now(plan, &json, &origin));
        if let Some(reply) = reply {
            // Nobody may be waiting any more; the version counts all the same.
            let _ = reply.send(published.as_ref().copied().map_err(failure));
        }
        if let Err(error) = published {
            stop_if_it_must(&error, &self.fatal);
        }
    }

    fn publish_now(&mut self, plan: Plan, json: &str, origin: &str) -> Result<Published, StoreError> {
        let judged = publish::judge(&self.plans.current, &plan);
        let Published::New { version } = judged else { return Ok(judged) };
        let now = whole(self.clock.now().max(self.snapshot.now));
        let plan = plan.published(now, &self.plans.current);
        let admin = self.store.admin();
        let newest = admin.program_version_add(version, plan.hash, json, origin, now.as_millisecond())?;
        if newest != version {
            return Ok(Published::Overtaken { version: newest });
        }
        self.take_plan(Arc::new(plan));
        Ok(judged)
    }

    pub(crate) fn take_plan(&mut self, plan: Arc<Plan>) {
        let before = std::mem::replace(&mut self.plans.current, plan.clone());
        if before.version > 0 {
            self.plans.older.push(before);
        }
        self.versions.add(plan);
        // Other things may be due now, and at other times.
        if let Some(wakes) = &mut self.wakes {
            wakes.look_again();
        }
    }

    fn forget_what_failed(&mut self) {
        if self.failed.swap(false, Ordering::AcqRel) {
            self.wake_later();
            self.give_up_snapshot();
        }
    }

    /// Nothing waits here and nothing was decided: others are caught up with after a while.
    fn try_later(&mut self, error: &StoreError) {
        self.rest_until = Some(Instant::now() + REST_MAX);
        self.give_up_snapshot();
        stop_if_it_must(error, &self.fatal);
    }

    fn give_up_snapshot(&mut self) {
        // `now` never goes back, whatever was lost.
        self.snapshot = Snapshot { now: self.snapshot.now, ..Snapshot::default() };
    }

    /// Rows go with every batch: they hold bodies, and the store answers from what is in flight.
    fn bound_snapshot(&mut self) {
        self.store.trim(&mut self.snapshot, CACHED_MEMBERS_MAX);
    }
}

pub(crate) fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Busy | StoreError::Unavailable(_) => Failure::Unavailable(error.to_string()),
        StoreError::Unknown(_) | StoreError::Corrupt(_) => Failure::Unknown(error.to_string()),
    }
}

/// It never goes back.
pub(crate) fn tell(committed: &watch::Sender<u64>, newest: u64) {
    committed.send_if_modified(|at| {
        let is_newer = *at < newest;
        *at = newest.max(*at);
        is_newer
    });
}

/// Whoever waited has been answered by then.
pub(crate) fn stop_if_it_must(error: &StoreError, fatal: &Fatal) {
    if error.must_stop() {
        tracing::error!(%error, "the store failed");
        fatal(&error.to_string());
    } else {
        tracing::warn!(%error, "a batch was not taken");
    }
}

/// Hands each submitter his part, in order.
fn answer(asks: Vec<Ask>, outcomes: Reply) {
    match outcomes {
        Ok(outcomes) => {
            let mut outcomes = outcomes.into_iter();
            for ask in asks {
                let part = outcomes.by_ref().take(ask.count).collect();
                // He may have hung up; his inputs are committed all the same.
                let _ = ask.reply.send(Ok(part));
            }
        }
        Err(failure) => {
            for ask in asks {
                let _ = ask.reply.send(Err(failure.clone()));
            }
        }
    }
}
