//! `POST /v1/members/{ref}/tiers`: a level set by hand, with a reason and an end.

use domain::own::PLACE;
use serde::Deserialize;
use serde_json::json;

use super::{find, reason};
use crate::http::act::Act;
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placing {
    ladder: String,
    level: String,
    /// When it ends; as the program says, if absent.
    until: Option<String>,
    #[serde(default)]
    reason: String,
}

pub async fn handle(act: Act<Placing>) -> Answer {
    let Placing { ladder, level, until, reason } = &act.said;
    let mut data = json!({"ladder": ladder, "level": level, "reason": reason::given(reason)?});
    if let Some(until) = until {
        data["until"] = until.as_str().into();
    }
    let member = find::by_ref(&act.app, &act.name).await?;
    act.put(PLACE, member, &data).await?;
    find::answer(&act.app, 200, member).await
}
