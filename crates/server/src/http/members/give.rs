//! `POST /v1/members/{ref}/transfers`: points that one member gives to another.

use domain::own::TRANSFER;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::find;
use crate::http::act::Act;
use crate::http::events::post::outcome_answer;
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gift {
    /// The receiver: a member id or an identity.
    to: String,
    wallet: String,
    /// A JSON number or a decimal text; read from its text, never through a float.
    amount: Box<RawValue>,
}

pub async fn handle(act: Act<Gift>) -> Answer {
    let member = find::by_ref(&act.app, &act.name).await?;
    let to = find::named_at("/to", find::by_ref(&act.app, &act.said.to).await)?;
    let amount = act.said.amount.get().trim_matches('"');
    let data = json!({"to": to, "wallet": act.said.wallet, "amount": amount});
    let outcome = act.put(TRANSFER, member, &data).await?;
    Ok(outcome_answer(&act.app, 200, &outcome))
}
