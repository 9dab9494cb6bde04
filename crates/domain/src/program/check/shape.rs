//! The walk over the tree by the tables of the language: sections, ids, keys, and what is missing.

use std::collections::BTreeSet;

use super::near::{did_you_mean, nearest};
use super::report::Report;
use crate::condition::{Code, is_keyword};
use crate::program::language::{Form, Key as Word, Need, SECTIONS, Section, Shape, section};
use crate::program::read::{At, Key, Kind, Node, Table};

/// Checks everything that can be said without knowing a name.
/// `json`: numbers may stand as decimal texts.
pub fn check(tree: &Table, json: bool, report: &mut Report<'_>) {
    let named = |key: &str| section(key).is_some_and(|found| matches!(found.shape, Shape::Named(_)));
    let sections = tree.iter().filter(|(key, _)| named(&key.text)).filter_map(|(_, node)| node.table());
    let ids = sections.flat_map(Table::iter).map(|(id, _)| &id.text);
    let told = ids.filter(|id| !is_id(id)).cloned().collect();
    let mut walk = Walk { report, json, doc: "", told };
    for (key, node) in tree.iter() {
        match section(&key.text) {
            Some(found) => one(found, key, node, &mut walk),
            None => {
                let near = did_you_mean(&key.text, SECTIONS.iter().map(|s| s.name), "");
                let message = format!("`{}` is not a section of a program", key.text);
                walk.report.error(Code::UnknownSection, &key.text, &key.at, message, near);
            }
        }
    }
    for missing in SECTIONS.iter().filter(|s| s.need == Need::Required && tree.get(s.name).is_none()) {
        let hint = format!(
            "`{0}` is required: {0} = {{ id = \"…\", currency = \"EUR\", timezone = \"Europe/Berlin\" }}",
            missing.name
        );
        walk.report.error(
            Code::MissingKey,
            missing.name,
            &At::default(),
            format!("there is no `{}`", missing.name),
            hint,
        );
    }
}

fn one(section: &Section, key: &Key, node: &Node, walk: &mut Walk<'_, '_>) {
    match &section.shape {
        Shape::One(form) => walk.form(node, form, section.name),
        Shape::Named(form) => {
            let Some(table) = walk.table(node, section.name) else { return };
            walk.count(section.name, table.0.len(), section.most, &key.at);
            for (id, node) in table.iter() {
                walk.id(id, &format!("{}.{}", section.name, id.text));
                let path = format!("{}.{}", section.name, id.text);
                walk.form(node, form, &path);
            }
        }
        Shape::Events(form) => {
            let Some(table) = walk.table(node, section.name) else { return };
            walk.count(section.name, table.0.len(), section.most, &key.at);
            for (id, node) in table.iter() {
                let path = format!("{}.\"{}\"", section.name, id.text);
                if !is_event_type(&id.text) {
                    let message = format!("`{}` is not an event type", id.text);
                    let hint = "two words or more, joined by dots, in quotes: `[events.\"review.posted\"]`";
                    walk.report.error(Code::BadId, &path, &id.at, message, hint);
                }
                walk.form(node, form, &path);
            }
        }
    }
}

pub(super) struct Walk<'r, 'a> {
    pub report: &'r mut Report<'a>,
    pub json: bool,
    /// What the key is for in whose value we are: the hint, where there is no better one.
    pub doc: &'static str,
    /// Ids that are told where they are declared, so that their uses say nothing.
    pub told: BTreeSet<String>,
}

impl Walk<'_, '_> {
    pub fn say(
        &mut self,
        code: Code,
        path: &str,
        at: &At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report.error(code, path, at, message, hint);
    }

    pub fn count(&mut self, path: &str, count: usize, most: usize, at: &At) {
        if most > 0 && count > most {
            let message = format!("{count} {path}, and at most {most} are allowed");
            self.say(Code::TooMany, path, at, message, "");
        }
    }

    pub fn table<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n Table> {
        if node.table().is_none() {
            self.wrong(node, path, "a table", "");
        }
        node.table()
    }

    pub fn wrong(&mut self, node: &Node, path: &str, expected: &str, hint: &str) {
        let hint = if hint.is_empty() { self.doc } else { hint };
        let message = format!("expected {expected}, found {}", node.what());
        self.say(Code::WrongType, path, &node.at, message, hint);
    }

    pub fn id(&mut self, key: &Key, path: &str) {
        if !is_id(&key.text) {
            self.say(Code::BadId, path, &key.at, format!("`{}` is not an id", key.text), id_hint(&key.text));
        }
    }

    /// A table of fixed keys; `others`: what any other key is, and the form of its value.
    pub fn keys(&mut self, node: &Node, keys: &[Word], others: Option<(&str, &Form)>, path: &str) {
        let Some(table) = self.table(node, path) else { return };
        for (key, value) in table.iter() {
            let below = format!("{path}.{}", key.text);
            match (keys.iter().find(|w| w.name == key.text), others) {
                (Some(word), _) => {
                    let outer = std::mem::replace(&mut self.doc, word.doc);
                    self.form(value, &word.form, &below);
                    self.doc = outer;
                }
                (None, Some((_, form))) => self.form(value, form, &below),
                (None, None) => self.unknown_key(key, value, keys, path),
            }
        }
        for word in keys.iter().filter(|w| w.need == Need::Required && table.get(w.name).is_none()) {
            let message = format!("`{path}` lacks `{}`", word.name);
            self.say(
                Code::MissingKey,
                path,
                &place_of(table, node),
                message,
                format!("`{}`: {}", word.name, word.doc),
            );
        }
    }

    fn unknown_key(&mut self, key: &Key, value: &Node, keys: &[Word], path: &str) {
        let container = container(path);
        let message = format!("`{}` is not a key of {container}", key.text);
        let below = format!("{path}.{}", key.text);
        if container == "active" && key.text == "until" {
            return self.until(key, value, message, path);
        }
        let hint = match () {
            () if path.contains('.') && section(&key.text).is_some() => section_hint(key, value, path),
            () => {
                let names = keys.iter().map(|w| w.name);
                let known = format!("it has {}", names.clone().collect::<Vec<_>>().join(", "));
                match nearest(&key.text, keys.iter().map(|w| w.name)) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => known,
                }
            }
        };
        self.say(Code::UnknownKey, &below, &key.at, message, hint);
    }
}

/// Under what a mistake about the whole table is shown: its first key, for a table has no bytes of its own.
fn place_of(table: &Table, node: &Node) -> At {
    let first = table.iter().map(|(key, _)| &key.at).find(|at| at.source == node.at.source);
    match first {
        Some(first) if node.at.span.is_empty() || first.span.start < node.at.span.start => first.clone(),
        _ => node.at.clone(),
    }
}

/// `rules.base` by its whole path, what is deeper by its own name.
fn container(path: &str) -> &str {
    match path.matches('.').count() {
        0 | 1 => path,
        _ => path.rsplit('.').find(|p| p.parse::<usize>().is_err()).unwrap_or(path),
    }
}

fn section_hint(key: &Key, value: &Node, path: &str) -> String {
    let id = value.table().and_then(|t| t.iter().next()).map(|(id, _)| format!(".{}", id.text));
    format!(
        "this line belongs to [{path}] above it: put one-line declarations before the first [table], or write [{}{}]",
        key.text,
        id.unwrap_or_default()
    )
}

/// `[a-z][a-z0-9_]{0,39}`, and no keyword of CEL.
pub fn is_id(text: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    text.len() <= 40
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(rest)
        && !is_keyword(text)
}

/// Words joined by dots, two at least.
pub fn is_event_type(text: &str) -> bool {
    text.len() <= 120 && text.contains('.') && text.split('.').all(is_id)
}

pub fn id_hint(text: &str) -> String {
    if is_keyword(text) {
        return "expressions keep this word for themselves: write another".into();
    }
    let fit: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(40)
        .collect();
    let fit = if is_id(&fit) { format!(": write `{fit}`") } else { String::new() };
    if text.contains('-') {
        return format!("ids are also names in expressions, where `-` subtracts{fit}");
    }
    format!("an id is a small letter, then small letters, digits and `_`, at most 40{fit}")
}

impl Walk<'_, '_> {
    /// The end of a schedule under the name that excludes it.
    fn until(&mut self, key: &Key, value: &Node, message: String, path: &str) {
        let below = format!("{path}.until");
        let hint = "the last day is `through`, and is included";
        match value.date().and_then(|d| d.yesterday().ok()) {
            None => self.say(Code::UnknownKey, &below, &key.at, message, hint),
            Some(last) => {
                let says = (message, format!("{hint}: `through = {last}`"));
                let values = serde_json::json!({ "until": null, "through": last.to_string() });
                self.report.error_with_fix(Code::UnknownKey, &below, &key.at, says, path, values);
            }
        }
    }

    /// `form` at every value of a table of ids.
    pub fn names(&mut self, node: &Node, form: &Form, path: &str) {
        let Some(table) = self.table(node, path) else { return };
        for (key, value) in table.iter() {
            let below = format!("{path}.{}", key.text);
            if !self.told.contains(&key.text) {
                self.id(key, &below);
            }
            self.form(value, form, &below);
        }
    }

    pub fn list(&mut self, node: &Node, form: &Form, path: &str) {
        let Kind::List(list) = &node.kind else { return self.wrong(node, path, "a list", "") };
        for (i, node) in list.iter().enumerate() {
            self.form(node, form, &format!("{path}.{i}"));
        }
    }
}
