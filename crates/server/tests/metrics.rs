//! `/metrics`: every name in the dashboard, the alerts and the table of docs/operating.md is there, and every one that is
//! there is in the table.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::{Api, PROGRAM, launch, order};
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Words that begin so.
fn names(text: &str) -> BTreeSet<String> {
    let word = |part: &str| -> String {
        part.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
    };
    text.split("fealty_").skip(1).map(|part| format!("fealty_{}", word(part))).collect()
}

/// A server that has been through a little of everything, and what it then says.
fn metrics() -> (Api, String) {
    let mut launch = launch().with_program(PROGRAM);
    let settings = launch.data.join("settings.toml");
    let source = "[sources.shop]\nkind = \"stripe\"\nsecrets = [\"env:SHOP_SECRET\"]\n";
    std::fs::write(&settings, source).unwrap();
    launch.args.extend(["--settings".into(), settings.to_string_lossy().into_owned()]);
    launch.env.push(("SHOP_SECRET".into(), "whsec_of_a_test".into()));
    let mut api = Api::of(launch);
    api.event(&order("o1", "email:ada@example.com", "5"));
    api.call("POST", "/v1/sources/shop", &[("Content-Type", "application/json")], b"{}");
    let hook = json!({"url": "https://example.com/hook", "types": ["tier.changed"]});
    assert_eq!(api.post("/v1/endpoints", &hook).status, 201);
    let said = api.get("/metrics").body;
    (api, said)
}

#[test]
fn what_dashboards_and_alerts_ask_for_is_told_and_what_is_told_is_explained() {
    let (_api, said) = metrics();
    // Of brokers nothing is told where there is none.
    let brokers = names(&text("crates/server/src/sources/meter.rs").replace("\"source_", "\"fealty_source_"));
    let mut samples: BTreeSet<String> = said
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next().map(str::to_owned))
        .collect();
    samples.extend(brokers.iter().flat_map(|name| [name.clone(), format!("{name}_total")]));
    for file in ["deploy/grafana/dashboards/fealty.json", "deploy/prometheus/alerts.yml"] {
        let asked = names(&text(file));
        assert!(asked.len() > 10, "{file}");
        let unknown: Vec<_> = asked.difference(&samples).collect();
        assert!(unknown.is_empty(), "{file} asks for what nobody tells: {unknown:?}");
    }
    let types = said.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let told: BTreeSet<String> = types.map(str::to_owned).chain(brokers).collect();
    let page = text("docs/operating.md");
    let rows = page.lines().filter(|line| line.starts_with("| `fealty_"));
    let explained: BTreeSet<String> =
        rows.flat_map(|line| names(line.split('|').nth(1).unwrap_or_default())).collect();
    assert_eq!(explained, told, "the table of docs/operating.md");
}

#[test]
fn every_alert_is_explained() {
    let (alerts, page) = (text("deploy/prometheus/alerts.yml"), text("docs/operating.md"));
    let alerts: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(page.lines().any(|line| line.starts_with(&format!("| `{alert}`"))), "{alert}");
    }
}

#[test]
fn figures_of_the_store_and_of_endpoints_are_what_they_are() {
    let (mut api, said) = metrics();
    let of = |said: &str, name: &str| -> f64 {
        let line = said.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default();
        line.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(-1.0)
    };
    assert_eq!(of(&said, "fealty_members"), 1.0, "{said}");
    assert_eq!(of(&said, "fealty_endpoints{state=\"on\"}"), 1.0, "{said}");
    assert_eq!(of(&said, "fealty_events_total{status=\"applied\"}"), 1.0, "{said}");
    // Of a database elsewhere nothing is known.
    if api.server.launch.database.is_none() {
        assert!(
            of(&said, "fealty_disk_free_bytes") > 1e6 && of(&said, "fealty_data_bytes") > 4096.0,
            "{said}"
        );
    }
    // What is looked up is looked up now and then, for whoever asks.
    let rows = of(&said, "fealty_journal_rows");
    api.event(&order("o2", "email:ada@example.com", "5"));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while of(&api.get("/metrics").body, "fealty_journal_rows") <= rows {
        assert!(std::time::Instant::now() < end);
        std::thread::yield_now();
    }
}
