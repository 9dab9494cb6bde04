//! `GET /v1/members/{ref}/transfers`: the member's ledger, newest first.

use std::sync::Arc;

use axum::extract::State;

use super::find;
use crate::app::App;
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::query::Name;
use crate::http::shape::TransferShape;

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name, paging: Paging) -> Answer {
    let (limit, cursor) = (paging.limit, paging.cursor);
    let member = find::by_ref(&app, &name).await?;
    let found = app.read_long(move |reader| reader.transfer_list(member, cursor, limit)).await?;
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let transfers: Vec<TransferShape<'_>> =
        found.items.iter().map(|row| TransferShape::new(eyes, row)).collect();
    paging.answer("transfers", &transfers, found.next)
}
