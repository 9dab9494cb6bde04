//! What is due happens by itself: while it runs, after a restart, when the clock of a sandbox is moved, after a new version.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::batch::Plans;
use domain::event::{Event, Input, Subject};
use domain::identity::Identity;
use domain::program::{self, Program, Source};
use engine::{Clock, Delivery, Engine, Metrics, Move, Moved, Options, Publish, Published};
use jiff::Timestamp;
use store::{Reader, Store};

fn program(points: &str, sandbox: bool, version: u32) -> Program {
    let text = format!(
        r#"
program = {{ id = "shop", currency = "EUR", timezone = "Europe/Berlin", sandbox = {sandbox} }}
{points}
rules.base = {{ on = "order.paid", earn.points = 10 }}
"#
    );
    let main = Source { name: "shop.toml".into(), text };
    program::read(main, &mut |_| Err("none".into()), None, version)
        .unwrap_or_else(|r| panic!("{}", program::diag::render(&r.diagnostics, &r.sources, false)))
}

fn start(dir: &Path, program: &Program, clock: Clock) -> (Engine, Reader) {
    let store = Store::open(dir, &store::Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let put = store.admin().program_version_put(program.plan.hash, &program.json, "test", 0);
    assert!(put.is_ok());
    let current = Arc::new(program.plan.clone());
    let plans = Plans { current, older: Vec::new(), keys: store.key_maker() };
    let fatal = Arc::new(|why: &str| panic!("{why}"));
    let options = Options {
        queue_max: 100_000,
        clock,
        wakes: true,
        compile: Arc::new(|_, _| Err("nobody else publishes".into())),
        fatal,
        metrics: Metrics::default(),
    };
    let reader = store.reader();
    (Engine::start(store, plans, options).unwrap_or_else(|e| panic!("{e}")), reader)
}

fn order(n: u64, time: Timestamp) -> Delivery {
    let id: Box<str> = format!("o{n}").into();
    let data = format!(r#"{{"id":"{id}","currency":"EUR","total":"1","subtotal":"1"}}"#);
    let name = Identity::parse(&format!("email:m{n}@example.com")).unwrap_or_else(|e| panic!("{e}"));
    let event = Event {
        source: "test".into(),
        id,
        kind: "order.paid".into(),
        subject: Some(Subject::Identity(name)),
        also: Vec::new(),
        time,
        data: data.into_bytes().into(),
    };
    Delivery { input: Input { event: event.into(), body_hash: [1; 32], origin: "test".into() }, raw: None }
}

fn submit(engine: &Engine, orders: Vec<Delivery>) {
    let pending = engine.intake.submit(orders).unwrap_or_else(|e| panic!("{e:?}"));
    pending.wait().unwrap_or_else(|e| panic!("{e:?}"));
}

fn advance(engine: &Engine, text: &str) -> Moved {
    let by = Move::advance(text).unwrap_or_else(|| panic!("{text}"));
    let pending = engine.intake.move_clock(by, None).unwrap_or_else(|e| panic!("{e:?}"));
    pending.wait().unwrap_or_else(|e| panic!("{e:?}"))
}

/// What the stored members hold: available, pending.
fn balances(reader: &Reader) -> (i64, i64) {
    let members = reader.member_list(None, 10_000).unwrap_or_else(|e| panic!("{e}"));
    let wallets = members.items.iter().flat_map(|member| &member.wallets);
    wallets.fold((0, 0), |sum, wallet| (sum.0 + wallet.available, sum.1 + wallet.pending))
}

fn clean(dir: &Path) {
    let report = store::verify::verify(dir, &mut |_, _| {}).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.is_clean(), "{:?}", report.breaches);
}

#[test]
fn a_pending_point_is_released_in_its_time() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let program = program(r#"wallets.points = { pending = "1 second" }"#, false, 1);
    let (engine, reader) = start(dir.path(), &program, Clock::new(Timestamp::now, 0));
    submit(&engine, vec![order(1, Timestamp::now())]);
    let begun = Instant::now();
    while balances(&reader) != (10, 0) {
        assert!(begun.elapsed() < Duration::from_secs(5), "it was not released: {:?}", balances(&reader));
        std::thread::yield_now();
    }
    engine.stop();
    clean(dir.path());
}

#[test]
fn moving_the_clock_does_what_falls_due_and_a_restart_goes_on() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let program = program(r#"wallets.points = { pending = "14 days", expires = "12 months" }"#, true, 1);
    let at: Timestamp = "2027-01-10T10:00:00Z".parse().unwrap_or_else(|e| panic!("{e}"));
    let (engine, reader) = start(dir.path(), &program, Clock::new(move || at, 0));
    submit(&engine, (1..=1_500).map(|n| order(n, at)).collect());
    assert_eq!(
        advance(&engine, "13 days"),
        Moved::To { now: at + jiff::SignedDuration::from_hours(13 * 24), rows: 0 }
    );
    let released = at + jiff::SignedDuration::from_hours(14 * 24);
    assert_eq!(advance(&engine, "1 day"), Moved::To { now: released, rows: 1_500 });
    assert_eq!(balances(&reader), (15_000, 0));
    let back = engine.intake.move_clock(Move::At(at), None).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(back.wait(), Ok(Moved::Back { now: released }));
    engine.stop();
    // While nobody runs, a year goes by; what was missed is caught up.
    let store = Store::open(dir.path(), &store::Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let shift = store.reader().clock_get().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(shift, 14 * 86_400_000);
    drop(store);
    let later = at + jiff::SignedDuration::from_hours(366 * 24);
    let (engine, reader) = start(dir.path(), &program, Clock::new(move || later, shift));
    assert!(matches!(advance(&engine, "1 second"), Moved::To { .. }));
    assert_eq!(balances(&reader), (0, 0));
    engine.stop();
    clean(dir.path());
}

/// A workflow that waits when the process ends goes on after it; each of its steps happens once.
#[test]
fn a_workflow_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let text = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin", sandbox = true }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 10 }
[workflows.hello]
on = "order.paid"
steps = [{ earn.points = 100 }, { wait = "2 days" }, { earn.points = 1000 }, { wait = "2 days" }, { earn.points = 10000 }]
"#;
    let main = Source { name: "shop.toml".into(), text: text.into() };
    let program = program::read(main, &mut |_| Err("none".into()), None, 1);
    let program = program.unwrap_or_else(|_| panic!("it checks"));
    let at: Timestamp = "2027-01-10T10:00:00Z".parse().unwrap_or_else(|e| panic!("{e}"));
    let (engine, reader) = start(dir.path(), &program, Clock::new(move || at, 0));
    submit(&engine, vec![order(1, at)]);
    assert_eq!(balances(&reader), (110, 0));
    advance(&engine, "1 day");
    engine.stop();
    for (days, total) in [(2, 1_110), (2, 1_110), (3, 1_110), (9, 11_110), (30, 11_110)] {
        let later = at + jiff::SignedDuration::from_hours(days * 24);
        let (engine, reader) = start(dir.path(), &program, Clock::new(move || later, 0));
        advance(&engine, "1 second");
        assert_eq!(balances(&reader), (total, 0), "{days} days later");
        engine.stop();
    }
    clean(dir.path());
}

#[test]
fn only_a_sandbox_has_a_clock_to_move() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let (engine, _) =
        start(dir.path(), &program("wallets.points = {}", false, 1), Clock::new(Timestamp::now, 0));
    assert_eq!(advance(&engine, "1 day"), Moved::Real);
    engine.stop();
}

#[test]
fn a_new_version_is_due_for_those_who_were_not() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let at: Timestamp = "2027-01-10T10:00:00Z".parse().unwrap_or_else(|e| panic!("{e}"));
    let first = program("wallets.points = {}", true, 1);
    let (engine, reader) = start(dir.path(), &first, Clock::new(move || at, 0));
    submit(&engine, (1..=600).map(|n| order(n, at)).collect());
    let text = "wallets.points = {}\nrules.gift = { on = { every = \"month\" }, earn.points = 5 }";
    let second = program(text, true, 2);
    let publish = Publish::new(second.plan, second.json, "test");
    let published = engine.intake.publish(publish).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(published.wait(), Ok(Published::New { version: 2 }));
    assert!(matches!(advance(&engine, "22 days"), Moved::To { rows: 600, .. }));
    assert_eq!(balances(&reader), (600 * 15, 0));
    engine.stop();
    clean(dir.path());
}
