//! `cargo xtask tidy`: the rules of the house that no compiler checks. Each rule is a file here and gives its
//! complaints as lines; none of them changes anything.
//!
//! `xtask/exceptions.txt` lists what may break a size rule, with its present size. It may only shrink: an entry that
//! is too large, or no longer needed, is a complaint too.

mod codes;
mod deps;
mod links;
mod sizes;
mod words;

use std::path::{Path, PathBuf};

use crate::shell::{self, Outcome};

/// A file of the work tree: its path from the root, and its text.
pub struct File {
    pub path: String,
    pub text: String,
}

pub fn run() -> Outcome {
    let root = shell::root();
    let rust = files(&root, "rs");
    let mut complaints = deps::check()?;
    complaints.extend(sizes::check(&rust, &exceptions(&root)));
    complaints.extend(words::check(&rust));
    let pages = files(&root, "md");
    complaints.extend(codes::check(&rust, &pages));
    complaints.extend(links::check(&root, &pages));
    if complaints.is_empty() {
        println!("tidy: {} Rust files in order", rust.len());
        return Ok(());
    }
    complaints.sort();
    Err(format!("{}\ntidy: {} complaints", complaints.join("\n"), complaints.len()))
}

fn exceptions(root: &Path) -> Vec<(String, usize)> {
    let text = std::fs::read_to_string(root.join("xtask/exceptions.txt")).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(what, size)| (what.trim().to_string(), size.parse().unwrap_or(0)))
        .collect()
}

/// All files of the work tree that end so, sorted; not what is built, fetched or hidden.
fn files(root: &Path, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(read) = std::fs::read_dir(&folder) else { continue };
        for entry in read.flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | "node_modules" | "data") && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.rsplit_once('.').is_some_and(|(_, end)| end == ending) {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}
