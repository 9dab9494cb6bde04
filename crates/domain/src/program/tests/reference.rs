//! docs/reference.md is what the tables say (`FEALTY_BLESS=1` writes it anew), and what it shows is so.

use super::*;
use crate::condition::{Code, FUNCTIONS};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference.md");

#[test]
fn the_page_is_what_the_tables_say() {
    let page = reference();
    if std::env::var_os("FEALTY_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference.md is not what the tables say: run this test with FEALTY_BLESS=1"
    );
}

#[test]
fn every_example_of_a_function_compiles_and_mentions_it() {
    let head = "item.brand2 = \"string?\"\nparams = { rate = { a = 1 }, bands = [[0, 0], [10, 1]] }\ncounters.c = { on = \"order.paid\", per = \"month\" }\n";
    for f in FUNCTIONS {
        assert!(f.example.contains(&format!("{}(", f.name)), "{}", f.example);
        let rule = |key: &str| format!("rules.r = {{ on = \"order.paid\", {key} }}\n");
        let number = rule(&format!("each = 'order.items', earn.points = '{}'", f.example));
        let condition = rule(&format!("each = 'order.items', when = '{}', earn.points = 1", f.example));
        let fine = [number, condition].iter().any(|rule| check(&format!("{HEAD}{head}{rule}")).is_ok());
        assert!(fine, "neither an amount nor a condition: {}", f.example);
    }
}

/// The codes that outsiders see stand in docs/codes.md; here each stands once, and none is missing.
#[test]
fn every_code_is_told_once() {
    let codes: Vec<String> = super::super::reference::codes().map(diag::code_name).collect();
    assert_eq!(codes.last(), Some(&diag::code_name(Code::Untested)));
    let page = include_str!("../../../../../docs/codes.md");
    let (_, part) = page.split_once("## fealty check").expect("the section");
    let part = part.split("\n## ").next().unwrap_or_default();
    let told = part.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let mut told: Vec<&str> = told.flat_map(|cell| cell.split("`, `").map(|w| w.trim_matches('`'))).collect();
    let mut codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    told.sort_unstable();
    codes.sort_unstable();
    assert_eq!(told, codes);
}
