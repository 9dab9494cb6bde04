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

/// `order.refunded took back groceries 60, gift_cards 0`
pub fn event(step: &Step, decisions: &[Arc<Decision>], plan: &Plan) -> String {
    let Some((kind, _)) = &step.event else { return "none, only time went on".into() };
    let Some(last) = decisions.last() else { return format!("{kind} was there before") };
    let status = match last.status {
        Status::Applied => String::new(),
        Status::Ignored => " was ignored".into(),
        Status::Refused => " was refused".into(),
        Status::Waiting => " waits".into(),
    };
    let reason = last.reason.as_ref().map_or(String::new(), |r| format!(": {} ({})", r.message, r.code));
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
    if did.is_empty() && last.status == Status::Applied {
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
