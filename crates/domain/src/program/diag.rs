//! Diagnostics: code, file, line, the words underlined, what was expected, and a hint.

use crate::condition::Code;
use crate::program::Source;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// Dotted path: `rules.base.when`.
    pub path: String,
    /// Index into the sources.
    pub source: usize,
    /// Bytes of that source's text.
    pub span: std::ops::Range<usize>,
    pub message: String,
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// As in the reference: `error[code]: message`, `  --> file:line  the line`, the underline with the hint.
#[allow(unused_variables)]
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], colour: bool) -> String {
    todo!()
}

/// For `--json`: an array of {code, severity, path, file, line, column, span, message, hint}.
#[allow(unused_variables)]
pub fn to_json(diagnostics: &[Diagnostic], sources: &[Source]) -> serde_json::Value {
    todo!()
}
