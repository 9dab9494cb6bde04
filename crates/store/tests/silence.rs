//! A server that says nothing any more, with connections that stay open: whoever asks it hears so within seconds, and
//! goes on when it is back.
#![cfg(feature = "postgres")]

mod shop;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shop::several::{attempt, bring, check, open};
use shop::{Bench, small};
use store::StoreError;
use store::postgres::{Address, Door, Use};
use testkit::postgres::{Postgres, ask};

/// As long as nobody is to wait for longer than, with a machine that has other things to do.
const SOON: Duration = Duration::from_secs(30);

/// Between processes and their server. It swallows what it is told to, and keeps every connection open.
struct Wire {
    port: u16,
    /// All that anybody says.
    mute: Arc<AtomicBool>,
    /// The answer to the next COMMIT, and all that is said on that connection from then on.
    mute_commit: Arc<AtomicBool>,
}

impl Wire {
    fn to(port: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Wire {
            port: listener.local_addr().unwrap().port(),
            mute: Arc::default(),
            mute_commit: Arc::default(),
        };
        let (mute, mute_commit) = (wire.mute.clone(), wire.mute_commit.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
                let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                // Of this connection: it has swallowed something, so nothing more can be understood.
                let gone = Arc::new(AtomicBool::new(false));
                let (mute, mute_commit) = (mute.clone(), mute_commit.clone());
                let (there, back) = ((mute.clone(), gone.clone()), (mute, gone));
                std::thread::spawn(move || carry(client, server, there, Some(&mute_commit)));
                std::thread::spawn(move || carry(back_from, back_to, back, None));
            }
        });
        wire
    }
}

fn carry(
    mut from: TcpStream,
    mut to: TcpStream,
    (mute, gone): (Arc<AtomicBool>, Arc<AtomicBool>),
    mute_commit: Option<&AtomicBool>,
) {
    let mut buffer = [0; 65536];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let is_commit = || testkit::wire::is_commit(&buffer[..len]);
        let last = mute_commit.is_some_and(|last| is_commit() && last.swap(false, Ordering::Relaxed));
        let is_gone = if last {
            gone.swap(true, Ordering::Relaxed)
        } else {
            gone.fetch_or(mute.load(Ordering::Relaxed), Ordering::Relaxed) || mute.load(Ordering::Relaxed)
        };
        if !is_gone && to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A bench whose processes speak through the wire, and its url without it.
fn bench() -> (Bench, Wire, String) {
    let mut bench = Bench::of(Postgres::shared(), small());
    let direct = bench.url.take().unwrap();
    drop(store::Store::connect(&direct, &small()).unwrap());
    let wire = Wire::to(Postgres::shared().port);
    let port = Postgres::shared().port.to_string();
    bench.url = Some(format!("{}?sslmode=disable", direct.replace(&port, &wire.port.to_string())));
    (bench, wire, direct)
}

#[test]
fn a_silent_server_is_given_up_within_seconds() {
    let (mut bench, wire, direct) = bench();
    let mut shop = open(&bench);
    bring(&mut shop, &[(1, 0, 3)]);
    wire.mute.store(true, Ordering::Relaxed);
    // Who reads, who does something small and who decides, each on a connection of his own.
    let (reader, admin) = (shop.store.reader(), shop.store.admin());
    std::thread::scope(|scope| {
        let small: [Box<dyn Fn() -> Result<(), StoreError> + Send>; 2] = [
            Box::new(|| reader.api_key_list().map(|_| ())),
            Box::new(|| admin.program_version_put([1; 32], "a", "key:1", 5).map(|_| ())),
        ];
        for ask in small {
            scope.spawn(move || {
                let begun = Instant::now();
                let answer = ask();
                assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
                assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
            });
        }
        let begun = Instant::now();
        let answer = attempt(&mut shop, &[(1, 1, 3)]);
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    });
    wire.mute.store(false, Ordering::Relaxed);
    shop.forget();
    bring(&mut shop, &[(1, 1, 3)]);
    reader.api_key_list().unwrap();
    bench.url = Some(direct);
    check(&bench, 2);
}

#[test]
fn a_commit_whose_answer_is_swallowed_is_settled() {
    let (mut bench, wire, direct) = bench();
    let mut shop = open(&bench);
    bring(&mut shop, &[(1, 0, 3)]);
    wire.mute_commit.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    attempt(&mut shop, &[(1, 1, 3)]).unwrap();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert!(!wire.mute_commit.load(Ordering::Relaxed), "it was swallowed");
    bring(&mut shop, &[(1, 2, 3)]);
    bench.url = Some(direct);
    check(&bench, 3);
}

/// Of several hosts one that takes connections and says nothing is passed over, and asked last from then on.
#[test]
fn a_silent_host_is_passed_over() {
    let (mut bench, wire, direct) = bench();
    wire.mute.store(true, Ordering::Relaxed);
    let (mute, good) = (format!("127.0.0.1:{}", wire.port), format!("127.0.0.1:{}", Postgres::shared().port));
    bench.url = Some(format!("{}?sslmode=disable", direct.replace(&good, &format!("{mute},{good}"))));
    let begun = Instant::now();
    let mut shop = open(&bench);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    bring(&mut shop, &[(1, 0, 3)]);
    bench.url = Some(direct);
    check(&bench, 1);
}

/// Slow is not silent: it says to another connection that it works at it.
#[test]
fn a_server_that_works_for_long_is_waited_for() {
    let url = Postgres::shared().database();
    let conn = store::postgres::enter(&url).unwrap().connect(Use::Read).unwrap();
    let slept = conn.query("SELECT 1 FROM pg_sleep(8)", &[]).unwrap();
    assert_eq!(slept.len(), 1);
}

/// Nor is one that has no connection left for those who ask what it does.
#[test]
fn a_server_that_is_full_is_waited_for() {
    let server = Postgres::shared();
    server.sql("postgres", "CREATE ROLE alone LOGIN CONNECTION LIMIT 1").unwrap();
    let url = server.database().replace("fealty@", "alone@");
    let door = Door::new(Address::parse(&url).unwrap()).unwrap();
    let conn = door.connect(Use::Read).unwrap();
    assert!(door.connect(Use::Read).err().unwrap().to_string().contains("53300"));
    assert_eq!(conn.query("SELECT 1 FROM pg_sleep(8)", &[]).unwrap().len(), 1);
}

/// How long a session may do nothing or work is said by whoever has it.
#[test]
fn bounds_of_the_server_end_no_session() {
    let url = Postgres::shared().database();
    let base = url.rsplit('/').next().unwrap();
    ask(&url, &format!("ALTER DATABASE {base} SET idle_session_timeout = '1min'")).unwrap();
    let conn = Door::new(Address::parse(&url).unwrap()).unwrap().connect(Use::Read).unwrap();
    let set = "SELECT name FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout') AND setting <> '0'";
    assert!(conn.query(set, &[]).unwrap().is_empty());
}
