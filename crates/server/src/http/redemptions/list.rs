//! `GET /v1/members/{ref}/redemptions`: newest first, each as it now stands.

use std::sync::Arc;

use axum::extract::State;

use super::shape::RedemptionShape;
use crate::app::App;
use crate::http::members::find;
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::query::Name;

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name, paging: Paging) -> Answer {
    let (limit, cursor) = (paging.limit, paging.cursor);
    let member = find::by_ref(&app, &name).await?;
    let found = app.read_long(move |reader| reader.redemption_list(member, cursor, limit)).await?;
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let all: Vec<_> = found.items.iter().map(|one| RedemptionShape::new(eyes, member, one)).collect();
    paging.answer("redemptions", &all, found.next)
}
