//! `POST /v1/endpoints`: whoever is to be told of changes. Its secret is shown here, once.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Admin, EndpointRow, EndpointWords, Reader};

use super::shape::{self, answer, check, fits};
use crate::app::App;
use crate::delivery::connector::READY;
use crate::delivery::{Keys, Settings};
use crate::http::body::Json;
use crate::http::feed::asked::place;
use crate::http::problem::{Answer, Problem};

/// Endpoints of one installation.
const ENDPOINTS_MAX: usize = 100;

#[derive(Deserialize)]
pub struct NewEndpoint {
    /// From where it is told: `end` if it does not say.
    after: Option<String>,
    #[serde(flatten)]
    settings: Map<String, Value>,
}

pub async fn handle(State(app): State<Arc<App>>, Json(new): Json<NewEndpoint>) -> Answer {
    let mut settings = settings(with_bounds(new.settings))?;
    let hidden = settings.hide(None);
    check(&settings)?;
    fits(&app, &settings, &hidden)?;
    let from = place(&app, new.after.as_deref().unwrap_or("end")).await?;
    let keys = Keys::new().map_err(|_| Problem::internal())?;
    let json = serde_json::to_string(&settings).map_err(|_| Problem::internal())?;
    let hidden = serde_json::to_string(&hidden).map_err(|_| Problem::internal())?;
    let (words, secrets) = (EndpointWords { settings: json, hidden }, keys.json());
    let now = jiff::Timestamp::now().as_millisecond();
    let make = move |reader: &Reader, admin: &Admin| {
        let others = reader.endpoint_list()?;
        if others.len() >= ENDPOINTS_MAX {
            let detail = format!("there are {ENDPOINTS_MAX} endpoints: delete one first");
            return Err(Problem::new(409, "endpoints_full", "There are too many endpoints", detail));
        }
        // A retry of a request whose answer was lost would double every message.
        let same = |row: &&EndpointRow| *row.settings == *words.settings && *row.hidden == *words.hidden;
        if let Some(same) = others.iter().find(same) {
            let id = shape::id(same.no);
            let detail = format!(
                "{id} has the same settings: rotate its secret if you lost it, or give them another `description` to have two"
            );
            return Err(Problem::new(409, "endpoint_exists", "There is such an endpoint", detail));
        }
        Ok(admin.endpoint_create(words, secrets, from.to_string(), now)?)
    };
    let no = app.deliveries.make(make).await?;
    let endpoint = shape::find(&app, &shape::id(no)).await?;
    answer(&app, 201, &endpoint, Some(keys.newest())).await
}

/// What the vendor bears, where nothing else was said.
fn with_bounds(mut settings: Map<String, Value>) -> Map<String, Value> {
    let name = settings.get("connector").and_then(|connector| connector["name"].as_str());
    let Some(sheet) = name.and_then(|name| READY.get(name)) else { return settings };
    for (bound, most) in [("per_second", sheet.per_second), ("at_once", sheet.at_once)] {
        if let Some(most) = most {
            settings.entry(bound).or_insert(most.into());
        }
    }
    settings
}

/// Reads settings, naming the field that is wrong.
pub fn settings(map: Map<String, Value>) -> Result<Settings, Problem> {
    crate::http::body::parse(Value::Object(map).to_string().as_bytes())
}
