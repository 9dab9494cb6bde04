//! Orders and returns of a few members, told until they are acknowledged.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::http::Client;
use testkit::rng::Rng;

pub const PROGRAM: &str = r#"
program = { id = "cutoff", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
wallets.gems = { pending = "1 hour" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.gems = { on = "order.paid", when = 'order.subtotal > 40', earn.gems = 10 }
rules.thanks = { on = "order.paid", when = 'order.subtotal > 80', emit = { type = "customer.thanked", data.total = 'order.total' } }
"#;
const MEMBERS: i64 = 80;

/// Until it is over; how many events were acknowledged.
pub fn run(address: &str, key: &str, mut rng: Rng, over: &AtomicBool, acked: &AtomicU64) {
    let (mut client, mut next, mut orders) = (Client::new(address, key), 0_u64, Vec::new());
    while !over.load(Ordering::Acquire) {
        let count = rng.between(1, 12);
        let events: Vec<Value> = (0..count)
            .map(|_| {
                next += 1;
                event(next, &mut rng, &mut orders)
            })
            .collect();
        let body = Value::Array(events).to_string();
        // Told again, word for word, until there is an answer.
        while !client
            .post("/v1/events", "application/cloudevents-batch+json", body.as_bytes())
            .is_ok_and(|answer| answer.status == 200)
        {
            client = Client::new(address, key);
            std::thread::sleep(Duration::from_millis(50));
        }
        acked.fetch_add(count as u64, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(rng.between(20, 250) as u64));
    }
}

fn event(no: u64, rng: &mut Rng, orders: &mut Vec<(String, i64)>) -> Value {
    let time = format!("2026-03-{:02}T12:00:00Z", no % 28 + 1);
    if rng.chance(150) && !orders.is_empty() {
        let at = rng.index(orders.len());
        let (order, member) = orders.swap_remove(at);
        return json!({"specversion": "1.0", "id": format!("r{no}"), "source": "cutoff", "type": "order.refunded", "time": time,
            "subject": format!("pos:c{member}"), "data": {"id": format!("r{no}"), "order": order, "currency": "EUR"}});
    }
    let (id, member, total) =
        (format!("o{no}"), rng.between(1, MEMBERS), format!("{}.00", rng.between(1, 100)));
    orders.push((id.clone(), member));
    json!({"specversion": "1.0", "id": id, "source": "cutoff", "type": "order.paid", "time": time,
        "subject": format!("pos:c{member}"),
        "data": {"id": id, "currency": "EUR", "total": total, "subtotal": total, "items": []}})
}
