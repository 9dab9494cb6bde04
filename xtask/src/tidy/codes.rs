//! Every code that outsiders may see stands in docs/codes.md, and every code that stands there is made somewhere.
//! The core's refusals are made from its list of codes, never from a text in place.

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
    let made = |code: &str| {
        let literal = format!("\"{code}\"");
        rust.iter().any(|file| {
            !file.path.starts_with("xtask/")
                && (file.text.contains(&literal) || codes(file).iter().any(|own| own == code))
        })
    };
    for code in listed(page).into_iter().filter(|code| !made(code)) {
        complaints.push(format!("docs/codes.md: nothing makes `{code}`"));
    }
    complaints.dedup();
    complaints
}

/// The codes in the first column of the page's tables.
fn listed(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once("` |")).flat_map(|(first, _)| first.split("`, `")).collect()
}

fn codes(file: &File) -> Vec<String> {
    match file.path.as_str() {
        "crates/domain/src/codes.rs" => constants(&file.text),
        "crates/domain/src/condition/mod.rs" => variants(&file.text),
        path if path.starts_with("crates/server/src/http/") => {
            [problems(&file.text), faults(&file.text)].concat()
        }
        path if path.starts_with("crates/domain/src/") => in_place(&file.text),
        path if path.starts_with("crates/wire/src/signature/") => arms(&file.text),
        path if path.starts_with("crates/wire/src/") => faults(&file.text),
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

/// `reason("code"` and `reason_at("code"`: a code that is not of the list.
fn in_place(text: &str) -> Vec<String> {
    let calls = ["reason(\"", "reason_at(\""].into_iter().flat_map(|call| text.split(call).skip(1));
    calls.filter_map(|call| Some(call.split_once('"')?.0.to_string())).collect()
}

/// `Fault::new("/id", "code"`: the first literal of the call that is made like a code.
fn faults(text: &str) -> Vec<String> {
    let snake = |text: &&str| {
        text.contains('_')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && !text.starts_with('_')
    };
    let calls = text.split("Fault::new(").skip(1).map(|call| call.split(';').next().unwrap_or_default());
    calls.filter_map(|call| call.split('"').skip(1).step_by(2).find(snake)).map(str::to_owned).collect()
}

/// `Refused::Stale => "signature_stale"`
fn arms(text: &str) -> Vec<String> {
    let arms = text.lines().filter_map(|line| line.trim().strip_prefix("Refused::")?.split_once(" => \""));
    arms.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_string()))
        .filter(|code| code.contains('_') && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
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
        variants("pub enum Code {\n    TomlSyntax,\n    /// x\n    TooMany,\n}"),
        ["toml_syntax", "too_many"]
    );
    assert_eq!(listed("| `a_b`, `c` | 400 | x |\n| code | says |\n| `d` |"), ["a_b", "c", "d"]);
    assert_eq!(in_place("reason_at(\"a_b\", x); reason(codes::X, y)"), ["a_b"]);
    assert_eq!(faults("Fault::new(json::step(name), \"a_b\", \"c_d\"); Fault::new(p, CODE, x);"), ["a_b"]);
    assert_eq!(arms("    Refused::Missing => \"gone_by\",\n    Refused::Ping => 200,"), ["gone_by"]);
    assert_eq!(problems("Problem::new(404, \"not_found\", x); Problem::new(status, code)"), ["not_found"]);
}
