//! The contract when things break: crashes at any point, a full disk, a disk that fails.

mod shop;

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use shop::{Bench, Shop, small};
use store::{Options, StoreError};

/// The log alone decides what a crash leaves while no checkpoint runs: each of its prefixes is a crash.
#[test]
fn every_torn_log_opens_as_a_prefix_of_what_was_done() {
    let bench = Bench::with(Options { checkpoint_pages: usize::MAX, ..small() });
    let mut shop = Shop::new(bench.open());
    for n in 0..150 {
        shop.batch(&[(n % 4, 2 * n, 5), (n % 3, 2 * n + 1, 7)]);
    }
    shop.flush();
    let wal = std::fs::read(bench.dir.join("fealty.db-wal")).unwrap();
    let mut random = 0x9E37_79B9_u64;
    let mut rows = std::collections::BTreeSet::new();
    for round in 0..40 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let len = if round == 0 { 0 } else { (random >> 20) as usize % wal.len() };
        let torn = Bench::with(small());
        shop::copy(&bench.dir, &torn.dir);
        let mut left = wal[..len].to_vec();
        if round % 4 == 3 {
            // The last sector holds something else.
            let from = left.len().saturating_sub(512);
            left[from..].fill(0xA5);
        }
        std::fs::write(torn.dir.join("fealty.db-wal"), left).unwrap();
        let mut again = Shop::new(torn.open());
        let have = again.snapshot.next_pos - 1;
        assert!(have.is_multiple_of(2), "a batch is whole");
        rows.insert(have);
        for n in [0, have / 2, have.saturating_sub(1), have, have + 1] {
            assert_eq!(again.rows_of_event(n).len(), usize::from(n < have), "event {n} of {have}");
        }
        again.batch(&[(1, have, 1), (2, 0, 5)]);
        again.flush();
        drop(again);
        torn.verify();
    }
    assert!(rows.len() > 20, "many moments: {rows:?}");
}

const CHILD: &str = "FEALTY_STORE_CRASH_DIR";

/// Run as a process of its own, and killed: works until then, telling what it was promised.
#[test]
#[ignore = "started by the tests below"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let bench = std::mem::ManuallyDrop::new(Bench { dir: dir.into(), options: small(), url: None });
    let mut shop = Shop::new(match bench.try_open() {
        Ok(store) => store,
        Err(e) => stop(&e),
    });
    shop.failed = |e| stop(e);
    for n in shop.snapshot.next_pos - 1.. {
        shop.order(n % 7, n, 3);
        if n % 3 == 0 {
            for result in shop.results() {
                if let Err(e) = result {
                    stop(&e);
                }
            }
            // Straight to the pipe, past what the test harness would keep.
            use std::io::Write as _;
            writeln!(std::io::stderr(), "acked {n}").unwrap();
        }
    }
}

fn stop(e: &StoreError) -> ! {
    eprintln!("stopped {e:?}");
    std::process::exit(if e.must_stop() { 9 } else { 8 });
}

fn start(bench: &Bench, before: &[&str]) -> Child {
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let mut words: Vec<&str> = before.to_vec();
    words.extend([own, "--ignored", "--exact", "child", "--nocapture", "--test-threads=1"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env(CHILD, &bench.dir).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Reads until `acks` promises were heard or the child ends; answers the last event promised.
fn listen(child: &mut Child, acks: usize) -> (Option<u64>, String) {
    let (mut last, mut heard, mut rest) = (None, 0, String::new());
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        match line.strip_prefix("acked ") {
            Some(n) => {
                last = Some(n.parse().unwrap());
                heard += 1;
            }
            None => rest.push_str(&line),
        }
        if heard == acks {
            break;
        }
    }
    (last, rest)
}

#[test]
fn nothing_promised_is_lost_by_kill_9() {
    let bench = Bench::with(small());
    let mut promised = 0;
    for round in 0..12 {
        let mut child = start(&bench, &[]);
        let (last, _) = listen(&mut child, 3 + round * 5);
        child.kill().unwrap();
        child.wait().unwrap();
        promised = last.expect("it got somewhere").max(promised);
        let mut shop = Shop::new(bench.open());
        let have = shop.snapshot.next_pos - 1;
        assert!(have > promised, "{have} rows, {promised} was promised");
        assert_eq!(shop.rows_of_event(promised).len(), 1);
        assert!(shop.rows_of_event(have).is_empty());
        drop(shop);
        bench.verify();
    }
}

/// Said past the runner, which shows nothing of a test that passes; `cargo xtask test` repeats it at the end.
fn not_tested(what: &str) {
    let line = format!("not tested: {what}\n");
    let _no_terminal = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("FEALTY_NOT_TESTED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list of what was not tested");
    }
}

/// A sync that fails: nobody is told "done", nobody is told "not done", and the process stops.
#[test]
fn an_error_of_the_disk_stops_the_process() {
    if Command::new("strace").arg("-V").output().is_err() {
        return not_tested("an error of the disk: there is no strace here");
    }
    let mut stopped = 0;
    for when in [8, 12, 20, 35, 60] {
        let bench = Bench::with(small());
        drop(bench.open());
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={when}+");
        let null = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject];
        let mut child = start(&bench, &null);
        let (last, rest) = listen(&mut child, usize::MAX);
        let code = child.wait().unwrap().code();
        if rest.contains("ptrace") {
            return not_tested("an error of the disk: strace may not trace here");
        }
        assert_eq!(code, Some(9), "fsync {when}: {rest}");
        let mut shop = Shop::new(bench.open());
        if let Some(last) = last {
            assert_eq!(shop.rows_of_event(last).len(), 1, "event {last} was promised");
            stopped += 1;
        }
        drop(shop);
        bench.verify();
    }
    assert!(stopped > 0, "some were promised before");
}

/// A folder on a disk of its own; unmounted at the end.
struct Disk(Bench);

impl Disk {
    fn new(size: &str) -> Option<Disk> {
        let bench = Bench::with(small());
        std::fs::create_dir_all(&bench.dir).unwrap();
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&bench.dir).output();
        mount.is_ok_and(|out| out.status.success()).then(|| Disk(bench))
    }
}
impl Drop for Disk {
    fn drop(&mut self) {
        let _still_mounted = Command::new("umount").arg("-l").arg(&self.0.dir).status();
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let Some(disk) = Disk::new("2m") else {
        return not_tested("a full disk: a small one can be mounted by root only");
    };
    let mut shop = Shop::new(disk.0.open());
    let ballast = disk.0.dir.join("ballast");
    std::fs::write(&ballast, vec![1; 300_000]).unwrap();
    let mut promised = 0;
    let refused = loop {
        assert!(promised < 100_000, "it never got full");
        shop.order(promised % 7, promised, 3);
        match shop.results().remove(0) {
            Ok(()) => promised += 1,
            Err(why) => break why,
        }
    };
    assert!(matches!(&refused, StoreError::Unavailable(why) if why.contains("full")), "{refused}");
    assert!(!refused.must_stop());
    // Nothing more with the old snapshot; reads go on.
    assert!(shop.store.fetch(&mut shop.snapshot, &[]).is_err());
    assert_eq!(shop.reader.event_get(None, "e0").unwrap().len(), 1);
    // Still full: begins anew where the disk ends.
    shop.forget();
    shop.store.fetch(&mut shop.snapshot, &[]).unwrap();
    assert_eq!(shop.snapshot.next_pos, promised + 1);
    assert!(shop.rows_of_event(promised).is_empty(), "what failed is forgotten");
    let writes: Vec<_> = [promised, promised + 1].map(|n| shop.decide(vec![shop::order(1, n, 3)])).into();
    writes.into_iter().for_each(|write| shop.commit(write));
    let results = shop.results();
    // A checkpoint may have made room in the log by now: then it is durable, and else refused; nothing in between.
    assert!(results.iter().all(|r| matches!(r, Ok(()) | Err(StoreError::Unavailable(_)))), "{results:?}");
    // Room again: goes on as if nothing had been.
    std::fs::remove_file(&ballast).unwrap();
    shop.forget();
    for n in [promised, 0, promised + 1] {
        shop.order(n % 7, n, 3);
    }
    shop.flush();
    assert_eq!(shop.reader.stats().unwrap().rows, promised + 2);
    drop(shop);
    disk.0.verify();
}
