//! A redemption as people and programs see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use domain::event::MemberNo;
use domain::redemption::{self, Redemption, Stage};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::rewards::shape::gives;
use crate::http::shape::{Eyes, Points};

#[derive(Serialize)]
pub struct RedemptionShape<'a> {
    id: String,
    member: String,
    reward: &'a str,
    quantity: String,
    status: Stage,
    at: Timestamp,
    until: Option<Timestamp>,
    cost: BTreeMap<&'a str, Points>,
    returned: BTreeMap<&'a str, Points>,
    earned: BTreeMap<&'a str, Points>,
    codes: Vec<&'a str>,
    value: Option<String>,
    gives: Option<Value>,
    order: Option<&'a str>,
    rule: Option<&'a str>,
}

/// Points by wallet.
pub fn points<'w>(eyes: Eyes<'_>, all: impl Iterator<Item = (&'w str, i64)>) -> BTreeMap<&'w str, Points> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (wallet, minor) in all {
        *sums.entry(wallet).or_default() += minor;
    }
    sums.into_iter().map(|(wallet, minor)| (wallet, eyes.points(wallet, minor))).collect()
}

impl<'a> RedemptionShape<'a> {
    pub fn new(eyes: Eyes<'_>, member: MemberNo, one: &'a Redemption) -> Self {
        let returned = one.spent.iter().filter(|spent| spent.returned > 0);
        let reward = eyes.plan.rewards.iter().find(|reward| reward.id == one.reward);
        RedemptionShape {
            id: redemption::id(eyes.codes, one.pos, one.n).as_str().to_owned(),
            member: eyes.member(member),
            reward: &one.reward,
            quantity: one.quantity.to_string(),
            status: one.stage,
            at: one.at,
            until: one.until,
            cost: points(eyes, one.spent.iter().map(|spent| (&*spent.wallet, spent.amount))),
            returned: points(eyes, returned.map(|spent| (&*spent.wallet, spent.returned))),
            earned: points(eyes, one.earned.iter().map(|earned| (&*earned.wallet, earned.amount))),
            codes: one.codes.iter().map(|code| code.as_str()).collect(),
            value: one.value.map(|value| value.to_string()),
            gives: reward.map(|reward| gives(&reward.gives)),
            order: one.order.as_deref(),
            rule: one.rule.as_deref(),
        }
    }
}

/// The row and number of a public name.
pub fn parse(app: &App, id: &str) -> Result<(u64, u16), Problem> {
    redemption::parse(&app.codes, id).ok_or_else(|| Problem::not_found("redemption"))
}

pub async fn find(app: &Arc<App>, id: &str) -> Result<(MemberNo, Redemption), Problem> {
    let (pos, n) = parse(app, id)?;
    let found = app.read(move |reader| reader.redemption_get(pos, n)).await?;
    found.ok_or_else(|| Problem::not_found("redemption"))
}

pub fn answer(app: &App, status: u16, member: MemberNo, one: &Redemption) -> Response {
    let plan = app.versions.current();
    body::answer(status, &RedemptionShape::new(app.eyes(&plan), member, one))
}
