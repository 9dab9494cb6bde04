//! `POST /v1/endpoints/{endpoint}/secret`: a new secret, shown here once; the one before signs on beside it for a while.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use store::{Admin, Reader};

use super::shape::{self, answer, find};
use crate::app::App;
use crate::http::body::Json;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;

const OVERLAP_HOURS: u32 = 24;
const OVERLAP_HOURS_MAX: u32 = 24 * 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// So long both sign; 0: the old one is known to others, and signs no more.
    overlap_hours: Option<u32>,
}

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name, Json(rotation): Json<Rotation>) -> Answer {
    let hours = rotation.overlap_hours.unwrap_or(OVERLAP_HOURS);
    if hours > OVERLAP_HOURS_MAX {
        let detail = format!("a whole number of hours from 0 to {OVERLAP_HOURS_MAX}");
        return Err(Problem::field("value_invalid", "/overlap_hours", detail));
    }
    let no = find(&app, &name).await?.row.no;
    let rotate = move |reader: &Reader, admin: &Admin| {
        let row = reader.endpoint_get(no)?.ok_or_else(|| Problem::not_found("endpoint"))?;
        let mut endpoint = shape::read(row)?;
        let now = jiff::Timestamp::now().as_millisecond();
        endpoint.keys.rotate(now, now + i64::from(hours) * 3_600_000).map_err(|_| Problem::internal())?;
        admin.endpoint_secrets(no, endpoint.keys.json())?;
        Ok::<_, Problem>(endpoint)
    };
    let endpoint = app.deliveries.change(no, rotate).await?;
    answer(&app, 200, &endpoint, Some(endpoint.keys.newest())).await
}
