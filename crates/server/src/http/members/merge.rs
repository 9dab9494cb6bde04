//! `POST /v1/members/{ref}/merge`: this member absorbs another, who is the same person.

use domain::own::MERGE;
use serde::Deserialize;
use serde_json::json;

use super::find;
use crate::http::act::Act;
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// Who is absorbed: a member id or an identity.
    absorb: String,
}

pub async fn handle(act: Act<Merge>) -> Answer {
    let member = find::by_ref(&act.app, &act.name).await?;
    let absorb = find::named_at("/absorb", find::as_written(&act.app, &act.said.absorb).await)?;
    act.put(MERGE, member, &json!({"absorb": absorb})).await?;
    find::answer(&act.app, 200, member).await
}
