//! The contract of the store, as one suite that any database behind the seam can be put through: `Bench` is the only
//! part that knows how a database is opened.

mod shop;

use domain::snapshot::{Snapshot, Want};
use shop::{Bench, Shop};

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
    let sql = bench.sql();
    let text = |query: &str| -> String { sql.query_row(query, [], |r| r.get(0)).unwrap() };
    let events =
        "SELECT group_concat(pos || source || id || type || time || member || status || version, ';')
        FROM (SELECT * FROM events ORDER BY pos)";
    assert_eq!(
        text(events),
        "1shope0order.paid2027-01-15T08:00:00Z1applied1;2shope1order.paid2027-01-15T08:00:00Z2applied1;\
         3shope2order.paid2027-01-15T08:00:00Z1applied1"
    );
    let transfers =
        "SELECT group_concat(concat_ws(',', pos, n, member, kind, wallet, debit, credit, amount, rule,
        lot_pos, lot_n, after), ';') FROM (SELECT * FROM transfers ORDER BY pos, n)";
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
        text("SELECT group_concat(member || identities || last_pos, ';') FROM members"),
        "1[\"email:1@x\"]3;2[\"email:2@x\"]2"
    );
    let feed =
        "SELECT group_concat(pos || ':' || member || ':' || member_seq || type || data, ';') FROM feed";
    assert_eq!(
        text(feed),
        "1:1:1points.earned{\"wallet\":\"points\",\"amount\":100,\"rule\":\"base\",\"available\":100};\
         2:2:1points.earned{\"wallet\":\"points\",\"amount\":50,\"rule\":\"base\",\"available\":50};\
         3:1:2points.earned{\"wallet\":\"points\",\"amount\":7,\"rule\":\"base\",\"available\":107}"
    );
    assert_eq!(text("SELECT count(*) || '' FROM lots"), "3");
    assert_eq!(text("SELECT sum(granted) || '' FROM effects WHERE kind = 'earn'"), "157");
    for change in ["UPDATE journal SET prev = 0", "DELETE FROM journal WHERE pos = 3"] {
        let refused = sql.execute(change, []).unwrap_err().to_string();
        assert!(refused.contains("the journal is never"), "{refused}");
    }
}
