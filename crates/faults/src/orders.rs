//! What is sent: order `n`, the same in every byte whenever it is sent, and what was answered to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use testkit::http::{Client, Response};
use testkit::rng::Rng;

pub const PROGRAM: &str = r#"
program = { id = "faults", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.often = { on = "order.paid", when = 'counters.orders >= 3', earn.points = 5 }
"#;
const MEMBERS: u64 = 17;

pub fn subject(n: u64) -> String {
    format!("email:m{}@example.com", n % MEMBERS)
}

pub fn data(n: u64) -> Value {
    let euros = n * 7919 % 300 + 1;
    json!({"id": format!("o{n}"), "currency": "EUR", "total": format!("{euros}.00"), "subtotal": format!("{euros}.00")})
}

pub fn event(n: u64) -> Value {
    json!({
        "specversion": "1.0", "id": format!("e{n}"), "source": "faults", "type": "order.paid",
        "subject": subject(n), "time": "2026-03-02T12:00:00Z", "data": data(n),
    })
}

/// What was acknowledged, in the order in which it was heard: order and answer. It only grows.
#[derive(Clone, Default)]
pub struct Acked(Arc<Mutex<Vec<(u64, String)>>>);

impl Acked {
    pub fn lock(&self) -> MutexGuard<'_, Vec<(u64, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn len(&self) -> usize {
        self.lock().len()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Sends orders in one request.
pub fn post(client: &mut Client, orders: &[u64]) -> std::io::Result<Response> {
    let body = Value::Array(orders.iter().map(|n| event(*n)).collect()).to_string();
    client.post("/v1/events", "application/cloudevents-batch+json", body.as_bytes())
}

/// What each was told, and whether it was known before. Only for an answer of 200.
pub fn outcomes(answer: &Response, count: usize) -> Result<Vec<(bool, String)>, String> {
    let body = answer.json();
    let outcomes = body.as_array().filter(|all| answer.status == 200 && all.len() == count);
    let outcomes = outcomes.ok_or_else(|| format!("{} {}", answer.status, answer.body))?;
    outcomes.iter().map(outcome).collect()
}

fn outcome(one: &Value) -> Result<(bool, String), String> {
    if one["status"] != "applied" {
        return Err(format!("became {one}"));
    }
    let mut kept = one.clone();
    let known = kept.as_object_mut().and_then(|fields| fields.remove("duplicate"));
    Ok((known == Some(Value::Bool(true)), kept.to_string()))
}

/// One client that sends orders `first`, `first + step`, … until the server says no or goes; then why.
pub fn pour(mut client: Client, acked: &Acked, first: u64, step: u64, rng: &mut Rng) -> String {
    let mut next = first;
    loop {
        let orders: Vec<u64> = (0..rng.between(1, 4) as u64).map(|at| next + at * step).collect();
        match post(&mut client, &orders) {
            Err(gone) => return gone.to_string(),
            Ok(answer) => match outcomes(&answer, orders.len()) {
                Err(no) => return no,
                Ok(told) => {
                    let told = orders.iter().zip(told).map(|(n, (_, told))| (*n, told));
                    acked.lock().extend(told);
                }
            },
        }
        next += orders.len() as u64 * step;
    }
}

/// After a restart: what was acknowledged is known with the same answer; what was not is told again, and then
/// everything once more, which changes nothing.
pub fn settle(client: &mut Client, acked: &[(u64, String)], all: u64) -> Result<(), String> {
    for part in acked.chunks(500) {
        let orders: Vec<u64> = part.iter().map(|(n, _)| *n).collect();
        let answer = post(client, &orders).map_err(|e| e.to_string())?;
        for ((n, before), (known, now)) in part.iter().zip(outcomes(&answer, orders.len())?) {
            if !known || *before != now {
                return Err(format!("order {n} was answered {before}, and after it {now} (known: {known})"));
            }
        }
    }
    let orders: Vec<u64> = (0..all).collect();
    for again in [false, true] {
        for part in orders.chunks(500) {
            let answer = post(client, part).map_err(|e| e.to_string())?;
            let told = outcomes(&answer, part.len())?;
            if again && !told.iter().all(|(known, _)| *known) {
                return Err("an order that was sent twice counts twice".to_owned());
            }
        }
    }
    Ok(())
}
