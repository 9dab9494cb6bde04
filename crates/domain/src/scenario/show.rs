//! A failed test, for people: what was expected, what was seen, what the event did.

use std::sync::Arc;

use super::{Failure, Step};
use crate::condition::Code;
use crate::num::Num;
use crate::outcome::{Decision, Status};
use crate::plan::Plan;
use crate::program::diag::{Diagnostic, Severity};
use crate::value::Value;

impl Failure {
    /// As `diag::render` and `diag::to_json` tell it.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            code: Code::TestFailed,
            severity: Severity::Error,
            path: format!("tests.{}.steps.{}", self.test, self.step - 1),
            source: self.source,
            span: self.byte..self.byte,
            shown: self.byte..self.byte,
            message: format!("test {} failed at step {}", self.test, self.step),
            hint: format!(
                "  expected  {}\n  seen      {}\n  the event  {}",
                self.expected, self.seen, self.event
            ),
            fix: None,
        }
    }
}

/// What the step did, as it is written.
fn act(step: &Step, plan: &Plan) -> String {
    let redeemed = |redeem: &super::Redeem| format!("redeem {}", plan.rewards[usize::from(redeem.reward)].id);
    let nth = |word: &str, of: usize| format!("{word} of step {}", of + 1);
    let event = step.event.as_ref().map(|(kind, _)| kind.to_string());
    event
        .or_else(|| step.redeem.as_ref().map(redeemed))
        .or_else(|| step.confirm.map(|of| nth("confirm", of)))
        .or_else(|| step.cancel.map(|of| nth("cancel", of)))
        .or_else(|| step.quote.as_ref().map(|_| "quote".to_owned()))
        .or_else(|| step.join.as_ref().map(|with| format!("join {with}")))
        .unwrap_or_else(|| "time".to_owned())
}

/// `order.refunded took back groceries 60, gift_cards 0`
pub fn event(step: &Step, decisions: &[Arc<Decision>], plan: &Plan) -> String {
    let kind = act(step, plan);
    let Some(last) = decisions.last() else {
        return match (&step.event, step.confirm.or(step.cancel)) {
            (Some(_), _) => format!("{kind} was there before"),
            (None, Some(_)) => format!("{kind}, which redeemed nothing"),
            (None, None) => "none, only time went on".into(),
        };
    };
    let status = match last.status {
        Status::Applied => String::new(),
        Status::Ignored => " was ignored".into(),
        Status::Refused => " was refused".into(),
        Status::Waiting => " waits".into(),
    };
    let reason = last.reason.as_ref().map_or(String::new(), |r| {
        let field = r.pointer.as_ref().map_or(String::new(), |p| format!(" at {p}"));
        format!(": {} ({}{field})", r.message, r.code)
    });
    let mut did: Vec<String> = Vec::new();
    for (kind, verb) in [("earn", "gave"), ("reverse", "took back"), ("failed", "failed in")] {
        let effects = decisions.iter().flat_map(|d| &d.effects).filter(|e| &*e.kind == kind);
        let one = |e: &crate::outcome::Effect| {
            let wallet = plan.wallets.iter().find(|w| w.id == e.wallet);
            let amount = Num::minor(e.granted, wallet.map_or(0, |w| w.decimals));
            let several = if plan.wallets.len() > 1 { format!(" {}", e.wallet) } else { String::new() };
            let cut = e.cut.as_ref().map_or(String::new(), |c| format!(" ({c})"));
            format!("{} {amount}{several}{cut}", e.rule)
        };
        let all: Vec<String> = effects.map(one).collect();
        if !all.is_empty() {
            did.push(format!("{verb} {}", all.join(", ")));
        }
    }
    let emitted: Vec<&str> = decisions.iter().flat_map(|d| &d.emitted).map(|e| &*e.kind).collect();
    if !emitted.is_empty() {
        did.push(format!("emitted {}", emitted.join(", ")));
    }
    if did.is_empty() && last.status == Status::Applied && step.event.is_some() {
        did.push("gave nothing".into());
    }
    let did = if did.is_empty() { String::new() } else { format!(" {}", did.join(", ")) };
    format!("{kind}{status}{reason}{did}")
}

/// As a program would write it.
pub fn value(value: &Value) -> String {
    match value {
        Value::Absent => "absent".into(),
        Value::Num(n) => n.to_string(),
        Value::Text(t) => format!("\"{t}\""),
        Value::Bool(b) => b.to_string(),
        Value::Date(d) => d.to_string(),
        Value::Time(t) => t.to_string(),
        Value::List(list) | Value::Record(list) => {
            format!("[{}]", list.iter().map(self::value).collect::<Vec<_>>().join(", "))
        }
    }
}
