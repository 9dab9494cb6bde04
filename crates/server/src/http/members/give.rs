//! `POST /v1/members/{ref}/transfers`: points that one member gives to another.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::codes;
use domain::event::Subject;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::events::post::outcome_answer;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gift {
    /// The receiver: a member id or an identity.
    to: String,
    wallet: String,
    /// A JSON number or a decimal text; read from its text, never through a float.
    amount: Box<RawValue>,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (gift, _): (Gift, _) = body::json(&headers, request, &app.bounds).await?;
    let member = find::by_ref(&app, &name).await?;
    let to = find::by_ref(&app, &gift.to).await;
    let to = to.map_err(|_| Problem::field(codes::MEMBER_UNKNOWN, "/to", "there is no such member"))?;
    let amount = gift.amount.get().trim_matches('"');
    let ask = Ask {
        kind: "fealty.transferred",
        subject: Subject::Member(member),
        also: Vec::new(),
        data: json!({"to": to, "wallet": gift.wallet, "amount": amount}),
        at: "",
    };
    let outcome = submit(&app, &principal, &headers, ask).await?;
    Ok(outcome_answer(&app, 200, &outcome))
}
