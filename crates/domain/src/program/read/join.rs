//! Several files into one tree, by union: a path that two files define is a mistake that names both places.

use super::{Broken, Key, Kind, Node, Table};
use crate::condition::Code;

/// Sections that only the main file may hold.
const MAIN_ONLY: [&str; 4] = ["program", "regions", "environments", "include"];

/// Adds `more` to `main`. `line` says where a place is, as `file:line`.
pub fn join(main: &mut Table, more: Table, place: &dyn Fn(&Key) -> String, broken: &mut Vec<Broken>) {
    for (key, node) in more.0 {
        if MAIN_ONLY.contains(&key.text.as_str()) {
            broken.push(Broken {
                fatal: false,
                code: Code::UnknownSection,
                message: format!("`{}` in an included file", key.text),
                hint: format!("only the main file holds {}", MAIN_ONLY.join(", ")),
                path: key.text,
                at: key.at,
            });
            continue;
        }
        add(main, key, node, "", 1, place, broken);
    }
}

/// Sections are joined by their names (`rules` by `rules.base`); below that one file says all.
fn add(
    into: &mut Table,
    key: Key,
    node: Node,
    above: &str,
    level: u8,
    place: &dyn Fn(&Key) -> String,
    broken: &mut Vec<Broken>,
) {
    let Some(have) = into.0.iter_mut().find(|(k, _)| k.text == key.text) else {
        into.0.push((key, node));
        return;
    };
    let path = if above.is_empty() { key.text.clone() } else { format!("{above}.{}", key.text) };
    if level == 1
        && let (Kind::Table(old), Kind::Table(_)) = (&mut have.1.kind, &node.kind)
    {
        let Kind::Table(new) = node.kind else { return };
        for (key, node) in new.0 {
            add(old, key, node, &path, 2, place, broken);
        }
        return;
    }
    broken.push(Broken {
        fatal: false,
        code: Code::Duplicate,
        message: format!("`{path}` is defined twice"),
        hint: format!("also defined in {}", place(&have.0)),
        path,
        at: key.at,
    });
}
