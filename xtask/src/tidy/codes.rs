//! Every code that outsiders may see stands in docs/codes.md.

use super::File;

pub fn check(rust: &[File], pages: &[File]) -> Vec<String> {
    let page = pages.iter().find(|page| page.path == "docs/codes.md").map_or("", |page| page.text.as_str());
    let mut complaints = Vec::new();
    for file in rust {
        for code in codes(file) {
            if !page.contains(&format!("`{code}`")) {
                complaints.push(format!("{}: `{code}` is not in docs/codes.md", file.path));
            }
        }
    }
    complaints.dedup();
    complaints
}

fn codes(file: &File) -> Vec<String> {
    match file.path.as_str() {
        "crates/domain/src/codes.rs" => constants(&file.text),
        "crates/domain/src/condition/mod.rs" => variants(&file.text),
        path if path.starts_with("crates/server/src/http/") => problems(&file.text),
        _ => Vec::new(),
    }
}

/// `pub const X: &str = "code";`
fn constants(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = \""));
    lines.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_string())).collect()
}

/// The variants of `pub enum Code`, as serde writes them.
fn variants(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("pub enum Code {") else { return Vec::new() };
    let body = rest.split('}').next().unwrap_or("");
    let names = body.lines().map(|line| line.trim().trim_end_matches(','));
    names.filter(|name| name.starts_with(char::is_uppercase)).map(snake).collect()
}

/// `Problem::new(404, "code"`
fn problems(text: &str) -> Vec<String> {
    let calls = text.split("Problem::new(").skip(1);
    calls
        .filter_map(|call| call.trim_start().strip_prefix(char::is_numeric)?.split_once(", \""))
        .filter(|(status, _)| status.chars().all(char::is_numeric))
        .filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_string()))
        .collect()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[test]
fn finds_codes() {
    assert_eq!(constants("pub const A: &str = \"a_b\";\n// x"), ["a_b"]);
    assert_eq!(
        variants("pub enum Code {\n    TomlSyntax,\n    /// x\n    NotYet,\n}"),
        ["toml_syntax", "not_yet"]
    );
    assert_eq!(problems("Problem::new(404, \"not_found\", x); Problem::new(status, code)"), ["not_found"]);
}
