//! `POST /v1/members`: enrols a member under one or more identities.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::event::Subject;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMember {
    identities: Vec<String>,
    #[serde(default)]
    fields: Map<String, Value>,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (new, _): (NewMember, _) = body::json(&headers, request, &app.bounds).await?;
    let mut identities = find::identities(&new.identities)?;
    if identities.is_empty() {
        return Err(Problem::invalid("a member needs an identity")
            .at(find::fault("/identities", "give at least one")));
    }
    find::declared(&app.versions.current(), &new.fields)?;
    let subject = identities.remove(0);
    let before = find::by_identity(&app, &subject).await?;
    let ask = Ask {
        kind: "member.enrolled",
        subject: Subject::Identity(subject),
        also: identities,
        at: "/fields",
        data: Value::Object(new.fields),
    };
    let outcome = submit(&app, &principal, &headers, ask).await?;
    let member = outcome.decision.member.ok_or_else(Problem::internal)?;
    let made = outcome.decision.enrolled && (before.is_none() || outcome.duplicate);
    find::answer(&app, if made { 201 } else { 200 }, member).await
}
