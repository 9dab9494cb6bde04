//! A request that does something: read whole before its handler looks at it, then put through the door as an event of
//! Fealty's own under the source `fealty:api`. The event's id is the caller's idempotency key, so a retry finds the first
//! outcome by the same dedupe that guards every other event.
//!
//! A retry is known by its words, address and body as they came: whom its names mean may have changed since.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use domain::event::{API_SOURCE, Event, Input, MemberNo, Subject};
use domain::identity::Identity;
use domain::outcome::Status;
use engine::{Delivery, Once, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::body;
use super::problem::Problem;
use super::query::Name;
use crate::app::{App, Principal};

pub struct Act<T> {
    pub app: Arc<App>,
    /// Whom or what the address names; empty where it names nothing.
    pub name: String,
    /// What the body says.
    pub said: T,
    by: Arc<Principal>,
    key: String,
    /// The caller gave the key.
    named: bool,
    words: [u8; 32],
}

/// A request whose address says everything; its body is not looked at.
pub struct Bare(pub Act<()>);

/// One thing to be done.
pub struct Ask {
    pub kind: &'static str,
    /// None: it is about no member.
    pub subject: Option<Subject>,
    pub also: Vec<Identity>,
    /// The event's data, word for word, so that numbers stay exact.
    pub data: Vec<u8>,
    /// Where in the request the data stood, so that a pointer leads there.
    pub at: &'static str,
}

impl<T: DeserializeOwned + Send> FromRequest<Arc<App>> for Act<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Act<T>, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = body::read_json(&parts.headers, body, &app.bounds).await?;
        let said = body::parse(&bytes)?;
        Act::new(parts, app, said, &bytes).await
    }
}

impl FromRequest<Arc<App>> for Bare {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Bare, Problem> {
        let (parts, body): (Parts, Body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, app.bounds.body_bytes_max, &app.bounds).await?;
        Act::new(parts, app, (), &bytes).await.map(Bare)
    }
}

impl<T: Send> Act<T> {
    async fn new(mut parts: Parts, app: &Arc<App>, said: T, body: &[u8]) -> Result<Act<T>, Problem> {
        let by = parts.extensions.get::<Arc<Principal>>().cloned().ok_or_else(Problem::internal)?;
        let name = Name::if_any(&mut parts).await?;
        let key = idempotency_key(&parts.headers)?;
        let (named, key) = (key.is_some(), key.map_or_else(random, Ok)?);
        let mut hash = Sha256::new();
        for part in [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), body] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Ok(Act { app: app.clone(), name, said, by, key, named, words: hash.finalize().into() })
    }

    /// Does it to a member, with data of our own making.
    pub async fn put(
        &self,
        kind: &'static str,
        member: MemberNo,
        data: &impl Serialize,
    ) -> Result<Outcome, Problem> {
        let data = serde_json::to_vec(data).map_err(|_| Problem::internal())?;
        self.submit(Ask { kind, subject: Some(Subject::Member(member)), also: Vec::new(), data, at: "" })
            .await
    }

    pub async fn submit(&self, ask: Ask) -> Result<Outcome, Problem> {
        self.submit_all(vec![ask]).await?.pop().ok_or_else(Problem::internal)
    }

    /// Several at once, in order, under one key: all are let in or none. The first that is refused is told.
    pub async fn submit_all(&self, asks: Vec<Ask>) -> Result<Vec<Outcome>, Problem> {
        let at = asks.first().map_or("", |ask| ask.at);
        let deliveries = asks.into_iter().enumerate();
        let deliveries = deliveries.map(|(n, ask)| Delivery { input: self.input(n, ask), raw: None });
        let outcomes = self.app.intake.submit(deliveries.collect())?.outcomes().await?;
        if outcomes.iter().any(|outcome| outcome.conflict) {
            return Err(key_reused());
        }
        let refused = outcomes.iter().filter(|outcome| outcome.decision.status != Status::Applied);
        match refused.into_iter().find_map(|outcome| outcome.decision.reason.as_ref()) {
            Some(reason) => Err(Problem::refused(reason, at)),
            None => Ok(outcomes),
        }
    }

    /// What tells a retry, for what is no event.
    pub fn once(&self) -> Option<Once> {
        let name = format!("{}:{}", self.by.origin, self.key);
        self.named.then_some(Once { name, words: self.words })
    }

    /// Nothing of how it was asked is kept, not even as a digest, which could be guessed.
    pub fn without_words(self) -> Act<T> {
        Act { words: [0; 32], ..self }
    }

    /// The n-th of a request.
    fn input(&self, n: usize, ask: Ask) -> Input {
        let (origin, key) = (&self.by.origin, &self.key);
        let event = Event {
            source: API_SOURCE.into(),
            id: if n == 0 { format!("{origin}:{key}") } else { format!("{origin}:{key}#{n}") }.into(),
            kind: ask.kind.into(),
            subject: ask.subject,
            also: ask.also,
            // The time of asking is no part of what was asked.
            time: self.app.clock.now(),
            data: ask.data.into(),
        };
        Input { event: event.into(), body_hash: self.words, origin: origin.clone() }
    }
}

pub fn key_reused() -> Problem {
    let (title, detail) = (
        "This key was used for something else",
        "this Idempotency-Key came before with another request: take a new key for a new request",
    );
    Problem::new(422, "idempotency_key_reused", title, detail)
}

const KEY_BYTES_MAX: usize = 255;

/// A Structured-Field string in quotes, or the bare text.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let bad = |detail: &str| {
        Problem::new(400, "idempotency_key_invalid", "This Idempotency-Key cannot be used", detail)
    };
    if values.next().is_some() {
        return Err(bad("it was sent more than once"));
    }
    let text = value.to_str().map_err(|_| bad("it must be visible ASCII"))?.trim();
    let text = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or_else(|| bad("the closing quote is missing"))?,
        None => text,
    };
    if text.is_empty() || text.len() > KEY_BYTES_MAX {
        return Err(bad("it must hold 1 to 255 bytes"));
    }
    Ok(Some(text.to_owned()))
}

fn random() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Problem::internal())?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[test]
fn an_idempotency_key_is_read_quoted_or_bare() {
    let with = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", axum::http::HeaderValue::from_static(value));
        idempotency_key(&headers)
    };
    assert_eq!(with("abc").ok().flatten().as_deref(), Some("abc"));
    assert_eq!(with("\"a b\"").ok().flatten().as_deref(), Some("a b"));
    assert!(with("\"abc").is_err() && with("").is_err() && with("\"\"").is_err());
    assert!(idempotency_key(&HeaderMap::new()).is_ok_and(|key| key.is_none()));
}
