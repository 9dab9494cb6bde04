//! Replay: every row of the journal is decided again, from its input and what was known before it, under the program
//! version that decided it then; decisions, shares, limits and counters must come out the same, word for word.
//!
//! Each step begins with what the steps before gave, so an error shows where it began. Rows of the past are read from
//! the file; members, names and keys are held in memory. Not here: whether the file is whole (`verify`).
//!
//! What an erased member did cannot be decided again: his rows are passed over, and so is everybody whose own rows turn
//! out to lean on him, or on what he used of what all members share. The report says how many rows that were.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use domain::batch::{Batch, Plans, process};
use domain::event::{Input, MemberNo};
use domain::identity::Identity;
use domain::key::{Key, KeyMaker};
use domain::member::Member;
use domain::own;
use domain::plan::Plan;
use domain::program;
use domain::snapshot::{Budgets, PastRow, Snapshot, Want};
use rusqlite::Connection;

use super::index::Share;
use super::{Report, key_maker, keys};
use crate::StoreError;
use crate::reader::{Row, row_get};
use crate::sqlite::{file, form, lot_page, store_error};

/// Adds to the report. `environment` is the setting under which it was served.
pub fn replay(
    dir: &Path,
    environment: Option<&str>,
    report: &mut Report,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let begun = Instant::now();
    let conn = file::open_reader(dir, 16 * 1024)?;
    conn.execute_batch("BEGIN").map_err(|e| store_error(&e))?;
    let versions = versions(&conn, environment, report)?;
    let maker = key_maker(&conn)?;
    let last = conn.query_row("SELECT ifnull(max(pos), 0) FROM journal", [], |r| r.get(0));
    let last: u64 = last.map_err(|e| store_error(&e))?;
    let mut past = Past::new(&conn)?;
    while past.next_pos <= last {
        let (pos, passed_over) = (past.next_pos, past.passed_over);
        let mut decided = true;
        match past.again(&versions, &maker, report) {
            Ok(done) => decided = done,
            // What cannot be read cannot be decided; what comes after it may be.
            Err(StoreError::Corrupt(why)) => {
                report.row("replay", pos, format!("it cannot be decided again: {why}"));
                past.next_pos = pos + 1;
            }
            Err(other) => return Err(other),
        }
        let decided = decided && past.passed_over == passed_over;
        report.replayed += if decided { past.next_pos - pos } else { 0 };
        if pos % 4_096 < past.next_pos - pos {
            progress(pos, last);
        }
    }
    progress(last, last);
    report.passed_over = past.passed_over;
    let compared = past.compare_members(report);
    report.milliseconds += u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    compared
}

fn versions(
    conn: &Connection,
    environment: Option<&str>,
    report: &mut Report,
) -> Result<Vec<Arc<Plan>>, StoreError> {
    let read = || -> rusqlite::Result<Vec<(u32, String, i64)>> {
        let mut select =
            conn.prepare("SELECT version, body, published_ms FROM program_version ORDER BY version")?;
        let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        rows.collect()
    };
    let mut plans: Vec<Arc<Plan>> = Vec::new();
    for (version, body, published_ms) in read().map_err(|e| store_error(&e))? {
        match program::read_json(&body, environment, version) {
            Ok(program) => {
                let at = jiff::Timestamp::from_millisecond(published_ms).unwrap_or_default();
                let plan = match plans.last() {
                    Some(before) => program.plan.published(at, before),
                    None => program.plan.first_published(at),
                };
                plans.push(Arc::new(plan));
            }
            Err(_) => report.file("replay", format!("version {version} of the program does not check")),
        }
    }
    Ok(plans)
}

/// The version, and those before it.
fn plans(versions: &[Arc<Plan>], version: u32, maker: &KeyMaker) -> Option<Plans> {
    let current = versions.iter().find(|plan| plan.version == version)?.clone();
    let older = versions.iter().filter(|plan| plan.version < version).cloned().collect();
    Some(Plans { current, older, keys: KeyMaker(maker.0) })
}

/// What the rows so far have made.
struct Past<'c> {
    conn: &'c Connection,
    /// Sorted: (key, position), those of later rows too.
    keys: Vec<(u64, u64)>,
    members: HashMap<MemberNo, Arc<Member>>,
    names: HashMap<Identity, MemberNo>,
    budgets: Budgets,
    next_pos: u64,
    next_member: MemberNo,
    redacted: HashSet<u64>,
    /// Members whose state cannot be known: erased ones, and those who leaned on them.
    lost: HashSet<MemberNo>,
    /// The present step asked about one of them.
    leaned: Cell<bool>,
    /// It asked about a name that is nobody's: it may have been that of an erased member.
    unknown: Cell<bool>,
    /// The first row behind the present ones that was not made.
    input_at: Cell<u64>,
    passed_over: u64,
}

/// One way in which a row may have come about: inputs, and members who were woken.
type Way = (Vec<Input>, Vec<MemberNo>);

impl<'c> Past<'c> {
    fn new(conn: &'c Connection) -> Result<Past<'c>, StoreError> {
        // What is wrong with the keys is told by `verify`.
        let mut keys = keys::stored(conn, Share::ALL, &mut Report::default()).map_err(|e| store_error(&e))?;
        keys.sort_unstable();
        let (members, names, budgets) = (HashMap::new(), HashMap::new(), Budgets::new());
        let redacted = redacted(conn).map_err(|e| store_error(&e))?;
        let (lost, leaned, unknown) = (HashSet::new(), Cell::new(false), Cell::new(false));
        Ok(Past {
            conn,
            keys,
            members,
            names,
            budgets,
            next_pos: 1,
            next_member: 1,
            redacted,
            lost,
            leaned,
            unknown,
            input_at: Cell::new(0),
            passed_over: 0,
        })
    }

    fn is_passed_over(&self, row: &Row) -> bool {
        self.redacted.contains(&row.pos) || row.member.is_some_and(|no| self.lost.contains(&no))
    }

    fn pass_over(&mut self, row: &Row) {
        self.passed_over += 1;
        if let Some(no) = row.member {
            self.lost.insert(no);
            self.members.remove(&no);
            self.next_member = self.next_member.max(no + 1);
            self.names.extend(row.decision.linked.iter().map(|name| (name.clone(), no)));
        }
        // What he did to his household.
        let moved = row.decision.transfers.iter().filter_map(|transfer| transfer.of);
        for home in row.decision.household.into_iter().chain(moved) {
            self.lost.insert(home);
            self.members.remove(&home);
            self.next_member = self.next_member.max(home + 1);
        }
        self.next_pos = row.pos + 1;
    }

    /// So many rows of the batch can be compared: what follows for one who is passed over is his. None: others come after
    /// him.
    fn comparable(&self, batch: &Batch) -> Result<Option<usize>, StoreError> {
        let mut until = batch.rows.len();
        for (n, new) in batch.rows.iter().enumerate() {
            let Some(row) = row_get(self.conn.into(), new.pos)? else { continue };
            match self.is_passed_over(&row) {
                true => until = until.min(n),
                false if until < n => return Ok(None),
                false => {}
            }
        }
        Ok(Some(until))
    }

    /// The next row, under the version that decided it; false: there was nothing to decide.
    fn again(
        &mut self,
        versions: &[Arc<Plan>],
        maker: &KeyMaker,
        report: &mut Report,
    ) -> Result<bool, StoreError> {
        let pos = self.next_pos;
        let Some(row) = row_get(self.conn.into(), pos)? else {
            self.next_pos += 1;
            return Ok(false);
        };
        if self.is_passed_over(&row) {
            self.pass_over(&row);
            return Ok(false);
        }
        match plans(versions, row.decision.version, maker) {
            Some(plans) => self.step(&plans, &row, report)?,
            None => {
                let what = format!("version {} of the program cannot be had", row.decision.version);
                report.row("replay", pos, what);
                self.next_pos += 1;
            }
        }
        Ok(true)
    }

    fn step(&mut self, plans: &Plans, row: &Row, report: &mut Report) -> Result<(), StoreError> {
        let now = jiff::Timestamp::from_millisecond(row.recorded_ms)
            .map_err(|e| StoreError::Corrupt(format!("row {} has an impossible time: {e}", row.pos)))?;
        let mut least = None;
        let anyone_lost = !self.lost.is_empty() || !self.redacted.is_empty();
        for (inputs, wakes) in self.ways(row)? {
            let mut snapshot = Snapshot {
                budgets: self.budgets.clone(),
                next_member: self.next_member,
                next_pos: self.next_pos,
                now,
                ..Snapshot::default()
            };
            let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| self.load(snapshot, wants);
            self.leaned.set(false);
            self.unknown.set(false);
            let mut batch = process(plans, &mut snapshot, &inputs, &wakes, now, &mut fetch)?;
            if anyone_lost {
                match self.comparable(&batch)? {
                    Some(until) => batch.rows.truncate(until),
                    None => self.leaned.set(true),
                }
            }
            let wrong = self.difference(&batch, &inputs)?;
            let same = wrong.is_none();
            least = Some((batch, snapshot, wrong));
            if same {
                break;
            }
        }
        let Some((batch, snapshot, wrong)) = least else {
            report.row("replay", row.pos, "nothing before it sets it free");
            self.next_pos += 1;
            return Ok(());
        };
        let unknown = self.unknown.get() && !row.decision.enrolled;
        let leans = self.leaned.get()
            || unknown
            || !row.decision.taken.is_empty()
            || self.leans_on_shares(&batch, row);
        if wrong.is_some() && anyone_lost && leans {
            self.pass_over(row);
            return Ok(());
        }
        if let Some((pos, what)) = wrong {
            report.row("replay", pos, what);
        }
        self.take(batch, snapshot);
        Ok(())
    }

    /// It may have come out otherwise because of what others had used of limits of all members, of stock or of pools.
    fn leans_on_shares(&self, batch: &Batch, row: &Row) -> bool {
        let decided = &row.decision;
        let asks = !decided.effects.is_empty() || !decided.redemptions.is_empty() || decided.reason.is_some();
        !self.lost.is_empty() && (!batch.budgets.is_empty() || (!self.budgets.is_empty() && asks))
    }

    /// A row that was made came before the next input, or because its member was woken.
    fn ways(&self, row: &Row) -> Result<Vec<Way>, StoreError> {
        let made = |row: &Row| own::of_type(&row.event.kind).is_some_and(own::Own::is_made);
        if row.again.is_some() {
            return Ok(Vec::new());
        }
        let mut ways = Vec::new();
        // A run of rows that were made is looked through once.
        let mut pos = self.input_at.get().max(row.pos);
        let mut input = row_get(self.conn.into(), pos)?;
        while let Some(next) = input.take_if(|row| made(row) || row.again.is_some()) {
            pos = next.pos + 1;
            input = row_get(self.conn.into(), pos)?;
        }
        self.input_at.set(pos);
        if let Some(next) = input {
            let input = Input { event: next.event.into(), body_hash: next.body_hash, origin: next.origin };
            ways.push((vec![input], Vec::new()));
        }
        if made(row) {
            ways.push((Vec::new(), row.member.into_iter().collect()));
        }
        if [own::FOLLOW, own::PART].contains(&&*row.event.kind) {
            // It follows from the row of one who is passed over.
            let event = row.event.clone().into();
            let input = Input { event, body_hash: row.body_hash, origin: row.origin.clone() };
            ways.push((vec![input], Vec::new()));
        }
        Ok(ways)
    }

    fn load(&self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        let mut read = HashMap::new();
        for want in wants {
            match want {
                Want::Identity(name) => {
                    let no = self.names.get(name).copied();
                    self.unknown.set(self.unknown.get() || no.is_none());
                    snapshot.identities.insert(name.clone(), no);
                }
                Want::Member(no) if self.lost.contains(no) => {
                    self.leaned.set(true);
                    let stand_in = Member::new(*no, jiff::Timestamp::UNIX_EPOCH);
                    snapshot.members.insert(*no, Some(Arc::new(stand_in)));
                }
                Want::Member(no) => {
                    snapshot.members.insert(*no, self.members.get(no).cloned());
                }
                Want::Page(..) => unreachable!("members are read with all their pages"),
                Want::Rows(key) => {
                    let rows = self.rows(*key, &mut read)?;
                    snapshot.rows.insert(*key, rows);
                }
            }
        }
        Ok(())
    }

    /// As they were recorded, oldest first; each is read once.
    fn rows(&self, key: Key, read: &mut HashMap<u64, Arc<PastRow>>) -> Result<Vec<Arc<PastRow>>, StoreError> {
        let from = self.keys.partition_point(|entry| entry.0 < key.0);
        let alike = self.keys[from..].iter().take_while(|entry| entry.0 == key.0);
        let mut rows = Vec::new();
        for (_, pos) in alike.filter(|entry| entry.1 < self.next_pos) {
            if let Some(row) = read.get(pos) {
                rows.push(row.clone());
                continue;
            }
            let Some(row) = row_get(self.conn.into(), *pos)? else { continue };
            let (event, decision) = (Arc::new(row.event), Arc::new(row.decision));
            let row = Arc::new(PastRow { pos: *pos, event, body_hash: row.body_hash, decision });
            read.insert(*pos, row.clone());
            rows.push(row);
        }
        Ok(rows)
    }

    /// The first row that comes out otherwise than it was recorded. Two events may come to the same decision, so it is
    /// to be the same event too.
    fn difference(&self, batch: &Batch, inputs: &[Input]) -> Result<Option<(u64, String)>, StoreError> {
        for new in &batch.rows {
            let Some(row) = row_get(self.conn.into(), new.pos)? else {
                return Ok(Some((new.pos, "decided again, there is a row more".to_owned())));
            };
            if *new.decision != row.decision {
                let parts = differ(&row.decision, &*new.decision);
                return Ok(Some((new.pos, format!("decided again, it comes out otherwise in {parts}"))));
            }
            if (new.member, new.prev_pos, new.again) != (row.member, row.prev_pos, row.again) {
                return Ok(Some((new.pos, "decided again, it is another member's".to_owned())));
            }
            let input = new.input.map(|at| batch.input(inputs, at));
            if input.is_some_and(|input| !is_of(&row, input)) {
                return Ok(Some((new.pos, "decided again, another event stands there".to_owned())));
            }
        }
        Ok(batch
            .rows
            .is_empty()
            .then(|| (self.next_pos, "decided again, it is told to have come before".to_owned())))
    }

    fn take(&mut self, batch: Batch, mut snapshot: Snapshot) {
        self.names.extend(batch.identities);
        for no in batch.members.into_iter().filter(|no| !self.lost.contains(no)) {
            if let Some(Some(member)) = snapshot.members.remove(&no) {
                self.members.insert(no, member);
            }
        }
        (self.budgets, self.next_member) = (snapshot.budgets, snapshot.next_member);
        self.next_pos += batch.rows.len().max(1) as u64;
    }

    fn compare_members(&self, report: &mut Report) -> Result<(), StoreError> {
        let select = self.conn.prepare("SELECT no, image FROM member ORDER BY no");
        let mut select = select.map_err(|e| store_error(&e))?;
        let mut rows = select.query([]).map_err(|e| store_error(&e))?;
        while let Some(row) = rows.next().map_err(|e| store_error(&e))? {
            let (no, image): (u64, String) =
                row.get(0).and_then(|no| Ok((no, row.get(1)?))).map_err(|e| store_error(&e))?;
            let mut stored: Member = form::from_json(&image, || format!("member {no}"))?;
            let missing = lot_page::put(self.conn.into(), no, &mut stored)?;
            let read =
                missing.map_or_else(|| stored.read_pages(), |page| Err(format!("no page {page} of lots")));
            read.map_err(|why| StoreError::Corrupt(format!("member {no}: {why}")))?;
            match self.members.get(&no) {
                _ if self.lost.contains(&no) => {}
                Some(member) if **member == stored => {}
                Some(member) => {
                    let parts = differ(&stored.whole(), &member.whole());
                    report.member("replay", no, format!("replayed, its state is another in {parts}"));
                }
                None => report.member("replay", no, "replayed, there is no such member"),
            }
        }
        Ok(())
    }
}

/// The row holds this input.
fn is_of(row: &Row, input: &Input) -> bool {
    let (one, other) = (&row.event, &input.event);
    (&one.source, &one.id, &one.kind, one.time) == (&other.source, &other.id, &other.kind, other.time)
        && row.body_hash == input.body_hash
}

fn redacted(conn: &Connection) -> rusqlite::Result<HashSet<u64>> {
    conn.prepare("SELECT pos FROM redacted")?.query_map([], |r| r.get(0))?.collect()
}

/// Names of the stored parts that differ.
fn differ<T: serde::Serialize>(one: &T, other: &T) -> String {
    let parts = |of: &T| match serde_json::to_value(of) {
        Ok(serde_json::Value::Object(parts)) => parts,
        _ => serde_json::Map::new(),
    };
    let (one, other) = (parts(one), parts(other));
    let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| one.get(*name) != other.get(*name));
    differing.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
