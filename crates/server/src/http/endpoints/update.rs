//! `PATCH /v1/endpoints/{endpoint}`: other settings, off and on. `DELETE`: it is forgotten, with what waits for it.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::create::settings;
use super::shape::{answer, check, find};
use crate::app::App;
use crate::http::body::{self, Json};
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;

#[derive(Deserialize)]
pub struct Change {
    /// Switched off it keeps its place and what waits; switched on it goes on from there.
    off: Option<bool>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name, Json(change): Json<Change>) -> Answer {
    let endpoint = find(&app, &name).await?;
    let Ok(Value::Object(mut all)) = serde_json::to_value(&endpoint.settings) else {
        return Err(Problem::internal());
    };
    for (key, value) in change.settings {
        match value {
            Value::Null => drop(all.remove(&key)),
            value => drop(all.insert(key, value)),
        }
    }
    let settings = settings(all)?;
    check(&settings)?;
    let off = match (change.off, endpoint.row.off.as_deref()) {
        (Some(true), _) => Some("off"),
        (Some(false), _) | (None, None) => None,
        (None, Some("gone")) => Some("gone"),
        (None, Some("failing")) => Some("failing"),
        (None, Some(_)) => Some("off"),
    };
    let json = serde_json::to_string(&settings).map_err(|_| Problem::internal())?;
    let no = endpoint.row.no;
    app.write(move |admin| admin.endpoint_change(no, json, off)).await?;
    app.deliveries.again(no).await;
    answer(&app, 200, &find(&app, &name).await?, None).await
}

pub async fn delete(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    let no = find(&app, &name).await?.row.no;
    app.write(move |admin| admin.endpoint_delete(no)).await?;
    app.deliveries.again(no).await;
    Ok(body::answer(200, &json!({"id": name, "deleted": true})))
}
