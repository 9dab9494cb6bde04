//! The program file: read, check, compile. All mistakes at once.

pub mod diag;

use std::path::Path;

use crate::plan::Plan;
use diag::Diagnostic;

/// One file of a program: its name as shown to people, and its text.
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
}

/// What was wrong, and the texts for showing it.
pub struct Rejected {
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Vec<Source>,
}

/// Reads the main file's text; `include` resolves a pattern of the main file to further sources (sorted).
/// `environment`: which of `[environments]` is chosen.
#[allow(unused_variables)]
pub fn read(
    main: Source,
    include: &mut dyn FnMut(&str) -> Result<Vec<Source>, String>,
    environment: Option<&str>,
    version: u32,
) -> Result<Program, Rejected> {
    todo!()
}

/// The same from the API's JSON form (or the stored canonical JSON).
#[allow(unused_variables)]
pub fn read_json(json: &str, environment: Option<&str>, version: u32) -> Result<Program, Rejected> {
    todo!()
}

#[allow(dead_code)]
fn unused(_: &Path) {}
