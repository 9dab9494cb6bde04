//! Members with many lots: pages lie beside their states, and whoever asks at whatever moment gets all of them, as they
//! then were.

mod shop;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::event::MemberNo;
use domain::member::Member;
use shop::{Bench, Shop, small};

type Held = BTreeMap<MemberNo, Vec<(u64, i64)>>;

fn held(member: &Member) -> Vec<(u64, i64)> {
    member.wallets[0].lots.iter().map(|lot| (lot.pos, lot.remaining)).collect()
}

/// What SQL says of each lot.
fn by_sql(bench: &Bench) -> Held {
    let all = "SELECT group_concat(line, ' ') FROM
        (SELECT member || ' ' || pos || ' ' || remaining AS line FROM lots ORDER BY member, pos) l";
    let all = bench.text(all);
    let mut numbers = all.split(' ').map(|number| number.parse::<i64>().unwrap());
    let mut held = Held::new();
    while let (Some(member), Some(pos), Some(remaining)) = (numbers.next(), numbers.next(), numbers.next()) {
        held.entry(member as u64).or_default().push((pos as u64, remaining));
    }
    held
}

/// What a decider who knows nothing is told.
fn anew(shop: &mut Shop) -> Held {
    shop.forget();
    shop.members();
    let mut snapshot = domain::snapshot::Snapshot::default();
    shop.store.fetch(&mut snapshot, &[]).unwrap();
    let wants: Vec<_> = (1..snapshot.next_member).map(domain::snapshot::Want::Member).collect();
    shop.store.fetch(&mut snapshot, &wants).unwrap();
    let pages = snapshot.pages_away();
    shop.store.fetch(&mut snapshot, &pages).unwrap();
    snapshot.members.into_iter().map(|(no, member)| (no, held(&member.unwrap()))).collect()
}

fn pages(bench: &Bench) -> u64 {
    bench.count("SELECT count(*) FROM lot_page")
}

#[test]
fn many_lots_are_all_there_for_everyone() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    let mut must = Held::new();
    // A server's commits take longer than a file's.
    let step = if bench.url.is_some() { 15 } else { 1 };
    let mut orders = Vec::new();
    for n in 0..1200 {
        // Of members with few lots and with many.
        let customer = if n % 4 == 0 { n / 4 % 50 } else { 50 + n % 2 };
        orders.extend([(customer, 2 * n, 1 + n as i64 % 5), (51, 2 * n + 1, 2)]);
        if (n + 1) % step == 0 {
            shop.batch(&std::mem::take(&mut orders));
        }
        if n % 150 == 149 {
            shop.flush();
            must = anew(&mut shop);
            assert_eq!(by_sql(&bench), must);
            let listed = shop.reader.member_list(None, 1000).unwrap().items;
            assert_eq!(listed.iter().map(|member| (member.no, held(member))).collect::<Held>(), must);
            assert!(
                must.iter().all(|(no, lots)| held(&shop.reader.member_get(*no).unwrap().unwrap()) == *lots)
            );
            if bench.url.is_none() {
                let left = Bench::with(small());
                shop::copy(&bench.dir, &left.dir);
                assert_eq!(anew(&mut Shop::new(left.open())), must);
                left.verify();
            }
        }
    }
    assert!(must.values().any(|lots| lots.len() > 1000) && must.values().any(|lots| lots.len() < 10));
    let rows = pages(&bench);
    assert!((20..60).contains(&rows), "{rows} pages: those before them go");
    drop(shop);
    bench.verify();
}

/// Those who only look never find a state without its pages, or with others.
#[test]
fn a_reader_beside_the_writer_sees_whole_members() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    shop.order(1, 0, 1);
    shop.flush();
    let (reader, stop) = (shop.reader.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let (mut looks, mut before) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let member = reader.member_get(1).unwrap().unwrap();
                let sum: i64 = held(&member).iter().map(|lot| lot.1).sum();
                // One change for each order, and that he came.
                let orders = member.changes as usize - 1;
                assert_eq!((sum, orders), (member.wallets[0].available, held(&member).len()));
                assert!(sum >= before, "time does not go back");
                (looks, before) = (looks + 1, sum);
            }
            looks
        });
        for n in 1..if bench.url.is_some() { 300 } else { 1500 } {
            shop.order(1, n, 1);
            if n % 20 == 0 {
                shop.flush();
            }
        }
        shop.flush();
        stop.store(true, Ordering::Relaxed);
        assert!(looks.join().unwrap() > 10);
    });
}

/// What a batch that failed would have stored is never spoken of.
#[test]
fn a_batch_that_fails_leaves_the_pages_as_they_were() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    for n in 0..300 {
        shop.order(1, n, 1);
    }
    shop.flush();
    let held = bench.hold();
    let commits: Vec<_> = (300..330).map(|n| (1, n, 1)).collect();
    shop.batch(&commits);
    assert!(shop.results()[0].is_err());
    drop(held);
    assert_eq!(anew(&mut shop)[&1].len(), 300);
    for n in 330..400 {
        shop.order(1, n, 1);
    }
    shop.flush();
    assert_eq!(anew(&mut shop)[&1].len(), 370);
    drop(shop);
    bench.verify();
}
