//! When clocks ring for a member, and what they do: at the end of each period, on a day of the year, after a silence, once.

use jiff::ToSpan;
use jiff::civil::Date;

use super::history::{ONE, begin};
use super::{Book, Career, Member};
use crate::career::terms::{Counter, Flow, Start};
use crate::club::ends::{HOME, local};
use crate::sim::marks::Marks;
use crate::world::DAY;

#[derive(Clone, Debug)]
pub struct Ring {
    pub at: i64,
    clock: Clock,
}

#[derive(Clone, Debug)]
enum Clock {
    /// The last second of the period.
    Period(i64),
    Silence,
    Special,
    Yearly,
    Flow(usize),
}

/// Of these the rules listen for silence.
const SILENT: &str = "rules.asleep";

fn later(at: i64, days: i64) -> i64 {
    (local(at) + days.days()).timestamp().as_second()
}

impl Flow {
    fn silence(&self) -> Option<(String, i64)> {
        if let Start::Idle(days) = self.start { Some((format!("workflows.{}", self.id), days)) } else { None }
    }
}

impl Career {
    /// The next ring of each clock.
    pub(super) fn rings(&self, member: &Member) -> Vec<Ring> {
        let clocks = &self.terms.clocks;
        let silent = |name: &str, days: i64| {
            let (heard, rung) = member.silences.get(name).copied().unwrap_or((member.since, false));
            Some(later(heard, days)).filter(|end| !rung && *end > member.since)
        };
        let done = member.clock.map_or(member.since, |clock| clock.max(member.since));
        let (month, day) = clocks.once;
        let special = begin(Date::constant(2026, month, day));
        let mut all = vec![
            self.period(member, done),
            silent(SILENT, clocks.idle).map(|at| Ring { at, clock: Clock::Silence }),
            (special > done).then_some(Ring { at: special, clock: Clock::Special }),
            self.yearly(member, done).map(|at| Ring { at, clock: Clock::Yearly }),
        ];
        let flows = self.terms.flows.iter().enumerate();
        all.extend(flows.filter_map(|(no, flow)| {
            let (name, days) = flow.silence()?;
            Some(silent(&name, days).map(|at| Ring { at, clock: Clock::Flow(no) }))
        }));
        all.into_iter().flatten().collect()
    }
    fn period(&self, member: &Member, done: i64) -> Option<Ring> {
        let clocks = &self.terms.clocks;
        let mut start = clocks.unit.start(local(member.since).date());
        loop {
            start = clocks.unit.after(start);
            let end = begin(start);
            let at = later(end, clocks.after);
            if end > member.since && at > done {
                return Some(Ring { at, clock: Clock::Period(end - 1) });
            }
        }
    }
    fn yearly(&self, member: &Member, done: i64) -> Option<i64> {
        let clocks = &self.terms.clocks;
        let day = if clocks.birthday { member.birthday? } else { local(member.since).date() };
        let rung = member.silences.get("rules.yearly").map(|rung| local(rung.0).year());
        let in_year = |year: i16| {
            let month = Date::constant(year, day.month(), 1);
            let date =
                month.with().day(day.day().min(month.days_in_month())).build().expect("a day of its month");
            let at = date.at(clocks.hour, 0, 0, 0).in_tz(HOME).expect("that hour is on every day");
            at - clocks.before.days()
        };
        let year = local(done).year();
        let mut rings = (year - 1..year + 4).map(in_year);
        let ring = rings
            .find(|ring| ring.timestamp().as_second() > done && rung.is_none_or(|rung| ring.year() > rung))?;
        Some(ring.timestamp().as_second())
    }
    /// Rings what is due.
    pub(super) fn ring(&mut self, book: &mut Book, now: i64, marks: &mut Marks) {
        let due: Vec<Ring> =
            self.rings(&self.members[&book.no]).into_iter().filter(|ring| ring.at <= book.at).collect();
        if !due.is_empty() && book.at < now - 30 * DAY {
            marks.hit("clock missed for a month while the server was down");
        }
        let clocks = self.terms.clocks.clone();
        for ring in &due {
            match ring.clock {
                Clock::Period(last) => {
                    let lately = self.value(&self.members[&book.no], Counter::Lately, last);
                    if lately >= i128::from(clocks.least) * ONE {
                        marks.hit("clock of a period paid");
                        self.grant(book, 0, clocks.period);
                    } else {
                        marks.hit("clock of a period rang for nothing");
                    }
                }
                Clock::Silence => {
                    marks.hit("silence rang");
                    self.grant(book, 0, clocks.asleep);
                    book.said.push("member.asleep".to_owned());
                }
                Clock::Special => {
                    marks.hit("clock of one day rang");
                    self.grant(book, 0, clocks.special);
                }
                Clock::Yearly => {
                    marks.hit(if clocks.birthday { "birthday rang" } else { "anniversary rang" });
                    self.grant(book, 0, clocks.yearly);
                }
                Clock::Flow(_) => {}
            }
        }
        let at = book.at;
        let flows: Vec<Option<(String, i64)>> = self.terms.flows.iter().map(Flow::silence).collect();
        for ring in &due {
            let member = self.member(book.no);
            let mut quiet = |name: &str| {
                member.silences.entry(name.to_owned()).or_insert((member.since, false)).1 = true;
            };
            match ring.clock {
                Clock::Silence => quiet(SILENT),
                Clock::Flow(no) => quiet(&flows[no].as_ref().expect("it is silent").0),
                Clock::Yearly => drop(member.silences.insert("rules.yearly".to_owned(), (at, true))),
                Clock::Period(_) | Clock::Special => {}
            }
        }
        for ring in due {
            if let Clock::Flow(no) = ring.clock {
                marks.hit("workflow begun by a silence");
                self.start(book, no, marks);
            }
        }
    }
    /// An event ends the silences that listen for it.
    pub(super) fn hear(&mut self, book: &Book, kind: &str, marks: &mut Marks) {
        let flows: Vec<String> = self.terms.flows.iter().filter_map(|flow| Some(flow.silence()?.0)).collect();
        let at = book.at;
        let silences = &mut self.member(book.no).silences;
        let mut heard = |name: &str| {
            let silence = silences.entry(name.to_owned()).or_insert((at, false));
            if silence.0 < at {
                if silence.1 {
                    marks.hit("silence over, and another begun");
                }
                *silence = (at, false);
            }
        };
        match kind {
            "order.paid" => heard(SILENT),
            "visit.made" => flows.iter().for_each(|name| heard(name)),
            _ => {}
        }
    }
}
