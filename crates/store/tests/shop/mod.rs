//! A shop with one rule (a point for each cent), so that the store can be tested without the core: it makes batches
//! that keep every law.

#![allow(dead_code)]

pub mod several;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use domain::batch::{Answer, Batch, NewRow};
use domain::event::{Event, Input, Subject};
use domain::identity::Identity;
use domain::key::Key;
use domain::member::{Lot, Member, WalletState};
use domain::outcome::{Account, Decision, Effect, Reason, Status, Transfer, TransferKind};
use domain::snapshot::{PastRow, Snapshot, Want};
use store::{Options, Raw, Reader, Store, StoreError, Write};

/// A database of its own, and how it is opened: a file, or where the tests are those `on_postgres`, a real server's.
pub struct Bench {
    pub dir: PathBuf,
    pub options: Options,
    /// None: it is a file in `dir`.
    pub url: Option<String>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with(Options::default())
    }
    pub fn with(options: Options) -> Bench {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("fealty-store-{}-{n}", std::process::id()));
        let _left_behind = std::fs::remove_dir_all(&dir);
        let on_postgres = env!("CARGO_CRATE_NAME") == "on_postgres";
        let url = on_postgres.then(|| testkit::postgres::Postgres::shared().database());
        Bench { dir, options, url }
    }
    /// A new database of this server.
    pub fn of(server: &testkit::postgres::Postgres, options: Options) -> Bench {
        let mut bench = Bench::with(options);
        bench.url = Some(server.database());
        bench
    }
    pub fn open(&self) -> Store {
        self.try_open().unwrap()
    }
    pub fn try_open(&self) -> Result<Store, StoreError> {
        match &self.url {
            None => Store::open(&self.dir, &self.options),
            Some(url) => Store::connect(url, &self.options),
        }
    }
    /// The file as people see it.
    pub fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.join(store::FILE)).unwrap()
    }
    /// What people are answered, as one text.
    pub fn text(&self, query: &str) -> String {
        match &self.url {
            None => self.sql().query_row(query, [], |r| r.get(0)).unwrap_or_else(|e| panic!("{query}: {e}")),
            Some(url) => testkit::postgres::ask(url, &query.replace("group_concat(", "string_agg(")).unwrap(),
        }
    }
    pub fn count(&self, query: &str) -> u64 {
        self.text(&query.replacen("count(*)", "count(*) || ''", 1)).parse().unwrap()
    }
    /// Why a statement of theirs is refused, if it is.
    pub fn change(&self, sql: &str) -> Result<(), String> {
        match &self.url {
            None => self.sql().execute(sql, []).map(|_| ()).map_err(|e| e.to_string()),
            Some(url) => testkit::postgres::ask(url, sql).map(|_| ()),
        }
    }
    /// Keeps the writer from committing until it is dropped.
    pub fn hold(&self) -> Box<dyn std::any::Any> {
        match &self.url {
            None => {
                let conn = self.sql();
                conn.execute_batch("BEGIN IMMEDIATE").unwrap();
                Box::new(conn)
            }
            Some(url) => hold(url),
        }
    }
    /// Every law holds.
    pub fn verify(&self) -> store::verify::Report {
        if let Some(url) = &self.url {
            let _before = std::fs::remove_dir_all(&self.dir);
            to_folder(url, &self.dir);
        }
        let report = store::verify::verify(&self.dir, &mut |_, _| {}).unwrap();
        assert!(report.is_clean(), "{report:#?}");
        report
    }
}

#[cfg(feature = "postgres")]
fn to_folder(url: &str, dir: &Path) {
    store::copy::to_folder(url, dir, &mut |_, _| {}).unwrap();
}
#[cfg(not(feature = "postgres"))]
fn to_folder(_url: &str, _dir: &Path) {
    unreachable!("there is no server")
}

#[cfg(feature = "postgres")]
fn hold(url: &str) -> Box<dyn std::any::Any> {
    let conn = store::postgres::enter(url).unwrap().connect(store::postgres::Use::Write).unwrap();
    conn.run("SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE journal IN SHARE MODE").unwrap();
    Box::new(conn)
}
#[cfg(not(feature = "postgres"))]
fn hold(_url: &str) -> Box<dyn std::any::Any> {
    unreachable!("there is no server")
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

/// Thresholds at which every path is reached within some hundred events.
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

pub fn identity(name: &str) -> Identity {
    serde_json::from_value(name.into()).unwrap()
}

pub fn event(source: &str, id: &str, member: Subject, cents: i64) -> Input {
    let event = Event {
        source: source.into(),
        id: id.into(),
        kind: "order.paid".into(),
        subject: Some(member),
        also: Vec::new(),
        time: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
        data: format!("{{\"cents\":{cents}}}").into_bytes().into(),
    };
    Input { event: event.into(), body_hash: [u8::try_from(cents % 251).unwrap(); 32], origin: "test".into() }
}

/// Order `n` of a customer.
pub fn order(customer: u64, n: u64, cents: i64) -> Input {
    event("shop", &format!("e{n}"), Subject::Identity(identity(&format!("email:{customer}@x"))), cents)
}

/// The decider.
pub struct Shop {
    pub store: Store,
    pub reader: Reader,
    pub snapshot: Snapshot,
    pub now_ms: i64,
    /// What to do when a question is not answered.
    pub failed: fn(&StoreError),
    done: (Sender<Result<(), StoreError>>, Receiver<Result<(), StoreError>>),
    waiting: usize,
}

impl Shop {
    pub fn new(mut store: Store) -> Shop {
        let reader = store.reader();
        let mut snapshot = Snapshot::default();
        store.fetch(&mut snapshot, &[]).unwrap();
        let now_ms = snapshot.now.as_millisecond().max(1_800_000_000_000);
        let failed = |e: &StoreError| panic!("{e}");
        Shop { store, reader, snapshot, now_ms, failed, done: channel(), waiting: 0 }
    }

    /// Order `n` of a customer, in a batch of its own.
    pub fn order(&mut self, customer: u64, n: u64, cents: i64) {
        self.batch(&[(customer, n, cents)]);
    }

    /// Orders (customer, number, cents) in one batch.
    pub fn batch(&mut self, orders: &[(u64, u64, i64)]) {
        let inputs = orders.iter().map(|&(customer, n, cents)| order(customer, n, cents));
        let write = self.decide(inputs.collect());
        self.commit(write);
    }

    pub fn fetch(&mut self, wants: &[Want]) {
        if let Err(e) = self.store.fetch(&mut self.snapshot, wants) {
            (self.failed)(&e);
        }
    }

    /// Takes the turn, where others may have it.
    pub fn begin(&mut self) {
        if let Err(e) = self.store.begin(&mut self.snapshot) {
            (self.failed)(&e);
        }
    }

    pub fn decide(&mut self, inputs: Vec<Input>) -> Write {
        self.begin();
        // Another's clock may be ahead.
        self.now_ms = self.now_ms.max(self.snapshot.now.as_millisecond()) + 1;
        let mut batch = Batch::default();
        for (i, input) in inputs.iter().enumerate() {
            self.decide_one(&mut batch, i, input);
        }
        batch.members.sort_unstable();
        batch.members.dedup();
        for no in &batch.members {
            let member = self.snapshot.members.get_mut(no).unwrap().as_mut().unwrap();
            Arc::make_mut(member).number_pages();
        }
        let raws = inputs.iter().map(|input| {
            let headers = vec![("X-Id".to_owned(), input.event.id.to_string())];
            (&*input.event.source == "webhook").then(|| Raw {
                source: "hook".into(),
                headers,
                body: b"raw".to_vec(),
            })
        });
        let raws = raws.collect();
        Write { raws, ..Write::of(&self.snapshot, batch, inputs, self.now_ms) }
    }

    fn decide_one(&mut self, batch: &mut Batch, i: usize, input: &Input) {
        let key = self.store.key_maker().event(&input.event.source, &input.event.id);
        self.fetch(&[Want::Rows(key)]);
        let same =
            |row: &&Arc<PastRow>| row.event.id == input.event.id && row.event.source == input.event.source;
        if let Some(row) = self.snapshot.rows[&key].iter().find(same) {
            let conflict = row.body_hash != input.body_hash;
            let decision = row.decision.clone();
            batch.answers.push(Answer { pos: row.pos, duplicate: true, conflict, decision });
            return;
        }
        let no = self.member_of(batch, input);
        let pos = self.snapshot.next_pos;
        self.snapshot.next_pos += 1;
        let member = self.snapshot.members.get_mut(&no).unwrap().as_mut().unwrap();
        let member = Arc::make_mut(member);
        let data: serde_json::Value = serde_json::from_slice(&input.event.data).unwrap();
        let mut decision = earn(member, pos, data["cents"].as_i64().unwrap());
        if decision.enrolled {
            decision.linked.clone_from(&member.identities);
        }
        let decision = Arc::new(decision);
        let prev_pos = std::mem::replace(&mut member.last_pos, pos);
        batch.members.push(no);
        batch.rows.push(NewRow {
            pos,
            input: Some(i),
            again: None,
            member: Some(no),
            prev_pos,
            decision: decision.clone(),
            keys: vec![key],
        });
        let row = PastRow {
            pos,
            event: Arc::clone(&input.event),
            body_hash: input.body_hash,
            decision: decision.clone(),
        };
        self.snapshot.rows.get_mut(&key).unwrap().push(Arc::new(row));
        batch.answers.push(Answer { pos, duplicate: false, conflict: false, decision });
    }

    /// A batch of one event that waits.
    pub fn waiting(&mut self, id: &str, key: Key) -> Write {
        self.begin();
        let input = event("shop", id, Subject::Identity(identity("email:1@x")), 1);
        let pos = self.snapshot.next_pos;
        self.snapshot.next_pos += 1;
        let reason = Reason { code: "order_unknown".into(), message: "it waits".into(), pointer: None };
        let decision = Decision { status: Status::Waiting, reason: Some(reason), ..nothing() };
        let decision = Arc::new(decision);
        let keys = vec![key, self.store.key_maker().event("shop", id)];
        let mut batch = Batch::default();
        batch.answers.push(Answer { pos, duplicate: false, conflict: false, decision: decision.clone() });
        batch.rows.push(NewRow {
            pos,
            input: Some(0),
            again: None,
            member: None,
            prev_pos: 0,
            decision,
            keys,
        });
        let (members, budgets, now_ms) = (Vec::new(), Vec::new(), self.now_ms);
        Write { inputs: vec![input], raws: vec![None], batch, members, due_ms: Vec::new(), budgets, now_ms }
    }

    /// With his pages of lots.
    fn fetch_all_of(&mut self, no: u64) {
        self.fetch(&[Want::Member(no)]);
        let pages = self.snapshot.pages_away();
        self.fetch(&pages);
    }

    fn member_of(&mut self, batch: &mut Batch, input: &Input) -> u64 {
        let name = match input.event.subject.clone().unwrap() {
            Subject::Member(no) => {
                self.fetch_all_of(no);
                return no;
            }
            Subject::Identity(name) => name,
        };
        self.fetch(&[Want::Identity(name.clone())]);
        if let Some(no) = self.snapshot.identities[&name] {
            self.fetch_all_of(no);
            return no;
        }
        let no = self.snapshot.next_member;
        self.snapshot.next_member += 1;
        let mut member = Member::new(no, input.event.time);
        member.identities.push(name.clone());
        self.snapshot.members.insert(no, Some(Arc::new(member)));
        self.snapshot.identities.insert(name.clone(), Some(no));
        batch.identities.push((name, no));
        no
    }

    pub fn commit(&mut self, write: Write) {
        let done = self.done.0.clone();
        self.waiting += 1;
        self.store.commit(write, Box::new(move |result| done.send(result).unwrap()));
    }

    /// Waits for everything and answers how each batch went.
    pub fn results(&mut self) -> Vec<Result<(), StoreError>> {
        (0..std::mem::take(&mut self.waiting)).map(|_| self.done.1.recv().unwrap()).collect()
    }
    /// Begins anew, as a decider does after a failure or when he keeps no cache.
    pub fn forget(&mut self) {
        self.snapshot = Snapshot::default();
    }
    pub fn flush(&mut self) {
        self.results().into_iter().for_each(|result| result.unwrap());
    }

    /// What the store answers to someone who knows nothing.
    pub fn rows_of_event(&mut self, n: u64) -> Vec<Arc<PastRow>> {
        let key = self.store.key_maker().event("shop", &format!("e{n}"));
        let mut snapshot = Snapshot::default();
        self.store.fetch(&mut snapshot, &[Want::Rows(key)]).unwrap();
        snapshot.rows.remove(&key).unwrap()
    }

    /// Balance by member.
    pub fn members(&mut self) -> BTreeMap<u64, i64> {
        let mut snapshot = Snapshot::default();
        self.store.fetch(&mut snapshot, &[]).unwrap();
        let wants: Vec<_> = (1..snapshot.next_member).map(Want::Member).collect();
        self.store.fetch(&mut snapshot, &wants).unwrap();
        let balance = |m: Option<Arc<Member>>| m.map_or(-1, |m| m.wallets.iter().map(|w| w.available).sum());
        snapshot.members.into_iter().map(|(no, member)| (no, balance(member))).collect()
    }
}

pub fn earn(member: &mut Member, pos: u64, cents: i64) -> Decision {
    if member.wallets.is_empty() {
        let id = "points";
        member.wallets.push(WalletState::new(id));
    }
    let wallet = &mut member.wallets[0];
    wallet.available += cents;
    // Each of another's, so that none are joined.
    let by = Some(pos);
    wallet.lots.add(Lot { pos, n: 0, remaining: cents, joined: 0, expires_at: None, by });
    let effect = Effect {
        rule: "base".into(),
        kind: "earn".into(),
        wallet: "points".into(),
        wanted: cents,
        granted: cents,
        cut: None,
    };
    let transfer = Transfer {
        kind: TransferKind::Earn,
        wallet: "points".into(),
        debit: Account::Issued,
        credit: Account::Available,
        amount: cents,
        rule: Some("base".into()),
        lot: Some((pos, 0)),
        after: wallet.available,
        of: None,
    };
    let came = member.last_pos == 0;
    let first = member.changes + 1;
    member.changes += 1 + u64::from(came);
    Decision {
        member: Some(member.no),
        enrolled: came,
        effects: vec![effect],
        transfers: vec![transfer],
        seq: first,
        ..nothing()
    }
}

/// Applied, and nothing came of it.
pub fn nothing() -> Decision {
    serde_json::from_str(r#"{"s":"applied","v":1}"#).unwrap()
}

/// A copy of the folder as a crash would leave it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["fealty.db", "fealty.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}
