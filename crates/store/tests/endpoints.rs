//! What is kept of endpoints, and the other small writes and questions that no batch asks.

mod shop;

use domain::outcome::Status;
use shop::{Bench, Shop, identity};
use store::{AttemptRow, DeliveryRow, EndpointWords, Mark, NewQuarantine, Progress};

fn later(change: (u64, u16), member: Option<u64>, next_ms: Option<i64>) -> DeliveryRow {
    DeliveryRow { change, member, attempts: 1, next_ms }
}

#[test]
fn an_endpoint_keeps_what_waits_for_it_in_the_order_of_each_member() {
    let bench = Bench::new();
    let store = bench.open();
    let (admin, reader) = (store.admin(), store.reader());
    let words = || EndpointWords { settings: "{\"url\":\"https://a\"}".into(), hidden: "{}".into() };
    let no = admin.endpoint_create(words(), "[]".into(), "0".into(), 5).unwrap();
    let other = admin.endpoint_create(words(), "[]".into(), "0".into(), 6).unwrap();
    assert!(no < other);
    // One that is taken away meanwhile is among them.
    assert_eq!(admin.endpoint_share(&[no, other, 99], 60_000).unwrap(), (vec![no, other, 99], 3));
    let attempt = |n| AttemptRow {
        change: (3, n),
        at_ms: 7,
        took_ms: 1,
        status: (n == 0).then_some(500),
        said: "a\0b".into(),
        taken: n == 1,
    };
    let progress = Progress {
        place: Some("9".into()),
        failing_ms: Some(7),
        later: vec![
            later((3, 0), Some(1), Some(50)),
            later((4, 0), Some(1), Some(10)),
            later((5, 0), Some(2), Some(20)),
            later((6, 0), None, Some(30)),
            later((7, 0), Some(2), None),
        ],
        attempts: vec![attempt(0), attempt(1)],
        ..Progress::default()
    };
    admin.delivery_save(no, progress).unwrap();
    admin.delivery_save(99, Progress { place: Some("1".into()), ..Progress::default() }).unwrap();
    let counts = reader.endpoint_counts(no).unwrap();
    assert_eq!((counts.waiting, counts.dead), (4, 1));
    let changes = |due: Vec<DeliveryRow>| due.into_iter().map(|one| one.change.0).collect::<Vec<_>>();
    assert_eq!(changes(reader.delivery_due(no, 30, false, 9).unwrap()), [4, 5, 6]);
    assert_eq!(changes(reader.delivery_due(no, 30, true, 9).unwrap()), [5, 6], "not before what waits");
    assert_eq!(changes(reader.delivery_due(no, 50, true, 9).unwrap()), [5, 6, 3, 4]);
    assert_eq!(
        (reader.delivery_next(no, false).unwrap(), reader.delivery_next(no, true).unwrap()),
        (Some(10), Some(20))
    );
    let mut members = reader.delivery_members(no).unwrap();
    members.sort_unstable();
    assert_eq!(members, [1, 2]);
    assert_eq!(changes(reader.delivery_list(no, true, (0, 0), 9).unwrap()), [7]);
    assert_eq!(changes(reader.delivery_list(no, false, (4, 0), 1).unwrap()), [5]);
    let attempts = reader.attempt_list(no, None, 1).unwrap();
    assert_eq!((attempts.items[0].status, attempts.items[0].taken), (None, true));
    let attempts = reader.attempt_list(no, attempts.next, 5).unwrap();
    assert_eq!((attempts.items[0].status, attempts.items[0].taken, attempts.next), (Some(500), false, None));
    let row = reader.endpoint_get(no).unwrap().unwrap();
    assert_eq!((&*row.place, row.failing_ms, row.off, row.created_ms), ("9", Some(7), None, 5));
    assert_eq!(admin.delivery_retry(no, Some((7, 0)), 60), Ok(1));
    assert_eq!(admin.delivery_retry(no, None, 60), Ok(0));
    admin
        .delivery_save(no, Progress { taken: vec![(3, 0)], off: Some("gone"), ..Progress::default() })
        .unwrap();
    assert_eq!(reader.endpoint_get(no).unwrap().unwrap().off.as_deref(), Some("gone"));
    assert_eq!(admin.endpoint_change(no, words(), None), Ok(true));
    assert_eq!(admin.endpoint_secrets(no, "[1]".into()), Ok(true));
    assert_eq!(admin.endpoint_rewind(no, "4".into(), (4, 0)), Ok(true));
    assert_eq!(reader.endpoint_counts(no).unwrap().waiting, 1);
    assert_eq!((admin.endpoint_delete(no), admin.endpoint_delete(no)), (Ok(true), Ok(false)));
    assert_eq!(reader.endpoint_list().unwrap().iter().map(|row| row.no).collect::<Vec<_>>(), [other]);
}

#[test]
fn questions_about_the_past_are_answered_from_what_is_durable() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    shop.batch(&[(1, 0, 10), (2, 1, 5), (1, 2, 7)]);
    shop.flush();
    let reader = &shop.reader;
    let (acts, all) = reader.act_list(&[3, 2], 9).unwrap();
    assert_eq!((acts.iter().map(|act| act.pos).collect::<Vec<_>>(), all), (vec![3, 2, 1], true));
    let end = reader.feed_end().unwrap();
    assert_eq!((end.0, Some(end.1)), (3, reader.feed_mark(3).unwrap()));
    assert_eq!((reader.feed_mark(0).unwrap(), reader.feed_mark(9).unwrap()), (Some(Mark(0)), None));
    let page = reader.feed_list(1, 1).unwrap();
    assert_eq!((page.touched, page.end.map(|end| end.0)), (vec![(2, 2)], Some(2)));
    let mut snapshot = domain::snapshot::Snapshot::default();
    let name = identity("email:2@x");
    let key = reader.key_maker().event("shop", "e1");
    let wants = [
        domain::snapshot::Want::Identity(name.clone()),
        domain::snapshot::Want::Member(2),
        domain::snapshot::Want::Member(u64::MAX),
        domain::snapshot::Want::Rows(key),
    ];
    reader.fetch(&mut snapshot, &wants).unwrap();
    assert_eq!((snapshot.next_pos, snapshot.next_member, snapshot.identities[&name]), (4, 3, Some(2)));
    assert!(snapshot.members[&2].is_some() && snapshot.members[&u64::MAX].is_none());
    assert_eq!(snapshot.rows[&key][0].pos, 2);
    assert_eq!(reader.event_list(None, Some(Status::Applied), 2).unwrap().items.len(), 2);
    assert!(reader.raw_list("hook", None, 9).unwrap().items.is_empty());
    assert!(reader.redemption_list(1, None, 9).unwrap().items.is_empty());
    assert!(reader.redemption_get(1, 0).unwrap().is_none());
}

#[test]
fn a_clock_that_was_moved_and_odd_words_are_kept() {
    let bench = Bench::new();
    let store = bench.open();
    let (admin, reader) = (store.admin(), store.reader());
    admin.clock_put(5, None).unwrap();
    admin.clock_put(9, Some(("move", [3; 32], 77))).unwrap();
    assert_eq!(reader.clock_get(), Ok(9));
    assert_eq!(admin.clock_move_get("move"), Ok(Some((vec![3; 32], 77))));
    assert_eq!(admin.clock_move_get("other"), Ok(None));
    // What came from outside may hold a character that not every database has.
    let new = NewQuarantine {
        at_ms: 1,
        conflict: false,
        source: "a\0",
        event_id: Some("b\0"),
        pos: None,
        reason: "c",
        headers: &[("d\0".to_owned(), "e".to_owned())],
        body: b"\0\xff",
    };
    admin.quarantine_put(&new).unwrap();
    let row = reader.quarantine_list(None, 9).unwrap().items.pop().unwrap();
    assert_eq!((&row.body[..], &*row.headers[0].0), (&b"\0\xff"[..], "d\0"));
    assert_eq!(row.event_id.unwrap().chars().count(), 2);
}
