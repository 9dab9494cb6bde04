//! `POST /v1/members/{ref}/household`: into the household of another member; `DELETE`: out of the one he is in.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::codes;
use domain::event::{MemberNo, Subject};
use domain::own::{JOIN, LEAVE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    /// One who is in it, or who founds it: a member id or an identity.
    with: String,
}

pub async fn join(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (join, _): (Join, _) = body::json(&headers, request, &app.bounds).await?;
    let member = find::by_ref(&app, &name).await?;
    // A retry finds the first outcome by what was asked then.
    let with = find::as_written(&app, &join.with).await;
    let with = with.map_err(|_| Problem::field(codes::MEMBER_UNKNOWN, "/with", "there is no such member"))?;
    submit(&app, &principal, &headers, ask(JOIN, member, json!({"with": with}))).await?;
    find::answer(&app, 200, member).await
}

pub async fn leave(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let member = find::by_ref(&app, &name).await?;
    submit(&app, &principal, &headers, ask(LEAVE, member, json!({}))).await?;
    find::answer(&app, 200, member).await
}

fn ask(kind: &'static str, member: MemberNo, data: Value) -> Ask {
    Ask { kind, subject: Subject::Member(member), also: Vec::new(), at: "", data }
}
