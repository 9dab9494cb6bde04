//! Erasure in what is stored: rows of an erased member keep their place, their event's name and what moved; what was
//! told of him goes. `redacted` keeps the digests that the chain of hashes was built on, so that it still verifies.
//!
//! It begins in the transaction of the row that says so and goes on in slices, between which others' batches are written;
//! what is left is kept in `erasing`, so that a restart goes on with it.
//!
//! Invariant: no row is changed that is not in `redacted`; of a member in `erasing` the newest rows are erased first.
//! Not here: unused pages and the write-ahead log, which hold old bytes until they are written over.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use domain::batch::Erasure;
use domain::event::{CLOCK_SOURCE, MemberNo, RESERVED};
use domain::identity::Identity;
use domain::outcome::Decision;
use domain::own::PART;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::StoreError;
use crate::db::{Db, Row, values};
use crate::sqlite::form::digest;
use crate::sqlite::{form, store_error, sweep};

/// Rows after an event among which those lie that it made. Long runs of what is due may follow, which is not its doing.
const FOLLOWING_MAX: u64 = 256;

/// So long a slice may take, so that others' batches do not wait for more.
const SLICE: Duration = Duration::from_millis(20);

/// What a row says by which a member takes over all that another was.
const TAKES_OVER: &str = "fealty.takes_over";

/// A row as it lies there.
struct Stored {
    member: Option<MemberNo>,
    prev: u64,
    again: Option<u64>,
    input: Option<String>,
    decided: String,
}

/// What is still to be erased of one member, as it is stored.
#[derive(Serialize, Deserialize)]
struct Rest {
    /// Of each of his numbers the row that comes next, newest first.
    rows: Vec<u64>,
    numbers: Vec<MemberNo>,
    names: Vec<Identity>,
}

/// Within the transaction of the batch that says so, after its rows are written: from now on it goes `on`.
pub fn erase(db: Db<'_>, erasure: &Erasure) -> Result<(), StoreError> {
    let named = format!("DELETE FROM quarantine WHERE {}", db.holds("body", "?1"));
    for name in &erasure.names {
        db.execute(&named, values![written(name).as_bytes()])?;
    }
    let (numbers, rows) = erasure.histories.iter().copied().unzip();
    keep(db, erasure.pos, &Rest { rows, numbers, names: erasure.names.clone() })
}

/// So many more rows at most, and at least one. False: nothing is left to be erased.
pub fn on(db: Db<'_>, most: usize) -> Result<bool, StoreError> {
    let (mut done, begun) = (0, Instant::now());
    let goes_on = |done| done < most && (done == 0 || begun.elapsed() < SLICE);
    while let Some((by, mut rest)) = first(db)? {
        if !goes_on(done) {
            return Ok(true);
        }
        while goes_on(done)
            && let Some(pos) = rest.rows.pop()
        {
            let Some(row) = get(db, pos)? else { continue };
            erase_row(db, pos, &row, (by, &rest))?;
            rest.rows.push(row.prev);
            done += 1;
        }
        keep(db, by, &rest)?;
    }
    Ok(false)
}

fn first(db: Db<'_>) -> Result<Option<(u64, Rest)>, StoreError> {
    db.one("SELECT by, rest FROM erasing ORDER BY by LIMIT 1", &[], |r| {
        let by = r.get(0)?;
        Ok((by, form::from_json(&r.get::<String>(1)?, || format!("what is left to be erased by row {by}"))?))
    })
}

fn keep(db: Db<'_>, by: u64, rest: &Rest) -> Result<(), StoreError> {
    if rest.rows.is_empty() {
        db.execute("DELETE FROM erasing WHERE by = ?1", values![by])?;
        return Ok(());
    }
    let text = serde_json::to_string(rest).expect("numbers and names are JSON");
    let put = "INSERT INTO erasing VALUES (?1, ?2) ON CONFLICT (by) DO UPDATE SET rest = excluded.rest";
    db.execute(put, values![by, text]).map(|_| ())
}

/// A row of his, those where it waited, and those of others that repeat it.
fn erase_row(db: Db<'_>, pos: u64, row: &Stored, (by, rest): (u64, &Rest)) -> Result<(), StoreError> {
    let mut own = vec![pos];
    let mut waited = row.again;
    while let Some(at) = waited {
        own.push(at);
        waited = get(db, at)?.and_then(|row| row.again);
    }
    let mut told = BTreeSet::new();
    for pos in &own {
        told_to_others(db, *pos, (by, &rest.numbers), &mut told)?;
        if let Some(other) = told_while_one(db, *pos, &rest.names, &mut told)? {
            forget(db, other)?;
        }
    }
    for pos in &own {
        redact(db, *pos, by, bare_decision)?;
    }
    for pos in &told {
        redact(db, *pos, by, |decided| without(decided, &rest.names))?;
    }
    for pos in own.iter().chain(&told) {
        db.execute("DELETE FROM raw WHERE pos = ?1", values![*pos])?;
        db.execute("DELETE FROM quarantine WHERE pos = ?1", values![*pos])?;
    }
    Ok(())
}

/// What still holds an earlier state of this member gets the newest.
fn forget(db: Db<'_>, no: MemberNo) -> Result<(), StoreError> {
    match db {
        Db::Sqlite(conn) => {
            let image = db.one("SELECT image FROM member WHERE no = ?1", values![no], |r| r.get(0))?;
            sweep::forget_states(conn, &[no], |_| image.clone()).map_err(|e| store_error(&e))
        }
        // There is one state of each, the newest.
        #[cfg(feature = "postgres")]
        Db::Postgres(_) => Ok(()),
    }
}

/// How a name shows in a text. A card's number may stand in any body by chance; an address does not.
fn written(name: &Identity) -> &str {
    let value = name.as_str().split_once(':').map_or(name.as_str(), |(_, value)| value);
    if value.contains(['@', '+']) { value } else { name.as_str() }
}

/// Rows of other members that were made of this one and say what was in its event: those of a referrer. They come right
/// after it and are named by it.
fn told_to_others(
    db: Db<'_>,
    pos: u64,
    (by, numbers): (u64, &[MemberNo]),
    told: &mut BTreeSet<u64>,
) -> Result<(), StoreError> {
    let mut from = vec![pos];
    for at in pos + 1..by.min(pos + 1 + FOLLOWING_MAX) {
        let Some(row) = get(db, at)? else { break };
        if row.again.is_some() {
            continue;
        }
        let input: Value = serde_json::from_str(row.input.as_deref().unwrap_or_default()).unwrap_or_default();
        if input["source"] != CLOCK_SOURCE {
            break;
        }
        let cause =
            input["id"].as_str().and_then(|id| id.split_once('.')).and_then(|(pos, _)| pos.parse().ok());
        let kind = input["data"]["type"].as_str().unwrap_or(RESERVED);
        if cause.is_some_and(|cause| from.contains(&cause)) {
            from.push(at);
            let says = !kind.starts_with(RESERVED) || kind == TAKES_OVER;
            if says && !row.member.is_some_and(|no| numbers.contains(&no)) {
                told.insert(at);
            }
        }
    }
    Ok(())
}

/// Where the row at `pos` parted him from one who had absorbed him: rows of that one which name him, since the merge; and
/// who that is.
fn told_while_one(
    db: Db<'_>,
    pos: u64,
    names: &[Identity],
    told: &mut BTreeSet<u64>,
) -> Result<Option<MemberNo>, StoreError> {
    let Some(row) = get(db, pos)? else { return Ok(None) };
    let input: Value = match &row.input {
        Some(input) if input.contains(PART) => serde_json::from_str(input).unwrap_or_default(),
        _ => return Ok(None),
    };
    let cause = input["id"].as_str().filter(|_| input["type"] == PART).and_then(|id| id.split_once('.'));
    let (mut at, mut who) = (cause.and_then(|(pos, _)| pos.parse().ok()).unwrap_or(0), None);
    while let Some(other) = get(db, at)?.filter(|_| at > row.prev) {
        if other.input.is_some_and(|input| names.iter().any(|name| input.contains(written(name)))) {
            told.insert(at);
        }
        (at, who) = (other.prev, other.member);
    }
    Ok(who)
}

/// A row may be redacted twice: once as far as it told of another, then whole.
fn redact(db: Db<'_>, pos: u64, by: u64, bare: impl Fn(&str) -> String) -> Result<(), StoreError> {
    let Some(row) = get(db, pos)? else { return Ok(()) };
    let input = row.input.as_deref().map(bare_input);
    let decided = bare(&row.decided);
    let was = row.input.as_deref().map(|input| digest(input.as_bytes()));
    let kept = kept(input.as_deref(), &decided);
    let was_decided = digest(row.decided.as_bytes());
    // The chain was built on what was there first.
    let put = "INSERT INTO redacted VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (pos) DO UPDATE SET kept = excluded.kept";
    db.execute(put, values![pos, by, was, was_decided, kept])?;
    let update = "UPDATE journal SET input = ?2, decided = ?3 WHERE pos = ?1";
    db.execute(update, values![pos, input, decided]).map(|_| ())
}

/// Of what stands now, so that damage to it shows.
pub fn kept(input: Option<&str>, decided: &str) -> [u8; 32] {
    let mut both = digest(input.unwrap_or_default().as_bytes()).to_vec();
    both.extend(digest(decided.as_bytes()));
    digest(&both)
}

/// Its name, type and time stay: the same event again is still known.
fn bare_input(input: &str) -> String {
    let was: Value = serde_json::from_str(input).unwrap_or_default();
    let [source, id, kind, time, origin] = ["source", "id", "type", "time", "origin"].map(|name| &was[name]);
    json!({"source": source, "id": id, "type": kind, "time": time, "origin": origin, "data": {}}).to_string()
}

/// What moved, what it did to orders and rewards, and of which kind its messages were, stays.
fn bare_decision(decided: &str) -> String {
    let Ok(mut decision) = serde_json::from_str::<Decision>(decided) else { return decided.to_owned() };
    decision.names_gone |= !decision.linked.is_empty();
    decision.linked.clear();
    decision.taken.clear();
    decision.seen.clear();
    decision.once.clear();
    decision.before = None;
    decision.emitted.iter_mut().for_each(|message| message.data.clear());
    if let Some(reason) = &mut decision.reason {
        reason.message = "".into();
    }
    serde_json::to_string(&decision).unwrap_or_else(|_| decided.to_owned())
}

/// Of another member: all but these names.
fn without(decided: &str, names: &[Identity]) -> String {
    let Ok(mut decision) = serde_json::from_str::<Decision>(decided) else { return decided.to_owned() };
    let named = !decision.linked.is_empty();
    decision.linked.retain(|name| !names.contains(name));
    decision.names_gone |= named && decision.linked.is_empty();
    decision.taken.retain(|name| !names.contains(name));
    serde_json::to_string(&decision).unwrap_or_else(|_| decided.to_owned())
}

fn get(db: Db<'_>, pos: u64) -> Result<Option<Stored>, StoreError> {
    let select = "SELECT member, prev, again, input, decided FROM journal WHERE pos = ?1";
    db.one(select, values![pos], |r: &Row<'_>| {
        let (member, prev, again) = (r.get(0)?, r.get(1)?, r.get(2)?);
        Ok(Stored { member, prev, again, input: r.get(3)?, decided: r.get(4)? })
    })
}
