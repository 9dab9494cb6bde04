//! Answers to what a batch wants to know: from the batches in flight first, then from the database, all names, members,
//! pages and keys in one question; one more for the rows to which keys lead.
//!
//! Invariant: an answer holds everything handed over before, and what a snapshot already knows is not touched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::event::Event;
use domain::key::Key;
use domain::member::Member;
use domain::snapshot::{PastRow, Snapshot, Want};

use super::rows::int;
use super::{Conn, InFlight, Postgres, head};
use crate::StoreError;
use crate::sqlite::{form, lot_page};

/// What is not known yet.
#[derive(Default)]
struct Missing<'w> {
    names: Vec<&'w str>,
    members: Vec<i64>,
    pages: Vec<i64>,
    keys: Vec<Key>,
}

impl Missing<'_> {
    fn is_none(&self) -> bool {
        self.names.is_empty() && self.members.is_empty() && self.pages.is_empty() && self.keys.is_empty()
    }
}

/// What is asked for, all of one moment, and who had the turn then. A member is answered with his name, for he is wanted
/// next.
const ASK: &str = "SELECT 0, holder, NULL::BIGINT, NULL FROM head
    UNION ALL SELECT 1, member, NULL, name FROM identity WHERE name = ANY($1)
    UNION ALL SELECT 2, no, NULL, image FROM member WHERE no = ANY($2)
    UNION ALL SELECT 2, no, NULL, image FROM member WHERE no IN (SELECT member FROM identity WHERE name = ANY($1))
    UNION ALL SELECT 3, at, NULL, lots FROM lot_page WHERE at = ANY($3)
    UNION ALL SELECT 4, key, pos, NULL FROM key WHERE key = ANY($4)";

/// What the database knows of it.
#[derive(Default)]
struct Found {
    holder: i64,
    owners: HashMap<String, u64>,
    members: Vec<(u64, String)>,
    pages: HashMap<i64, String>,
    keys: HashMap<Key, BTreeSet<u64>>,
}

impl Found {
    fn ask(conn: &Conn, missing: &Missing<'_>) -> Result<Found, StoreError> {
        let keys: Vec<i64> = missing.keys.iter().map(|key| key.0.cast_signed()).collect();
        let mut found = Found::default();
        for row in conn.query(ASK, &[&missing.names, &missing.members, &missing.pages, &keys])? {
            let (what, at) = (row.get::<_, i32>(0), row.get::<_, i64>(1));
            match what {
                0 => found.holder = at,
                1 => drop(found.owners.insert(row.get(3), at.cast_unsigned())),
                2 => found.members.push((at.cast_unsigned(), row.get(3))),
                3 => drop(found.pages.insert(at, row.get(3))),
                _ => {
                    let positions = found.keys.entry(Key(at.cast_unsigned())).or_default();
                    positions.insert(row.get::<_, i64>(2).cast_unsigned());
                }
            }
        }
        Ok(found)
    }
}

/// Of newest states, which were read from the database: so they are there.
fn pages(snapshot: &mut Snapshot, pages: &[i64], mut found: HashMap<i64, String>) -> Result<(), StoreError> {
    for at in pages {
        let (no, page) = (lot_page::owner(*at), lot_page::page(*at));
        if let Some(text) = found.remove(at) {
            snapshot.put_page(no, page, text);
        } else if !snapshot.pages_away().contains(&Want::Page(no, page)) {
            // Asked for twice.
        } else {
            return Err(StoreError::Corrupt(format!("member {no} has no page {page} of lots")));
        }
    }
    Ok(())
}

/// A stored row, as far as the past is told of.
struct Stored {
    again: Option<u64>,
    event: Option<(Arc<Event>, [u8; 32])>,
    decision: Arc<domain::outcome::Decision>,
}

impl Postgres {
    pub fn fetch(&mut self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        self.mend(snapshot.next_pos == 0)?;
        if snapshot.next_pos == 0 {
            if self.shared.turn.fence().is_none() && self.flights.is_empty() {
                let seen = self.ask(head::look)?;
                let head = self.ask(|conn| seen.head(conn))?;
                head.begin(snapshot)?;
            } else {
                self.head.begin(snapshot)?;
            }
        }
        // First let go of what is committed, then look at memory, then at the database: nothing falls between.
        self.prune();
        let missing = self.remember(snapshot, wants);
        if missing.is_none() {
            return Ok(());
        }
        let found = self.ask(|conn| Found::ask(conn, &missing))?;
        // Whoever was overtaken meanwhile reads of other moments than before.
        if self.shared.turn.fence().is_some() && found.holder != self.shared.me {
            return Err(StoreError::Unavailable("another process has taken the turn meanwhile".into()));
        }
        for want in wants {
            if let Want::Identity(name) = want {
                let owner = || found.owners.get(name.as_str()).copied();
                snapshot.identities.entry(name.clone()).or_insert_with(owner);
            }
        }
        self.members(snapshot, &missing.members, found.members)?;
        pages(snapshot, &missing.pages, found.pages)?;
        self.rows(snapshot, &missing.keys, found.keys)
    }

    /// What batches in flight say; answers the rest.
    fn remember<'w>(&self, snapshot: &mut Snapshot, wants: &'w [Want]) -> Missing<'w> {
        let mut missing = Missing::default();
        let newest = || self.flights.iter().rev().map(|one| &one.flight);
        for want in wants {
            match want {
                Want::Identity(name) if !snapshot.identities.contains_key(name) => {
                    match newest().find_map(|flight| flight.identity(name)) {
                        Some(owner) => drop(snapshot.identities.insert(name.clone(), owner)),
                        None => missing.names.push(name.as_str()),
                    }
                }
                Want::Member(no) if !snapshot.members.contains_key(no) => {
                    match newest().find_map(|flight| flight.member(*no)) {
                        Some(member) => drop(snapshot.members.insert(*no, Some(member.clone()))),
                        // A made-up public id stands for any 64 bits.
                        None if i64::try_from(*no).is_err() => drop(snapshot.members.insert(*no, None)),
                        None => missing.members.push(int(*no)),
                    }
                }
                Want::Page(no, page) => missing.pages.push(lot_page::at(*no, *page)),
                Want::Rows(key) if !snapshot.rows.contains_key(key) => missing.keys.push(*key),
                Want::Identity(_) | Want::Member(_) | Want::Rows(_) => {}
            }
        }
        missing
    }

    /// Their pages of lots are asked for when they are looked at. Those whose names were asked for are answered too,
    /// where no batch in flight knows better.
    fn members(
        &self,
        snapshot: &mut Snapshot,
        numbers: &[i64],
        found: Vec<(u64, String)>,
    ) -> Result<(), StoreError> {
        for (no, image) in found {
            if snapshot.members.contains_key(&no) {
                continue;
            }
            let member = match self.flights.iter().rev().find_map(|one| one.flight.member(no)) {
                Some(member) => member.clone(),
                None => {
                    let mut member: Member = form::from_json(&image, || format!("member {no}"))?;
                    member.leave_pages();
                    Arc::new(member)
                }
            };
            snapshot.members.insert(no, Some(member));
        }
        for no in numbers {
            snapshot.members.entry(no.cast_unsigned()).or_insert(None);
        }
        Ok(())
    }

    fn rows(
        &mut self,
        snapshot: &mut Snapshot,
        keys: &[Key],
        mut found: HashMap<Key, BTreeSet<u64>>,
    ) -> Result<(), StoreError> {
        for key in keys {
            let flying: Vec<u64> = self.flights.iter().flat_map(|one| one.positions(*key)).collect();
            if !flying.is_empty() {
                found.entry(*key).or_default().extend(flying);
            }
        }
        let rows = self.past(found.values().flatten().copied().collect())?;
        for key in keys {
            let positions = found.get(key).into_iter().flatten();
            let of_key: Result<Vec<_>, StoreError> = positions
                .map(|pos| {
                    let why = || StoreError::Corrupt(format!("a key names row {pos}, which is not there"));
                    rows.get(pos).cloned().ok_or_else(why)
                })
                .collect();
            snapshot.rows.insert(*key, of_key?);
        }
        Ok(())
    }

    /// These rows, with the events that waited.
    fn past(&mut self, mut positions: BTreeSet<u64>) -> Result<HashMap<u64, Arc<PastRow>>, StoreError> {
        let wanted = positions.clone();
        let mut stored: BTreeMap<u64, Stored> = BTreeMap::new();
        while !positions.is_empty() {
            let mut ask = Vec::new();
            for pos in std::mem::take(&mut positions) {
                match self.flights.iter().find_map(|one| one.flight.row(pos)) {
                    Some(row) => {
                        let event = row.input.map(|(event, hash)| (event.clone(), hash));
                        let decision = row.decision.clone();
                        stored.insert(pos, Stored { again: row.again, event, decision });
                    }
                    None => ask.push(int(pos)),
                }
            }
            if !ask.is_empty() {
                stored.extend(self.ask(|conn| journal(conn, &ask))?);
            }
            let waited = stored.values().filter_map(|row| row.again);
            positions = waited.filter(|again| !stored.contains_key(again)).collect();
            if positions.iter().any(|pos| ask.contains(&int(*pos))) {
                return Err(StoreError::Corrupt("a row waited that is not there".into()));
            }
        }
        let row = |pos: u64| {
            let Some(row) = stored.get(&pos) else { return Ok(None) };
            // A row may have waited more than once; each names the one before, and the first has the event.
            let mut from = row;
            while from.event.is_none()
                && let Some(before) = from.again.and_then(|again| stored.get(&again))
            {
                from = before;
            }
            let no_event = || StoreError::Corrupt(format!("row {pos} has no event"));
            let (event, body_hash) = from.event.clone().ok_or_else(no_event)?;
            Ok(Some((pos, Arc::new(PastRow { pos, event, body_hash, decision: row.decision.clone() }))))
        };
        wanted.into_iter().filter_map(|pos| row(pos).transpose()).collect()
    }
}

fn journal(conn: &Conn, positions: &[i64]) -> Result<Vec<(u64, Stored)>, StoreError> {
    let select = "SELECT pos, again, input, body_hash, decided FROM journal WHERE pos = ANY($1)";
    let read = |row: &postgres::Row| {
        let pos = row.get::<_, i64>(0).cast_unsigned();
        let event = match (row.get::<_, Option<&str>>(2), row.get::<_, Option<&[u8]>>(3)) {
            (Some(input), Some(hash)) => {
                let why = |_| StoreError::Corrupt(format!("row {pos} has no body hash"));
                Some((Arc::new(form::input_from_json(input)?.0), hash.try_into().map_err(why)?))
            }
            _ => None,
        };
        let decision = form::from_json(row.get(4), || format!("the decision of row {pos}"))?;
        let again = row.get::<_, Option<i64>>(1).map(i64::cast_unsigned);
        Ok((pos, Stored { again, event, decision: Arc::new(decision) }))
    };
    conn.query(select, &[&positions])?.iter().map(read).collect()
}

impl InFlight {
    /// Where this key leads within the batch.
    fn positions(&self, key: Key) -> impl Iterator<Item = u64> {
        let from = self.keys.partition_point(|(at, _)| *at < key.0);
        self.keys[from..].iter().take_while(move |(at, _)| *at == key.0).map(|(_, pos)| *pos)
    }
}
