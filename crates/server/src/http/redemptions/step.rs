//! `POST /v1/redemptions/{id}/confirm|cancel|return`. What is so already is answered as it is.

use domain::codes::REDEMPTION_OVER;
use domain::own::REDEMPTION;
use domain::redemption::{Redemption, Stage};
use serde_json::json;

use super::shape;
use crate::http::act::{Act, Bare};
use crate::http::members::find;
use crate::http::problem::{Answer, Problem};

pub async fn confirm(Bare(act): Bare) -> Answer {
    step(act, "confirm", Stage::Confirmed).await
}
pub async fn cancel(Bare(act): Bare) -> Answer {
    step(act, "cancel", Stage::Cancelled).await
}
pub async fn give_back(Bare(act): Bare) -> Answer {
    step(act, "return", Stage::Returned).await
}

async fn step(act: Act<()>, what: &str, end: Stage) -> Answer {
    let (app, id) = (&act.app, &act.name);
    let (owner, before) = shape::find(app, id).await?;
    let member = find::by_no(app, owner).await?;
    let done = act.put(REDEMPTION, member, &json!({"redemption": id, "act": what})).await;
    let over = |problem: &Problem| problem.refusal.as_deref() == Some(REDEMPTION_OVER);
    match done {
        Ok(outcome) => {
            let of = |one: &&Redemption| (one.pos, one.n) == (before.pos, before.n);
            let one = outcome.decision.redemptions.iter().find(of).ok_or_else(Problem::internal)?;
            Ok(shape::answer(app, 200, member, one))
        }
        Err(problem) if over(&problem) => {
            let (owner, now) = shape::find(app, id).await?;
            if now.stage == end { Ok(shape::answer(app, 200, owner, &now)) } else { Err(problem) }
        }
        Err(problem) => Err(problem),
    }
}
