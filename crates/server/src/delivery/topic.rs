//! One topic's task: it takes changes from the feed, publishes a batch of them, waits until the broker has confirmed
//! each, and moves on. What fails is told again from the place, so nothing is skipped and nothing waits in the store.
//!
//! Invariants: the place moves only past what was confirmed. A member's change is published only when the one before it
//! was confirmed, so that they cannot change places, whatever the broker does.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use connectors::{Address, Message, Topic, Way};
use serde::Deserialize;
use store::{AttemptRow, ChangeId, DeliveryRow, Progress, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::clerk::{Clerk, Unwritten};
use super::outcome::{Outcome, Verdict};
use super::{Deliveries, Endpoint, schedule, worker};
use crate::feed::{Cursor, Live, Next, Told};

/// Changes that are published before the place moves.
const BATCH_MAX: usize = 512;
/// Stretches of the feed that are read before the place moves, though little of them may be for it.
const STRETCHES_MAX: usize = 16;
/// The place is stored so often. After a crash so much is sent again, under the same ids.
const SAVE_EVERY: Duration = Duration::from_millis(500);
/// A batch on its way is waited for so long when the endpoint is changed or the server stops.
const STOP_MAX: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_secs(1);

/// Goes on where it is no topic.
pub async fn run(deliveries: Arc<Deliveries>, no: u64, stopped: watch::Receiver<bool>) -> ControlFlow<()> {
    loop {
        let done = match Teller::open(&deliveries, no, stopped.clone()).await {
            Ok(ControlFlow::Continue(teller)) => teller.work().await,
            Ok(ControlFlow::Break(else_what)) => return else_what,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => return ControlFlow::Break(()),
            Err(error) => tracing::warn!(endpoint = no, %error, "the topic waits for the store"),
        }
        tokio::time::sleep(RETRY).await;
        if *stopped.borrow() || *deliveries.feed.closing().borrow() {
            return ControlFlow::Break(());
        }
    }
}

/// One message, over a connection of its own.
pub async fn test(
    deliveries: &Deliveries,
    address: &Address,
    clerk: &Clerk,
    message: &super::message::Message,
) -> Outcome {
    let body = match clerk.body(&message.told, message.member, &message.id, message.change).await {
        Ok(body) => body,
        Err(Unwritten::Store(error)) => return Outcome::without_answer(error.to_string(), Verdict::Again),
        Err(Unwritten::Never(why)) => return Outcome::without_answer(why, Verdict::Never),
    };
    let (kind, told) = ("endpoint.tested".into(), String::from_utf8_lossy(&message.told));
    let message = written(message.id.as_str().into(), kind, &told, body);
    let sent = async { Topic::open(address, &way(deliveries)).await?.send(&[message]).await };
    match sent.await {
        Ok(()) => Outcome::without_answer("confirmed", Verdict::Taken),
        Err(why) => Outcome::without_answer(why, Verdict::Again),
    }
}

fn way(deliveries: &Deliveries) -> Way {
    Arc::new(deliveries.outbound.clone())
}

struct Teller {
    deliveries: Arc<Deliveries>,
    no: u64,
    /// An error: this build lacks it.
    address: Result<Address, String>,
    endpoint: Endpoint,
    clerk: Clerk,
    /// Behind what was confirmed.
    place: Cursor,
    end: End,
    topic: Option<Topic>,
    progress: Progress,
    save_at: Option<Instant>,
    failures: u32,
    failing_ms: Option<i64>,
    /// Of a batch that failed, so many are told one by one: what is confirmed is not sent again with the one that is not.
    singly: usize,
}

/// Changes that are published together.
#[derive(Default)]
struct Batch {
    first: Option<ChangeId>,
    count: usize,
    /// The place behind it; none of what waited in the store.
    end: Option<Cursor>,
    old: Vec<ChangeId>,
    dead: Vec<(u64, u16, Option<u64>, String)>,
    /// Each holds a member at most once, and is confirmed before the next is sent.
    waves: Vec<Vec<Message>>,
    /// In which wave a member's next change goes.
    next: HashMap<Option<u64>, usize>,
}

impl Teller {
    /// Breaks where there is nothing to do here.
    async fn open(
        deliveries: &Arc<Deliveries>,
        no: u64,
        stopped: watch::Receiver<bool>,
    ) -> Result<ControlFlow<ControlFlow<()>, Teller>, StoreError> {
        let row = deliveries.read(move |reader| reader.endpoint_get(no)).await?;
        let Some(row) = row.filter(|row| row.off.is_none()) else {
            return Ok(ControlFlow::Break(ControlFlow::Break(())));
        };
        let endpoint = Endpoint::read(row)?;
        let Some(address) = Address::parse(&endpoint.settings.url) else {
            return Ok(ControlFlow::Break(ControlFlow::Continue(())));
        };
        let place = Cursor::parse(&endpoint.row.place)
            .ok_or_else(|| StoreError::Corrupt(format!("endpoint {no} has no place")))?;
        let place = if deliveries.feed.knows(place).await? {
            place
        } else {
            tracing::warn!(endpoint = no, "the data were restored: it goes on from the end of the feed");
            deliveries.feed.end().await?
        };
        let Some(clerk) = worker::clerk(deliveries, &endpoint).await? else {
            return Ok(ControlFlow::Break(ControlFlow::Break(())));
        };
        let failing_ms = endpoint.row.failing_ms;
        Ok(ControlFlow::Continue(Teller {
            deliveries: deliveries.clone(),
            no,
            address,
            endpoint,
            clerk,
            place,
            end: End { closing: deliveries.feed.closing(), stopped },
            topic: None,
            progress: Progress::default(),
            save_at: None,
            failures: 0,
            failing_ms,
            singly: usize::from(failing_ms.is_some()),
        }))
    }

    /// Until the endpoint is switched off or the server stops.
    async fn work(mut self) -> Result<(), StoreError> {
        let mut live = Live::new(&self.deliveries.feed, self.place, None);
        // Of a time when it was a webhook, and what is retried by hand.
        let mut old = true;
        loop {
            let step = match old && !self.end.is_reached() {
                true => Step::Old,
                false => self.next(&mut live).await?,
            };
            // Looked at when there is something to tell: a program is published while it waits.
            if self.clerk.is_stale() {
                match worker::clerk(&self.deliveries, &self.endpoint).await? {
                    Some(clerk) => self.clerk = clerk,
                    None => return self.save().await,
                }
            }
            let batch = match step {
                Step::Old => self.gather_old().await?,
                Step::New(next) => self.gather(&mut live, next).await?,
                Step::Save => {
                    self.save().await?;
                    continue;
                }
                Step::End => break,
            };
            let began = Instant::now();
            match self.tell(&batch).await {
                Some(Ok(())) => {
                    old &= !batch.old.is_empty();
                    self.told(batch).await?;
                }
                Some(Err(why)) => {
                    self.failed(&batch, began.elapsed(), why);
                    self.save().await?;
                    if self.progress.off.is_some() {
                        return Ok(());
                    }
                    // What it would have been told is read again, as it is then.
                    live = Live::new(&self.deliveries.feed, self.place, None);
                    tokio::select! {
                        () = self.end.reached() => break,
                        () = tokio::time::sleep(schedule::again(self.failures)) => {}
                    }
                }
                None => break,
            }
        }
        self.save().await
    }

    async fn next(&mut self, live: &mut Live) -> Result<Step, StoreError> {
        tokio::select! {
            biased;
            () = self.end.reached() => Ok(Step::End),
            () = sleep_until(self.save_at), if self.save_at.is_some() => Ok(Step::Save),
            next = live.next() => Ok(next?.map_or(Step::End, Step::New)),
        }
    }

    /// What there is now, up to a full batch, or as far as is read at once.
    async fn gather(&self, live: &mut Live, first: Next) -> Result<Batch, StoreError> {
        let (mut batch, mut next) = (Batch::default(), first);
        for _ in 1..STRETCHES_MAX {
            self.add(&mut batch, &next, live).await?;
            if batch.size() >= self.most() || self.end.is_reached() {
                return Ok(batch);
            }
            match live.look().await? {
                Some(more) => next = more,
                None => return Ok(batch),
            }
        }
        self.add(&mut batch, &next, live).await?;
        Ok(batch)
    }

    /// What is for it in a stretch. Of one by one, the next stretch begins behind the first.
    async fn add(&self, batch: &mut Batch, next: &Next, live: &mut Live) -> Result<(), StoreError> {
        let (stretch, before) = next;
        let new = stretch.told.iter().filter(|told| before.is_before(told.pos, told.n));
        for told in self.clerk.sift(new).await? {
            self.write(batch, told).await?;
            if self.singly > 0
                && let Some(end) = Cursor::parse(&told.cursor)
            {
                *live = Live::new(&self.deliveries.feed, end, None);
                batch.end = Some(end);
                return Ok(());
            }
        }
        batch.end = Some(stretch.end);
        Ok(())
    }

    fn most(&self) -> usize {
        if self.singly > 0 { 1 } else { BATCH_MAX }
    }

    /// What waits in the store, in the order of the feed.
    async fn gather_old(&self) -> Result<Batch, StoreError> {
        let (no, most, mut batch) = (self.no, self.most(), Batch::default());
        let rows = self.deliveries.read(move |reader| reader.delivery_list(no, false, (0, 0), most)).await?;
        for row in rows {
            let stretch = self.deliveries.feed.behind(row.change.0 - 1).await?;
            if let Some(told) = stretch.told.iter().find(|told| (told.pos, told.n) == row.change) {
                self.write(&mut batch, told).await?;
            }
            batch.old.push(row.change);
        }
        Ok(batch)
    }

    /// A message that can never be written is a dead letter.
    async fn write(&self, batch: &mut Batch, told: &Told) -> Result<(), StoreError> {
        let (change, id) = (Bytes::copy_from_slice(told.json.as_bytes()), format!("msg_{}", told.cursor));
        match self.clerk.body(&change, told.member, &id, (told.pos, told.n)).await {
            Ok(body) => batch.add(told, body),
            Err(Unwritten::Store(error)) => return Err(error),
            Err(Unwritten::Never(why)) => batch.dead.push((told.pos, told.n, told.member, why)),
        }
        Ok(())
    }

    /// None where it has to end before it is known.
    async fn tell(&mut self, batch: &Batch) -> Option<Result<(), String>> {
        let mut end = self.end.clone();
        let last = async {
            end.reached().await;
            tokio::time::sleep(STOP_MAX).await;
        };
        tokio::select! {
            sent = self.publish(batch) => Some(sent),
            () = last => None,
        }
    }

    async fn publish(&mut self, batch: &Batch) -> Result<(), String> {
        for wave in &batch.waves {
            // Given back when all is confirmed; a connection that failed is not used again.
            let mut topic = match self.topic.take() {
                Some(open) => open,
                None => {
                    let address = self.address.as_ref().map_err(String::clone)?;
                    Topic::open(address, &way(&self.deliveries)).await?
                }
            };
            topic.send(wave).await?;
            self.topic = Some(topic);
        }
        Ok(())
    }

    async fn told(&mut self, batch: Batch) -> Result<(), StoreError> {
        if let Some(end) = batch.end {
            self.place = end;
            self.progress.place = Some(end.to_string());
        }
        self.singly = self.singly.saturating_sub(batch.size());
        self.progress.taken.extend(batch.old);
        let at_ms = jiff::Timestamp::now().as_millisecond();
        for (pos, n, member, why) in batch.dead {
            let (change, said) = ((pos, n), why.into());
            self.progress.later.push(DeliveryRow { change, member, attempts: 1, next_ms: None });
            let attempt = AttemptRow { change, at_ms, took_ms: 0, status: None, said, taken: false };
            self.progress.attempts.push(attempt);
        }
        if batch.count > 0 && self.failing_ms.is_some() {
            tracing::info!(endpoint = self.no, "the topic is told again");
            (self.failures, self.failing_ms) = (0, None);
            self.save_at = Some(Instant::now());
        }
        self.save_at.get_or_insert_with(|| Instant::now() + SAVE_EVERY);
        // Or it would be found there again.
        if batch.end.is_none() { self.save().await } else { Ok(()) }
    }

    fn failed(&mut self, batch: &Batch, took: Duration, mut why: String) {
        if batch.count > 1 {
            self.singly = batch.size();
            why = format!("one of {} that were sent together: {why}", batch.count);
        }
        let now = jiff::Timestamp::now().as_millisecond();
        if self.failing_ms.is_none() {
            tracing::warn!(endpoint = self.no, why, "the topic cannot be told; it is tried again");
        }
        let since = *self.failing_ms.get_or_insert(now);
        self.failures += 1;
        if now - since > schedule::FAILING_MAX_MS {
            self.progress.off = Some("failing");
        }
        let Some(change) = batch.first else { return };
        let took_ms = took.as_millis() as i64;
        self.progress.attempts.push(AttemptRow {
            change,
            at_ms: now,
            took_ms,
            status: None,
            said: why.into(),
            taken: false,
        });
    }

    async fn save(&mut self) -> Result<(), StoreError> {
        self.save_at = None;
        let off = self.progress.off;
        let mut progress = std::mem::take(&mut self.progress);
        if progress.is_empty() {
            return Ok(());
        }
        progress.failing_ms = self.failing_ms;
        let no = self.no;
        self.deliveries.write(move |admin| admin.delivery_save(no, progress)).await?;
        if let Some(why) = off {
            tracing::warn!(endpoint = no, why, "the endpoint is switched off");
            self.progress.off = off;
        }
        Ok(())
    }
}

impl Batch {
    /// With those that are not published.
    fn size(&self) -> usize {
        self.count + self.dead.len()
    }

    fn add(&mut self, told: &Told, body: Bytes) {
        self.first.get_or_insert((told.pos, told.n));
        self.count += 1;
        let wave = self.next.entry(told.member).or_default();
        if self.waves.len() == *wave {
            self.waves.push(Vec::new());
        }
        self.waves[*wave].push(written(told.cursor.clone(), told.kind.clone(), &told.json, body));
        *wave += 1;
    }
}

fn written(id: Box<str>, kind: Box<str>, told: &str, body: Bytes) -> Message {
    /// What goes beside the body.
    #[derive(Deserialize)]
    struct Beside<'a> {
        #[serde(borrow)]
        member: Option<&'a str>,
        #[serde(borrow)]
        time: &'a str,
    }
    let beside: Beside<'_> = serde_json::from_str(told).expect("a change has a time");
    let member = beside.member.unwrap_or_default().into();
    Message { id, kind, member, time: beside.time.into(), body }
}

enum Step {
    /// There may be some of those that wait in the store.
    Old,
    New(Next),
    Save,
    End,
}

/// It is started anew or taken away, or the server stops.
#[derive(Clone)]
struct End {
    stopped: watch::Receiver<bool>,
    closing: watch::Receiver<bool>,
}

impl End {
    fn is_reached(&self) -> bool {
        *self.stopped.borrow() || *self.closing.borrow()
    }

    async fn reached(&mut self) {
        // An error: whoever would tell is gone.
        tokio::select! {
            _ = self.stopped.wait_for(|end| *end) => {}
            _ = self.closing.wait_for(|end| *end) => {}
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[test]
fn a_wave_holds_a_member_once_and_the_waves_keep_his_order() {
    let mut batch = Batch::default();
    for (n, member) in [Some(1), Some(2), Some(1), None, Some(1), Some(2), None].into_iter().enumerate() {
        let json = r#"{"member": null, "time": "2026-11-23T09:30:00Z"}"#.into();
        let cursor = format!("c{n}").into();
        batch.add(
            &Told { pos: 1, n: n as u16, member, kind: "points.earned".into(), cursor, json },
            Bytes::new(),
        );
    }
    let ids = |wave: &Vec<Message>| wave.iter().map(|one| one.id.to_string()).collect::<Vec<_>>();
    let waves: Vec<_> = batch.waves.iter().map(ids).collect();
    assert_eq!(waves, [vec!["c0", "c1", "c3"], vec!["c2", "c5", "c6"], vec!["c4"]]);
}
