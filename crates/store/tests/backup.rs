//! Backups: one moment while others write, whole or not there, and back only as they were made.

mod shop;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use shop::{Bench, Shop, small};
use store::backup::{self, Done, Failed, Manifest, Partial, Phase};
use store::verify::verify;

fn back_up(bench: &Bench, to: &Path) -> Result<Done, Failed> {
    let partial = Partial::new(to)?;
    let mut quiet = |_: Phase, _, _| {};
    match backup::copy(&bench.dir, &partial, &mut quiet) {
        Ok(()) => partial.finish(true, &mut quiet),
        Err(why) => Err(partial.give_up(why)),
    }
}

fn restore(from: &Path, dir: &Path) -> Result<Done, Failed> {
    backup::restore(from, dir, &mut |_, _, _| {})
}

/// A folder that goes, for the backup and what is restored.
struct Aside(PathBuf);

impl Aside {
    fn of(bench: &Bench) -> Aside {
        let dir = bench.dir.with_extension("aside");
        let _left_behind = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Aside(dir)
    }
    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            names.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder with 300 rows, closed, and its backup.
fn backed_up() -> (Bench, Aside, PathBuf) {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    (0..300).for_each(|n| shop.order(n % 7, n, 10));
    shop.flush();
    drop(shop);
    let aside = Aside::of(&bench);
    let file = aside.at("b.db");
    back_up(&bench, &file).unwrap();
    (bench, aside, file)
}

#[test]
fn a_backup_is_one_moment_while_the_writer_goes_on() {
    let bench = Bench::with(small());
    let mut shop = Shop::new(bench.open());
    (0..500).for_each(|n| shop.order(n % 20, n, 10 + n as i64));
    shop.flush();
    let (aside, done) = (Aside::of(&bench), AtomicBool::new(false));
    let files: Vec<PathBuf> = (0..3).map(|n| aside.at(&format!("b{n}.db"))).collect();
    let made: Vec<Done> = std::thread::scope(|scope| {
        let backups = scope.spawn(|| {
            let made: Vec<_> = files.iter().map(|file| back_up(&bench, file)).collect();
            done.store(true, Ordering::Release);
            made.into_iter().map(Result::unwrap).collect()
        });
        // It is never kept waiting for the copies; they are never begun anew by it.
        let mut n = 500;
        while !done.load(Ordering::Acquire) {
            shop.order(n % 20, n, 10 + n as i64);
            n += 1;
        }
        shop.flush();
        backups.join().unwrap()
    });
    drop(shop);
    let sql = bench.sql();
    for (file, done) in files.iter().zip(&made) {
        let (manifest, report) = (done.manifest.as_ref().unwrap(), done.report.as_ref().unwrap());
        assert!(manifest.rows >= 500 && manifest.verified && report.is_clean());
        assert_eq!((manifest.rows, &manifest.head), (report.rows, &report.head));
        let select = "SELECT lower(hex(hash)) FROM journal WHERE pos = ?1";
        let there: String = sql.query_row(select, [manifest.rows], |r| r.get(0)).unwrap();
        assert_eq!(there, manifest.head, "what came before the moment, and nothing after it");
        assert_eq!(Manifest::read(file).unwrap().as_ref(), Some(manifest));
        assert_eq!(std::fs::metadata(file).unwrap().len(), manifest.bytes);
    }
    assert_eq!(aside.names(), ["b0.db", "b0.db.json", "b1.db", "b1.db.json", "b2.db", "b2.db.json"]);
    let last = verify(&bench.dir, &mut |_, _| {}).unwrap();
    assert!(last.is_clean() && last.rows > made[2].manifest.as_ref().unwrap().rows);
}

#[test]
fn what_is_restored_goes_on_as_if_nothing_had_been() {
    let (bench, aside, file) = backed_up();
    let to = aside.at("data");
    let done = restore(&file, &to).unwrap();
    assert_eq!(done.report.unwrap().rows, 300);
    let restored = Bench { dir: to, options: small(), url: None };
    let mut shop = Shop::new(restored.open());
    let before = shop.members();
    assert_eq!(before, Shop::new(bench.open()).members());
    // An event that came before is known; a new one counts.
    shop.order(3, 3, 10);
    assert_eq!(shop.members(), before);
    shop.order(3, 300, 10);
    shop.flush();
    drop(shop);
    assert_eq!(restored.verify().rows, 301);
    assert_eq!(
        restored.sql().query_row("PRAGMA journal_mode", [], |r| r.get::<_, String>(0)).unwrap(),
        "wal"
    );
}

fn not_whole(failed: Result<Done, Failed>) -> String {
    match failed {
        Err(Failed::NotWhole(why)) => why,
        Err(Failed::Breaches(report)) => report.breaches[0].what.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_backup_that_is_not_as_it_was_made_is_refused_and_leaves_nothing() {
    let (_bench, aside, file) = backed_up();
    let (bytes, to) = (std::fs::read(&file).unwrap(), aside.at("data"));
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let why = not_whole(restore(&file, &to));
        let left: Vec<_> = std::fs::read_dir(&to).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["fealty.lock"], "{why}");
        why
    };
    for cut in [0, 1, 100, 4096, bytes.len() / 2, bytes.len() - 1] {
        assert!(refused(&bytes[..cut]).contains("bytes"), "{cut}");
    }
    let mut flipped = bytes.clone();
    for at in (0..bytes.len()).step_by(bytes.len() / 50) {
        flipped[at] ^= 1;
        assert!(refused(&flipped).contains("SHA-256"), "{at}");
        flipped[at] ^= 1;
    }
    // Without its manifest, what is in it must add up: half a file does not, nor does a word that was changed, nor what
    // was never one.
    std::fs::remove_file(Manifest::path(&file)).unwrap();
    for cut in [0, 1, 100, 4096, bytes.len() / 2, bytes.len() - 4096] {
        refused(&bytes[..cut]);
    }
    // Trees that grew leave words behind where nothing is any more: all of them are changed.
    let places = bytes.windows(6).enumerate().filter(|(_, word)| word == b"\"e150\"");
    places.for_each(|(at, _)| flipped[at + 1] ^= 1);
    assert_ne!(flipped, bytes);
    refused(&flipped);
    refused(b"SQLite format 3\0 and nothing more");
    let other = rusqlite::Connection::open(aside.at("other.db")).unwrap();
    other.execute_batch("CREATE TABLE journal (pos INTEGER PRIMARY KEY, hash BLOB)").unwrap();
    drop(other);
    let why = refused(&std::fs::read(aside.at("other.db")).unwrap());
    assert!(why.contains("no database of Fealty"), "{why}");
    // Whole again, it is taken.
    std::fs::write(&file, &bytes).unwrap();
    assert!(restore(&file, &to).unwrap().manifest.is_none());
}

#[test]
fn a_manifest_of_another_backup_is_no_manifest() {
    let (bench, aside, file) = backed_up();
    let mut shop = Shop::new(bench.open());
    shop.order(1, 300, 10);
    shop.flush();
    drop(shop);
    let later = aside.at("later.db");
    back_up(&bench, &later).unwrap();
    std::fs::copy(Manifest::path(&later), Manifest::path(&file)).unwrap();
    not_whole(restore(&file, &aside.at("data")));
    std::fs::write(Manifest::path(&file), "{}").unwrap();
    assert!(not_whole(restore(&file, &aside.at("data"))).contains("b.db.json"));
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let (bench, aside, file) = backed_up();
    let taken = |failed: Result<Done, Failed>| match failed {
        Err(Failed::Taken(path)) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(taken(back_up(&bench, &file)), file);
    assert_eq!(taken(restore(&file, &bench.dir)), bench.dir.join(store::FILE));
    // The log of data that are gone would be laid over what is restored.
    let to = aside.at("data");
    std::fs::create_dir_all(&to).unwrap();
    let log = to.join(format!("{}-wal", store::FILE));
    std::fs::write(&log, "old").unwrap();
    assert_eq!(taken(restore(&file, &to)), log);
    std::fs::remove_file(&log).unwrap();
    // What was broken off before is no obstacle; a server in the folder is.
    let left = to.join(format!("{}.restoring", store::FILE));
    std::fs::write(&left, vec![7; 1 << 20]).unwrap();
    std::fs::write(aside.at("new.db.partial"), vec![7; 1 << 22]).unwrap();
    back_up(&bench, &aside.at("new.db")).unwrap();
    restore(&aside.at("new.db"), &to).unwrap();
    assert!(!left.exists());
    let open = bench.open();
    assert!(matches!(restore(&file, &bench.dir), Err(Failed::Store(_))));
    drop(open);
}

#[test]
fn data_that_do_not_add_up_are_not_backed_up_as_if_they_did() {
    let (bench, aside, _file) = backed_up();
    let sql = bench.sql();
    assert_eq!(sql.execute("UPDATE identity SET member = member % 7 + 1", []).unwrap(), 7);
    drop(sql);
    let to = aside.at("bad.db");
    assert!(matches!(back_up(&bench, &to), Err(Failed::Breaches(_))));
    assert!(!aside.names().iter().any(|name| name.starts_with("bad")), "{:?}", aside.names());
    let partial = Partial::new(&to).unwrap();
    backup::copy(&bench.dir, &partial, &mut |_, _, _| {}).unwrap();
    let done = partial.finish(false, &mut |_, _, _| {}).unwrap();
    assert!(!done.manifest.unwrap().verified, "as it is, for those who look into it");
    not_whole(restore(&to, &aside.at("data")));
}
