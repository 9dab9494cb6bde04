//! Which event a rule had paid before, where that is why it paid nothing now. Only what was recorded before the event in
//! question counts, so the answer stays the same for ever.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::explain::{Explanation, RuleExplanation, WhyNot};
use domain::snapshot::{Snapshot, Want};
use serde::Serialize;
use store::{Reader, Row, StoreError};

/// By rule.
pub type Earlier = BTreeMap<String, Paid>;

#[derive(Debug, Serialize)]
pub struct Paid {
    pub source: String,
    pub id: String,
}

impl Paid {
    fn of(event: &Event) -> Paid {
        Paid { source: event.source.to_string(), id: event.id.to_string() }
    }
}

pub fn earlier(reader: &Reader, row: &Row, explanation: &Explanation) -> Result<Earlier, StoreError> {
    let mut found = Earlier::new();
    for rule in explanation.rules.iter().filter(|rule| rule.why_not == Some(WhyNot::AlreadyPaid)) {
        if let Some(paid) = paid(reader, row, rule)? {
            found.insert(rule.rule.to_string(), paid);
        }
    }
    Ok(found)
}

fn paid(reader: &Reader, row: &Row, rule: &RuleExplanation) -> Result<Option<Paid>, StoreError> {
    let Some(value) = &rule.once else {
        // It pays an order once: the event that paid the order.
        let order = row.decision.order.as_ref().filter(|order| order.pos < row.pos);
        let first = order.map(|order| reader.journal_get(order.pos)).transpose()?.flatten();
        return Ok(first.map(|first| Paid::of(&first.event)));
    };
    let member = row.decision.member.map(|no| reader.member_get(no)).transpose()?.flatten();
    let keys = reader.key_maker();
    let mut rows = Snapshot::default();
    for no in member.iter().flat_map(|member| member.numbers()) {
        let key = keys.once(&rule.rule, no, value);
        reader.fetch(&mut rows, &[Want::Rows(key)])?;
        let used = |one: &&std::sync::Arc<domain::snapshot::PastRow>| {
            one.pos < row.pos
                && one.decision.member == Some(no)
                && one.decision.once.iter().any(|(by, what)| *by == rule.rule && what == value)
        };
        if let Some(first) = rows.rows.get(&key).into_iter().flatten().find(used) {
            return Ok(Some(Paid::of(&first.event)));
        }
    }
    Ok(None)
}
