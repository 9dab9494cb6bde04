//! How long one order takes through `batch::process`, without a store: bind, twenty rules of which three apply, ledger,
//! and the JSON of the decision and the member. Not a benchmark of the product (`cargo xtask bench` is that). With a number
//! of rules as the argument only what the decision takes is said, in microseconds.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use domain::batch::{self, Plans};
use domain::event::{Event, Input, Subject};
use domain::identity::Identity;
use domain::json;
use domain::key::KeyMaker;
use domain::program::{self, Source};
use domain::snapshot::{Snapshot, Want};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let asked: Option<usize> = std::env::args().nth(1).map(|count| count.parse().expect("a number of rules"));
    let main = Source { name: "program.toml".into(), text: toml(asked.unwrap_or(20)) };
    let Ok(program) = program::read(main, &mut |_| Err("none".into()), None, 1) else { panic!("it checks") };
    let plans = Plans { current: Arc::new(program.plan), older: Vec::new(), keys: KeyMaker([1; 16]) };
    let now: jiff::Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
    let inputs: Vec<Input> = (0..ORDERS).map(|n| input(n, now)).collect();
    let fields = &plans.current.types[usize::from(plans.current.type_by_name["order.paid"])].fields;
    if asked.is_none() {
        tell(
            "bind",
            time(|| {
                for input in &inputs {
                    black_box(domain::bind::bind(fields, &input.event.data).unwrap());
                }
            }),
        );
    }
    let mut snapshot = Snapshot { next_member: 1, next_pos: 1, now, ..Snapshot::default() };
    let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| -> Result<(), ()> {
        for want in wants {
            match want {
                Want::Identity(name) => drop(snapshot.identities.insert(name.clone(), None).is_some()),
                Want::Member(no) => drop(snapshot.members.insert(*no, None)),
                Want::Page(..) => unreachable!("members are read with all their pages"),
                Want::Rows(key) => drop(snapshot.rows.insert(*key, Vec::new())),
            }
        }
        Ok(())
    };
    let mut kept = VecDeque::new();
    let took = time(|| {
        for inputs in inputs.chunks(1_000) {
            // As the decider does: rows go with the batch, members stay, and a few batches are on their way to the disk.
            snapshot.rows.clear();
            kept.push_back(batch::process(&plans, &mut snapshot, inputs, &[], now, &mut fetch).unwrap());
            if kept.len() > 2 {
                kept.pop_front();
            }
        }
    });
    if asked.is_some() {
        return println!("{:.1}", took.0);
    }
    tell("process", took);
    let mut out = Vec::new();
    let decisions: Vec<_> = kept.iter().flat_map(|batch| &batch.rows).map(|row| &row.decision).collect();
    tell(
        "json of a decision",
        time(|| {
            for decision in decisions.iter().cycle().take(ORDERS as usize) {
                out.clear();
                json::write(&mut out, black_box(&***decision)).unwrap();
            }
        }),
    );
    let members: Vec<_> = snapshot.members.values().flatten().take(1_000).collect();
    tell(
        "json of a member",
        time(|| {
            for member in members.iter().cycle().take(ORDERS as usize) {
                out.clear();
                json::write(&mut out, black_box(&***member)).unwrap();
            }
        }),
    );
    for json in [serde_json::to_string(&**decisions[7]), serde_json::to_string(&**members[0])] {
        println!("{}", json.unwrap());
    }
}

fn toml(rules: usize) -> String {
    let mut toml = String::from(
        r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.spend = { on = "order.paid", add = 'order.subtotal', per = "month" }
rules.base = { on = "order.paid", each = 'order.items', when = 'item.category != "gift_card"', earn.points = 'item.total' }
rules.app = { on = "order.paid", when = 'order.channel == "app"', earn.points = 'rules.base.points', limit = { points = 500, per = "week" } }
"#,
    );
    for n in 0..rules - 2 {
        toml += &format!(
            "rules.r{n} = {{ on = \"order.paid\", when = 'order.store == \"s{n}\" && order.items.exists(i, i.category == \"c{n}\")', earn.points = {n} }}\n"
        );
    }
    toml
}

const ORDERS: u32 = 20_000;
const ROUNDS: usize = 15;

fn input(n: u32, now: jiff::Timestamp) -> Input {
    let items: Vec<String> = (0..5)
        .map(|i| {
            format!(
                r#"{{"id":"i{i}","sku":"SKU-{n}-{i}","category":"coffee","quantity":{},"price":"{}.99","total":"{}.99"}}"#,
                1 + i % 2,
                3 + i,
                3 + i
            )
        })
        .collect();
    let data = format!(
        r#"{{"id":"order-{n}","currency":"EUR","channel":"app","store":"s7","total":"29.95","subtotal":"29.95","items":[{}]}}"#,
        items.join(",")
    );
    let event = Event {
        source: "shop".into(),
        id: format!("event-{n}").into(),
        kind: "order.paid".into(),
        subject: Some(Subject::Identity(
            Identity::parse(&format!("shopify:customer:{}", n % 5_000)).unwrap(),
        )),
        also: Vec::new(),
        time: now,
        data: data.as_bytes().into(),
    };
    Input { event: event.into(), body_hash: [0; 32], origin: "bench".into() }
}

/// Time of an order on the processor, so that a busy machine counts little: median and best.
fn time(mut run: impl FnMut()) -> (f64, f64) {
    let mut rounds = [0.0; ROUNDS];
    for round in &mut rounds {
        let start = on_cpu();
        run();
        *round = (on_cpu() - start) / 1e3 / f64::from(ORDERS);
    }
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], rounds[0])
}

fn tell(what: &str, (median, best): (f64, f64)) {
    println!("{what}: {median:.2} us (best {best:.2})");
}

/// Nanoseconds that this thread has run.
fn on_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
