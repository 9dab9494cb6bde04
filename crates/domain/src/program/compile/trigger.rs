//! What starts a rule or a counter: `on`, `each`, `when`, `active`.

use super::scope::{Place, walk};
use super::warnings::Ends;
use super::{Compiler, Names};
use crate::canonical;
use crate::condition::Code;
use crate::event::RESERVED;
use crate::plan::{Canon, Each, Trigger, TypeNo};
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::check::shape::is_event_type;
use crate::program::check::value::{EVENT_TYPE, hours};
use crate::program::read::{At, Kind, Node, Table, canonical_json};
use crate::time::{Schedule, WEEKDAYS};
use crate::value::Type;

/// The types that `on` names, as far as they are known; says nothing.
pub fn heard(names: &Names, table: &Table) -> Vec<TypeNo> {
    if clock_text(table).is_some() {
        return vec![names.events.clock()];
    }
    let words = table.get("on").map(Node::one_or_more).unwrap_or_default();
    let mut on: Vec<TypeNo> = Vec::new();
    for no in words.iter().filter_map(|n| names.events.by_name.get(n.text()?)) {
        if !on.contains(no) {
            on.push(*no);
        }
    }
    on
}

/// A clock as one text: rules on the same clock see each other.
pub fn clock_text(table: &Table) -> Option<String> {
    table.get("on").filter(|n| n.table().is_some()).map(canonical_json)
}

impl Compiler<'_, '_, '_> {
    pub fn trigger(&mut self, table: &Table, path: &str, place: impl Fn(Option<String>) -> Place) -> Trigger {
        let on = self.on(table, path);
        let each = self.each(table, path, &heard(&self.names, table));
        let place = place(each_path(table));
        let when = self.conditions(table.get("when"), &format!("{path}.when"), &place);
        let active = self.schedule(table, path);
        Trigger { on, each, when, active }
    }

    fn on(&mut self, table: &Table, path: &str) -> Vec<TypeNo> {
        let path = format!("{path}.on");
        let Some(node) = table.get("on").filter(|n| n.table().is_none()) else { return Vec::new() };
        if node.one_or_more().is_empty() {
            let hint = "an event type: `on = \"order.paid\"`";
            self.report.error(Code::MissingKey, &path, &node.at, "`on` names no event", hint);
        }
        self.types(node, &path);
        let on = heard(&self.names, table);
        let first = on.first().map(|no| self.names.events.get(*no));
        for other in on.iter().map(|no| self.names.events.get(*no)) {
            let Some(first) = first else { break };
            if other.noun != first.noun || other.fields != first.fields {
                let what = if other.noun == first.noun { "the same fields" } else { "the same noun" };
                let message = format!("`{}` and `{}` do not have {what}", first.name, other.name);
                self.report.error(Code::TypeMismatch, &path, &node.at, message, "write one rule for each");
            }
        }
        on
    }

    /// Event types as written; those that there are not are told.
    pub fn types(&mut self, node: &Node, path: &str) -> Vec<TypeNo> {
        let mut found = Vec::new();
        for node in node.one_or_more() {
            let Some(name) = node.text() else { continue };
            match self.names.events.by_name.get(name) {
                Some(no) if found.contains(no) => {}
                Some(no) => found.push(*no),
                None => self.no_event(name, &node.at, path),
            }
        }
        found
    }

    /// Nothing of this name can be heard.
    pub fn no_event(&mut self, name: &str, at: &At, path: &str) {
        let date = name.strip_prefix("member.").and_then(|field| {
            let fields = &self.names.events.member.0;
            fields.iter().find(|known| &*known.name == field && known.ty == Type::Date)
        });
        let otherwise = match () {
            () if date.is_some() => format!("a date is a clock: `on = {{ yearly = \"{name}\" }}`"),
            () if name.starts_with(RESERVED) => "it is Fealty's own, and is not heard".into(),
            () if is_event_type(name) => format!("declare it with its fields: [events.\"{name}\"]"),
            () => EVENT_TYPE.into(),
        };
        let small = name.to_ascii_lowercase();
        let hint = match self.names.events.by_name.contains_key(small.as_str()) {
            true => format!("types are written small: `{small}`"),
            false => did_you_mean(name, self.names.events.names(), &otherwise),
        };
        self.report.error(Code::UnknownEvent, path, at, format!("there is no event `{name}`"), hint);
    }

    fn each(&mut self, table: &Table, path: &str, on: &[TypeNo]) -> Option<Each> {
        let node = table.get("each")?;
        let source = node.text()?;
        let event = self.names.events.get(*on.first()?);
        let root = source.split('.').next().unwrap_or("");
        let found = walk(&event.fields, source).filter(|_| root == &*event.noun);
        let Some((slots, _)) = found else {
            let lists: Vec<String> = lists(event);
            let hint = match lists.as_slice() {
                [] if event.canon == Canon::Clock => "a clock brings no payload".to_owned(),
                [] => format!("`{}` has no list of records", event.name),
                lists => did_you_mean(
                    source,
                    lists.iter().map(String::as_str),
                    &format!("`{}`", lists.join("`, `")),
                ),
            };
            let of = if event.canon == Canon::Clock { "a clock" } else { &event.name };
            let message = format!("`{source}` is not a list of records of {of}");
            self.report.error(Code::TypeMismatch, &format!("{path}.each"), &node.at, message, hint);
            return None;
        };
        let order = matches!(event.canon, Canon::OrderPaid | Canon::OrderUpdated | Canon::OrderQuoted);
        let order_items = order && slots == [canonical::order::ITEMS as u16];
        Some(Each { path: slots, source: source.into(), order_items })
    }

    /// `active` of a rule, a counter or a campaign.
    pub fn schedule(&mut self, table: &Table, path: &str) -> Option<Schedule> {
        let (key, node) = table.entry("active")?;
        let path = format!("{path}.active");
        let active = node.table()?;
        let days = active.get("days").and_then(Node::list).unwrap_or_default();
        let day = |n: &Node| n.text().and_then(|t| WEEKDAYS.iter().position(|d| *d == t));
        let schedule = Schedule {
            from: active.get("from").and_then(Node::date_time),
            until: active.get("through").and_then(until),
            days: days.iter().filter_map(day).fold(0, |bits, day| bits | 1 << day),
            hours: active.get("hours").and_then(Node::text).and_then(hours),
            source: source(self.report, node).into(),
        };
        if let (Some(from), Some(until)) = (schedule.from, schedule.until)
            && from >= until
        {
            let message = "the schedule ends before it begins";
            self.report.warn(
                Code::NeverTrue,
                &path,
                &place(node, &key.at),
                message,
                "`from` and `through` are both included",
            );
        }
        if let (Some(until), Some(through)) = (schedule.until, active.get("through")) {
            self.ends.push(Ends { until, path, at: through.at.clone() });
        }
        Some(schedule)
    }
}

/// `each` as written, right or wrong.
pub fn each_path(table: &Table) -> Option<String> {
    table.get("each").and_then(Node::text).map(str::to_owned)
}

/// The first instant after a last day, or after a last instant.
fn until(node: &Node) -> Option<jiff::civil::DateTime> {
    use jiff::ToSpan;
    match node.date() {
        Some(date) => date.tomorrow().ok().map(|d| d.at(0, 0, 0, 0)),
        None => node.date_time().map(|at| at.saturating_add(1.nanosecond())),
    }
}

/// Where a table is: its own bytes, or its key if it was written with dots.
fn place(node: &Node, key: &At) -> At {
    if node.at.span.is_empty() { key.clone() } else { node.at.clone() }
}

/// As written, where it was written in one piece.
fn source(report: &Report<'_>, node: &Node) -> String {
    let text =
        report.sources.get(node.at.source).and_then(|s| s.text.get(node.at.span.clone())).unwrap_or("");
    let whole = matches!(node.kind, Kind::Table(_)) && text.starts_with('{') && !text.contains('\n');
    if whole { text.to_owned() } else { canonical_json(node) }
}

fn lists(event: &crate::plan::EventType) -> Vec<String> {
    let paths = event.fields.0.iter().map(|f| format!("{}.{}", event.noun, f.name));
    paths.filter(|p| walk(&event.fields, p).is_some()).collect()
}
