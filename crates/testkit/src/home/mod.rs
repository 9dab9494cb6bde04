//! Homes: worlds in which members belong together. They found households and leave them, share what they have, are
//! merged into one, go for ever; guests come back under their names; codes are given out of pools and patterns.
//! Levels, many rules and deliveries are played elsewhere (`club`, the shop).

mod audit;
mod marks;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rng::Rng;
use crate::shell::{Clients, HOUR, Names, person_of};
use crate::sim::story::{Audit, Story};
use crate::world::{DAY, Message};
use terms::{QUANTITY_MAX, Terms, WALLETS};

pub use marks::ALL as MARKS;

/// How often, per mille, a member is named by his number, is absorbed, goes for ever.
struct Temper {
    number: u32,
    merges: u32,
    erases: u32,
}

/// What one person does to another, whose number must be known for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Give,
    Join,
    Absorb,
}

pub struct Home {
    terms: Terms,
    clients: Clients,
    temper: Temper,
    /// Numbers of members, as clients were told last.
    numbers: BTreeMap<usize, u64>,
    /// (whom, who, what, when)
    plans: Vec<(usize, usize, With, i64)>,
    /// Redemptions that a client heard of, by name and stage.
    heard: BTreeSet<String>,
    /// By public name: row and number.
    named: BTreeMap<String, (u64, u64)>,
}

impl Home {
    pub fn draw(programs: &mut Rng, mut rng: Rng) -> Home {
        let temper = Temper { number: rng.swarm(500), merges: rng.swarm(900), erases: rng.swarm(400) };
        Home {
            terms: Terms::draw(programs),
            clients: Clients::new(rng),
            temper,
            numbers: BTreeMap::new(),
            plans: Vec::new(),
            heard: BTreeSet::new(),
            named: BTreeMap::new(),
        }
    }
    fn something(&mut self) {
        let person = self.clients.person();
        let (who, time) = (self.clients.names(person), self.clients.instant());
        let alone = (who.0.clone(), Vec::new());
        match self.clients.rng.index(30) {
            0 | 1 => self.clients.send("member.enrolled", who, time, "{}".to_owned()),
            2..=5 => {
                let place = *self.clients.rng.pick(&["north", "south", "harbour"]);
                self.clients.send("visit.made", who, time, format!("{{\"place\":\"{place}\"}}"));
            }
            6..=9 => self.redeem(who.0, time),
            10 | 11 => self.bring(time),
            12 => {
                let wallet = *self.clients.rng.pick(&WALLETS);
                let amount = self.clients.rng.between(-40, 60);
                let data = format!("{{\"wallet\":\"{wallet}\",\"amount\":{amount},\"reason\":\"asked\"}}");
                self.clients.send("fealty.adjusted", alone, time, data);
            }
            13 => {
                let name = format!("pos:card:{}", 1000 + self.clients.person());
                self.clients.send("fealty.linked", alone, time, format!("{{\"identities\":[\"{name}\"]}}"));
            }
            14..=20 => {
                let whom = self.clients.person();
                let what = match self.clients.rng.index(7) {
                    0..=2 => With::Join,
                    3 | 4 if self.clients.rng.chance(self.temper.merges) => With::Absorb,
                    _ => With::Give,
                };
                self.plans.push((whom, person, what, time));
                // One message, for the count.
                self.clients.send("member.enrolled", who, time, "{}".to_owned());
            }
            21 => self.clients.send("fealty.left", alone, time, "{}".to_owned()),
            22 if self.clients.rng.chance(self.temper.erases) => {
                self.clients.send("fealty.erased", alone, time, "{}".to_owned());
            }
            _ => self.purchase(person, who, time),
        }
    }
    fn redeem(&mut self, subject: String, time: i64) {
        let reward = *self.clients.rng.pick(&["film", "song"]);
        let quantity =
            if self.clients.rng.chance(600) { 1 } else { self.clients.rng.between(0, QUANTITY_MAX + 1) };
        let confirm = self.clients.rng.chance(500);
        let data = format!("{{\"reward\":\"{reward}\",\"quantity\":{quantity},\"confirm\":{confirm}}}");
        self.clients.send("fealty.redeemed", (subject, Vec::new()), time, data);
    }
    /// Codes for the pool; some came before, and some are of the pattern of the other reward.
    fn bring(&mut self, time: i64) {
        let codes: Vec<String> = (0..self.clients.rng.between(1, 4))
            .map(|_| match self.clients.rng.chance(300) {
                true => format!("\"S-{}{}\"", self.clients.rng.between(0, 9), self.clients.rng.between(0, 9)),
                false => format!("\"F{}\"", self.clients.rng.between(1, 300)),
            })
            .collect();
        let data = format!("{{\"pool\":\"films\",\"codes\":[{}]}}", codes.join(","));
        self.clients.send("fealty.codes", (String::new(), Vec::new()), time, data);
    }
    fn purchase(&mut self, person: usize, who: Names, time: i64) {
        let (id, cents) = self.clients.pays(who, time);
        self.clients.returns(person, time, (&id, cents));
    }
    fn does(&mut self, (whom, who, what): (usize, usize, With), time: i64) -> Message {
        let number = |home: &mut Home, person: usize| match home.clients.rng.index(40) {
            // A household, one who was absorbed, or nobody.
            0 => home.clients.rng.between(1, 14) as u64,
            _ => home.numbers.get(&person).copied().unwrap_or(0),
        };
        let other = number(self, whom);
        let subject = match self.clients.rng.chance(self.temper.number) {
            true => format!("#{}", number(self, who)),
            false => self.clients.names(who).0,
        };
        let (kind, data) = match what {
            With::Give => {
                let (wallet, amount) = (*self.clients.rng.pick(&WALLETS), self.clients.rng.between(0, 60));
                let data = format!("{{\"to\":{other},\"wallet\":\"{wallet}\",\"amount\":{amount}}}");
                ("fealty.transferred", data)
            }
            With::Join => ("fealty.joined", format!("{{\"with\":{other}}}")),
            With::Absorb => ("fealty.merged", format!("{{\"absorb\":{other}}}")),
        };
        self.clients.message(kind, (subject, Vec::new()), time, data)
    }
    /// Some merges are undone, at once or when something else has happened.
    fn undone(&mut self, message: &Message, decision: &Value, clock: i64) -> Option<Message> {
        let data: Value = serde_json::from_str(&message.data).ok()?;
        let later = match self.clients.rng.index(6) {
            0..=2 => self.clients.rng.between(0, 600),
            3 => self.clients.rng.between(0, 40 * DAY),
            _ => return None,
        };
        let (survivor, other) = (decision["m"].as_u64()?, data["absorb"].as_u64()?);
        let data = format!("{{\"absorbed\":{other}}}");
        Some(self.clients.message(
            "fealty.unmerged",
            (format!("#{survivor}"), Vec::new()),
            clock + later,
            data,
        ))
    }
    /// What becomes of a redemption after this stage, if its client does anything.
    fn goes_on(&mut self, message: &Message, name: &str, stage: &str, clock: i64) -> Vec<Message> {
        let luck = self.clients.rng.index(10);
        let mut act = |act: &str, within: i64| {
            let data = format!("{{\"redemption\":\"{name}\",\"act\":\"{act}\"}}");
            let time = clock + self.clients.rng.between(0, within);
            let person = self.clients.person();
            let subject = match self.clients.rng.index(30) {
                0 => self.clients.names(person).0,
                1 => format!("#{}", self.numbers.values().next().copied().unwrap_or(1)),
                _ => message.subject.clone(),
            };
            self.clients.message("fealty.redemption", (subject, Vec::new()), time, data)
        };
        match (stage, luck) {
            ("reserved", 0..=4) => vec![act("confirm", 30 * HOUR)],
            ("reserved", 5) => vec![act("cancel", 30 * HOUR)],
            ("reserved", 6) => vec![act("cancel", 20 * DAY), act("confirm", 20 * DAY)],
            ("confirmed", 0..=5) => vec![act("return", 60 * DAY)],
            ("confirmed", 6) => vec![act("return", DAY), act("return", 60 * DAY)],
            _ => Vec::new(),
        }
    }
}

impl Story for Home {
    fn programs(&self) -> Vec<String> {
        vec![self.terms.toml()]
    }
    fn messages(&mut self) -> Vec<Message> {
        while !self.clients.is_enough() {
            self.something();
        }
        self.clients.take()
    }
    fn told(&mut self, message: &Message, decision: &Value, clock: i64) -> Vec<Message> {
        let mut next = Vec::new();
        if let (Some(person), Some(no)) = (person_of(&message.subject), decision["m"].as_u64())
            && decision["s"] == "applied"
            && !message.kind.starts_with("order.re")
        {
            self.numbers.insert(person, no);
            let plans: Vec<_> = self.plans.extract_if(.., |plan| plan.0 == person).collect();
            next.extend(
                plans
                    .into_iter()
                    .map(|(whom, who, what, time)| self.does((whom, who, what), time.max(clock))),
            );
        }
        if message.kind == "fealty.merged" && decision["s"] == "applied" {
            next.extend(self.undone(message, decision, clock));
        }
        let told = decision["msg"].as_array().into_iter().flatten();
        let told = told.filter(|m| !m["data"]["redemption"].is_null());
        for (one, state) in told.zip(decision["rd"].as_array().into_iter().flatten()) {
            let kind = one["type"].as_str().unwrap_or("");
            let Some((name, stage)) =
                one["data"]["redemption"].as_str().zip(kind.strip_prefix("redemption."))
            else {
                continue;
            };
            let id = (state["pos"].as_u64().unwrap_or(0), state["n"].as_u64().unwrap_or(0));
            self.named.insert(name.to_owned(), id);
            if self.heard.insert(format!("{name} {stage}")) {
                next.extend(self.goes_on(message, name, stage, clock));
            }
        }
        next
    }
    fn forgets(&self) -> bool {
        true
    }
    fn auditor(&self) -> Box<dyn Audit> {
        Box::new(audit::Home::new(self.terms.clone(), self.named.clone()))
    }
}
