//! The club: worlds in which time does things. Points wait and end, levels are kept and lost, rewards are reserved,
//! confirmed, given up and taken back, members give to each other, guests are claimed. The shop (`catalog`, `world`,
//! `audit`) is the other family: many rules and limits, and time does nothing by itself.

pub(crate) mod audit;
pub(crate) mod ends;
mod marks;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rng::Rng;
use crate::sim::story::{Audit, Story};
use crate::world::{BEGIN, DAY, Message, decimal};
use terms::{QUANTITY_MAX, Terms};

pub use marks::ALL as MARKS;

const HOUR: i64 = 3600;

/// How much goes wrong, per mille, and how much there is.
struct Weather {
    twice: u32,
    reorder: u32,
    late: u32,
    future: u32,
    card: u32,
    people: usize,
    days: i64,
    most: usize,
}

pub struct Club {
    /// Of the first version.
    terms: Terms,
    versions: Vec<Terms>,
    rng: Rng,
    weather: Weather,
    next: u32,
    messages: Vec<Message>,
    /// Numbers of members, as clients were told.
    numbers: BTreeMap<usize, u64>,
    /// Gifts that wait until the receiver's number is known: (receiver, giver, time).
    gifts: Vec<(usize, usize, i64)>,
    /// Redemptions that a client heard of, by name.
    heard: BTreeSet<String>,
}

impl Club {
    pub fn draw(programs: &mut Rng, mut rng: Rng) -> Club {
        let weather = Weather {
            twice: rng.swarm(300),
            reorder: rng.swarm(300),
            late: rng.swarm(120),
            future: rng.swarm(20),
            card: rng.swarm(500),
            people: rng.between(2, 12) as usize,
            days: rng.between(20, 300),
            most: rng.between(60, 450) as usize,
        };
        let terms = Terms::draw(programs);
        let mut versions = vec![terms.clone()];
        for _ in 0..programs.between(0, 2) {
            versions.push(versions[versions.len() - 1].revise(programs));
        }
        Club {
            terms,
            versions,
            rng,
            weather,
            next: 0,
            messages: Vec::new(),
            numbers: BTreeMap::new(),
            gifts: Vec::new(),
            heard: BTreeSet::new(),
        }
    }
    fn person(&mut self) -> usize {
        // A few do most.
        let top = if self.rng.chance(600) { self.weather.people.min(3) } else { self.weather.people };
        self.rng.index(top)
    }
    fn instant(&mut self) -> i64 {
        let day = BEGIN + self.rng.between(0, self.weather.days) * DAY;
        match self.rng.index(4) {
            // Midnight in Berlin in winter and in summer, or a second before.
            0 => day + *self.rng.pick(&[23, 22]) * HOUR - self.rng.between(0, 1),
            1 => day + self.rng.between(0, 23) * HOUR,
            _ => day + self.rng.between(0, DAY - 1),
        }
    }
    fn names(&mut self, person: usize) -> (String, Vec<String>) {
        let (mail, card) = (format!("email:p{person}@example.com"), format!("pos:card:{}", 1000 + person));
        match (self.rng.chance(self.weather.card), self.rng.chance(250)) {
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
        if self.rng.chance(self.weather.future) {
            message.time = message.arrives + *self.rng.pick(&[300, 301, 9000]);
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
        let empty = || "{}".to_owned();
        match self.rng.index(24) {
            0 | 1 => self.send("member.enrolled", who, time, empty()),
            2..=7 => self.send("visit.made", who, time, empty()),
            8 => self.send("game.won", who, time, empty()),
            9 => self.send("swap.asked", who, time, empty()),
            10..=13 => self.redeem(who.0, time, None),
            14 => self.adjust(who.0, time),
            15 => {
                let other = self.person();
                let name = format!("pos:card:{}", 1000 + if self.rng.chance(700) { person } else { other });
                self.send(
                    "fealty.linked",
                    (who.0, Vec::new()),
                    time,
                    format!("{{\"identities\":[\"{name}\"]}}"),
                );
            }
            16 | 17 => {
                let to = self.person();
                self.gifts.push((to, person, time));
            }
            _ => self.purchase(person, who, time),
        }
    }
    fn redeem(&mut self, subject: String, time: i64, order: Option<&str>) {
        let at = self.rng.index(self.terms.rewards.len());
        let reward = if self.rng.chance(20) { "moon" } else { self.terms.rewards[at].id };
        let quantity = if self.rng.chance(700) { 1 } else { self.rng.between(0, QUANTITY_MAX + 1) };
        let confirm = self.rng.chance(400);
        let order = order.map_or(String::new(), |id| format!(",\"order\":\"{id}\""));
        let data =
            format!("{{\"reward\":\"{reward}\",\"quantity\":{quantity},\"confirm\":{confirm}{order}}}");
        self.send("fealty.redeemed", (subject, Vec::new()), time, data);
    }
    fn adjust(&mut self, subject: String, time: i64) {
        let wallet = *self.rng.pick(&["points", "gems"]);
        let amount = self.rng.between(-40, 60);
        let data = format!("{{\"wallet\":\"{wallet}\",\"amount\":{amount},\"reason\":\"asked\"}}");
        self.send("fealty.adjusted", (subject, Vec::new()), time, data);
    }
    fn purchase(&mut self, person: usize, who: (String, Vec<String>), time: i64) {
        let (id, cents) = (format!("o{}", self.next), self.rng.between(1, 9000));
        let total = decimal(cents, 2);
        let data = format!(
            "{{\"id\":\"{id}\",\"currency\":\"EUR\",\"total\":\"{total}\",\"subtotal\":\"{total}\"}}"
        );
        self.send("order.paid", who, time, data);
        if self.rng.chance(300) {
            let (who, later) = (self.names(person), self.rng.between(0, 2 * DAY));
            self.redeem(who.0, time + later, Some(&id));
        }
        if self.rng.chance(600) {
            self.after(person, time, "order.fulfilled", format!("{{\"order\":\"{id}\"}}"));
        }
        if self.rng.chance(60) {
            self.after(person, time, "order.cancelled", format!("{{\"order\":\"{id}\"}}"));
        }
        while self.rng.chance(250) {
            let refund = self.next;
            let amount = match self.rng.chance(200) {
                true => String::new(),
                false => format!(",\"amount\":\"{}\"", decimal(self.rng.between(1, cents), 2)),
            };
            let data = format!("{{\"id\":\"r{refund}\",\"order\":\"{id}\",\"currency\":\"EUR\"{amount}}}");
            self.after(person, time, "order.refunded", data);
        }
    }
    /// Something that comes after the order was paid; seldom it names someone else.
    fn after(&mut self, person: usize, paid: i64, kind: &str, data: String) {
        let who = match self.rng.index(20) {
            0 => {
                let other = self.person();
                self.names(other)
            }
            1..=9 => self.names(person),
            _ => (String::new(), Vec::new()),
        };
        let time =
            paid + if self.rng.chance(300) { self.rng.between(0, 60) } else { self.rng.between(0, 30 * DAY) };
        self.send(kind, who, time, data);
    }
    fn gift(&mut self, (giver, time): (usize, i64), to: u64, clock: i64) -> Message {
        let (subject, _) = self.names(giver);
        let wallet = *self.rng.pick(&["points", "gems"]);
        let amount = self.rng.between(0, 60);
        let to = if self.rng.chance(20) { 9999 } else { to };
        let data = format!("{{\"to\":{to},\"wallet\":\"{wallet}\",\"amount\":{amount}}}");
        self.message("fealty.transferred", (subject, Vec::new()), time.max(clock), data)
    }
    /// What becomes of a redemption after this stage, if its client does anything.
    fn goes_on(&mut self, message: &Message, name: &str, stage: &str, clock: i64) -> Vec<Message> {
        let act = |club: &mut Club, act: &str, within: i64| {
            let data = format!("{{\"redemption\":\"{name}\",\"act\":\"{act}\"}}");
            let time = clock + club.rng.between(0, within);
            // Sometimes in the name of someone else.
            let subject =
                if club.rng.chance(30) { "email:p0@example.com" } else { &message.subject }.to_owned();
            club.message("fealty.redemption", (subject, Vec::new()), time, data)
        };
        match (stage, self.rng.index(10)) {
            ("reserved", 0..=3) => vec![act(self, "confirm", 30 * HOUR)],
            ("reserved", 4) => vec![act(self, "cancel", 30 * HOUR)],
            ("reserved", 5) => vec![act(self, "cancel", 20 * DAY), act(self, "confirm", 20 * DAY)],
            ("reserved", 6) => vec![act(self, "return", DAY)],
            ("confirmed", 0..=4) => vec![act(self, "return", 60 * DAY)],
            ("confirmed", 5) => vec![act(self, "return", DAY), act(self, "return", 60 * DAY)],
            _ => Vec::new(),
        }
    }
}

impl Story for Club {
    fn programs(&self) -> Vec<String> {
        self.versions.iter().map(Terms::toml).collect()
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
            self.numbers.entry(person).or_insert(no);
            let gifts: Vec<_> = self.gifts.extract_if(.., |gift| gift.0 == person).collect();
            next.extend(gifts.into_iter().map(|(_, giver, time)| self.gift((giver, time), no, clock)));
        }
        for one in decision["msg"].as_array().into_iter().flatten() {
            let kind = one["type"].as_str().unwrap_or("");
            let Some((name, stage)) =
                one["data"]["redemption"].as_str().zip(kind.strip_prefix("redemption."))
            else {
                continue;
            };
            if self.heard.insert(format!("{name} {stage}")) {
                next.extend(self.goes_on(message, name, stage, clock));
            }
        }
        next
    }
    fn auditor(&self) -> Box<dyn Audit> {
        Box::new(audit::Club::new(self.versions.clone()))
    }
}
