//! Other people's APIs on this machine: each takes what its vendor's documents say that it takes, refuses the rest in the
//! vendor's words, and bears so many requests as it says. It is our reading of the public documents: no vendor was asked.

pub mod braze;
pub mod hubspot;
pub mod klaviyo;
pub mod segment;
pub mod shopify;
pub mod slack;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::receiver::{Received, Receiver, Reply};

/// What was on its way before the vendor asked to wait may still come.
const ON_ITS_WAY: Duration = Duration::from_millis(150);

/// What came of one request.
pub enum Ruling {
    /// The answer, and what the vendor keeps; none if it knew it before.
    Taken(Reply, Option<Value>),
    Refused(Reply),
}

/// So many requests in a row; then it asks to wait.
pub struct Patience {
    pub burst: usize,
    pub wait: Duration,
    pub ask: fn(Duration) -> Reply,
}

#[derive(Default)]
struct Books {
    kept: Vec<Value>,
    refused: usize,
    asked_to_wait: usize,
    /// Came although it was asked to wait.
    impatient: usize,
    since_pause: usize,
    paused: Option<(Instant, Instant)>,
}

pub struct Vendor {
    pub receiver: Receiver,
    books: Shared,
}

type Shared = Arc<(Mutex<Books>, Condvar)>;

impl Vendor {
    /// `law` sees what came, and what is kept already.
    pub fn start(
        patience: Patience,
        law: impl Fn(&Received, &[Value]) -> Ruling + Send + Sync + 'static,
    ) -> Vendor {
        let books = Shared::default();
        let theirs = books.clone();
        let receiver = Receiver::start(move |received, _| {
            let mut books = lock(&theirs);
            if let Some((from, until)) = books.paused {
                let now = Instant::now();
                if now < until {
                    books.impatient += usize::from(now > from + ON_ITS_WAY);
                    return (patience.ask)(until - now);
                }
                (books.paused, books.since_pause) = (None, 0);
            }
            if books.since_pause == patience.burst {
                let now = Instant::now();
                books.paused = Some((now, now + patience.wait));
                books.asked_to_wait += 1;
                return (patience.ask)(patience.wait);
            }
            books.since_pause += 1;
            let reply = match law(received, &books.kept) {
                Ruling::Taken(reply, kept) => {
                    books.kept.extend(kept);
                    reply
                }
                Ruling::Refused(reply) => {
                    books.refused += 1;
                    reply
                }
            };
            theirs.1.notify_all();
            reply
        });
        Vendor { receiver, books }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.receiver.address)
    }
    pub fn kept(&self) -> Vec<Value> {
        lock(&self.books).kept.clone()
    }
    /// Waits until so much is kept.
    pub fn wait_kept(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(60);
        let mut books = lock(&self.books);
        while books.kept.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            let Books { kept, refused, asked_to_wait, .. } = &*books;
            assert!(
                !left.is_zero(),
                "{count}: kept {kept:?}, refused {refused}, asked to wait {asked_to_wait}"
            );
            books = self.books.1.wait_timeout(books, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        books.kept.clone()
    }
    pub fn refused(&self) -> usize {
        lock(&self.books).refused
    }
    pub fn asked_to_wait(&self) -> usize {
        lock(&self.books).asked_to_wait
    }
    pub fn impatient(&self) -> usize {
        lock(&self.books).impatient
    }
}

fn lock(books: &Shared) -> MutexGuard<'_, Books> {
    books.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds, not fewer than it takes.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// An object that holds nothing else, and all of these.
pub(crate) fn shaped<'v>(
    value: &'v Value,
    at: &str,
    may: &[&str],
    must: &[&str],
) -> Result<&'v serde_json::Map<String, Value>, String> {
    let map = value.as_object().ok_or_else(|| format!("{at} is no object"))?;
    if let Some(odd) = map.keys().find(|key| !may.contains(&key.as_str()) && !must.contains(&key.as_str())) {
        return Err(format!("{at}/{odd} is not a valid field"));
    }
    match must.iter().find(|key| map.get(**key).is_none_or(Value::is_null)) {
        Some(lacks) => Err(format!("{at}/{lacks} is required")),
        None => Ok(map),
    }
}

pub(crate) fn text<'v>(value: &'v Value, at: &str) -> Result<&'v str, String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("{at} must be a text that is not empty"))
}

pub(crate) fn time(value: &Value, at: &str) -> Result<(), String> {
    let time = text(value, at)?;
    time.parse::<jiff::Timestamp>().map(drop).map_err(|_| format!("{at} must be a time of ISO 8601"))
}

pub(crate) fn mail(value: &Value, at: &str) -> Result<(), String> {
    let mail = text(value, at)?;
    let fits = mail.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if fits { Ok(()) } else { Err(format!("{at} is no e-mail address")) }
}
