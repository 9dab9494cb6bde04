//! Steps about rewards: `redeem`, `confirm`, `cancel`. Each is what the API would send.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::run::Run;
use super::{Redeem, Step};
use crate::event::API_SOURCE;
use crate::outcome::Decision;
use crate::own;
use crate::redemption::{self, Stage};
use crate::value::Value;

impl Run<'_> {
    /// A redemption is confirmed with it, unless a later step confirms or cancels it.
    pub(super) fn redeem(&mut self, number: usize, step: &Step, redeem: &Redeem) -> Vec<Arc<Decision>> {
        let later = |step: &Step| step.confirm == Some(number) || step.cancel == Some(number);
        let confirm = !self.test.steps.iter().any(later);
        let reward = self.plan.rewards[usize::from(redeem.reward)].id.as_str();
        let mut data = json!({"reward": reward, "quantity": redeem.quantity.to_string(), "confirm": confirm});
        if let Some(order) = &redeem.order {
            let mut order = order.clone();
            let currency = self.region(step).currency.to_string();
            order.entry("currency").or_insert(Json::String(currency));
            if let Some(region) = &step.region {
                order.entry("region").or_insert(Json::String(region.to_string()));
            }
            data["order"] = Json::Object(order);
        }
        let rows = self.send(API_SOURCE, number, own::REDEEM, &step.member, &data);
        if let Some(made) = rows.iter().flat_map(|d| &d.redemptions).find(|one| one.rule.is_none()) {
            self.redeemed.push((number, redemption::id(&self.memory.plans.keys, made.pos, made.n)));
        }
        rows
    }

    /// `confirm` or `cancel` what a step redeemed; nothing, if that was refused.
    pub(super) fn act(&mut self, number: usize, step: &Step, of: usize, act: &str) -> Vec<Arc<Decision>> {
        let Some((_, id)) = self.redeemed.iter().find(|(at, _)| *at == of) else { return Vec::new() };
        let data = json!({"redemption": id.as_str(), "act": act});
        self.send(API_SOURCE, number, own::REDEMPTION, &step.member, &data)
    }
}

/// Rewards that were given for good in these rows.
pub(super) fn given(decisions: &[Arc<Decision>]) -> Value {
    let confirmed = |decision: &Arc<Decision>| {
        let now = decision.redemptions.iter().filter(|one| one.stage == Stage::Confirmed && one.back.is_zero());
        now.map(|one| Value::Text(one.reward.clone())).collect::<Vec<_>>()
    };
    Value::List(decisions.iter().flat_map(confirmed).collect())
}
