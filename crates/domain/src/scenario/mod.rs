//! Program tests: steps in virtual time, expectations after each. They run with `fealty check`, gate publication, and
//! are the scenario format of the core's own tests.
//! Here is what a test says; `program::compile` reads it. Time passes only as the steps say.

pub mod memory;
mod redeem;
mod run;
mod show;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::civil::DateTime;

use crate::condition::Expr;
use crate::num::Num;
use crate::plan::RewardNo;
use crate::program::Program;
use crate::program::diag::Diagnostic;
use crate::time::Span;

pub use run::{Paid, run, run_under};

/// One `[tests.T]`, read and typed.
#[derive(Clone, Debug)]
pub struct Test {
    pub id: Box<str>,
    /// The region of members that name none.
    pub region: Option<Box<str>>,
    pub environment: Option<Box<str>>,
    /// Enrolled at the first step, with these fields.
    pub members: Vec<(Box<str>, Fields)>,
    pub steps: Vec<Step>,
}

/// A JSON object as it would come in; numbers with a fraction are texts, so that they stay exact.
pub type Fields = serde_json::Map<String, serde_json::Value>;

#[derive(Clone, Debug)]
pub struct Step {
    /// Where it is written: index into the sources, byte.
    pub source: usize,
    pub byte: usize,
    pub when: When,
    pub member: Box<str>,
    /// The type and the payload.
    pub event: Option<(Box<str>, Fields)>,
    /// A cart that is judged and forgotten.
    pub quote: Option<Fields>,
    pub redeem: Option<Redeem>,
    /// The step (from 0) whose redemption is confirmed.
    pub confirm: Option<usize>,
    /// The step (from 0) whose redemption is cancelled.
    pub cancel: Option<usize>,
    /// The household of this member.
    pub join: Option<Box<str>>,
    /// Where the step happens: the region of its order, and whose local time it is.
    pub region: Option<Box<str>>,
    pub expect: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub struct Redeem {
    pub reward: RewardNo,
    pub quantity: Num,
    /// The cart, where the reward asks about one.
    pub order: Option<Fields>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Local time.
    At(DateTime),
    /// Durations since the step before; none: the same instant.
    After(Vec<Span>),
}

/// The first step of a test that did not go as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub test: Box<str>,
    /// From 1.
    pub step: usize,
    /// Where the step is written: index into the sources, byte.
    pub source: usize,
    pub byte: usize,
    /// The condition as written.
    pub expected: String,
    /// Its parts with their values.
    pub seen: String,
    /// What the step's event did.
    pub event: String,
}

/// All tests: those that failed, and rules that no test makes pay.
pub fn run_all(program: &Program) -> (Vec<Failure>, Vec<Diagnostic>) {
    let mut failures = Vec::new();
    let mut paid = Paid::new();
    let plan = Arc::new(program.plan.clone());
    for test in &program.tests {
        let result = if test.environment.is_some() { run(program, test) } else { run_under(&plan, test) };
        match result {
            Ok(rules) => paid.extend(rules),
            Err(failure) => failures.push(*failure),
        }
    }
    let untested = if failures.is_empty() { program.untested(&paid) } else { Vec::new() };
    (failures, untested)
}
