//! `GET /v1/members/{ref}/redemptions`: newest first, each as it now stands.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use serde_json::Value;

use super::shape;
use crate::app::App;
use crate::http::members::find;
use crate::http::page::{Query, page};
use crate::http::problem::Answer;
use crate::http::query::Params;

pub async fn handle(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<Query>,
) -> Answer {
    let (limit, cursor) = (query.limit()?, query.after()?);
    let member = find::by_ref(&app, &name).await?;
    let found = app.read(move |reader| reader.redemption_list(member, cursor, limit)).await?;
    let all: Vec<Value> = found.items.iter().map(|one| shape::shape(&app, member, one)).collect();
    page(&uri, "redemptions", &all, found.next)
}
