//! Links between our own pages resolve: the file exists, and so does the heading. Links out of the house are not
//! followed, for a test must not depend on other people's servers.

use std::path::Path;

use super::File;

pub fn check(root: &Path, pages: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in pages {
        for (number, line) in prose(&page.text) {
            for target in targets(line) {
                if let Some(why) = broken(root, pages, page, target) {
                    complaints.push(format!("{}:{}: {why}", page.path, number + 1));
                }
            }
        }
    }
    complaints
}

/// Lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// What stands in the round brackets of `[…](…)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn broken(root: &Path, pages: &[File], page: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&page.path).parent().unwrap_or(Path::new(""));
    let path = if file.is_empty() { page.path.clone() } else { tidy_path(&folder.join(file)) };
    if !root.join(&path).exists() {
        return Some(format!("`{target}` leads nowhere"));
    }
    let there = pages.iter().find(|other| other.path == path)?;
    let known = heading.is_empty() || prose(&there.text).any(|(_, line)| anchor(line) == heading);
    (!known).then(|| format!("`{path}` has no heading `#{heading}`"))
}

/// `docs/../README.md` is `README.md`.
fn tidy_path(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part.as_os_str().to_string_lossy().as_ref() {
            ".." => drop(parts.pop()),
            "." => {}
            other => parts.push(other.to_string()),
        }
    }
    parts.join("/")
}

/// `## What it is` is linked to as `what-it-is`.
fn anchor(line: &str) -> String {
    let Some(title) = line.strip_prefix('#') else { return String::new() };
    let title = title.trim_start_matches('#').trim().to_lowercase();
    title
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn follows_links() {
    let page = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let pages = [page("Cargo.toml", "# What it is"), page("x.md", "[a](Cargo.toml#what-it-is) [b](gone.md)")];
    let found = check(&crate::shell::root(), &pages);
    assert_eq!(found, ["x.md:1: `gone.md` leads nowhere"]);
}
