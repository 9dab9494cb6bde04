//! The door: a bounded queue into the decider's thread, and what comes back out of it.
//!
//! Nothing is kept beyond the bound: a full queue is an answer (`Failure::Full`), never a growing buffer.
//! An outcome is handed out only after the commit that holds it is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use domain::event::Input;
use domain::outcome::Decision;
use store::Raw;
use tokio::sync::oneshot;

use crate::metrics::Metrics;
use crate::publish::Publish;

/// Inputs of one submission; larger ones are cut by `Intake::submit`, so that no batch grows far beyond its bound.
pub const SUBMISSION_MAX: usize = 1_024;

/// An input on its way in, with the webhook that brought it.
pub struct Delivery {
    pub input: Input,
    pub raw: Option<Raw>,
}

/// What became of one input.
#[derive(Clone)]
pub struct Outcome {
    pub source: Box<str>,
    pub id: Box<str>,
    /// When it happened.
    pub time: jiff::Timestamp,
    /// Row of the journal that holds it.
    pub pos: u64,
    pub duplicate: bool,
    /// Same name, other body: nothing changed; `decision` is that of the first.
    pub conflict: bool,
    pub decision: Arc<Decision>,
}

/// Why there is no outcome. All of them are settled by sending the same again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The queue is full: nothing happened. Try again after so many seconds.
    Full { retry_after: u32 },
    /// The store cannot take it now: nothing happened.
    Unavailable(String),
    /// The commit may or may not have happened.
    Unknown(String),
    /// The engine is stopping.
    Stopped,
}

pub type Reply = Result<Vec<Outcome>, Failure>;

pub(crate) enum Message {
    Submit { deliveries: Vec<Delivery>, reply: oneshot::Sender<Reply> },
    Publish(Box<Publish>),
    Move(crate::clock::Ask),
    Stop,
}

/// A cloneable handle on the queue.
#[derive(Clone)]
pub struct Intake {
    pub(crate) sender: Sender<Message>,
    pub(crate) queue: Arc<Queue>,
}

pub(crate) struct Queue {
    /// Inputs that were let in and not yet taken by the decider.
    pub waiting: AtomicUsize,
    pub waiting_max: usize,
    pub metrics: Metrics,
}

impl Queue {
    fn enter(&self, count: usize) -> bool {
        let before = self.waiting.fetch_add(count, Ordering::Relaxed);
        // A submission larger than the whole queue may enter an empty one.
        if before > 0 && before + count > self.waiting_max {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            self.metrics.queue_full.inc();
            return false;
        }
        self.metrics.queue_depth.inc_by(count as i64);
        true
    }
    pub(crate) fn leave(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.metrics.queue_depth.dec_by(count as i64);
    }
}

/// Outcomes to come, in the order of the deliveries.
pub struct Pending(Vec<oneshot::Receiver<Reply>>);

impl Pending {
    pub async fn outcomes(self) -> Reply {
        let mut all = Vec::new();
        for part in self.0 {
            all.append(&mut part.await.unwrap_or(Err(Failure::Stopped))?);
        }
        Ok(all)
    }
    /// For threads that may wait (the import).
    pub fn wait(self) -> Reply {
        let mut all = Vec::new();
        for part in self.0 {
            all.append(&mut part.blocking_recv().unwrap_or(Err(Failure::Stopped))?);
        }
        Ok(all)
    }
}

impl Intake {
    /// Lets all of them in or none. They are decided in this order, one after the other, nothing in between
    /// being promised.
    pub fn submit(&self, mut deliveries: Vec<Delivery>) -> Result<Pending, Failure> {
        if deliveries.is_empty() {
            return Ok(Pending(Vec::new()));
        }
        if !self.queue.enter(deliveries.len()) {
            return Err(Failure::Full { retry_after: 1 });
        }
        let mut parts = Vec::with_capacity(1);
        while !deliveries.is_empty() {
            let rest = deliveries.split_off(deliveries.len().min(SUBMISSION_MAX));
            let (reply, part) = oneshot::channel();
            self.sender.send(Message::Submit { deliveries, reply }).map_err(|_| Failure::Stopped)?;
            parts.push(part);
            deliveries = rest;
        }
        Ok(Pending(parts))
    }

    /// Inputs that wait to be decided.
    pub fn waiting(&self) -> usize {
        self.queue.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::Event;
    use std::sync::mpsc;

    fn deliveries(count: usize) -> Vec<Delivery> {
        let one = |n: usize| {
            let event = Event {
                source: "test".into(),
                id: n.to_string().into(),
                kind: "order.paid".into(),
                subject: None,
                also: Vec::new(),
                time: jiff::Timestamp::UNIX_EPOCH,
                data: Box::from(&b"{}"[..]),
            };
            Delivery {
                input: Input { event: event.into(), body_hash: [0; 32], origin: "test".into() },
                raw: None,
            }
        };
        (0..count).map(one).collect()
    }

    fn intake(waiting_max: usize) -> (Intake, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel();
        let queue = Queue { waiting: AtomicUsize::new(0), waiting_max, metrics: Metrics::default() };
        (Intake { sender, queue: Arc::new(queue) }, receiver)
    }

    #[test]
    fn a_full_queue_is_an_answer_and_nothing_of_the_refused_is_kept() {
        let (intake, receiver) = intake(10);
        assert!(intake.submit(deliveries(8)).is_ok());
        assert_eq!(intake.submit(deliveries(3)).err(), Some(Failure::Full { retry_after: 1 }));
        assert!(intake.submit(deliveries(2)).is_ok());
        assert_eq!((intake.waiting(), receiver.try_iter().count()), (10, 2));
        intake.queue.leave(10);
        // More than the whole queue may enter an empty one, or it could never be taken.
        assert!(intake.submit(deliveries(3_000)).is_ok());
        let sizes: Vec<usize> = receiver
            .try_iter()
            .map(
                |message| if let Message::Submit { deliveries, .. } = message { deliveries.len() } else { 0 },
            )
            .collect();
        assert_eq!(sizes, [SUBMISSION_MAX, SUBMISSION_MAX, 3_000 - 2 * SUBMISSION_MAX]);
        assert_eq!(intake.submit(deliveries(1)).err(), Some(Failure::Full { retry_after: 1 }));
    }

    #[test]
    fn nobody_waits_for_an_engine_that_is_gone() {
        let (intake, receiver) = intake(10);
        let pending = intake.submit(deliveries(1)).unwrap_or_else(|e| panic!("{e:?}"));
        drop(receiver);
        assert_eq!(pending.wait().err(), Some(Failure::Stopped));
        assert_eq!(intake.submit(deliveries(1)).err(), Some(Failure::Stopped));
    }
}
