//! What is played: a family of worlds. Each says which programs run, what is sent, what a client sends after an answer,
//! and who audits. The stage (clients, server, disk, faults) is the same for all.

use std::collections::BTreeMap;

use serde_json::Value;

use super::marks::{Marks, Watch};
use crate::audit::{Auditor, Row};
use crate::career;
use crate::catalog::Terms;
use crate::club;
use crate::home;
use crate::rng::Rng;
use crate::world::{self, Message};

pub trait Story {
    /// Texts of the program's versions, oldest first.
    fn programs(&self) -> Vec<String>;
    /// Everything that is sent unasked, in the order in which it arrives first; never nothing.
    fn messages(&mut self) -> Vec<Message>;
    /// What a client sends because of what he was told, at `clock`.
    fn told(&mut self, _message: &Message, _decision: &Value, _clock: i64) -> Vec<Message> {
        Vec::new()
    }
    /// Whether members may be erased, so that less may be answered later.
    fn forgets(&self) -> bool {
        false
    }
    fn auditor(&self) -> Box<dyn Audit>;
}

/// By number of the member, and by name of the budget.
pub type State = (BTreeMap<u64, Value>, BTreeMap<String, Vec<(i64, i64)>>);

/// Follows a journal and says where it differs from what should be.
pub trait Audit {
    fn row(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String>;
    /// At the end: what the store holds, and that nothing is still to be done at `clock`.
    fn finish(&mut self, state: &State, clock: i64) -> Result<(), String>;
}

/// Of five seeds, two play in the shop, one each in the club, in homes and in careers.
pub fn draw(seed: u64, rng: &mut Rng) -> Box<dyn Story> {
    let (mut programs, worlds) = (rng.fork(), rng.fork());
    match seed % 5 {
        0 => Box::new(home::Home::draw(&mut programs, worlds)),
        2 => Box::new(club::Club::draw(&mut programs, worlds)),
        4 => Box::new(career::Career::draw(&mut programs, worlds)),
        _ => Box::new(Shop::draw(&mut programs, worlds)),
    }
}

/// Orders, returns and edits under many rules, limits and versions; time does nothing by itself.
struct Shop {
    terms: Vec<Terms>,
    rng: Rng,
}

impl Shop {
    fn draw(programs: &mut Rng, rng: Rng) -> Shop {
        let mut terms = vec![Terms::draw(programs)];
        for _ in 0..programs.between(0, 2) {
            let next = terms[terms.len() - 1].revise(programs);
            terms.push(next);
        }
        Shop { terms, rng }
    }
}

impl Story for Shop {
    fn programs(&self) -> Vec<String> {
        self.terms.iter().map(Terms::toml).collect()
    }
    fn messages(&mut self) -> Vec<Message> {
        world::messages(&mut self.rng)
    }
    fn auditor(&self) -> Box<dyn Audit> {
        let (auditor, watch) = (Auditor::new(&self.terms), Watch::default());
        Box::new(ShopAudit { auditor, watch, terms: self.terms.clone() })
    }
}

struct ShopAudit {
    auditor: Auditor,
    watch: Watch,
    terms: Vec<Terms>,
}

impl Audit for ShopAudit {
    fn row(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String> {
        self.auditor.row(row)?;
        self.watch.row(marks, row, &self.terms);
        Ok(())
    }
    fn finish(&mut self, state: &State, _clock: i64) -> Result<(), String> {
        self.auditor.finish(&state.0, &state.1)
    }
}

#[test]
fn every_drawn_program_checks() {
    for seed in 0..200 {
        let story = draw(seed, &mut Rng::new(seed));
        for (version, text) in (1..).zip(story.programs()) {
            crate::core::plan(&text, version);
        }
    }
}
