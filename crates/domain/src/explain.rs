//! Why an event came out as it did: for each rule of its type, applied or not, each condition with the values seen, the
//! schedule, the campaign, the limit that bit. Pure: from the program version that judged, the event, and what was
//! recorded with it. The member's state of today is never asked.

mod changes;
mod moves;

use serde::Serialize;

use crate::bind;
use crate::condition::{Expr, State};
use crate::decide::{self, Case, Recorded};
use crate::event::Event;
use crate::household::Who;
use crate::outcome::{Decision, Effect, Reason, Status};
use crate::plan::{Campaign, CampaignNo, EventType, OncePer, Plan, Rule, RuleNo, WalletNo};
use crate::value::Text;
use crate::value::{Type, Value};

pub use changes::ChangeExplanation;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Program version that judged.
    pub version: u32,
    /// Local time by which schedules were judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Text>,
    pub rules: Vec<RuleExplanation>,
    /// What else happened, in words: what was taken back, changed by hand, spent, released; what ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeExplanation>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleExplanation {
    pub rule: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// It granted something or said something.
    pub applied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<WhyNot>,
    /// What it paid for before: the value of its business key, where that is an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Held>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<CampaignExplanation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Held>,
    /// With `each`: the elements that it looked at, the first `ITEMS_MAX`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemExplanation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<AmountExplanation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    Paused,
    Schedule,
    /// The campaign is paused, over, or not for this member.
    Campaign,
    /// The member is of the share that never gets the campaign.
    HeldOut,
    Condition,
    /// No element of `each` was picked.
    NoItem,
    /// A limit, a budget or `balance_max`: `cut` of the amount says which.
    Limit,
    /// The campaign pays another.
    NotChosen,
    /// Its business key was used before.
    AlreadyPaid,
    /// The amount came to nothing.
    NothingToPay,
    OutOfRange,
}

/// A condition or a schedule: as written, whether it held (not, if a number was out of range), and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub source: Text,
    pub held: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<(String, serde_json::Value)>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CampaignExplanation {
    pub campaign: Text,
    pub paused: bool,
    pub held_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Held>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Held>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemExplanation {
    pub index: usize,
    pub picked: bool,
    pub conditions: Vec<Held>,
    /// What its amounts were computed from, if it was picked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<ItemAmount>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemAmount {
    pub wallet: Text,
    pub seen: Vec<(String, serde_json::Value)>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AmountExplanation {
    pub wallet: Text,
    pub source: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<(String, serde_json::Value)>,
    /// Smallest parts.
    pub wanted: i64,
    pub granted: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Text>,
}

const ITEMS_MAX: usize = 50;

/// `plan` is the version that judged (`decision.version`), `event` and `decision` are of one row.
pub fn explain(plan: &Plan, event: &Event, decision: &Decision) -> Explanation {
    let mut explanation = Explanation {
        status: decision.status,
        reason: decision.reason.clone(),
        version: decision.version,
        now: None,
        region: None,
        rules: Vec::new(),
        changes: changes::changes(plan, event, decision),
    };
    let Some(ty) = plan.type_by_name.get(&event.kind).map(|no| &plan.types[usize::from(*no)]) else {
        return explanation;
    };
    let Ok(bound) = bind::bind(&ty.fields, &event.data).and_then(|read| read.whole(ty.canon)) else {
        return explanation;
    };
    if decision.status != Status::Applied {
        return explanation;
    }
    let member = crate::member::Member::new(decision.member.unwrap_or(0), event.time);
    let region =
        decision.seen.iter().find(|(name, _)| &**name == decide::REGION).and_then(|(_, id)| id.as_str());
    let region = plan.regions.iter().find(|r| Some(&*r.id) == region).unwrap_or(&plan.regions[0]);
    let mut case = Case::new(plan, ty, event, &bound.record, Who::alone(&member), region, event.time);
    case.recall(&decision.seen);
    explanation.now = Some(case.now.to_string());
    explanation.region = (!region.id.is_empty()).then(|| region.id.clone());
    let before = Recorded::new(plan, ty, &decision.seen);
    let granted = granted(plan, &decision.effects);
    let state = decide::env_state(&before, plan, &granted);
    let teller = Teller { case: &case, ty, state: &state, decision };
    explanation.rules = ty.rules.iter().map(|no| teller.rule(*no)).collect();
    explanation
}

fn granted(plan: &Plan, effects: &[Effect]) -> Vec<(RuleNo, WalletNo, i64)> {
    let numbers = |effect: &Effect| {
        let rule = plan.rules.iter().position(|r| r.id == effect.rule)?;
        let wallet = plan.wallets.iter().position(|w| w.id == effect.wallet)?;
        (&*effect.kind == "earn").then_some((rule as RuleNo, wallet as WalletNo, effect.granted))
    };
    effects.iter().filter_map(numbers).collect()
}

struct Teller<'a> {
    case: &'a Case<'a>,
    ty: &'a EventType,
    state: &'a dyn State,
    decision: &'a Decision,
}

impl Teller<'_> {
    fn rule(&self, no: RuleNo) -> RuleExplanation {
        let plan = self.case.plan;
        let rule = &plan.rules[usize::from(no)];
        debug_assert!(self.ty.rules.contains(&no), "a rule of this type");
        let schedule = rule.trigger.active.as_ref().map(|s| Held {
            source: (&*s.source).into(),
            held: s.holds(&self.case.now),
            seen: Vec::new(),
        });
        let mut told = RuleExplanation {
            rule: rule.id.clone(),
            name: rule.name.clone(),
            applied: self.applied(rule),
            why_not: None,
            once: None,
            schedule,
            campaigns: self.campaigns(rule.campaign),
            conditions: Vec::new(),
            items: Vec::new(),
            amounts: Vec::new(),
        };
        match &rule.trigger.each {
            None => told.conditions = self.conditions(&rule.trigger.when, None),
            Some(each) => {
                let items = decide::list_at(self.case.payload, &each.path);
                told.items = items
                    .iter()
                    .enumerate()
                    .take(ITEMS_MAX)
                    .map(|(i, item)| self.item(rule, i, item))
                    .collect();
            }
        }
        told.amounts = self.amounts(rule);
        if !told.applied {
            told.why_not = Some(self.why_not(rule, &told));
            told.once = self.once(rule).filter(|_| told.why_not == Some(WhyNot::AlreadyPaid));
        }
        told
    }

    fn effects<'d>(&'d self, rule: &'d Rule) -> impl Iterator<Item = &'d Effect> {
        self.decision.effects.iter().filter(|e| e.rule == rule.id && &*e.kind != "reverse")
    }

    fn applied(&self, rule: &Rule) -> bool {
        self.effects(rule).any(|e| e.granted > 0) || self.decision.emitted.iter().any(|e| e.rule == rule.id)
    }

    fn why_not(&self, rule: &Rule, told: &RuleExplanation) -> WhyNot {
        let effects: Vec<&Effect> = self.effects(rule).collect();
        if effects.iter().any(|e| &*e.kind == "failed") {
            return WhyNot::OutOfRange;
        }
        if let Some(cut) = effects.iter().find_map(|e| e.cut.as_deref()) {
            let campaign =
                self.case.plan.campaigns.iter().any(|c| cut.strip_prefix("campaigns.") == Some(&c.id));
            return if campaign { WhyNot::NotChosen } else { WhyNot::Limit };
        }
        let closed = |c: &CampaignExplanation| {
            c.paused || c.schedule.as_ref().is_some_and(|s| !s.held) || c.conditions.iter().any(|c| !c.held)
        };
        match told {
            _ if rule.paused => WhyNot::Paused,
            _ if told.schedule.as_ref().is_some_and(|s| !s.held) => WhyNot::Schedule,
            _ if told.campaigns.iter().any(closed) => WhyNot::Campaign,
            _ if told.campaigns.iter().any(|c| c.held_out) => WhyNot::HeldOut,
            _ if told.conditions.iter().any(|c| !c.held) => WhyNot::Condition,
            _ if rule.trigger.each.is_some() && !told.items.iter().any(|i| i.picked) => WhyNot::NoItem,
            _ if !effects.is_empty() || self.comes_to_nothing(rule) => WhyNot::NothingToPay,
            _ if rule.earn.is_empty() && !rule.place.is_empty() => WhyNot::NothingToPay,
            _ => WhyNot::AlreadyPaid,
        }
    }

    fn once(&self, rule: &Rule) -> Option<Text> {
        let OncePer::Expr(expr) = &rule.once_per else { return None };
        expr.eval(&self.case.env(self.state, None)).ok().map(|value| decide::once_value(&value))
    }

    /// No amount of the rule is more than 0, for any element.
    fn comes_to_nothing(&self, rule: &Rule) -> bool {
        let small = |earn: &crate::plan::Earn, item: Option<&Value>| {
            let wallet = &self.case.plan.wallets[usize::from(earn.wallet)];
            let amount = earn.amount.num(&self.case.env(self.state, item));
            amount.and_then(|n| n.to_minor(wallet.decimals, wallet.round)).is_ok_and(|minor| minor <= 0)
        };
        let each = rule.trigger.each.as_ref();
        !rule.earn.is_empty()
            && rule.earn.iter().all(|earn| match each {
                None => small(earn, None),
                Some(each) => {
                    decide::list_at(self.case.payload, &each.path).iter().all(|item| small(earn, Some(item)))
                }
            })
    }

    fn campaigns(&self, mut no: Option<CampaignNo>) -> Vec<CampaignExplanation> {
        let mut told = Vec::new();
        while let Some(at) = no {
            let campaign: &Campaign = &self.case.plan.campaigns[usize::from(at)];
            told.push(CampaignExplanation {
                campaign: campaign.id.clone(),
                paused: campaign.paused,
                held_out: decide::held_out(campaign, self.decision.member.unwrap_or(0)),
                schedule: campaign.active.as_ref().map(|s| Held {
                    source: (&*s.source).into(),
                    held: s.holds(&self.case.now),
                    seen: Vec::new(),
                }),
                conditions: self.conditions(&campaign.when, None),
            });
            no = campaign.parent;
        }
        told
    }

    /// Up to the first that did not hold: those after it were not looked at, and may lean on it.
    fn conditions(&self, conditions: &[Expr], item: Option<&Value>) -> Vec<Held> {
        let mut told = Vec::new();
        for condition in conditions {
            let env = self.case.env(self.state, item);
            let held = condition.holds(&env) == Ok(true);
            told.push(Held { source: (&*condition.source).into(), held, seen: self.seen(condition, item) });
            if !held {
                break;
            }
        }
        told
    }

    fn seen(&self, expr: &Expr, item: Option<&Value>) -> Vec<(String, serde_json::Value)> {
        let seen = expr.seen(&self.case.env(self.state, item));
        seen.into_iter().map(|(name, value)| (name, bind::to_json(&value, &Type::Text))).collect()
    }

    fn item(&self, rule: &Rule, index: usize, item: &Value) -> ItemExplanation {
        let conditions = self.conditions(&rule.trigger.when, Some(item));
        let picked = conditions.iter().all(|c| c.held);
        let amount = |earn: &crate::plan::Earn| ItemAmount {
            wallet: self.case.plan.wallets[usize::from(earn.wallet)].id.clone(),
            seen: self.seen(&earn.amount, Some(item)),
        };
        let amounts = if picked { rule.earn.iter().map(amount).collect() } else { Vec::new() };
        ItemExplanation { index, picked, conditions, amounts }
    }

    /// What was wanted and granted, as recorded; with the values of the amount where it does not go by item.
    fn amounts(&self, rule: &Rule) -> Vec<AmountExplanation> {
        let amount = |effect: &Effect| {
            let of = |earn: &&crate::plan::Earn| {
                self.case.plan.wallets[usize::from(earn.wallet)].id == effect.wallet
            };
            let earn = rule.earn.iter().find(of)?;
            let seen = if rule.trigger.each.is_some() { Vec::new() } else { self.seen(&earn.amount, None) };
            Some(AmountExplanation {
                wallet: effect.wallet.clone(),
                source: (&*earn.amount.source).into(),
                seen,
                wanted: effect.wanted,
                granted: effect.granted,
                cut: effect.cut.clone(),
            })
        };
        self.effects(rule).filter_map(amount).collect()
    }
}
