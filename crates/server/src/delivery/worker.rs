//! One endpoint's task: it takes changes from the feed and messages that are due, sends so many at once, and saves what
//! came of them together.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use store::{AttemptRow, ChangeId, DeliveryRow, Progress, StoreError};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::clerk::Clerk;
use super::message::{Message, Slot, Tried, Way};
use super::outcome::Verdict;
use super::schedule::{self, now_ms, until};
use super::{Deliveries, Endpoint, Signal};
use crate::feed::{Beside, Cursor, Live, Next, Told};

/// What came of attempts is saved together, at least so often.
const SAVE_EVERY: Duration = Duration::from_millis(200);
/// Where only its place has moved. After a crash so much is sent again, under the same ids.
const PLACE_EVERY: Duration = Duration::from_secs(2);
/// Changes that are taken from the feed before the oldest of them is done.
const AHEAD_MAX: usize = 512;
/// What is on its way is waited for so long when the endpoint is changed, and when the server stops.
const STOP_MAX: Duration = Duration::from_secs(2);
const CLOSE_MAX: Duration = Duration::from_secs(20);
/// Who asks to be asked again at once is asked after this.
const ASKED_MIN: Duration = Duration::from_secs(1);
/// In a longer rest nothing is kept in memory.
const REST_LONG: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);

pub async fn run(deliveries: Arc<Deliveries>, no: u64, signal: Signal) {
    loop {
        match Worker::open(&deliveries, no, signal.clone()).await {
            Ok(None) => return,
            Ok(Some(worker)) => match worker.work().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(endpoint = no, %error, "deliveries wait for the store"),
            },
            Err(error) => tracing::warn!(endpoint = no, %error, "deliveries wait for the store"),
        }
        tokio::time::sleep(RETRY).await;
        if *signal.stopped.borrow() || *deliveries.feed.closing().borrow() {
            return;
        }
    }
}

struct Worker {
    deliveries: Arc<Deliveries>,
    endpoint: Endpoint,
    way: Way,
    clerk: Clerk,
    feed: Beside,
    /// The server stops.
    closing: watch::Receiver<bool>,
    signal: Signal,
    /// From the feed, not sent yet.
    ahead: VecDeque<Message>,
    slots: VecDeque<Slot>,
    open: HashSet<ChangeId>,
    flying: JoinSet<Tried>,
    /// Members of whom a message is on its way, or waits: in order, the next one must wait.
    busy: HashSet<u64>,
    waiting: HashSet<u64>,
    progress: Progress,
    save_at: Option<Instant>,
    /// When the next stored message is due.
    due_at: Option<Instant>,
    failures: u32,
    failing_ms: Option<i64>,
    /// Nothing is sent before.
    rest_until: Instant,
    /// By its rate, nothing is sent before.
    next_send: Instant,
    dice: f64,
}

impl Worker {
    async fn open(
        deliveries: &Arc<Deliveries>,
        no: u64,
        signal: Signal,
    ) -> Result<Option<Worker>, StoreError> {
        let found =
            deliveries.read(move |reader| Ok((reader.endpoint_get(no)?, reader.delivery_members(no)?)));
        let (Some(row), members) = found.await? else { return Ok(None) };
        if row.off.is_some() {
            return Ok(None);
        }
        let endpoint = Endpoint::read(row)?;
        let Some(place) = Cursor::parse(&endpoint.row.place) else {
            return Err(StoreError::Corrupt(format!("endpoint {no} has no place")));
        };
        let uri = endpoint.settings.url.parse().ok();
        let place = if deliveries.feed.knows(place).await? {
            place
        } else {
            let end = deliveries.feed.end().await?;
            tracing::warn!(endpoint = no, "the data were restored: it goes on from the end of the feed");
            end
        };
        let Some(clerk) = clerk(deliveries, &endpoint).await? else { return Ok(None) };
        let way = Way { outbound: deliveries.outbound.clone(), uri };
        let live = Live::new(&deliveries.feed, place, None);
        let failing_ms = endpoint.row.failing_ms;
        let now = Instant::now();
        Ok(Some(Worker {
            deliveries: deliveries.clone(),
            endpoint,
            way,
            clerk,
            feed: Beside::new(live),
            closing: deliveries.feed.closing(),
            signal,
            ahead: VecDeque::new(),
            slots: VecDeque::new(),
            open: HashSet::new(),
            flying: JoinSet::new(),
            busy: HashSet::new(),
            waiting: members.into_iter().collect(),
            progress: Progress::default(),
            save_at: None,
            due_at: Some(now),
            failures: 0,
            failing_ms,
            rest_until: now,
            next_send: now,
            dice: 0.5,
        }))
    }

    /// Until the endpoint is switched off or the server stops.
    async fn work(mut self) -> Result<(), StoreError> {
        loop {
            if !self.renew().await? {
                return self.end(STOP_MAX).await;
            }
            self.send_ahead();
            let (now, room) = (Instant::now(), self.room());
            let may_pull = self.ahead.is_empty() && self.slots.len() < AHEAD_MAX;
            if may_pull {
                self.feed.begin();
            }
            let pause = self.rest_until.max(self.next_send);
            let waits = (room && !self.ahead.is_empty() && pause > now).then_some(pause);
            let due =
                self.due_at.filter(|_| room && self.ahead.is_empty()).map(|due| due.max(self.rest_until));
            let wake = [self.save_at, due, waits].into_iter().flatten().min();
            let step = tokio::select! {
                biased;
                Some(tried) = self.flying.join_next() => Step::Tried(tried),
                () = sleep_until(wake), if wake.is_some() => Step::Time,
                () = told(&mut self.signal.stopped) => Step::Stop,
                () = self.signal.again.notified() => Step::Again,
                () = told(&mut self.closing) => Step::Close,
                next = self.feed.next(), if self.feed.is_reading() => next?.map_or(Step::Close, Step::New),
            };
            match step {
                // One that panicked is sent again after the next start.
                Step::Tried(tried) => drop(tried.map(|tried| self.tried(tried))),
                Step::New((stretch, before)) => {
                    // A program is published while it waits.
                    if !self.renew().await? {
                        return self.end(STOP_MAX).await;
                    }
                    self.pull(&stretch.told, before, stretch.end).await?;
                }
                Step::Time => {}
                Step::Again => {
                    self.rest_until = Instant::now();
                    self.look().await?;
                }
                Step::Close => break,
                Step::Stop => return self.end(STOP_MAX).await,
            }
            if self.progress.off.is_some() || self.save_at.is_some_and(|at| at <= Instant::now()) {
                self.save().await?;
                if self.progress.off.is_some() {
                    return Ok(());
                }
            }
            let due = self.due_at.is_some_and(|due| due.max(self.rest_until) <= Instant::now());
            if due && self.room() && self.ahead.is_empty() {
                self.take_due().await?;
            }
        }
        self.end(CLOSE_MAX).await
    }

    /// Under the present version of the program; false where it does not fit it.
    async fn renew(&mut self) -> Result<bool, StoreError> {
        if self.clerk.is_stale() {
            let Some(clerk) = clerk(&self.deliveries, &self.endpoint).await? else { return Ok(false) };
            self.clerk = clerk;
        }
        Ok(true)
    }

    /// Those on their way get so much time; what is not known then is sent again.
    async fn end(mut self, wait: Duration) -> Result<(), StoreError> {
        let until = Instant::now() + wait;
        while let Ok(Some(tried)) = tokio::time::timeout_at(until, self.flying.join_next()).await {
            drop(tried.map(|tried| self.tried(tried)));
        }
        self.save().await
    }

    /// Whether another may be sent. One that fails is tried with one message at a time.
    fn room(&self) -> bool {
        let most = if self.failures > 0 { 1 } else { self.endpoint.settings.at_once as usize };
        self.flying.len() < most
    }

    async fn pull(&mut self, told: &[Told], before: Cursor, end: Cursor) -> Result<(), StoreError> {
        // What was told of someone who is erased is not kept.
        for erased in told.iter().filter(|told| &*told.kind == "member.erased") {
            let (his, others) = std::mem::take(&mut self.ahead)
                .into_iter()
                .partition::<VecDeque<Message>, _>(|message| message.member == erased.member);
            self.ahead = others;
            his.iter().for_each(|message| self.keep(message));
        }
        let new = told.iter().filter(|told| before.is_before(told.pos, told.n));
        for told in self.clerk.sift(new).await? {
            let Some(place) = Cursor::parse(&told.cursor) else { continue };
            let change = (told.pos, told.n);
            self.slots.push_back(Slot { place, change: Some(change) });
            self.open.insert(change);
            self.ahead.push_back(Message::new(told, None));
        }
        // Past what is not for it.
        self.slots.push_back(Slot { place: end, change: None });
        self.done();
        Ok(())
    }

    /// Sends as many as may be sent now.
    fn send_ahead(&mut self) {
        while self.room() && !self.ahead.is_empty() && self.rest_until.max(self.next_send) <= Instant::now() {
            let in_order = self.endpoint.settings.in_order;
            let free =
                |message: &Message, busy: &HashSet<u64>| !message.member.is_some_and(|no| busy.contains(&no));
            let at = self.ahead.iter().position(|message| !in_order || free(message, &self.busy));
            let Some(message) = at.and_then(|at| self.ahead.remove(at)) else { return };
            if in_order && !message.stored && message.member.is_some_and(|no| self.waiting.contains(&no)) {
                // Behind another one that waits; it is due when that is gone.
                self.keep(&message);
                continue;
            }
            self.send(message);
        }
    }

    fn send(&mut self, message: Message) {
        let gap = Duration::from_secs(1) / self.endpoint.settings.per_second;
        let now = Instant::now();
        // What was not used is not saved up, but for a moment.
        self.next_send = self.next_send.max(now.checked_sub(SAVE_EVERY).unwrap_or(now)) + gap;
        self.busy.extend(message.member);
        let at = jiff::Timestamp::now();
        let Some(secrets) = self.endpoint.keys.secrets(at.as_millisecond()) else { return };
        let (way, clerk) = (self.way.clone(), self.clerk.clone());
        self.flying.spawn(way.send(clerk, secrets, at, message));
    }

    fn tried(&mut self, tried: Tried) {
        let Tried { message, at_ms, took, outcome } = tried;
        if let Some(no) = message.member {
            self.busy.remove(&no);
        }
        let taken = outcome.is_taken();
        if !taken || message.stored || self.progress.attempts.is_empty() {
            let (change, took_ms, status) = (message.change, took.as_millis() as i64, outcome.status);
            let said = outcome.said;
            self.progress.attempts.push(AttemptRow { change, at_ms, took_ms, status, said, taken });
        }
        match outcome.verdict {
            Verdict::Taken => {
                (self.failures, self.failing_ms) = (0, None);
                if message.stored {
                    self.progress.taken.push(message.change);
                    // In order, the member's next one may wait for this.
                    let last = !self.ahead.iter().any(|next| next.stored && next.member == message.member);
                    let now = self.endpoint.settings.in_order && last;
                    self.save_by(if now { Duration::ZERO } else { SAVE_EVERY });
                }
            }
            // The message is to blame, not the endpoint.
            Verdict::Never => self.later(&Message { attempts: message.attempts + 1, ..message.bare() }, None),
            Verdict::Wait(asked) => {
                let asked = asked.clamp(ASKED_MIN, schedule::RETRY_AFTER_MAX);
                let now = self.not_taken();
                self.rest(asked);
                self.later(&message, Some(now + asked.as_millis() as i64));
            }
            Verdict::Gone => {
                self.progress.off = Some("gone");
                self.failed(&message);
            }
            Verdict::Again => self.failed(&message),
        }
        self.open.remove(&message.change);
        self.done();
    }

    /// Notes since when it takes nothing; what time it is.
    fn not_taken(&mut self) -> i64 {
        let now = now_ms();
        let since = *self.failing_ms.get_or_insert(now);
        if now - since > schedule::FAILING_MAX_MS && self.progress.off.is_none() {
            self.progress.off = Some("failing");
        }
        now
    }

    fn failed(&mut self, message: &Message) {
        let now = self.not_taken();
        self.dice = (self.dice * 997.0 + 0.137).fract();
        let attempts = message.attempts + 1;
        self.failures += 1;
        if let Some(rest) = schedule::rest(self.failures) {
            self.rest(rest);
        }
        let next_ms = schedule::wait(attempts, self.dice).map(|wait| now + wait.as_millis() as i64);
        self.later(&Message { attempts, ..message.bare() }, next_ms);
    }

    fn rest(&mut self, wait: Duration) {
        self.rest_until = self.rest_until.max(Instant::now() + wait);
        if wait >= REST_LONG {
            for message in std::mem::take(&mut self.ahead) {
                self.keep(&message);
            }
        }
    }

    /// It is read again when it is sent.
    fn keep(&mut self, message: &Message) {
        if !message.stored {
            self.later(message, Some(now_ms()));
        }
        self.open.remove(&message.change);
        self.done();
    }

    fn later(&mut self, message: &Message, next_ms: Option<i64>) {
        if self.endpoint.settings.in_order && next_ms.is_some() && message.stored {
            // Those behind it wait in the store as well.
            let Worker { ahead, open, .. } = self;
            ahead.retain(|next| {
                let behind = next.stored && next.member == message.member;
                if behind {
                    open.remove(&next.change);
                }
                !behind
            });
        }
        let Message { change, member, attempts, .. } = *message;
        self.progress.later.push(DeliveryRow { change, member, attempts, next_ms });
        self.save_by(SAVE_EVERY);
        self.waiting.extend(member.filter(|_| next_ms.is_some()));
    }

    /// The place moves as far as everything before it is done.
    fn done(&mut self) {
        while self
            .slots
            .front()
            .is_some_and(|slot| slot.change.is_none_or(|change| !self.open.contains(&change)))
        {
            if let Some(slot) = self.slots.pop_front() {
                self.progress.place = Some(slot.place.to_string());
            }
        }
        self.save_by(PLACE_EVERY);
    }

    fn save_by(&mut self, wait: Duration) {
        let by = Instant::now() + wait;
        self.save_at = Some(self.save_at.map_or(by, |at| at.min(by)));
    }

    async fn save(&mut self) -> Result<(), StoreError> {
        self.save_at = None;
        if self.progress.is_empty() {
            return Ok(());
        }
        let off = self.progress.off;
        let mut progress = std::mem::take(&mut self.progress);
        progress.failing_ms = self.failing_ms;
        let no = self.endpoint.row.no;
        let changed = !progress.later.is_empty() || !progress.taken.is_empty();
        self.deliveries.write(move |admin| admin.delivery_save(no, progress)).await?;
        if let Some(why) = off {
            tracing::warn!(endpoint = no, why, "the endpoint is switched off");
            self.progress.off = off;
        }
        if changed {
            self.look().await?;
        }
        Ok(())
    }

    /// What waits in the store.
    async fn look(&mut self) -> Result<(), StoreError> {
        let (no, in_order) = (self.endpoint.row.no, self.endpoint.settings.in_order);
        let next = self
            .deliveries
            .read(move |reader| Ok((reader.delivery_next(no, in_order)?, reader.delivery_members(no)?)));
        let (next, members) = next.await?;
        self.waiting = members.into_iter().collect();
        let now = now_ms();
        self.due_at = next.map(|next| Instant::now() + until(next, now));
        Ok(())
    }

    /// Messages that are due are sent before new ones.
    async fn take_due(&mut self) -> Result<(), StoreError> {
        // What came of attempts is stored first, or they would be due again.
        self.save().await?;
        let (no, in_order) = (self.endpoint.row.no, self.endpoint.settings.in_order);
        // Those that are on their way are due as well, until it is known what became of them.
        let limit = self.endpoint.settings.at_once as usize + self.open.len();
        let now = now_ms();
        let feed = self.deliveries.feed.clone();
        let (due, next) = self
            .deliveries
            .read(move |reader| {
                Ok((reader.delivery_due(no, now, in_order, limit)?, reader.delivery_next(no, in_order)?))
            })
            .await?;
        self.due_at = next.map(|next| Instant::now() + until(next, now).max(SAVE_EVERY));
        let mut ahead = Vec::new();
        for row in due {
            if self.open.contains(&row.change) {
                continue;
            }
            let stretch = feed.behind(row.change.0 - 1).await?;
            let told = stretch.told.iter().find(|told| (told.pos, told.n) == row.change);
            let Some(told) = told else {
                // Nothing of it is left to be told.
                self.progress.taken.push(row.change);
                self.save_by(SAVE_EVERY);
                continue;
            };
            self.open.insert(row.change);
            ahead.push(Message::new(told, Some(row.attempts)));
        }
        // Nothing was ahead: those of one member keep their order.
        self.ahead.extend(ahead);
        Ok(())
    }
}

/// What does not fit the program any more is switched off where it stands, so that nothing is lost or told wrongly.
pub async fn clerk(deliveries: &Arc<Deliveries>, endpoint: &Endpoint) -> Result<Option<Clerk>, StoreError> {
    let no = endpoint.row.no;
    let faults = match Clerk::new(deliveries, no, &endpoint.settings, &endpoint.hidden) {
        Ok(clerk) => return Ok(Some(clerk)),
        Err(faults) => faults,
    };
    tracing::warn!(endpoint = no, ?faults, "it does not fit the program any more, and is switched off");
    let failing_ms = endpoint.row.failing_ms;
    let progress = Progress { off: Some("unfit"), failing_ms, ..Progress::default() };
    deliveries.write(move |admin| admin.delivery_save(no, progress)).await?;
    Ok(None)
}

enum Step {
    Tried(Result<Tried, JoinError>),
    New(Next),
    Time,
    Again,
    Close,
    Stop,
}

async fn told(to_end: &mut watch::Receiver<bool>) {
    // An error: whoever would tell is gone.
    drop(to_end.wait_for(|end| *end).await);
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
