//! `POST /v1/members/{ref}/household`: into the household of another member; `DELETE`: out of the one he is in.

use domain::own::{JOIN, LEAVE};
use serde::Deserialize;
use serde_json::json;

use super::find;
use crate::http::act::{Act, Bare};
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// One who is in it, or who founds it: a member id or an identity.
    with: String,
}

pub async fn join(act: Act<Join>) -> Answer {
    let member = find::by_ref(&act.app, &act.name).await?;
    let with = find::named_at("/with", find::as_written(&act.app, &act.said.with).await)?;
    act.put(JOIN, member, &json!({"with": with})).await?;
    find::answer(&act.app, 200, member).await
}

pub async fn leave(Bare(act): Bare) -> Answer {
    let member = find::by_ref(&act.app, &act.name).await?;
    act.put(LEAVE, member, &json!({})).await?;
    find::answer(&act.app, 200, member).await
}
