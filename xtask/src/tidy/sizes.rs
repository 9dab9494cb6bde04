//! Files of at most 500 lines, functions of at most 70. The text is as rustfmt leaves it, so a function ends at the
//! first closing brace that stands as deep as its `fn`.

use super::File;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

pub fn check(files: &[File], exceptions: &[(String, usize)]) -> Vec<String> {
    let mut large = Vec::new();
    for file in files {
        let lines: Vec<&str> = file.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            large.push((file.path.clone(), lines.len(), FILE_LINES_MAX));
        }
        for (name, length) in functions(&lines) {
            if length > FUNCTION_LINES_MAX {
                large.push((format!("{}::{name}", file.path), length, FUNCTION_LINES_MAX));
            }
        }
    }
    let mut complaints = Vec::new();
    for (what, length, most) in &large {
        match exceptions.iter().find(|(name, _)| name == what) {
            Some((_, size)) if length == size => {}
            Some((_, size)) if length < size => {
                complaints.push(format!(
                    "{what}: shrank to {length} lines, say so in xtask/exceptions.txt ({size})"
                ));
            }
            _ => complaints.push(format!("{what}: {length} lines, at most {most}")),
        }
    }
    for (name, _) in exceptions {
        if !large.iter().any(|(what, _, _)| what == name) {
            complaints.push(format!("{name}: no longer needs its line in xtask/exceptions.txt"));
        }
    }
    complaints
}

/// Name and number of lines of each function.
fn functions(lines: &[&str]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let ends = |line: &str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}'));
        let bodyless = |line: &str| line.starts_with(indent) && line.ends_with(';');
        for (after, line) in lines[first..].iter().enumerate() {
            let one_line = after == 0 && (line.ends_with('}') || line.ends_with(';'));
            let signature_only = after > 0 && bodyless(line) && line[indent.len()..].starts_with(')');
            if one_line || signature_only || (after > 0 && ends(line)) {
                found.push((name.to_string(), after + 1));
                break;
            }
        }
    }
    found
}

/// `pub(crate) async fn name<…` gives `name`.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn measures_functions() {
    let text = "pub fn a() {\n    b();\n}\n\nimpl X {\n    pub(crate) async fn c(\n        x: u8,\n    ) -> u8 {\n        x\n    }\n    fn d();\n}\nfn e() {}";
    let lines: Vec<&str> = text.lines().collect();
    let found: Vec<(String, usize)> = functions(&lines);
    let names: Vec<(&str, usize)> = found.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    assert_eq!(names, [("a", 3), ("c", 5), ("d", 1), ("e", 1)]);
}

#[test]
fn exceptions_only_shrink() {
    let long = File { path: "a.rs".into(), text: "\n".repeat(510) };
    let listed = |size| vec![("a.rs".to_string(), size)];
    assert_eq!(check(std::slice::from_ref(&long), &[]).len(), 1);
    assert_eq!(check(std::slice::from_ref(&long), &listed(510)).len(), 0);
    assert_eq!(check(std::slice::from_ref(&long), &listed(520)).len(), 1);
    assert_eq!(check(&[], &listed(510)).len(), 1);
}
