//! One message on its way: written, signed, posted.

use std::time::Duration;

use axum::body::Bytes;
use hyper::Uri;
use store::ChangeId;
use tokio::time::Instant;
use wire::signature::Secrets;

use super::clerk::{Clerk, Unwritten};
use super::outcome::{Outcome, Verdict};
use crate::feed::{Cursor, Told};
use crate::outbound::Outbound;

pub struct Message {
    pub change: ChangeId,
    pub member: Option<u64>,
    /// Attempts before this one that count.
    pub attempts: u32,
    /// It waits in the store.
    pub stored: bool,
    pub id: String,
    /// The change as the feed tells it.
    pub told: Bytes,
}

impl Message {
    pub fn new(told: &Told, stored: Option<u32>) -> Message {
        Message {
            change: (told.pos, told.n),
            member: told.member,
            attempts: stored.unwrap_or(0),
            stored: stored.is_some(),
            id: format!("msg_{}", told.cursor),
            told: Bytes::copy_from_slice(told.json.as_bytes()),
        }
    }

    /// As it is kept: it is read again when it is sent.
    pub fn bare(&self) -> Message {
        Message { id: String::new(), told: Bytes::new(), ..*self }
    }
}

/// What came of one attempt.
pub struct Tried {
    pub message: Message,
    pub at_ms: i64,
    pub took: Duration,
    pub outcome: Outcome,
}

/// A change taken from the feed: the place moves past it when it and all before it are done.
pub struct Slot {
    pub place: Cursor,
    pub change: Option<ChangeId>,
}

/// How an endpoint is reached.
#[derive(Clone)]
pub struct Way {
    pub outbound: Outbound,
    pub uri: Uri,
}

impl Way {
    /// Writes, signs and posts.
    pub async fn send(self, clerk: Clerk, secrets: Secrets, at: jiff::Timestamp, message: Message) -> Tried {
        let began = Instant::now();
        let outcome = match clerk.write(&message.told, message.member).await {
            Ok(body) => self.post(&secrets, at, &message.id, body).await,
            Err(Unwritten::Store(error)) => Outcome::without_answer(error.to_string(), Verdict::Again),
            Err(Unwritten::Never(why)) => Outcome::without_answer(why, Verdict::Never),
        };
        Tried { message, at_ms: at.as_millisecond(), took: began.elapsed(), outcome }
    }

    pub async fn post(&self, secrets: &Secrets, at: jiff::Timestamp, id: &str, body: Bytes) -> Outcome {
        let signed = wire::signature::sign(secrets, id, at, &body);
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", concat!("Fealty/", env!("CARGO_PKG_VERSION"))),
            ("webhook-id", &*signed.id),
            ("webhook-timestamp", &*signed.timestamp),
            ("webhook-signature", &*signed.signature),
        ];
        Outcome::of(self.outbound.post(self.uri.clone(), &headers, body).await)
    }
}
