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
    wake(store, plans, snapshot, (inputs, &[]), now_ms);
}

/// One batch; what is due for these members is done before it.
fn wake(
    store: &mut Store,
    plans: &Plans,
    snapshot: &mut Snapshot,
    (inputs, wakes): (Vec<Input>, &[u64]),
    now_ms: i64,
) {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap();
    let mut fetch = |snapshot: &mut Snapshot, wants: &[_]| store.fetch(snapshot, wants);
    let batch = process(plans, snapshot, &inputs, wakes, now, &mut fetch).unwrap();
    let (done, settled) = std::sync::mpsc::channel();
    let write = Write::of(snapshot, batch, inputs, now_ms);
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

const CLUB: &str = r#"
program = { id = "club", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "30 days", pending = "2 days", transfer = true }
counters.orders = { on = "order.paid", per = "month" }
rewards.mug = { cost.points = 5, stock = 4, hold = "1 hour", gives.custom = { kind = "mug" } }
rules.base = { on = "order.paid", earn.points = 'order.total' }
[tiers.status]
keep = "10 days"
levels = [{ id = "basic" }, { id = "gold", needs.orders = 1 }]
"#;
const DAY: i64 = 86_400;

fn by_api(kind: &str, id: &str, who: u64, second: i64, data: &str) -> Input {
    let mut input = told(kind, id, who, second, data);
    Arc::make_mut(&mut input.event).source = "fealty:api".into();
    input
}

/// What was used of a limit of all members is not known once one of them is erased; what does not hang on it is decided
/// again all the same.
#[test]
fn after_an_erasure_the_others_are_decided_again() {
    for (limit, cut) in [("1_000", false), ("12", true)] {
        let bench = Bench::with(small());
        let mut store = bench.open();
        let program = read(&PROGRAM.replace("1_000", limit), 1);
        store.admin().program_version_put(program.plan.hash, &program.json, "test", 0).unwrap();
        let plans = Plans { current: Arc::new(program.plan), older: Vec::new(), keys: store.key_maker() };
        let mut snapshot = Snapshot::default();
        let order = |who: u64, n: i64| {
            let id = format!("o{who}-{n}");
            told("order.paid", &id, who, n, &format!(r#"{{"id":"{id}","items":[{{"id":"a","total":"5"}}]}}"#))
        };
        for n in 0..3 {
            let all = vec![order(1, n), order(2, n)];
            submit(&mut store, &plans, &mut snapshot, all, 1_900_000_000_000 + n);
        }
        let erased = vec![by_api("fealty.erased", "x", 1, 9, "{}")];
        submit(&mut store, &plans, &mut snapshot, erased, 1_900_000_000_010);
        for n in 10..14 {
            let all = vec![order(2, n), order(3, n), order(4, n)];
            submit(&mut store, &plans, &mut snapshot, all, 1_900_000_000_000 + n);
        }
        drop(store);
        assert!(bench.verify().is_clean());
        let report = decided_again(&bench);
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!(report.replayed + report.passed_over, 19, "{report:#?}");
        // Four of the erased; with the limit at its end, also those who came after him.
        assert_eq!(report.passed_over > 4, cut, "{report:#?}");
    }
}

/// Points wait, are released and end; rewards are reserved, lapse and are confirmed; a gift; two members become one; a
/// level ends; a reservation stays open.
fn club(bench: &Bench) {
    let mut store = bench.open();
    let program = read(CLUB, 1);
    store.admin().program_version_put(program.plan.hash, &program.json, "test", 0).unwrap();
    let plan = program.plan.first_published(jiff::Timestamp::UNIX_EPOCH);
    let plans = Plans { current: Arc::new(plan), older: Vec::new(), keys: store.key_maker() };
    let mut snapshot = Snapshot::default();
    let mut at = |second: i64, inputs: Vec<Input>, wakes: &[u64]| {
        wake(&mut store, &plans, &mut snapshot, (inputs, wakes), (1_800_000_000 + second) * 1000);
    };
    let paid = |who: u64, second: i64| {
        let id = format!("o{who}-{second}");
        told("order.paid", &id, who, second, &format!(r#"{{"id":"{id}","total":"100"}}"#))
    };
    at(0, vec![paid(1, 0), paid(2, 0), paid(3, 0)], &[]);
    // The server was down; then it looks at two of them, and the third has an event.
    at(3 * DAY, vec![paid(3, 3 * DAY)], &[1, 2]);
    let mug = |id: &str, second: i64, data: &str| by_api("fealty.redeemed", id, 1, second, data);
    at(3 * DAY + 1, vec![mug("a", 3 * DAY + 1, r#"{"reward":"mug"}"#)], &[]);
    at(4 * DAY, vec![mug("b", 4 * DAY, r#"{"reward":"mug","confirm":true}"#)], &[1]);
    let gift = r#"{"to":2,"wallet":"points","amount":30}"#;
    at(5 * DAY, vec![by_api("fealty.transferred", "c", 1, 5 * DAY, gift)], &[]);
    at(6 * DAY, vec![by_api("fealty.merged", "d", 2, 6 * DAY, r#"{"absorb":3}"#)], &[]);
    at(8 * DAY, vec![by_api("fealty.unmerged", "u", 2, 8 * DAY, r#"{"absorbed":3}"#)], &[]);
    for day in [12, 13, 14] {
        at(day * DAY, Vec::new(), &[1, 2, 3]);
    }
    at(15 * DAY, vec![paid(1, 15 * DAY)], &[1, 2, 3]);
    at(16 * DAY, vec![mug("e", 16 * DAY, r#"{"reward":"mug"}"#)], &[]);
}

fn decided_again(bench: &Bench) -> Report {
    let mut report = Report::default();
    replay(&bench.dir, None, &mut report, &mut |_, _| {}).unwrap();
    report
}

#[test]
fn what_time_gifts_merges_and_rewards_made_comes_out_the_same() {
    let bench = Bench::with(small());
    club(&bench);
    let rows = bench.verify().rows;
    let count = |sql: &str| bench.sql().query_row(sql, [], |r| r.get::<_, u64>(0)).unwrap();
    let of_type = |kind: &str| {
        count(&format!(
            "SELECT count(*) FROM journal WHERE input ->> 'type' = '{kind}' AND decided ->> 's' = 'applied'"
        ))
    };
    // Releases, a lapse and ends of levels; the gift, and both halves of the merge.
    assert!(of_type("fealty.due") >= 6, "{}", of_type("fealty.due"));
    assert_eq!((of_type("fealty.follows"), of_type("fealty.redeemed")), (3, 3));
    let report = decided_again(&bench);
    assert!(report.is_clean() && report.replayed == rows, "{report:#?}");
    let sql = bench.sql();
    sql.execute_batch("DROP TRIGGER journal_update").unwrap();
    for kind in ["fealty.due", "fealty.follows", "fealty.redeemed"] {
        let pos = count(&format!(
            "SELECT pos FROM journal WHERE input ->> 'type' = '{kind}' AND decided -> '$.t[0]' IS NOT NULL LIMIT 1"
        ));
        let before: String =
            sql.query_row("SELECT decided FROM journal WHERE pos = ?1", [pos], |r| r.get(0)).unwrap();
        let damage = "UPDATE journal SET decided = json_set(decided, '$.t[0].a', 77) WHERE pos = ?1";
        sql.execute(damage, [pos]).unwrap();
        let report = decided_again(&bench);
        assert!(report.breaches.iter().any(|breach| breach.pos == Some(pos)), "{kind}: {report:#?}");
        sql.execute("UPDATE journal SET decided = ?2 WHERE pos = ?1", (pos, before)).unwrap();
    }
}

/// The end of a month that pays nothing is decided like an event of before it that earns nothing: which of them
/// stands where is told by the event.
#[test]
fn what_time_does_is_not_taken_for_what_was_told_late() {
    let bench = Bench::with(small());
    let mut store = bench.open();
    let more = r#"events."form.sent" = {}
rules.monthly = { on = { every = "month" }, when = '1 > 2', earn.points = 2 }
"#;
    let program = read(&format!("{PROGRAM}{more}"), 1);
    store.admin().program_version_put(program.plan.hash, &program.json, "test", 0).unwrap();
    let plan = program.plan.first_published(jiff::Timestamp::UNIX_EPOCH);
    let plans = Plans { current: Arc::new(plan), older: Vec::new(), keys: store.key_maker() };
    let mut snapshot = Snapshot::default();
    let mut at = |second: i64, inputs: Vec<Input>, wakes: &[u64]| {
        wake(&mut store, &plans, &mut snapshot, (inputs, wakes), (1_800_000_000 + second) * 1000);
    };
    at(0, vec![told("member.enrolled", "a", 1, 0, "{}")], &[]);
    at(40 * DAY, vec![told("form.sent", "b", 1, DAY, "{}")], &[1]);
    drop(store);
    let rows = bench.verify().rows;
    let plain = "SELECT count(DISTINCT decided), min(decided) FROM journal WHERE pos > 1";
    let plain: (u64, String) = bench.sql().query_row(plain, [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    assert_eq!((rows, plain.0), (3, 1), "{plain:?}");
    let report = decided_again(&bench);
    assert!(report.is_clean() && report.replayed == rows, "{report:#?}");
}

/// What is stored of a member and of a stock, against what the journal says.
#[test]
fn a_wrong_level_due_instant_reservation_or_stock_is_found() {
    let bench = Bench::with(small());
    club(&bench);
    let rest = "INSERT OR REPLACE INTO member_swept SELECT * FROM member; DELETE FROM member_tail";
    bench.sql().execute_batch(rest).unwrap();
    bench.verify();
    for (law, of, to) in [
        ("due", "'$.due'", "'2099-01-01T00:00:00Z'"),
        ("due", "'$.due'", "null"),
        ("level", "'$.tiers[0].held.level'", "'basic'"),
        ("reservation", "'$.held'", "json('[]')"),
        ("reservation", "'$.held[0].until'", "'2027-12-01T00:00:00Z'"),
    ] {
        let copy = Bench::with(small());
        shop::copy(&bench.dir, &copy.dir);
        let damage = format!("UPDATE member_swept SET image = json_set(image, {of}, {to}) WHERE no = 1");
        assert_eq!(copy.sql().execute(&damage, []).unwrap(), 1);
        let report = store::verify::verify(&copy.dir, &mut |_, _| {}).unwrap();
        assert!(report.breaches.iter().any(|breach| breach.law == law), "{damage}: {:?}", report.breaches);
    }
    for used in [1, 3] {
        let copy = Bench::with(small());
        shop::copy(&bench.dir, &copy.dir);
        let damage = format!("UPDATE budget SET parts = '[[0,{used}]]' WHERE id = 'stock.mug'");
        assert_eq!(copy.sql().execute(&damage, []).unwrap(), 1);
        let report = store::verify::verify(&copy.dir, &mut |_, _| {}).unwrap();
        assert!(
            report.breaches.iter().any(|breach| breach.law == "stock"),
            "{damage}: {:?}",
            report.breaches
        );
    }
}
