//! docs/promises.md: behind each promise stand the tests that hold it, and they exist. Not here: what they say.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `(name, target)` of each `[name](target)`.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("](").zip(text.split("](").skip(1)).filter_map(|(before, after)| {
        let name = &before[before.rfind('[')? + 1..];
        Some((name, after.split(')').next()?))
    })
}

/// A Rust test, a test of a program, or a recipe of a page, which is run with its tests.
fn stands(name: &str, target: &str) -> bool {
    let (file, recipe) = target.split_once('#').unwrap_or((target, ""));
    let text = std::fs::read_to_string(root().join("docs").join(file)).unwrap_or_default();
    let wanted = match file.rsplit('.').next() {
        Some("rs") => format!("fn {name}("),
        Some("toml") => format!("[tests.{name}]"),
        _ => return text.lines().any(|line| line.starts_with('#') && anchor(line) == recipe),
    };
    text.contains(&wanted)
}

fn anchor(line: &str) -> String {
    let title = line.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect()
}

#[test]
fn each_promise_is_held_by_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && !line.contains("---")).collect();
    let mut complaints = Vec::new();
    for row in rows.iter().filter(|row| **row != "| promise | held by |") {
        let held = row.trim_end_matches(['|', ' ']).rsplit(" | ").next().unwrap_or_default();
        if links(held).count() == 0 {
            complaints.push(format!("nothing holds: {row}"));
        }
        let gone = links(held).filter(|(name, target)| !stands(name, target));
        complaints.extend(gone.map(|(name, target)| format!("there is no {name} in {target}")));
    }
    assert!(complaints.is_empty(), "docs/promises.md\n{}", complaints.join("\n"));
    assert!(rows.len() > 90, "the page is read: {}", rows.len());
}
