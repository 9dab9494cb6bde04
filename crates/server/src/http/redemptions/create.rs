//! `POST /v1/redemptions`: a reward reserved, or redeemed at once.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::event::Subject;
use domain::own::REDEEM;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::shape;
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::members::find;
use crate::http::members::submit::{Ask, submit_raw};
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    member: String,
    reward: String,
    /// A JSON number or a decimal text; read from its text, never through a float.
    quantity: Option<Box<RawValue>>,
    /// A cart, or the id of an order.
    order: Option<Box<RawValue>>,
    /// false: it is reserved and waits to be confirmed.
    #[serde(default)]
    confirm: bool,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (asked, _): (Asked, _) = body::json(&headers, request, &app.bounds).await?;
    let member = find::by_ref(&app, &asked.member).await?;
    let text = |text: &str| serde_json::value::to_raw_value(text).map_err(|_| Problem::internal());
    let mut data: std::collections::BTreeMap<&str, Box<RawValue>> = std::collections::BTreeMap::new();
    data.insert("reward", text(&asked.reward)?);
    data.extend(asked.quantity.map(|quantity| ("quantity", quantity)));
    data.extend(asked.order.map(|order| ("order", order)));
    if asked.confirm {
        data.insert("confirm", serde_json::value::to_raw_value(&true).map_err(|_| Problem::internal())?);
    }
    let data = serde_json::to_vec(&data).map_err(|_| Problem::internal())?;
    let nothing = serde_json::Value::Null;
    let ask = Ask { kind: REDEEM, subject: Subject::Member(member), also: Vec::new(), at: "", data: nothing };
    let outcome = submit_raw(&app, &principal, &headers, ask, data).await?;
    let one = outcome.decision.redemptions.iter().find(|one| one.pos == outcome.pos && one.rule.is_none());
    let one = one.ok_or_else(Problem::internal)?;
    // A retry is told how it stands by now.
    if outcome.duplicate {
        let (pos, n) = (one.pos, one.n);
        let now = app.read(move |reader| reader.redemption_get(pos, n)).await?;
        if let Some((member, one)) = now {
            return Ok(shape::answer(&app, 200, member, &one));
        }
    }
    Ok(shape::answer(&app, 201, member, one))
}
