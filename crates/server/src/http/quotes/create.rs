//! `POST /v1/quotes`: what a cart would earn, what is taken off it, which rewards are within reach, what is missing to
//! the next level. Answered by a reader: nothing is written, and the decider is not asked.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::decide::quote::{self, Quote};
use domain::num::Num;
use domain::snapshot::Snapshot;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::body;
use crate::http::members::find;
use crate::http::members::submit::refusal;
use crate::http::problem::Answer;
use crate::http::rewards::shape::offered;
use crate::http::shape::Eyes;
use crate::http::standing::StandingShape;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Without one: somebody who has never been here.
    member: Option<String>,
    order: Box<RawValue>,
}

pub async fn handle(State(app): State<Arc<App>>, headers: HeaderMap, request: Body) -> Answer {
    let (asked, _): (Asked, _) = body::json(&headers, request, &app.bounds).await?;
    let member = match &asked.member {
        Some(name) => Some(find::by_ref(&app, name).await?),
        None => None,
    };
    let plans = app.plans();
    let plan = plans.current.clone();
    let now = jiff::Timestamp::now();
    let quote = app
        .read(move |reader| {
            let mut snapshot = Snapshot::default();
            let cart = asked.order.get().as_bytes();
            quote::quote(&plans, &mut snapshot, member, cart, now, &mut |snapshot, wants| {
                reader.fetch(snapshot, wants)
            })
        })
        .await?;
    let quote = quote.map_err(|reason| refusal(&reason, "/order"))?;
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    Ok(body::answer(200, &shape(eyes, &quote, member.is_some())))
}

fn shape(eyes: Eyes<'_>, quote: &Quote, known: bool) -> Value {
    let earns: Vec<Value> = quote
        .earns()
        .map(|effect| {
            let points = |minor| serde_json::to_value(eyes.points(&effect.wallet, minor)).unwrap_or_default();
            json!({"rule": effect.rule.as_str(), "wallet": effect.wallet.as_str(),
                "wanted": points(effect.wanted), "granted": points(effect.granted), "cut": effect.cut.as_deref()})
        })
        .collect();
    let money = |minor| Num::minor(minor, quote.exponent).to_string();
    let discounts: Vec<Value> = quote
        .discounts
        .iter()
        .map(|(rule, cut)| {
            let lines: Vec<Value> = cut
                .lines
                .iter()
                .map(|(line, minor)| json!({"line": line, "amount": money(*minor)}))
                .collect();
            json!({"rule": rule.as_str(), "amount": money(cut.sum()), "lines": lines})
        })
        .collect();
    let standing = StandingShape::new(eyes.plan, quote.who());
    json!({
        "member": known.then(|| eyes.member(quote.member.no)),
        "program_version": quote.paid.version,
        "currency": quote.currency.as_str(),
        "earns": earns,
        "discounts": discounts,
        "discount": quote.discount().to_string(),
        "rewards": quote.rewards.iter().map(|one| offered(eyes, one, true)).collect::<Vec<_>>(),
        "tiers": serde_json::to_value(&standing.tiers).unwrap_or_default(),
    })
}
