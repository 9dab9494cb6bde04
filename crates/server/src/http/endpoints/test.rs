//! `POST /v1/endpoints/{endpoint}/test`: one message of type `endpoint.tested`, now, signed as all others; what it answered.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use hyper::Uri;
use serde_json::json;

use super::shape::{check, find};
use crate::app::App;
use crate::delivery;
use crate::http::body;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    let endpoint = find(&app, &name).await?;
    let uri: Uri = check(&endpoint.settings)?;
    let now = jiff::Timestamp::now();
    let secrets = endpoint.keys.secrets(now.as_millisecond()).ok_or_else(Problem::internal)?;
    let id = format!("msg_test_{}", now.as_millisecond());
    let message = json!({"cursor": endpoint.row.place, "type": "endpoint.tested", "member": null, "member_seq": 0,
        "time": now, "data": {"endpoint": name}, "event": null});
    let sent =
        delivery::post(&app.deliveries.outbound, uri, &secrets, now, &id, Bytes::from(message.to_string()));
    let told = match sent.await {
        Ok(answer) => {
            let taken = (200..300).contains(&answer.status);
            json!({"taken": taken, "status": answer.status, "said": answer.said})
        }
        Err(why) => json!({"taken": false, "status": null, "said": why}),
    };
    Ok(body::answer(200, &told))
}
