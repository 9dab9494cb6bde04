//! `POST /v1/members/{ref}/adjustments`: points given or taken by hand, with a reason.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::codes;
use domain::event::Subject;
use domain::own::ADJUST;
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
struct Adjustment {
    #[serde(default)]
    wallet: String,
    /// A JSON number or a decimal text; read from its text, never through a float.
    amount: Option<Box<RawValue>>,
    #[serde(default)]
    reason: String,
}

const REASON_BYTES_MAX: usize = 500;

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (adjustment, _): (Adjustment, _) = body::json(&headers, request, &app.bounds).await?;
    let plan = app.versions.current();
    if !plan.wallets.iter().any(|w| *w.id == *adjustment.wallet) {
        let wallets: Vec<&str> = plan.wallets.iter().map(|w| &*w.id).collect();
        let detail = format!("there is no wallet `{}`; there are: {}", adjustment.wallet, wallets.join(", "));
        return Err(Problem::field(codes::WALLET_UNKNOWN, "/wallet", detail));
    }
    let reason = adjustment.reason.trim();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        let detail = "an adjustment by hand needs a reason of 1 to 500 bytes";
        return Err(Problem::field(codes::REASON_REQUIRED, "/reason", detail));
    }
    let Some(amount) = &adjustment.amount else {
        let detail = "how much is given, or taken with a minus: \"12.30\"";
        return Err(Problem::field(codes::AMOUNT_INVALID, "/amount", detail));
    };
    let amount = amount.get().trim_matches('"');
    let member = find::by_ref(&app, &name).await?;
    let ask = Ask {
        kind: ADJUST,
        subject: Subject::Member(member),
        also: Vec::new(),
        at: "",
        data: json!({"wallet": adjustment.wallet, "amount": amount, "reason": reason}),
    };
    let outcome = submit(&app, &principal, &headers, ask).await?;
    Ok(outcome_answer(&app, 200, &outcome))
}
