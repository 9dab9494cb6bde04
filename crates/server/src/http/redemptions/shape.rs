//! A redemption as people and programs see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use domain::event::MemberNo;
use domain::redemption::{self, Redemption};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::shape::{Eyes, Points};

/// Points by wallet.
pub fn points<'w>(eyes: Eyes<'_>, all: impl Iterator<Item = (&'w str, i64)>) -> Map<String, Value> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (wallet, minor) in all {
        *sums.entry(wallet).or_default() += minor;
    }
    let shown = |points: Points| serde_json::to_value(points).unwrap_or_default();
    sums.iter().map(|(wallet, minor)| ((*wallet).to_owned(), shown(eyes.points(wallet, *minor)))).collect()
}

pub fn shape(app: &App, member: MemberNo, one: &Redemption) -> Value {
    let plan = app.versions.current();
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    let spent = points(eyes, one.spent.iter().map(|spent| (&*spent.wallet, spent.amount)));
    let returned = points(
        eyes,
        one.spent.iter().filter(|spent| spent.returned > 0).map(|spent| (&*spent.wallet, spent.returned)),
    );
    let earned = points(eyes, one.earned.iter().map(|earned| (&*earned.wallet, earned.amount)));
    let gives = plan.rewards.iter().find(|reward| reward.id == one.reward).map(|reward| &reward.gives);
    json!({
        "id": redemption::id(&app.reader.key_maker(), one.pos, one.n).as_str(),
        "member": eyes.member(member),
        "reward": one.reward.as_str(),
        "quantity": one.quantity.to_string(),
        "status": one.stage,
        "at": one.at,
        "until": one.until,
        "cost": spent,
        "returned": returned,
        "earned": earned,
        "codes": one.codes.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        "value": one.value.map(|value| value.to_string()),
        "gives": gives.map(crate::http::rewards::shape::gives),
        "order": one.order.as_deref(),
        "rule": one.rule.as_deref(),
    })
}

/// The row and number of a public name.
pub fn parse(app: &App, id: &str) -> Result<(u64, u16), Problem> {
    redemption::parse(&app.reader.key_maker(), id).ok_or_else(|| Problem::not_found("redemption"))
}

pub async fn find(app: &Arc<App>, id: &str) -> Result<(MemberNo, Redemption), Problem> {
    let (pos, n) = parse(app, id)?;
    let found = app.read(move |reader| reader.redemption_get(pos, n)).await?;
    found.ok_or_else(|| Problem::not_found("redemption"))
}

pub fn answer(app: &App, status: u16, member: MemberNo, one: &Redemption) -> Response {
    body::answer(status, &shape(app, member, one))
}
