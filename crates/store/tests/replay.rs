//! `verify::replay`: a real journal comes out the same, and a program that was changed under it is found out.

mod shop;

use std::sync::Arc;

use domain::batch::{Plans, process};
use domain::event::{Event, Input, Subject};
use domain::program::{self, Program, Source};
use domain::snapshot::Snapshot;
use shop::{Bench, identity, small};
use store::verify::{Report, replay};
use store::{Store, Write};

const PROGRAM: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
counters.orders = { on = "order.paid" }
rules.base = { on = "order.paid", each = 'order.items', earn.points = 'item.total * 3' }
rules.third = { on = "order.paid", when = 'counters.orders == 2', earn.points = 5, limit = { points = 1_000, across = "members" } }
"#;

fn read(text: &str, version: u32) -> Program {
    let main = Source { name: "program.toml".into(), text: text.into() };
    match program::read(main, &mut |_| Err("none".into()), None, version) {
        Ok(program) => program,
        Err(rejected) => panic!("{:?}", rejected.diagnostics),
    }
}

fn told(kind: &str, id: &str, who: u64, second: i64, data: &str) -> Input {
    let event = Event {
        source: "shop".into(),
        id: id.into(),
        kind: kind.into(),
        subject: Some(Subject::Identity(identity(&format!("email:{who}@x.example")))),
        also: Vec::new(),
        time: jiff::Timestamp::from_second(1_800_000_000 + second).unwrap(),
        data: data.as_bytes().into(),
    };
    let mut body_hash = [0; 32];
    data.bytes().enumerate().for_each(|(at, byte)| body_hash[at % 32] ^= byte.rotate_left(at as u32 % 7));
    Input { event: event.into(), body_hash, origin: "test".into() }
}

/// Orders of three members, some returned before they come, some in part, one edited, one malformed.
fn story() -> Vec<Vec<Input>> {
    let mut batches = Vec::new();
    for n in 0..40_u64 {
        let (who, at) = (n % 3, n as i64 * 60);
        let items = r#"[{"id":"a","total":"4.99"},{"id":"b","price":"2.35","quantity":3}]"#;
        let order =
            told("order.paid", &format!("e{n}"), who, at, &format!(r#"{{"id":"o{n}","items":{items}}}"#));
        let back = format!(r#"{{"id":"r{n}","order":"o{n}","items":[{{"id":"b","quantity":1}}]}}"#);
        let back = told("order.refunded", &format!("r{n}"), who, at + 9, &back);
        let part = told(
            "order.refunded",
            &format!("p{n}"),
            who,
            at + 9,
            &format!(r#"{{"order":"o{n}","amount":"3.11"}}"#),
        );
        let edit = format!(r#"{{"id":"o{n}","items":[{{"id":"a","total":"9.99"}}]}}"#);
        let edit = told("order.updated", &format!("u{n}"), who, at + 20, &edit);
        let wrong = told("order.paid", &format!("w{n}"), who, at, r#"{"id":"w","total":true}"#);
        batches.push(match n % 5 {
            0 => vec![back, order.clone(), order],
            1 => vec![order, part, back],
            2 => vec![order, edit, wrong],
            _ => vec![order],
        });
    }
    batches
}

fn submit(store: &mut Store, plans: &Plans, snapshot: &mut Snapshot, inputs: Vec<Input>, now_ms: i64) {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap();
    let mut fetch = |snapshot: &mut Snapshot, wants: &[_]| store.fetch(snapshot, wants);
    let batch = process(plans, snapshot, &inputs, &[], now, &mut fetch).unwrap();
    let members = batch.members.iter().map(|no| snapshot.members[no].clone().unwrap()).collect();
    let budgets = batch.budgets.iter().map(|id| (id.clone(), snapshot.budgets[id].clone())).collect();
    let raws = inputs.iter().map(|_| None).collect();
    let (done, settled) = std::sync::mpsc::channel();
    let write = Write { inputs, raws, batch, members, budgets, now_ms };
    store.commit(write, Box::new(move |result| done.send(result).unwrap()));
    settled.recv().unwrap().unwrap();
}

fn journal(bench: &Bench) {
    let mut store = bench.open();
    let (mut plans, mut snapshot) = (None::<Plans>, Snapshot::default());
    for (at, inputs) in story().into_iter().enumerate() {
        if at == 0 || at == 20 {
            let version = if at == 0 { 1 } else { 2 };
            let text = if at == 0 { PROGRAM.to_owned() } else { PROGRAM.replace("* 3", "* 4") };
            let program = read(&text, version);
            store.admin().program_version_put(program.plan.hash, &program.json, "test", 0).unwrap();
            let keys = store.key_maker();
            let older = plans.take().map(|plans: Plans| plans.current).into_iter().collect();
            plans = Some(Plans { current: Arc::new(program.plan), older, keys });
        }
        let plans = plans.as_ref().unwrap();
        submit(&mut store, plans, &mut snapshot, inputs, 1_900_000_000_000 + at as i64);
    }
}

#[test]
fn a_journal_comes_out_the_same_and_a_changed_program_is_found_out() {
    let bench = Bench::with(small());
    journal(&bench);
    let rows = bench.verify().rows;
    let mut report = Report::default();
    replay(&bench.dir, None, &mut report, &mut |_, _| {}).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.replayed, rows);
    // The second version says something else than what decided: only what it decided comes out otherwise.
    let sql = "UPDATE program_version SET body = replace(body, '* 4', '* 5') WHERE version = 2";
    bench.sql().execute(sql, []).unwrap();
    let mut report = Report::default();
    replay(&bench.dir, None, &mut report, &mut |_, _| {}).unwrap();
    let first = report.breaches.iter().find_map(|breach| breach.pos).unwrap();
    assert!(!report.is_clean() && report.breaches.iter().all(|breach| breach.law == "replay"), "{report:#?}");
    let decided_by: u32 = bench
        .sql()
        .query_row("SELECT decided ->> 'v' FROM journal WHERE pos = ?1", [first], |r| r.get(0))
        .unwrap();
    assert_eq!(decided_by, 2, "{report:#?}");
}
