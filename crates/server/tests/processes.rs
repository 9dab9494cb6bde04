//! Several processes on one PostgreSQL: what comes in by any of them counts once, whoever is killed; endpoints are told by
//! whoever is left; and it all moves to a folder and back.
#![cfg(feature = "postgres")]

mod common;

use std::time::Duration;

use common::order;
use serde_json::{Value, json};
use testkit::http::Client;
use testkit::postgres::Postgres;
use testkit::receiver::{Receiver, Reply};
use testkit::{Launch, Server};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"#;

fn launch(database: &str) -> Launch {
    let launch = common::launch_outward(PROGRAM);
    Launch { database: Some(database.into()), ..launch }
}

fn start(launch: &Launch) -> (Server, Client) {
    let server = launch.start().unwrap_or_else(|e| panic!("{e}"));
    let client = server.client();
    (server, client)
}

/// As a sender does: until it was taken.
fn send(clients: &mut [Client], from: usize, events: &Value) {
    let body = events.to_string();
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    for again in 0..600 {
        let client = &mut clients[(from + again) % 3];
        let answer = client.request("POST", "/v1/events", &kind, body.as_bytes());
        if answer.is_ok_and(|answer| (200..300).contains(&answer.status)) {
            return;
        }
        // Not a wait for something to happen: how often a sender tries.
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("it is never taken");
}

fn batch(n: usize) -> Value {
    (n * 20..(n + 1) * 20).map(|n| order(&format!("o{n}"), &format!("pos:m{}", n % 30), "1.00")).collect()
}

#[test]
fn processes_come_and_go_and_everything_counts_once() {
    let database = Postgres::shared().database();
    let hook = Receiver::start(|_, _| Reply::ok());
    let launches: Vec<Launch> = (0..3).map(|_| launch(&database)).collect();
    let (mut servers, mut clients): (Vec<Server>, Vec<Client>) = launches.iter().map(start).unzip();
    let endpoint = json!({"url": hook.url(), "types": ["points.earned"]}).to_string();
    let json = [("Content-Type", "application/json")];
    let made = clients[0].request("POST", "/v1/endpoints", &json, endpoint.as_bytes()).unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    for n in 0..30 {
        send(&mut clients, n, &batch(n));
        // The same again, by another.
        send(&mut clients, n + 1, &batch(n));
        if n % 5 == 4 {
            let who = (n / 5) % 3;
            servers[who].kill();
            let (server, client) = start(&launches[who]);
            (servers[who], clients[who]) = (server, client);
        }
    }
    for client in &mut clients {
        let sum: i64 = (0..30)
            .map(|m| client.get(&format!("/v1/members/pos:m{m}")).unwrap().json())
            .map(|member| member["wallets"]["points"]["available"].as_i64().unwrap())
            .sum();
        assert_eq!(sum, 600, "whoever is asked");
    }
    let told = |received: &[testkit::receiver::Received]| {
        let ids = received.iter().map(|one| one.header("webhook-id").to_owned());
        ids.collect::<std::collections::BTreeSet<_>>().len()
    };
    hook.wait_until("all are told", |received| told(received) == 600);
    drop(servers);
    let launch = &launches[0];
    let (code, said) = launch.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
    let (folder, other) = (launch.data.join("moved"), Postgres::shared().database());
    for (from, to) in [(&*database, folder.to_str().unwrap()), (folder.to_str().unwrap(), &*other)] {
        let out =
            std::process::Command::new(&launch.binary).args(["copy", "--from", from, "--to", to]).output();
        let out = out.unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    let (_server, mut client) = start(&Launch { database: Some(other), ..launch.clone() });
    // Known there too: nothing counts again.
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    let again = client.request("POST", "/v1/events", &kind, batch(3).to_string().as_bytes()).unwrap();
    assert!((200..300).contains(&again.status), "{}", again.body);
    let member = client.get("/v1/members/pos:m0").unwrap().json();
    assert_eq!(member["wallets"]["points"]["available"], 20, "{member}");
    launches.iter().for_each(Launch::remove);
}
