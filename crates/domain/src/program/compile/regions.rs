//! The program's own keys, its environments and its regions.

use std::collections::HashMap;

use super::Choice;
use super::params::Params;
use crate::condition::Code;
use crate::currency;
use crate::num::Num;
use crate::plan::{Enrol, Plan, Region};
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::read::{At, Node, Table};
use crate::time::{Span, SpanUnit, WEEKDAYS};
use crate::value::Value;

/// The regions with the params of each, the program itself first; and whether the clock may be moved.
pub fn read(
    tree: &Table,
    params: &mut Params,
    environment: Option<&str>,
    report: &mut Report<'_>,
) -> (Vec<Region>, bool) {
    let program = tree.get("program").and_then(Node::table);
    let mut sandbox = program.and_then(|p| p.get("sandbox")).and_then(Node::bool).unwrap_or(false);
    let mut chosen = Vec::new();
    let environments = sorted(tree, "environments");
    for (id, node) in &environments {
        let found = params.overrides(node, &format!("environments.{id}"), report);
        if Some(*id) == environment {
            chosen = found;
            sandbox = node.table().and_then(|t| t.get("sandbox")).and_then(Node::bool).unwrap_or(sandbox);
        }
    }
    if let Some(id) = environment.filter(|id| !environments.iter().any(|(e, _)| e == id)) {
        let hint = did_you_mean(
            id,
            environments.iter().map(|(e, _)| *e),
            "the setting `environment` names one of [environments]",
        );
        report.error(
            Code::UnknownName,
            "environments",
            &At::default(),
            format!("there is no environment `{id}`"),
            hint,
        );
    }
    let mut values = params.values();
    put(&mut values, &chosen);
    let none = Table::default();
    let mut regions = vec![region("", program.unwrap_or(&none), "", values.clone())];
    let zone = program.and_then(|p| p.get("timezone")).and_then(Node::text).unwrap_or("UTC").to_owned();
    for (id, node) in sorted(tree, "regions") {
        let mut values = values.clone();
        put(&mut values, &params.overrides(node, &format!("regions.{id}"), report));
        regions.push(region(id, node.table().unwrap_or(&none), &zone, values));
    }
    (regions, sandbox)
}

fn put(values: &mut [Value], overrides: &[(usize, Value)]) {
    for (slot, value) in overrides {
        values[*slot] = value.clone();
    }
}

fn sorted<'t>(tree: &'t Table, section: &str) -> Vec<(&'t str, &'t Node)> {
    let table = tree.get(section).and_then(Node::table);
    let mut all: Vec<_> =
        table.into_iter().flat_map(Table::iter).map(|(k, n)| (k.text.as_str(), n)).collect();
    all.sort_by_key(|(id, _)| *id);
    all
}

/// What is wrong was said already; then something stands in its place.
fn region(id: &str, table: &Table, zone: &str, params: Vec<Value>) -> Region {
    let text = |key: &str| table.get(key).and_then(Node::text);
    let currency = text("currency").unwrap_or("EUR");
    Region {
        id: id.into(),
        currency: currency.into(),
        exponent: currency::exponent(currency).unwrap_or(2),
        zone: jiff::tz::TimeZone::get(text("timezone").unwrap_or(zone)).unwrap_or(jiff::tz::TimeZone::UTC),
        params,
    }
}

/// A plan with all but what the compiler fills in.
pub fn plan(tree: &Table, regions: Vec<Region>, sandbox: bool, choice: &Choice<'_>) -> Plan {
    let program = tree.get("program").and_then(Node::table);
    let get = |key: &str| program.and_then(|p| p.get(key));
    let text = |key: &str| get(key).and_then(Node::text);
    let claim = text("claim_window").and_then(Span::parse).unwrap_or(Span { count: 30, unit: SpanUnit::Day });
    let week = WEEKDAYS.iter().position(|d| Some(*d) == text("week_starts")).unwrap_or(0) as i8;
    Plan {
        id: text("id").unwrap_or("").into(),
        version: choice.version,
        hash: choice.hash,
        since: jiff::Timestamp::UNIX_EPOCH,
        enrol: if text("enrol") == Some("explicit") { Enrol::Explicit } else { Enrol::Automatic },
        claim_window: claim,
        sandbox,
        week_starts: jiff::civil::Weekday::from_monday_zero_offset(week)
            .unwrap_or(jiff::civil::Weekday::Monday),
        year_starts: get("year_starts").and_then(Node::decimal).and_then(Num::to_int).unwrap_or(1) as i8,
        regions,
        member_fields: Default::default(),
        types: Vec::new(),
        type_by_name: HashMap::new(),
        wallets: Vec::new(),
        counters: Vec::new(),
        rules: Vec::new(),
        campaigns: Vec::new(),
        ladders: Vec::new(),
        rewards: Vec::new(),
        achievements: Vec::new(),
        workflows: Vec::new(),
        segments: Vec::new(),
        referrals: None,
        households: None,
        clocks: Vec::new(),
        kept_clocks: Vec::new(),
        heard: Vec::new(),
        audience: Default::default(),
    }
}
