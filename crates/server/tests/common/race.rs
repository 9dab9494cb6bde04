//! Many clients released together, and what they ask. How often and how many: few on every run, and with
//! `FEALTY_RACES=full` (`cargo xtask races`) as many as reliability asks for.

use std::sync::Barrier;

use serde_json::{Value, json};
use testkit::http::{Client, Response};

use super::{Api, launch};

pub const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin", sandbox = true }
wallets.points = { transfer = true }
wallets.short = { expires = "10 days" }
wallets.family = {}
households = { share = ["family"], members_max = 5 }
referrals = { on = "order.paid" }
counters.orders = { on = "order.paid" }
events."bonus.asked" = {}
rules.family = { on = "order.paid", earn.family = 1 }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.bonus = { on = "bonus.asked", earn.points = 333, limit = { points = 1_000_000, across = "members", partial = false } }
rules.short = { on = "order.paid", when = 'order.channel == "short"', earn.short = 100 }
rewards.all = { cost.points = 100, gives.product = "all" }
rewards.few = { gives.code.pattern = "FEW-############", stock = 10 }
rewards.film = { gives.code.pool = "film" }
rewards.brief = { cost.short = 100, gives.product = "brief" }
"#;

pub const ADA: &str = "email:ada@example.com";
pub const BOB: &str = "email:bob@example.com";

/// The first on every run, the second where all is asked for.
pub fn size(few: usize, full: usize) -> usize {
    if std::env::var_os("FEALTY_RACES").is_some_and(|races| races == "full") { full } else { few }
}

/// A server that bounds what one key may ask no more than it must: it is the crowd that is looked at.
pub fn api() -> Api {
    let mut launch = launch().with_program(PROGRAM);
    let settings = launch.data.join("settings.toml");
    let limits = "[limits]\nrequests_per_second = 1000000\nevents_per_second = 1000000\n";
    std::fs::write(&settings, limits).unwrap_or_else(|e| panic!("{e}"));
    launch.args.extend(["--settings".into(), settings.to_string_lossy().into_owned()]);
    Api::of(launch)
}

/// All of them wait for each other before each begins.
pub fn at_once<T: Send>(api: &Api, count: usize, ask: impl Fn(&mut Client, usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let (barrier, ask, server) = (&barrier, &ask, &api.server);
        let one = |n| {
            scope.spawn(move || {
                let mut client = server.client();
                client.get("/livez").unwrap_or_else(|e| panic!("{e}"));
                barrier.wait();
                ask(&mut client, n)
            })
        };
        let all: Vec<_> = (0..count).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| panic!("a client fell"))).collect()
    })
}

pub fn post(client: &mut Client, path: &str, key: &str, body: &Value) -> Response {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.request("POST", path, &headers, body.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

pub fn send(client: &mut Client, event: &Value) -> Response {
    let answer = client.post("/v1/events", "application/cloudevents+json", event.to_string().as_bytes());
    answer.unwrap_or_else(|e| panic!("{e}"))
}

pub fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

pub fn wallet(api: &mut Api, who: &str, id: &str) -> (i64, i64) {
    let wallet = &api.get(&format!("/v1/members/{who}")).json()["wallets"][id];
    let number = |key: &str| wallet[key].as_i64().unwrap_or_else(|| panic!("{wallet}"));
    (number("available"), number("debt"))
}

pub fn refund(id: &str, order: &str) -> Value {
    json!({"specversion": "1.0", "source": "shop", "id": id, "type": "order.refunded",
        "time": "2026-11-21T10:00:00Z", "data": {"id": id, "order": order}})
}

pub fn redeem(reward: &str, who: &str) -> Value {
    json!({"member": who, "reward": reward, "confirm": true})
}
