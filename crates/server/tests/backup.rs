//! The restore drill: a server under load, a backup in the middle, kill -9, the backup comes back, the senders send again,
//! and it ends as if nothing had been.

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Api, launch, launch_outward, order};
use serde_json::{Value, json};
use testkit::http::Client;
use testkit::receiver::{Received, Receiver, Reply};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "12 months" }
counters.spend = { on = "order.paid", add = 'order.subtotal', per = "12 months" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal * tiers.status.rate' }
rules.first = { on = "order.paid", earn.points = 20, limit = { times = 1 } }

[tiers.status]
keep = "12 months"
levels = [{ id = "member", rate = 1 }, { id = "gold", rate = 1.5, needs.spend = 60 }]
"#;

const MEMBERS: usize = 13;
const BATCHES: usize = 80;
const BATCH: usize = 25;

fn batch(no: usize) -> Vec<u8> {
    let one = |n: usize| order(&format!("o{n}"), &format!("pos:c{}", n % MEMBERS), &format!("{}.00", n % 9));
    let all: Vec<Value> = (no * BATCH..(no + 1) * BATCH).map(one).collect();
    json!(all).to_string().into_bytes()
}

/// Sends the batches one after the other; `done` counts those that were answered. Ends early when the server is gone;
/// more than half come only when `may` says so.
fn send(mut client: Client, done: &AtomicUsize, may: &AtomicBool) {
    for no in 0..BATCHES {
        while no > BATCHES / 2 && !may.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let sent = client.post("/v1/events", "application/cloudevents-batch+json", &batch(no));
        match sent {
            Ok(answer) => assert_eq!(answer.status, 200, "{}", answer.body),
            Err(_) => return,
        }
        done.fetch_add(1, Ordering::AcqRel);
    }
}

/// What every member has, and what the whole comes to.
fn state(api: &mut Api) -> Vec<Value> {
    let mut all: Vec<Value> = (0..MEMBERS)
        .map(|n| {
            let mut member = api.get(&format!("/v1/members/pos:c{n}")).json();
            let own = member.as_object_mut().expect("he is there");
            // Made anew by each server, or when it was decided.
            own.retain(|key, _| !matches!(key.as_str(), "id" | "enrolled_at" | "referral"));
            member
        })
        .collect();
    let (code, out) = api.server.launch.run(&["verify", "--json"]);
    assert_eq!(code, Some(0), "{out}");
    let report: Value = serde_json::from_str(out.lines().next().unwrap_or_default()).unwrap();
    all.push(json!([report["rows"], report["transfers"], report["members"], report["wallets"]]));
    all
}

fn told(received: &[Received]) -> BTreeSet<String> {
    received.iter().map(|one| one.header("webhook-id").to_owned()).collect()
}

#[test]
fn a_restored_backup_and_the_senders_retries_end_where_a_run_without_it_ends() {
    let (mut api, hook) = (Api::of(launch_outward(PROGRAM)), Receiver::start(|_, _| Reply::ok()));
    let made = api.post("/v1/endpoints", &json!({"url": hook.url(), "types": ["points.*"]}));
    assert_eq!(made.status, 201, "{}", made.body);
    let (data, done, may) = (api.server.launch.data.clone(), AtomicUsize::new(0), AtomicBool::new(false));
    let file = data.join("backup.db");
    let file_text = file.display().to_string();
    let until = |count: usize| {
        while done.load(Ordering::Acquire) < count {
            std::thread::yield_now();
        }
    };
    let lost = std::thread::scope(|scope| {
        let client = api.server.client();
        scope.spawn(|| send(client, &done, &may));
        until(BATCHES / 8);
        let (code, out) = api.server.launch.run(&["backup", "--to", &file_text, "--json"]);
        assert_eq!(code, Some(0), "{out}");
        let told: Value = serde_json::from_str(&out).unwrap();
        let rows = told["manifest"]["rows"].as_u64().unwrap_or(0);
        assert!(rows >= (BATCH * BATCHES / 8) as u64 && told["verified"] == true, "{out}");
        may.store(true, Ordering::Release);
        until(BATCHES / 2 + 5);
        let lost = api.get("/v1/feed?after=end").json()["next"].as_str().unwrap_or_default().to_owned();
        api.server.kill();
        lost
    });
    api.restart(|launch| {
        std::fs::rename(data.join("data"), data.join("lost")).unwrap();
        let (code, out) = launch.run(&["restore", "--from", &file_text]);
        assert_eq!(code, Some(0), "{out}");
        assert!(out.contains("everything in it adds up") && out.contains("fealty serve"), "{out}");
        let (code, out) = launch.run(&["verify", "--replay"]);
        assert_eq!(code, Some(0), "{out}");
    });
    let reset = |api: &mut Api| {
        let answer = api.get(&format!("/v1/feed?after={lost}"));
        assert_eq!((answer.status, answer.json()["code"].as_str()), (410, Some("feed_reset")));
    };
    reset(&mut api);
    done.store(0, Ordering::Release);
    send(api.server.client(), &done, &may);
    assert_eq!(done.load(Ordering::Acquire), BATCHES);
    reset(&mut api);

    let mut plain = Api::of(launch().with_program(PROGRAM));
    send(plain.server.client(), &AtomicUsize::new(0), &may);
    assert_eq!(state(&mut api), state(&mut plain));

    // Every change of the history that counts was told; what was told and is lost does not keep others from it.
    let mut ids = BTreeSet::new();
    let mut at = "start".to_owned();
    loop {
        let page = api.get(&format!("/v1/feed?limit=1000&types=points.*&after={at}")).json();
        let changes = page["changes"].as_array().cloned().unwrap_or_default();
        let end = changes.is_empty() && page["next"] == json!(at);
        ids.extend(changes.iter().map(|one| format!("msg_{}", one["cursor"].as_str().unwrap_or_default())));
        at = page["next"].as_str().unwrap_or_default().to_owned();
        if end {
            break;
        }
    }
    assert!(ids.len() > BATCHES * BATCH / 2);
    hook.wait_until("every change", |all| told(all).is_superset(&ids));
}

fn run(api: &Api, args: &[&str]) -> (Option<i32>, String) {
    api.server.launch.run(args)
}

#[test]
fn what_cannot_be_backed_up_or_restored_is_told_with_what_to_do() {
    let api = Api::start();
    let dir = api.server.launch.data.clone();
    let path = |name: &str| dir.join(name).display().to_string();
    let (file, nowhere) = (path("b.db"), path("no/such/folder/b.db"));
    assert_eq!(run(&api, &["backup", "--to", &file]).0, Some(0));
    let (code, out) = run(&api, &["backup", "--to", &file]);
    assert!(code == Some(4) && out.contains("is there already") && out.contains("do:"), "{out}");
    let (code, out) = run(&api, &["backup", "--to", &nowhere]);
    assert!(code == Some(4) && out.contains("No such file"), "{out}");
    let (code, out) = run(&api, &["restore", "--from", &file]);
    assert!(code == Some(4) && out.contains("in use"), "{out}");
    let (code, out) = run(&api, &["restore", "--from", &nowhere]);
    assert!(code == Some(4) && out.contains("no such file"), "{out}");
    // Cut short on its way to somewhere else.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let restore = |to: &Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fealty"));
        let out = command.args(["restore", "--from", &file, "--data"]).arg(to).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let new = dir.join("new");
    let (code, out) = restore(&new);
    assert!(code == Some(1) && out.contains("not whole") && out.contains("bytes"), "{out}");
    assert!(!new.join("fealty.db").exists());
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(restore(&new).0, Some(0));
    assert!(restore(&new).1.contains("is there already"));
}
