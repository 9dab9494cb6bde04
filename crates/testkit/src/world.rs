//! What happens in a simulated world: people buy, return, cancel, review and visit, and the shop's systems send word
//! of it late, twice, out of order and sometimes wrongly. Pure: a seed in, messages out.

use crate::catalog::CATEGORIES;
use crate::rng::Rng;

/// One message as a system sends it. Sent again, it is the same in every byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub source: String,
    pub id: String,
    pub kind: String,
    /// An identity, `kind:value`; empty if the order tells.
    pub subject: String,
    pub also: Vec<String>,
    /// Seconds since 1970.
    pub time: i64,
    /// A JSON object.
    pub data: String,
    /// When it first reaches us.
    pub arrives: i64,
}

/// How much goes wrong in this world, per mille.
#[derive(Clone, Debug)]
pub struct Weather {
    pub twice: u32,
    pub conflict: u32,
    pub other_id: u32,
    pub reorder: u32,
    pub late: u32,
    pub future: u32,
    pub refunds: u32,
    pub updates: u32,
    pub cancels: u32,
    pub adjusts: u32,
    pub links: u32,
    pub odd: u32,
}

impl Weather {
    pub fn draw(rng: &mut Rng) -> Weather {
        Weather {
            twice: rng.swarm(400),
            conflict: rng.swarm(60),
            other_id: rng.swarm(150),
            reorder: rng.swarm(300),
            late: rng.swarm(100),
            future: rng.swarm(30),
            refunds: 200 + rng.swarm(500),
            updates: rng.swarm(150),
            cancels: rng.swarm(120),
            adjusts: rng.swarm(100),
            links: rng.swarm(60),
            odd: rng.swarm(50),
        }
    }
}

/// 5 January 2026, 00:00 UTC, a Monday.
pub const BEGIN: i64 = 1_767_571_200;
pub const DAY: i64 = 86_400;

struct World<'a> {
    rng: &'a mut Rng,
    weather: Weather,
    people: usize,
    days: i64,
    messages: Vec<Message>,
    next: u32,
}

struct Line {
    id: String,
    quantity: i64,
    minor: i64,
    category: &'static str,
}

struct Purchase {
    id: String,
    currency: (&'static str, u32),
    person: usize,
    time: i64,
    lines: Vec<Line>,
    extra: i64,
}

const CURRENCIES: [(&str, u32); 6] = [("EUR", 2), ("EUR", 2), ("EUR", 2), ("CHF", 2), ("JPY", 0), ("KWD", 3)];

/// Everything that is sent, in the order in which it arrives first.
pub fn messages(rng: &mut Rng) -> Vec<Message> {
    let weather = Weather::draw(rng);
    let (people, count, days) =
        (rng.between(5, 50) as usize, rng.between(300, 1000) as usize, rng.between(30, 400));
    let mut world = World { rng, weather, people, days, messages: Vec::new(), next: 0 };
    while world.messages.len() < count {
        match world.rng.index(20) {
            0 => world.member(),
            1 | 2 => world.review(),
            3 | 4 => world.visit(),
            5..=7 => world.desk(),
            8 => world.oddity(),
            _ => world.purchase(),
        }
    }
    world.spread();
    let mut messages = world.messages;
    messages.sort_by_key(|m| m.arrives);
    messages
}

impl World<'_> {
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
    /// Whole minutes are common, so that things happen at one instant and on the edges of days.
    fn instant(&mut self) -> i64 {
        let day = BEGIN + self.rng.between(0, self.days) * DAY;
        match self.rng.index(6) {
            // Midnight in Berlin in winter, in summer, and in Tokyo, or a second before.
            0 => day + *self.rng.pick(&[23, 22, 15]) * 3600 - self.rng.between(0, 1),
            1 => day + self.rng.between(0, 23) * 3600,
            _ => day + self.rng.between(0, DAY - 1),
        }
    }
    fn names(&mut self, person: usize) -> (String, Vec<String>) {
        let all = [
            format!("email:p{person}@example.com"),
            format!("pos:card:{}", 1000 + person),
            format!("shopify:customer:{}", 77 + person),
        ];
        match self.rng.index(8) {
            0 => (all[1].clone(), vec![all[0].clone()]),
            1 => (all[0].clone(), vec![all[2].clone()]),
            2 => (all[2].clone(), vec![all[0].clone(), all[1].clone()]),
            _ => (all[0].clone(), Vec::new()),
        }
    }
    fn send(&mut self, source: &str, kind: &str, who: (String, Vec<String>), time: i64, data: String) {
        let id = format!("{}-{}", kind.replace('.', "-"), self.number());
        let mut time = time;
        let mut arrives = time + self.rng.between(0, 20);
        if self.rng.chance(self.weather.reorder) {
            arrives += self.rng.between(0, 3 * DAY);
        }
        if self.rng.chance(self.weather.late) {
            arrives += self.rng.between(0, 400) * DAY;
        }
        if self.rng.chance(self.weather.future) {
            time = arrives + *self.rng.pick(&[299, 300, 301, 302, 4000, 90_000]);
        }
        let (subject, also) = who;
        self.messages.push(Message {
            source: source.to_owned(),
            id,
            kind: kind.to_owned(),
            subject,
            also,
            time,
            data,
            arrives,
        });
    }
    fn person(&mut self) -> usize {
        // A few buy often, so that limits and windows are met.
        let top = if self.rng.chance(500) { self.people.min(4) } else { self.people };
        self.rng.index(top)
    }
    fn member(&mut self) {
        let person = self.person();
        let who = self.names(person);
        let time = self.instant();
        let plan = *self.rng.pick(&["gold", "basic", "gold"]);
        let kind = *self.rng.pick(&["member.enrolled", "member.updated"]);
        let region = match self.rng.index(6) {
            0 => ",\"region\":\"jp\"",
            1 => ",\"region\":\"eu\"",
            _ => "",
        };
        self.send("crm", kind, who, time, format!("{{\"plan\":\"{plan}\"{region}}}"));
    }
    fn review(&mut self) {
        let person = self.person();
        let (who, time) = (self.names(person), self.instant());
        let (product, rating) = (self.rng.between(1, 6), self.rng.between(1, 5));
        let data = if self.rng.chance(self.weather.odd) {
            format!("{{\"product\":\"p{product}\",\"rating\":\"good\"}}")
        } else {
            format!("{{\"product\":\"p{product}\",\"rating\":{rating}}}")
        };
        self.send("app", "review.posted", who, time, data);
    }
    fn visit(&mut self) {
        let person = self.person();
        let (who, time) = (self.names(person), self.instant());
        self.send("app", "visit.made", who, time, "{}".to_owned());
    }
    /// What the API does by itself: adjustments and links.
    fn desk(&mut self) {
        let person = self.person();
        let time = self.instant();
        let (who, _) = self.names(person);
        if self.rng.chance(self.weather.adjusts * 10) {
            let wallet = *self.rng.pick(&["points", "points", "cash", "stars"]);
            let most = *self.rng.pick(&[9, 60, 500]);
            let amount = self.rng.between(-most, most / 2);
            let amount = if wallet == "cash" {
                format!("{}.{:02}", amount, self.rng.between(0, 99))
            } else {
                amount.to_string()
            };
            let data = format!("{{\"wallet\":\"{wallet}\",\"amount\":\"{amount}\",\"reason\":\"asked\"}}");
            self.send("fealty:api", "fealty.adjusted", (who, Vec::new()), time, data);
        }
        if self.rng.chance(self.weather.links * 10) {
            let other = self.person();
            let name = match self.rng.index(3) {
                0 => format!("pos:card:{}", 1000 + other),
                1 => format!("email:P{other}@Example.com"),
                _ => format!("app:user:{person}"),
            };
            self.send(
                "fealty:api",
                "fealty.linked",
                (format!("email:p{person}@example.com"), Vec::new()),
                time,
                format!("{{\"identities\":[\"{name}\"]}}"),
            );
        }
    }
    fn oddity(&mut self) {
        if !self.rng.chance(self.weather.odd * 10) {
            return;
        }
        let person = self.person();
        let (who, time) = (self.names(person), self.instant());
        let no = self.number();
        match self.rng.index(4) {
            0 => self.send("app", "door.opened", who, time, "{\"door\":3}".to_owned()),
            1 => self.send("shop", "order.paid", who, time, format!("{{\"id\":\"x{no}\",\"currency\":\"USD\",\"total\":\"5\",\"subtotal\":\"5\"}}")),
            2 => self.send("shop", "order.paid", who, time, format!("{{\"id\":\"x{no}\",\"currency\":\"EUR\",\"total\":\"5.001\",\"subtotal\":\"5\"}}")),
            _ => self.send("shop", "order.paid", who, time, format!("{{\"id\":\"x{no}\",\"currency\":\"EUR\",\"region\":\"jp\",\"total\":\"5\",\"subtotal\":\"5\"}}")),
        }
    }
    fn purchase(&mut self) {
        let person = self.person();
        let time = self.instant();
        let currency = *self.rng.pick(&CURRENCIES);
        let scale = 10_i64.pow(currency.1);
        let lines = (0..self.rng.between(0, 4))
            .map(|no| Line {
                id: format!("i{no}"),
                quantity: self.rng.between(1, 4),
                minor: self.rng.between(0, 60 * scale),
                category: self.rng.pick::<&str>(&CATEGORIES),
            })
            .collect::<Vec<_>>();
        let extra = if lines.is_empty() || self.rng.chance(300) { self.rng.between(1, 9 * scale) } else { 0 };
        let order = Purchase { id: format!("o{}", self.number()), currency, person, time, lines, extra };
        let who = self.names(person);
        let data = order.json();
        if self.rng.chance(self.weather.other_id) {
            let (who, late) = (self.names(person), self.rng.between(0, 30 * 3600));
            self.send("import", "order.paid", who, time + late, data.clone());
        }
        self.send("shop", "order.paid", who, time, data);
        let mut order = order;
        if self.rng.chance(self.weather.updates) {
            self.edit(&mut order);
        }
        if self.rng.chance(self.weather.cancels) {
            let full = format!("{{\"order\":\"{}\"}}", order.id);
            self.follow(&order, "order.cancelled", full);
        }
        if self.rng.chance(200) {
            let data = format!("{{\"order\":\"{}\"}}", order.id);
            self.follow(&order, "order.fulfilled", data);
        }
        if self.rng.chance(self.weather.refunds) {
            for _ in 0..self.rng.between(1, 3) {
                let data = self.refund(&order);
                self.follow(&order, "order.refunded", data);
            }
        }
    }
    /// Something that comes after the order was paid, on its own way.
    fn follow(&mut self, order: &Purchase, kind: &str, data: String) {
        let who = if self.rng.chance(500) { (String::new(), Vec::new()) } else { self.names(order.person) };
        let time = order.time
            + if self.rng.chance(300) { self.rng.between(0, 60) } else { self.rng.between(0, 40 * DAY) };
        self.send("shop", kind, who, time, data);
        if self.rng.chance(self.weather.other_id)
            && let Some(mut again) = self.messages.last().cloned()
        {
            again.source = "import".to_owned();
            again.id = format!("import-{}", self.number());
            again.arrives += self.rng.between(0, 5 * DAY);
            self.messages.push(again);
        }
    }
    fn edit(&mut self, order: &mut Purchase) {
        if order.lines.is_empty() || self.rng.chance(300) {
            order.extra += self.rng.between(1, 500);
        } else {
            let at = self.rng.index(order.lines.len());
            order.lines[at].minor = self.rng.between(0, order.lines[at].minor * 2 + 10);
        }
        let data = order.json();
        self.follow(order, "order.updated", data);
    }
    fn refund(&mut self, order: &Purchase) -> String {
        let id = self.number();
        let by_item = !order.lines.is_empty() && self.rng.chance(600);
        let by_amount = !by_item || self.rng.chance(250);
        let mut data =
            format!("{{\"id\":\"r{id}\",\"order\":\"{}\",\"currency\":\"{}\"", order.id, order.currency.0);
        if by_amount {
            let all = order.total().max(1);
            let minor = if self.rng.chance(250) { all } else { self.rng.between(1, all) };
            data.push_str(&format!(",\"amount\":\"{}\"", decimal(minor, order.currency.1)));
        }
        if by_item {
            let at = self.rng.index(order.lines.len());
            let line = &order.lines[at];
            let part = match self.rng.index(3) {
                0 => format!("{{\"id\":\"{}\"}}", line.id),
                1 => {
                    format!("{{\"id\":\"{}\",\"quantity\":{}}}", line.id, self.rng.between(1, line.quantity))
                }
                _ => format!(
                    "{{\"id\":\"{}\",\"amount\":\"{}\"}}",
                    line.id,
                    decimal(self.rng.between(0, line.minor), order.currency.1)
                ),
            };
            data.push_str(&format!(",\"items\":[{part}]"));
        }
        data.push('}');
        data
    }
    /// The same again, once or more, later; and the same id with another body.
    fn spread(&mut self) {
        for at in 0..self.messages.len() {
            let mut again = self.messages[at].clone();
            while self.rng.chance(self.weather.twice) {
                again.arrives += *self.rng.pick(&[0, 0, 1, 60, 3600, 2 * DAY, 40 * DAY]);
                self.messages.push(again.clone());
            }
            if self.rng.chance(self.weather.conflict) {
                again.arrives += self.rng.between(-30, 5 * DAY);
                if self.rng.chance(500) {
                    again.time += 1;
                } else {
                    again.data.insert_str(1, if again.data == "{}" { "\"note\":1" } else { "\"note\":1," });
                }
                self.messages.push(again);
            }
        }
    }
}

impl Purchase {
    fn subtotal(&self) -> i64 {
        self.lines.iter().map(|l| l.minor).sum::<i64>() + if self.lines.is_empty() { self.extra } else { 0 }
    }
    fn total(&self) -> i64 {
        self.lines.iter().map(|l| l.minor).sum::<i64>() + self.extra
    }
    fn json(&self) -> String {
        let digits = self.currency.1;
        let items = self.lines.iter().map(|l| {
            format!(
                "{{\"id\":\"{}\",\"category\":\"{}\",\"quantity\":{},\"total\":\"{}\"}}",
                l.id,
                l.category,
                l.quantity,
                decimal(l.minor, digits)
            )
        });
        format!(
            "{{\"id\":\"{}\",\"currency\":\"{}\",\"total\":{},\"subtotal\":\"{}\",\"items\":[{}]}}",
            self.id,
            self.currency.0,
            decimal(self.total(), digits),
            decimal(self.subtotal(), digits),
            items.collect::<Vec<_>>().join(",")
        )
    }
}

pub fn decimal(minor: i64, digits: u32) -> String {
    if digits == 0 {
        return minor.to_string();
    }
    let scale = 10_i64.pow(digits);
    format!("{}.{:0width$}", minor / scale, minor % scale, width = digits as usize)
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let (one, two) = (messages(&mut Rng::new(7)), messages(&mut Rng::new(7)));
    assert_eq!(one, two);
    assert!(one.len() >= 300 && one != messages(&mut Rng::new(8)));
}
