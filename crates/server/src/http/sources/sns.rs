//! What SNS posts to `POST /v1/sources/{name}`: proved by Amazon's signature, for one topic alone. A subscription is
//! confirmed by itself. Of what is not signed, attributes, a vendor's topic is read and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::Uri;
use hyper::Method;
use serde::Deserialize;
use serde_json::json;
use wire::cloudevents::Reading;
use wire::signature::Refused;
use wire::signature::sns::{Posted, Proved};

use super::receive::{refuse, set_aside};
use crate::app::App;
use crate::http::body::answer;
use crate::http::events::post::shape_in_batch;
use crate::http::problem::{Answer, Problem};
use crate::outbound::Request;
use crate::sources::{Payload, Reader, Sns, Source};

const SUBSCRIBED: &str = "subscribed";

/// Attributes as SNS writes them.
#[derive(Deserialize)]
struct Beside {
    #[serde(rename = "MessageAttributes", default)]
    attributes: BTreeMap<Box<str>, Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "Value")]
    value: Box<str>,
}

pub async fn receive(app: &Arc<App>, name: &str, source: &Source, sns: &Sns, body: Bytes) -> Answer {
    let refused = |refused: Refused| refuse(app, name, refused, body.len());
    let posted = match Posted::read(&body, &sns.topic) {
        Ok(posted) => posted,
        Err(why) => return refused(why),
    };
    let certificate = certificate(app, sns, posted.certificate_url()).await?;
    match posted.prove(&sns.topic, &certificate) {
        Err(why) => refused(why),
        Ok(Proved::Notification(verified)) => {
            take(app, name, source, verified.body(), verified.message_id(), &body).await
        }
        Ok(Proved::Subscription { confirm_url }) => {
            fetch(app, &confirm_url).await?;
            app.metrics.webhook(name, SUBSCRIBED);
            tracing::info!(source = name, "the subscription of its topic was confirmed");
            Ok(answer(200, &json!({"outcomes": [], "note": SUBSCRIBED})))
        }
        Ok(Proved::Unsubscribed) => {
            tracing::warn!(source = name, "its topic was unsubscribed: nothing more comes");
            Ok(answer(200, &json!({"outcomes": [], "note": "unsubscribed"})))
        }
    }
}

async fn take(
    app: &Arc<App>,
    name: &str,
    source: &Source,
    body: &[u8],
    id: Option<&str>,
    posted: &[u8],
) -> Answer {
    let mut headers: Vec<(Box<str>, Box<str>)> =
        id.map(|id| ("message-id".into(), id.into())).into_iter().collect();
    if let Payload::Vendor(_) = source.payload
        && let Ok(beside) = serde_json::from_slice::<Beside>(posted)
    {
        headers.extend(beside.attributes.into_iter().map(|(name, one)| (name, one.value)));
    }
    let origin = format!("source:{name}");
    let reading = Reading { members: &app.ids, received: app.clock.now(), origin: &origin };
    let reader = Reader {
        source: name,
        payload: &source.payload,
        broker: connectors::Broker::Sns,
        body_bytes_max: app.bounds.body_bytes_max,
        reading,
    };
    let mut deliveries = Vec::new();
    let read = reader.one(&headers, body, &mut deliveries);
    let outcomes = app.intake.submit(deliveries)?.outcomes().await?;
    if let Err(bad) = read {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        return set_aside(app, name, false, headers, body, bad).await;
    }
    app.metrics.webhook(name, "taken");
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let shapes = outcomes.iter().map(|outcome| shape_in_batch(eyes, outcome));
    Ok(answer(200, &BTreeMap::from([("outcomes", shapes.collect::<Vec<_>>())])))
}

/// As it was fetched before, or now: one at a time, so that nobody makes us fetch many.
async fn certificate(app: &App, sns: &Sns, url: &str) -> Result<Bytes, Problem> {
    let mut kept = sns.certificate.lock().await;
    if let Some((of, certificate)) = &*kept
        && **of == *url
    {
        return Ok(certificate.clone());
    }
    let certificate = fetch(app, url).await?;
    *kept = Some((url.into(), certificate.clone()));
    Ok(certificate)
}

/// From Amazon: the address was held against the topic's own host. What fails now, SNS tries again.
async fn fetch(app: &App, url: &str) -> Result<Bytes, Problem> {
    let away = |why: String| {
        tracing::warn!(why, "Amazon does not answer");
        let detail = "Amazon, which proves it, does not answer: send it again";
        Problem::new(503, "certificate_unavailable", "Not now", detail).retry(5)
    };
    let uri: Uri = url.parse().map_err(|_| Problem::malformed("an address in it cannot be read"))?;
    let request = Request { method: Method::GET, uri, headers: Vec::new(), body: Bytes::new() };
    let got = app.deliveries.outbound.send(request).await.map_err(away)?;
    if got.status == 200 { Ok(got.body) } else { Err(away(format!("{}: {}", got.status, got.said))) }
}
