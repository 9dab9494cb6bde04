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
    /// Bytes of the entry around it; of them only the line of `span` is shown.
    pub shown: std::ops::Range<usize>,
    pub message: String,
    pub hint: String,
    /// A patch (RFC 7396) of the program that mends it, where one is certain.
    pub fix: Option<serde_json::Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// Where a byte of a text is, for people: line and column from 1, in characters.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// The stable name of a code: `may_be_absent`.
pub fn code_name(code: Code) -> String {
    serde_json::to_value(code).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// As in the reference: `error[code]: message`, `  --> file:line  the line`, the underline with the hint.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], colour: bool) -> String {
    let mut out = String::new();
    for d in diagnostics {
        out.push_str(&render_one(d, sources, colour));
    }
    out
}

fn render_one(d: &Diagnostic, sources: &[Source], colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let strong = if d.severity == Severity::Error { "1;31" } else { "1;33" };
    let head = format!("{}[{}]", d.severity.word(), code_name(d.code));
    let Some(source) = sources.get(d.source) else {
        return format!("{}: {}\n", paint(strong, &head), d.message);
    };
    let text = &source.text;
    if d.code == Code::TestFailed {
        let line = position(text, d.span.start).0;
        return format!("{}  {}:{line}\n{}\n", paint(strong, &d.message), source.name, d.hint);
    }
    let span = boundary(text, d.span.start)..boundary(text, d.span.end.max(d.span.start));
    let (line, _) = position(text, span.start);
    let line_start = text[..span.start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[span.start..].find('\n').map_or(text.len(), |i| span.start + i);
    let from = boundary(text, d.shown.start.clamp(line_start, span.start));
    let to = boundary(text, d.shown.end.clamp(span.end.min(line_end), line_end));
    let cut = &text[from..to];
    let from = from + (cut.len() - cut.trim_start().len()).min(span.start - from);
    let excerpt = text[from..to].trim_end().replace('\t', " ");
    let place = format!("{}:{line}", source.name);
    let column = "  --> ".len() + place.chars().count() + 2 + text[from..span.start].chars().count();
    let width = text[span.start..span.end.min(line_end)].chars().count().max(1);
    let mut under = "^".repeat(width);
    if !d.hint.is_empty() {
        under = format!("{under} {}", d.hint);
    }
    format!(
        "{}: {}\n  {} {place}  {excerpt}\n{}{}\n",
        paint(strong, &head),
        paint("1", &d.message),
        paint("36", "-->"),
        " ".repeat(column),
        paint(strong, &under)
    )
}

/// The nearest place at or before a byte where the text can be cut.
fn boundary(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// For `--json`: an array of {code, severity, path, file, line, column, span, message, hint, fix}.
pub fn to_json(diagnostics: &[Diagnostic], sources: &[Source]) -> serde_json::Value {
    let one = |d: &Diagnostic| {
        let source = sources.get(d.source);
        let (line, column) = source.map_or((0, 0), |s| position(&s.text, d.span.start));
        serde_json::json!({
            "code": d.code,
            "severity": d.severity,
            "path": d.path,
            "file": source.map_or("", |s| s.name.as_str()),
            "line": line,
            "column": column,
            "span": [d.span.start, d.span.end],
            "message": d.message,
            "hint": d.hint,
            "fix": d.fix,
        })
    };
    serde_json::Value::Array(diagnostics.iter().map(one).collect())
}
