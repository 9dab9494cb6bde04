//! Programs of the club: points that wait and end, levels that are kept, rewards. `Terms` is what the auditor computes
//! with; `Terms::toml` is the same as a person would write it.

use super::ends::Ends;
use crate::rng::Rng;

#[derive(Clone, Debug)]
pub struct Terms {
    /// `points` of orders, `gems` of visits.
    pub wallets: [Wallet; 2],
    /// Points for a euro.
    pub rate: i64,
    /// Gems for a visit, and so many more from the second level on.
    pub visit: i64,
    pub bonus: i64,
    pub ladder: Ladder,
    pub rewards: Vec<Reward>,
    /// Unknown names are guests, whose events can be claimed for so many days.
    pub guests: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Wallet {
    pub id: &'static str,
    pub ends: Ends,
    pub wait: Wait,
    /// When a return takes more than is there.
    pub short: &'static str,
    /// So many days before their end, points are warned of.
    pub warn: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    None,
    Days(i64),
    /// For the delivery of the order, and so many days; at most so many.
    Delivery {
        after: i64,
        most: i64,
    },
}

#[derive(Clone, Debug)]
pub struct Ladder {
    /// Visits in one of these.
    pub per: &'static str,
    /// So many for the second and the third level.
    pub needs: [i64; 2],
    pub keep: Ends,
    pub lapse: &'static str,
    pub grace: i64,
}

#[derive(Clone, Debug)]
pub struct Reward {
    pub id: &'static str,
    /// Points.
    pub cost: i64,
    pub stock: Option<i64>,
    /// So many times a month, for one member.
    pub monthly: Option<i64>,
    pub hold_hours: i64,
    /// It gives gems.
    pub gems: Option<i64>,
    /// For the second level and above.
    pub gold: bool,
}

pub const LEVELS: [&str; 3] = ["basic", "gold", "black"];
/// Quantities of one redemption.
pub const QUANTITY_MAX: i64 = 2;

fn keep(rng: &mut Rng) -> Ends {
    match rng.index(4) {
        0 => Ends::Days(rng.between(5, 60)),
        1 => Ends::Months(rng.between(1, 6)),
        2 => Ends::EndOfMonth(rng.between(0, 3)),
        _ => Ends::EndOfNextQuarter,
    }
}

impl Terms {
    pub fn draw(rng: &mut Rng) -> Terms {
        let ends = |rng: &mut Rng| {
            let year = rng.between(2026, 2027) as i16;
            let (month, day) = (rng.between(1, 12) as i8, rng.between(1, 28) as i8);
            match rng.index(8) {
                0 => Ends::Never,
                1 => Ends::Days(rng.between(1, 60)),
                2 => Ends::Months(rng.between(1, 12)),
                3 => Ends::EndOfMonth(rng.between(0, 12)),
                4 => Ends::On(year, month, day),
                5 => Ends::Yearly(month, day),
                6 => Ends::EndOfNextQuarter,
                _ => Ends::Idle(rng.between(5, 90)),
            }
        };
        let wait = |rng: &mut Rng| match rng.index(3) {
            0 => Wait::None,
            1 => Wait::Days(rng.between(1, 30)),
            _ => {
                let after = if rng.chance(300) { 0 } else { rng.between(1, 14) };
                Wait::Delivery { after, most: after + rng.between(1, 40) }
            }
        };
        let mut wallet = |id| Wallet {
            id,
            ends: ends(rng),
            wait: wait(rng),
            short: rng.pick::<&str>(&["debt", "forgive", "negative"]),
            warn: rng.chance(500).then(|| rng.between(1, 20)),
        };
        let wallets = [wallet("points"), wallet("gems")];
        let keep = keep(rng);
        let ladder = Ladder {
            per: rng.pick::<&str>(&["month", "quarter", "year"]),
            needs: [rng.between(1, 3), rng.between(3, 6)],
            keep,
            lapse: rng.pick::<&str>(&["requalify", "one_down", "stay"]),
            grace: if rng.chance(500) { 0 } else { rng.between(1, 20) },
        };
        let mut rewards = Vec::new();
        for id in ["badge", "mug", "trip"].into_iter().take(rng.between(1, 3) as usize) {
            rewards.push(Reward {
                id,
                cost: rng.between(1, 120),
                stock: rng.chance(600).then(|| rng.between(1, 12)),
                monthly: rng.chance(400).then(|| rng.between(1, 3)),
                hold_hours: *rng.pick(&[1, 24, 24 * 10]),
                gems: rng.chance(400).then(|| rng.between(1, 30)),
                gold: rng.chance(250),
            });
        }
        Terms {
            wallets,
            rate: rng.between(1, 4),
            visit: rng.between(1, 20),
            bonus: rng.between(1, 9),
            ladder,
            rewards,
            guests: rng.chance(500).then(|| rng.between(5, 60)),
        }
    }
    /// The next version. What is due for a member does not hang on what changes: his next instant is worked out when
    /// something happens to him.
    pub fn revise(&self, rng: &mut Rng) -> Terms {
        let mut next = self.clone();
        next.rate = rng.between(1, 4);
        next.visit = rng.between(1, 20);
        next.bonus = rng.between(1, 9);
        next.ladder.needs = [rng.between(1, 3), rng.between(3, 6)];
        next.ladder.keep = keep(rng);
        next.ladder.lapse = rng.pick::<&str>(&["requalify", "one_down", "stay"]);
        for wallet in &mut next.wallets {
            wallet.short = rng.pick::<&str>(&["debt", "forgive", "negative"]);
            if !matches!(wallet.ends, Ends::Idle(_)) && rng.chance(500) {
                wallet.ends = Ends::Days(rng.between(1, 90));
            }
            if rng.chance(300) && !matches!(wallet.wait, Wait::Delivery { .. }) {
                wallet.wait = if rng.chance(500) { Wait::None } else { Wait::Days(rng.between(1, 30)) };
            }
        }
        for reward in &mut next.rewards {
            reward.cost = rng.between(1, 120);
            reward.hold_hours = *rng.pick(&[1, 24, 24 * 10]);
        }
        next
    }
    pub fn reward(&self, id: &str) -> Option<&Reward> {
        self.rewards.iter().find(|r| r.id == id)
    }
    pub fn toml(&self) -> String {
        let guests = self
            .guests
            .map_or(String::new(), |days| format!(", enrol = \"explicit\", claim_window = \"{days} days\""));
        let mut out = format!(
            "program = {{ id = \"club\", currency = \"EUR\", timezone = \"Europe/Berlin\"{guests} }}\n"
        );
        out.push_str("events.\"visit.made\" = {}\nevents.\"game.won\" = {}\nevents.\"swap.asked\" = {}\n");
        for wallet in &self.wallets {
            let wait = match wallet.wait {
                Wait::None => String::new(),
                Wait::Days(n) => format!(", pending = \"{n} days\""),
                Wait::Delivery { after, most } => {
                    let after = if after > 0 { format!("after = \"{after} days\", ") } else { String::new() };
                    format!(", pending = {{ until = \"order.fulfilled\", {after}at_most = \"{most} days\" }}")
                }
            };
            let warn = wallet.warn.map_or(String::new(), |days| format!(", warn = \"{days} days\""));
            out.push_str(&format!(
                "wallets.{} = {{ expires = \"{}\"{wait}, when_short = \"{}\"{warn}, transfer = true }}\n",
                wallet.id,
                wallet.ends.text(),
                wallet.short
            ));
        }
        let Ladder { per, needs, keep, lapse, grace } = &self.ladder;
        out.push_str(&format!("counters.visits = {{ on = \"visit.made\", per = \"{per}\" }}\n"));
        let grace = if *grace > 0 { format!("grace = \"{grace} days\"\n") } else { String::new() };
        out.push_str(&format!(
            "[tiers.status]\nkeep = \"{}\"\nlapse = \"{lapse}\"\n{grace}levels = [{{ id = \"basic\" }}, {{ id = \"gold\", needs.visits = {} }}, {{ id = \"black\", needs.visits = {} }}]\n",
            keep.text(),
            needs[0],
            needs[1]
        ));
        for reward in &self.rewards {
            out.push_str(&reward.toml());
        }
        out.push_str(&format!(
            "[rules.base]\non = \"order.paid\"\nearn.points = 'order.total * {}'\n[rules.visit]\non = \"visit.made\"\nearn.gems = {}\n[rules.gold]\non = \"visit.made\"\nwhen = 'tiers.status >= \"gold\"'\nearn.gems = {}\n",
            self.rate, self.visit, self.bonus
        ));
        let first = self.rewards[0].id;
        out.push_str(&format!("[rules.prize]\non = \"game.won\"\ngive.{first} = 1\n"));
        out.push_str(&format!("[rules.swap]\non = \"swap.asked\"\nredeem.{first} = 1\n"));
        out
    }
}

impl Reward {
    fn toml(&self) -> String {
        let mut out = format!(
            "[rewards.{}]\ncost.points = {}\nhold = \"{} hours\"\nquantity_max = {QUANTITY_MAX}\n",
            self.id, self.cost, self.hold_hours
        );
        if let Some(stock) = self.stock {
            out.push_str(&format!("stock = {stock}\n"));
        }
        if let Some(times) = self.monthly {
            out.push_str(&format!("limit = {{ times = {times}, per = \"month\" }}\n"));
        }
        if self.gold {
            out.push_str("when = 'tiers.status >= \"gold\"'\n");
        }
        match self.gems {
            Some(gems) => out.push_str(&format!("gives.earn.gems = {gems}\n")),
            None => out.push_str("gives.custom = { kind = \"thing\" }\n"),
        }
        out
    }
}
