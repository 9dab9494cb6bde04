//! Programs of homes: a wallet that households share and one that each member keeps, codes from a pool and from a
//! pattern. `Terms` is what the auditor computes with; `Terms::toml` is the same as a person would write it.

use crate::club::ends::Ends;
use crate::rng::Rng;

#[derive(Clone, Debug)]
pub struct Terms {
    /// `points` of orders, which households share; `gems` of visits, which they do not.
    pub wallets: [Wallet; 2],
    /// Points for a euro.
    pub rate: i64,
    /// So many points a month, for a household together.
    pub cap: Option<i64>,
    /// Gems for a visit, for the first one of a place, and for each after so many.
    pub visit: i64,
    pub place: i64,
    pub regular: i64,
    pub after: i64,
    pub most: usize,
    /// Days that one stays.
    pub stay: i64,
    /// `film` costs points and gives codes of a pool, `song` costs gems and gives codes of a pattern.
    pub rewards: [Reward; 2],
    /// Unknown names are guests, whose events can be claimed for so many days.
    pub guests: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Wallet {
    pub id: &'static str,
    pub ends: Ends,
    /// Days until it can be spent.
    pub wait: Option<i64>,
    pub short: &'static str,
    pub warn: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Reward {
    pub id: &'static str,
    pub cost: i64,
    pub hold_hours: i64,
    pub stock: Option<i64>,
}

pub const WALLETS: [&str; 2] = ["points", "gems"];
/// In the order of their names.
pub const BY_NAME: [usize; 2] = [1, 0];
pub const QUANTITY_MAX: i64 = 3;
/// Codes of `song`: so few that some are met twice.
pub const PATTERN: &str = "S-##";

impl Terms {
    pub fn draw(rng: &mut Rng) -> Terms {
        let ends = |rng: &mut Rng| match rng.index(5) {
            0 => Ends::Never,
            1 => Ends::Days(rng.between(3, 90)),
            2 => Ends::EndOfMonth(rng.between(0, 6)),
            3 => Ends::Yearly(rng.between(1, 12) as i8, rng.between(1, 28) as i8),
            _ => Ends::Months(rng.between(1, 8)),
        };
        let mut wallet = |id, waits: u32| Wallet {
            id,
            ends: ends(rng),
            wait: rng.chance(waits).then(|| rng.between(1, 20)),
            short: rng.pick::<&str>(&["debt", "forgive", "negative"]),
            warn: rng.chance(400).then(|| rng.between(1, 20)),
        };
        let wallets = [wallet(WALLETS[0], 400), wallet(WALLETS[1], 0)];
        let mut reward = |id, most| Reward {
            id,
            cost: rng.between(1, most),
            hold_hours: *rng.pick(&[1, 24, 24 * 10]),
            stock: rng.chance(300).then(|| rng.between(3, 30)),
        };
        let rewards = [reward("film", 90), reward("song", 12)];
        Terms {
            wallets,
            rate: rng.between(1, 4),
            cap: rng.chance(600).then(|| rng.between(20, 400)),
            visit: rng.between(1, 9),
            place: rng.between(1, 9),
            regular: rng.between(1, 9),
            after: rng.between(1, 9),
            most: rng.between(2, 4) as usize,
            stay: if rng.chance(500) { 0 } else { rng.between(1, 10) },
            rewards,
            guests: rng.chance(300).then(|| rng.between(5, 60)),
        }
    }
    pub fn reward(&self, id: &str) -> Option<usize> {
        self.rewards.iter().position(|reward| reward.id == id)
    }
    pub fn toml(&self) -> String {
        let guests = self
            .guests
            .map_or(String::new(), |days| format!(", enrol = \"explicit\", claim_window = \"{days} days\""));
        let mut out = format!(
            "program = {{ id = \"home\", currency = \"EUR\", timezone = \"Europe/Berlin\"{guests} }}\n"
        );
        out.push_str("events.\"visit.made\" = { place = \"string\" }\n");
        out.push_str("counters.visits = { on = \"visit.made\", per = \"life\" }\n");
        for wallet in &self.wallets {
            let days = |key: &str, days: Option<i64>| {
                days.map_or(String::new(), |days| format!(", {key} = \"{days} days\""))
            };
            out.push_str(&format!(
                "wallets.{} = {{ expires = \"{}\", when_short = \"{}\"{}{}, transfer = true }}\n",
                wallet.id,
                wallet.ends.text(),
                wallet.short,
                days("pending", wallet.wait),
                days("warn", wallet.warn),
            ));
        }
        out.push_str(&format!(
            "households = {{ share = [\"points\"], members_max = {}, stay = \"{} days\" }}\n",
            self.most, self.stay
        ));
        let cap = self.cap.map_or(String::new(), |most| {
            format!("limit = {{ points = {most}, per = \"month\", across = \"household\" }}\n")
        });
        out.push_str(&format!(
            "[rules.base]\non = \"order.paid\"\nearn.points = 'order.total * {}'\n{cap}",
            self.rate
        ));
        out.push_str(&format!("[rules.visit]\non = \"visit.made\"\nearn.gems = {}\n", self.visit));
        out.push_str(&format!(
            "[rules.place]\non = \"visit.made\"\nonce_per = 'visit.place'\nearn.gems = {}\n",
            self.place
        ));
        out.push_str(&format!(
            "[rules.regular]\non = \"visit.made\"\nwhen = 'counters.visits >= {}'\nearn.gems = {}\n",
            self.after, self.regular
        ));
        let gives = ["pool = \"films\"".to_owned(), format!("pattern = \"{PATTERN}\"")];
        for ((reward, wallet), gives) in self.rewards.iter().zip(WALLETS).zip(gives) {
            let stock = reward.stock.map_or(String::new(), |stock| format!("stock = {stock}\n"));
            out.push_str(&format!(
                "[rewards.{}]\ncost.{wallet} = {}\nhold = \"{} hours\"\nquantity_max = {QUANTITY_MAX}\ngives.code = {{ {gives} }}\n{stock}",
                reward.id, reward.cost, reward.hold_hours
            ));
        }
        out
    }
}
