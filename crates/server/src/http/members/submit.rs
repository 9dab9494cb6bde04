//! What the API does to a member is an event under the source `fealty:api`; its id is the caller's idempotency key,
//! so a retry finds the first outcome by the same dedupe that guards every other event.

use std::sync::Arc;

use axum::http::HeaderMap;
use domain::event::{API_SOURCE, Event, Input, Subject};
use domain::identity::Identity;
use domain::outcome::Status;
use engine::{Delivery, Outcome};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::app::{App, Principal};
use crate::http::problem::Problem;

/// One thing to be done.
pub struct Ask {
    pub kind: &'static str,
    pub subject: Subject,
    pub also: Vec<Identity>,
    pub data: Value,
    /// Where in the request the data stood, so that a pointer leads there.
    pub at: &'static str,
}

const KEY_BYTES_MAX: usize = 255;

pub async fn submit(
    app: &Arc<App>,
    principal: &Principal,
    headers: &HeaderMap,
    ask: Ask,
) -> Result<Outcome, Problem> {
    let data = serde_json::to_vec(&ask.data).map_err(|_| Problem::internal())?;
    submit_raw(app, principal, headers, ask, data).await
}

/// With data word for word, so that numbers stay exact; those of `ask` are not looked at.
pub async fn submit_raw(
    app: &Arc<App>,
    principal: &Principal,
    headers: &HeaderMap,
    ask: Ask,
    data: Vec<u8>,
) -> Result<Outcome, Problem> {
    let key = match idempotency_key(headers)? {
        Some(key) => key,
        None => random()?,
    };
    let at = ask.at;
    let delivery = Delivery { input: input(app.clock.now(), principal, &key, ask, data), raw: None };
    let outcomes = app.intake.submit(vec![delivery])?.outcomes().await?;
    let outcome = outcomes.into_iter().next().ok_or_else(Problem::internal)?;
    if outcome.conflict {
        let detail = "this Idempotency-Key came before with another request";
        return Err(Problem::new(
            422,
            "idempotency_key_reused",
            "This key was used for something else",
            detail,
        ));
    }
    match &outcome.decision.reason {
        Some(reason) if outcome.decision.status != Status::Applied => Err(refusal(reason, at)),
        _ => Ok(outcome),
    }
}

/// A business "no", as a problem: 409 where it depends on what is there, 422 where a field is to blame.
pub fn refusal(reason: &domain::outcome::Reason, at: &str) -> Problem {
    use domain::codes::{IDENTITY_TAKEN, MEMBER_ALREADY_ENROLLED, MEMBER_UNKNOWN, POINTS_INSUFFICIENT};
    let status = match &*reason.code {
        IDENTITY_TAKEN | MEMBER_ALREADY_ENROLLED | POINTS_INSUFFICIENT => 409,
        MEMBER_UNKNOWN | domain::codes::REWARD_UNKNOWN | domain::codes::REDEMPTION_UNKNOWN => 404,
        _ if reason.pointer.is_some() => 422,
        _ => 409,
    };
    let mut problem = Problem::new(status, "refused", "It was refused", &*reason.message);
    problem.refusal = Some(reason.code.as_str().into());
    if let Some(pointer) = &reason.pointer {
        // The request is what became the event's data.
        let pointer = format!("{at}{}", pointer.strip_prefix("/data").unwrap_or(pointer));
        problem = problem.at(wire::problem::Fault::new(pointer, "refused", reason.message.clone()));
    }
    problem
}

fn input(now: jiff::Timestamp, principal: &Principal, key: &str, ask: Ask, data: Vec<u8>) -> Input {
    let subject = match &ask.subject {
        Subject::Member(no) => format!("member {no}"),
        Subject::Identity(identity) => identity.as_str().to_owned(),
    };
    // The time of asking is no part of what was asked.
    let mut hash = Sha256::new();
    for part in [ask.kind.as_bytes(), subject.as_bytes(), &data] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let event = Event {
        source: API_SOURCE.into(),
        id: format!("{}:{key}", principal.origin).into(),
        kind: ask.kind.into(),
        subject: Some(ask.subject),
        also: ask.also,
        time: now,
        data: data.into(),
    };
    Input { event: event.into(), body_hash: hash.finalize().into(), origin: principal.origin.clone() }
}

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
