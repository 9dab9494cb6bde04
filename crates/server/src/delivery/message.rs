//! One message on its way: written, signed, posted.

use std::time::Duration;

use axum::body::Bytes;
use hyper::Uri;
use store::ChangeId;
use tokio::time::Instant;
use wire::signature::Secrets;

use super::clerk::{Clerk, Letter, Unwritten};
use super::outcome::{Outcome, Verdict};
use crate::feed::{Cursor, Told};
use crate::outbound::{Outbound, Request, SAID_CHARS_MAX};

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

pub const AGENT: &str = concat!("Fealty/", env!("CARGO_PKG_VERSION"));

/// A message that our own store could not be asked about waits so long.
const OWN_REST: Duration = Duration::from_secs(5);

/// How an endpoint is reached.
#[derive(Clone)]
pub struct Way {
    pub outbound: Outbound,
    /// None where its connector says it.
    pub uri: Option<Uri>,
}

impl Way {
    /// Writes, signs and posts.
    pub async fn send(self, clerk: Clerk, secrets: Secrets, at: jiff::Timestamp, message: Message) -> Tried {
        let began = Instant::now();
        let outcome = match clerk.write(&message.told, message.member, &message.id, message.change).await {
            Ok(Letter::Body(body)) => self.post(&secrets, at, &message.id, body).await,
            Ok(Letter::Request(request)) => self.ask(&clerk, request).await,
            // Our own trouble, not the endpoint's.
            Err(Unwritten::Store(error)) => {
                Outcome::without_answer(error.to_string(), Verdict::Wait(OWN_REST))
            }
            Err(Unwritten::Never(why)) => Outcome::without_answer(why, Verdict::Never),
        };
        Tried { message, at_ms: at.as_millisecond(), took: began.elapsed(), outcome }
    }

    async fn post(&self, secrets: &Secrets, at: jiff::Timestamp, id: &str, body: Bytes) -> Outcome {
        let Some(uri) = self.uri.clone() else {
            return Outcome::without_answer("the endpoint has no address", Verdict::Never);
        };
        let signed = wire::signature::sign(secrets, id, at, &body);
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", AGENT),
            ("webhook-id", &*signed.id),
            ("webhook-timestamp", &*signed.timestamp),
            ("webhook-signature", &*signed.signature),
        ];
        Outcome::of(self.outbound.post(uri, &headers, body).await)
    }

    /// Asks somebody's API.
    async fn ask(&self, clerk: &Clerk, request: Request) -> Outcome {
        let Some(order) = clerk.order() else {
            return Outcome::without_answer("the endpoint has no connector", Verdict::Never);
        };
        match self.outbound.send(request).await {
            Ok(answer) => {
                let verdict = order.judge.judge(&answer, jiff::Timestamp::now());
                // A secret at the edge of what is kept is cut out whole.
                let said = order.mask(&String::from_utf8_lossy(&answer.body));
                let said = said.chars().take(SAID_CHARS_MAX).collect::<String>().into();
                Outcome { status: Some(answer.status), said, verdict }
            }
            Err(why) => Outcome::without_answer(order.mask(&why), Verdict::Again),
        }
    }
}
