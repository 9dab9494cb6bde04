//! `POST /v1/members/{ref}/tiers`: a level set by hand, with a reason and an end.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::codes;
use domain::event::Subject;
use domain::own::PLACE;
use serde::Deserialize;
use serde_json::json;

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Placing {
    ladder: String,
    level: String,
    /// When it ends; as the program says, if absent.
    until: Option<String>,
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
    let (placing, _): (Placing, _) = body::json(&headers, request, &app.bounds).await?;
    let reason = placing.reason.trim();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        let detail = "placing by hand needs a reason of 1 to 500 bytes";
        return Err(Problem::field(codes::REASON_REQUIRED, "/reason", detail));
    }
    let member = find::by_ref(&app, &name).await?;
    let mut data = json!({"ladder": placing.ladder, "level": placing.level, "reason": reason});
    if let Some(until) = placing.until {
        data["until"] = until.into();
    }
    let ask = Ask { kind: PLACE, subject: Subject::Member(member), also: Vec::new(), at: "", data };
    submit(&app, &principal, &headers, ask).await?;
    find::answer(&app, 200, member).await
}
