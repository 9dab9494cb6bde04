//! Which crate may touch what. Our own crates: an allowed list each. Others': what must not be reachable at all from
//! a pure crate, and what must not be named by an edge.

use crate::shell;

/// Our own crates that each may depend on (dev-dependencies are free).
const OURS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("store", &["domain"]),
    ("connectors", &["domain", "wire"]),
    ("engine", &["domain", "wire", "store", "connectors"]),
    ("fealty", &["domain", "wire", "store", "engine", "connectors"]),
    ("testkit", &["domain", "wire", "store", "engine"]),
];
const NAMES: &[&str] = &["domain", "wire", "store", "connectors", "engine", "fealty", "testkit"];

/// Not reachable, however indirectly.
const NEVER: &[(&str, &[&str])] = &[
    ("domain", &["tokio", "axum", "hyper", "rusqlite", "rand", "getrandom", "futures-core"]),
    ("wire", &["tokio", "axum", "hyper", "rusqlite"]),
    ("store", &["axum", "hyper"]),
    ("engine", &["axum", "hyper"]),
];
/// Not named directly.
const NOT_DIRECT: &[(&str, &[&str])] = &[("fealty", &["rusqlite", "tokio-postgres", "libsqlite3-sys"])];

pub fn check() -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for (name, allowed) in OURS {
        let folder = if *name == "fealty" { "server" } else { name };
        if !shell::root().join("crates").join(folder).exists() {
            continue;
        }
        let all = tree(name, None)?;
        let direct = tree(name, Some("1"))?;
        for other in direct.iter().filter(|other| NAMES.contains(&other.as_str()) && other != name) {
            if !allowed.contains(&other.as_str()) {
                complaints.push(format!("crates/{folder}: must not depend on `{other}`"));
            }
        }
        complaints
            .extend(found(NEVER, name, &all).map(|bad| format!("crates/{folder}: `{bad}` is reachable")));
        let named = found(NOT_DIRECT, name, &direct);
        complaints.extend(named.map(|bad| format!("crates/{folder}: must not name `{bad}`")));
    }
    Ok(complaints)
}

fn found<'a>(
    list: &'a [(&str, &'a [&'a str])],
    name: &'a str,
    tree: &'a [String],
) -> impl Iterator<Item = &'a str> {
    let bad = list.iter().filter(move |(who, _)| *who == name).flat_map(|(_, bad)| bad.iter().copied());
    bad.filter(|bad| tree.iter().any(|one| one == bad))
}

fn tree(name: &str, depth: Option<&str>) -> Result<Vec<String>, String> {
    let mut args = vec!["tree", "--quiet", "--package", name, "--edges", "normal", "--prefix", "none"];
    args.extend(["--format", "{p}"]);
    if let Some(depth) = depth {
        args.extend(["--depth", depth]);
    }
    let text = shell::output(shell::cargo(&args))?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect())
}
