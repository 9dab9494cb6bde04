//! How a PostgreSQL database is entered: tables are made once whoever starts, and what would not be durable is refused.
#![cfg(feature = "postgres")]

use store::postgres::{Use, enter as open};
use testkit::postgres::Postgres;

#[test]
fn several_processes_that_start_at_once_make_the_tables_once() {
    let url = Postgres::shared().database();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn({
                let url = url.clone();
                move || open(&url)
            })
        })
        .collect();
    starts.into_iter().for_each(|start| assert!(start.join().unwrap().is_ok()));
    let conn = open(&url).unwrap().connect(Use::Read).unwrap();
    let rows = conn
        .query("SELECT count(*), (SELECT length(value) FROM meta WHERE name = 'secret') FROM migration", &[]);
    let rows = rows.unwrap();
    assert_eq!((rows[0].get::<_, i64>(0), rows[0].get::<_, i32>(1)), (2, 48));
}

/// An erasure asks for each of a member's rows.
#[test]
fn the_quarantine_is_asked_by_an_index() {
    let url = Postgres::shared().database();
    let conn = open(&url).unwrap().connect(Use::Write).unwrap();
    conn.run("PREPARE of_row AS DELETE FROM quarantine WHERE pos = $1").unwrap();
    let plan = conn.query("EXPLAIN EXECUTE of_row(5)", &[]).unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|step| step.contains("quarantine_of")), "{plan:?}");
}

#[test]
fn installations_share_a_database_by_schemas() {
    let url = Postgres::shared().database();
    let secret = |schema: &str| {
        let conn = open(&format!("{url}?schema={schema}")).unwrap().connect(Use::Read).unwrap();
        conn.query("SELECT value FROM meta", &[]).unwrap()[0].get::<_, Vec<u8>>(0)
    };
    let (north, south) = (secret("north"), secret("So%22uth"));
    assert_ne!(north, south);
    assert_eq!(secret("north"), north);
}

#[test]
fn a_server_that_would_lose_what_it_confirmed_is_refused() {
    let server = Postgres::start().unwrap();
    let url = server.database();
    for setting in ["synchronous_commit", "fsync", "full_page_writes"] {
        server.sql("postgres", &format!("ALTER SYSTEM SET {setting} = off")).unwrap();
        server.sql("postgres", "SELECT pg_reload_conf()").unwrap();
        let refused = loop {
            match open(&url) {
                Err(refused) => break refused.to_string(),
                // It reads its settings when it gets to it.
                Ok(_) => std::thread::yield_now(),
            }
        };
        assert!(refused.contains(setting) && refused.contains("= on"), "{refused}");
        server.sql("postgres", &format!("ALTER SYSTEM RESET {setting}")).unwrap();
        server.sql("postgres", "SELECT pg_reload_conf()").unwrap();
        while open(&url).is_err() {
            std::thread::yield_now();
        }
    }
    server.kill();
    let refused = open(&url).err().unwrap().to_string();
    assert!(refused.contains("cannot connect to postgres://127.0.0.1"), "{refused}");
    server.again();
    open(&url).unwrap();
}

#[test]
fn tables_of_others_are_refused() {
    let server = Postgres::shared();
    let url = server.database();
    open(&url).unwrap();
    let name = url.rsplit('/').next().unwrap();
    server.sql(name, "INSERT INTO migration VALUES (1000, '9999_future', '')").unwrap();
    let refused = open(&url).err().unwrap().to_string();
    assert!(refused.contains("newer Fealty"), "{refused}");
    server.sql(name, "DELETE FROM migration WHERE no = 1000; UPDATE migration SET checksum = 'x'").unwrap();
    assert!(open(&url).err().unwrap().must_stop());
}

#[test]
fn who_answers_is_asked_as_far_as_the_url_says() {
    let server = Postgres::start().unwrap();
    let url = server.database().replace("127.0.0.1", "localhost");
    let encrypted = |url: &str| {
        let conn = open(url)?.connect(Use::Read)?;
        let row = conn.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])?.pop();
        Ok::<_, store::StoreError>(row.unwrap().get::<_, bool>(0))
    };
    assert_eq!(encrypted(&url), Ok(false), "it does not speak TLS, and it is only preferred");
    for mode in ["require", "verify-full"] {
        let refused = encrypted(&format!("{url}?sslmode={mode}")).unwrap_err().to_string();
        assert!(refused.contains("TLS"), "{mode}: {refused}");
    }
    let root = server.encrypt();
    let root = root.display();
    assert_eq!(encrypted(&format!("{url}?sslmode=disable")), Ok(false));
    assert_eq!(encrypted(&url), Ok(true));
    assert_eq!(encrypted(&format!("{url}?sslmode=require")), Ok(true));
    assert_eq!(encrypted(&format!("{url}?sslmode=verify-full&sslrootcert={root}")), Ok(true));
    let stranger = encrypted(&format!("{url}?sslmode=verify-full")).unwrap_err().to_string();
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    let numbered = url.replace("localhost", "127.0.0.1");
    let other =
        encrypted(&format!("{numbered}?sslmode=verify-full&sslrootcert={root}")).unwrap_err().to_string();
    assert!(other.contains("not valid for name"), "{other}");
}
