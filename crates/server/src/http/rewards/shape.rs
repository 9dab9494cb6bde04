//! A reward as it is offered: what it costs and gives, and what is missing.

use std::collections::BTreeMap;

use domain::decide::quote::Offered;
use domain::plan::{Discount, Gives, Off, WalletNo};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::redemptions::shape::points;
use crate::http::shape::{Eyes, Points};

pub fn gives(gives: &Gives) -> Value {
    match gives {
        Gives::CodeImported(pool) => json!({"code": {"pool": pool.as_str()}}),
        Gives::CodePattern(pattern) => json!({"code": {"pattern": pattern.as_str()}}),
        Gives::Discount(discount) => json!({"discount": off(discount)}),
        Gives::Product(product) => json!({"product": product.as_str()}),
        Gives::Value(value) => json!({"value": &*value.source}),
        Gives::Earn(_) => json!({"earn": true}),
        Gives::Custom(custom) => json!({"custom": custom}),
    }
}

fn off(discount: &Discount) -> Value {
    let (key, source) = match &discount.off {
        Off::Percent(percent) => ("percent", &percent.source),
        Off::Amount(amount) => ("amount", &amount.source),
    };
    let mut shown = json!({key: &**source});
    for (key, expr) in
        [("items", &discount.items), ("cheapest", &discount.cheapest), ("at_most", &discount.at_most)]
    {
        if let Some(expr) = expr {
            shown[key] = json!(&*expr.source);
        }
    }
    shown
}

#[derive(Serialize)]
pub struct OfferedShape<'a> {
    id: &'a str,
    name: Option<&'a str>,
    cost: Option<BTreeMap<&'a str, Points>>,
    gives: Value,
    value: Option<String>,
    needs_order: bool,
    /// For all members together, where there is a stock or a pool.
    left: Option<i64>,
    #[serde(flatten)]
    reach: Option<Reach<'a>>,
}

/// For somebody who asks for himself.
#[derive(Serialize)]
struct Reach<'a> {
    within_reach: bool,
    refusal: Option<RefusalShape<'a>>,
}

#[derive(Serialize)]
struct RefusalShape<'a> {
    code: &'a str,
    message: &'a str,
    missing: BTreeMap<&'a str, Points>,
}

impl<'a> OfferedShape<'a> {
    /// `for_member`: whether somebody asks for himself; else only what the program says.
    pub fn new(eyes: Eyes<'a>, one: &'a Offered, for_member: bool) -> Self {
        let reward = &eyes.plan.rewards[usize::from(one.reward)];
        let by_no = |(no, minor): &(WalletNo, i64)| (&*eyes.plan.wallets[usize::from(*no)].id, *minor);
        let refusal = one.refusal.as_ref().map(|refusal| RefusalShape {
            code: &refusal.reason.code,
            message: &refusal.reason.message,
            missing: points(eyes, refusal.missing.iter().map(by_no)),
        });
        OfferedShape {
            id: &reward.id,
            name: reward.name.as_deref(),
            cost: one.terms.as_ref().map(|terms| points(eyes, terms.cost.iter().map(by_no))),
            gives: gives(&reward.gives),
            value: one.terms.as_ref().and_then(|terms| terms.value).map(|value| value.to_string()),
            needs_order: reward.needs_order,
            left: one.left,
            reach: for_member.then_some(Reach { within_reach: refusal.is_none(), refusal }),
        }
    }
}
