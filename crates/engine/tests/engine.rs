//! The engine over the real store: order, duplicates, publication, the end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::batch::Plans;
use domain::event::{Event, Input, Subject};
use domain::identity::Identity;
use domain::outcome::Status;
use domain::program::{Program, Source, read};
use engine::{Delivery, Engine, Metrics, Options, Publish, Published};
use store::Store;

fn program(points: u32, version: u32) -> Program {
    let text = format!(
        "program = {{ id = \"t\", currency = \"EUR\", timezone = \"UTC\" }}\nwallets.points = {{}}\n\
         rules.base = {{ on = \"order.paid\", earn.points = {points} }}\n"
    );
    let main = Source { name: "t.toml".into(), text };
    read(main, &mut |_| Ok(Vec::new()), None, version).unwrap_or_else(|_| panic!("it checks"))
}

fn start(dir: &Path) -> Engine {
    let store = Store::open(dir, &store::Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let first = program(1, 1);
    let put = store.admin().program_version_put(first.plan.hash, &first.json, "test", 0);
    assert!(put.is_ok());
    let plans = Plans { current: Arc::new(first.plan), older: Vec::new(), keys: store.key_maker() };
    // A clock that goes backwards: what is decided must not.
    let ticks = AtomicI64::new(1_800_000_000);
    let clock =
        move || jiff::Timestamp::from_second(ticks.fetch_sub(60, Ordering::Relaxed)).unwrap_or_default();
    let options = Options {
        queue_max: 100_000,
        clock: engine::Clock::new(clock, 0),
        wakes: true,
        compile: Arc::new(|_, _| Err("nobody else publishes".into())),
        fatal: Arc::new(|why| panic!("{why}")),
        metrics: Metrics::default(),
    };
    Engine::start(store, plans, options).unwrap_or_else(|e| panic!("{e}"))
}

fn order(n: u32, body: u8) -> Delivery {
    let id: Box<str> = format!("o{n}").into();
    let data = format!(r#"{{"id":"{id}","currency":"EUR","total":"{body}","subtotal":"{body}"}}"#);
    let event = Event {
        source: "test".into(),
        id,
        kind: "order.paid".into(),
        subject: Some(Subject::Identity(
            Identity::parse("email:ada@example.com").unwrap_or_else(|e| panic!("{e}")),
        )),
        also: Vec::new(),
        time: jiff::Timestamp::from_second(1_700_000_000).unwrap_or_default(),
        data: data.into_bytes().into(),
    };
    Delivery { input: Input { event: event.into(), body_hash: [body; 32], origin: "test".into() }, raw: None }
}

#[test]
fn everything_is_answered_in_order_once_and_is_there_after_the_end() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let engine = start(dir.path());
    let submit = |deliveries| engine.intake.submit(deliveries).unwrap_or_else(|e| panic!("{e:?}"));
    // 5,000 at once pass the bound of a batch; the same again in the next breath.
    let first = submit((0..5_000).map(|n| order(n, 1)).collect());
    let again = submit((0..5_000).map(|n| order(n, 1)).collect());
    let other = submit(vec![order(7, 2)]);
    let first = first.wait().unwrap_or_else(|e| panic!("{e:?}"));
    assert!(first.iter().enumerate().all(|(n, o)| *o.id == *format!("o{n}") && !o.duplicate));
    let again = again.wait().unwrap_or_else(|e| panic!("{e:?}"));
    assert!(again.iter().zip(&first).all(|(a, f)| a.duplicate && a.pos == f.pos && a.decision == f.decision));
    let other = other.wait().unwrap_or_else(|e| panic!("{e:?}"));
    assert!(other[0].conflict && other[0].pos == first[7].pos);
    engine.stop();
    let report = store::verify::verify(dir.path(), &mut |_, _| {}).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.is_clean(), "{:?}", report.breaches);
    assert_eq!((report.rows, report.wallets[0].available), (5_000, 5_000));
}

#[test]
fn a_version_counts_for_what_comes_after_it_and_for_nothing_before() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let engine = start(dir.path());
    let submit = |n| engine.intake.submit(vec![order(n, 1)]).unwrap_or_else(|e| panic!("{e:?}"));
    let publish = |points, version| {
        let program = program(points, version);
        let publish = Publish::new(program.plan, program.json, "test");
        engine.intake.publish(publish).unwrap_or_else(|e| panic!("{e:?}"))
    };
    // All handed over before anything is awaited: the queue keeps their order.
    let (before, second, after) = (submit(1), publish(5, 2), submit(2));
    let (same, overtaken) = (publish(5, 3), publish(7, 2));
    let granted = |pending: engine::Pending| {
        let outcome = pending.wait().unwrap_or_else(|e| panic!("{e:?}")).remove(0);
        assert_eq!(outcome.decision.status, Status::Applied);
        (outcome.decision.version, outcome.decision.effects[0].granted)
    };
    assert_eq!(granted(before), (1, 1));
    assert_eq!(granted(after), (2, 5));
    assert_eq!(second.wait(), Ok(Published::New { version: 2 }));
    assert_eq!(same.wait(), Ok(Published::Same { version: 2 }));
    assert_eq!(overtaken.wait(), Ok(Published::Overtaken { version: 2 }));
    assert_eq!((engine.versions.current().version, engine.versions.get(1).map(|p| p.version)), (2, Some(1)));
    engine.stop();
}
