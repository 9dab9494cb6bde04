//! `verify` proves itself: every single change to what is stored is found, and named by its law.

mod shop;

use domain::key::Key;
use rusqlite::Connection;
use shop::{Bench, Shop, small};
use store::verify::{verify, verify_by};

/// A database with everything in it: runs, a tail, duplicates, a conflict, a raw body, a row that waits.
fn busy() -> Bench {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    for n in 0..150 {
        shop.order(n % 7, n, 10 + n as i64);
    }
    shop.batch(&[(1, 3, 99), (2, 150, 5), (3, 151, 5)]);
    let write = shop.waiting("w", Key(1));
    shop.commit(write);
    let input = shop::event("webhook", "h", domain::event::Subject::Member(1), 5);
    let write = shop.decide(vec![input]);
    shop.commit(write);
    let mut write = shop.decide(vec![shop::order(1, 900, 5)]);
    let (maker, pos) = (shop.store.key_maker(), write.batch.rows[0].pos);
    let mut decision = (*write.batch.rows[0].decision).clone();
    // Half of it counts in a budget of all members, which is used by others too.
    let order = r#"{"id":"o1","m":2,"v":1,"p":155,"at":"2027-01-15T08:00:00Z","t":"0.05",
        "g":[{"r":"base","w":"points","p":155,"g":5,"s":[2,3],"l":[{"l":"campaigns.c#0","all":true}]}]}"#;
    assert_eq!((pos, write.batch.rows[0].member), (155, Some(2)));
    decision.order = Some(serde_json::from_str(order).unwrap());
    decision.once.push(("base".into(), "o1".into()));
    write.batch.rows[0].decision = std::sync::Arc::new(decision);
    write.batch.rows[0].keys.extend([maker.order("o1"), maker.once("base", 2, "o1")]);
    write.budgets.push(("campaigns.c#0".into(), vec![(0, 10)]));
    shop.commit(write);
    shop.flush();
    store_program(&shop);
    drop(shop);
    bench.verify();
    bench
}

fn store_program(shop: &Shop) {
    shop.store
        .admin()
        .program_version_put([1; 32], r#"{"rules":{"base":{"on":"order.paid"}}}"#, "key:1", 1)
        .unwrap();
}

/// Hashes every row anew, so that only the damage itself can be found.
fn rechain(sql: &Connection) {
    use sha2::{Digest, Sha256};
    let mut rows = sql
        .prepare(
            "SELECT pos, member, prev, now_ms, again, input, body_hash, decided FROM journal ORDER BY pos",
        )
        .unwrap();
    let mut rows = rows.query([]).unwrap();
    let mut hash = [0_u8; 32];
    while let Some(row) = rows.next().unwrap() {
        let mut next = Sha256::new();
        next.update(hash);
        for column in 0..8 {
            let bytes: Option<Vec<u8>> = match column {
                0..=4 => row.get::<_, Option<i64>>(column).unwrap().map(|n| n.to_le_bytes().to_vec()),
                6 => row.get(6).unwrap(),
                _ => row.get::<_, Option<String>>(column).unwrap().map(String::into_bytes),
            };
            next.update(bytes.as_ref().map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            next.update(bytes.unwrap_or_default());
        }
        hash = next.finalize().into();
        sql.execute(
            "UPDATE journal SET hash = ?2 WHERE pos = ?1",
            (row.get::<_, i64>(0).unwrap(), &hash[..]),
        )
        .unwrap();
    }
}

/// Law that must be named, the change, and whether someone clever has also hashed the journal anew.
const DAMAGE: &[(&str, &str, bool)] = &[
    ("chain", "UPDATE journal SET now_ms = now_ms + 1 WHERE pos = 155", false),
    ("chain", "UPDATE journal SET input = replace(input, '19', '18') WHERE pos = 10", false),
    ("chain", "UPDATE journal SET decided = replace(decided, 'applied', 'Applied') WHERE pos = 11", false),
    ("chain", "UPDATE journal SET hash = randomblob(32) WHERE pos = 12", false),
    ("chain", "UPDATE journal SET body_hash = randomblob(32) WHERE pos = 13", false),
    ("positions", "DELETE FROM journal WHERE pos = 20", true),
    ("member chain", "DELETE FROM journal WHERE pos > 150", true),
    ("time", "UPDATE journal SET now_ms = now_ms + 1000000 WHERE pos = 30", true),
    ("member chain", "UPDATE journal SET prev = prev - 1 WHERE pos = 40", true),
    (
        "member chain",
        "UPDATE journal SET member = member % 7 + 1, decided = json_set(decided, '$.m', member % 7 + 1) WHERE pos = 41",
        true,
    ),
    ("decision", "UPDATE journal SET member = member % 7 + 1 WHERE pos = 42", true),
    (
        "balance",
        "UPDATE journal SET decided = json_set(decided, '$.t[0].a', (decided ->> '$.t[0].a') + 1) WHERE pos = 43",
        true,
    ),
    ("balance", "UPDATE journal SET decided = json_set(decided, '$.t[0].b', 1) WHERE pos = 44", true),
    ("ledger", "UPDATE journal SET decided = json_set(decided, '$.t[0].a', -5) WHERE pos = 45", true),
    (
        "ledger",
        "UPDATE journal SET decided = json_set(decided, '$.t[0].d', 'available') WHERE pos = 46",
        true,
    ),
    ("ledger", "UPDATE journal SET decided = json_set(decided, '$.t[0].c', 'reversed') WHERE pos = 46", true),
    ("balance", "UPDATE journal SET decided = json_set(decided, '$.t[0].w', 'miles') WHERE pos = 46", true),
    ("lots", "UPDATE journal SET decided = json_set(decided, '$.t[0].l[0]', 3) WHERE pos = 47", true),
    ("member_seq", "UPDATE journal SET decided = json_set(decided, '$.q', 77) WHERE pos = 48", true),
    ("decision", "UPDATE journal SET decided = json_set(decided, '$.s', 'refused') WHERE pos = 49", true),
    ("decision", "UPDATE journal SET decided = json_set(decided, '$.v', 2) WHERE pos = 49", true),
    ("decision", "UPDATE journal SET decided = '{}' WHERE pos = 50", true),
    ("event", "UPDATE journal SET input = '{}' WHERE pos = 51", true),
    ("event", "UPDATE journal SET body_hash = x'00' WHERE pos = 52", true),
    ("once", "UPDATE journal SET input = (SELECT input FROM journal WHERE pos = 60) WHERE pos = 61", true),
    ("keys", "UPDATE journal SET input = json_set(input, '$.id', 'other') WHERE pos = 62", true),
    (
        "waiting",
        "UPDATE journal SET decided = json_set(decided, '$.frees', json('[153]')) WHERE pos = 63",
        true,
    ),
    (
        "balance",
        "UPDATE member_swept SET image = json_set(image, '$.wallets[0].available', 1) WHERE no = 1",
        false,
    ),
    (
        "lots",
        "UPDATE member_swept SET image = json_set(image, '$.wallets[0].lots[1][2]', 1) WHERE no = 2",
        false,
    ),
    (
        "lots",
        "UPDATE member_swept SET image = json_set(image, '$.wallets[0].lots[1][0]', 1) WHERE no = 2",
        false,
    ),
    (
        "balance",
        "UPDATE member_swept SET image = json_set(image, '$.wallets[0].debt', 5) WHERE no = 3",
        false,
    ),
    (
        "balance",
        "UPDATE member_swept SET image = json_set(image, '$.wallets', json('[]')) WHERE no = 3",
        false,
    ),
    (
        "household",
        "UPDATE member_swept SET image = json_set(image, '$.home', json('{\"no\": 2, \"since\": \"2027-01-01T00:00:00Z\"}')) WHERE no = 3",
        false,
    ),
    (
        "household",
        "UPDATE member_swept SET image = json_set(image, '$.household', json('{\"residents\": [{\"no\": 3, \"since\": \"2027-01-01T00:00:00Z\"}]}')) WHERE no = 2",
        false,
    ),
    ("member chain", "UPDATE member_swept SET image = json_set(image, '$.last_pos', 1) WHERE no = 4", false),
    ("member_seq", "UPDATE member_swept SET image = json_set(image, '$.changes', 1) WHERE no = 4", false),
    ("member", "UPDATE member_swept SET image = '{' WHERE no = 5", false),
    ("member", "UPDATE member_swept SET image = json_set(image, '$.no', 9) WHERE no = 5", false),
    ("member", "DELETE FROM member_swept WHERE no = 6", false),
    ("member", "UPDATE member_tail SET images = '{' WHERE pos = (SELECT max(pos) FROM member_tail)", false),
    ("member chain", "DELETE FROM member_tail WHERE pos = (SELECT max(pos) FROM member_tail)", false),
    (
        "balance",
        "UPDATE member_tail SET images = json_set(images, '$.\"2\".wallets[0].available', 1) WHERE pos = (SELECT max(pos) FROM member_tail)",
        false,
    ),
    ("identity", "DELETE FROM identity WHERE member = 6", false),
    ("identity", "UPDATE identity SET member = 1 WHERE member = 2", false),
    ("identity", "INSERT INTO identity VALUES ('email:new@x', 3)", false),
    ("budget", "UPDATE budget SET parts = '[[0,-1]]'", false),
    ("keys", "DELETE FROM run_page WHERE at = (SELECT min(at) FROM run_page)", false),
    (
        "keys",
        "UPDATE run_page SET entries = substr(entries, 14) WHERE at = (SELECT min(at) FROM run_page)",
        false,
    ),
    ("keys", "DELETE FROM run WHERE no = (SELECT max(no) FROM run)", false),
    (
        "keys",
        "UPDATE run_filter SET part = zeroblob(length(part)) WHERE at = (SELECT min(at) FROM run_filter)",
        false,
    ),
    ("keys", "DELETE FROM run_filter", false),
    ("keys", "DELETE FROM tail_keys WHERE pos = (SELECT max(pos) FROM tail_keys)", false),
    (
        "keys",
        "UPDATE tail_keys SET entries = zeroblob(13) WHERE pos = (SELECT max(pos) FROM tail_keys)",
        false,
    ),
    ("budget", "UPDATE budget SET parts = '[[0,4]]'", false),
    (
        "limit",
        "UPDATE member_swept SET image = json_set(image, '$.limits', json('[{\"id\":\"x\",\"parts\":[[0,-1]]}]')) WHERE no = 1",
        false,
    ),
    ("reversal", "UPDATE journal SET decided = json_set(decided, '$.o.g[0].b', 9) WHERE pos = 155", true),
    ("reversal", "UPDATE journal SET decided = json_set(decided, '$.o.g[0].b', 1) WHERE pos = 155", true),
    (
        "reversal",
        "UPDATE journal SET decided = json_set(decided, '$.o.closed', json('true')) WHERE pos = 155",
        true,
    ),
    ("reversal", "UPDATE journal SET decided = json_set(decided, '$.o.g[0].s[0]', 1) WHERE pos = 155", true),
    ("order", "UPDATE journal SET decided = json_set(decided, '$.o.p', 150) WHERE pos = 155", true),
    ("grant", "UPDATE journal SET decided = json_remove(decided, '$.o.g[0]') WHERE pos = 155", true),
    (
        "once",
        "UPDATE journal SET decided = json_insert(decided, '$.o.g[#]', decided -> '$.o.g[0]') WHERE pos = 155",
        true,
    ),
    (
        "once",
        "UPDATE journal SET decided = json_insert(decided, '$.once[#]', json('[\"base\",\"o1\"]')) WHERE pos = 155",
        true,
    ),
    (
        "keys",
        "UPDATE journal SET decided = json_set(decided, '$.once', json('[[\"base\",\"o2\"]]')) WHERE pos = 155",
        true,
    ),
    ("keys", "UPDATE journal SET decided = json_set(decided, '$.o.id', 'o2') WHERE pos = 155", true),
    ("identity", "UPDATE journal SET decided = json_remove(decided, '$.linked') WHERE pos = 1", true),
    (
        "identity",
        "UPDATE journal SET decided = json_set(decided, '$.linked', json('[\"email:1@x\"]')) WHERE pos = 70",
        true,
    ),
    ("raw", "UPDATE raw SET pos = 7777", false),
    ("quarantine", "UPDATE quarantine SET pos = 7777", false),
];

#[test]
fn every_damage_is_found() {
    let bench = busy();
    let mut missed = Vec::new();
    for (law, damage, clever) in DAMAGE {
        let copy = Bench::with(small());
        shop::copy(&bench.dir, &copy.dir);
        let sql = copy.sql();
        sql.execute_batch("DROP TRIGGER journal_update; DROP TRIGGER journal_delete").unwrap();
        if damage.contains("member_swept") {
            // Only a row that is the newest state can be damaged.
            let rest = "INSERT OR REPLACE INTO member_swept SELECT * FROM member; DELETE FROM member_tail";
            sql.execute_batch(rest).unwrap();
        }
        assert!(sql.execute(damage, []).unwrap_or_else(|e| panic!("{damage}: {e}")) > 0, "{damage}");
        if *clever {
            rechain(&sql);
        }
        for rows_at_once in [u64::MAX, 40] {
            let report = verify_by(&copy.dir, rows_at_once, &mut |_, _| {}).unwrap();
            if !report.breaches.iter().any(|breach| breach.law == *law) {
                missed.push(format!("{damage}, {rows_at_once} at once\n  -> {:?}", report.breaches));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn flipped_bits_of_the_journal_are_found() {
    let bench = busy();
    let copy = Bench::with(small());
    shop::copy(&bench.dir, &copy.dir);
    let sql = copy.sql();
    sql.execute_batch("DROP TRIGGER journal_update; DROP TRIGGER journal_delete").unwrap();
    for n in 0..60_i64 {
        let pos = 1 + n * 37 % 150;
        sql.execute_batch("BEGIN").unwrap();
        let text: String =
            sql.query_row("SELECT decided FROM journal WHERE pos = ?1", [pos], |r| r.get(0)).unwrap();
        let mut bytes = text.into_bytes();
        let at = (n as usize * 13) % bytes.len();
        bytes[at] ^= 1;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        sql.execute("UPDATE journal SET decided = ?2 WHERE pos = ?1", (pos, text)).unwrap();
        sql.execute_batch("COMMIT").unwrap();
        let report = verify(&copy.dir, &mut |_, _| {}).unwrap();
        let found =
            report.breaches.iter().any(|breach| breach.law == "chain" && breach.pos == Some(pos as u64));
        assert!(found, "row {pos}, byte {at}");
    }
}

#[test]
fn a_damaged_page_of_the_file_is_a_finding() {
    let bench = busy();
    let path = bench.dir.join(store::FILE);
    bench.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'journal'";
    let root: usize = bench.sql().query_row(root, [], |r| r.get(0)).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0x5A);
    std::fs::write(&path, bytes).unwrap();
    let report = verify(&bench.dir, &mut |_, _| {}).unwrap();
    assert!(report.breaches.iter().any(|breach| breach.law == "file" || breach.law == "keys"), "{report:?}");
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["breaches"][0]["what"].is_string() && json["breach_count"].as_u64() > Some(0));
}

/// A page in the middle: what lies on it is told, and all that lies before, behind and beside it is checked.
#[test]
fn behind_a_damaged_page_the_check_goes_on() {
    let bench = busy();
    bench.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let path = bench.dir.join(store::FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let row: Vec<u8> =
        bench.sql().query_row("SELECT hash FROM journal WHERE pos = 75", [], |r| r.get(0)).unwrap();
    let at = bytes.windows(32).position(|part| part == row).unwrap() / 4096 * 4096;
    bytes[at..at + 4096].fill(0x5A);
    std::fs::write(&path, bytes).unwrap();
    let report = verify(&bench.dir, &mut |_, _| {}).unwrap();
    let lost =
        report.breaches.iter().find(|b| b.law == "file" && b.what.starts_with("journal cannot be read"));
    assert!(lost.is_some(), "{report:#?}");
    assert!((100..155).contains(&report.rows) && report.members == 7 && report.keys > 150, "{report:#?}");
    // The rows on both sides are whole.
    assert!(!report.breaches.iter().any(|breach| breach.law == "chain"), "{report:#?}");
}

#[test]
fn nothing_is_no_database() {
    let bench = Bench::new();
    assert!(verify(&bench.dir, &mut |_, _| {}).is_err());
}

#[test]
fn damage_to_pages_is_found() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    for n in 0..200 {
        shop.order(1, n, 2);
    }
    drop(shop);
    bench.verify();
    for damage in [
        "DELETE FROM lot_page",
        "UPDATE lot_page SET lots = json_set(lots, '$[0][2]', 1)",
        "UPDATE lot_page SET lots = json_set(lots, '$[0]', lots -> 1, '$[1]', lots -> 0)",
        "UPDATE lot_page SET lots = json_remove(lots, '$[3]')",
        "UPDATE lot_page SET lots = '['",
        "INSERT INTO lot_page SELECT at + 1000, lots FROM lot_page",
        "INSERT INTO lot_page SELECT at + (7 << 24), lots FROM lot_page",
    ] {
        let copy = Bench::with(small());
        shop::copy(&bench.dir, &copy.dir);
        let sql = copy.sql();
        assert!(sql.execute(damage, []).is_err() == damage.starts_with("UPDATE"), "a page is never changed");
        sql.execute_batch("DROP TRIGGER lot_page_update").unwrap();
        assert!(damage.starts_with("INSERT") || sql.execute(damage, []).is_ok());
        let report = store::verify::verify(&copy.dir, &mut |_, _| {}).unwrap();
        assert!(report.breaches.iter().any(|breach| breach.law == "lots"), "{damage}: {report:#?}");
    }
}
