//! Mistakes as they are found; sorted by file and place at the end.

use crate::condition::{Code, Fault};
use crate::program::Source;
use crate::program::diag::{Diagnostic, Severity};
use crate::program::read::{At, Broken, Node, Table};

pub struct Report<'a> {
    pub sources: &'a [Source],
    found: Vec<Diagnostic>,
}

impl<'a> Report<'a> {
    pub fn new(sources: &'a [Source]) -> Report<'a> {
        Report { sources, found: Vec::new() }
    }

    pub fn error(
        &mut self,
        code: Code,
        path: &str,
        at: &At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Error, code, path, at, message.into(), hint.into());
    }

    /// As `error`; the patch puts `values` in place of what stands in the table `path`.
    pub fn error_with_fix(
        &mut self,
        code: Code,
        path: &str,
        at: &At,
        says: (String, String),
        table: &str,
        values: serde_json::Value,
    ) {
        self.error(code, path, at, says.0, says.1);
        let parts = split(table);
        // A patch cannot reach into a list.
        if parts.iter().all(|p| p.parse::<usize>().is_err())
            && let Some(last) = self.found.last_mut()
        {
            let nest = |inner, part: &String| serde_json::json!({ part.as_str(): inner });
            last.fix = Some(parts.iter().rev().fold(values, nest));
        }
    }

    pub fn warn(
        &mut self,
        code: Code,
        path: &str,
        at: &At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, path, at, message.into(), hint.into());
    }

    fn add(&mut self, severity: Severity, code: Code, path: &str, at: &At, message: String, hint: String) {
        let (source, span) = (at.source, at.span.clone());
        let path = path.to_owned();
        self.found.push(Diagnostic {
            code,
            severity,
            path,
            source,
            shown: span.clone(),
            span,
            message,
            hint,
            fix: None,
        });
    }

    pub fn broken(&mut self, broken: Vec<Broken>) {
        for b in broken {
            self.error(b.code, &b.path, &b.at, b.message, b.hint);
        }
    }

    /// Faults of the expression that `node` holds.
    pub fn faults(&mut self, path: &str, node: &Node, faults: Vec<Fault>) {
        let text = node.text().unwrap_or("");
        for fault in faults {
            let source = self.sources.get(node.at.source).map_or("", |s| s.text.as_str());
            let at = node.at.inside(source, text, fault.span);
            self.error(fault.code, path, &at, fault.message, fault.hint);
        }
    }

    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity == Severity::Error)
    }

    /// Sorted by file and place; what lies at one place and says the same is said once.
    pub fn finish(self, tree: &Table) -> Vec<Diagnostic> {
        let mut found = self.found;
        for d in &mut found {
            d.shown = entry(tree, &d.path, d.source)
                .filter(|e| e.start <= d.span.start && d.span.end <= e.end)
                .unwrap_or(0..usize::MAX);
        }
        found.sort_by(|a, b| {
            (a.source, a.span.start, a.span.end, a.code, &a.message).cmp(&(
                b.source,
                b.span.start,
                b.span.end,
                b.code,
                &b.message,
            ))
        });
        found.dedup_by(|a, b| {
            (a.source, &a.span, a.code, &a.message) == (b.source, &b.span, b.code, &b.message)
        });
        found
    }
}

/// Bytes of the `key = value` that a path leads to: `rules.base.when`, and in tests `tests.t.steps.0.expect`.
fn entry(tree: &Table, path: &str, source: usize) -> Option<std::ops::Range<usize>> {
    let parts = split(path);
    let depth = if parts.first()? == "tests" && parts.get(2).is_some_and(|p| p == "steps") { 5 } else { 3 };
    let mut table = tree;
    let mut parts = parts.iter().take(depth).peekable();
    let mut taken = 0;
    while let Some(part) = parts.next() {
        let (key, node) = table.entry(part)?;
        taken += 1;
        let Some(next) = parts.peek() else {
            let end = end_of(node, source);
            return (taken == depth && key.at.source == source).then_some(key.at.span.start..end);
        };
        table = match (node.list(), next.parse::<usize>()) {
            (Some(list), Ok(i)) => {
                parts.next();
                taken += 1;
                list.get(i)?.table()?
            }
            _ => node.table()?,
        };
    }
    None
}

/// A table of dotted keys ends where its last value does.
fn end_of(node: &Node, source: usize) -> usize {
    let inner = node.table().and_then(|t| t.iter().map(|(_, n)| end_of(n, source)).max()).unwrap_or(0);
    if node.at.source == source { inner.max(node.at.span.end) } else { inner }
}

/// `events."review.posted".rating` has three parts.
fn split(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            _ => parts.last_mut().expect("never empty").push(c),
        }
    }
    parts
}
