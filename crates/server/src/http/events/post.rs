//! `POST /v1/events`: one CloudEvent, a batch, or NDJSON. The answer comes after the durable commit.
//!
//! One event that cannot be read is a problem (422); in a batch each stands for itself, and the answer has one
//! element for each event sent, in order.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use domain::event::Input;
use domain::outcome::{Reason, Status};
use engine::{Delivery, Outcome};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use wire::cloudevents::{self, Bad, Message, Reading};
use wire::headers::Headers;

use crate::app::{App, Principal};
use crate::http::body::{self, answer};
use crate::http::problem::{Answer, Problem};
use crate::http::shape::{Eyes, OutcomeShape};

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let kind = body::media_type(&headers);
    let many = kind.contains("batch") || kind.contains("ndjson") || kind == "application/jsonl";
    let bytes_max = if many { app.bounds.batch_bytes_max } else { app.bounds.body_bytes_max };
    let bytes = body::read(&headers, request, bytes_max, &app.bounds).await?;
    let names = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let reading = Reading { members: &app.ids, received: app.clock.now(), origin: &principal.origin };
    let message =
        cloudevents::read(&Headers::new(names), &bytes, reading).map_err(|bad| unreadable(&app, bad))?;
    let later = prefers_async(&headers);
    match message {
        Message::One(input) => one(&app, input, later).await,
        Message::Many(events) if events.len() > app.bounds.batch_events_max => Err(too_many(&app)),
        Message::Many(events) => batch(&app, events, later).await,
    }
}

async fn one(app: &Arc<App>, input: Input, later: bool) -> Answer {
    let outcomes = app.intake.submit(vec![Delivery { input, raw: None }])?.outcomes().await?;
    let outcome = outcomes.into_iter().next().ok_or_else(Problem::internal)?;
    if outcome.conflict {
        let detail = "an event with this source and id came before with other contents; nothing changed, this one is kept in quarantine";
        let plan = app.versions.current();
        return Err(Problem::new(409, "event_conflict", "The same event with other contents", detail)
            .with("first", &outcome_shape(app.eyes(&plan), &outcome)));
    }
    if later { accepted(&[outcome]) } else { Ok(outcome_answer(app, 200, &outcome)) }
}

async fn batch(app: &Arc<App>, events: Vec<Result<Input, Bad>>, later: bool) -> Answer {
    let mut inputs = Vec::with_capacity(events.len());
    let mut order = Vec::with_capacity(events.len());
    for event in events {
        match event {
            Ok(input) => {
                inputs.push(Delivery { input, raw: None });
                order.push(None);
            }
            Err(bad) => order.push(Some(bad)),
        }
    }
    if inputs.is_empty() && !order.is_empty() {
        let faults = order.into_iter().flatten().flat_map(|bad| bad.0).collect();
        return Err(unreadable(app, Bad(faults)));
    }
    let outcomes = app.intake.submit(inputs)?.outcomes().await?;
    if later {
        return accepted(&outcomes);
    }
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let mut outcomes = outcomes.iter();
    let mut shapes: Vec<Box<RawValue>> = Vec::with_capacity(order.len());
    for bad in &order {
        let raw = match bad {
            Some(bad) => to_raw_value(&refused_at_the_door(app, bad)),
            None => to_raw_value(&shape_in_batch(eyes, outcomes.next().ok_or_else(Problem::internal)?)),
        };
        shapes.push(raw.map_err(|_| Problem::internal())?);
    }
    Ok(answer(200, &shapes))
}

static CONFLICT: LazyLock<Reason> = LazyLock::new(|| Reason {
    code: "event_conflict".into(),
    message: "the same event came before with other contents".into(),
    pointer: None,
});

/// In a batch a contradiction cannot be a status of its own, so it is a refusal.
pub fn shape_in_batch<'a>(eyes: Eyes<'_>, outcome: &'a Outcome) -> OutcomeShape<'a> {
    let mut shape = outcome_shape(eyes, outcome);
    if outcome.conflict {
        (shape.status, shape.effects, shape.refusal) = (Status::Refused, Vec::new(), Some(&*CONFLICT));
    }
    shape
}

pub fn outcome_shape<'a>(eyes: Eyes<'_>, outcome: &'a Outcome) -> OutcomeShape<'a> {
    OutcomeShape::new(
        eyes,
        (&outcome.source, &outcome.id),
        outcome.time,
        &outcome.decision,
        outcome.duplicate,
    )
}

pub fn outcome_answer(app: &App, status: u16, outcome: &Outcome) -> Response {
    let plan = app.versions.current();
    answer(status, &outcome_shape(app.eyes(&plan), outcome))
}

fn refused_at_the_door(app: &App, bad: &Bad) -> serde_json::Value {
    let first = bad.0.first();
    let reason = Reason {
        code: first.map_or("event_unreadable", |f| f.code).into(),
        message: first.map_or_else(|| "it cannot be read".into(), |f| (&*f.detail).into()),
        pointer: first.map(|f| (&*f.pointer).into()),
    };
    json!({"source": "", "id": "", "status": "refused", "duplicate": false, "member": null,
        "program_version": app.versions.current().version, "effects": [], "refusal": reason, "errors": bad.0})
}

fn too_many(app: &App) -> Problem {
    let most = app.bounds.batch_events_max.min(cloudevents::EVENTS_MAX);
    let detail = format!("a batch may hold {most} events: send the rest in another");
    Problem::new(413, "batch_too_large", "The batch is too large", detail)
}

/// Nothing was taken: each mistake with its pointer.
fn unreadable(app: &App, bad: Bad) -> Problem {
    let code = bad.0.first().map_or("", |fault| fault.code);
    let mut problem = match code {
        "content_type_unsupported" | "charset_unsupported" if bad.0.iter().all(|f| f.pointer.is_empty()) => {
            Problem::media_type(bad.0[0].detail.to_string())
        }
        "json_invalid" => Problem::new(400, "json_invalid", "This is no JSON", "the body cannot be read"),
        "batch_too_large" => too_many(app),
        _ => Problem::new(422, "event_invalid", "This is no valid CloudEvent", "see `errors`"),
    };
    problem.errors = bad.0;
    problem
}

fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|v| v.to_str().ok());
    values
        .flat_map(|v| v.split(','))
        .any(|p| p.split(';').next().is_some_and(|p| p.trim().eq_ignore_ascii_case("respond-async")))
}

/// 202 after the same durable commit, with the address where the outcome is.
fn accepted(outcomes: &[Outcome]) -> Answer {
    let events: Vec<_> = outcomes.iter().map(|o| json!({"source": o.source, "id": o.id})).collect();
    let mut response = answer(202, &json!({"status": "accepted", "events": events}));
    let headers = response.headers_mut();
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    if let [only] = outcomes {
        let location = format!("/v1/events/{}?source={}", escape(&only.id), escape(&only.source));
        if let Ok(location) = HeaderValue::from_str(&location) {
            headers.insert("location", location);
        }
    }
    Ok(response)
}

/// Percent-encodes for a path segment or a query value.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}
