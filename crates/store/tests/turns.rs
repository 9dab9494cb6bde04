//! Several processes on one PostgreSQL: they take turns, know what the others did, and whoever was overtaken commits
//! nothing. Each store here is what one process has.
#![cfg(feature = "postgres")]

mod shop;

use std::time::{Duration, Instant};

use domain::snapshot::{Snapshot, Want};
use shop::several::{bring, check, open};
use shop::{Bench, identity, small};
use store::postgres::{Use, enter, head};
use store::{Options, StoreError, Write};
use testkit::postgres::Postgres;

fn bench(lease_ms: i64) -> Bench {
    Bench::of(Postgres::shared(), Options { lease_ms, ..small() })
}

#[test]
fn two_take_turns_and_each_knows_what_the_other_did() {
    let bench = bench(5_000);
    let (mut one, mut other) = (open(&bench), open(&bench));
    for n in 0..20 {
        let (now, then) = if n % 2 == 0 { (&mut one, &mut other) } else { (&mut other, &mut one) };
        // The same event reaches both, and a customer comes to either.
        bring(now, &[(n % 3, n, 10)]);
        now.store.rest();
        bring(then, &[(n % 3, n, 10), (n % 3, 100 + n, 1)]);
        then.store.rest();
    }
    let mut snapshot = Snapshot::default();
    one.store.fetch(&mut snapshot, &[Want::Identity(identity("email:0@x"))]).unwrap();
    assert_eq!(snapshot.next_pos, 41);
    assert_eq!(one.reader.stats().unwrap().rows, 40, "it heard of what the other committed last, or looked");
    check(&bench, 40);
}

#[test]
fn who_waits_is_let_in_at_once_by_one_who_rests() {
    let bench = bench(60_000);
    let (mut one, mut other) = (open(&bench), open(&bench));
    bring(&mut one, &[(1, 0, 1)]);
    one.store.rest();
    let begun = Instant::now();
    bring(&mut other, &[(1, 1, 1)]);
    assert!(begun.elapsed() < Duration::from_secs(5), "not after the lease of a minute");
    drop(other);
    let begun = Instant::now();
    bring(&mut one, &[(1, 2, 1)]);
    assert!(begun.elapsed() < Duration::from_secs(5), "who leaves gives it up");
    check(&bench, 3);
}

#[test]
fn many_at_once_lose_nothing_and_count_nothing_twice() {
    let bench = bench(5_000);
    std::thread::scope(|scope| {
        for process in 0..4_u64 {
            let bench = &bench;
            scope.spawn(move || {
                let mut shop = open(bench);
                for n in 0..25 {
                    // Every event reaches two of them.
                    let event = (process / 2) * 1000 + n;
                    bring(&mut shop, &[(event % 5, event, 7), (event % 7, 500 + event, 1)]);
                }
                shop.store.rest();
            });
        }
    });
    check(&bench, 100);
}

#[test]
fn whoever_was_overtaken_commits_nothing() {
    let bench = bench(300);
    let (mut one, mut other) = (open(&bench), open(&bench));
    bring(&mut one, &[(1, 0, 10)]);
    // Decided, and then the process stands still for longer than its lease.
    let late: Vec<Write> = [1, 2].map(|n| one.decide(vec![shop::order(1, n, 10)])).into();
    bring(&mut other, &[(1, 1, 5), (2, 3, 5)]);
    late.into_iter().for_each(|write| one.commit(write));
    let results = one.results();
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Unavailable(_)))), "{results:?}");
    // It begins anew, and knows that one of the two has been counted.
    one.forget();
    bring(&mut one, &[(1, 2, 10), (1, 3, 10)]);
    check(&bench, 4);
    assert_eq!(bench.text("SELECT string_agg(amount || '', ' ' ORDER BY pos) FROM transfers"), "10 5 5 10");
}

#[test]
fn what_others_did_is_told() {
    let bench = bench(5_000);
    let (mut one, mut other) = (open(&bench), open(&bench));
    bring(&mut one, &[(1, 0, 1), (2, 1, 1)]);
    one.store.rest();
    let mut write = {
        other.begin();
        other.decide(vec![shop::order(2, 2, 1), shop::order(3, 3, 1)])
    };
    write.due_ms = vec![Some(77), None];
    write.budgets = vec![("rules.base#0".into(), vec![(0, 5)])];
    other.commit(write);
    other.flush();
    other.store.rest();
    assert_eq!(other.store.admin().program_version_put([1; 32], "a", "key:1", 5), Ok(1));
    let before = one.snapshot.members.len();
    let news = one.store.look(&mut one.snapshot).unwrap();
    assert_eq!(
        (news.members.clone(), news.settings, news.pos),
        (vec![(2, Some(77)), (3, None)], Some((1, 0)), Some(4))
    );
    assert_eq!(
        (one.snapshot.members.len(), one.snapshot.next_pos, one.snapshot.next_member),
        (before - 1, 5, 4)
    );
    assert_eq!(one.snapshot.budgets["rules.base#0"], [(0, 5)]);
    let news = one.store.begin(&mut one.snapshot).unwrap();
    assert_eq!((news.members, news.settings, news.pos), (vec![], Some((1, 0)), None), "once");
}

#[test]
fn who_was_overtaken_while_it_rested_or_read_hears_of_it() {
    let bench = bench(300);
    let (mut one, mut other) = (open(&bench), open(&bench));
    bring(&mut one, &[(1, 0, 10)]);
    // Nobody heard it give up its turn: the other waits until the lease ends.
    bring(&mut other, &[(1, 1, 5)]);
    let news = one.store.look(&mut one.snapshot).unwrap();
    assert_eq!((news.members, news.pos), (vec![(1, None)], Some(2)));
    one.begin();
    bring(&mut other, &[(1, 2, 5)]);
    // What it would read now is of another moment than what it has.
    let read = one.store.fetch(&mut one.snapshot, &[Want::Member(1)]);
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    one.forget();
    bring(&mut one, &[(1, 3, 1)]);
    check(&bench, 4);
}

/// Free is not settled: whoever left may not have known what became of his last commit.
#[test]
fn after_one_who_left_the_next_one_makes_sure() {
    let conn = enter(&Postgres::shared().database()).unwrap().connect(Use::Write).unwrap();
    let take = |me| head::take(&conn, me, 60_000).unwrap().map(|(seen, settled)| (seen.fence, settled));
    let (first, _) = take(1).unwrap();
    assert!(take(2).is_none());
    head::leave(&conn, "x", 1).unwrap();
    assert_eq!(take(2), Some((first + 1, false)));
    head::give_up(&conn, "x", 2, first + 1).unwrap();
    assert_eq!(take(1), Some((first + 2, true)));
}

/// A batch on a slow disk is no reason to end its connection.
#[test]
fn who_works_in_a_transaction_is_not_put_out_of_it() {
    let url = Postgres::shared().database();
    let [works, other] = [(); 2].map(|()| enter(&url).unwrap().connect(Use::Write).unwrap());
    let work = "BEGIN; UPDATE head SET waiting = waiting; SELECT pg_sleep(4); COMMIT";
    std::thread::scope(|scope| {
        let working = scope.spawn(move || works.run(work));
        while !working.is_finished() {
            head::break_up(&other).unwrap();
        }
        assert_eq!(working.join().unwrap(), Ok(()));
    });
}

/// Stopped or cut off in the middle of a commit: its transaction would keep the head for as long as its connection lives.
#[test]
fn who_stands_still_in_a_transaction_is_put_out_of_it() {
    let bench = bench(300);
    let mut one = open(&bench);
    bring(&mut one, &[(1, 0, 10)]);
    let url = bench.url.as_ref().unwrap();
    let still = enter(url).unwrap().connect(Use::Write).unwrap();
    still
        .run("SET idle_in_transaction_session_timeout = 0; BEGIN; UPDATE head SET waiting = waiting")
        .unwrap();
    let mut other = open(&bench);
    bring(&mut other, &[(1, 1, 10)]);
    assert!(still.run("COMMIT").is_err());
    check(&bench, 2);
}
