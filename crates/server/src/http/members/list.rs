//! `GET /v1/members`, in the order in which they came.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use store::Reader;

use super::find::with_homes;
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
    let read = move |reader: &Reader| {
        let found = reader.member_list(cursor, limit)?;
        Ok((with_homes(reader, found.items)?, found.next))
    };
    let (found, next) = app.read(read).await?;
    let plan = app.versions.current();
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    let members: Vec<MemberShape<'_>> =
        found.iter().map(|member| MemberShape::new(eyes, &app.codes, member.who())).collect();
    page(&uri, "members", &members, next)
}
