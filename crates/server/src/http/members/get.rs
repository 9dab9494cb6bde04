//! `GET /v1/members/{ref}`.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::find;
use crate::app::App;
use crate::http::problem::Answer;

pub async fn handle(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    let member = find::by_ref(&app, &name).await?;
    find::answer(&app, 200, member).await
}
