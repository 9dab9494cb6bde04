//! One endpoint's task: it takes changes from the feed and messages that are due, sends so many at once, and saves what
//! came of them together.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use hyper::Uri;
use store::{AttemptRow, ChangeId, DeliveryRow, Progress, StoreError};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::{Deliveries, Endpoint, schedule};
use crate::feed::{Cursor, Filter, Live, Next, Told};
use crate::outbound::{Answer, Outbound};

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

pub async fn run(deliveries: Arc<Deliveries>, no: u64, stopped: watch::Receiver<bool>) {
    loop {
        match Worker::open(&deliveries, no, stopped.clone()).await {
            Ok(None) => return,
            Ok(Some(worker)) => match worker.work().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(endpoint = no, %error, "deliveries wait for the store"),
            },
            Err(error) => tracing::warn!(endpoint = no, %error, "deliveries wait for the store"),
        }
        tokio::time::sleep(RETRY).await;
        if *stopped.borrow() || *deliveries.feed.closing().borrow() {
            return;
        }
    }
}

/// A message on its way.
struct Message {
    change: ChangeId,
    member: Option<u64>,
    /// Attempts before this one that count.
    attempts: u32,
    /// It waits in the store.
    stored: bool,
    id: String,
    body: Bytes,
}

/// What came of one attempt.
struct Tried {
    message: Message,
    at_ms: i64,
    took: Duration,
    answer: Result<Answer, String>,
}

/// A change taken from the feed: the place moves past it when it and all before it are done.
struct Slot {
    place: Cursor,
    change: Option<ChangeId>,
}

struct Worker {
    deliveries: Arc<Deliveries>,
    endpoint: Endpoint,
    uri: Uri,
    filter: Filter,
    live: Live,
    /// The server stops.
    closing: watch::Receiver<bool>,
    /// It is started anew, or taken away.
    stopped: watch::Receiver<bool>,
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
        stopped: watch::Receiver<bool>,
    ) -> Result<Option<Worker>, StoreError> {
        let found =
            deliveries.read(move |reader| Ok((reader.endpoint_get(no)?, reader.delivery_members(no)?)));
        let (Some(row), members) = found.await? else { return Ok(None) };
        if row.off.is_some() {
            return Ok(None);
        }
        let endpoint = Endpoint::read(row)?;
        let (Ok(uri), Some(place)) = (endpoint.settings.url.parse(), Cursor::parse(&endpoint.row.place))
        else {
            return Err(StoreError::Corrupt(format!("endpoint {no} has no address or no place")));
        };
        let place = if deliveries.feed.knows(place).await? {
            place
        } else {
            let end = deliveries.feed.end().await?;
            tracing::warn!(endpoint = no, "the data were restored: it goes on from the end of the feed");
            end
        };
        let filter = Filter { types: endpoint.settings.types.clone(), member: None };
        let live = Live::new(&deliveries.feed, place, None);
        let failing_ms = endpoint.row.failing_ms;
        let now = Instant::now();
        Ok(Some(Worker {
            deliveries: deliveries.clone(),
            endpoint,
            uri,
            filter,
            live,
            closing: deliveries.feed.closing(),
            stopped,
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
            self.send_ahead();
            let (now, room) = (Instant::now(), self.room());
            let may_pull = room && self.ahead.is_empty() && self.slots.len() < AHEAD_MAX;
            let pause = self.rest_until.max(self.next_send);
            let waits = (room && !self.ahead.is_empty() && pause > now).then_some(pause);
            let due =
                self.due_at.filter(|_| room && self.ahead.is_empty()).map(|due| due.max(self.rest_until));
            let wake = [self.save_at, due, waits].into_iter().flatten().min();
            let step = tokio::select! {
                biased;
                Some(tried) = self.flying.join_next() => Step::Tried(tried),
                () = sleep_until(wake), if wake.is_some() => Step::Time,
                () = told(&mut self.stopped) => Step::Stop,
                () = told(&mut self.closing) => Step::Close,
                next = self.live.next(), if may_pull => next?.map_or(Step::Close, Step::New),
            };
            match step {
                // One that panicked is sent again after the next start.
                Step::Tried(tried) => drop(tried.map(|tried| self.tried(tried))),
                Step::New((stretch, before)) => self.pull(&stretch.told, before, stretch.end),
                Step::Time => {}
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

    fn pull(&mut self, told: &[Told], before: Cursor, end: Cursor) {
        // What was told of someone who is erased is not kept.
        for erased in told.iter().filter(|told| &*told.kind == "member.erased") {
            let (his, others) = std::mem::take(&mut self.ahead)
                .into_iter()
                .partition::<VecDeque<Message>, _>(|message| message.member == erased.member);
            self.ahead = others;
            his.iter().for_each(|message| self.keep(message));
        }
        for told in told.iter().filter(|told| before.is_before(told.pos, told.n) && self.filter.takes(told)) {
            let Some(place) = Cursor::parse(&told.cursor) else { continue };
            let change = (told.pos, told.n);
            self.slots.push_back(Slot { place, change: Some(change) });
            self.open.insert(change);
            self.ahead.push_back(message(told, None));
        }
        // Past what is not for it.
        self.slots.push_back(Slot { place: end, change: None });
        self.done();
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
        let (outbound, uri) = (self.deliveries.outbound.clone(), self.uri.clone());
        self.flying.spawn(async move {
            let began = Instant::now();
            let answer = post(&outbound, uri, &secrets, at, &message.id, message.body.clone()).await;
            Tried { message, at_ms: at.as_millisecond(), took: began.elapsed(), answer }
        });
    }

    fn tried(&mut self, tried: Tried) {
        let Tried { message, at_ms, took, answer } = tried;
        if let Some(no) = message.member {
            self.busy.remove(&no);
        }
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        let said = match &answer {
            Ok(answer) => answer.said.as_str().into(),
            Err(why) => why.as_str().into(),
        };
        if !taken || message.stored || self.progress.attempts.is_empty() {
            let took_ms = took.as_millis() as i64;
            self.progress.attempts.push(AttemptRow { change: message.change, at_ms, took_ms, status, said });
        }
        if taken {
            (self.failures, self.failing_ms) = (0, None);
            if message.stored {
                self.progress.taken.push(message.change);
                // In order, the member's next one waits for this.
                self.save_by(if self.endpoint.settings.in_order { Duration::ZERO } else { SAVE_EVERY });
            }
        } else {
            self.failed(&message, status, answer.ok().and_then(|answer| answer.retry_after));
        }
        self.open.remove(&message.change);
        self.done();
    }

    fn failed(&mut self, message: &Message, status: Option<u16>, retry_after: Option<Duration>) {
        let now = now_ms();
        let since = *self.failing_ms.get_or_insert(now);
        if status == Some(410) {
            self.progress.off = Some("gone");
        } else if now - since > schedule::FAILING_MAX_MS {
            self.progress.off = Some("failing");
        }
        // Asked to wait is not failed: it counts no attempt.
        let asked = retry_after.filter(|_| matches!(status, Some(429 | 503)));
        let asked = asked.map(|asked| asked.clamp(ASKED_MIN, schedule::RETRY_AFTER_MAX));
        self.dice = (self.dice * 997.0 + 0.137).fract();
        let (attempts, wait) = match asked {
            Some(asked) => (message.attempts, Some(asked)),
            None => (message.attempts + 1, schedule::wait(message.attempts + 1, self.dice)),
        };
        if let Some(asked) = asked {
            self.rest(asked);
        } else {
            self.failures += 1;
            if let Some(rest) = schedule::rest(self.failures) {
                self.rest(rest);
            }
        }
        let next_ms = wait.map(|wait| now + wait.as_millis() as i64);
        self.later(&Message { attempts, id: String::new(), body: Bytes::new(), ..*message }, next_ms);
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
        let in_order = self.endpoint.settings.in_order;
        let changed = !progress.later.is_empty() || !progress.taken.is_empty();
        self.deliveries.write(move |admin| admin.delivery_save(no, progress)).await?;
        if let Some(why) = off {
            tracing::warn!(endpoint = no, why, "the endpoint is switched off");
            self.progress.off = off;
        }
        if changed {
            let next = self
                .deliveries
                .read(move |reader| Ok((reader.delivery_next(no, in_order)?, reader.delivery_members(no)?)));
            let (next, members) = next.await?;
            self.waiting = members.into_iter().collect();
            let now = now_ms();
            self.due_at = next.map(|next| Instant::now() + until(next, now));
        }
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
            self.ahead.push_front(message(told, Some(row.attempts)));
        }
        Ok(())
    }
}

enum Step {
    Tried(Result<Tried, JoinError>),
    New(Next),
    Time,
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

fn message(told: &Told, stored: Option<u32>) -> Message {
    Message {
        change: (told.pos, told.n),
        member: told.member,
        attempts: stored.unwrap_or(0),
        stored: stored.is_some(),
        id: format!("msg_{}", told.cursor),
        body: Bytes::copy_from_slice(told.json.as_bytes()),
    }
}

/// Signs and posts one message.
pub async fn post(
    outbound: &Outbound,
    uri: Uri,
    secrets: &wire::signature::Secrets,
    at: jiff::Timestamp,
    id: &str,
    body: Bytes,
) -> Result<Answer, String> {
    let signed = wire::signature::sign(secrets, id, at, &body);
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", concat!("Fealty/", env!("CARGO_PKG_VERSION"))),
        ("webhook-id", &*signed.id),
        ("webhook-timestamp", &*signed.timestamp),
        ("webhook-signature", &*signed.signature),
    ];
    outbound.post(uri, &headers, body).await
}

/// Nothing where it has passed.
fn until(ms: i64, now: i64) -> Duration {
    Duration::from_millis(ms.saturating_sub(now).max(0).cast_unsigned())
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
