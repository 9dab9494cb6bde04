//! A decision of Fealty beside two rule engines of other makes, under the same rules for the same order. Theirs is the
//! bare question which rules apply to an object; ours reads the event's JSON, keeps counters and limits and writes the
//! ledger's transfers as well.

use std::process::Command;

use crate::process;
use crate::record::{Bar, bar};
use crate::table::{print, short};

pub fn measure() {
    let Some(modules) = std::env::var_os("BENCH_NODE") else {
        return println!("engines: left out; `cargo xtask bench engines` installs them");
    };
    let row = |rules: u32| {
        let count = rules.to_string();
        let ours = process::cargo_example("domain", "speed", &[&count]);
        let mut node = Command::new("node");
        node.current_dir(process::root()).arg("bench/engines.mjs").arg(&modules).arg(&count);
        let (_, theirs) = process::timed(node);
        let figures: Vec<f64> = ours
            .split_whitespace()
            .chain(theirs.split_whitespace())
            .filter_map(|word| word.parse().ok())
            .collect();
        let [ours, json_rules, zen] = figures[..] else { panic!("three figures: {ours}{theirs}") };
        bar(
            &format!("a decision under {rules} rules beside zen-engine"),
            zen / ours,
            "times",
            Bar::AtLeast(6.0),
        );
        let times = |other: f64| format!("{:.0}", other / ours);
        vec![count, short(ours), short(json_rules), times(json_rules), short(zen), times(zen)]
    };
    let head = [
        "rules",
        "Fealty us",
        "json-rules-engine us",
        "ratio of json-rules",
        "zen-engine us",
        "ratio of zen",
    ];
    print("CPU of one order's decision", &head, &[row(20), row(100), row(300)]);
}
