//! `GET /v1/members/{ref}/transfers`: the member's ledger, newest first.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};

use super::find;
use crate::app::App;
use crate::http::page::{Query, page};
use crate::http::problem::Answer;
use crate::http::query::Params;
use crate::http::shape::{Eyes, TransferShape};

pub async fn handle(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<Query>,
) -> Answer {
    let (limit, cursor) = (query.limit()?, query.after()?);
    let member = find::by_ref(&app, &name).await?;
    let found = app.read(move |reader| reader.transfer_list(member, cursor, limit)).await?;
    let plan = app.versions.current();
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    let transfers: Vec<TransferShape<'_>> =
        found.items.iter().map(|row| TransferShape::new(eyes, row)).collect();
    page(&uri, "transfers", &transfers, found.next)
}
