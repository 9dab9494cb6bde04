//! Senders: each has batches of orders, and tells each, word for word, to one process or the other until it is taken.
//! What was answered is noted with the instants, so that one can say when a process served again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::http::Client;
use testkit::rng::Rng;

pub const SOURCE: &str = "till";
pub const MEMBERS: i64 = 60;
/// Each process is the first choice of so many senders.
pub const SENDERS: usize = 3;

/// By whom the next batch of a sender was taken, and when it was first told to anybody.
struct Served {
    by: usize,
    begun: Instant,
    at: Instant,
}

#[derive(Default)]
pub struct Log {
    /// Acknowledged: id of the event, member, points.
    pub acked: BTreeMap<String, (i64, i64)>,
    served: Vec<Served>,
    /// The longest that one batch took from its first telling to its answer.
    pub longest: Duration,
    /// Told again.
    pub retries: u64,
    pub troubles: Vec<String>,
}

#[derive(Default)]
pub struct Load {
    log: Mutex<Log>,
    heard: Condvar,
    over: AtomicBool,
    next: AtomicU64,
}

impl Load {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Senders finish the batch that they have.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }
    pub fn begin(&self) {
        self.over.store(false, Ordering::Release);
        let mut log = self.log();
        (log.longest, log.retries) = (Duration::ZERO, 0);
        log.served.clear();
    }

    /// Until each of the processes took a batch that nobody had been told of before `since`: how long after it.
    pub fn serves_since(
        &self,
        since: Instant,
        processes: usize,
        most: Duration,
    ) -> Result<Vec<Duration>, String> {
        let mut log = self.log();
        loop {
            if let Some(trouble) = log.troubles.first() {
                return Err(trouble.clone());
            }
            let first = |by: usize| {
                let of = log.served.iter().filter(|one| one.by == by && one.begun >= since);
                of.map(|one| one.at - since).min()
            };
            let found: Vec<Duration> = (0..processes).map_while(first).collect();
            if found.len() == processes {
                return Ok(found);
            }
            let left = most.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(format!("after {most:?} not every process has taken anything"));
            }
            log = self.heard.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// One sender, until it is over and his last batch is taken. `clients`: his first choice is `home`.
    pub fn send(&self, mut clients: Vec<Client>, home: usize, mut rng: Rng) {
        while !self.over.load(Ordering::Acquire) {
            let orders: Vec<(String, i64, i64)> = (0..*rng.pick(&[1, 1, 3, 20]))
                .map(|_| {
                    let no = self.next.fetch_add(1, Ordering::Relaxed);
                    (format!("e{no}"), rng.between(1, MEMBERS), rng.between(1, 90))
                })
                .collect();
            let body = Value::Array(orders.iter().map(event).collect()).to_string();
            if let Err(why) = self.tell(&mut clients, home, &orders, &body) {
                self.log().troubles.push(why);
                self.heard.notify_all();
                return;
            }
        }
    }

    fn tell(
        &self,
        clients: &mut [Client],
        home: usize,
        orders: &[(String, i64, i64)],
        body: &str,
    ) -> Result<(), String> {
        let begun = Instant::now();
        for again in 0.. {
            let by = (home + again) % clients.len();
            let answer =
                clients[by].post("/v1/events", "application/cloudevents-batch+json", body.as_bytes());
            match answer {
                Ok(answer) if answer.status == 200 => {
                    self.note(Served { by, begun, at: Instant::now() }, orders, &answer.json())?;
                    self.heard.notify_all();
                    return Ok(());
                }
                Ok(answer) if answer.status != 503 => {
                    return Err(format!("{} {}", answer.status, answer.body));
                }
                _ if begun.elapsed() > Duration::from_secs(60) => {
                    return Err(format!("never taken: {answer:?}", answer = answer.map(|a| a.body)));
                }
                // How often a sender tries, not a wait for anything.
                _ => std::thread::park_timeout(Duration::from_millis(20)),
            }
            self.log().retries += 1;
        }
        Ok(())
    }

    fn note(&self, served: Served, orders: &[(String, i64, i64)], told: &Value) -> Result<(), String> {
        let outcomes = told.as_array().filter(|all| all.len() == orders.len());
        let outcomes =
            outcomes.ok_or_else(|| format!("{} events were answered with {told}", orders.len()))?;
        let mut log = self.log();
        for ((id, member, points), outcome) in orders.iter().zip(outcomes) {
            if outcome["id"] != **id || outcome["status"] != "applied" {
                return Err(format!("{id} was answered with {outcome}"));
            }
            log.acked.insert(id.clone(), (*member, *points));
        }
        log.longest = log.longest.max(served.at - served.begun);
        log.served.push(served);
        Ok(())
    }
}

fn event((id, member, points): &(String, i64, i64)) -> Value {
    let total = format!("{points}.00");
    json!({"specversion": "1.0", "id": id, "source": SOURCE, "type": "order.paid", "time": "2026-03-02T12:00:00Z",
        "subject": format!("pos:m{member}"),
        "data": {"id": id, "currency": "EUR", "total": total, "subtotal": total, "items": []}})
}
