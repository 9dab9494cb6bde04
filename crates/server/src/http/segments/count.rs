//! `GET /v1/segments/{segment}`: the segment, and how many belong to it. Each member is asked, so one answer counts no
//! more than `members::LOOK_MAX` of them; `next` goes on from there.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::members::{known, look};
use crate::app::App;
use crate::http::body;
use crate::http::page::{Paging, encode};
use crate::http::problem::Problem;
use crate::http::query::Name;

pub async fn handle(
    State(app): State<Arc<App>>,
    Name(segment): Name,
    paging: Paging,
) -> Result<Response, Problem> {
    let plan = app.versions.current();
    let told = known(&plan, &segment)?;
    let found = look(&app, &plan, &segment, paging.cursor, usize::MAX).await?;
    let mut answer = json!({
        "id": &*told.id,
        "when": &*told.when.source,
        "members": found.members.len(),
        "of": found.of,
    });
    if let Some(next) = found.next {
        answer["next"] = encode(next).into();
    }
    Ok(body::answer(200, &answer))
}
