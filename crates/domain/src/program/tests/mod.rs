//! What the checker says, word for word.

mod codes;
mod compiled;
mod every_code;
mod files;
mod format;
mod mistakes;
mod real;
mod reference;
mod ten_mistakes;
mod ten_programs;
mod vocabulary;
mod warnings;

use super::*;

fn source(text: &str) -> Source {
    Source { name: "program.toml".into(), text: text.into() }
}

fn no_include(_: &str) -> Result<Vec<Source>, String> {
    Err("not here".into())
}

fn check(text: &str) -> Result<Program, Rejected> {
    read(source(text), &mut no_include, None, 1)
}

const HEAD: &str =
    "program = { id = \"shop\", currency = \"EUR\", timezone = \"Europe/Berlin\" }\nwallets.points = {}\n";

/// A program of these lines, below a head that every program has. It must check.
fn good(lines: &str) -> Program {
    let text = format!("{HEAD}{lines}");
    match check(&text) {
        Ok(program) => program,
        Err(r) => panic!("{}", diag::render(&r.diagnostics, &r.sources, false)),
    }
}

/// All that is said about these lines, each as `code @path: message | hint`.
fn said(lines: &str) -> Vec<String> {
    let text = format!("{HEAD}{lines}");
    let all = match check(&text) {
        Ok(program) => program.warnings,
        Err(r) => r.diagnostics,
    };
    let one = |d: &Diagnostic| {
        let words = &text[d.span.clone()];
        format!("{} `{words}`: {} | {}", diag::code_name(d.code), d.message, d.hint)
    };
    all.iter().map(one).collect()
}

#[track_caller]
fn says(lines: &str, expected: &[&str]) {
    assert_eq!(said(lines), expected);
}
