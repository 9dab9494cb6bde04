//! Ladders of levels: first their names and values, which expressions read; then what levels need.

use std::sync::Arc;

use super::params::{Wrong, describe, has_zero, value};
use super::{Compiler, Names};
use crate::condition::Code;
use crate::num::Num;
use crate::plan::{Amount, CounterNo, Ladder, Lapse, Level, Setting, tier_slots};
use crate::program::check::report::Report;
use crate::program::check::shape::is_id;
use crate::program::check::value::is_path;
use crate::program::read::{At, Node, Table};
use crate::term::Term;
use crate::time::{Span, Window};
use crate::value::{Type, Value};

/// Levels of one ladder.
const LEVELS_MAX: usize = 50;
/// Keys of a level that are no values.
const KEYS: [&str; 6] = ["id", "needs", "keep", "benefits", "name", "note"];
/// What expressions know of a ladder without being told.
const SHOWN: [&str; 2] = ["since", "until"];

pub struct LadderName {
    pub id: String,
    pub levels: Arc<[Box<str>]>,
    /// Sorted by name.
    pub keys: Vec<LevelKey>,
    pub base: u16,
}

/// A value that every level gives.
pub struct LevelKey {
    pub name: String,
    pub ty: Type,
    /// On each level.
    pub on: Vec<Setting<Value>>,
    /// All that it may be.
    pub values: Vec<Value>,
    pub never_zero: bool,
}

fn levels(node: &Node) -> &[Node] {
    node.table().and_then(|t| t.get("levels")).and_then(Node::list).unwrap_or_default()
}

/// A bare text is no level, but says which one was meant.
fn id(level: &Node) -> &str {
    level.text().or_else(|| level.table()?.get("id")?.text()).unwrap_or("?")
}

/// Ladders with their values. Params are known by now.
pub fn names(tree: &Table, names: &Names, report: &mut Report<'_>) -> Vec<LadderName> {
    let table = tree.get("tiers").and_then(Node::table);
    let mut all: Vec<(&str, &Node)> =
        table.into_iter().flat_map(Table::iter).map(|(k, n)| (k.text.as_str(), n)).collect();
    all.sort_by_key(|(id, _)| *id);
    let (mut found, mut base) = (Vec::new(), 0u16);
    for (ladder, node) in all {
        let levels = levels(node);
        let path = format!("tiers.{ladder}");
        let keys = keys(levels, &path, names, report);
        let next = base.saturating_add(tier_slots::KEYS).saturating_add(keys.len() as u16);
        let levels = levels.iter().map(|l| id(l).into()).collect();
        found.push(LadderName { id: ladder.into(), levels, keys, base });
        base = next;
    }
    found
}

fn keys(levels: &[Node], path: &str, names: &Names, report: &mut Report<'_>) -> Vec<LevelKey> {
    let mut words: Vec<&str> = Vec::new();
    for (key, _) in levels.iter().filter_map(Node::table).flat_map(Table::iter) {
        let word = key.text.as_str();
        if SHOWN.contains(&word) {
            let message = format!("`{word}` is no value of a level");
            let hint = "every ladder has it: when its level began, and when it ends";
            report.error(Code::BadId, path, &key.at, message, hint);
        } else if !KEYS.contains(&word) && !words.contains(&word) {
            if !is_id(word) {
                let message = format!("`{word}` is not an id");
                report.error(
                    Code::BadId,
                    path,
                    &key.at,
                    message,
                    "values of levels are names in expressions",
                );
            }
            words.push(word);
        }
    }
    words.sort_unstable();
    words.into_iter().filter_map(|word| key(word, levels, path, names, report)).collect()
}

/// One value over all levels.
fn key(word: &str, levels: &[Node], path: &str, names: &Names, report: &mut Report<'_>) -> Option<LevelKey> {
    let mut key: Option<(LevelKey, &str)> = None;
    let first = levels.iter().find(|l| l.table().is_some_and(|t| t.get(word).is_some())).map_or("", id);
    for (i, level) in levels.iter().enumerate() {
        let below = format!("{path}.levels.{i}");
        let Some(node) = level.table().and_then(|t| t.get(word)) else {
            let message = format!("level `{}` lacks `{word}`", id(level));
            let hint = format!("every level gives it, as `{first}` does");
            report.error(Code::UnevenLevels, &below, &place(level), message, hint);
            continue;
        };
        let below = format!("{below}.{word}");
        let (ty, on, values) = match level_value(node, names) {
            Ok(found) => found,
            Err(not) => {
                report.error(not.0, &below, &node.at, not.1, not.2);
                continue;
            }
        };
        match &mut key {
            None => {
                let name = word.to_owned();
                let never_zero = !values.iter().any(has_zero);
                key = Some((LevelKey { name, ty, on: vec![on], values, never_zero }, id(level)));
            }
            Some((key, of)) if key.ty != ty => {
                let (a, b) = (describe(&key.ty), describe(&ty));
                let message = format!("`{word}` is {a} on `{of}`, and {b} on `{}`", id(level));
                report.error(
                    Code::UnevenLevels,
                    &below,
                    &node.at,
                    message,
                    "a value has one type on all levels",
                );
            }
            Some((key, _)) => {
                key.never_zero &= !values.iter().any(has_zero);
                key.on.push(on);
                key.values.extend(values);
            }
        }
    }
    key.map(|(key, _)| key)
}

/// A value as written, or a path to a param: with its type and all that it may be.
#[allow(clippy::type_complexity)]
fn level_value(
    node: &Node,
    names: &Names,
) -> Result<(Type, Setting<Value>, Vec<Value>), (Code, String, String)> {
    let (ty, at, values) = match node.text().filter(|t| is_path(t)) {
        Some(to) if to.starts_with("tiers.") => {
            let message = "a value of a level does not depend on a level".to_owned();
            return Err((Code::NotHere, message, "a value, or a path to a param: `'params.x'`".into()));
        }
        Some(to) => {
            let target = names.target(to).map_err(|n| (n.code, n.message, n.hint))?;
            let at = match target.at {
                Setting::ParamSlot(no, slot) => Setting::ParamSlot(no, slot),
                Setting::Param(no) => Setting::Param(no),
                _ => Setting::Is(Value::Absent),
            };
            (target.ty, at, target.values)
        }
        None => {
            let (ty, value) =
                value(node).map_err(|Wrong { code, message, hint }| (code, message, hint.into()))?;
            (ty, Setting::Is(value.clone()), vec![value])
        }
    };
    if matches!(ty, Type::Table(..) | Type::Bands) {
        let message = format!("a value of a level is not {}", describe(&ty));
        return Err((Code::WrongType, message, "a number, text, bool, date or list of texts".into()));
    }
    Ok((ty, at, values))
}

/// Where a mistake about a whole level is shown: its id.
fn place(level: &Node) -> At {
    level.table().and_then(|t| t.get("id")).map_or_else(|| level.at.clone(), |n| n.at.clone())
}

impl Compiler<'_, '_, '_> {
    pub fn ladders(&mut self) -> Vec<Ladder> {
        let mut found = Vec::new();
        for (no, (id, at, node)) in self.section("tiers").into_iter().enumerate() {
            let Some(table) = node.table() else { continue };
            let path = format!("tiers.{id}");
            if levels(node).is_empty() || levels(node).len() > LEVELS_MAX {
                let message = format!("{} levels, and a ladder has 1 to {LEVELS_MAX}", levels(node).len());
                self.report.error(Code::TooMany, &format!("{path}.levels"), at, message, "");
            }
            let levels: Vec<Level> = levels(node)
                .iter()
                .enumerate()
                .filter_map(|(i, level)| self.level(no, i, level, &format!("{path}.levels.{i}")))
                .collect();
            self.twice(node, &path);
            let keep = table.get("keep").and_then(|n| self.keep(n, &format!("{path}.keep")));
            let keys = self.names.ladders[no].keys.iter().map(|k| (k.name.as_str().into(), k.ty.clone()));
            found.push(Ladder {
                id: id.into(),
                levels,
                keep: keep.unwrap_or(Setting::Is(Term::never())),
                lapse: match table.get("lapse").and_then(Node::text) {
                    Some("one_down") => Lapse::OneDown,
                    Some("stay") => Lapse::Stay,
                    _ => Lapse::Requalify,
                },
                grace: table.get("grace").and_then(Node::text).and_then(Span::parse),
                keys: keys.collect(),
                base: self.names.ladders[no].base,
            });
        }
        found
    }

    fn twice(&mut self, node: &Node, path: &str) {
        for (i, level) in levels(node).iter().enumerate() {
            if levels(node)[..i].iter().any(|other| id(other) == id(level)) {
                let message = format!("there are two levels `{}`", id(level));
                let path = format!("{path}.levels.{i}.id");
                self.report.error(
                    Code::Duplicate,
                    &path,
                    &place(level),
                    message,
                    "each level has its own id",
                );
            }
        }
    }

    fn level(&mut self, ladder: usize, i: usize, node: &Node, path: &str) -> Option<Level> {
        let table = node.table()?;
        let mut needs = Vec::new();
        if let Some((key, node)) = table.entry("needs") {
            if i == 0 {
                let message = "the first level is everyone's and needs nothing";
                self.report.error(Code::NotHere, &format!("{path}.needs"), &key.at, message, "");
            }
            for one in node.one_or_more().iter().filter_map(Node::table) {
                needs.push(self.needs(one, &format!("{path}.needs"), true));
            }
        }
        let keep = table.get("keep").and_then(|n| self.keep(n, &format!("{path}.keep")));
        let benefits = table.get("benefits").and_then(Node::list).unwrap_or_default();
        let keys = &self.names.ladders[ladder].keys;
        Some(Level {
            id: id(node).into(),
            needs,
            keep,
            benefits: benefits.iter().filter_map(Node::text).map(Into::into).collect(),
            values: keys.iter().filter_map(|k| k.on.get(i).cloned()).collect(),
        })
    }

    /// What a level is held for never depends on a level.
    fn keep(&mut self, node: &Node, path: &str) -> Option<Setting<Term>> {
        if self.is_of_level(node, path) { None } else { self.term(node, path) }
    }

    /// Told where it is.
    fn is_of_level(&mut self, node: &Node, path: &str) -> bool {
        let is = node.text().is_some_and(|t| t.starts_with("tiers."));
        if is {
            let message = "what a level needs and lasts does not depend on a level";
            self.report.error(Code::NotHere, path, &node.at, message, "write a value, or `'params.x'`");
        }
        is
    }

    /// Counters and the numbers that they must reach.
    pub fn needs(&mut self, table: &Table, path: &str, of_level: bool) -> Vec<(CounterNo, Amount)> {
        let mut found = Vec::new();
        for (key, node) in table.iter() {
            let path = format!("{path}.{}", key.text);
            if of_level && self.is_of_level(node, &path) {
                continue;
            }
            let counters: Vec<String> = self.names.counters.iter().map(|c| c.id.clone()).collect();
            let no = self.known("counter", &counters, &key.text, &key.at, &path);
            let positive = Num::minor(1, 9);
            let most = self.amount(node, &path, positive, "what is needed is more than 0");
            found.extend(no.zip(most));
        }
        // The first one counts for itself, and a program that is stored has lost the order of its lines.
        found.sort_by_key(|one| one.0);
        found
    }

    /// `no_end`: a level that is held for ever, though what it needs starts anew.
    pub fn endless(&mut self, ladders: &[Ladder], counters: &[crate::plan::Counter]) {
        for ladder in ladders {
            let held = |l: &Level| l.keep.is_none() && !l.needs.is_empty();
            let counted = ladder.levels.iter().filter(|l| held(l)).flat_map(|l| l.needs.iter().flatten());
            let anew = counted.filter_map(|(no, _)| match counters.get(usize::from(*no))?.per {
                Window::Unit(unit) => crate::time::UNITS.iter().find(|(_, u)| *u == unit),
                _ => None,
            });
            let Some((unit, _)) = anew.into_iter().next() else { continue };
            let section = self.section("tiers");
            let Some((_, at, node)) = section.into_iter().find(|(id, ..)| **id == *ladder.id) else {
                continue;
            };
            if node.table().is_none_or(|t| t.get("keep").is_none()) {
                let path = format!("tiers.{}", ladder.id);
                let message = format!("`{path}` has no `keep`, though its counter starts anew each {unit}");
                let hint = "say how long a level is held: `keep = \"12 months\"`, or `\"never\"`";
                self.report.warn(Code::NoEnd, &path, at, message, hint);
            }
        }
    }
}
