//! `GET /v1/events/{event_id}/explanation`: why it came out as it did, judged again from what was recorded with it.

use std::sync::Arc;

use axum::extract::State;
use domain::explain::{
    AmountExplanation, CampaignExplanation, ChangeExplanation, Explanation, Held, ItemExplanation,
    RuleExplanation, WhyNot, explain,
};
use serde::Serialize;

use super::earlier::{Earlier, Paid, earlier};
use super::get::{Query, Record, find, record};
use crate::app::App;
use crate::http::body::answer;
use crate::http::problem::{Answer, Problem};
use crate::http::query::{Name, Params};
use crate::http::shape::{Eyes, Points};

#[derive(Serialize)]
pub struct Shape<'a> {
    event: Record<'a>,
    /// Local time by which schedules were judged.
    now: Option<&'a str>,
    region: Option<&'a str>,
    rules: Vec<RuleShape<'a>>,
    /// What else happened, in words.
    changes: &'a [ChangeExplanation],
}

#[derive(Serialize)]
struct RuleShape<'a> {
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    applied: bool,
    why_not: Option<WhyNot>,
    /// The event for which it had paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_by: Option<&'a Paid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'a Held>,
    #[serde(skip_serializing_if = "<[CampaignExplanation]>::is_empty")]
    campaigns: &'a [CampaignExplanation],
    conditions: &'a [Held],
    #[serde(skip_serializing_if = "<[ItemExplanation]>::is_empty")]
    items: &'a [ItemExplanation],
    amounts: Vec<AmountShape<'a>>,
}

/// As in the outcome: points in whole units of their wallet.
#[derive(Serialize)]
struct AmountShape<'a> {
    wallet: &'a str,
    source: &'a str,
    seen: &'a [(String, serde_json::Value)],
    wanted: Points,
    granted: Points,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'a str>,
}

pub async fn handle(State(app): State<Arc<App>>, Name(id): Name, Params(query): Params<Query>) -> Answer {
    let row = find(&app, id, query).await?;
    let plan = app.versions.get(row.decision.version).ok_or_else(Problem::internal)?;
    let explanation = explain(&plan, &row.event, &row.decision);
    let told = app.read_long(move |reader| {
        let earlier = earlier(reader, &row, &explanation)?;
        Ok((row, explanation, earlier))
    });
    let (row, explanation, earlier) = told.await?;
    let eyes = app.eyes(&plan);
    Ok(answer(200, &Shape::new(eyes, record(eyes, &row), &explanation, &earlier)))
}

impl<'a> Shape<'a> {
    pub fn new(
        eyes: Eyes<'_>,
        event: Record<'a>,
        explanation: &'a Explanation,
        earlier: &'a Earlier,
    ) -> Self {
        Shape {
            event,
            now: explanation.now.as_deref(),
            region: explanation.region.as_deref(),
            changes: &explanation.changes,
            rules: explanation.rules.iter().map(|rule| rule_shape(eyes, rule, earlier)).collect(),
        }
    }
}

fn rule_shape<'a>(eyes: Eyes<'_>, rule: &'a RuleExplanation, earlier: &'a Earlier) -> RuleShape<'a> {
    let amount = |amount: &'a AmountExplanation| AmountShape {
        wallet: &amount.wallet,
        source: &amount.source,
        seen: &amount.seen,
        wanted: eyes.points(&amount.wallet, amount.wanted),
        granted: eyes.points(&amount.wallet, amount.granted),
        cut: amount.cut.as_deref(),
    };
    RuleShape {
        rule: &rule.rule,
        name: rule.name.as_deref(),
        applied: rule.applied,
        why_not: rule.why_not,
        paid_by: earlier.get(rule.rule.as_str()),
        schedule: rule.schedule.as_ref(),
        campaigns: &rule.campaigns,
        conditions: &rule.conditions,
        items: &rule.items,
        amounts: rule.amounts.iter().map(amount).collect(),
    }
}
