//! The restore drill of PostgreSQL: a server at work, a backup in the middle, more comes, everything is lost; the backup
//! comes back into a new database, senders send again, and it ends as if nothing had been.
#![cfg(feature = "postgres")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Api, PROGRAM, order};
use serde_json::{Value, json};
use testkit::Launch;
use testkit::postgres::{Postgres, programs};

const MEMBERS: usize = 5;

fn api() -> Api {
    let launch = Launch::new(env!("CARGO_BIN_EXE_fealty")).with_program(PROGRAM);
    Api::of(Launch { database: Some(Postgres::shared().database()), ..launch })
}

/// Of these orders: which came before.
fn send(api: &mut Api, orders: std::ops::Range<usize>) -> Vec<bool> {
    let body: Value =
        orders.map(|n| order(&format!("o{n}"), &format!("pos:c{}", n % MEMBERS), "1.00")).collect();
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    let answers = api.call("POST", "/v1/events", &kind, body.to_string().as_bytes()).json();
    let answers = answers.as_array().cloned().unwrap_or_default();
    assert!(answers.iter().all(|one| one["status"] == "applied"), "{answers:?}");
    answers.iter().map(|one| one["duplicate"] == true).collect()
}

fn members(api: &mut Api) -> Vec<Value> {
    (0..MEMBERS).map(|n| api.get(&format!("/v1/members/pos:c{n}")).json()).collect()
}

/// `take` makes a backup of what this launch serves; `bring` makes a database of it.
fn drill(take: impl FnOnce(&Launch, &Path), bring: impl FnOnce(&Launch, &Path) -> String) {
    let mut api = api();
    send(&mut api, 0..20);
    let kept = api.get("/v1/feed?after=end").json()["next"].as_str().unwrap_or_default().to_owned();
    send(&mut api, 20..40);
    let file = api.server.launch.data.join("backup");
    take(&api.server.launch, &file);
    let then = members(&mut api);
    // Those are lost.
    send(&mut api, 40..60);
    let lost = api.get("/v1/feed?after=end").json()["next"].as_str().unwrap_or_default().to_owned();
    api.restart(|launch| launch.database = Some(bring(launch, &file)));
    assert_eq!(members(&mut api), then, "with the same ids");
    let page = api.get(&format!("/v1/feed?types=points.*&limit=1000&after={kept}")).json();
    assert_eq!(page["changes"].as_array().map(Vec::len), Some(20), "{page}");
    let reset = api.get(&format!("/v1/feed?after={lost}"));
    assert_eq!((reset.status, reset.json()["code"].as_str()), (410, Some("feed_reset")));
    let known: Vec<bool> = (0..60).map(|n| n < 40).collect();
    assert_eq!(send(&mut api, 0..60), known);
    for member in members(&mut api) {
        assert_eq!(member["wallets"]["points"]["available"], 12, "{member}");
    }
}

fn run(program: &Path, args: &[&str]) {
    let out = Command::new(program).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn what_pg_dump_took_goes_on_in_a_new_database() {
    let bin = programs().unwrap();
    drill(
        |launch, file| {
            let url = launch.database.as_deref().unwrap();
            run(&bin.join("pg_dump"), &["-Fc", "-f", file.to_str().unwrap(), "-d", url]);
        },
        |_, file| {
            let url = Postgres::shared().database();
            run(&bin.join("pg_restore"), &["-d", &url, file.to_str().unwrap()]);
            url
        },
    );
}

#[test]
fn what_fealty_backed_up_goes_on_in_a_new_database() {
    drill(
        |launch, file| {
            let (code, out) = launch.run(&["backup", "--to", file.to_str().unwrap()]);
            assert_eq!(code, Some(0), "{out}");
        },
        |launch, file| {
            let (folder, url) = (launch.data.join("restored"), Postgres::shared().database());
            let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
            run(&launch.binary, &["restore", "--from", file, "--data", folder]);
            run(&launch.binary, &["copy", "--from", folder, "--to", &url]);
            url
        },
    );
}

#[test]
fn tables_are_brought_up_to_date_and_where_there_is_no_citus_it_is_told() {
    let migrate = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_fealty")).arg("migrate").args(args).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    let launch = Launch::new(env!("CARGO_BIN_EXE_fealty"));
    let (folder, url) = (launch.data.join("data"), Postgres::shared().database());
    let (folder, url) = (folder.to_str().unwrap(), format!("{url}?schema=g017"));
    let (code, out) = migrate(&["--data", folder]);
    assert!(code == Some(0) && out.contains("up to date"), "{out}");
    let (code, out) = migrate(&["--database", &url, "--json"]);
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["distributed"], json!(null));
    let (code, out) = migrate(&["--data", folder, "--distributed"]);
    assert!(code == Some(3) && out.contains("do:"), "{out}");
    let (code, out) = migrate(&["--database", &url, "--distributed"]);
    assert!(code == Some(4) && out.contains("no Citus") && out.contains("docs/scaling.md"), "{out}");
    launch.remove();
}
