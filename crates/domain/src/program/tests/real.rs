//! The programs of this repository, the recipes of the cookbook and what stands in docs/program.md: all check without a
//! word, their tests pass, and no rule of theirs is untested; docs/program.md tells of every key.

use super::*;
use crate::scenario::{Failure, run_all};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What is to be said of a program; nothing, if it is well.
fn faults(name: &str, text: &str) -> String {
    let source = Source { name: name.into(), text: text.into() };
    let program = match read(source, &mut no_include, None, 1) {
        Ok(program) => program,
        Err(r) => return diag::render(&r.diagnostics, &r.sources, false),
    };
    let (failures, untested) = run_all(&program);
    let mut said = program.warnings.clone();
    said.extend(untested);
    said.extend(failures.iter().map(Failure::diagnostic));
    let tests = if program.tests.is_empty() { format!("{name} has no tests\n") } else { String::new() };
    diag::render(&said, &program.sources, false) + &tests
}

fn docs(page: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/docs/{page}")).unwrap_or_else(|e| panic!("docs/{page}: {e}"))
}

/// The programs under `programs/`, by folder.
pub fn programs() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(format!("{ROOT}/programs")).unwrap() {
        let file = folder.unwrap().path().join("program.toml");
        if let Ok(text) = std::fs::read_to_string(&file) {
            let name = file.parent().and_then(|p| p.file_name()).unwrap().to_string_lossy().into_owned();
            found.push((name, text));
        }
    }
    found.sort();
    found
}

/// Blocks of TOML in a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(block, _)| block)
        .collect()
}

/// Each recipe under the head that the page gives.
pub fn recipes() -> Vec<(String, String)> {
    let page = docs("cookbook.md");
    let (head, rest) = page.split_once("\n## ").expect("chapters");
    let head: Vec<&str> = blocks(head)[0].lines().collect();
    let mut found = Vec::new();
    for recipe in rest.split("\n### ").skip(1) {
        let title = recipe.lines().next().unwrap_or_default().to_owned();
        let all = blocks(recipe);
        assert_eq!(all.len(), 1, "{title}: one program each");
        let head = if all[0].contains("wallets.points = ") { &head[..1] } else { &head[..] };
        found.push((title, format!("{}\n\n{}\n", head.join("\n"), all[0])));
    }
    found
}

#[test]
fn our_programs() {
    let all = programs();
    assert!(all.len() >= 10, "they are found: {}", all.len());
    let said: String = all.iter().map(|(name, text)| faults(name, text)).collect();
    assert!(said.is_empty(), "{said}");
    let list = docs("programs/README.md");
    for (name, text) in all {
        assert!(text.contains(&format!("program = {{ id = \"{name}\"")), "{name} is called as its folder");
        assert!(list.contains(&format!("[{name}](")), "{name} is in the list");
        if !["starter", "grocery"].contains(&&*name) {
            docs(&format!("programs/{name}.md"));
        }
    }
}

#[test]
fn the_cookbook() {
    let all = recipes();
    assert!(all.len() >= 40, "they are found: {}", all.len());
    let said: String = all.iter().map(|(title, text)| faults(title, text)).collect();
    assert!(said.is_empty(), "{said}");
    let titles: std::collections::BTreeSet<&String> = all.iter().map(|(title, _)| title).collect();
    assert_eq!(titles.len(), all.len(), "each has a title of its own");
}

/// Every program in the reference, and every key of the language is there.
#[test]
fn the_page_of_the_language() {
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
    let docs = docs("program.md");
    let programs: Vec<&str> =
        blocks(&docs).into_iter().filter(|block| block.contains("program = {")).collect();
    assert!(!programs.is_empty());
    let said: String = programs.iter().map(|text| faults("docs/program.md", text)).collect();
    assert!(said.is_empty(), "{said}");
    let words: std::collections::BTreeSet<&str> =
        docs.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    keys(&schema(), &mut |name| assert!(words.contains(name), "docs/program.md does not tell of `{name}`"));
}
