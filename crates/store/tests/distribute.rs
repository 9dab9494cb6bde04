//! Declaring our schema to Citus. There is none where these tests run: a real PostgreSQL with functions of the same names
//! and signatures in its place shows what is asked, in which order, and what is left where something is refused.
#![cfg(feature = "postgres")]

mod shop;

use std::time::{Duration, Instant};

use shop::several::{bring, open};
use shop::{Bench, small};
use store::postgres::distribute;
use testkit::postgres::{Postgres, ask};

/// Of 12.0: `pg_catalog.citus_schema_distribute(schemaname regnamespace) RETURNS void`. It notes down what it is asked.
const STAND_IN: &str = "SET allow_system_table_mods = on;
    INSERT INTO pg_extension VALUES (16000, 'citus', 10, 11, false, 'VERSION', NULL, NULL);
    CREATE TABLE public.told (schema TEXT, triggers TEXT);
    CREATE FUNCTION pg_catalog.citus_schema_distribute(schemaname regnamespace) RETURNS void STRICT LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO public.told VALUES (schemaname, current_setting('citus.enable_unsafe_triggers'));
            BODY
        END $$";

fn database(version: &str, body: &str) -> String {
    let url = Postgres::shared().database();
    ask(&url, &STAND_IN.replace("VERSION", version).replace("BODY", body)).unwrap();
    url
}

fn why(url: &str) -> String {
    distribute(url).unwrap_err().to_string()
}

#[test]
fn a_schema_is_declared_and_goes_on() {
    let url = database("12.1-1", "");
    let mut bench = Bench::with(small());
    bench.url = Some(format!("{url}?schema=North"));
    let mut shop = open(&bench);
    bring(&mut shop, &[(1, 0, 3)]);
    let north = bench.url.clone().unwrap();
    assert!(why(&north).contains("a process uses the database"));
    drop(shop);
    let begun = Instant::now();
    while distribute(&north).is_err_and(|e| e.to_string().contains("a process uses the database")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "its connections end");
    }
    assert_eq!(distribute(&north).as_deref(), Ok("North"), "as often as one likes");
    assert_eq!(ask(&url, "SELECT DISTINCT schema, triggers FROM told").unwrap(), "\"North\"|on");
    let left = "SELECT (SELECT count(*) FROM \"North\".member), (SELECT count(*) FROM \"North\".touched),
        (SELECT count(*) FROM \"North\".head WHERE holder = -1), (SELECT count(*) FROM \"North\".key WHERE key = -9223372036854775808)";
    assert_eq!(ask(&url, left).unwrap(), "1|1|0|0", "what was tried out is gone");
    let mut shop = open(&bench);
    bring(&mut shop, &[(1, 1, 3)]);
    assert_eq!(ask(&url, "SELECT next_pos FROM \"North\".head").unwrap(), "3");
}

#[test]
fn without_citus_or_with_an_older_one_it_says_so() {
    let plain = why(&format!("{}?schema=north", Postgres::shared().database()));
    assert!(plain.contains("no Citus"), "{plain}");
    let old = why(&format!("{}?schema=north", database("11.3-1", "")));
    assert!(old.contains("Citus 11.3-1") && old.contains("since 12.0"), "{old}");
    let public = why(&database("13.0-1", ""));
    assert!(public.contains("add ?schema=NAME"), "{public}");
}

/// Of a table of its own Citus refuses some statements that PostgreSQL knows: found out before anything relies on it.
#[test]
fn where_batches_could_not_be_written_nothing_is_changed() {
    let refuses =
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE feature_not_supported USING
            MESSAGE = ''functions used in UPDATE queries on distributed tables must not be VOLATILE''; END';
        CREATE TRIGGER no BEFORE UPDATE ON head EXECUTE FUNCTION no();";
    let url = format!("{}?schema=north", database("12.1-1", refuses));
    let why = why(&url);
    assert!(why.contains("does not do what a batch asks") && why.contains("must not be VOLATILE"), "{why}");
    assert_eq!(ask(url.split('?').next().unwrap(), "SELECT count(*) FROM told").unwrap(), "0");
    let mut bench = Bench::with(small());
    bench.url = Some(url);
    bring(&mut open(&bench), &[(1, 0, 3)]);
}
