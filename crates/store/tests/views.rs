//! What people read with plain SQL: every view shows what it says, of a story in which all of them have something.

mod shop;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::batch::{Plans, process};
use domain::event::{API_SOURCE, Event, Input, Subject};
use domain::program::{self, Source};
use domain::snapshot::Snapshot;
use shop::{Bench, identity};
use store::{Store, Write};

const CLUB: &str = r#"
program = { id = "club", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "30 days" }
households = { share = ["points"] }
counters.orders = { on = "order.paid" }
achievements.twice = { needs.orders = 2, emit = "twice.seen" }
rules.base = { on = "order.paid", earn.points = 'order.total', limit = { points = 250, across = "members" } }
rewards.mug = { cost.points = 5, stock = 4, gives.product = "mug" }
tiers.status.levels = [{ id = "basic" }, { id = "gold", needs.orders = 2 }]
"#;

struct Club {
    store: Store,
    plans: Plans,
    snapshot: Snapshot,
    second: i64,
}

impl Club {
    fn open(bench: &Bench) -> Club {
        let store = bench.open();
        let main = Source { name: "club.toml".into(), text: CLUB.into() };
        let program = program::read(main, &mut |_| Err("none".into()), None, 1);
        let program = program.unwrap_or_else(|rejected| panic!("{:?}", rejected.diagnostics));
        store.admin().program_version_put(program.plan.hash, &program.json, "test", 0).unwrap();
        let plans = Plans { current: Arc::new(program.plan), older: Vec::new(), keys: store.key_maker() };
        Club { store, plans, snapshot: Snapshot::default(), second: 1_800_000_000 }
    }

    /// One event a minute.
    fn send(&mut self, source: &str, kind: &str, who: u64, data: &str) {
        self.second += 60;
        let event = Event {
            source: source.into(),
            id: format!("e{}", self.second).into(),
            kind: kind.into(),
            subject: Some(Subject::Identity(identity(&format!("email:{who}@x.example")))),
            also: Vec::new(),
            time: jiff::Timestamp::from_second(self.second).unwrap(),
            data: data.as_bytes().into(),
        };
        let inputs = vec![Input { event: event.into(), body_hash: [1; 32], origin: "test".into() }];
        let now = jiff::Timestamp::from_second(self.second).unwrap();
        let store = &mut self.store;
        store.begin(&mut self.snapshot).unwrap();
        let mut fetch = |snapshot: &mut Snapshot, wants: &[_]| store.fetch(snapshot, wants);
        let batch = process(&self.plans, &mut self.snapshot, &inputs, &[], now, &mut fetch).unwrap();
        let refused = batch.rows.iter().find_map(|row| row.decision.reason.as_ref());
        assert!(refused.is_none(), "{refused:?}");
        let snapshot = &self.snapshot;
        let members = batch.members.iter().map(|no| snapshot.members[no].clone().unwrap()).collect();
        let budgets = batch.budgets.iter().map(|id| (id.clone(), snapshot.budgets[id].clone())).collect();
        let (done, settled) = std::sync::mpsc::channel();
        let write = Write {
            inputs,
            raws: vec![None],
            batch,
            members,
            due_ms: Vec::new(),
            budgets,
            now_ms: self.second * 1_000,
        };
        self.store.commit(write, Box::new(move |result| done.send(result).unwrap()));
        settled.recv().unwrap().unwrap();
    }
}

/// A view, a question about it, and what it shows.
const SHOWN: [(&str, &str, &str); 13] = [
    (
        "events",
        "SELECT type || ' ' || status AS line FROM events WHERE source = 'shop' ORDER BY pos",
        "order.paid applied;order.paid applied;order.paid applied;order.refunded applied",
    ),
    (
        "transfers",
        "SELECT concat_ws(' ', member, kind, amount, after) AS line FROM transfers WHERE pos <= 6 ORDER BY pos, n",
        "1 earn 100 100;2 earn 100 100;1 earn 50 150;1 reverse 12 138;1 spend 5 133;2 spend 5 95",
    ),
    (
        "effects",
        "SELECT concat_ws(' ', rule, wanted, granted, cut) AS line FROM effects WHERE kind = 'earn' ORDER BY pos, n",
        "base 100 100;base 100 100;base 100 50 rules.base#0",
    ),
    (
        "members",
        "SELECT member || ' ' || identities AS line FROM members WHERE identities <> '[]' ORDER BY member",
        "1 [\"email:1@x.example\"];2 [\"email:2@x.example\"]",
    ),
    (
        "balances",
        "SELECT concat_ws(' ', member, wallet, available, pending, debt) AS line FROM balances ORDER BY member",
        "1 points 0 0 0;2 points 0 0 0;3 points 228 0 0",
    ),
    (
        "lots",
        "SELECT concat_ws(' ', member, remaining, put_in_by, expires_at) AS line FROM lots ORDER BY pos",
        "3 83 1 2027-02-14T23:00:00Z;3 95 2 2027-02-14T23:00:00Z;3 50 1 2027-02-14T23:00:00Z",
    ),
    ("households", "SELECT household || ' ' || member AS line FROM households ORDER BY member", "3 1;3 2"),
    (
        "levels",
        "SELECT concat_ws(' ', member, ladder, level, CAST(placed AS INTEGER)) AS line FROM levels",
        "1 status gold 0",
    ),
    (
        "achievements",
        "SELECT concat_ws(' ', member, achievement, times) AS line FROM achievements",
        "1 twice 1",
    ),
    (
        "budgets",
        "SELECT concat_ws(' ', id, used) AS line FROM budgets ORDER BY id",
        "rules.base#0 238;stock.mug 2",
    ),
    (
        "redemptions",
        "SELECT concat_ws(' ', member, reward, quantity, status) AS line FROM redemptions ORDER BY pos",
        "1 mug 1 confirmed;2 mug 1 reserved",
    ),
    (
        "orders",
        "SELECT concat_ws(' ', id, member, currency, total, refunded_by_amount) AS line FROM orders ORDER BY id",
        "A 1 EUR 100 12.5;B 2 EUR 100 0;C 1 EUR 100 0",
    ),
    (
        "feed",
        "SELECT concat_ws(' ', member, member_seq, type) AS line FROM feed WHERE pos <= 6 ORDER BY pos, member_seq",
        "1 1 member.enrolled;1 2 points.earned;2 1 member.enrolled;2 2 points.earned;1 3 points.earned;\
  1 4 achievement.completed;1 5 twice.seen;1 6 tier.changed;1 7 points.reversed;1 8 points.spent;\
  1 9 redemption.confirmed;2 3 points.spent;2 4 redemption.reserved",
    ),
];

#[test]
fn every_view_shows_what_it_says() {
    let bench = Bench::new();
    let mut club = Club::open(&bench);
    club.send("shop", "order.paid", 1, r#"{"id":"A","currency":"EUR","total":100}"#);
    club.send("shop", "order.paid", 2, r#"{"id":"B","currency":"EUR","total":100}"#);
    club.send("shop", "order.paid", 1, r#"{"id":"C","currency":"EUR","total":100}"#);
    club.send("shop", "order.refunded", 1, r#"{"order":"A","currency":"EUR","amount":"12.5"}"#);
    club.send(API_SOURCE, "fealty.redeemed", 1, r#"{"reward":"mug","confirm":true}"#);
    club.send(API_SOURCE, "fealty.redeemed", 2, r#"{"reward":"mug"}"#);
    club.send(API_SOURCE, "fealty.joined", 2, r#"{"with":1}"#);
    let read =
        |query: &str| bench.text(&format!("SELECT coalesce(group_concat(line, ';'), '') FROM ({query}) q"));
    for (view, query, lines) in SHOWN {
        assert_eq!(read(query), lines, "{view}");
    }
    // None is left out; nobody's changes are counted with a gap.
    let views = match &bench.url {
        None => {
            "SELECT name AS line FROM sqlite_master WHERE type = 'view' AND name <> 'member' ORDER BY name"
        }
        Some(_) => "SELECT viewname::TEXT AS line FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    };
    let views = read(views);
    let views: BTreeSet<&str> = views.split(';').collect();
    assert_eq!(views, SHOWN.iter().map(|one| one.0).collect());
    let gaps = "SELECT member || '' AS line FROM feed GROUP BY member HAVING min(member_seq) <> 1 OR max(member_seq) <> count(*)";
    assert_eq!(read(gaps), "");
}
