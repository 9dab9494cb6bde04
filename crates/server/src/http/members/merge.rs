//! `POST /v1/members/{ref}/merge`: this member absorbs another, who is the same person.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::codes;
use domain::event::Subject;
use serde::Deserialize;
use serde_json::json;

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    /// Who is absorbed: a member id or an identity.
    absorb: String,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (merge, _): (Merge, _) = body::json(&headers, request, &app.bounds).await?;
    let member = find::by_ref(&app, &name).await?;
    // A retry finds the first outcome by what was asked then: the absorbed by his own number.
    let absorb = find::as_written(&app, &merge.absorb).await;
    let absorb =
        absorb.map_err(|_| Problem::field(codes::MEMBER_UNKNOWN, "/absorb", "there is no such member"))?;
    let ask = Ask {
        kind: "fealty.merged",
        subject: Subject::Member(member),
        also: Vec::new(),
        data: json!({"absorb": absorb}),
        at: "",
    };
    submit(&app, &principal, &headers, ask).await?;
    find::answer(&app, 200, member).await
}
