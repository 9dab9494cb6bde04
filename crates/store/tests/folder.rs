//! What is true of a file only: who may have it, and what is no file of ours.

mod shop;

use shop::{Bench, Shop};

#[test]
fn a_folder_has_one_writer() {
    let bench = Bench::new();
    let shop = Shop::new(bench.open());
    let Err(refused) = bench.try_open() else { panic!("opened twice") };
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    drop(shop);
    bench.open();
}

#[test]
fn a_newer_schema_is_refused_with_words() {
    let bench = Bench::new();
    drop(bench.open());
    bench.sql().execute("INSERT INTO migration VALUES (1000, '9999_future', x'00')", []).unwrap();
    let Err(refused) = bench.try_open() else { panic!("opened") };
    assert!(refused.to_string().contains("newer Fealty"), "{refused}");
}

#[test]
fn something_else_is_no_database() {
    let bench = Bench::new();
    std::fs::create_dir_all(&bench.dir).unwrap();
    std::fs::write(bench.dir.join(store::FILE), b"not a database, but long enough to be looked at").unwrap();
    let Err(refused) = bench.try_open() else { panic!("opened") };
    assert!(refused.must_stop() && refused.to_string().contains("no database of Fealty"), "{refused}");
}
