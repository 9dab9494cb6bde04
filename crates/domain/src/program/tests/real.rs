//! The starter and what stands in the reference: they check, their tests pass, and no rule of theirs is untested; and the
//! reference tells of every key.

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

/// Every program in the reference, and every key of the language is there.
#[test]
fn the_reference() {
    fn keys(schema: &serde_json::Value, see: &mut dyn FnMut(&str)) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            see(name);
            keys(inner, see);
        }
        for inner in ["additionalProperties", "items"] {
            schema.get(inner).iter().for_each(|s| keys(s, see));
        }
        schema["anyOf"].as_array().into_iter().flatten().for_each(|s| keys(s, see));
    }
    let docs = include_str!("../../../../../docs/program.md");
    let blocks =
        docs.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block);
    let programs: Vec<&str> = blocks.filter(|block| block.contains("program = {")).collect();
    assert!(!programs.is_empty());
    programs.iter().for_each(|text| passes("docs/program.md", text));
    let words: std::collections::BTreeSet<&str> =
        docs.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    keys(&schema(), &mut |name| assert!(words.contains(name), "docs/program.md does not tell of `{name}`"));
}
