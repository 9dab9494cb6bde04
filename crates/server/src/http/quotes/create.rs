//! `POST /v1/quotes`: what a cart would earn, what is taken off it, which rewards are within reach, what is missing to
//! the next level. Answered by a reader: nothing is written, and the decider is not asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use domain::decide::quote::{self, Quote};
use domain::num::Num;
use domain::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wire::member_id::PREFIX;

use crate::app::App;
use crate::http::body::{self, Json};
use crate::http::members::find;
use crate::http::problem::{Answer, Problem};
use crate::http::rewards::shape::OfferedShape;
use crate::http::shape::{Eyes, Points};
use crate::http::standing::{TierShape, tiers};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Without one, or with an identity that nobody has: somebody who has never been here.
    member: Option<String>,
    order: Box<RawValue>,
}

pub async fn handle(State(app): State<Arc<App>>, Json(asked): Json<Asked>) -> Answer {
    let member = match &asked.member {
        None => None,
        Some(name) => match find::by_ref(&app, name).await {
            // His first order would make him a member: so he is told what it would bring. Ids are ours alone.
            Err(unknown) if unknown.status == StatusCode::NOT_FOUND && !name.starts_with(PREFIX) => None,
            found => Some(find::named_at("/member", found)?),
        },
    };
    let plans = app.plans();
    let plan = plans.current.clone();
    let now = app.clock.now();
    let quote = app
        .read(move |reader| {
            let mut snapshot = Snapshot::default();
            let cart = asked.order.get().as_bytes();
            quote::quote(&plans, &mut snapshot, member, cart, now, &mut |snapshot, wants| {
                reader.fetch(snapshot, wants)
            })
        })
        .await?;
    let quote = quote.map_err(|reason| Problem::refused(&reason, "/order"))?;
    let eyes = app.eyes(&plan);
    Ok(body::answer(200, &Shape::new(eyes, &quote, member.is_some())))
}

#[derive(Serialize)]
struct Shape<'a> {
    member: Option<String>,
    /// Not: the answer is that for somebody who has never been here.
    member_known: bool,
    program_version: u32,
    currency: &'a str,
    earns: Vec<Earns<'a>>,
    discounts: Vec<Discount<'a>>,
    discount: String,
    rewards: Vec<OfferedShape<'a>>,
    tiers: BTreeMap<&'a str, TierShape<'a>>,
}

#[derive(Serialize)]
struct Earns<'a> {
    rule: &'a str,
    wallet: &'a str,
    wanted: Points,
    granted: Points,
    cut: Option<&'a str>,
}

#[derive(Serialize)]
struct Discount<'a> {
    rule: &'a str,
    amount: String,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    line: usize,
    amount: String,
}

impl<'a> Shape<'a> {
    fn new(eyes: Eyes<'a>, quote: &'a Quote, known: bool) -> Self {
        let earns = quote.earns().map(|effect| Earns {
            rule: &effect.rule,
            wallet: &effect.wallet,
            wanted: eyes.points(&effect.wallet, effect.wanted),
            granted: eyes.points(&effect.wallet, effect.granted),
            cut: effect.cut.as_deref(),
        });
        let money = |minor| Num::minor(minor, quote.exponent).to_string();
        let line = |(line, minor): &(usize, i64)| Line { line: *line, amount: money(*minor) };
        let discounts = quote.discounts.iter().map(|(rule, cut)| Discount {
            rule,
            amount: money(cut.sum()),
            lines: cut.lines.iter().map(line).collect(),
        });
        Shape {
            member: known.then(|| eyes.member(quote.member.no)),
            member_known: known,
            program_version: quote.paid.version,
            currency: &quote.currency,
            earns: earns.collect(),
            discounts: discounts.collect(),
            discount: quote.discount().to_string(),
            rewards: quote.rewards.iter().map(|one| OfferedShape::new(eyes, one, true)).collect(),
            tiers: tiers(eyes, &quote.member),
        }
    }
}
