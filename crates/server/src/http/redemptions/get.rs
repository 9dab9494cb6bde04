//! `GET /v1/redemptions/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::shape;
use crate::app::App;
use crate::http::problem::Answer;

pub async fn handle(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let (member, one) = shape::find(&app, &id).await?;
    Ok(shape::answer(&app, 200, member, &one))
}
