//! Our schema as one of Citus's distributed schemas: all of an installation's tables on one node of a cluster, beside
//! those of other installations on other nodes.
//!
//! Invariant: it is declared, and has done there what batches do, or nothing is changed.
//! Not here: Citus itself. This was not run on it; see docs/scaling.md.

use domain::batch::Batch;
use domain::snapshot::Snapshot;

use super::connect::{Conn, IN_USE, Use};
use super::rows::Copy;
use super::shared::Shared;
use super::statement::{Statement, given};
use super::{enter, head};
use crate::flight::Flight;
use crate::{StoreError, Write};

/// The oldest that has schemas as shards.
const VERSION_MIN: u32 = 12;

const KNOWN: &str =
    "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus'), current_schema()::TEXT,
    to_regprocedure('pg_catalog.citus_schema_distribute(regnamespace)') IS NOT NULL";

/// Brings the tables up to date and declares their schema to Citus. Answers its name.
pub fn distribute(url: &str) -> Result<String, StoreError> {
    let door = enter(url)?;
    let conn = door.connect(Use::Migrate)?;
    let schema = may_be(&conn)?;
    // Nobody has this number.
    let shared = Shared::new(door, schema.clone(), -1, (0, [0; 32]));
    conn.begin("BEGIN")?;
    let alone = conn.query(&format!("SELECT pg_try_advisory_xact_lock({IN_USE})"), &[])?;
    if !alone.first().is_some_and(|row| row.get(0)) {
        return no("a process uses the database: stop it first");
    }
    // The triggers ask nothing but tables of the same schema, which are on the same node.
    conn.run("SET LOCAL citus.enable_unsafe_triggers = on")?;
    conn.run("SELECT pg_catalog.citus_schema_distribute(quote_ident(current_schema())::REGNAMESPACE)")
        .map_err(|why| refused("Citus does not distribute the schema", &why))?;
    conn.run("SAVEPOINT declared")?;
    try_out(&conn, &shared)
        .map_err(|why| refused("Citus does not do what a batch asks of these tables", &why))?;
    conn.run("ROLLBACK TO declared")?;
    conn.commit()?;
    Ok(schema)
}

fn may_be(conn: &Conn) -> Result<String, StoreError> {
    let row = conn.query(KNOWN, &[])?.pop();
    let row = row.ok_or_else(|| StoreError::Corrupt("nothing is answered".into()))?;
    let Some(version) = row.get::<_, Option<&str>>(0) else {
        return no(
            "this database has no Citus: CREATE EXTENSION citus on all nodes, or leave out --distributed",
        );
    };
    let major = version.split(['.', '-']).next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < VERSION_MIN || !row.get::<_, bool>(2) {
        return no(&format!("this is Citus {version}; schemas are distributed since {VERSION_MIN}.0"));
    }
    let schema = row.get::<_, Option<String>>(1).unwrap_or_default();
    if schema == "public" {
        return no(
            "the tables are in the schema `public`, which Citus does not distribute: add ?schema=NAME to the url",
        );
    }
    Ok(schema)
}

/// What every turn and every batch does, with rows that nobody sees.
fn try_out(conn: &Conn, shared: &Shared) -> Result<(), StoreError> {
    conn.run("UPDATE head SET until_ms = 0")?;
    let (me, channel, lease_ms) = (shared.me, &shared.channel, 1_000);
    let Some((seen, _)) = head::take(conn, me, lease_ms)? else {
        return Err(StoreError::Unavailable("the head is not given".into()));
    };
    head::confirm(conn)?;
    head::ask(conn, channel, seen.fence)?;
    // A few are written in one statement, more by COPY.
    let flight = Flight::new(Write::of(&Snapshot::default(), Batch::default(), Vec::new(), 0), seen.next_pos);
    for _ in 0..2 {
        let mut batch = Statement::new(shared, seen.fence, lease_ms, &flight, None);
        let put = "INSERT INTO member SELECT r.* FROM gone_on, unnest($1::BIGINT[], $2::TEXT[], $3::BIGINT[]) r(no, image, due_ms)
            ON CONFLICT (no) DO UPDATE SET image = excluded.image, due_ms = excluded.due_ms";
        batch.add("states", put, given![vec![i64::MAX], vec!["{}"], vec![None::<i64>]]);
        if batch.run(conn)?.is_none() {
            return Err(StoreError::Unavailable("the head does not go on".into()));
        }
    }
    let mut keys = Copy::of(2);
    keys.row();
    keys.int(Some(i64::MIN));
    keys.int(Some(1));
    keys.send(conn, "COPY key FROM STDIN BINARY")?;
    head::give_up(conn, channel, me, seen.fence)?;
    head::look(conn).map(|_| ())
}

fn refused(what: &str, why: &StoreError) -> StoreError {
    StoreError::Unavailable(format!("{what}, and nothing was changed: {why}"))
}

fn no<T>(why: &str) -> Result<T, StoreError> {
    Err(StoreError::Unavailable(why.into()))
}
