//! `POST /v1/members`: enrols a member under one or more identities.

use domain::event::Subject;
use serde::Deserialize;

use super::find::{self, Fields};
use crate::http::act::{Act, Ask};
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    identities: Vec<String>,
    #[serde(default)]
    fields: Fields,
}

pub async fn handle(act: Act<NewMember>) -> Answer {
    let mut identities = find::identities(&act.said.identities)?;
    let data = find::declared(&act.app.versions.current(), &act.said.fields)?;
    let subject = identities.remove(0);
    let before = find::by_identity(&act.app, &subject).await?;
    let ask = Ask {
        kind: "member.enrolled",
        subject: Some(Subject::Identity(subject)),
        also: identities,
        data,
        at: "/fields",
    };
    let outcome = act.submit(ask).await?;
    let member = outcome.decision.member.ok_or_else(Problem::internal)?;
    let made = outcome.decision.enrolled && (before.is_none() || outcome.duplicate);
    find::answer(&act.app, if made { 201 } else { 200 }, member).await
}
