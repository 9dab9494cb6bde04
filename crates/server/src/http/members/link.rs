//! `POST /v1/members/{ref}/identities`: further names of the same person. A name belongs to one member only.

use domain::own::LINK;
use serde::Deserialize;
use serde_json::json;

use super::find;
use crate::http::act::Act;
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIdentities {
    identities: Vec<String>,
}

pub async fn handle(act: Act<NewIdentities>) -> Answer {
    let identities = find::identities(&act.said.identities)?;
    let member = find::by_ref(&act.app, &act.name).await?;
    let names: Vec<&str> = identities.iter().map(|identity| identity.as_str()).collect();
    act.put(LINK, member, &json!({"identities": names})).await?;
    find::answer(&act.app, 200, member).await
}
