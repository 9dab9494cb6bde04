//! `GET /v1/sources`: which may send, and which are read and how that goes. Secrets are counted, never shown.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::body::answer;
use crate::sources::Way;

pub async fn handle(State(app): State<Arc<App>>) -> Response {
    let program = app.versions.current().id.clone();
    let sources: Vec<Value> = app
        .sources
        .iter()
        .map(|(name, source)| {
            let mut told = match &source.way {
                Way::Webhook(webhook) => {
                    json!({"path": format!("/v1/sources/{name}"), "secrets": webhook.secret_count})
                }
                Way::Sns(sns) => {
                    json!({"path": format!("/v1/sources/{name}"), "from": sns.topic.arn()})
                }
                Way::Broker(broker) => {
                    let mut told = app.meters.of(name).told();
                    told["from"] = broker.shown.as_str().into();
                    told
                }
            };
            (told["name"], told["kind"], told["program"]) =
                (name.as_str().into(), source.kind.as_str().into(), json!(program));
            told
        })
        .collect();
    answer(200, &json!({ "sources": sources }))
}
