//! What a user would write by hand: the same rows as Fealty's, one transaction an event, by `pgbench` with prepared
//! statements. It decides nothing: what it writes are the words of one row of Fealty's of average length.

use std::fmt::{Display, Formatter};
use std::path::PathBuf;
use std::process::Command;

use super::{Bench, Seen};
use crate::process;

/// The columns of Fealty's tables. Numbers are drawn from a sequence, so that nobody waits for anybody.
const TABLES: &str = "
    CREATE SEQUENCE pos CACHE 32;
    CREATE TABLE journal (pos BIGINT PRIMARY KEY, member BIGINT, prev BIGINT NOT NULL, now_ms BIGINT NOT NULL,
        again BIGINT, input TEXT, body_hash BYTEA, decided TEXT NOT NULL, hash BYTEA NOT NULL);
    CREATE TABLE member (no BIGINT PRIMARY KEY, image TEXT NOT NULL, due_ms BIGINT) WITH (fillfactor = 80);
    CREATE TABLE key (key BIGINT NOT NULL, pos BIGINT NOT NULL, PRIMARY KEY (key, pos));";

const DRAW: &str = "
\\set member random(1, :members)
\\set event random(1, 9223372036854775806)
\\set order random(1, 9223372036854775806)
";

/// Did it come before? Who is it? Then what came, how it is found again, and what the member has now.
const SEVEN: &str = "
BEGIN;
SELECT pos FROM key WHERE key = :event;
SELECT image FROM member WHERE no = :member FOR UPDATE;
INSERT INTO journal VALUES (nextval('pos'), :member, 0, 1790000000000, NULL, :input, decode(:digest, 'hex'), :decided, decode(:digest, 'hex'));
INSERT INTO key VALUES (:event, currval('pos')), (:order, currval('pos'));
UPDATE member SET image = :image WHERE no = :member;
END;
";

/// The same in one statement, which commits by itself.
const ONE: &str = "
WITH known AS (SELECT pos FROM key WHERE key = :event),
    who AS (SELECT no FROM member WHERE no = :member AND NOT EXISTS (SELECT 1 FROM known) FOR UPDATE),
    came AS (INSERT INTO journal SELECT nextval('pos'), no, 0, 1790000000000, NULL, :input, decode(:digest, 'hex'),
        :decided, decode(:digest, 'hex') FROM who RETURNING pos),
    found AS (INSERT INTO key SELECT k, pos FROM came, unnest(ARRAY[:event, :order]::BIGINT[]) k)
    UPDATE member SET image = :image WHERE no = (SELECT no FROM who);
";

pub struct Way {
    name: &'static str,
    script: String,
    clients: u32,
}

impl Display for Way {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "pgbench, {}, {} clients", self.name, self.clients)
    }
}

pub fn ways() -> Vec<Way> {
    let forms = [
        ("7 statements", format!("{DRAW}{SEVEN}")),
        ("the same pipelined", format!("{DRAW}\\startpipeline{SEVEN}\\endpipeline\n")),
        ("one statement", format!("{DRAW}{ONE}")),
    ];
    let with =
        |(name, script): (_, String)| [1, 8, 32].map(|clients| Way { name, script: script.clone(), clients });
    forms.into_iter().flat_map(with).collect()
}

/// One row's words.
pub struct ByHand {
    folder: PathBuf,
    members: u64,
    input: String,
    decided: String,
    image: String,
}

impl ByHand {
    /// As they are in that database.
    pub fn new(bench: &Bench<'_>, url: &str) -> ByHand {
        let ask = |sql: &str| testkit::postgres::ask(url, sql).unwrap_or_else(|why| panic!("{sql}: {why}"));
        let average = |column: &str, table: &str| {
            ask(&format!(
                "SELECT {column} FROM {table} ORDER BY abs(length({column}) - (SELECT avg(length({column})) FROM {table})) LIMIT 1"
            ))
        };
        let keys = ask("SELECT round((SELECT count(*) FROM key)::NUMERIC / count(*), 2) FROM journal");
        let words = ByHand {
            folder: process::fresh("pgbench"),
            members: bench.options.members,
            input: average("input", "journal"),
            decided: average("decided", "journal"),
            image: average("image", "member"),
        };
        let (input, decided, image) = (words.input.len(), words.decided.len(), words.image.len());
        println!(
            "a row has {input} bytes of input, {decided} of decision and {keys} keys; a member has {image}\n"
        );
        words
    }

    /// On a database of its own, with all members there.
    pub fn run(&self, bench: &Bench<'_>, way: &Way) -> Seen {
        let url = bench.server.database();
        let database = url.rsplit('/').next().expect("a url ends with its name");
        let members = "INSERT INTO member SELECT n, '', NULL FROM generate_series(1, :members) n"
            .replace("''", &format!("'{}'", self.image.replace('\'', "''")))
            .replace(":members", &self.members.to_string());
        bench.sql(database, TABLES);
        bench.sql(database, &members);
        bench.sql(database, "VACUUM ANALYZE");
        let script = self.folder.join("script.sql");
        std::fs::write(&script, &way.script).expect("can write");
        let mut pgbench =
            Command::new(testkit::postgres::programs().unwrap_or_else(|why| panic!("{why}")).join("pgbench"));
        let (clients, seconds) = (way.clients.to_string(), bench.options.seconds.to_string());
        pgbench.args(["-n", "-M", "prepared", "-j", "1", "-c", &clients, "-T", &seconds, "-f"]);
        pgbench.arg(&script);
        for (name, value) in [
            ("members", &self.members.to_string()),
            ("input", &self.input),
            ("decided", &self.decided),
            ("image", &self.image),
            ("digest", &"5a".repeat(32)),
        ] {
            pgbench.args(["-D", &format!("{name}={value}")]);
        }
        pgbench.arg(&url).stderr(std::process::Stdio::null());
        let before = bench.before();
        let (run, text) = process::watched_output(pgbench);
        let number = |before: &str| {
            let rest = text.split(before).nth(1).unwrap_or_default().trim_start();
            rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next().and_then(|n| n.parse::<f64>().ok())
        };
        let done = number("transactions actually processed:").expect("pgbench tells how many");
        let tps = number("tps =").expect("pgbench tells how fast");
        let seen = bench.seen(before, done, done / tps, run.cpu_seconds);
        bench.sql("postgres", &format!("DROP DATABASE {database}"));
        seen
    }
}
