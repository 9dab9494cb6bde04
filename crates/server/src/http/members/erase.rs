//! `DELETE /v1/members/{ref}`: a member's personal data go for ever, from his document and from his stored events.

use domain::own::ERASE;
use serde_json::json;

use super::find;
use crate::http::act::Bare;
use crate::http::problem::Answer;

pub async fn handle(Bare(act): Bare) -> Answer {
    let act = act.without_words();
    let member = find::by_ref(&act.app, &act.name).await?;
    act.put(ERASE, member, &json!({})).await?;
    find::answer(&act.app, 200, member).await
}
