//! Clocks: what a rule or a workflow hears in place of an event.

use super::Compiler;
use crate::condition::Code;
use crate::plan::Clock;
use crate::program::check::near::did_you_mean;
use crate::program::check::value::time_of_day;
use crate::program::read::{Key, Node, Table};
use crate::time::{Span, Unit};
use crate::value::Type;

/// Each kind of clock with what may stand beside it.
const KINDS: [(&str, &[&str]); 4] =
    [("every", &["after"]), ("yearly", &["before", "at"]), ("idle", &["of"]), ("once", &[])];

fn known(key: &str) -> bool {
    KINDS.iter().any(|(kind, beside)| *kind == key || beside.contains(&key))
}

impl Compiler<'_, '_, '_> {
    /// The clock in `on`, if one stands there.
    pub fn clock(&mut self, table: &Table, path: &str) -> Option<Clock> {
        let (key, node) = table.entry("on")?;
        let on = node.table()?;
        let path = format!("{path}.on");
        let (kind, beside) = self.one_kind(on, key, &path)?;
        for (other, _) in on.iter().filter(|(k, _)| k.text != kind && !beside.contains(&k.text.as_str())) {
            let owner = KINDS.iter().find(|(_, beside)| beside.contains(&other.text.as_str()));
            let Some((owner, _)) = owner else { continue };
            let message = format!("`{}` does not go with `{kind}`", other.text);
            let path = format!("{path}.{}", other.text);
            self.report.error(Code::UnknownKey, &path, &other.at, message, format!("it goes with `{owner}`"));
        }
        let span = |key: &str| on.get(key).and_then(Node::text).and_then(Span::parse);
        match kind {
            "every" => {
                let unit = on.get("every").and_then(Node::text).and_then(Unit::parse)?;
                Some(Clock::Every { unit, after: span("after") })
            }
            "yearly" => {
                let field = self.date_of_member(on.get("yearly")?, &path)?;
                let at = on.get("at").and_then(Node::text).and_then(time_of_day).unwrap_or((0, 0));
                Some(Clock::Yearly { field, before: span("before"), at })
            }
            "idle" => {
                let Some(of) = on.get("of") else {
                    let message = "`idle` lacks `of`";
                    let hint = "silence of which events: `of = \"order.paid\"`";
                    self.report.error(Code::MissingKey, &path, &key.at, message, hint);
                    return None;
                };
                let of = self.types(of, &format!("{path}.of"));
                Some(Clock::Idle { span: span("idle")?, of })
            }
            _ => Some(Clock::Once { at: on.get("once")?.date_time()? }),
        }
    }

    fn one_kind(
        &mut self,
        on: &Table,
        key: &Key,
        path: &str,
    ) -> Option<(&'static str, &'static [&'static str])> {
        let mut kinds = KINDS.iter().filter(|(kind, _)| on.get(kind).is_some());
        let (first, second) = (kinds.next(), kinds.next());
        match (first, second) {
            (Some(kind), None) => Some(*kind),
            (Some((first, _)), Some((second, _))) => {
                let at = on.entry(second).map_or(&key.at, |(key, _)| &key.at);
                let message = format!("`{second}` does not go with `{first}`");
                self.report.error(Code::UnknownKey, path, at, message, "a clock rings in one way");
                None
            }
            // A key that no clock has is told already, and was meant to say it.
            (None, _) if on.iter().any(|(key, _)| !known(&key.text)) => None,
            (None, _) => {
                let message = "a clock lacks when it rings";
                let hint = "`every = \"month\"`, `yearly = \"member.birthday\"`, `idle = \"45 days\"`, `once = 2027-01-01`";
                self.report.error(Code::MissingKey, path, &key.at, message, hint);
                None
            }
        }
    }

    /// `"member.birthday"`: the slot of a date.
    fn date_of_member(&mut self, node: &Node, path: &str) -> Option<u16> {
        let text = node.text()?;
        let path = format!("{path}.yearly");
        let member = self.names.events.member.clone();
        let name = text.strip_prefix("member.").unwrap_or("");
        match member.slot(name) {
            Some(slot) if member.0[slot].ty == Type::Date => return u16::try_from(slot).ok(),
            Some(_) => {
                let message = format!("`{text}` is not a date");
                self.report.error(
                    Code::TypeMismatch,
                    &path,
                    &node.at,
                    message,
                    "a year has a day for dates alone",
                );
            }
            None => {
                let dates: Vec<String> = member
                    .0
                    .iter()
                    .filter(|f| f.ty == Type::Date)
                    .map(|f| format!("member.{}", f.name))
                    .collect();
                let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
                let known = format!("a date of the member: `{}`", dates.join("`, `"));
                let hint = did_you_mean(text, dates.iter().copied(), &known);
                let message = format!("there is no date `{text}`");
                self.report.error(Code::UnknownField, &path, &node.at, message, hint);
            }
        }
        None
    }
}
