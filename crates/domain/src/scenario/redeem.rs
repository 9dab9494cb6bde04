//! Steps about rewards: `redeem`, `confirm`, `cancel`. Each is what the API would send.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::run::{Run, Seen};
use super::{Fields, Redeem, Step};
use crate::event::API_SOURCE;
use crate::outcome::{Decision, Status};
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

    /// What the cart would bring: a refusal counts as one of the step's decisions.
    pub(super) fn quote(&self, step: &Step, cart: &Fields, seen: &mut Seen) {
        let mut cart = cart.clone();
        let currency = self.region(step).currency.to_string();
        cart.entry("currency").or_insert(Json::String(currency));
        if let Some(region) = &step.region {
            cart.entry("region").or_insert(Json::String(region.to_string()));
        }
        let Some(member) = super::run::identity(&step.member).and_then(|name| self.memory.member(&name))
        else {
            return;
        };
        match self.memory.quote(member.no, Json::Object(cart).to_string().as_bytes(), self.now) {
            Ok(quote) => {
                seen.discount = quote.discount();
                seen.quoted.extend(quote.discounts.iter().map(|(rule, _)| rule.clone()));
                seen.decisions.push(quote.paid);
            }
            Err(reason) => {
                let mut refused = Decision::new(Status::Refused, self.plan.version);
                refused.reason = Some(reason);
                seen.decisions.push(Arc::new(refused));
            }
        }
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
        let now =
            decision.redemptions.iter().filter(|one| one.stage == Stage::Confirmed && one.back.is_zero());
        now.map(|one| Value::Text(one.reward.clone())).collect::<Vec<_>>()
    };
    Value::List(decisions.iter().flat_map(confirmed).collect())
}
