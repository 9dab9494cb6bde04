//! `GET /v1/members`, in the order in which they came.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};

use crate::app::App;
use crate::http::page::{Query, page};
use crate::http::problem::Answer;
use crate::http::query::Params;
use crate::http::shape::{Eyes, MemberShape};

pub async fn handle(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<Query>,
) -> Answer {
    let (limit, cursor) = (query.limit()?, query.after()?);
    let found = app.read(move |reader| reader.member_list(cursor, limit)).await?;
    let plan = app.versions.current();
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    let members: Vec<MemberShape<'_>> =
        found.items.iter().map(|member| MemberShape::new(eyes, &app.codes, member)).collect();
    page(&uri, "members", &members, found.next)
}
