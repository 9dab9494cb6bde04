//! The core on the store with thresholds so small that every path is walked in some hundred orders; no server.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use domain::batch::{self, Plans};
use domain::event::{Event, Input, Subject};
use domain::identity::Identity;
use domain::snapshot::Snapshot;
use sha2::{Digest, Sha256};
use store::{Options, Store, StoreError, Write};
use testkit::core::program;
use testkit::rng::Rng;

use crate::orders::{self, PROGRAM};

pub fn small() -> Options {
    Options {
        erase_rows: 4,
        seal_keys: 64,
        merge_runs: 3,
        checkpoint_pages: 40,
        sweep_min: 16,
        ..Options::default()
    }
}

pub struct Shop {
    store: Store,
    plans: Plans,
    snapshot: Snapshot,
    now_ms: i64,
}

impl Shop {
    pub fn open(dir: &Path, options: &Options) -> Result<Shop, StoreError> {
        let store = Store::open(dir, options)?;
        let program = program(PROGRAM, 1);
        if store.reader().program_version_list()?.is_empty() {
            store.admin().program_version_put(program.plan.hash, &program.json, "faults", 0)?;
        }
        let plans = Plans { current: Arc::new(program.plan), older: Vec::new(), keys: store.key_maker() };
        Ok(Shop { store, plans, snapshot: Snapshot::default(), now_ms: 1_800_000_000_000 })
    }
    /// Decides; the writes go on by themselves, and `done` hears of it.
    fn hand_over(&mut self, orders: &[u64], done: store::Done) -> Result<Vec<(bool, String)>, StoreError> {
        self.now_ms += 1;
        let now = jiff::Timestamp::from_millisecond(self.now_ms).expect("a time of this century");
        let inputs: Vec<Input> = orders.iter().map(|n| input(*n)).collect();
        let store = &mut self.store;
        store.fetch(&mut self.snapshot, &[])?;
        let now = now.max(self.snapshot.now);
        let batch =
            batch::process(&self.plans, &mut self.snapshot, &inputs, &[], now, &mut |known, wants| {
                store.fetch(known, wants)
            })?;
        let told = batch.answers.iter().map(|answer| {
            let decision = serde_json::to_string(&*answer.decision).expect("decisions are JSON");
            (answer.duplicate, decision)
        });
        let told = told.collect();
        self.store.commit(Write::of(&self.snapshot, batch, inputs, now.as_millisecond()), done);
        Ok(told)
    }
    /// Until it is durable.
    pub fn send(&mut self, orders: &[u64]) -> Result<Vec<(bool, String)>, StoreError> {
        let (done, heard) = channel();
        let told = self.hand_over(orders, Box::new(move |result| drop(done.send(result))))?;
        heard.recv().expect("it is always told")?;
        Ok(told)
    }
    /// Sends orders and says which are durable, one a line, until it is killed; up to three batches are under way.
    pub fn pour(&mut self, rng: &mut Rng) -> Result<(), StoreError> {
        let (done, heard) = channel();
        let (mut next, mut flying) = (0, VecDeque::new());
        loop {
            let orders: Vec<u64> = (next..next + rng.between(1, 4) as u64).collect();
            next += orders.len() as u64;
            let done = done.clone();
            let told = self.hand_over(&orders, Box::new(move |result| drop(done.send(result))))?;
            flying.push_back(orders.into_iter().zip(told));
            while flying.len() > rng.index(3) {
                heard.recv().expect("it is always told")?;
                let lines = flying.pop_front().into_iter().flatten();
                let lines: String = lines.map(|(n, (_, told))| format!("{n} {told}\n")).collect();
                let mut out = std::io::stdout().lock();
                if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
                    return Ok(());
                }
            }
        }
    }
    pub fn rows(&self) -> Result<u64, StoreError> {
        Ok(self.store.reader().stats()?.rows)
    }
}

fn input(n: u64) -> Input {
    let event = Event {
        source: "faults".into(),
        id: format!("e{n}").into(),
        kind: "order.paid".into(),
        subject: Some(Subject::Identity(Identity::parse(&orders::subject(n)).expect("it is a name"))),
        also: Vec::new(),
        time: jiff::Timestamp::from_second(1_772_000_000).expect("a time of this century"),
        data: orders::data(n).to_string().into_bytes().into(),
    };
    let body_hash = Sha256::digest(&event.data).into();
    Input { event: event.into(), body_hash, origin: "faults".into() }
}

/// Opens what a cut left and asks for everything: what was acknowledged is known with the same answer, telling
/// everything again changes nothing, each order has one row, and every law holds before and after.
pub fn check(dir: &Path, acked: &[(u64, String)]) -> Result<(), String> {
    let text = |e: StoreError| e.to_string();
    if dir.join(store::FILE).exists() && !acked.is_empty() {
        clean(dir)?;
    }
    let mut shop = Shop::open(dir, &small()).map_err(|e| format!("it does not open: {e}"))?;
    for part in acked.chunks(100) {
        let orders: Vec<u64> = part.iter().map(|(n, _)| *n).collect();
        for ((n, before), (known, now)) in part.iter().zip(shop.send(&orders).map_err(text)?) {
            if !known || *before != now {
                return Err(format!("order {n} was answered {before}, and after it {now} (known: {known})"));
            }
        }
    }
    let all = acked.iter().map(|(n, _)| n + 1).max().unwrap_or(0) + 20;
    let orders: Vec<u64> = (0..all).collect();
    for again in [false, true] {
        for part in orders.chunks(100) {
            let told = shop.send(part).map_err(text)?;
            if again && !told.iter().all(|(known, _)| *known) {
                return Err("an order that was sent twice counts twice".to_owned());
            }
        }
    }
    let rows = shop.rows().map_err(text)?;
    if rows != all {
        return Err(format!("{all} orders have {rows} rows"));
    }
    drop(shop);
    clean(dir)
}

/// Every law holds.
pub fn clean(dir: &Path) -> Result<(), String> {
    let report = store::verify::verify(dir, &mut |_, _| {}).map_err(|e| format!("verify: {e}"))?;
    match report.breaches.first() {
        None => Ok(()),
        Some(first) => Err(format!("verify finds {}: {first:?}", report.breach_count)),
    }
}

/// As it lies: every law holds, and each order that was acknowledged has exactly one row.
pub fn check_rows(dir: &Path, acked: &[(u64, String)]) -> Result<(), String> {
    clean(dir)?;
    let sql = rusqlite::Connection::open(dir.join(store::FILE)).map_err(|e| e.to_string())?;
    let rows = || -> rusqlite::Result<Vec<String>> {
        let mut rows =
            sql.prepare("SELECT input ->> '$.id' FROM journal WHERE again IS NULL AND input IS NOT NULL")?;
        rows.query_map([], |row| row.get(0))?.collect()
    };
    let rows = rows().map_err(|e| e.to_string())?;
    let mut counts = std::collections::HashMap::new();
    rows.iter().for_each(|id| *counts.entry(id.as_str()).or_insert(0) += 1);
    match acked.iter().map(|(n, _)| format!("e{n}")).find(|id| counts.get(id.as_str()) != Some(&1)) {
        None => Ok(()),
        Some(id) => Err(format!("{id} was acknowledged and has {} rows", counts.get(&*id).unwrap_or(&0))),
    }
}
