//! `PATCH /v1/members/{ref}`: RFC 7396 on the member's fields.

use domain::event::Subject;
use serde::Deserialize;

use super::find::{self, Fields};
use crate::http::act::{Act, Ask};
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    fields: Fields,
}

pub async fn handle(act: Act<Change>) -> Answer {
    let data = find::declared(&act.app.versions.current(), &act.said.fields)?;
    let member = find::by_ref(&act.app, &act.name).await?;
    let ask = Ask {
        kind: "member.updated",
        subject: Some(Subject::Member(member)),
        also: Vec::new(),
        data,
        at: "/fields",
    };
    act.submit(ask).await?;
    find::answer(&act.app, 200, member).await
}
