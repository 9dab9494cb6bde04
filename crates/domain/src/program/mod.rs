//! The program file: read, check, compile. All mistakes at once.
//!
//! `read/` makes one spanned tree of TOML or JSON; `language/` is the language as tables; `check/` holds the tree against
//! them; `compile/` gives names numbers, types expressions in the scope of their place, and lays out the plan.
//! `format` lays out the text alone.

mod check;
mod compile;
pub mod diag;
mod format;
mod language;
mod read;
mod reference;

use sha2::{Digest, Sha256};

use crate::condition::Code;
use crate::plan::Plan;
use crate::value::Text;
pub use check::near::nearest;
use check::report::Report;
use diag::{Diagnostic, Severity};
pub use format::format;
pub use language::schema;
use read::{Key, Kind, Node, Table};
pub use reference::reference;

/// One file of a program: its name as shown to people, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// A program that checks (it may have warnings).
pub struct Program {
    pub plan: Plan,
    /// The canonical JSON (RFC 8785) whose SHA-256 is the version's hash; can be published again.
    pub json: String,
    pub tests: Vec<crate::scenario::Test>,
    pub warnings: Vec<Diagnostic>,
    /// Kept for diagnostics of failed tests.
    pub sources: Vec<Source>,
    tree: Table,
    ends: Vec<compile::Ends>,
}

/// What was wrong, and the texts for showing it.
pub struct Rejected {
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Vec<Source>,
}

/// All files of a program together.
pub const FILES_BYTES_MAX: usize = 1 << 20;

/// Reads the main file's text; `include` resolves a pattern of the main file to further sources (sorted).
/// `environment`: which of `[environments]` is chosen.
pub fn read(
    main: Source,
    include: &mut dyn FnMut(&str) -> Result<Vec<Source>, String>,
    environment: Option<&str>,
    version: u32,
) -> Result<Program, Rejected> {
    let mut broken = Vec::new();
    let mut sources = vec![main];
    if too_long(&sources) {
        return Err(refused_unread(sources));
    }
    let mut tree = table(read::from_toml(&sources[0].text, 0, &mut broken));
    let patterns: Vec<Node> = tree.get("include").and_then(Node::list).unwrap_or_default().to_vec();
    for pattern in &patterns {
        let Some(text) = pattern.text() else { continue };
        match include(text) {
            Ok(files) => {
                for file in files {
                    if !sources.iter().any(|s| s.name == file.name) {
                        sources.push(file);
                    }
                }
            }
            Err(why) => broken.push(read::Broken {
                fatal: false,
                code: Code::UnknownName,
                path: "include".into(),
                at: pattern.at.clone(),
                message: format!("`{text}` cannot be read"),
                hint: why,
            }),
        }
    }
    if too_long(&sources) {
        return Err(refused_unread(sources));
    }
    for i in 1..sources.len() {
        let more = table(read::from_toml(&sources[i].text, i, &mut broken));
        let place = |key: &Key| {
            let source = &sources[key.at.source];
            format!("{}:{}", source.name, diag::position(&source.text, key.at.span.start).0)
        };
        read::join(&mut tree, more, &place, &mut broken);
    }
    finish(tree, sources, broken, false, environment, version)
}

/// The same from the API's JSON form (or the stored canonical JSON).
pub fn read_json(json: &str, environment: Option<&str>, version: u32) -> Result<Program, Rejected> {
    let sources = vec![Source { name: "program.json".into(), text: json.to_owned() }];
    if too_long(&sources) {
        return Err(refused_unread(sources));
    }
    let mut broken = Vec::new();
    let tree = table(read::from_json(json, 0, &mut broken));
    finish(tree, sources, broken, true, environment, version)
}

fn table(node: Node) -> Table {
    match node.kind {
        Kind::Table(table) => table,
        _ => Table::default(),
    }
}

fn too_long(sources: &[Source]) -> bool {
    sources.iter().map(|s| s.text.len()).sum::<usize>() > FILES_BYTES_MAX
}

fn refused_unread(sources: Vec<Source>) -> Rejected {
    let mut report = Report::new(&sources);
    report.error(Code::TooLong, "", &read::At::default(), "a program has at most 1 MiB of files", "");
    let diagnostics = report.finish(&Table::default());
    Rejected { diagnostics, sources }
}

fn finish(
    tree: Table,
    sources: Vec<Source>,
    broken: Vec<read::Broken>,
    json_form: bool,
    environment: Option<&str>,
    version: u32,
) -> Result<Program, Rejected> {
    let mut report = Report::new(&sources);
    let unreadable = broken.iter().any(|b| b.fatal);
    report.broken(broken);
    if unreadable {
        // What the parser dropped would be missed below, and told wrongly.
        let diagnostics = report.finish(&tree);
        return Err(Rejected { diagnostics, sources });
    }
    check::shape::check(&tree, json_form, &mut report);
    let json = canonical(&tree);
    let hash: [u8; 32] = Sha256::digest(json.as_bytes()).into();
    let compiled = compile::compile(&tree, &mut report, &compile::Choice { environment, version, hash });
    let diagnostics = report.finish(&tree);
    match compiled {
        Some(c) if diagnostics.iter().all(|d| d.severity == Severity::Warning) => {
            let (plan, tests, ends) = (c.plan, c.tests, c.ends);
            Ok(Program { plan, json, tests, warnings: diagnostics, sources, tree, ends })
        }
        _ => Err(Rejected { diagnostics, sources }),
    }
}

/// Canonical JSON of the whole program; where its parts stood is no part of it.
fn canonical(tree: &Table) -> String {
    let entries = tree.0.iter().filter(|(key, _)| key.text != "include").cloned().collect();
    read::canonical_json(&Node { at: read::At::default(), kind: Kind::Table(Table(entries)) })
}

impl Program {
    /// Schedules that have ended by `today`, which only a caller with a clock can know.
    pub fn ended(&self, today: jiff::civil::Date) -> Vec<Diagnostic> {
        let mut report = Report::new(&self.sources);
        for ends in self.ends.iter().filter(|e| e.until <= today.at(0, 0, 0, 0)) {
            let last = ends.until.checked_sub(jiff::Span::new().nanoseconds(1)).unwrap_or(ends.until);
            let message = format!("the schedule ended on {}", last.strftime("%-d %B %Y"));
            report.warn(Code::Ended, &ends.path, &ends.at, message, "");
        }
        report.finish(&self.tree)
    }
}

impl Program {
    /// Rules that no test makes pay. Of a program without tests nothing is said: it has not begun to test.
    pub fn untested(&self, paid: &std::collections::BTreeSet<Text>) -> Vec<Diagnostic> {
        let mut report = Report::new(&self.sources);
        let rules = self.tree.get("rules").and_then(Node::table);
        for rule in
            self.plan.rules.iter().filter(|r| !self.tests.is_empty() && !r.paused && !paid.contains(&r.id))
        {
            let Some((key, _)) = rules.and_then(|t| t.entry(&rule.id)) else { continue };
            let path = format!("rules.{}", rule.id);
            report.warn(Code::Untested, &path, &key.at, format!("no test makes `{path}` pay"), "");
        }
        report.finish(&self.tree)
    }
}

#[cfg(test)]
mod tests;
