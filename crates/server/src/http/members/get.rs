//! `GET /v1/members/{ref}`.

use std::sync::Arc;

use axum::extract::State;

use super::find;
use crate::app::App;
use crate::http::problem::Answer;
use crate::http::query::Name;

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    find::show(&app, &name).await
}
