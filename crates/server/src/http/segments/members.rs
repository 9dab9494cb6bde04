//! `GET /v1/segments/{segment}/members`: who belongs to it, in the order in which they came.
//! A segment is a condition on the member as he stands, so each is asked: one page looks at no more than `LOOK_MAX`
//! members, and may therefore be short, or empty, and still have a `next`.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use domain::standing;

use crate::app::App;
use crate::http::page::{Query, page};
use crate::http::problem::{Answer, Problem};
use crate::http::query::Params;
use crate::http::shape::{Eyes, MemberShape};

/// Members that one page looks at.
const LOOK_MAX: usize = 2_000;
/// Members that are read at once.
const READ_AT_ONCE: usize = 200;

pub async fn handle(
    State(app): State<Arc<App>>,
    Path(segment): Path<String>,
    OriginalUri(uri): OriginalUri,
    Params(query): Params<Query>,
) -> Answer {
    let (limit, mut cursor) = (query.limit()?, query.after()?);
    let plan = app.versions.current();
    if !plan.segments.iter().any(|known| *known.id == *segment) {
        return Err(Problem::not_found("segment"));
    }
    let now = jiff::Timestamp::now();
    let (mut found, mut looked) = (Vec::new(), 0);
    let next = 'pages: loop {
        let read = app.read(move |reader| reader.member_list(cursor, READ_AT_ONCE)).await?;
        for member in read.items {
            cursor = Some(member.no);
            looked += 1;
            let at = standing::now(&member, now);
            if standing::segments(&plan, &member, at).iter().any(|one| *one.id == *segment) {
                found.push(member);
            }
            if found.len() >= limit || looked >= LOOK_MAX {
                break 'pages cursor;
            }
        }
        if read.next.is_none() {
            break None;
        }
    };
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    let members: Vec<MemberShape<'_>> = found.iter().map(|member| MemberShape::new(eyes, member)).collect();
    page(&uri, "members", &members, next)
}
