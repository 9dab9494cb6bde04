//! Careers: worlds in which members reach goals, keep runs of periods or break them, are followed by clocks and workflows,
//! and bring other members. Levels and rewards are played in the club, households and merges in homes.

mod audit;
mod marks;
mod terms;

use serde_json::Value;

use crate::rng::Rng;
use crate::shell::{Clients, Names, card, mail, person_of};
use crate::sim::story::{Audit, Story};
use crate::world::{BEGIN, DAY, Message};
use terms::Terms;

pub use marks::ALL as MARKS;

pub struct Career {
    /// Of the first version.
    terms: Terms,
    versions: Vec<Terms>,
    clients: Clients,
    /// How often, per mille, a day is spent with a run in mind.
    steady: u32,
}

impl Career {
    pub fn draw(programs: &mut Rng, mut rng: Rng) -> Career {
        let (terms, steady) = (Terms::draw(programs), rng.swarm(400));
        let mut versions = vec![terms.clone()];
        for _ in 0..programs.between(0, 2) {
            versions.push(versions[versions.len() - 1].revise(programs));
        }
        Career { terms, versions, clients: Clients::new(rng), steady }
    }
    fn something(&mut self) {
        let person = self.clients.person();
        let (who, time) = (self.clients.names(person), self.clients.instant());
        if self.clients.rng.chance(self.steady) {
            return self.keeps_coming(person, time);
        }
        match self.clients.rng.index(20) {
            0 => self.clients.send("member.enrolled", who, time, "{}".to_owned()),
            1 => {
                let (month, day) = (self.clients.rng.between(1, 12), self.clients.rng.between(1, 28));
                let day = if month == 2 && day > 24 { 29 } else { day };
                let data = format!("{{\"birthday\":\"1988-{month:02}-{day:02}\"}}");
                self.clients.send("member.updated", who, time, data);
            }
            2..=4 => self.visit(who, time),
            5 | 6 => self.clients.send("form.sent", who, time, "{}".to_owned()),
            7..=9 => {
                let other = self.clients.person();
                let by = if self.clients.rng.chance(700) { mail(other) } else { card(other) };
                let by = if self.clients.rng.chance(50) {
                    "\"code\":\"ZZZZ-ZZZZ\"".to_owned()
                } else {
                    format!("\"by\":\"{by}\"")
                };
                // Most claim when they are new.
                let time = if self.clients.rng.chance(600) { BEGIN + (time - BEGIN) / 8 } else { time };
                self.clients.send("referral.claimed", who, time, format!("{{{by}}}"));
            }
            10 => {
                let wallet = *self.clients.rng.pick(&["points", "points", "tokens"]);
                let amount = self.clients.rng.between(-60, 20);
                let data = format!("{{\"wallet\":\"{wallet}\",\"amount\":{amount},\"reason\":\"asked\"}}");
                self.clients.send("fealty.adjusted", (who.0, Vec::new()), time, data);
            }
            11 => {
                let other = self.clients.person();
                let data = format!("{{\"identities\":[\"{}\"]}}", card(other));
                self.clients.send("fealty.linked", (who.0, Vec::new()), time, data);
            }
            _ => self.purchase(person, who, time),
        }
    }
    fn visit(&mut self, who: Names, time: i64) {
        self.clients.send("visit.made", who, time, "{\"place\":\"north\"}".to_owned());
    }
    /// Period after period, with a gap now and then.
    fn keeps_coming(&mut self, person: usize, time: i64) {
        let step = DAY
            * match self.terms.run.unit {
                terms::Unit::Day => 1,
                terms::Unit::Week => 7,
                terms::Unit::Month | terms::Unit::Quarter => 30,
            };
        let mut time = time;
        for _ in 0..self.clients.rng.between(2, 8) {
            let who = self.clients.names(person);
            match self.terms.run.on {
                "order.paid" => self.purchase(person, who, time),
                _ => self.visit(who, time),
            }
            time += if self.clients.rng.chance(250) { 2 * step } else { step };
            // Of a year and a bit every window is remembered.
            if time > BEGIN + 380 * DAY {
                break;
            }
        }
    }
    fn purchase(&mut self, person: usize, who: Names, time: i64) {
        let (id, cents) = self.clients.pays(who, time);
        if self.clients.rng.chance(60) {
            self.clients.after(person, time, "order.cancelled", format!("{{\"order\":\"{id}\"}}"));
        }
        self.clients.returns(person, time, (&id, cents));
    }
}

impl Story for Career {
    fn programs(&self) -> Vec<String> {
        self.versions.iter().map(Terms::toml).collect()
    }
    fn messages(&mut self) -> Vec<Message> {
        while !self.clients.is_enough() {
            self.something();
        }
        self.clients.take()
    }
    /// Who was thanked for someone tells others his code.
    fn told(&mut self, message: &Message, decision: &Value, clock: i64) -> Vec<Message> {
        let told = decision["msg"].as_array().into_iter().flatten();
        let mut codes = told.filter_map(|m| m["data"]["code"].as_str());
        let Some(code) = codes.next().filter(|_| person_of(&message.subject).is_some()) else {
            return Vec::new();
        };
        let person = self.clients.person();
        let who = self.clients.names(person);
        let data = format!("{{\"code\":\"{}\"}}", code.to_lowercase());
        vec![self.clients.message("referral.claimed", who, clock, data)]
    }
    fn auditor(&self) -> Box<dyn Audit> {
        Box::new(audit::Career::new(self.versions.clone()))
    }
}
