//! `GET /v1/members`, in the order in which they came.

use std::sync::Arc;

use axum::extract::State;
use store::Reader;

use super::find::with_homes;
use crate::app::App;
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::shape::MemberShape;

pub async fn handle(State(app): State<Arc<App>>, paging: Paging) -> Answer {
    let (limit, cursor) = (paging.limit, paging.cursor);
    let read = move |reader: &Reader| {
        let found = reader.member_list(cursor, limit)?;
        Ok((with_homes(reader, found.items)?, found.next))
    };
    let (found, next) = app.read_long(read).await?;
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let people = found.iter().filter(|member| member.is_person());
    let members: Vec<MemberShape<'_>> = people.map(|member| MemberShape::new(eyes, member.who())).collect();
    paging.answer("members", &members, next)
}
