//! `GET /v1/redemptions/{id}`.

use std::sync::Arc;

use axum::extract::State;

use super::shape;
use crate::app::App;
use crate::http::problem::Answer;
use crate::http::query::Name;

pub async fn handle(State(app): State<Arc<App>>, Name(id): Name) -> Answer {
    let (member, one) = shape::find(&app, &id).await?;
    Ok(shape::answer(&app, 200, member, &one))
}
