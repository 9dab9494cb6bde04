//! What each heard, held against the feed read at once, and that against the ledger in SQL.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

pub struct Heard {
    name: &'static str,
    /// As often as it came.
    all: Vec<Value>,
    deaths: u64,
    cuts: u64,
}

impl Heard {
    pub fn new(name: &'static str, all: Vec<Value>, deaths: u64, cuts: u64) -> Heard {
        Heard { name, all, deaths, cuts }
    }
}

fn id(change: &Value) -> &str {
    change["cursor"].as_str().unwrap_or_default()
}

pub fn distinct(all: &[Value]) -> usize {
    all.iter().map(id).collect::<HashSet<_>>().len()
}

/// Once each, when it came first.
fn once(all: &[Value]) -> Vec<&Value> {
    let mut seen = HashSet::new();
    all.iter().filter(|change| seen.insert(id(change))).collect()
}

fn by_member<'a>(all: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, Vec<&'a str>> {
    let mut members: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for change in all {
        members.entry(change["member"].to_string()).or_default().push(id(change));
    }
    members
}

/// The same changes, word for word, and of each member in the same order.
pub fn all(told: &[Value], heard: &[Heard]) -> Result<(), String> {
    let words: HashMap<&str, &Value> = told.iter().map(|change| (id(change), change)).collect();
    if words.len() != told.len() {
        return Err("the feed tells a cursor twice".into());
    }
    let orders = by_member(told);
    let mut troubles = Vec::new();
    println!("{:>8} {:>8} {:>8} {:>7} {:>6} {:>6}", "", "came", "changes", "again", "killed", "cut");
    for Heard { name, all, deaths, cuts } in heard {
        let first = once(all);
        println!(
            "{name:>8} {:>8} {:>8} {:>7} {deaths:>6} {cuts:>6}",
            all.len(),
            first.len(),
            all.len() - first.len()
        );
        if let Some(other) = all.iter().find(|change| words.get(id(change)) != Some(change)) {
            troubles.push(format!("{name} heard what the feed does not tell: {other}"));
        }
        let had: HashSet<&str> = first.iter().map(|change| id(change)).collect();
        if let Some(missed) = told.iter().find(|change| !had.contains(id(change))) {
            troubles.push(format!("{name} has missed {missed}"));
        }
        if by_member(first) != orders {
            troubles.push(format!("{name} heard a member's changes in another order"));
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("\n")) }
}

/// `rows`: [[row, the member's own count, type], ...]
pub fn ledger(told: &[Value], rows: &Value) -> Result<(), String> {
    let row = |change: &Value| {
        let pos = id(change).strip_prefix('f')?.split('-').next()?;
        let pos = u64::from_str_radix(pos, 16).ok()?;
        Some(serde_json::json!([pos, change["member_seq"], change["type"]]))
    };
    let ours: Vec<Value> = told.iter().filter_map(row).collect();
    let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
    println!("{:>8} {:>8} {:>8}", "SQL", "", rows.len());
    match ours.iter().zip(rows).find(|(ours, row)| ours != row) {
        Some((ours, row)) => Err(format!("the feed tells {ours}, the ledger {row}")),
        None if ours.len() != rows.len() => {
            Err(format!("the feed tells {} changes, the ledger {}", ours.len(), rows.len()))
        }
        None => Ok(()),
    }
}
