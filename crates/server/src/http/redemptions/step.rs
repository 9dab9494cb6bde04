//! `POST /v1/redemptions/{id}/confirm|cancel|return`. What is so already is answered as it is.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::codes::REDEMPTION_OVER;
use domain::event::Subject;
use domain::own::REDEMPTION;
use domain::redemption::Stage;
use serde_json::json;

use super::shape;
use crate::app::{App, Principal};
use crate::http::members::find;
use crate::http::members::submit::{Ask, submit};
use crate::http::problem::{Answer, Problem};

type Asked = (State<Arc<App>>, Extension<Arc<Principal>>, Path<String>, HeaderMap);

pub async fn confirm(
    app: State<Arc<App>>,
    by: Extension<Arc<Principal>>,
    id: Path<String>,
    headers: HeaderMap,
) -> Answer {
    step((app, by, id, headers), "confirm", Stage::Confirmed).await
}
pub async fn cancel(
    app: State<Arc<App>>,
    by: Extension<Arc<Principal>>,
    id: Path<String>,
    headers: HeaderMap,
) -> Answer {
    step((app, by, id, headers), "cancel", Stage::Cancelled).await
}
pub async fn give_back(
    app: State<Arc<App>>,
    by: Extension<Arc<Principal>>,
    id: Path<String>,
    headers: HeaderMap,
) -> Answer {
    step((app, by, id, headers), "return", Stage::Returned).await
}

async fn step((State(app), Extension(principal), Path(id), headers): Asked, act: &str, end: Stage) -> Answer {
    let (owner, before) = shape::find(&app, &id).await?;
    let member = find::by_no(&app, owner).await?;
    let data = json!({"redemption": id, "act": act});
    let ask = Ask { kind: REDEMPTION, subject: Subject::Member(member), also: Vec::new(), at: "", data };
    let done = submit(&app, &principal, &headers, ask).await;
    let over = |problem: &Problem| problem.refusal.as_deref() == Some(REDEMPTION_OVER);
    match done {
        Ok(outcome) => {
            let of = |one: &&domain::redemption::Redemption| (one.pos, one.n) == (before.pos, before.n);
            let one = outcome.decision.redemptions.iter().find(of).ok_or_else(Problem::internal)?;
            Ok(shape::answer(&app, 200, member, one))
        }
        Err(problem) if over(&problem) => {
            let (owner, now) = shape::find(&app, &id).await?;
            if now.stage == end { Ok(shape::answer(&app, 200, owner, &now)) } else { Err(problem) }
        }
        Err(problem) => Err(problem),
    }
}
