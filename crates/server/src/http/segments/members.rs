//! `GET /v1/segments/{segment}/members`: who belongs to it, in the order in which they came.
//! A segment is a condition on the member as he stands, so each is asked: one page looks at no more than `LOOK_MAX`
//! members, and may therefore be short, or empty, and still have a `next`.

use std::sync::Arc;

use axum::extract::State;
use domain::plan::{Plan, Segment};
use domain::standing;
use store::Reader;

use crate::app::App;
use crate::http::members::find::{Housed, with_homes};
use crate::http::page::Paging;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;
use crate::http::shape::MemberShape;

/// Members that one answer looks at.
const LOOK_MAX: usize = 2_000;
/// Members that are read at once.
const READ_AT_ONCE: usize = 200;

pub async fn handle(State(app): State<Arc<App>>, Name(segment): Name, paging: Paging) -> Answer {
    let plan = app.versions.current();
    known(&plan, &segment)?;
    let found = look(&app, &plan, &segment, paging.cursor, paging.limit).await?;
    let eyes = app.eyes(&plan);
    let members: Vec<MemberShape<'_>> =
        found.members.iter().map(|member| MemberShape::new(eyes, member.who())).collect();
    paging.answer("members", &members, found.next)
}

pub fn known<'p>(plan: &'p Plan, segment: &str) -> Result<&'p Segment, Problem> {
    plan.segments.iter().find(|known| *known.id == *segment).ok_or_else(|| Problem::not_found("segment"))
}

pub struct Found {
    pub members: Vec<Housed>,
    /// Of so many.
    pub of: usize,
    /// After whom there may be more.
    pub next: Option<u64>,
}

/// Those of a segment after `cursor`, at most `limit`.
pub async fn look(
    app: &Arc<App>,
    plan: &Plan,
    segment: &str,
    mut cursor: Option<u64>,
    limit: usize,
) -> Result<Found, Problem> {
    let now = app.clock.now();
    let (mut found, mut looked) = (Found { members: Vec::new(), of: 0, next: None }, 0);
    loop {
        let read = move |reader: &Reader| {
            let read = reader.member_list(cursor, READ_AT_ONCE)?;
            Ok((with_homes(reader, read.items)?, read.next))
        };
        let (read, next) = app.read_long(read).await?;
        for member in read {
            let who = member.who();
            cursor = Some(who.member.no);
            looked += 1;
            if member.is_person() {
                found.of += 1;
                let at = standing::now(who.member, now);
                if standing::segments(plan, who, at).iter().any(|one| *one.id == *segment) {
                    found.members.push(member);
                }
            }
            if found.members.len() >= limit || looked >= LOOK_MAX {
                found.next = cursor;
                return Ok(found);
            }
        }
        if next.is_none() {
            return Ok(found);
        }
    }
}
