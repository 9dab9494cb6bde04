//! One pass over the journal: each row by itself, its place in the chains, and what it says for the other checks.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::codes;
use domain::event::Event;
use domain::identity::Identity;
use domain::key::KeyMaker;
use domain::outcome::{Decision, Status};
use rusqlite::{Connection, Row};

use super::Report;
use super::index::{Index, Share};
use super::ledger::Ledger;
use super::pages;
use super::paying::Paying;
use super::pools::Pools;
use super::standing::Standing;
use crate::redact;
use crate::sqlite::form;

/// What the journal says, gathered for the checks that follow.
pub struct Told {
    pub ledger: Ledger,
    pub index: Index,
    pub pools: Pools,
    pub paying: Paying,
    /// Names by what rows say they gave to members.
    pub names: HashMap<Identity, u64>,
    pub last_pos: u64,
    pub standing: Standing,
    /// As they are stored.
    pub budgets: BTreeMap<String, Vec<(i64, i64)>>,
    /// Rows that wait, and that were set free.
    waiting: HashSet<u64>,
    freed: HashSet<u64>,
    /// Rows that another said it sets free, and who.
    promised: HashMap<u64, u64>,
    /// Codes that were given out.
    given: HashSet<domain::value::Text>,
    newest_version: Option<u32>,
    redacted: HashMap<u64, Redacted>,
    /// Rows that erase, and are not done yet.
    erasing: HashSet<u64>,
    /// Rows by which redacted rows say that they were erased.
    erased_by: HashSet<u64>,
}

/// What a row of an erased member was chained by, and the digest of what stands there now.
struct Redacted {
    input: Option<[u8; 32]>,
    decided: [u8; 32],
    kept: [u8; 32],
}

struct Stored<'a> {
    pos: u64,
    member: Option<u64>,
    prev: u64,
    now_ms: i64,
    again: Option<u64>,
    input: Option<&'a str>,
    body_hash: Option<&'a [u8]>,
    decided: &'a str,
    hash: &'a [u8],
}

pub fn scan(
    conn: &Connection,
    told: &mut Told,
    maker: &KeyMaker,
    report: &mut Report,
    progress: &mut dyn FnMut(u64, u64),
) -> rusqlite::Result<()> {
    // Only for the progress that is shown; a damaged file may not know it.
    let all: u64 = conn.query_row("SELECT count(*) FROM journal", [], |r| r.get(0)).unwrap_or(0);
    let (mut head, mut now_ms) = ([0; 32], i64::MIN);
    let columns = ("pos", "member, prev, now_ms, again, input, body_hash, decided, hash");
    pages::each(conn, "journal", columns, report, |row, report| {
        let stored = read(row)?;
        let follows = stored.pos == told.last_pos + 1;
        if !follows {
            report.row("positions", stored.pos, format!("the row before is {}", told.last_pos));
        }
        if stored.now_ms < now_ms {
            report.row("time", stored.pos, "it was decided before the row in front of it");
        }
        now_ms = now_ms.max(stored.now_ms);
        head = chain(&stored, told.redacted.get(&stored.pos), follows.then_some(&head), report);
        told.last_pos = stored.pos;
        told.check(&stored, maker, report);
        report.rows += 1;
        if report.rows.is_multiple_of(65_536) {
            progress(report.rows, all);
        }
        Ok(())
    })?;
    report.head = head.iter().map(|byte| format!("{byte:02x}")).collect();
    told.finish(report);
    progress(all, all);
    Ok(())
}

fn read<'a>(row: &'a Row) -> rusqlite::Result<Stored<'a>> {
    Ok(Stored {
        pos: row.get(0)?,
        member: row.get(1)?,
        prev: row.get(2)?,
        now_ms: row.get(3)?,
        again: row.get(4)?,
        input: row.get_ref(5)?.as_str_or_null()?,
        body_hash: row.get_ref(6)?.as_blob_or_null()?,
        decided: row.get_ref(7)?.as_str()?,
        hash: row.get_ref(8)?.as_blob()?,
    })
}

/// The hash that the row must have after the one before, if that is there; the chain goes on from the stored one, so
/// that one damaged row is reported once.
fn chain(
    stored: &Stored,
    was: Option<&Redacted>,
    before: Option<&[u8; 32]>,
    report: &mut Report,
) -> [u8; 32] {
    let (input, decided) = match was {
        Some(was) => {
            if redact::kept(stored.input, stored.decided) != was.kept {
                report.row("erasure", stored.pos, "what was left of it is not what stands there");
            }
            (was.input, was.decided)
        }
        None => {
            let input = stored.input.map(|input| form::digest(input.as_bytes()));
            (input, form::digest(stored.decided.as_bytes()))
        }
    };
    let Some(before) = before else { return stored.hash.try_into().unwrap_or_default() };
    let hashed = form::Hashed {
        pos: stored.pos,
        member: stored.member,
        prev: stored.prev,
        now_ms: stored.now_ms,
        again: stored.again,
        input,
        body_hash: stored.body_hash,
        decided,
    };
    let hash = hashed.chain(before);
    if hash[..] != *stored.hash {
        report.row("chain", stored.pos, "its contents or the row before are not what was hashed");
    }
    stored.hash.try_into().unwrap_or(hash)
}

/// Of what follows from another member's act, that which brings points alone.
fn is_gift(event: &Event) -> bool {
    #[derive(serde::Deserialize)]
    struct Made {
        r#type: String,
    }
    serde_json::from_slice(&event.data).is_ok_and(|made: Made| made.r#type == "fealty.received")
}

/// What an erasure takes out of a member's rows.
fn tells(decision: &Decision) -> bool {
    let named = !(decision.linked.is_empty() && decision.taken.is_empty());
    let saw = !(decision.seen.is_empty() && decision.once.is_empty());
    named || saw || decision.emitted.iter().any(|message| !message.data.is_empty())
}

/// What was refused for its form, or not known, may come again under its name.
pub fn took_its_name<E>(decision: &Result<Decision, E>) -> bool {
    !decision.as_ref().is_ok_and(|decision| decision.reason.as_ref().is_some_and(codes::leaves_name))
}

/// Of codes that were brought.
fn pool_of(event: &Event) -> String {
    let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap_or_default();
    data["pool"].as_str().unwrap_or_default().to_owned()
}

impl Told {
    pub fn load_redacted(&mut self, conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
        let mut select = conn.prepare("SELECT pos, by, input, decided, kept FROM redacted")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let was = Redacted { input: row.get(2)?, decided: row.get(3)?, kept: row.get(4)? };
            self.erased_by.insert(row.get(1)?);
            self.redacted.insert(row.get(0)?, was);
        }
        report.redacted = self.redacted.len() as u64;
        let mut under_way = conn.prepare("SELECT by FROM erasing")?;
        self.erasing = under_way.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(())
    }

    /// `share`: the keys that the first pass looks at.
    pub fn new(conn: &Connection, share: Share) -> Told {
        let newest = conn.query_row("SELECT max(version) FROM program_version", [], |r| r.get(0));
        Told {
            ledger: Ledger::default(),
            index: Index::new(share),
            pools: Pools::default(),
            paying: Paying::default(),
            standing: Standing::default(),
            budgets: BTreeMap::new(),
            names: HashMap::new(),
            given: HashSet::new(),
            last_pos: 0,
            waiting: HashSet::new(),
            freed: HashSet::new(),
            promised: HashMap::new(),
            redacted: HashMap::new(),
            erasing: HashSet::new(),
            erased_by: HashSet::new(),
            newest_version: newest.unwrap_or(None),
        }
    }

    fn check(&mut self, stored: &Stored, maker: &KeyMaker, report: &mut Report) {
        let pos = stored.pos;
        let decision: Result<Decision, _> = serde_json::from_str(stored.decided);
        let (mut follows, mut joins, mut erases) = (false, false, false);
        if let Some(input) = stored.input {
            match form::input_from_json(input) {
                Ok((event, _)) => {
                    let parts = *event.kind == *domain::own::PART;
                    follows = parts || *event.kind == *domain::own::FOLLOW;
                    erases = *event.kind == *domain::own::ERASE;
                    joins = follows && !is_gift(&event);
                    self.index.event(pos, &event, took_its_name(&decision), maker);
                    if event.source.is_empty() || event.id.is_empty() || event.kind.is_empty() {
                        report.row("event", pos, "source, id or type is empty");
                    }
                    if let Ok(Decision { brought: Some(brought), .. }) = &decision {
                        self.pools.brought(pos, &pool_of(&event), *brought, report);
                    }
                }
                Err(e) => report.row("event", pos, e.to_string()),
            }
            if stored.body_hash.is_none_or(|hash| hash.len() != 32) {
                report.row("event", pos, "its body hash has not 32 bytes");
            }
        }
        let decision = match decision {
            Ok(decision) => decision,
            Err(e) => return report.row("decision", pos, format!("it cannot be read: {e}")),
        };
        self.outcome(stored, &decision, report);
        self.paying.row(pos, &decision, report);
        self.index.decision(pos, stored.member, &decision, maker, report);
        for one in &decision.redemptions {
            self.pools.redemption(pos, one);
            self.redemption(pos, one, report);
        }
        if let Some(member) = stored.member {
            self.names((pos, follows), member, &decision, report);
            self.ledger.row(pos, member, stored.prev, &decision, report);
            self.standing.row(pos, member, &decision, joins);
            let told = self.ledger.members.entry(member).or_default();
            if erases && decision.status == Status::Applied {
                self.erased_by.remove(&pos);
                if self.erasing.contains(&pos) {
                    // Rows of before still give him the names that he has no more.
                    self.names.retain(|_, no| *no != member);
                } else if told.plain != 0 {
                    report.row("erasure", pos, format!("row {} still says what was erased", told.plain));
                }
            }
            if !self.redacted.contains_key(&pos) || tells(&decision) {
                told.plain = pos;
            }
        } else {
            if stored.prev != 0 {
                report.row("member chain", pos, "a row without a member has a row before it");
            }
            if !decision.transfers.is_empty() {
                report.row("ledger", pos, "points move and no member is named");
            }
        }
    }

    /// Names belong to one member.
    fn names(&mut self, (pos, follows): (u64, bool), member: u64, decision: &Decision, report: &mut Report) {
        for name in &decision.linked {
            // Names move where one member takes over what another had.
            if self.names.insert(name.clone(), member).is_some() && !follows {
                report.row("identity", pos, format!("{} was given away before", name.as_str()));
            }
        }
    }

    /// Every row ends in one of four ways, and only one of them moves points.
    fn outcome(&mut self, stored: &Stored, decision: &Decision, report: &mut Report) {
        let pos = stored.pos;
        if decision.member != stored.member {
            report.row(
                "decision",
                pos,
                format!("it names member {:?}, the row {:?}", decision.member, stored.member),
            );
        }
        if decision.again != stored.again {
            report.row(
                "decision",
                pos,
                format!("it waited at {:?}, the row says {:?}", decision.again, stored.again),
            );
        }
        if decision.status != Status::Applied {
            if decision.reason.is_none() {
                report.row("decision", pos, "it was not applied, and no reason is given");
            }
            if !decision.transfers.is_empty() || !decision.emitted.is_empty() {
                report.row("decision", pos, "it was not applied, and yet changed something");
            }
        }
        if self.newest_version.is_some_and(|newest| decision.version > newest) {
            report.row("decision", pos, format!("program version {} was never published", decision.version));
        }
        if decision.status == Status::Waiting {
            self.waiting.insert(pos);
        }
        if let Some(again) = stored.again {
            if !self.waiting.contains(&again) {
                report.row("waiting", pos, format!("row {again}, which it applies, did not wait"));
            }
            if !self.freed.insert(again) {
                report.row("waiting", pos, format!("row {again} was set free before"));
            }
        }
        for &freed in &decision.frees {
            if self.promised.insert(freed, pos).is_some() {
                report.row("waiting", pos, format!("row {freed} was set free before"));
            }
        }
    }

    /// A code is given out once, and no more comes back than was spent.
    fn redemption(&mut self, pos: u64, one: &domain::redemption::Redemption, report: &mut Report) {
        if one.spent.iter().any(|spent| spent.returned < 0 || spent.returned > spent.amount) {
            report.row("redemption", pos, "more came back than was spent");
        }
        for code in one.codes.iter().filter(|_| one.confirmed == Some(pos)) {
            if !self.given.insert(code.clone()) && one.back.is_zero() {
                report.row("redemption", pos, format!("the code {code} was given out before"));
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        for pos in &self.erased_by {
            report.row("erasure", *pos, "rows are redacted in its name, and it erases nobody");
        }
        for (freed, by) in &self.promised {
            if !self.freed.contains(freed) {
                report.row("waiting", *by, format!("it sets row {freed} free, which was never applied"));
            }
        }
    }
}
