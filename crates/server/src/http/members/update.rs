//! `PATCH /v1/members/{ref}`: RFC 7396 on the member's fields.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::event::Subject;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::problem::Answer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    fields: Map<String, Value>,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (change, _): (Change, _) = body::json(&headers, request, &app.bounds).await?;
    find::declared(&app.versions.current(), &change.fields)?;
    let member = find::by_ref(&app, &name).await?;
    let ask = Ask {
        kind: "member.updated",
        subject: Subject::Member(member),
        also: Vec::new(),
        at: "/fields",
        data: Value::Object(change.fields),
    };
    submit(&app, &principal, &headers, ask).await?;
    find::answer(&app, 200, member).await
}
