//! Members' states between the batch that made them and their rows: whatever is swept, crashes or is asked meanwhile,
//! everyone sees the newest.

mod shop;

use std::collections::BTreeMap;

use shop::{Bench, Shop, small};
use store::Options;

/// Drawn from `n`: whose orders come next, and in batches of what size.
fn draw(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29);
    n ^ (n >> 32)
}

/// What SQL says of each balance.
fn balances(bench: &Bench) -> BTreeMap<u64, i64> {
    let sql = bench.sql();
    let mut select = sql.prepare("SELECT member, available FROM balances").unwrap();
    select.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_newest_state_is_seen_by_everyone_at_every_moment() {
    let bench = Bench::with(Options { sweep_min: 24, ..small() });
    let mut shop = Shop::new(bench.open());
    let (mut n, mut must, mut texts) = (0, BTreeMap::<u64, i64>::new(), Vec::new());
    for round in 0..160 {
        let size = 1 + draw(round) % if round % 10 == 0 { 60 } else { 5 };
        let orders: Vec<_> = (0..size)
            .map(|i| {
                let (customer, cents) = (draw(n + i) % 40, 1 + draw(n * 7 + i).cast_signed() % 9);
                (customer, n + i, cents.abs() + 1)
            })
            .collect();
        n += size;
        shop.batch(&orders);
        shop.flush();
        for (customer, _, cents) in orders {
            let name = shop::identity(&format!("email:{customer}@x"));
            let member = shop.reader.member_by_identity(&name).unwrap().unwrap();
            *must.entry(member.no).or_default() += cents;
        }
        if round % 7 == 0 {
            // A decider without memory, the API's list, plain SQL.
            shop.forget();
            assert_eq!(shop.members(), must);
            let page = shop.reader.member_list(None, 1_000).unwrap();
            let listed: BTreeMap<_, _> = page.items.iter().map(|m| (m.no, m.wallets[0].available)).collect();
            assert_eq!(listed, must);
            assert_eq!(balances(&bench), must);
            texts.push(count(&bench, "member_tail"));
        }
        if round % 23 == 0 {
            // As a crash would leave it, and by the front door.
            let left = Bench::with(small());
            shop::copy(&bench.dir, &left.dir);
            assert_eq!(Shop::new(left.open()).members(), must);
            left.verify();
            drop(shop);
            shop = Shop::new(bench.open());
        }
    }
    assert!(count(&bench, "member_swept") == must.len() as u64, "all were swept");
    assert!(texts.iter().all(|texts| *texts < 80), "texts go: {texts:?}");
    drop(shop);
    bench.verify();
}

fn count(bench: &Bench, table: &str) -> u64 {
    bench.sql().query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap()
}
