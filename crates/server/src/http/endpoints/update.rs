//! `PATCH /v1/endpoints/{endpoint}`: other settings, off and on. `DELETE`: it is forgotten, with what waits for it.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Admin, EndpointWords, Reader};

use super::create::settings;
use super::shape::{self, answer, check, find, fits};
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
    let no = find(&app, &name).await?.row.no;
    let all = app.clone();
    let write = move |reader: &Reader, admin: &Admin| change.write(&all, no, reader, admin);
    app.deliveries.change(no, write).await?;
    answer(&app, 200, &find(&app, &name).await?, None).await
}

impl Change {
    fn write(self, app: &Arc<App>, no: u64, reader: &Reader, admin: &Admin) -> Result<(), Problem> {
        let row = reader.endpoint_get(no)?.ok_or_else(|| Problem::not_found("endpoint"))?;
        let endpoint = shape::read(row)?;
        let Ok(Value::Object(mut all)) = serde_json::to_value(&endpoint.settings) else {
            return Err(Problem::internal());
        };
        for (key, value) in self.settings {
            match value {
                Value::Null => drop(all.remove(&key)),
                value => drop(all.insert(key, value)),
            }
        }
        let mut settings = settings(all)?;
        // As it was shown: its secrets are those that it had.
        if settings.url == connectors::shown(&endpoint.settings.url) {
            settings.url.clone_from(&endpoint.settings.url);
        }
        let hidden = settings.hide(Some(&endpoint));
        check(&settings)?;
        fits(app, &settings, &hidden)?;
        let off = match (self.off, endpoint.row.off.as_deref()) {
            (Some(true), _) => Some("off"),
            (Some(false), _) | (None, None) => None,
            (None, Some("gone")) => Some("gone"),
            (None, Some("failing")) => Some("failing"),
            (None, Some("unfit")) => Some("unfit"),
            (None, Some(_)) => Some("off"),
        };
        let json = serde_json::to_string(&settings).map_err(|_| Problem::internal())?;
        let hidden = serde_json::to_string(&hidden).map_err(|_| Problem::internal())?;
        let words = EndpointWords { settings: json, hidden };
        admin.endpoint_change(no, words, off)?;
        Ok(())
    }
}

pub async fn delete(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    let no = find(&app, &name).await?.row.no;
    app.deliveries.change(no, move |_, admin| admin.endpoint_delete(no).map_err(Problem::from)).await?;
    Ok(body::answer(200, &json!({"id": name, "deleted": true})))
}
