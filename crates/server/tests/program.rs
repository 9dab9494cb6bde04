//! The program over HTTP: read, published, refused; each event is judged by one version.

mod common;

use common::{Api, PROGRAM, order};
use serde_json::json;

const ADA: &str = "email:ada@example.com";

#[test]
fn a_new_version_counts_for_what_comes_after_it() {
    let mut api = Api::start();
    assert_eq!(api.event(&order("o1", ADA, "10")).json()["program_version"], 1);
    let present = api.get("/v1/program");
    let etag = present.header("etag").unwrap_or_default().to_owned();
    let mut program = present.json();
    program["rules"]["base"]["earn"]["points"] = json!("order.subtotal * 2");
    let json_kind = ("Content-Type", "application/json");
    let stale = api.call(
        "PUT",
        "/v1/program",
        &[json_kind, ("If-Match", "\"other\"")],
        program.to_string().as_bytes(),
    );
    assert_eq!((stale.status, stale.json()["code"].as_str()), (412, Some("program_changed")));
    let put =
        api.call("PUT", "/v1/program", &[json_kind, ("If-Match", &etag)], program.to_string().as_bytes());
    assert_eq!((put.status, put.json()["version"].as_u64()), (201, Some(2)), "{}", put.body);
    let outcome = api.event(&order("o2", ADA, "10")).json();
    assert_eq!(
        (outcome["program_version"].as_u64(), outcome["effects"][0]["granted"].as_u64()),
        (Some(2), Some(20))
    );
    assert_eq!(api.event(&order("o1", ADA, "10")).json()["program_version"], 1, "the first outcome again");
    let same = api.call("PUT", "/v1/program", &[json_kind], program.to_string().as_bytes());
    assert_eq!((same.status, same.json()["version"].as_u64()), (200, Some(2)));
    let toml = api.call("PUT", "/v1/program", &[("Content-Type", "application/toml")], PROGRAM.as_bytes());
    assert_eq!((toml.status, toml.json()["version"].as_u64()), (201, Some(3)), "{}", toml.body);
    let versions = api.get("/v1/program/versions").json();
    assert_eq!(versions["versions"][0]["version"], 3);
    assert_eq!(versions["versions"][0]["hash"], versions["versions"][2]["hash"]);
    // A return is judged by the version under which the order earned.
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "r1", "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": "r1", "order": "o2", "items": [{"id": "a", "quantity": 1}]}});
    assert_eq!(api.event(&refund).json()["status"], "applied");
    assert_eq!(api.get("/v1/members/email:ada@example.com").json()["wallets"]["points"]["available"], 10);
}

#[test]
fn a_program_that_does_not_check_is_refused_with_all_its_mistakes() {
    let mut api = Api::start();
    let bad =
        PROGRAM.replace("order.subtotal", "order.subtotle").replace("review.words >= 20", "review.stars > 3");
    let put = api.call("PUT", "/v1/program", &[("Content-Type", "application/toml")], bad.as_bytes());
    assert_eq!((put.status, put.json()["code"].as_str()), (422, Some("program_invalid")), "{}", put.body);
    assert_eq!(put.json()["diagnostics"].as_array().map(Vec::len), Some(2), "{}", put.body);
    let other = PROGRAM.replace("id = \"test\"", "id = \"other\"");
    let put = api.call("PUT", "/v1/program", &[("Content-Type", "application/toml")], other.as_bytes());
    assert_eq!(put.json()["code"], "program_id_differs");
    assert_eq!(api.get("/v1/program/versions").json()["versions"].as_array().map(Vec::len), Some(1));
    assert!(api.get("/v1/program/schema").json()["properties"]["wallets"].is_object());
}

#[test]
fn what_was_published_stays_when_the_server_starts_again_with_the_file_of_before() {
    let launch = common::launch().with_program(PROGRAM);
    let mut api = Api::of(launch);
    let doubled = PROGRAM.replace("'order.subtotal'", "'order.subtotal * 2'");
    let toml = [("Content-Type", "application/toml")];
    assert_eq!(api.call("PUT", "/v1/program", &toml, doubled.as_bytes()).status, 201);
    api.restart(|_| {});
    assert_eq!(api.event(&order("o1", ADA, "10")).json()["effects"][0]["granted"], 20);
    assert_eq!(api.get("/v1/program/versions").json()["versions"].as_array().map(Vec::len), Some(2));
    // A file that has changed since counts again.
    let tripled = PROGRAM.replace("'order.subtotal'", "'order.subtotal * 3'");
    api.restart(|launch| *launch = launch.clone().with_program(&tripled));
    assert_eq!(api.event(&order("o2", ADA, "10")).json()["effects"][0]["granted"], 30);
}
