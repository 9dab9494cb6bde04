//! `POST /v1/endpoints/{endpoint}/test`: one message of type `endpoint.tested`, now, made as all others; what it answered.
//! `member` says about whom, which a payload that asks about the member needs.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

use super::shape::{Target, check, find, misfits};
use crate::app::App;
use crate::delivery::clerk::Clerk;
use crate::delivery::message::{Message, Way};
use crate::delivery::topic;
use crate::http::body;
use crate::http::members::find::by_ref;
use crate::http::problem::{Answer, Problem};
use crate::http::query::{Name, Params, query_invalid};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    member: Option<String>,
}

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name, Params(query): Params<Query>) -> Answer {
    let endpoint = find(&app, &name).await?;
    let target = check(&endpoint.settings)?;
    let no = endpoint.row.no;
    let clerk = Clerk::new(&app.deliveries, no, &endpoint.settings, &endpoint.hidden).map_err(misfits)?;
    let member = match &query.member {
        Some(member) => Some(by_ref(&app, member).await?),
        None if clerk.asks_about_member() => {
            let detail = "it tells of the member: say about whom, `?member=email:ada@example.com`";
            return Err(query_invalid(detail.into()));
        }
        None => None,
    };
    let now = jiff::Timestamp::now();
    let id = format!("msg_test_{}", now.as_millisecond());
    let told = json!({"cursor": endpoint.row.place, "type": "endpoint.tested",
        "member": member.map(|no| app.ids.encode(no)), "member_seq": 0, "time": now,
        "data": {"endpoint": name}, "event": null});
    let told = told.to_string().into();
    let message = Message { change: (0, 0), member, attempts: 0, stored: false, id, told };
    let uri = match target {
        Target::Topic(address) => Err(address),
        Target::Hook(uri) => Ok(Some(uri)),
        Target::Api => Ok(None),
    };
    let outcome = match uri {
        Err(address) => topic::test(&app.deliveries, &address, &clerk, &message).await,
        Ok(uri) => {
            let secrets = endpoint.keys.secrets(now.as_millisecond()).ok_or_else(Problem::internal)?;
            let way = Way { outbound: app.deliveries.outbound.clone(), uri };
            way.send(clerk, secrets, now, message).await.outcome
        }
    };
    let told = json!({"taken": outcome.is_taken(), "status": outcome.status, "said": outcome.said});
    Ok(body::answer(200, &told))
}
