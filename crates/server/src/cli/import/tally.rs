//! What came of an import, counted: by status, by code with the first places, members, points.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

use domain::event::MemberNo;
use domain::outcome::{Decision, Status};
use domain::plan::Plan;
use engine::Outcome;
use serde_json::json;
use store::Reader;
use wire::cloudevents::Bad;

use crate::cli::table::{grouped, render};
use crate::http::shape::Points;

/// Places that are told of each code.
const PLACES: usize = 3;

#[derive(Default)]
struct Code {
    count: u64,
    message: String,
    /// `file:line`
    places: Vec<String>,
}

pub struct Tally {
    names: Vec<String>,
    started: Instant,
    events: u64,
    applied: u64,
    duplicates: u64,
    ignored: u64,
    refused: u64,
    waiting: u64,
    conflicts: u64,
    unreadable: u64,
    codes: BTreeMap<(&'static str, String), Code>,
    members: HashSet<MemberNo>,
    enrolled: u64,
    points: BTreeMap<Box<str>, i64>,
    /// Rows that waited and were set free by an event of this import.
    freed: Vec<u64>,
}

impl Tally {
    pub fn new(files: &[PathBuf]) -> Tally {
        Tally {
            names: files.iter().map(|file| file.display().to_string()).collect(),
            started: Instant::now(),
            events: 0,
            applied: 0,
            duplicates: 0,
            ignored: 0,
            refused: 0,
            waiting: 0,
            conflicts: 0,
            unreadable: 0,
            codes: BTreeMap::new(),
            members: HashSet::new(),
            enrolled: 0,
            points: BTreeMap::new(),
            freed: Vec::new(),
        }
    }

    pub fn add(&mut self, outcome: &Outcome, file: usize, line: u64) {
        self.events += 1;
        let decision = &outcome.decision;
        if outcome.conflict {
            self.conflicts += 1;
            self.code(
                "conflict",
                "event_conflict",
                "the same event came before with other contents",
                file,
                line,
            );
            return;
        }
        if outcome.duplicate {
            self.duplicates += 1;
            return;
        }
        let kind = match decision.status {
            Status::Applied => {
                self.applied += 1;
                "applied"
            }
            Status::Ignored => {
                self.ignored += 1;
                "ignored"
            }
            Status::Refused => {
                self.refused += 1;
                "refused"
            }
            Status::Waiting => {
                self.waiting += 1;
                "waiting"
            }
        };
        if let (Some(reason), false) = (&decision.reason, decision.status == Status::Applied) {
            self.code(kind, &reason.code, &reason.message, file, line);
        }
        self.freed.extend(&decision.frees);
        self.effects(decision);
    }

    fn effects(&mut self, decision: &Decision) {
        self.members.extend(decision.member);
        self.enrolled += u64::from(decision.enrolled);
        for effect in &decision.effects {
            let sign = if &*effect.kind == "reverse" { -1 } else { 1 };
            *self.points.entry(effect.wallet.as_str().into()).or_default() += sign * effect.granted;
        }
    }

    fn code(&mut self, kind: &'static str, code: &str, message: &str, file: usize, line: u64) {
        let place = format!("{}:{line}", self.names[file]);
        let entry = self.codes.entry((kind, code.to_owned())).or_default();
        entry.count += 1;
        if entry.places.len() < PLACES {
            message.clone_into(&mut entry.message);
            entry.places.push(place);
        }
    }

    pub fn unreadable_lines(&mut self, file: usize, bad: Vec<(u64, Bad)>) {
        for (line, bad) in bad {
            self.unreadable += 1;
            let (code, detail) = bad.0.first().map_or(("event_unreadable", String::new()), |fault| {
                (fault.code, format!("{} {}", fault.pointer, fault.detail).trim().to_owned())
            });
            self.code("unreadable", code, &detail, file, line);
        }
    }

    /// The file could not be read to its end.
    pub fn broken(&mut self, file: usize, why: &str) {
        self.unreadable += 1;
        self.code("unreadable", "file_broken", why, file, 0);
    }

    /// Every line was read, and every event taken.
    pub fn clean(&self) -> bool {
        self.unreadable + self.refused + self.conflicts == 0
    }

    /// What waited before and was applied because its order came: those rows answer nobody, so they are looked up.
    pub fn follow_the_freed(&mut self, reader: &Reader) {
        for pos in std::mem::take(&mut self.freed) {
            let Ok(Some(waited)) = reader.journal_get(pos) else { continue };
            let Ok(rows) = reader.event_get(Some(&waited.event.source), &waited.event.id) else { continue };
            if let Some(row) = rows.iter().find(|row| row.again == Some(pos)) {
                self.effects(&row.decision);
            }
        }
    }

    /// For the progress bar.
    pub fn line(&self) -> String {
        format!("{} events, {} /s", grouped(self.events), grouped(self.rate()))
    }

    fn rate(&self) -> i64 {
        (self.events as f64 / self.started.elapsed().as_secs_f64().max(0.001)) as i64
    }

    fn rows(&self) -> Vec<(&'static str, u64)> {
        let all = [
            ("events", self.events),
            ("applied", self.applied),
            ("duplicates", self.duplicates),
            ("ignored", self.ignored),
            ("refused", self.refused),
            ("waiting", self.waiting),
            ("conflicts", self.conflicts),
            ("unreadable lines", self.unreadable),
            ("members", self.members.len() as u64),
            ("enrolled", self.enrolled),
        ];
        let optional = ["waiting", "conflicts", "unreadable lines"];
        all.into_iter().filter(|(name, count)| *count > 0 || !optional.contains(name)).collect()
    }

    fn shown(plan: &Plan, wallet: &str, minor: i64) -> Points {
        Points(minor, plan.wallets.iter().find(|w| *w.id == *wallet).map_or(0, |w| w.decimals))
    }

    pub fn table(&self, plan: &Plan) -> String {
        let mut rows = vec![vec!["what".to_owned(), "count".to_owned()]];
        rows.extend(self.rows().into_iter().map(|(name, count)| vec![name.to_owned(), grouped(count)]));
        for (wallet, minor) in &self.points {
            rows.push(vec![format!("granted {wallet}"), Self::shown(plan, wallet, *minor).to_string()]);
        }
        rows.push(vec!["seconds".into(), format!("{:.1}", self.started.elapsed().as_secs_f64())]);
        rows.push(vec!["events/s".into(), grouped(self.rate())]);
        let mut text = render(&rows);
        for ((kind, code), what) in &self.codes {
            let more = if what.count > what.places.len() as u64 { ", …" } else { "" };
            let _ = write!(
                text,
                "\n{kind} {code}: {}\n  {}\n  at {}{more}\n",
                grouped(what.count),
                what.message,
                what.places.join(", ")
            );
        }
        text
    }

    pub fn json(&self, plan: &Plan) -> serde_json::Value {
        let points: BTreeMap<&str, Points> = self
            .points
            .iter()
            .map(|(wallet, minor)| (&**wallet, Self::shown(plan, wallet, *minor)))
            .collect();
        let codes: Vec<_> = self
            .codes
            .iter()
            .map(|((kind, code), what)| json!({"kind": kind, "code": code, "count": what.count, "message": what.message, "first": what.places}))
            .collect();
        json!({
            "events": self.events, "applied": self.applied, "duplicates": self.duplicates, "ignored": self.ignored,
            "refused": self.refused, "waiting": self.waiting, "conflicts": self.conflicts,
            "unreadable": self.unreadable, "members": self.members.len(), "enrolled": self.enrolled,
            "points": points, "codes": codes,
            "seconds": (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0, "events_per_second": self.rate(),
        })
    }
}
