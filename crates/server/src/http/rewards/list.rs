//! `GET /v1/rewards`: what is offered; with `?member=` what of it is within reach, and what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use domain::decide::quote;
use domain::snapshot::Snapshot;
use serde::Deserialize;

use super::shape::OfferedShape;
use crate::app::App;
use crate::http::body;
use crate::http::members::find;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Params;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    member: Option<String>,
}

pub async fn handle(State(app): State<Arc<App>>, Params(query): Params<Query>) -> Answer {
    let member = match &query.member {
        Some(name) => Some(find::by_ref(&app, name).await?),
        None => None,
    };
    let plans = app.plans();
    let now = app.clock.now();
    let offered = app
        .read(move |reader| {
            let mut snapshot = Snapshot::default();
            quote::rewards(&plans, &mut snapshot, member, now, &mut |snapshot, wants| {
                reader.fetch(snapshot, wants)
            })
        })
        .await?;
    let offered = offered.map_err(|reason| Problem::invalid(reason.message.as_str()))?;
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let all = offered.iter().filter(|one| usize::from(one.reward) < plan.rewards.len());
    let rewards: Vec<_> = all.map(|one| OfferedShape::new(eyes, one, member.is_some())).collect();
    Ok(body::answer(200, &BTreeMap::from([("rewards", rewards)])))
}
