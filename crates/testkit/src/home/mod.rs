//! Homes: worlds in which members belong together. They found households and leave them, share what they have, are
//! merged into one, go for ever; guests come back under their names; codes are given out of pools and patterns.
//! Levels, many rules and deliveries are played elsewhere (`club`, the shop).

mod audit;
mod marks;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rng::Rng;
use crate::sim::story::{Audit, Story};
use crate::world::{BEGIN, DAY, Message, decimal};
use terms::{QUANTITY_MAX, Terms, WALLETS};

pub use marks::ALL as MARKS;

const HOUR: i64 = 3600;

/// How much goes wrong, per mille, and how much there is.
struct Weather {
    twice: u32,
    reorder: u32,
    late: u32,
    card: u32,
    /// How often a member is named by his number.
    number: u32,
    merges: u32,
    erases: u32,
    people: usize,
    days: i64,
    most: usize,
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
    rng: Rng,
    weather: Weather,
    next: u32,
    messages: Vec<Message>,
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
        let weather = Weather {
            twice: rng.swarm(300),
            reorder: rng.swarm(300),
            late: rng.swarm(120),
            card: rng.swarm(400),
            number: rng.swarm(500),
            merges: rng.swarm(900),
            erases: rng.swarm(400),
            people: rng.between(2, 9) as usize,
            days: rng.between(20, 250),
            most: rng.between(60, 400) as usize,
        };
        Home {
            terms: Terms::draw(programs),
            rng,
            weather,
            next: 0,
            messages: Vec::new(),
            numbers: BTreeMap::new(),
            plans: Vec::new(),
            heard: BTreeSet::new(),
            named: BTreeMap::new(),
        }
    }
    fn person(&mut self) -> usize {
        let top = if self.rng.chance(500) { self.weather.people.min(3) } else { self.weather.people };
        self.rng.index(top)
    }
    fn instant(&mut self) -> i64 {
        let day = BEGIN + self.rng.between(0, self.weather.days) * DAY;
        day + if self.rng.chance(300) { self.rng.between(0, 23) * HOUR } else { self.rng.between(0, DAY - 1) }
    }
    fn names(&mut self, person: usize) -> (String, Vec<String>) {
        let (mail, card) = (format!("email:p{person}@example.com"), format!("pos:card:{}", 1000 + person));
        match (self.rng.chance(self.weather.card), self.rng.chance(200)) {
            (true, false) => (card, Vec::new()),
            (true, true) => (card, vec![mail]),
            (false, true) => (mail, vec![card]),
            (false, false) => (mail, Vec::new()),
        }
    }
    fn message(&mut self, kind: &str, who: (String, Vec<String>), time: i64, data: String) -> Message {
        self.next += 1;
        let source = if kind.starts_with("fealty.") { "fealty:api" } else { "shop" }.to_owned();
        let id = format!("{}-{}", kind.replace('.', "-"), self.next);
        let (subject, also) = who;
        Message { source, id, kind: kind.to_owned(), subject, also, time, data, arrives: time }
    }
    fn send(&mut self, kind: &str, who: (String, Vec<String>), time: i64, data: String) {
        let mut message = self.message(kind, who, time, data);
        message.arrives += self.rng.between(0, 20);
        if self.rng.chance(self.weather.reorder) {
            message.arrives += self.rng.between(0, 3 * DAY);
        }
        if self.rng.chance(self.weather.late) {
            message.arrives += self.rng.between(0, 60) * DAY;
        }
        self.messages.push(message.clone());
        while self.rng.chance(self.weather.twice) {
            message.arrives += *self.rng.pick(&[0, 1, HOUR, 2 * DAY, 40 * DAY]);
            self.messages.push(message.clone());
        }
    }
    fn something(&mut self) {
        let person = self.person();
        let (who, time) = (self.names(person), self.instant());
        let alone = (who.0.clone(), Vec::new());
        match self.rng.index(30) {
            0 | 1 => self.send("member.enrolled", who, time, "{}".to_owned()),
            2..=5 => {
                let place = *self.rng.pick(&["north", "south", "harbour"]);
                self.send("visit.made", who, time, format!("{{\"place\":\"{place}\"}}"));
            }
            6..=9 => self.redeem(who.0, time),
            10 | 11 => self.bring(time),
            12 => {
                let wallet = *self.rng.pick(&WALLETS);
                let amount = self.rng.between(-40, 60);
                let data = format!("{{\"wallet\":\"{wallet}\",\"amount\":{amount},\"reason\":\"asked\"}}");
                self.send("fealty.adjusted", alone, time, data);
            }
            13 => {
                let name = format!("pos:card:{}", 1000 + self.person());
                self.send("fealty.linked", alone, time, format!("{{\"identities\":[\"{name}\"]}}"));
            }
            14..=20 => {
                let whom = self.person();
                let what = match self.rng.index(7) {
                    0..=2 => With::Join,
                    3 | 4 if self.rng.chance(self.weather.merges) => With::Absorb,
                    _ => With::Give,
                };
                self.plans.push((whom, person, what, time));
                // One message, for the count.
                self.send("member.enrolled", who, time, "{}".to_owned());
            }
            21 => self.send("fealty.left", alone, time, "{}".to_owned()),
            22 if self.rng.chance(self.weather.erases) => {
                self.send("fealty.erased", alone, time, "{}".to_owned());
            }
            _ => self.purchase(person, who, time),
        }
    }
    fn redeem(&mut self, subject: String, time: i64) {
        let reward = *self.rng.pick(&["film", "song"]);
        let quantity = if self.rng.chance(600) { 1 } else { self.rng.between(0, QUANTITY_MAX + 1) };
        let confirm = self.rng.chance(500);
        let data = format!("{{\"reward\":\"{reward}\",\"quantity\":{quantity},\"confirm\":{confirm}}}");
        self.send("fealty.redeemed", (subject, Vec::new()), time, data);
    }
    /// Codes for the pool; some came before, and some are of the pattern of the other reward.
    fn bring(&mut self, time: i64) {
        let codes: Vec<String> = (0..self.rng.between(1, 8))
            .map(|_| match self.rng.chance(300) {
                true => format!("\"S-{}{}\"", self.rng.between(0, 9), self.rng.between(0, 9)),
                false => format!("\"F{}\"", self.rng.between(1, 300)),
            })
            .collect();
        let data = format!("{{\"pool\":\"films\",\"codes\":[{}]}}", codes.join(","));
        self.send("fealty.codes", (String::new(), Vec::new()), time, data);
    }
    fn purchase(&mut self, person: usize, who: (String, Vec<String>), time: i64) {
        let (id, cents) = (format!("o{}", self.next), self.rng.between(1, 9000));
        let total = decimal(cents, 2);
        let data = format!(
            "{{\"id\":\"{id}\",\"currency\":\"EUR\",\"total\":\"{total}\",\"subtotal\":\"{total}\"}}"
        );
        self.send("order.paid", who, time, data);
        while self.rng.chance(250) {
            let refund = self.next;
            let amount = match self.rng.chance(300) {
                true => String::new(),
                false => format!(",\"amount\":\"{}\"", decimal(self.rng.between(1, cents), 2)),
            };
            let data = format!("{{\"id\":\"r{refund}\",\"order\":\"{id}\",\"currency\":\"EUR\"{amount}}}");
            let who = match self.rng.index(20) {
                0 => {
                    let other = self.person();
                    self.names(other)
                }
                1..=9 => self.names(person),
                _ => (String::new(), Vec::new()),
            };
            let later = self.rng.between(0, 60 * DAY);
            self.send("order.refunded", who, time + later, data);
        }
    }
    fn does(&mut self, (whom, who, what): (usize, usize, With), time: i64) -> Message {
        let number = |home: &mut Home, person: usize| match home.rng.index(40) {
            // A household, one who was absorbed, or nobody.
            0 => home.rng.between(1, 14) as u64,
            _ => home.numbers.get(&person).copied().unwrap_or(0),
        };
        let other = number(self, whom);
        let subject = match self.rng.chance(self.weather.number) {
            true => format!("#{}", number(self, who)),
            false => self.names(who).0,
        };
        let (kind, data) = match what {
            With::Give => {
                let (wallet, amount) = (*self.rng.pick(&WALLETS), self.rng.between(0, 60));
                let data = format!("{{\"to\":{other},\"wallet\":\"{wallet}\",\"amount\":{amount}}}");
                ("fealty.transferred", data)
            }
            With::Join => ("fealty.joined", format!("{{\"with\":{other}}}")),
            With::Absorb => ("fealty.merged", format!("{{\"absorb\":{other}}}")),
        };
        self.message(kind, (subject, Vec::new()), time, data)
    }
    /// Some merges are undone, at once or when something else has happened.
    fn undone(&mut self, message: &Message, decision: &Value, clock: i64) -> Option<Message> {
        let data: Value = serde_json::from_str(&message.data).ok()?;
        let later = match self.rng.index(6) {
            0..=2 => self.rng.between(0, 600),
            3 => self.rng.between(0, 40 * DAY),
            _ => return None,
        };
        let (survivor, other) = (decision["m"].as_u64()?, data["absorb"].as_u64()?);
        let data = format!("{{\"absorbed\":{other}}}");
        Some(self.message("fealty.unmerged", (format!("#{survivor}"), Vec::new()), clock + later, data))
    }
    /// What becomes of a redemption after this stage, if its client does anything.
    fn goes_on(&mut self, message: &Message, name: &str, stage: &str, clock: i64) -> Vec<Message> {
        let luck = self.rng.index(10);
        let mut act = |act: &str, within: i64| {
            let data = format!("{{\"redemption\":\"{name}\",\"act\":\"{act}\"}}");
            let time = clock + self.rng.between(0, within);
            let person = self.person();
            let subject = match self.rng.index(30) {
                0 => self.names(person).0,
                1 => format!("#{}", self.numbers.values().next().copied().unwrap_or(1)),
                _ => message.subject.clone(),
            };
            self.message("fealty.redemption", (subject, Vec::new()), time, data)
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
        while self.messages.len() < self.weather.most {
            self.something();
        }
        let mut messages = std::mem::take(&mut self.messages);
        messages.sort_by_key(|m| m.arrives);
        messages
    }
    fn told(&mut self, message: &Message, decision: &Value, clock: i64) -> Vec<Message> {
        let mut next = Vec::new();
        let person = message.subject.trim_start_matches("email:p").split('@').next();
        let person = person.and_then(|no| no.parse::<usize>().ok());
        if let (Some(person), Some(no)) = (person, decision["m"].as_u64())
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
