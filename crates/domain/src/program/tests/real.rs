//! The programs that come with Fealty check and pass their tests, and no rule of theirs is untested.

use super::*;
use crate::scenario::{Failure, run_all};

fn passes(name: &str, text: &str) {
    let source = Source { name: name.into(), text: text.into() };
    let program = match read(source, &mut no_include, None, 1) {
        Ok(program) => program,
        Err(r) => panic!("{}", diag::render(&r.diagnostics, &r.sources, false)),
    };
    let (failures, untested) = run_all(&program);
    let mut said = program.warnings.clone();
    said.extend(untested);
    said.extend(failures.iter().map(Failure::diagnostic));
    assert!(said.is_empty(), "{}", diag::render(&said, &program.sources, false));
}

#[test]
fn the_starter() {
    passes("starter", include_str!("../../../../../programs/starter/program.toml"));
}
