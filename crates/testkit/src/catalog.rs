//! A small family of programs: each seed draws one, and later versions of it. `Terms` is what the auditor computes
//! with, by hand; `Terms::toml` is the same thing as a person would write it for Fealty.

use crate::rng::Rng;

#[derive(Clone, Debug)]
pub struct Terms {
    pub version: u32,
    pub week_starts: &'static str,
    pub year_starts: i8,
    pub regions: Vec<Region>,
    pub rules: Vec<Rule>,
    pub pay: Pay,
    pub campaign_limits: Vec<Limit>,
    /// Most that the wallet `stars` may hold.
    pub stars_max: i64,
    pub levels: Levels,
}

/// What a ladder's levels need: gold so many orders; black so many, or so many points earned in a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub gold: i64,
    pub black: i64,
    pub earned: i64,
}

/// Lowest first.
pub const LEVELS: [&str; 3] = ["basic", "gold", "black"];

#[derive(Clone, Debug)]
pub struct Region {
    pub id: &'static str,
    pub currency: &'static str,
    pub exponent: u32,
    pub zone: &'static str,
    /// Decimal texts.
    pub rate: String,
    pub in_euro: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pay {
    All,
    Highest,
    /// The rules of the campaign, by id, last first.
    Listed,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub on: &'static str,
    pub wallet: &'static str,
    pub gives: Gives,
    pub when: When,
    pub limits: Vec<Limit>,
    pub campaign: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    /// `order.subtotal * params.rate`
    Rate,
    /// `order.total / N`
    Part(i64),
    /// `each = 'order.items'`, of this category, `item.total * N / 4`
    Items {
        category: &'static str,
        quarters: i64,
    },
    Flat(i64),
    /// As much as that rule granted.
    Again(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    TotalAtLeast(i64),
    OrdersAtLeast(i64),
    SpentAtLeast(i64),
    RecentAtLeast(i64),
    Plan,
    LevelAtLeast(usize),
    Rated,
    /// Dates, both included; on Saturdays and Sundays only, if `weekend`.
    Season {
        from: (i16, i8, i8),
        through: (i16, i8, i8),
        weekend: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub id: String,
    /// Counts events; otherwise points.
    pub times: bool,
    pub most: i64,
    pub per: Per,
    /// One budget for all.
    pub across: bool,
    pub partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Life,
    Days(i64),
}

pub const CATEGORIES: [&str; 3] = ["coffee", "tea", "mugs"];

/// Wallets: (id, decimals, rounding, what happens when a return takes more than is there).
pub const WALLETS: [(&str, u32, &str, &str); 3] =
    [("points", 0, "down", "debt"), ("cash", 2, "nearest", "forgive"), ("stars", 0, "up", "negative")];

impl Terms {
    pub fn draw(rng: &mut Rng) -> Terms {
        let rates = ["1", "1.2", "100", "0.05", "0.333"];
        let region = |rng: &mut Rng, id, currency, exponent, zone, in_euro| Region {
            id,
            currency,
            exponent,
            zone,
            rate: (*rng.pick(&rates)).to_owned(),
            in_euro,
        };
        let regions = vec![
            region(rng, "ch", "CHF", 2, "Europe/Zurich", "1.05"),
            region(rng, "eu", "EUR", 2, "Europe/Berlin", "1"),
            region(rng, "jp", "JPY", 0, "Asia/Tokyo", "0.006"),
            region(rng, "kw", "KWD", 3, "Asia/Kuwait", "2.9"),
        ];
        let mut terms = Terms {
            version: 1,
            week_starts: rng.pick::<&str>(&["mon", "sun", "wed"]),
            year_starts: *rng.pick(&[1, 1, 4, 7]),
            regions,
            rules: Vec::new(),
            pay: *rng.pick(&[Pay::All, Pay::Highest, Pay::Listed]),
            campaign_limits: Vec::new(),
            stars_max: rng.between(20, 400),
            levels: Levels {
                gold: rng.between(1, 4),
                black: rng.between(4, 8),
                earned: rng.between(50, 900),
            },
        };
        if rng.chance(500) {
            terms.campaign_limits.push(limit(rng, "campaigns.bonus#0", false));
        }
        for no in 0..rng.between(4, 9) {
            let rule = rule(rng, no as usize, &terms.rules);
            terms.rules.push(rule);
        }
        terms
    }
    /// The next version: other rates, a rule more or less, other limits. Names stay.
    pub fn revise(&self, rng: &mut Rng) -> Terms {
        let mut terms = self.clone();
        terms.version += 1;
        for region in &mut terms.regions {
            if rng.chance(500) {
                region.rate = (*rng.pick(&["2", "0.5", "7.77"])).to_owned();
            }
        }
        if rng.chance(400) {
            let victim = rng.index(terms.rules.len());
            let id = terms.rules[victim].id.clone();
            if terms.rules.len() > 2 && !terms.rules.iter().any(|r| r.gives == Gives::Again(id.clone())) {
                terms.rules.remove(victim);
            }
        }
        terms.levels.gold = (terms.levels.gold + rng.between(-1, 1)).max(1);
        for rule in &mut terms.rules {
            if let Gives::Flat(points) = &mut rule.gives {
                *points += rng.between(0, 3);
            }
            for limit in &mut rule.limits {
                limit.most += rng.between(0, 5);
            }
        }
        terms
    }
    pub fn toml(&self) -> String {
        let mut out = format!(
            "program = {{ id = \"sim\", currency = \"EUR\", timezone = \"Europe/Berlin\", week_starts = \"{}\", year_starts = {} }}\n",
            self.week_starts, self.year_starts
        );
        out.push_str("params = { rate = 1, in_euro = 1 }\n");
        for r in &self.regions {
            out.push_str(&format!(
                "regions.{} = {{ currency = \"{}\", timezone = \"{}\", params = {{ rate = {}, in_euro = {} }} }}\n",
                r.id, r.currency, r.zone, r.rate, r.in_euro
            ));
        }
        out.push_str("member.plan = \"string = 'basic'\"\n");
        out.push_str("events.\"review.posted\" = { product = \"string\", rating = \"number\" }\n");
        out.push_str("events.\"visit.made\" = {}\n");
        out.push_str("wallets.points = {}\n");
        out.push_str("wallets.cash = { decimals = 2, round = \"nearest\", when_short = \"forgive\" }\n");
        out.push_str(&format!(
            "wallets.stars = {{ round = \"up\", when_short = \"negative\", balance_max = {} }}\n",
            self.stars_max
        ));
        out.push_str("counters.orders = { on = \"order.paid\" }\n");
        out.push_str("counters.spend = { on = \"order.paid\", add = 'order.subtotal * params.in_euro', per = \"month\" }\n");
        out.push_str("counters.recent = { on = \"order.paid\", per = \"30 days\" }\n");
        out.push_str("counters.earned = { earned = \"wallets.points\", per = \"year\" }\n");
        out.push_str("counters.reviewed = { on = \"review.posted\", distinct = 'review.product' }\n");
        out.push_str("counters.cups = { on = \"order.paid\", each = 'order.items', when = 'item.category == \"coffee\"', add = 'item.quantity', per = \"week\" }\n");
        let Levels { gold, black, earned } = self.levels;
        out.push_str(&format!(
            "tiers.status.levels = [{{ id = \"basic\" }}, {{ id = \"gold\", needs.orders = {gold} }}, {{ id = \"black\", needs = [{{ orders = {black} }}, {{ earned = {earned} }}] }}]\n"
        ));
        if self.rules.iter().any(|r| r.campaign) {
            let pay = match self.pay {
                Pay::All => "\"all\"".to_owned(),
                Pay::Highest => "\"highest\"".to_owned(),
                Pay::Listed => format!(
                    "[{}]",
                    self.listed().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ")
                ),
            };
            out.push_str(&format!(
                "campaigns.bonus = {{ pay = {pay}{} }}\n",
                limits(&self.campaign_limits, "points")
            ));
        }
        for rule in &self.rules {
            out.push_str(&rule.toml());
        }
        out
    }
    /// The campaign's rules in the order of its list.
    pub fn listed(&self) -> impl Iterator<Item = &str> {
        let mut ids: Vec<&str> = self.rules.iter().filter(|r| r.campaign).map(|r| &*r.id).collect();
        ids.sort_unstable();
        ids.into_iter().rev()
    }
}

fn rule(rng: &mut Rng, no: usize, before: &[Rule]) -> Rule {
    let on = if no == 0 {
        "order.paid"
    } else {
        *rng.pick(&["order.paid", "order.paid", "order.paid", "review.posted", "visit.made"])
    };
    let id = format!("{}{no}", rng.pick(&["a", "k", "z"]));
    let orders: Vec<&Rule> =
        before.iter().filter(|r| r.on == "order.paid" && r.wallet == "points" && !r.campaign).collect();
    let (gives, when) = if on == "order.paid" {
        let gives = match rng.index(if orders.is_empty() { 4 } else { 5 }) {
            0 => Gives::Rate,
            1 => Gives::Part(*rng.pick(&[2, 3, 7, 10])),
            2 => Gives::Items { category: rng.pick::<&str>(&CATEGORIES), quarters: rng.between(1, 9) },
            3 => Gives::Flat(rng.between(1, 60)),
            _ => Gives::Again(rng.pick(&orders).id.clone()),
        };
        (gives, order_when(rng))
    } else {
        (Gives::Flat(rng.between(1, 60)), if on == "review.posted" { When::Rated } else { When::Always })
    };
    let gives = if no == 0 { Gives::Rate } else { gives };
    let wallet = match &gives {
        Gives::Again(_) => "points",
        _ if no == 0 => "points",
        _ => *rng.pick(&["points", "points", "cash", "stars"]),
    };
    let campaign = no > 0
        && on == "order.paid"
        && wallet == "points"
        && !matches!(gives, Gives::Again(_))
        && rng.chance(300);
    // An amount that may come to nothing would leave open whether it counts as a time.
    let flat = matches!(gives, Gives::Flat(_));
    let limits = if rng.chance(500) {
        vec![limit(rng, &format!("rules.{id}#0"), flat && wallet != "stars")]
    } else {
        Vec::new()
    };
    Rule { id, on, wallet, gives, when, limits, campaign }
}

fn order_when(rng: &mut Rng) -> When {
    match rng.index(11) {
        10 => When::LevelAtLeast(rng.between(1, 2) as usize),
        0 => When::TotalAtLeast(rng.between(5, 60)),
        1 => When::OrdersAtLeast(rng.between(1, 6)),
        2 => When::SpentAtLeast(rng.between(10, 200)),
        3 => When::Plan,
        4 => When::RecentAtLeast(rng.between(1, 3)),
        5 | 6 => {
            let month = rng.between(1, 9) as i8;
            When::Season {
                from: (2026, month, rng.between(1, 28) as i8),
                through: (2026, month + rng.between(1, 3) as i8, rng.between(1, 28) as i8),
                weekend: rng.chance(500),
            }
        }
        _ => When::Always,
    }
}

fn limit(rng: &mut Rng, id: &str, may_count_times: bool) -> Limit {
    let times = may_count_times && rng.chance(500);
    let across = rng.chance(350);
    let most = match (times, across) {
        (true, false) => rng.between(1, 3),
        (true, true) => rng.between(3, 20),
        (false, false) => rng.between(10, 200),
        (false, true) => rng.between(50, 2000),
    };
    let per = *rng.pick(&[Per::Day, Per::Week, Per::Month, Per::Quarter, Per::Year, Per::Life, Per::Days(7)]);
    let per = if across && matches!(per, Per::Days(_)) { Per::Week } else { per };
    Limit { id: id.to_owned(), times, most, per, across, partial: rng.chance(600) }
}

impl Rule {
    fn toml(&self) -> String {
        let mut out = format!("\n[rules.{}]\non = \"{}\"\n", self.id, self.on);
        if self.campaign {
            out.push_str("campaign = \"bonus\"\n");
        }
        if self.on == "review.posted" {
            out.push_str("once_per = 'review.product'\n");
        }
        let mut conditions = match &self.when {
            When::Always | When::Season { .. } => String::new(),
            When::TotalAtLeast(n) => format!("order.total >= {n}"),
            When::OrdersAtLeast(n) => format!("counters.orders >= {n}"),
            When::SpentAtLeast(n) => format!("counters.spend >= {n}"),
            When::RecentAtLeast(n) => format!("counters.recent >= {n}"),
            When::LevelAtLeast(n) => format!("tiers.status >= \"{}\"", LEVELS[*n]),
            When::Plan => "member.plan == \"gold\"".to_owned(),
            When::Rated => "review.rating >= 4".to_owned(),
        };
        let amount = match &self.gives {
            Gives::Rate => "'order.subtotal * params.rate'".to_owned(),
            Gives::Part(n) => format!("'order.total / {n}'"),
            Gives::Items { category, quarters } => {
                out.push_str("each = 'order.items'\n");
                let own = format!("item.category == \"{category}\"");
                conditions = if conditions.is_empty() { own } else { format!("{conditions} && {own}") };
                format!("'item.total * {quarters} / 4'")
            }
            Gives::Flat(n) => n.to_string(),
            Gives::Again(rule) => format!("'rules.{rule}.points'"),
        };
        if !conditions.is_empty() {
            out.push_str(&format!("when = '{conditions}'\n"));
        }
        if let When::Season { from, through, weekend } = &self.when {
            let days = if *weekend { ", days = [\"sat\", \"sun\"]" } else { "" };
            out.push_str(&format!(
                "active = {{ from = {}, through = {}{days} }}\n",
                date(*from),
                date(*through)
            ));
        }
        out.push_str(&format!("earn.{} = {amount}\n", self.wallet));
        let limits = limits(&self.limits, self.wallet);
        if let Some(limits) = limits.strip_prefix(", ") {
            out.push_str(limits);
            out.push('\n');
        }
        out
    }
}

fn date((year, month, day): (i16, i8, i8)) -> String {
    format!("{year}-{month:02}-{day:02}")
}

/// `, limit = [{ … }]`, or nothing.
fn limits(all: &[Limit], wallet: &str) -> String {
    if all.is_empty() {
        return String::new();
    }
    let each = all.iter().map(|limit| {
        let per = match limit.per {
            Per::Day => "day".to_owned(),
            Per::Week => "week".to_owned(),
            Per::Month => "month".to_owned(),
            Per::Quarter => "quarter".to_owned(),
            Per::Year => "year".to_owned(),
            Per::Life => "life".to_owned(),
            Per::Days(n) => format!("{n} days"),
        };
        let what = if limit.times { "times" } else { wallet };
        let across = if limit.across { ", across = \"members\"" } else { "" };
        format!("{{ {what} = {}, per = \"{per}\", partial = {}{across} }}", limit.most, limit.partial)
    });
    format!(", limit = [{}]", each.collect::<Vec<_>>().join(", "))
}
