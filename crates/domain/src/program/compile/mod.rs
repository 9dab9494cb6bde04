//! Compiling: names get numbers, expressions are typed in the scope of their place, and the plan is laid out.
//! Everything is compiled even after a mistake, so that all mistakes are told at once.

mod campaigns;
mod counters;
mod currencies;
mod events;
mod expressions;
mod fields;
mod judged;
mod limits;
mod params;
mod regions;
mod rules;
mod scope;
mod tests;
mod trigger;
mod wallets;
mod warnings;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::condition::Scope;
use crate::plan::{CounterNo, Plan, RuleNo, TypeNo, WalletNo};
use crate::program::check::report::Report;
use crate::program::read::{At, Node, Table};
use crate::scenario::Test;

pub use warnings::Ends;

pub(super) struct Compiled {
    pub plan: Plan,
    pub tests: Vec<Test>,
    /// Schedules with an end, for whoever knows what day it is.
    pub ends: Vec<Ends>,
}

/// What a file declares, by name. A place in a list is the number under which the plan knows it.
pub(super) struct Names {
    pub events: events::Events,
    pub params: params::Params,
    pub wallets: Vec<String>,
    pub counters: Vec<CounterName>,
    /// In the order in which they are judged.
    pub rules: Vec<RuleName>,
    /// Inner before outer.
    pub campaigns: Vec<String>,
    /// With their conditions, as one expression.
    pub segments: Vec<(String, String)>,
    pub formulas: Vec<(String, String)>,
    /// For hints: the first region, if there is one.
    pub region: Option<String>,
}

pub(super) struct CounterName {
    pub id: String,
    /// Its window is a calendar unit, so earlier windows can be asked for.
    pub ago: bool,
}

#[derive(Clone)]
pub(super) struct RuleName {
    pub id: String,
    pub on: Vec<TypeNo>,
    pub earns: Vec<WalletNo>,
    pub campaign: Option<String>,
}

pub(super) struct Compiler<'r, 'a, 't> {
    pub report: &'r mut Report<'a>,
    pub tree: &'t Table,
    pub names: Names,
    scopes: HashMap<scope::Place, Arc<Scope>>,
    /// Every expression that was compiled, as `(path, source)`: for what is used and what is not.
    mentioned: Vec<(String, String)>,
    ends: Vec<Ends>,
    /// Formulas and segments that are wrong by themselves.
    broken: BTreeSet<String>,
}

/// What is chosen from outside the file.
pub(super) struct Choice<'e> {
    pub environment: Option<&'e str>,
    pub version: u32,
    pub hash: [u8; 32],
}

/// `None` if there were mistakes; they are in the report.
pub(super) fn compile(tree: &Table, report: &mut Report<'_>, choice: &Choice<'_>) -> Option<Compiled> {
    let events = events::Events::read(tree, report);
    let mut params = params::Params::read(tree, report);
    let (regions, sandbox) = regions::read(tree, &mut params, choice.environment, report);
    let names = Names {
        events,
        params,
        wallets: ids(tree, "wallets"),
        counters: counters::names(tree),
        rules: Vec::new(),
        campaigns: campaigns::names(tree, report),
        segments: texts(tree, "segments"),
        formulas: texts(tree, "formulas"),
        region: ids(tree, "regions").into_iter().next(),
    };
    let mut c = Compiler {
        report,
        tree,
        names,
        scopes: HashMap::new(),
        mentioned: Vec::new(),
        ends: Vec::new(),
        broken: BTreeSet::new(),
    };
    c.names.rules = c.rule_names();
    let wallets = c.wallets();
    c.formulas();
    c.segments();
    let rules = c.rules();
    let counters = c.counters();
    let campaigns = c.campaigns(&rules, &wallets);
    let tests = c.tests();
    c.currencies();
    if !c.report.has_errors() {
        // Of a program with mistakes nobody knows what is used.
        c.warnings(&rules, &campaigns);
    }
    if c.report.has_errors() {
        return None;
    }
    let ends = std::mem::take(&mut c.ends);
    let mut plan = regions::plan(tree, regions, sandbox, choice)?;
    plan.member_fields = c.names.events.member.clone();
    plan.types = std::mem::take(&mut c.names.events.types);
    plan.type_by_name = std::mem::take(&mut c.names.events.by_name);
    (plan.wallets, plan.counters, plan.rules, plan.campaigns) = (wallets, counters, rules, campaigns);
    hear(&mut plan);
    Some(Compiled { plan, tests, ends })
}

/// Fills in who hears each type, and what of a member's state they read.
fn hear(plan: &mut Plan) {
    use crate::condition::{Expr, Read};
    use crate::plan::CounterKind;
    let mut note = |on: &[TypeNo], exprs: &[&Expr]| {
        for no in on {
            let event = &mut plan.types[usize::from(*no)];
            let state = exprs.iter().flat_map(|e| &e.reads).filter(|r| !matches!(r, Read::Granted(..)));
            event.reads.extend(state.copied());
            event.member_reads.extend(exprs.iter().flat_map(|e| &e.member_reads).copied());
        }
    };
    for rule in &plan.rules {
        note(&rule.trigger.on, &rule.expressions());
        let mut campaign = rule.campaign;
        while let Some(no) = campaign {
            let found = &plan.campaigns[usize::from(no)];
            note(&rule.trigger.on, &found.when.iter().collect::<Vec<_>>());
            campaign = found.parent;
        }
    }
    for counter in &plan.counters {
        match &counter.kind {
            CounterKind::Earned { .. } => {}
            CounterKind::Sum { trigger, .. }
            | CounterKind::Streak { trigger, .. }
            | CounterKind::Distinct { trigger, .. } => {
                note(&trigger.on, &counter.expressions());
            }
        }
    }
    for (no, rule) in plan.rules.iter().enumerate() {
        for on in &rule.trigger.on {
            plan.types[usize::from(*on)].rules.push(no as RuleNo);
        }
    }
    for (no, counter) in plan.counters.iter().enumerate() {
        for on in counter.hears() {
            plan.types[usize::from(*on)].counters.push(no as CounterNo);
        }
    }
    for event in &mut plan.types {
        event.reads.sort();
        event.reads.dedup();
        event.member_reads.sort_unstable();
        event.member_reads.dedup();
    }
}

/// Ids of a section, sorted.
fn ids(tree: &Table, section: &str) -> Vec<String> {
    let table = tree.get(section).and_then(Node::table);
    let mut ids: Vec<String> = table.into_iter().flat_map(Table::iter).map(|(k, _)| k.text.clone()).collect();
    ids.sort();
    ids
}

/// Named expressions of a section, sorted; a list of conditions is one condition.
fn texts(tree: &Table, section: &str) -> Vec<(String, String)> {
    let table = tree.get(section).and_then(Node::table);
    let mut found: Vec<(String, String)> = Vec::new();
    for (key, node) in table.into_iter().flat_map(Table::iter) {
        let all: Vec<&str> = node.one_or_more().iter().filter_map(Node::text).collect();
        let source = match all.as_slice() {
            [one] => (*one).to_owned(),
            all => all.iter().map(|t| format!("({t})")).collect::<Vec<_>>().join(" && "),
        };
        found.push((key.text.clone(), source));
    }
    found.sort();
    found
}

impl<'t> Compiler<'_, '_, 't> {
    /// Entries of a section, sorted by id.
    fn section(&self, name: &str) -> Vec<(&'t str, &'t At, &'t Node)> {
        let table = self.tree.get(name).and_then(Node::table);
        let mut all: Vec<_> =
            table.into_iter().flat_map(|t| &t.0).map(|(k, n)| (k.text.as_str(), &k.at, n)).collect();
        all.sort_by_key(|(id, ..)| *id);
        all
    }

    fn wallet(&self, id: &str) -> Option<WalletNo> {
        self.names.wallets.iter().position(|w| w == id).and_then(|i| u16::try_from(i).ok())
    }
}
