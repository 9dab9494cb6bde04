//! What the families with members have in common: clients that send late, twice and under several names (`Clients`), and
//! what every journal keeps whatever is played (`Past`, `Waits`). Not here: what is sent, and what should come of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;

use crate::audit::{Row, laws, same};
use crate::club::ends::local;
use crate::rng::Rng;
use crate::world::{BEGIN, DAY, Message, decimal};

pub const HOUR: i64 = 3600;

/// How much goes wrong, per mille, and how much there is.
pub struct Weather {
    pub twice: u32,
    pub reorder: u32,
    pub late: u32,
    pub future: u32,
    /// How often a member is named by his card.
    pub card: u32,
    pub people: usize,
    pub days: i64,
    pub most: usize,
}

impl Weather {
    pub fn draw(rng: &mut Rng) -> Weather {
        Weather {
            twice: rng.swarm(300),
            reorder: rng.swarm(300),
            late: rng.swarm(120),
            future: rng.swarm(20),
            card: rng.swarm(450),
            people: rng.between(2, 12) as usize,
            days: rng.between(20, 300),
            most: rng.between(60, 450) as usize,
        }
    }
}

/// Subject, and further names.
pub type Names = (String, Vec<String>);

pub struct Clients {
    pub rng: Rng,
    pub weather: Weather,
    /// Messages made so far: no name comes twice.
    pub made: u32,
    sent: Vec<Message>,
}

impl Clients {
    pub fn new(mut rng: Rng) -> Clients {
        Clients { weather: Weather::draw(&mut rng), rng, made: 0, sent: Vec::new() }
    }
    pub fn person(&mut self) -> usize {
        // A few do most.
        let top = if self.rng.chance(600) { self.weather.people.min(3) } else { self.weather.people };
        self.rng.index(top)
    }
    pub fn instant(&mut self) -> i64 {
        let day = BEGIN + self.rng.between(0, self.weather.days) * DAY;
        match self.rng.index(4) {
            // Midnight in Berlin in winter and in summer, or a second before.
            0 => day + *self.rng.pick(&[23, 22]) * HOUR - self.rng.between(0, 1),
            1 => day + self.rng.between(0, 23) * HOUR,
            _ => day + self.rng.between(0, DAY - 1),
        }
    }
    pub fn names(&mut self, person: usize) -> Names {
        let (mail, card) = (mail(person), card(person));
        match (self.rng.chance(self.weather.card), self.rng.chance(220)) {
            (true, false) => (card, Vec::new()),
            (true, true) => (card, vec![mail]),
            (false, true) => (mail, vec![card]),
            (false, false) => (mail, Vec::new()),
        }
    }
    pub fn message(&mut self, kind: &str, (subject, also): Names, time: i64, data: String) -> Message {
        self.made += 1;
        let source = if kind.starts_with("fealty.") { "fealty:api" } else { "shop" }.to_owned();
        let id = format!("{}-{}", kind.replace('.', "-"), self.made);
        Message { source, id, kind: kind.to_owned(), subject, also, time, data, arrives: time }
    }
    pub fn send(&mut self, kind: &str, who: Names, time: i64, data: String) {
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
        self.sent.push(message.clone());
        while self.rng.chance(self.weather.twice) {
            message.arrives += *self.rng.pick(&[0, 1, HOUR, 2 * DAY, 40 * DAY]);
            self.sent.push(message.clone());
        }
    }
    /// An order is paid: its id, and its total in cents.
    pub fn pays(&mut self, who: Names, time: i64) -> (String, i64) {
        let (id, cents) = (format!("o{}", self.made), self.rng.between(1, 9000));
        let total = decimal(cents, 2);
        let data = format!(
            "{{\"id\":\"{id}\",\"currency\":\"EUR\",\"total\":\"{total}\",\"subtotal\":\"{total}\"}}"
        );
        self.send("order.paid", who, time, data);
        (id, cents)
    }
    /// Something that comes after an order was paid; seldom it names someone else.
    pub fn after(&mut self, person: usize, paid: i64, kind: &str, data: String) {
        let who = match self.rng.index(20) {
            0 => {
                let other = self.person();
                self.names(other)
            }
            1..=9 => self.names(person),
            _ => (String::new(), Vec::new()),
        };
        let later = if self.rng.chance(300) { 60 } else { 45 * DAY };
        let time = paid + self.rng.between(0, later);
        self.send(kind, who, time, data);
    }
    /// The order comes back, in parts or as a whole, or it does not.
    pub fn returns(&mut self, person: usize, paid: i64, (id, cents): (&str, i64)) {
        while self.rng.chance(250) {
            let refund = self.made;
            let amount = match self.rng.chance(250) {
                true => String::new(),
                false => format!(",\"amount\":\"{}\"", decimal(self.rng.between(1, cents), 2)),
            };
            let data = format!("{{\"id\":\"r{refund}\",\"order\":\"{id}\",\"currency\":\"EUR\"{amount}}}");
            self.after(person, paid, "order.refunded", data);
        }
    }
    pub fn is_enough(&self) -> bool {
        self.sent.len() >= self.weather.most
    }
    /// Everything, in the order in which it arrives first.
    pub fn take(&mut self) -> Vec<Message> {
        let mut messages = std::mem::take(&mut self.sent);
        messages.sort_by_key(|m| m.arrives);
        messages
    }
}

pub fn mail(person: usize) -> String {
    format!("email:p{person}@example.com")
}

pub fn card(person: usize) -> String {
    format!("pos:card:{}", 1000 + person)
}

/// Whose address it is.
pub fn person_of(subject: &str) -> Option<usize> {
    subject.strip_prefix("email:p")?.split('@').next()?.parse().ok()
}

/// A number in the place of a name.
pub fn number(subject: &str) -> Result<u64, String> {
    let no = subject.strip_prefix('#').and_then(|no| no.parse().ok());
    no.ok_or_else(|| format!("{subject} is no number of a member"))
}

/// What an auditor remembers of every row.
pub struct Past {
    pos: u64,
    now: i64,
    seen: BTreeSet<(String, String)>,
}

impl Default for Past {
    fn default() -> Past {
        Past { pos: 0, now: i64::MIN, seen: BTreeSet::new() }
    }
}

impl Past {
    /// One row further, which keeps the laws of every row.
    pub fn goes_on(&mut self, row: &Row) -> Result<(), String> {
        same("position", row.pos, self.pos + 1)?;
        if row.now < self.now {
            return Err(format!("the clock went back from {} to {}", self.now, row.now));
        }
        (self.pos, self.now) = (row.pos, row.now);
        laws::row(row)
    }
    pub fn is_new(&self, message: &Message) -> Result<(), String> {
        match self.seen.contains(&(message.source.clone(), message.id.clone())) {
            true => Err("the journal holds this (source, id) twice".to_owned()),
            false => Ok(()),
        }
    }
    /// `code`: why it was turned away, if it was.
    pub fn keep(&mut self, message: &Message, code: &str) {
        if !crate::sim::LEAVE_THE_NAME.contains(&code) {
            self.seen.insert((message.source.clone(), message.id.clone()));
        }
    }
}

/// Where a failure was found.
pub fn at_row(row: &Row, why: &str) -> String {
    let what = |m: &Message| format!("{} {} {} {} {}", m.kind, m.id, m.subject, m.time, m.data);
    let what = row.message.as_ref().map_or_else(String::new, what);
    let member = row.decision["m"].as_u64().unwrap_or(0);
    format!("row {} of member {member} ({what}): {why}\n  decision {}", row.pos, row.decision)
}

/// Rows that wait: for an order, or for a member to claim them.
#[derive(Default)]
pub struct Waits(BTreeMap<u64, Wait>);

struct Wait {
    message: Message,
    order: Option<String>,
    /// Whose it is, if that is known.
    of: Option<u64>,
}

impl Waits {
    pub fn add(&mut self, pos: u64, message: &Message, order: Option<String>, of: Option<u64>) {
        self.0.insert(pos, Wait { message: message.clone(), order, of });
    }
    /// What was told of these members is gone.
    pub fn forget(&mut self, is_his: impl Fn(u64) -> bool) {
        self.0.retain(|_, wait| !wait.of.is_some_and(&is_his));
    }
    pub fn take(&mut self, pos: u64) -> Result<Message, String> {
        self.0.remove(&pos).map(|wait| wait.message).ok_or_else(|| "it did not wait".to_owned())
    }
    /// Those that wait for this order, or for one of these names at `at` within the days in which they can be claimed.
    /// `gone`: they were set free already.
    pub fn frees(
        &self,
        names: &[String],
        order: Option<&str>,
        (at, days): (i64, i64),
        gone: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let within = |time: i64| at <= (local(time) + days.days()).timestamp().as_second();
        let mut all: Vec<(i64, u64)> = Vec::new();
        for (pos, Wait { message, order: of, .. }) in self.0.iter().filter(|(pos, _)| !gone(**pos)) {
            let mut named = std::iter::once(&message.subject).chain(&message.also);
            let free = match of {
                Some(of) => Some(&**of) == order,
                None => named.any(|name| names.contains(name)) && within(message.time),
            };
            if free {
                all.push((message.time, *pos));
            }
        }
        all.sort_unstable();
        all.into_iter().map(|(_, pos)| pos).collect()
    }
}
