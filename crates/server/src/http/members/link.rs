//! `POST /v1/members/{ref}/identities`: further names of the same person. A name belongs to one member only.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::event::Subject;
use domain::own::LINK;
use serde::Deserialize;
use serde_json::json;

use super::find;
use super::submit::{Ask, submit};
use crate::app::{App, Principal};
use crate::http::body;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIdentities {
    identities: Vec<String>,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let (new, _): (NewIdentities, _) = body::json(&headers, request, &app.bounds).await?;
    let identities = find::identities(&new.identities)?;
    if identities.is_empty() {
        return Err(
            Problem::invalid("there is nothing to link").at(find::fault("/identities", "give at least one"))
        );
    }
    let member = find::by_ref(&app, &name).await?;
    let names: Vec<&str> = identities.iter().map(|identity| identity.as_str()).collect();
    let ask = Ask {
        kind: LINK,
        subject: Subject::Member(member),
        also: Vec::new(),
        at: "",
        data: json!({"identities": names}),
    };
    submit(&app, &principal, &headers, ask).await?;
    find::answer(&app, 200, member).await
}
