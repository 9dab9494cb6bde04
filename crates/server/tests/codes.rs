//! Codes of pools: brought over HTTP and by the command line, given once each, under many clients and after a kill.

mod common;

use std::collections::BTreeSet;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rewards.film = { gives.code.pool = "film" }
rewards.tea = { gives.code.pool = "film", stock = 3 }
rewards.mug = { gives.product = "mug" }
"#;

fn api() -> Api {
    Api::of(launch().with_program(PROGRAM))
}

fn codes(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("F-{n:05}")).collect()
}

fn left(api: &mut Api) -> Value {
    let rewards = api.get("/v1/rewards").json();
    rewards["rewards"].as_array().into_iter().flatten().map(|one| one["left"].clone()).collect()
}

#[test]
fn codes_are_brought_counted_and_shown_as_what_is_left() {
    let mut api = api();
    assert_eq!(left(&mut api), json!([0, null, 0]), "film, mug, tea");
    // More than one row takes.
    let bring = json!({"codes": codes(0..2_500)});
    let brought = api.post_once("/v1/rewards/film/codes", "b1", &bring);
    assert_eq!(brought.status, 200, "{}", brought.body);
    let first = json!({"reward": "film", "pool": "film", "added": 2_500, "skipped": 0, "left": 2_500});
    assert_eq!(brought.json(), first);
    assert_eq!(api.post_once("/v1/rewards/film/codes", "b1", &bring).json(), first, "a retry");
    let other = api.post_once("/v1/rewards/film/codes", "b1", &json!({"codes": ["X"]}));
    assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency_key_reused")));
    let more = api.post("/v1/rewards/tea/codes", &json!({"codes": codes(1_990..2_510)}));
    let told = json!({"reward": "tea", "pool": "film", "added": 10, "skipped": 510, "left": 3});
    assert_eq!(more.json(), told);
    assert_eq!(left(&mut api), json!([2_510, null, 3]));
    let bad = api.post("/v1/rewards/film/codes", &json!({"codes": ["A", " B", "", "C"]})).json();
    let at: Vec<&Value> = bad["errors"].as_array().into_iter().flatten().map(|e| &e["pointer"]).collect();
    assert_eq!(at, ["/codes/1", "/codes/2"], "{bad}");
    assert_eq!(left(&mut api)[0], 2_510, "nothing of it was taken");
    assert_eq!(api.post("/v1/rewards/film/codes", &json!({"codes": []})).status, 422);
    let none = api.post("/v1/rewards/mug/codes", &json!({"codes": ["A"]}));
    assert_eq!((none.status, none.json()["code"].as_str()), (409, Some("reward_without_pool")));
    assert_eq!(api.post("/v1/rewards/moon/codes", &json!({"codes": ["A"]})).status, 404);
}

#[test]
fn each_code_is_given_once_under_many_clients_and_a_kill() {
    const CLIENTS: usize = 6;
    let mut api = api();
    api.post("/v1/rewards/film/codes", &json!({"codes": codes(0..70)}));
    api.post("/v1/rewards/film/codes", &json!({"codes": codes(70..90)}));
    for n in 0..CLIENTS {
        api.event(&order(&format!("o{n}"), &format!("email:m{n}@example.com"), "1"));
    }
    // Every client asks for each of his names twice, so that what was acknowledged before the kill is asked for again.
    let round = |server: &testkit::Server, names: std::ops::Range<usize>, stop: bool| {
        std::thread::scope(|scope| {
            let ask = |client: usize| {
                let mut http = server.client();
                let (names, mut given) = (names.clone(), Vec::new());
                move || {
                    for n in names {
                        let key = format!("{client}-{n}");
                        let headers =
                            [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
                        let who = format!("email:m{client}@example.com");
                        let body = json!({"member": who, "reward": "film", "confirm": true}).to_string();
                        match http.request("POST", "/v1/redemptions", &headers, body.as_bytes()) {
                            Ok(answer) => given.push((key, answer.status, answer.json())),
                            Err(_) => break,
                        }
                    }
                    given
                }
            };
            let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(ask(client))).collect();
            if stop {
                let pid = server.pid().to_string();
                std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
            }
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let before = round(&api.server, 0..20, true);
    api.restart(|_| ());
    let after = round(&api.server, 0..20, false);
    let of = |one: &(String, u16, Value)| {
        let code = one.2["codes"][0].as_str().expect("it was given").to_owned();
        (one.0.clone(), code)
    };
    let given = |all: &[(String, u16, Value)]| -> BTreeSet<(String, String)> {
        all.iter().filter(|one| one.1 < 300).map(of).collect()
    };
    assert!(given(&before).is_subset(&given(&after)), "what was told before the kill stands");
    assert_eq!(given(&after).len(), 90);
    let distinct: BTreeSet<String> = given(&after).into_iter().map(|one| one.1).collect();
    assert_eq!(distinct, codes(0..90).into_iter().collect());
    let short = after.iter().filter(|one| one.1 >= 300);
    assert!(short.clone().count() == 30 && short.clone().all(|one| one.2["code"] == "reward_out_of_stock"));
}

#[test]
fn a_file_is_brought_by_the_command_line_and_again_does_nothing() {
    let launch = launch().with_program(PROGRAM);
    let mut text: String = codes(0..3_000).join("\n");
    text += "\n\nF-00007\n  F-03000  \nbad\tcode\n";
    std::fs::write(launch.data.join("codes.txt"), text).expect("ours");
    let bring = |reward: &str| {
        launch.run(&[
            "codes",
            "import",
            "--reward",
            reward,
            "--program",
            "program.toml",
            "--json",
            "codes.txt",
        ])
    };
    let told = |printed: &str| -> Value {
        let line = printed.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{printed}"));
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
    };
    let (code, printed) = bring("film");
    let first = json!({"reward": "film", "added": 3_001, "skipped": 1, "unreadable": 1, "left": 3_001});
    assert_eq!((code, told(&printed)), (Some(1), first), "{printed}");
    assert!(printed.contains("codes.txt:3004:"), "{printed}");
    let again = json!({"reward": "film", "added": 0, "skipped": 3_002, "unreadable": 1, "left": 3_001});
    assert_eq!(told(&bring("film").1), again);
    assert_eq!(bring("mug").0, Some(3));
    let (code, printed) = launch.run(&["verify", "--replay"]);
    assert_eq!(code, Some(0), "{printed}");
    // A pool that says something else than its rows is found.
    let sql = |sql: &str| {
        let file = launch.data.join("data/fealty.db");
        let run =
            std::process::Command::new("sqlite3").arg(file).arg(sql).status().expect("sqlite3 is there");
        assert!(run.success());
    };
    sql("UPDATE budget SET parts = replace(parts, '[0,3001]', '[0,3002]')");
    let (code, printed) = launch.run(&["verify"]);
    assert!(code == Some(1) && printed.contains("breach of pool"), "{printed}");
    sql("UPDATE budget SET parts = replace(parts, '[0,3002]', '[0,3001]')");
    let mut api = Api::of(launch);
    assert_eq!(left(&mut api), json!([3_001, null, 3]));
}
