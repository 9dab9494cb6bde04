//! The contract of the store, as one suite that any database behind the seam can be put through: `Bench` is the only
//! part that knows how a database is opened.

mod shop;

use domain::batch::{Batch, NewRow};
use domain::event::Subject;
use domain::key::Key;
use domain::outcome::Status;
use domain::snapshot::{Snapshot, Want};
use shop::{Bench, Shop, event, identity, small};
use store::{NewApiKey, NewQuarantine, StoreError, Write};

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    for n in 0..50 {
        shop.order(n % 7, n, 100 + n as i64);
    }
    shop.flush();
    let before = shop.members();
    drop(shop);
    let mut shop = Shop::new(bench.open());
    assert_eq!(shop.members(), before);
    for n in 0..50 {
        let rows = shop.rows_of_event(n);
        assert_eq!(rows.len(), 1, "event {n}");
        assert_eq!(rows[0].pos, n + 1);
        assert_eq!(&*rows[0].event.id, format!("e{n}"));
    }
    assert!(shop.rows_of_event(50).is_empty());
    let mut snapshot = Snapshot::default();
    shop.store.fetch(&mut snapshot, &[Want::Member(99)]).unwrap();
    assert_eq!((snapshot.next_pos, snapshot.next_member), (51, 8));
    assert!(snapshot.members[&99].is_none());
}

#[test]
fn people_read_everything_with_plain_sql() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    shop.batch(&[(1, 0, 100), (2, 1, 50), (1, 2, 7)]);
    shop.flush();
    let text = |query: &str| bench.text(query);
    let events =
        "SELECT group_concat(pos || source || id || type || time || member || status || version, ';')
        FROM (SELECT * FROM events ORDER BY pos) e";
    assert_eq!(
        text(events),
        "1shope0order.paid2027-01-15T08:00:00Z1applied1;2shope1order.paid2027-01-15T08:00:00Z2applied1;\
         3shope2order.paid2027-01-15T08:00:00Z1applied1"
    );
    let transfers =
        "SELECT group_concat(concat_ws(',', pos, n, member, kind, wallet, debit, credit, amount, rule,
        lot_pos, lot_n, after), ';') FROM (SELECT * FROM transfers ORDER BY pos, n) t";
    assert_eq!(
        text(transfers),
        "1,0,1,earn,points,issued,available,100,base,1,0,100;2,0,2,earn,points,issued,available,50,base,2,0,50;\
         3,0,1,earn,points,issued,available,7,base,3,0,107"
    );
    assert_eq!(
        text("SELECT group_concat(member || wallet || available, ';') FROM balances"),
        "1points107;2points50"
    );
    assert_eq!(
        text("SELECT group_concat(member || '' || identities || last_pos, ';') FROM members"),
        "1[\"email:1@x\"]3;2[\"email:2@x\"]2"
    );
    let feed = "SELECT group_concat(concat_ws(',', pos, member, member_seq, type, data ->> 'wallet', data ->> 'amount',
        data ->> 'rule', data ->> 'available'), ';') FROM feed";
    assert_eq!(
        text(feed),
        "1,1,1,member.enrolled;1,1,2,points.earned,points,100,base,100;2,2,1,member.enrolled;\
         2,2,2,points.earned,points,50,base,50;3,1,3,points.earned,points,7,base,107"
    );
    // As readers of the feed are told.
    let page = shop.store.reader().feed_list(0, 100).unwrap();
    let told: Vec<String> = page
        .rows
        .iter()
        .flat_map(|row| {
            domain::change::each(&row.decision)
                .map(|one| format!("{}:{}{}", row.pos, one.seq, one.what.kind()))
        })
        .collect();
    assert_eq!(text("SELECT group_concat(pos || ':' || member_seq || type, ';') FROM feed"), told.join(";"));
    assert_eq!(text("SELECT count(*) || '' FROM lots"), "3");
    assert_eq!(text("SELECT sum(granted) || '' FROM effects WHERE kind = 'earn'"), "157");
    for change in ["UPDATE journal SET prev = 0", "DELETE FROM journal WHERE pos = 3"] {
        let refused = bench.change(change).unwrap_err();
        assert!(refused.contains("the journal is never"), "{refused}");
    }
}

#[test]
fn what_is_in_flight_is_seen_by_the_decider_and_by_nobody_else() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    shop.order(1, 0, 10);
    shop.flush();
    let hold = bench.hold();
    shop.order(1, 1, 5);
    shop.order(2, 2, 7);
    // A decider that keeps no cache at all knows everything handed over.
    shop.forget();
    assert_eq!(shop.members().into_iter().collect::<Vec<_>>(), [(1, 15), (2, 7)]);
    assert_eq!(shop.rows_of_event(2)[0].pos, 3);
    let mut snapshot = Snapshot::default();
    let name = identity("email:2@x");
    shop.store.fetch(&mut snapshot, &[Want::Identity(name.clone())]).unwrap();
    assert_eq!((snapshot.identities[&name], snapshot.next_pos, snapshot.next_member), (Some(2), 4, 3));
    // A reader sees what is durable.
    assert!(shop.reader.event_get(None, "e2").unwrap().is_empty());
    assert!(shop.reader.member_by_identity(&name).unwrap().is_none());
    assert_eq!(shop.reader.stats().unwrap().rows, 1);
    drop(hold);
    shop.flush();
    assert_eq!(shop.reader.event_get(Some("shop"), "e2").unwrap()[0].pos, 3);
    assert_eq!(shop.reader.member_by_identity(&name).unwrap().unwrap().no, 2);
}

#[test]
fn an_event_counts_once_in_a_batch_in_flight_and_after_a_restart() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    shop.batch(&[(1, 0, 10), (1, 0, 10), (2, 1, 5), (1, 0, 10)]);
    shop.order(1, 0, 10);
    shop.forget();
    shop.order(1, 0, 10);
    shop.flush();
    drop(shop);
    let mut shop = Shop::new(bench.open());
    shop.order(1, 0, 10);
    shop.flush();
    assert_eq!(shop.members().into_iter().collect::<Vec<_>>(), [(1, 10), (2, 5)]);
    assert_eq!(shop.reader.stats().unwrap().rows, 2);
    bench.verify();
}

#[test]
fn the_same_id_with_other_contents_is_set_aside_once_and_changes_nothing() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    shop.batch(&[(1, 0, 10), (1, 0, 11)]);
    shop.order(1, 0, 11);
    shop.flush();
    assert_eq!(shop.members()[&1], 10);
    let aside = shop.reader.quarantine_list(None, 10).unwrap();
    assert_eq!(aside.items.len(), 1);
    let row = &aside.items[0];
    assert_eq!((&*row.kind, row.event_id.as_deref(), row.pos), ("conflict", Some("e0"), Some(1)));
    assert_eq!(row.body, b"{\"cents\":11}");
    bench.verify();
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    shop.order(1, 0, 10);
    shop.flush();
    // Two rows and a name that is none: its insert fails.
    let inputs = (1..3).map(|n| event("shop", &format!("e{n}"), Subject::Identity(identity("email:9@x")), 5));
    let mut write = shop.decide(inputs.collect());
    write.batch.identities.push((identity(""), 2));
    shop.commit(write);
    let results = shop.results();
    assert!(matches!(&results[..], [Err(StoreError::Corrupt(_))]), "{results:?}");
    assert!(results[0].as_ref().unwrap_err().must_stop());
    let mut snapshot = Snapshot::default();
    assert!(shop.store.fetch(&mut snapshot, &[]).is_err(), "nobody goes on after that");
    drop(shop);
    let mut shop = Shop::new(bench.open());
    assert_eq!(shop.members().into_iter().collect::<Vec<_>>(), [(1, 10)]);
    assert!(shop.rows_of_event(1).is_empty());
    bench.verify();
}

#[test]
fn batches_are_settled_in_the_order_in_which_they_came() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    let (send, settled) = std::sync::mpsc::channel();
    for n in 0..200 {
        let write = shop.decide(vec![event(
            "shop",
            &format!("e{}", n / 2),
            Subject::Identity(identity("email:1@x")),
            1,
        )]);
        let send = send.clone();
        shop.store.commit(write, Box::new(move |result| send.send((n, result)).unwrap()));
    }
    for n in 0..200 {
        assert_eq!(settled.recv().unwrap(), (n, Ok(())));
    }
    bench.verify();
}

#[test]
fn a_key_may_have_many_rows_and_they_come_oldest_first() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    let key = Key(7);
    for n in 0..150 {
        let mut write =
            shop.decide(vec![event("shop", &format!("e{n}"), Subject::Identity(identity("email:1@x")), 1)]);
        write.batch.rows[0].keys.push(key);
        shop.commit(write);
    }
    let mut snapshot = Snapshot::default();
    shop.store.fetch(&mut snapshot, &[Want::Rows(key)]).unwrap();
    let positions: Vec<_> = snapshot.rows[&key].iter().map(|row| row.pos).collect();
    assert_eq!(positions, (1..=150).collect::<Vec<_>>());
    shop.flush();
}

#[test]
fn a_row_that_waited_is_read_with_the_event_that_waited() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    let key = shop.store.key_maker().order_waiting("o1");
    let write = shop.waiting("r1", key);
    let first = write.batch.rows[0].decision.clone();
    shop.commit(write);
    let mut again = (*first).clone();
    (again.status, again.reason, again.again) = (Status::Ignored, first.reason.clone(), Some(1));
    let mut batch = Batch::default();
    let decision = std::sync::Arc::new(again);
    batch.rows.push(NewRow {
        pos: 2,
        input: None,
        again: Some(1),
        member: None,
        prev_pos: 0,
        decision,
        keys: vec![key],
    });
    let now_ms = shop.now_ms;
    let (inputs, raws, members, budgets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    shop.commit(Write { inputs, raws, batch, members, due_ms: Vec::new(), budgets, now_ms });
    for _ in 0..2 {
        let mut snapshot = Snapshot::default();
        shop.store.fetch(&mut snapshot, &[Want::Rows(key)]).unwrap();
        let rows = &snapshot.rows[&key];
        assert_eq!(rows.len(), 2);
        assert_eq!((&*rows[1].event.id, rows[1].body_hash), ("r1", rows[0].body_hash));
        shop.flush();
    }
    assert_eq!(&*shop.reader.journal_get(2).unwrap().unwrap().event.id, "r1");
    assert_eq!(bench.text("SELECT id FROM events WHERE pos = 2"), "r1");
    bench.verify();
}

#[test]
fn budgets_come_back_with_a_new_snapshot() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    let hold = bench.hold();
    let mut write = shop.decide(vec![event("shop", "e0", Subject::Identity(identity("email:1@x")), 1)]);
    write.budgets = vec![("rules.base#0".into(), vec![(0, 5), (60, 7)])];
    shop.commit(write);
    for _ in 0..2 {
        let mut snapshot = Snapshot::default();
        shop.store.fetch(&mut snapshot, &[]).unwrap();
        assert_eq!(snapshot.budgets["rules.base#0"], [(0, 5), (60, 7)]);
        assert_eq!(snapshot.now.as_millisecond(), shop.now_ms);
    }
    drop(hold);
    shop.flush();
    drop(shop);
    let shop = Shop::new(bench.open());
    assert_eq!(shop.snapshot.budgets["rules.base#0"], [(0, 5), (60, 7)]);
}

#[test]
fn a_snapshot_that_was_trimmed_is_filled_again() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    for n in 0..300 {
        shop.order(n % 100, n, 1);
        shop.store.trim(&mut shop.snapshot, 20);
        assert!(shop.snapshot.members.len() <= 20 && shop.snapshot.identities.len() <= 40);
    }
    shop.flush();
    assert!(shop.members().values().all(|&balance| balance == 3));
    bench.verify();
}

#[test]
fn lists_go_page_by_page() {
    let bench = Bench::new();
    let mut shop = Shop::new(bench.open());
    for n in 0..25 {
        shop.order(n % 5, n, 1 + n as i64);
    }
    let input = event("webhook", "w1", Subject::Identity(identity("email:0@x")), 3);
    let write = shop.decide(vec![input]);
    shop.commit(write);
    shop.flush();
    let reader = &shop.reader;
    let (mut cursor, mut seen) = (None, Vec::new());
    loop {
        let page = reader.transfer_list(1, cursor, 2).unwrap();
        seen.extend(page.items.iter().map(|row| (row.pos, row.transfer.amount)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [(26, 3), (21, 21), (16, 16), (11, 11), (6, 6), (1, 1)]);
    let members = reader.member_list(Some(2), 2).unwrap();
    assert_eq!((members.items.iter().map(|m| m.no).collect::<Vec<_>>(), members.next), (vec![3, 4], Some(4)));
    assert_eq!(reader.member_list(Some(4), 2).unwrap().next, None);
    let events = reader.event_list(Some(26), None, 3).unwrap();
    assert_eq!(
        (events.items.iter().map(|row| row.pos).collect::<Vec<_>>(), events.next),
        (vec![25, 24, 23], Some(23))
    );
    assert!(reader.event_list(None, Some(Status::Refused), 3).unwrap().items.is_empty());
    assert_eq!(reader.event_list(None, Some(Status::Applied), 99).unwrap().items.len(), 26);
    let raw = reader.raw_get(26).unwrap().unwrap();
    assert_eq!(
        (&*raw.source, &raw.body[..], raw.headers),
        ("hook", &b"raw"[..], vec![("X-Id".into(), "w1".into())])
    );
    assert!(reader.raw_get(25).unwrap().is_none());
    assert!(reader.event_get(Some("elsewhere"), "w1").unwrap().is_empty());
    assert_eq!(reader.event_get(None, "w1").unwrap()[0].origin, "test".into());
}

#[test]
fn keys_programs_and_what_was_refused_are_kept() {
    let bench = Bench::new();
    let store = bench.open();
    let (admin, reader) = (store.admin(), store.reader());
    assert_eq!(admin.program_version_put([1; 32], "a", "key:1", 5), Ok(1));
    assert_eq!(admin.program_version_put([1; 32], "a", "key:1", 6), Ok(1), "nothing new");
    assert_eq!(admin.program_version_put([2; 32], "b", "key:1", 7), Ok(2));
    assert_eq!(
        admin.program_version_put([1; 32], "a", "key:1", 8),
        Ok(3),
        "back to an old one is a new version"
    );
    assert_eq!(reader.program_version_list().unwrap().len(), 3);
    assert_eq!(&*reader.program_version_get(2).unwrap().unwrap().body, "b");
    let key = NewApiKey {
        name: "till",
        hash: [9; 32],
        scopes: &["events:write".into()],
        now_ms: 5,
        expires_ms: None,
    };
    let no = admin.api_key_create(&key).unwrap();
    assert!(admin.api_key_create(&key).is_err(), "the same key twice");
    assert_eq!(
        (admin.api_key_revoke(no, 6), admin.api_key_revoke(no, 9), admin.api_key_revoke(99, 6)),
        (Ok(true), Ok(true), Ok(false))
    );
    let found = reader.api_key_lookup(&[9; 32]).unwrap().unwrap();
    assert_eq!((found.no, found.revoked_ms, &found.scopes[..]), (no, Some(6), &["events:write".into()][..]));
    assert!(reader.api_key_lookup(&[8; 32]).unwrap().is_none());
    assert_eq!(reader.api_key_list().unwrap(), [found]);
    for at_ms in 0..3 {
        let headers = &[("A".to_owned(), "b".to_owned())];
        let (source, reason, body) = ("shop", "json_invalid", &b"{"[..]);
        let new = NewQuarantine {
            at_ms,
            conflict: false,
            source,
            event_id: None,
            pos: None,
            reason,
            headers,
            body,
        };
        admin.quarantine_put(&new).unwrap();
    }
    assert_eq!(reader.quarantine_list(None, 9).unwrap().items.len(), 1);
    let secret = store.secret();
    drop(store);
    assert!(admin.api_key_revoke(no, 6).is_err(), "closed");
    assert_eq!(bench.open().secret(), secret);
}
