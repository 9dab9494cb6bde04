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
use crate::shell::{Clients, HOUR, Names, person_of};
use crate::sim::story::{Audit, Story};
use crate::world::{DAY, Message};
use terms::{QUANTITY_MAX, Terms};

pub use marks::ALL as MARKS;

pub struct Club {
    /// Of the first version.
    terms: Terms,
    versions: Vec<Terms>,
    clients: Clients,
    /// Numbers of members, as clients were told.
    numbers: BTreeMap<usize, u64>,
    /// Gifts that wait until the receiver's number is known: (receiver, giver, time).
    gifts: Vec<(usize, usize, i64)>,
    /// Redemptions that a client heard of, by name.
    heard: BTreeSet<String>,
}

impl Club {
    pub fn draw(programs: &mut Rng, rng: Rng) -> Club {
        let terms = Terms::draw(programs);
        let mut versions = vec![terms.clone()];
        for _ in 0..programs.between(0, 2) {
            versions.push(versions[versions.len() - 1].revise(programs));
        }
        Club {
            terms,
            versions,
            clients: Clients::new(rng),
            numbers: BTreeMap::new(),
            gifts: Vec::new(),
            heard: BTreeSet::new(),
        }
    }
    fn something(&mut self) {
        let person = self.clients.person();
        let (who, time) = (self.clients.names(person), self.clients.instant());
        let empty = || "{}".to_owned();
        match self.clients.rng.index(24) {
            0 | 1 => self.clients.send("member.enrolled", who, time, empty()),
            2..=7 => self.clients.send("visit.made", who, time, empty()),
            8 => self.clients.send("game.won", who, time, empty()),
            9 => self.clients.send("swap.asked", who, time, empty()),
            10..=13 => self.redeem(who.0, time, None),
            14 => self.adjust(who.0, time),
            15 => {
                let other = self.clients.person();
                let name =
                    format!("pos:card:{}", 1000 + if self.clients.rng.chance(700) { person } else { other });
                self.clients.send(
                    "fealty.linked",
                    (who.0, Vec::new()),
                    time,
                    format!("{{\"identities\":[\"{name}\"]}}"),
                );
            }
            16 | 17 => {
                let to = self.clients.person();
                self.gifts.push((to, person, time));
            }
            _ => self.purchase(person, who, time),
        }
    }
    fn redeem(&mut self, subject: String, time: i64, order: Option<&str>) {
        let at = self.clients.rng.index(self.terms.rewards.len());
        let reward = if self.clients.rng.chance(20) { "moon" } else { self.terms.rewards[at].id };
        let quantity =
            if self.clients.rng.chance(700) { 1 } else { self.clients.rng.between(0, QUANTITY_MAX + 1) };
        let confirm = self.clients.rng.chance(400);
        let order = order.map_or(String::new(), |id| format!(",\"order\":\"{id}\""));
        let data =
            format!("{{\"reward\":\"{reward}\",\"quantity\":{quantity},\"confirm\":{confirm}{order}}}");
        self.clients.send("fealty.redeemed", (subject, Vec::new()), time, data);
    }
    fn adjust(&mut self, subject: String, time: i64) {
        let wallet = *self.clients.rng.pick(&["points", "gems"]);
        let amount = self.clients.rng.between(-40, 60);
        let data = format!("{{\"wallet\":\"{wallet}\",\"amount\":{amount},\"reason\":\"asked\"}}");
        self.clients.send("fealty.adjusted", (subject, Vec::new()), time, data);
    }
    fn purchase(&mut self, person: usize, who: Names, time: i64) {
        let (id, cents) = self.clients.pays(who, time);
        if self.clients.rng.chance(300) {
            let (who, later) = (self.clients.names(person), self.clients.rng.between(0, 2 * DAY));
            self.redeem(who.0, time + later, Some(&id));
        }
        if self.clients.rng.chance(600) {
            self.clients.after(person, time, "order.fulfilled", format!("{{\"order\":\"{id}\"}}"));
        }
        if self.clients.rng.chance(60) {
            self.clients.after(person, time, "order.cancelled", format!("{{\"order\":\"{id}\"}}"));
        }
        self.clients.returns(person, time, (&id, cents));
    }
    fn gift(&mut self, (giver, time): (usize, i64), to: u64, clock: i64) -> Message {
        let (subject, _) = self.clients.names(giver);
        let wallet = *self.clients.rng.pick(&["points", "gems"]);
        let amount = self.clients.rng.between(0, 60);
        let to = if self.clients.rng.chance(20) { 9999 } else { to };
        let data = format!("{{\"to\":{to},\"wallet\":\"{wallet}\",\"amount\":{amount}}}");
        self.clients.message("fealty.transferred", (subject, Vec::new()), time.max(clock), data)
    }
    /// What becomes of a redemption after this stage, if its client does anything.
    fn goes_on(&mut self, message: &Message, name: &str, stage: &str, clock: i64) -> Vec<Message> {
        let act = |club: &mut Club, act: &str, within: i64| {
            let data = format!("{{\"redemption\":\"{name}\",\"act\":\"{act}\"}}");
            let time = clock + club.clients.rng.between(0, within);
            // Sometimes in the name of someone else.
            let subject = if club.clients.rng.chance(30) { "email:p0@example.com" } else { &message.subject }
                .to_owned();
            club.clients.message("fealty.redemption", (subject, Vec::new()), time, data)
        };
        match (stage, self.clients.rng.index(10)) {
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
