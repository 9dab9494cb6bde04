//! The first reading of a sheet: every row is read and decided as it would be, and nothing of it is kept. So all that is
//! wrong is known before anything is written, and which rows are still to be given.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use csv::ByteRecord;
use domain::batch::{Answer, Plans, process};
use domain::codes;
use domain::event::{API_SOURCE, Event, Input, MemberNo, Subject};
use domain::num::Num;
use domain::outcome::Status;
use domain::own::ADJUST;
use domain::snapshot::{Snapshot, Want};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{Reader, Store, StoreError};

use super::columns::What;
use super::report::{Difference, Report};
use super::row::{Brought, Fault, Read, Reading};
use crate::cli::Failure;

/// Rows that are decided together.
const TOGETHER: usize = 1_024;

/// What the rows do to the data as they are.
pub struct Look<'a> {
    pub reading: &'a Reading,
    pub store: &'a mut Store,
    pub plans: &'a Plans,
    pub now: Timestamp,
    pub report: &'a mut Report,
    /// In which line each name was, by its key.
    pub seen: HashMap<u64, u64>,
    /// In which line each member was who is known.
    members: HashMap<MemberNo, u64>,
    /// For each row, what it is known by if it is to be given; 0 if not.
    pub todo: Vec<u64>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    row: usize,
    brought: Brought,
    record: ByteRecord,
}

/// Enough of its hash to see whether a row is still the same.
pub fn mark(input: &Input) -> u64 {
    let hash = &input.body_hash;
    u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]) | 1
}

impl<'a> Look<'a> {
    pub fn new(
        reading: &'a Reading,
        (store, plans): (&'a mut Store, &'a Plans),
        now: Timestamp,
        report: &'a mut Report,
    ) -> Look<'a> {
        Look {
            reading,
            store,
            plans,
            now,
            report,
            seen: HashMap::new(),
            members: HashMap::new(),
            todo: Vec::new(),
            waiting: Vec::with_capacity(TOGETHER),
        }
    }

    pub fn row(&mut self, line: u64, record: &ByteRecord) -> Result<(), Failure> {
        self.report.tally.rows += 1;
        self.todo.push(0);
        match self.reading.read(line, record) {
            Ok(Read::LeftOut(why)) => *self.report.tally.left_out.entry(why).or_default() += 1,
            Err(faults) => self.report.wrong(record, faults)?,
            Ok(Read::Brought(brought)) => match self.came_before(&brought) {
                Some(fault) => self.report.wrong(record, vec![fault])?,
                None => self.waiting.push(Waiting {
                    row: self.todo.len() - 1,
                    brought: *brought,
                    record: record.clone(),
                }),
            },
        }
        if self.waiting.len() == TOGETHER { self.decide() } else { Ok(()) }
    }

    /// Somebody of this name is in a line before.
    fn came_before(&mut self, brought: &Brought) -> Option<Fault> {
        let event = &brought.input.event;
        let subject = match &event.subject {
            Some(Subject::Identity(name)) => Some(name),
            _ => None,
        };
        let mut fault = None;
        for name in subject.into_iter().chain(&event.also) {
            match self.seen.entry(self.plans.keys.guest(name.as_str()).0) {
                Entry::Vacant(free) => drop(free.insert(brought.line)),
                Entry::Occupied(taken) => fault = fault.or(Some((name.as_str().to_owned(), *taken.get()))),
            }
        }
        fault.map(|(name, line)| Fault {
            line: brought.line,
            column: None,
            cell: name,
            what: format!("line {line} is about the same person"),
            fix: "keep one of the two lines".into(),
        })
    }

    /// Decides what waits, on data that are thrown away.
    pub fn decide(&mut self) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.waiting);
        let inputs: Vec<Input> = waiting.iter().map(|one| one.brought.input.clone()).collect();
        let mut snapshot = Snapshot::default();
        let store = &mut *self.store;
        let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| store.fetch(snapshot, wants);
        let batch = process(self.plans, &mut snapshot, &inputs, &[], self.now, &mut fetch).map_err(broken)?;
        assert!(batch.answers.len() == waiting.len(), "each input has an answer");
        // Whose balance was adjusted since may be told as it was at first.
        let since = |input: &Input| self.plans.keys.event_id(&format!("{}#1", input.event.id));
        let known = inputs.iter().zip(&batch.answers).filter(|(_, answer)| answer.duplicate);
        let wants: Vec<Want> = known.map(|(input, _)| Want::Rows(since(input))).collect();
        fetch(&mut snapshot, &wants).map_err(broken)?;
        let mut differences = Vec::new();
        for (one, answer) in waiting.into_iter().zip(&batch.answers) {
            if let Some(fault) = self.same_member(&one.brought, answer) {
                self.report.wrong(&one.record, vec![fault])?;
                continue;
            }
            let adjusted = snapshot.rows.get(&since(&one.brought.input)).is_some_and(|rows| !rows.is_empty());
            if answer.conflict || adjusted {
                differences.extend(self.differs(&one.brought, answer)?);
            } else {
                self.answered(one, answer)?;
            }
        }
        self.try_differences(differences)
    }

    /// Who is known may stand in two lines by two names. Who is new cannot: he has the names of his line.
    fn same_member(&mut self, brought: &Brought, answer: &Answer) -> Option<Fault> {
        let known = answer
            .decision
            .member
            .filter(|_| answer.duplicate || answer.conflict || !answer.decision.enrolled)?;
        let before = match self.members.entry(known) {
            Entry::Vacant(free) => {
                free.insert(brought.line);
                return None;
            }
            Entry::Occupied(taken) => *taken.get(),
        };
        let name = match &brought.input.event.subject {
            Some(Subject::Identity(name)) => name.as_str().to_owned(),
            _ => String::new(),
        };
        Some(Fault {
            line: brought.line,
            column: None,
            cell: name,
            what: format!("the same member as line {before}: both names are his"),
            fix: "keep one of the two lines".into(),
        })
    }

    /// Whether the differences can be given and taken; what was spent since cannot be taken.
    fn try_differences(&mut self, mut differences: Vec<Difference>) -> Result<(), Failure> {
        let inputs: Vec<Input> = differences.iter().filter_map(|one| one.adjust.clone()).collect();
        let store = &mut *self.store;
        let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| store.fetch(snapshot, wants);
        let tried = process(self.plans, &mut Snapshot::default(), &inputs, &[], self.now, &mut fetch);
        let mut answers = tried.map_err(broken)?.answers.into_iter();
        for one in differences.iter_mut().filter(|one| one.adjust.is_some()) {
            let answer = answers.next().expect("each input has an answer");
            if answer.decision.status != Status::Applied {
                let reason = answer.decision.reason.as_ref();
                one.refused =
                    Some(reason.map_or("it was refused".into(), |reason| reason.message.to_string()));
                one.adjust = None;
            }
        }
        differences.into_iter().for_each(|one| self.report.differs(one));
        Ok(())
    }

    fn answered(&mut self, one: Waiting, answer: &Answer) -> Result<(), Failure> {
        let Waiting { row, brought, record } = one;
        let tally = &mut self.report.tally;
        match (&answer.decision.reason, answer.decision.status) {
            (_, Status::Applied) if answer.duplicate => {
                tally.before += 1;
                Ok(())
            }
            (_, Status::Applied) => {
                self.todo[row] = mark(&brought.input);
                *(if answer.decision.enrolled { &mut tally.new } else { &mut tally.known }) += 1;
                tally.minor += i128::from(brought.minor);
                if let Some(level) = brought.level {
                    *tally.levels.entry(level).or_default() += 1;
                }
                Ok(())
            }
            // Under another name.
            (Some(reason), _) if *reason.code == *codes::MEMBER_ALREADY_OPENED => {
                tally.before += 1;
                Ok(())
            }
            (reason, _) => {
                let (code, pointer, said) = reason.as_ref().map_or(("", "", "it was refused"), |reason| {
                    (&*reason.code, reason.pointer.as_deref().unwrap_or(""), &*reason.message)
                });
                let column = self.column(code, pointer).map(|column| column.name.clone());
                let fault = Fault {
                    line: brought.line,
                    cell: column.as_ref().map_or("", |name| self.report.cell(&record, name)).to_owned(),
                    column,
                    what: said.to_owned(),
                    fix: remedy(code).to_owned(),
                };
                self.report.wrong(&record, vec![fault])
            }
        }
    }

    fn column(&self, code: &str, pointer: &str) -> Option<&super::columns::Column> {
        let what = match pointer.strip_prefix("/data/")? {
            "points" | "wallet" => What::Points,
            "expires_at" => What::Expires,
            "until" => What::Until,
            "level" | "ladder" => What::Tier,
            "joined" => What::Joined,
            field => What::Field(field.strip_prefix("fields/")?.split('/').next()?.to_owned()),
        };
        let columns = &self.reading.columns;
        columns
            .holds(&what)
            .or_else(|| columns.holds(&What::BirthMonth).filter(|_| code == codes::WRONG_TYPE))
    }

    /// It was told before, with something else.
    fn differs(&mut self, brought: &Brought, answer: &Answer) -> Result<Option<Difference>, Failure> {
        let reader = self.store.reader();
        let (id, decimals) = (&brought.input.event.id, self.reading.wallet.as_ref().map_or(0, |w| w.1));
        let told = told(&reader, id, decimals)?;
        let Some(member) = answer.decision.member else { return Ok(None) };
        let now: Value = serde_json::from_slice(&brought.input.event.data).unwrap_or_default();
        let other = |name: &str| told.first[name] != now[name];
        let also =
            ["joined", "expires_at", "level", "until", "fields"].into_iter().filter(|name| other(name));
        let also: Vec<&'static str> = also.collect();
        if told.minor == brought.minor && also.is_empty() && told.times > 0 {
            self.report.tally.before += 1;
            return Ok(None);
        }
        let (before, now, line) = (told.minor, brought.minor, brought.line);
        let adjust =
            (before != now).then(|| self.difference((id, told.times), (member, now - before), decimals));
        Ok(Some(Difference { line, before, now, also, adjust, refused: None }))
    }

    /// What brings the balance to what the file says, on top of what was done since.
    fn difference(
        &self,
        (id, times): (&str, usize),
        (member, minor): (MemberNo, i64),
        decimals: u8,
    ) -> Input {
        let wallet = self.reading.wallet.as_ref().map_or("", |(id, _)| id.as_str());
        let amount = Num::minor(minor, decimals).to_string();
        let reason = self.reading.reason();
        let data = serde_json::json!({"wallet": wallet, "amount": amount, "reason": reason}).to_string();
        let event = Event {
            source: API_SOURCE.into(),
            id: format!("{id}#{}", times + 1).into(),
            kind: ADJUST.into(),
            subject: Some(Subject::Member(member)),
            also: Vec::new(),
            time: self.now,
            data: data.clone().into_bytes().into(),
        };
        Input { event: event.into(), body_hash: Sha256::digest(data).into(), origin: "import".into() }
    }
}

/// What a member was told to have, first and by differences since.
struct Told {
    first: Value,
    minor: i64,
    /// Differences that have a row, be it a refusal: their names are used up.
    times: usize,
}

fn broken(error: StoreError) -> Failure {
    Failure::new(crate::cli::DATA, "cannot look into the data", error)
}

fn told(reader: &Reader, id: &str, decimals: u8) -> Result<Told, Failure> {
    // None: there is no such row. Null: it was refused.
    let get = |id: &str| -> Result<Option<Value>, Failure> {
        let rows = reader.event_get(Some(API_SOURCE), id).map_err(broken)?;
        let row = rows.iter().find(|row| row.decision.status == Status::Applied);
        let data = row.map(|row| serde_json::from_slice(&row.event.data).unwrap_or_default());
        Ok(data.or_else(|| (!rows.is_empty()).then_some(Value::Null)))
    };
    let minor = |data: &Value, name: &str| {
        let number = data[name].as_str().and_then(|text| Num::parse(text)?.ok());
        number.and_then(|number| number.exact_minor(decimals)).unwrap_or(0)
    };
    let first: Value = get(id)?.unwrap_or_default();
    let mut told = Told { minor: minor(&first, "points"), first, times: 0 };
    while let Some(more) = get(&format!("{id}#{}", told.times + 1))? {
        told.minor += minor(&more, "amount");
        told.times += 1;
    }
    Ok(told)
}

fn remedy(code: &str) -> &'static str {
    match code {
        codes::IDENTITY_TAKEN => "merge the two members, or correct the line",
        codes::UNTIL_PASSED => {
            "empty the cell: it then ends as the program says; or take it out with the rest"
        }
        codes::AMOUNT_INVALID => "correct the amount",
        codes::MEMBER_ERASED => "take the line out: this person asked to be forgotten",
        _ => "correct the cell, or empty it",
    }
}
