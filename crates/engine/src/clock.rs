//! What time it is here: that of the machine, and in a sandbox so much later as somebody has moved it.
//! It is moved forward only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::plan::Plan;
use domain::time::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::intake::{Failure, Intake, Message};

/// A handle on the time of this installation.
#[derive(Clone)]
pub struct Clock {
    machine: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    shift_ms: Arc<AtomicI64>,
}

impl Clock {
    pub fn new(machine: impl Fn() -> Timestamp + Send + Sync + 'static, shift_ms: i64) -> Clock {
        Clock { machine: Arc::new(machine), shift_ms: Arc::new(shift_ms.into()) }
    }

    pub fn now(&self) -> Timestamp {
        let shift = SignedDuration::from_millis(self.shift_ms.load(Ordering::Acquire));
        let now = (self.machine)();
        now.checked_add(shift).unwrap_or(now)
    }

    /// By how much it would be shifted to say `to`.
    pub(crate) fn shift_for(&self, to: Timestamp) -> i64 {
        to.as_millisecond().saturating_sub((self.machine)().as_millisecond())
    }

    pub(crate) fn shift(&self, ms: i64) {
        self.shift_ms.store(ms, Ordering::Release);
    }
}

/// Where the clock is to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// So long, step by step, at the program's local time.
    Advance(Vec<Span>),
    /// To an instant, or to the program's local time.
    At(Timestamp),
    Local(DateTime),
}

impl Move {
    /// Reads `31 days`, `6 months + 1 day`.
    pub fn advance(text: &str) -> Option<Move> {
        text.split(" + ").map(Span::parse).collect::<Option<Vec<Span>>>().map(Move::Advance)
    }

    /// Reads an instant of RFC 3339, a local date or a local date-time.
    pub fn to(text: &str) -> Option<Move> {
        let instant = text.parse().ok().map(Move::At);
        let local = || text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(Into::into));
        instant.or_else(|| local().map(Move::Local))
    }

    pub(crate) fn end(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Move::At(at) => Some(*at),
            Move::Local(at) => at.to_zoned(zone.clone()).ok().map(|at| at.timestamp()),
            Move::Advance(spans) => {
                let now = now.to_zoned(zone.clone());
                Some(spans.iter().fold(now, |at, span| span.after(&at)).timestamp())
            }
        }
    }
}

/// The last year in which anything may be dated: what is due by then can be done in a time that somebody waits for.
pub(crate) const YEAR_MAX: i16 = 2999;

/// What came of moving the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Everything that was due by then has happened, in so many rows.
    To { now: Timestamp, rows: u64 },
    /// `now` never goes back.
    Back { now: Timestamp },
    /// After the year 2999 nothing is dated.
    Beyond,
    /// Only in a sandbox.
    Real,
    /// The name was used for another move.
    Another,
}

/// A move that is made once, however often it is asked for.
#[derive(Clone, Debug)]
pub struct Once {
    pub name: String,
    /// Digest of the request.
    pub words: [u8; 32],
}

pub(crate) struct Ask {
    pub by: Move,
    pub once: Option<Once>,
    pub reply: oneshot::Sender<Result<Moved, Failure>>,
}

pub struct PendingMove(oneshot::Receiver<Result<Moved, Failure>>);

impl PendingMove {
    pub async fn answer(self) -> Result<Moved, Failure> {
        self.0.await.unwrap_or(Err(Failure::Stopped))
    }
    pub fn wait(self) -> Result<Moved, Failure> {
        self.0.blocking_recv().unwrap_or(Err(Failure::Stopped))
    }
}

impl Intake {
    /// Moves the clock of a sandbox, and answers when everything that is due by then has happened.
    pub fn move_clock(&self, by: Move, once: Option<Once>) -> Result<PendingMove, Failure> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Message::Move(Ask { by, once, reply })).map_err(|_| Failure::Stopped)?;
        Ok(PendingMove(answer))
    }
}

/// The zone in which a program counts.
pub(crate) fn zone(plan: &Plan) -> &TimeZone {
    &plan.regions[0].zone
}
