//! Compiling: names get numbers, expressions are typed in the scope of their place, and the plan is laid out.
//! Everything is compiled even after a mistake, so that all mistakes are told at once.

mod absent;
mod campaigns;
mod clocks;
mod counters;
mod currencies;
mod effects;
mod events;
mod expressions;
mod fields;
mod goals;
mod hear;
mod inert;
mod judged;
mod ladders;
mod limits;
mod params;
mod regions;
mod rewards;
mod rules;
mod scope;
mod settings;
mod tests;
mod trigger;
mod variables;
mod wallets;
mod warnings;
mod workflows;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::condition::{Code, Scope};
use crate::plan::{LadderNo, Plan, Region, TypeNo, WalletNo};
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::read::{At, Node, Table};
use crate::scenario::Test;

pub use variables::variables;
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
    /// Sorted; their values are known.
    pub ladders: Vec<ladders::LadderName>,
    pub rewards: Vec<String>,
    pub achievements: Vec<String>,
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
    /// Of a rule on a clock: the clock's own type.
    pub on: Vec<TypeNo>,
    pub clock: Option<String>,
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
    let (mut c, regions, sandbox) = Compiler::new(tree, report, choice);
    let mut plan = regions::plan(tree, regions, sandbox, choice);
    c.all(&mut plan);
    let tests = c.tests();
    c.currencies();
    if !c.report.has_errors() {
        // Of a program with mistakes nobody knows what is used.
        c.warnings(&plan);
    }
    if c.report.has_errors() {
        return None;
    }
    let ends = std::mem::take(&mut c.ends);
    plan.audience = c.scope(&scope::Place::Audience);
    plan.member_fields = c.names.events.member.clone();
    plan.types = std::mem::take(&mut c.names.events.types);
    plan.type_by_name =
        plan.types.iter().enumerate().map(|(i, t)| (t.name.as_str().into(), i as TypeNo)).collect();
    hear::hear(&mut plan);
    plan.note_heard();
    Some(Compiled { plan, tests, ends })
}

impl<'r, 'a, 't> Compiler<'r, 'a, 't> {
    /// Every name is known, with the regions and whether the clock may be moved; no expression was looked at.
    fn new(
        tree: &'t Table,
        report: &'r mut Report<'a>,
        choice: &Choice<'_>,
    ) -> (Compiler<'r, 'a, 't>, Vec<Region>, bool) {
        let events = events::Events::read(tree, report);
        let mut params = params::Params::read(tree, report);
        let (regions, sandbox) = regions::read(tree, &mut params, choice.environment, report);
        let mut names = Names {
            events,
            params,
            wallets: ids(tree, "wallets"),
            counters: counters::names(tree),
            rules: Vec::new(),
            campaigns: campaigns::names(tree, report),
            ladders: Vec::new(),
            rewards: ids(tree, "rewards"),
            achievements: ids(tree, "achievements"),
            segments: texts(tree, "segments"),
            formulas: texts(tree, "formulas"),
            region: ids(tree, "regions").into_iter().next(),
        };
        names.ladders = ladders::names(tree, &names, report);
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
        (c, regions, sandbox)
    }

    fn all(&mut self, plan: &mut Plan) {
        plan.wallets = self.wallets();
        plan.households = self.households(&mut plan.wallets);
        self.formulas();
        plan.segments = self.segments();
        plan.ladders = self.ladders();
        plan.rules = self.rules();
        plan.counters = self.counters();
        plan.campaigns = self.campaigns(&plan.rules, &plan.wallets);
        plan.rewards = self.rewards();
        // What these pay are rules too, behind those of the file.
        plan.achievements = self.achievements(&mut plan.rules);
        plan.workflows = self.workflows(&mut plan.rules);
        plan.referrals = self.referrals();
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

    /// The number of something by its name; told if there is none.
    fn known(&mut self, kind: &str, all: &[String], id: &str, at: &At, path: &str) -> Option<u16> {
        let found = all.iter().position(|known| known == id);
        if found.is_none() {
            let hint = did_you_mean(
                id,
                all.iter().map(String::as_str),
                &format!("declare it: [{}.{id}]", section_of(kind)),
            );
            self.report.error(Code::UnknownName, path, at, format!("there is no {kind} `{id}`"), hint);
        }
        found.and_then(|no| u16::try_from(no).ok())
    }

    fn wallet_named(&mut self, id: &str, at: &At, path: &str) -> Option<WalletNo> {
        let all = self.names.wallets.clone();
        self.known("wallet", &all, id, at, path)
    }

    fn ladder_named(&mut self, id: &str, at: &At, path: &str) -> Option<LadderNo> {
        let all: Vec<String> = self.names.ladders.iter().map(|l| l.id.clone()).collect();
        self.known("ladder", &all, id, at, path)
    }
}

/// The section in which such things are declared.
fn section_of(kind: &str) -> String {
    if kind == "ladder" { "tiers".into() } else { format!("{kind}s") }
}
