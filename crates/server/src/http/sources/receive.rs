//! `POST /v1/sources/{name}`: a vendor's signed webhook. The signature is proved over the raw bytes before anything
//! reads them; what is not proved is counted and logged by its reason, never kept.
//!
//! A vendor is answered 200 whatever the rules made of it: he would only send the same again, and give up some day.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use domain::outcome::Reason;
use engine::Delivery;
use serde_json::json;
use store::{NewQuarantine, Raw};
use wire::headers::Headers;
use wire::signature::{self, Refused, Verified};
use wire::sources::{Bad, Decoded, Reading, Settings, Vendor, decode};

use crate::app::App;
use crate::http::body::{self, answer};
use crate::http::events::post::shape_in_batch;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;
use crate::http::shape::OutcomeShape;
use crate::sources::{Payload, Way};

pub async fn handle(
    State(app): State<Arc<App>>,
    Name(name): Name,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let named = app.sources.get(&name).filter(|source| !matches!(source.way, Way::Broker(_)));
    let named = named.ok_or_else(|| Problem::not_found("source"))?;
    let bytes = body::read_raw(request, app.bounds.body_bytes_max, &app.bounds).await?;
    let (source, settings) = match (&named.way, &named.payload) {
        (Way::Webhook(webhook), Payload::Vendor(settings)) => (webhook, settings),
        (Way::Sns(sns), _) => return super::sns::receive(&app, &name, named, sns, bytes).await,
        _ => return Err(Problem::not_found("source")),
    };
    let given = Headers::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let now = jiff::Timestamp::now();
    match signature::verify(&source.scheme, &given, bytes.to_vec().into(), &source.secrets, now) {
        Ok(verified) => take(&app, &name, settings, &verified, &headers, &given, app.clock.now()).await,
        Err(Refused::Ping) => {
            app.metrics.webhook(&name, "ping");
            Ok(answer(200, &json!({"outcomes": [], "note": "ping"})))
        }
        Err(refused) => refuse(&app, &name, refused, bytes.len()),
    }
}

/// Counted and logged by its reason, never kept.
pub fn refuse(app: &App, name: &str, refused: Refused, bytes: usize) -> Answer {
    app.metrics.webhook(name, refused.code());
    tracing::warn!(source = name, code = refused.code(), bytes, "a webhook was refused");
    Err(Problem::new(refused.status(), refused.code(), "This sender is not proved", refused.said()))
}

async fn take(
    app: &Arc<App>,
    name: &str,
    settings: &Settings,
    verified: &Verified,
    headers: &HeaderMap,
    given: &Headers,
    now: jiff::Timestamp,
) -> Answer {
    let origin = format!("source:{name}");
    let reading = Reading { members: &app.ids, received: now, origin: &origin };
    let kept = kept(headers);
    let decoded = match decode(settings, verified, given, reading) {
        Ok(decoded) => decoded,
        Err(bad) => {
            let is_ours = settings.vendor == Vendor::Standard;
            return set_aside(app, name, is_ours, kept, verified.body(), bad).await;
        }
    };
    let ignored = |d: &Decoded| {
        let ignored = d.ignored.as_ref()?;
        Some(Reason { code: ignored.code.into(), message: (&*ignored.message).into(), pointer: None })
    };
    let ignored: Vec<Option<Reason>> = decoded.iter().map(ignored).collect();
    let raw = || Raw { source: name.into(), headers: kept.clone(), body: verified.body().to_vec() };
    let deliveries = decoded.into_iter().map(|d| Delivery { input: d.input, raw: Some(raw()) }).collect();
    let outcomes = app.intake.submit(deliveries)?.outcomes().await?;
    app.metrics.webhook(name, "taken");
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let shapes = outcomes.iter().zip(&ignored).map(|(outcome, ignored)| {
        let shape = shape_in_batch(eyes, outcome);
        OutcomeShape { reason: ignored.as_ref().or(shape.reason), ..shape }
    });
    Ok(answer(200, &BTreeMap::from([("outcomes", shapes.collect::<Vec<_>>())])))
}

/// Signed, but not what its vendor documents: kept for a person. Senders of our own kind are told so.
pub async fn set_aside(
    app: &Arc<App>,
    name: &str,
    is_ours: bool,
    headers: Vec<(String, String)>,
    body: &[u8],
    bad: Bad,
) -> Answer {
    app.metrics.webhook(name, "quarantined");
    let code = bad.0.first().map_or("payload_unreadable", |fault| fault.code);
    tracing::warn!(source = name, code, bytes = body.len(), "a webhook was set aside");
    let reason = bad
        .0
        .iter()
        .map(|f| format!("{} {}: {}", f.code, f.pointer, f.detail))
        .collect::<Vec<_>>()
        .join("; ");
    let (admin, source_name, body) = (app.admin.clone(), name.to_owned(), Bytes::copy_from_slice(body));
    let at_ms = app.clock.now().as_millisecond();
    let put = move || {
        admin.quarantine_put(&NewQuarantine {
            at_ms,
            conflict: false,
            source: &source_name,
            event_id: None,
            pos: None,
            reason: &reason,
            headers: &headers,
            body: &body,
        })
    };
    tokio::task::spawn_blocking(put).await.map_err(|_| Problem::internal())??;
    if is_ours {
        let mut problem = Problem::new(
            422,
            "payload_unreadable",
            "This is no event",
            "it is kept in quarantine; see `errors`",
        );
        problem.errors = bad.0;
        return Err(problem);
    }
    Ok(answer(200, &json!({"outcomes": [], "note": "quarantined", "errors": bad.0})))
}

/// The headers that are kept with a webhook: all but those that could open a door elsewhere.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = ["authorization", "proxy-authorization", "cookie"];
    let kept = headers.iter().filter(|(name, _)| !secret.contains(&name.as_str()));
    kept.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

#[test]
fn passwords_of_proxies_are_not_kept() {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", axum::http::HeaderValue::from_static("Basic c2VjcmV0"));
    headers.insert("x-shopify-topic", axum::http::HeaderValue::from_static("orders/paid"));
    assert_eq!(kept(&headers), [("x-shopify-topic".to_owned(), "orders/paid".to_owned())]);
}
