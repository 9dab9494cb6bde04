//! `POST /v1/members/{ref}/adjustments`: points given or taken by hand, with a reason.

use domain::codes;
use domain::own::ADJUST;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{find, reason};
use crate::http::act::Act;
use crate::http::events::post::outcome_answer;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    #[serde(default)]
    wallet: String,
    /// A JSON number or a decimal text; read from its text, never through a float.
    amount: Option<Box<RawValue>>,
    #[serde(default)]
    reason: String,
}

pub async fn handle(act: Act<Adjustment>) -> Answer {
    let Adjustment { wallet, amount, reason } = &act.said;
    let plan = act.app.versions.current();
    if !plan.wallets.iter().any(|w| *w.id == *wallet) {
        let wallets: Vec<&str> = plan.wallets.iter().map(|w| &*w.id).collect();
        let detail = format!("there is no wallet `{wallet}`; there are: {}", wallets.join(", "));
        return Err(Problem::field(codes::WALLET_UNKNOWN, "/wallet", detail));
    }
    let reason = reason::given(reason)?;
    let Some(amount) = amount else {
        let detail = "how much is given, or taken with a minus: \"12.30\"";
        return Err(Problem::field(codes::AMOUNT_INVALID, "/amount", detail));
    };
    let member = find::by_ref(&act.app, &act.name).await?;
    let data = json!({"wallet": wallet, "amount": amount.get().trim_matches('"'), "reason": reason});
    let outcome = act.put(ADJUST, member, &data).await?;
    Ok(outcome_answer(&act.app, 200, &outcome))
}
