//! `POST /v1/redemptions`: a reward reserved, or redeemed at once.

use axum::http::StatusCode;
use domain::codes;
use domain::own::REDEEM;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wire::problem::Fault;

use super::shape;
use crate::http::act::Act;
use crate::http::members::find;
use crate::http::problem::{Answer, Problem};

/// Without the member it is the event's data, word for word.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(skip_serializing)]
    member: String,
    reward: String,
    /// A JSON number or a decimal text; read from its text, never through a float.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Box<RawValue>>,
    /// A cart, or the id of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Box<RawValue>>,
    /// false: it is reserved and waits to be confirmed.
    #[serde(default)]
    confirm: bool,
}

pub async fn handle(act: Act<Asked>) -> Answer {
    let app = &act.app;
    let member = find::named_at("/member", find::by_ref(app, &act.said.member).await)?;
    let outcome = act.put(REDEEM, member, &act.said).await.map_err(at_field)?;
    let one = outcome.decision.redemptions.iter().find(|one| one.pos == outcome.pos && one.rule.is_none());
    let one = one.ok_or_else(Problem::internal)?;
    // A retry is told how it stands by now.
    if outcome.duplicate {
        let (pos, n) = (one.pos, one.n);
        let now = app.read(move |reader| reader.redemption_get(pos, n)).await?;
        if let Some((member, one)) = now {
            return Ok(shape::answer(app, 200, member, &one));
        }
    }
    Ok(shape::answer(app, 201, member, one))
}

/// A quantity that the reward does not take is a mistake in the request, whatever is there.
fn at_field(problem: Problem) -> Problem {
    if problem.refusal.as_deref() != Some(codes::QUANTITY_INVALID) {
        return problem;
    }
    let fault = Fault::new("/quantity", "refused", problem.detail.clone());
    Problem { status: StatusCode::UNPROCESSABLE_ENTITY, ..problem }.at(fault)
}
