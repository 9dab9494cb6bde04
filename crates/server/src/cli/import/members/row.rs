//! A row of the sheet as one event: a member with what he brings. All that is wrong with a row is told at once.
//! Not here: what only the past and the program can tell (`look`).
//!
//! Invariant: the same row is the same event, whenever and however often it is read.

use std::sync::Arc;

use csv::ByteRecord;
use domain::event::{API_SOURCE, Event, Input, Subject};
use domain::identity::Identity;
use domain::key::KeyMaker;
use domain::num::Num;
use domain::own::OPEN;
use domain::plan::Plan;
use domain::value::{Text, Type};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Members;
use super::cells::{self, Style, When, Wrong, wrong};
use super::columns::{Columns, What, declared, fault, form, near};
use crate::cli::Failure;

/// What is wrong in a line.
#[derive(Clone)]
pub struct Fault {
    pub line: u64,
    /// None: the line as a whole.
    pub column: Option<String>,
    pub cell: String,
    pub what: String,
    pub fix: String,
}

pub struct Brought {
    pub line: u64,
    pub input: Input,
    pub minor: i64,
    /// Index on the ladder.
    pub level: Option<usize>,
}

pub enum Read {
    Brought(Box<Brought>),
    /// On purpose: why.
    LeftOut(&'static str),
}

/// How rows are read: the same for all of a file.
pub struct Reading {
    pub columns: Columns,
    pub wallet: Option<(Text, u8)>,
    pub ladder: Option<(Text, Vec<Level>)>,
    plan: Arc<Plan>,
    zone: TimeZone,
    style: Style,
    keys: KeyMaker,
    now: Timestamp,
    reason: String,
    guests: bool,
    customers: String,
    width: usize,
}

/// A level, and the words that mean it.
pub struct Level {
    pub id: Text,
    called: Vec<String>,
}

const GUEST: &str = "guest";
const EXCLUDED: &str = "excluded";

impl Reading {
    pub fn new(
        ask: &Members,
        columns: Columns,
        (plan, names): (&Arc<Plan>, &Value),
        (keys, now): (KeyMaker, Timestamp),
        (width, delimiter): (usize, u8),
    ) -> Result<Reading, Failure> {
        let wallet = match columns.holds(&What::Points) {
            Some(_) => Some(chosen("wallet", ask.wallet.as_deref(), plan.wallets.iter().map(|w| &w.id))?),
            None => None,
        };
        let wallet = wallet.map(|at| (plan.wallets[at].id.clone(), plan.wallets[at].decimals));
        let ladder = match columns.holds(&What::Tier) {
            Some(_) => Some(chosen("ladder", ask.ladder.as_deref(), plan.ladders.iter().map(|l| &l.id))?),
            None => None,
        };
        let ladder = ladder.map(|at| levels(ask, plan, at, names)).transpose()?;
        let from = ask.from.map_or("elsewhere", super::columns::Vendor::title);
        let yotpo = ask.from == Some(super::columns::Vendor::Yotpo);
        Ok(Reading {
            columns,
            wallet,
            ladder,
            plan: plan.clone(),
            zone: plan.regions[0].zone.clone(),
            style: Style {
                // Their pages say MM/DD.
                dates: ask.dates.or(yotpo.then_some(cells::Dates::Mdy)),
                decimal: ask.decimal,
                commas: delimiter == b',',
            },
            keys,
            now,
            reason: ask.reason.clone().unwrap_or_else(|| format!("Balance from {from}")),
            guests: ask.guests,
            customers: ask.customers.clone().unwrap_or_default(),
            width,
        })
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub fn read(&self, line: u64, record: &ByteRecord) -> Result<Read, Vec<Fault>> {
        if record.len() != self.width {
            let what = format!("{} cells, where the first line has {}", record.len(), self.width);
            let fix = "a cell that holds what separates cells stands in quotes, and each quote is closed";
            let (column, cell) = (None, String::new());
            return Err(vec![Fault { line, column, cell, what, fix: fix.into() }]);
        }
        let mut row = Row { reading: self, line, cells: Vec::new(), faults: Vec::new() };
        row.take_cells(record);
        let left_out = row.left_out();
        if let (Some(why), true) = (left_out, row.faults.is_empty()) {
            return Ok(Read::LeftOut(why));
        }
        let brought = row.brought();
        if row.faults.is_empty() { Ok(Read::Brought(Box::new(brought))) } else { Err(row.faults) }
    }
}

/// Which one is meant, where there are several.
fn chosen<'i>(
    what: &str,
    asked: Option<&str>,
    ids: impl Iterator<Item = &'i Text>,
) -> Result<usize, Failure> {
    let ids: Vec<&str> = ids.map(Text::as_str).collect();
    let list = ids.join(", ");
    match asked {
        Some(asked) => ids.iter().position(|id| *id == asked).ok_or_else(|| {
            let why = format!("there is no {what} `{asked}`; there are: {list}");
            Failure::settings(format!("cannot use the {what}"), why).fix(format!("choose one with --{what}"))
        }),
        None if ids.len() == 1 => Ok(0),
        None => Err(Failure::settings(format!("the {what} is not clear"), format!("there are: {list}"))
            .fix(format!("choose one with --{what} {}", ids.first().unwrap_or(&"ID")))),
    }
}

/// The levels of a ladder, with the words for them: their ids, their names, and what the person says.
fn levels(ask: &Members, plan: &Plan, at: usize, names: &Value) -> Result<(Text, Vec<Level>), Failure> {
    let ladder = &plan.ladders[at];
    let told = names["tiers"][ladder.id.as_str()]["levels"].as_array();
    let mut levels: Vec<Level> =
        ladder.levels.iter().map(|l| Level { id: l.id.clone(), called: vec![form(&l.id)] }).collect();
    for one in told.into_iter().flatten() {
        let level = levels.iter_mut().find(|level| Some(level.id.as_str()) == one["id"].as_str());
        if let (Some(level), Some(name)) = (level, one["name"].as_str()) {
            level.called.push(form(name));
        }
    }
    for said in &ask.tiers {
        let ids: Vec<&str> = ladder.levels.iter().map(|level| level.id.as_str()).collect();
        let fix = format!("write --tier NAME=LEVEL; levels are: {}", ids.join(", "));
        let Some((name, id)) = said.split_once('=') else {
            return Err(fault(format!("`{said}` does not say which level is meant"), &fix));
        };
        let Some(level) = levels.iter_mut().find(|level| level.id == id.trim()) else {
            return Err(fault(format!("tiers.{} has no level `{id}`", ladder.id), &fix));
        };
        level.called.push(form(name));
    }
    Ok((ladder.id.clone(), levels))
}

struct Row<'r> {
    reading: &'r Reading,
    line: u64,
    /// Of the columns in use, in their order.
    cells: Vec<String>,
    faults: Vec<Fault>,
}

impl Row<'_> {
    fn take_cells(&mut self, record: &ByteRecord) {
        for column in &self.reading.columns.used {
            let bytes = &record[column.at];
            let cell = match std::str::from_utf8(bytes) {
                Ok(text) => cells::plain(text).to_owned(),
                Err(_) => {
                    self.faults.push(Fault {
                        line: self.line,
                        column: Some(column.name.clone()),
                        cell: String::from_utf8_lossy(bytes).into_owned(),
                        what: "this is not UTF-8".into(),
                        fix: "save the sheet as `CSV UTF-8 (Comma delimited)`".into(),
                    });
                    String::new()
                }
            };
            self.cells.push(cell);
        }
    }

    fn cell(&self, what: &What) -> Option<&str> {
        let at = self.reading.columns.used.iter().position(|column| column.what == *what)?;
        Some(&self.cells[at]).filter(|cell| !cell.is_empty()).map(String::as_str)
    }

    /// What the cell says, if it says something; what is wrong with it is noted.
    fn read<T>(&mut self, what: &What, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let cell = self.cell(what)?.to_owned();
        match read(&cell) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.note(what, wrong);
                None
            }
        }
    }

    fn note(&mut self, what: &What, Wrong { what: said, fix }: Wrong) {
        let column = self.reading.columns.holds(what).map(|column| column.name.clone());
        let cell = self.cell(what).unwrap_or_default().to_owned();
        self.faults.push(Fault { line: self.line, column, cell, what: said, fix });
    }

    fn left_out(&mut self) -> Option<&'static str> {
        let guests = self.reading.guests;
        let status = self.read(&What::Status, |cell| match &*form(cell) {
            "member" | "members" | "enrolled" | "active" | "opted_in" | "yes" | "true" | "1" | "in" => {
                Ok(None)
            }
            "candidate" | "guest" | "not_enrolled" | "pending" | "invited" => Ok(Some(GUEST)),
            "disabled" | "excluded" | "blocked" | "opted_out" | "inactive" | "no" | "false" | "0" | "out"
            | "unenrolled" | "removed" => Ok(Some(EXCLUDED)),
            _ => wrong(
                "it is not known whether that is a member",
                "write member, guest or excluded; or leave the column out of the file",
            ),
        });
        status.flatten().filter(|why| !(guests && *why == GUEST))
    }

    fn brought(&mut self) -> Brought {
        let reading = self.reading;
        let zone = &reading.zone;
        let names = self.names();
        let mut data = Map::new();
        let mut minor = 0;
        if let Some((wallet, decimals)) = &reading.wallet {
            data.insert("wallet".into(), wallet.as_str().into());
            minor = self.read(&What::Points, |cell| amount(cell, *decimals, reading.style)).unwrap_or(0);
            data.insert("points".into(), Num::minor(minor, *decimals).to_string().into());
        }
        let mut put = |name: &str, at: Option<Timestamp>| {
            if let Some(at) = at {
                data.insert(name.into(), at.to_string().into());
            }
        };
        // Of what is not there nothing ends.
        if minor > 0 {
            put("expires_at", self.when(&What::Expires, |when| when.ends(zone)));
        }
        put("joined", self.when(&What::Joined, |when| when.begins(zone)));
        let level = self.level();
        if level.is_some() {
            put("until", self.when(&What::Until, |when| when.ends(zone)));
        }
        if let (Some(level), Some((ladder, levels))) = (level, &reading.ladder) {
            data.insert("ladder".into(), ladder.as_str().into());
            data.insert("level".into(), levels[level].id.as_str().into());
        }
        let fields = self.fields();
        if !fields.is_empty() {
            data.insert("fields".into(), fields.into());
        }
        Brought { line: self.line, input: self.input(names, data), minor, level }
    }

    /// First what he is known by, the e-mail address before others.
    fn names(&mut self) -> Vec<Identity> {
        let reading = self.reading;
        let mut kinds: Vec<(What, String)> = vec![
            (What::Email, "email".into()),
            (What::Customer, reading.customers.clone()),
            (What::Phone, "phone".into()),
        ];
        let own = reading.columns.used.iter().filter_map(|column| match &column.what {
            What::Identity(kind) => Some((column.what.clone(), kind.clone())),
            _ => None,
        });
        kinds.extend(own);
        let mut names: Vec<Identity> = Vec::new();
        let faults = self.faults.len();
        for (what, kind) in kinds {
            names.extend(self.read(&what, |cell| identity(&kind, cell)));
        }
        if names.is_empty() && self.faults.len() == faults {
            let named = reading.columns.used.iter().find(|column| column.what.is_name());
            let what = named.map_or(What::Email, |column| column.what.clone());
            let fix = "write who it is, or take the line out".to_owned();
            self.note(&what, Wrong { what: "nothing says who this is".into(), fix });
        }
        let code = |cell: &str| identity("referral", code(cell));
        names.extend(self.read(&What::Referral, code));
        names.dedup();
        names
    }

    fn when(&mut self, what: &What, read: impl Fn(When) -> Option<Timestamp>) -> Option<Timestamp> {
        let style = self.reading.style;
        let cell = self.cell(what)?;
        if cells::is_nothing(cell) {
            return None;
        }
        self.read(what, |cell| {
            let when = cells::when(cell, style)?;
            read(when).map_or_else(|| wrong("there is no such time", "write dates like 2026-11-23"), Ok)
        })
    }

    fn level(&mut self) -> Option<usize> {
        let (ladder, levels) = self.reading.ladder.as_ref()?;
        if cells::is_nothing(self.cell(&What::Tier)?) {
            return None;
        }
        self.read(&What::Tier, |cell| {
            let wanted = form(cell);
            let known = levels.iter().position(|level| level.called.contains(&wanted));
            known.map_or_else(
                || {
                    let names = levels.iter().flat_map(|level| level.called.iter().map(String::as_str));
                    let meant = near(cell, names).and_then(|near| {
                        levels.iter().find(|level| level.called.iter().any(|word| word == near))
                    });
                    let ids: Vec<&str> = levels.iter().map(|level| level.id.as_str()).collect();
                    let what = format!("tiers.{ladder} has no level of this name; it has {}", ids.join(", "));
                    let fix = match meant {
                        Some(level) => format!("did you mean {0}? then --tier \"{cell}={0}\"", level.id),
                        None => format!("say which it is: --tier \"{cell}=LEVEL\""),
                    };
                    wrong(what, fix)
                },
                Ok,
            )
        })
    }

    fn fields(&mut self) -> Map<String, Value> {
        let reading = self.reading;
        let mut fields = Map::new();
        for field in &declared(&reading.plan).0 {
            let what = What::Field(field.name.to_string());
            let value = self.read(&what, |cell| value(&field.ty, &field.name, cell, reading));
            if let Some(value) = value.flatten() {
                fields.insert(field.name.to_string(), value);
            }
        }
        let (month, day) = (self.cell(&What::BirthMonth), self.cell(&What::BirthDay));
        if let (Some(month), Some(day)) = (month, day)
            && !cells::is_nothing(month)
            && !cells::is_nothing(day)
        {
            let year = self.cell(&What::BirthYear).unwrap_or_default();
            match cells::birthday_of(year, month, day) {
                Ok(day) => drop(fields.insert("birthday".into(), day.to_string().into())),
                Err(wrong) => self.note(&What::BirthMonth, wrong),
            }
        }
        fields
    }

    /// The event's name says nothing about whom it is.
    fn input(&self, names: Vec<Identity>, mut data: Map<String, Value>) -> Input {
        let reading = self.reading;
        let mut names = names.into_iter();
        let subject = names.next();
        let mut hash = Sha256::new();
        let also: Vec<Identity> = names.collect();
        let said = Value::Object(data.clone()).to_string();
        let texts = subject.iter().chain(&also).map(Identity::as_str).chain([&*said]);
        for text in texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        data.insert("reason".into(), reading.reason.as_str().into());
        let first = subject.as_ref().map_or("", Identity::as_str);
        let wallet = reading.wallet.as_ref().map_or("", |(id, _)| id.as_str());
        let halves = (reading.keys.guest(first).0, reading.keys.once(OPEN, 0, first).0);
        let event = Event {
            source: API_SOURCE.into(),
            id: format!("members:{wallet}:{:016x}{:016x}", halves.0, halves.1).into(),
            kind: OPEN.into(),
            subject: subject.map(Subject::Identity),
            also,
            time: reading.now,
            data: Value::Object(data).to_string().into_bytes().into(),
        };
        Input { event: event.into(), body_hash: hash.finalize().into(), origin: "import".into() }
    }
}

fn identity(kind: &str, value: &str) -> Result<Identity, Wrong> {
    Identity::parse(&format!("{kind}:{value}"))
        .map_err(|why| Wrong { what: why.to_owned(), fix: "correct the cell, or empty it".into() })
}

/// Of a link, its end.
fn code(cell: &str) -> &str {
    let link = cell.split(['&', '#']).next().unwrap_or(cell).trim_end_matches('/');
    link.rsplit(['/', '=', '?']).next().unwrap_or(link)
}

fn amount(cell: &str, decimals: u8, style: Style) -> Result<i64, Wrong> {
    let number = cells::number(cell, style)?;
    if number.is_negative() {
        return wrong("a balance below 0 is not taken in", "write 0, or take the line out");
    }
    match number.exact_minor(decimals) {
        Some(minor) => Ok(minor),
        None => wrong(
            format!("{number} has more decimals than the wallet, which has {decimals}"),
            "round it in the file",
        ),
    }
}

fn value(ty: &Type, name: &str, cell: &str, reading: &Reading) -> Result<Option<Value>, Wrong> {
    Ok(Some(match ty {
        Type::Num | Type::Money => cells::number(cell, reading.style)?.to_string().into(),
        Type::Bool => cells::yes(cell)?.into(),
        Type::Words(words) => match words.iter().find(|word| form(word) == form(cell)) {
            Some(word) => (&**word).into(),
            None => {
                return wrong(format!("it is none of {}", words.join(", ")), "correct the cell, or empty it");
            }
        },
        Type::Date | Type::Time if cells::is_nothing(cell) => return Ok(None),
        Type::Date if name == "birthday" => {
            cells::birthday(cell, reading.style, &reading.zone)?.to_string().into()
        }
        Type::Date => cells::when(cell, reading.style)?.day(&reading.zone).to_string().into(),
        Type::Time => match cells::when(cell, reading.style)?.begins(&reading.zone) {
            Some(at) => at.to_string().into(),
            None => return wrong("there is no such time", "write times like 2026-11-23 10:00"),
        },
        Type::List(_) => {
            let parts = cell.split([',', ';', '|']).map(str::trim).filter(|part| !part.is_empty());
            json!(parts.collect::<Vec<_>>())
        }
        _ => cell.into(),
    }))
}
