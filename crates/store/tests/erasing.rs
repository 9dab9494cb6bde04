//! An erasure of many rows goes on in slices: others are served between them, and a restart goes on with it.

mod shop;

use std::sync::Arc;

use domain::batch::{Plans, process};
use domain::event::{Event, Input, Subject};
use domain::program::{self, Source};
use domain::snapshot::Snapshot;
use shop::{Bench, identity, small};
use store::{Store, Write};

const PROGRAM: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.total' }
"#;

fn told(source: &str, kind: &str, id: &str, who: &str, data: String) -> Input {
    let event = Event {
        source: source.into(),
        id: id.into(),
        kind: kind.into(),
        subject: Some(Subject::Identity(identity(who))),
        also: Vec::new(),
        time: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
        data: data.into_bytes().into(),
    };
    Input { event: event.into(), body_hash: [0; 32], origin: "test".into() }
}

fn order(who: &str, n: usize) -> Input {
    // Ids of events stay.
    let id = format!("{}-{n}", who.len());
    told("shop", "order.paid", &id, who, format!(r#"{{"id":"{id}","total":1}}"#))
}

struct Shop {
    store: Store,
    plans: Plans,
    snapshot: Snapshot,
}

impl Shop {
    fn open(bench: &Bench) -> Shop {
        let store = bench.open();
        let main = Source { name: "program.toml".into(), text: PROGRAM.into() };
        let Ok(program) = program::read(main, &mut |_| Err("none".into()), None, 1) else { panic!() };
        if bench.count("SELECT count(*) FROM program_version") == 0 {
            store.admin().program_version_put(program.plan.hash, &program.json, "test", 0).unwrap();
        }
        let plans = Plans { current: Arc::new(program.plan), older: Vec::new(), keys: store.key_maker() };
        Shop { store, plans, snapshot: Snapshot::default() }
    }

    fn submit(&mut self, inputs: Vec<Input>) {
        let Shop { store, plans, snapshot } = self;
        store.begin(snapshot).unwrap();
        let now = jiff::Timestamp::from_second(1_900_000_000).unwrap();
        let mut fetch = |snapshot: &mut Snapshot, wants: &[_]| store.fetch(snapshot, wants);
        let batch = process(plans, snapshot, &inputs, &[], now, &mut fetch).unwrap();
        let (done, settled) = std::sync::mpsc::channel();
        let write = Write::of(snapshot, batch, inputs, 1_900_000_000_000);
        store.commit(write, Box::new(move |result| done.send(result).unwrap()));
        settled.recv().unwrap().unwrap();
    }
}

fn count(bench: &Bench, sql: &str) -> u64 {
    bench.count(sql)
}

const ADA: &str = "email:ada@x.example";
const LEFT: &str = "SELECT count(*) FROM erasing";
const TOLD: &str =
    r#"SELECT count(*) FROM journal WHERE input LIKE '%ada@x.example%' AND input NOT LIKE '%"id":"x"%'"#;

#[test]
fn an_erasure_of_many_rows_lets_others_through_and_survives_a_stop() {
    const ROWS: usize = 600;
    let bench = Bench::with(small());
    let mut shop = Shop::open(&bench);
    for from in (0..ROWS).step_by(100) {
        shop.submit((from..from + 100).map(|n| order(ADA, n)).collect());
    }
    shop.submit(vec![told("fealty:api", "fealty.erased", "x", ADA, "{}".into())]);
    // Slices of four rows: the next batch does not wait for all 150 of them.
    shop.submit(vec![order("email:bo@x.example", 1)]);
    let left = count(&bench, TOLD);
    assert!(left > 0 && count(&bench, LEFT) == 1, "{left} rows are left");
    drop(shop);
    assert!(count(&bench, LEFT) == 1, "stopped in the middle");
    bench.verify();
    let mut shop = Shop::open(&bench);
    for n in 2.. {
        if count(&bench, LEFT) == 0 {
            break;
        }
        shop.submit(vec![order("email:bo@x.example", n)]);
    }
    assert_eq!(count(&bench, TOLD), 0);
    assert_eq!(count(&bench, "SELECT count(*) FROM redacted"), ROWS as u64);
    drop(shop);
    bench.verify();
}
