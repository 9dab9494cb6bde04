//! A reward as it is offered: what it costs and gives, and what is missing.

use domain::decide::quote::Offered;
use domain::plan::{Discount, Gives, Off};
use serde_json::{Value, json};

use crate::http::redemptions::shape::points;
use crate::http::shape::Eyes;

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

/// `for_member`: whether somebody asks for himself; else only what the program says.
pub fn offered(eyes: Eyes<'_>, one: &Offered, for_member: bool) -> Value {
    let reward = &eyes.plan.rewards[usize::from(one.reward)];
    let id = |no: u16| &*eyes.plan.wallets[usize::from(no)].id;
    let cost = one.terms.as_ref().map(|terms| points(eyes, terms.cost.iter().map(|(no, n)| (id(*no), *n))));
    let mut shown = json!({
        "id": reward.id.as_str(),
        "name": reward.name.as_deref(),
        "cost": cost,
        "gives": gives(&reward.gives),
        "value": one.terms.as_ref().and_then(|terms| terms.value).map(|value| value.to_string()),
        "needs_order": reward.needs_order,
    });
    if for_member {
        shown["within_reach"] = json!(one.refusal.is_none());
        let missing = one.refusal.as_ref();
        shown["refusal"] = missing.map_or(Value::Null, |refusal| {
            json!({"code": refusal.reason.code.as_str(), "message": refusal.reason.message.as_str(),
                "missing": points(eyes, refusal.missing.iter().map(|(no, n)| (id(*no), *n)))})
        });
    }
    shown
}
