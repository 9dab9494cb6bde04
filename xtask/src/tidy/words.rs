//! Every file opens with `//!`; no type is called after its helplessness; nothing is left for later.

use super::File;

const SUFFIXES: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils", "Service", "Impl"];

pub fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        if !file.text.starts_with("//!") {
            complaints.push(format!("{}:1: must open with `//!`: what is here, and what is not", file.path));
        }
        // This file names what it forbids.
        if file.path.ends_with("tidy/words.rs") {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            complaints.extend(complaint(line).map(|what| format!("{}:{}: {what}", file.path, number + 1)));
        }
    }
    complaints
}

fn complaint(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let declared = words.windows(2).find(|pair| matches!(pair[0], "struct" | "enum" | "trait" | "type"));
    let suffix = declared.and_then(|pair| SUFFIXES.iter().find(|suffix| pair[1].ends_with(**suffix)));
    if let (Some([_, name]), Some(suffix)) = (declared, suffix) {
        return Some(format!("`{name}`: a type is not called `…{suffix}`; say what it is"));
    }
    if words.iter().any(|word| matches!(*word, "TODO" | "FIXME" | "XXX")) {
        return Some("nothing is left for later: do it, or refuse it with a code".into());
    }
    if ["todo!(", "unimplemented!("].iter().any(|call| line.contains(call)) {
        return Some("unfinished".into());
    }
    None
}

#[test]
fn complains_and_does_not() {
    assert!(complaint("pub struct EventManager {").is_some());
    assert!(complaint("    // TODO later").is_some());
    assert!(complaint("    todo!()").is_some());
    assert!(complaint("pub struct Event {").is_none());
    assert!(complaint("// the service type is a word like any other").is_none());
}
