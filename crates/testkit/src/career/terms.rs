//! Programs of careers: goals, runs of periods, clocks, workflows, and members who bring members. `Terms` is what the
//! auditor computes with; `Terms::toml` is the same as a person would write it.

use crate::club::ends::Ends;
use crate::rng::Rng;

#[derive(Clone, Debug)]
pub struct Terms {
    pub ends: Ends,
    pub short: &'static str,
    /// Points for a euro, and a bonus for an order in a run of so many periods.
    pub rate: i64,
    pub steady: (i64, i64),
    pub run: Run,
    /// Over which window orders and money are counted.
    pub orders: Per,
    pub spend: Per,
    pub goals: Vec<Goal>,
    /// So much times how often, for a completed goal.
    pub praise: i64,
    pub clocks: Clocks,
    pub flows: Vec<Flow>,
    pub bring: Bring,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Day,
    Week,
    Month,
    Quarter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Life,
    Unit(Unit),
    Days(i64),
}

/// A streak.
#[derive(Clone, Debug)]
pub struct Run {
    pub on: &'static str,
    pub unit: Unit,
    pub forgive: Forgive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgive {
    Gaps(i64),
    /// Each gap takes a token.
    Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    Orders,
    Spend,
    Run,
    /// Orders in the period of the clock.
    Lately,
}

#[derive(Clone, Debug)]
pub struct Goal {
    pub id: &'static str,
    pub needs: Vec<(Counter, i64)>,
    pub repeat: bool,
    pub pays: i64,
    /// Only in the first days of the week.
    pub early: bool,
}

#[derive(Clone, Debug)]
pub struct Clocks {
    /// At the end of each period, so many days later, for so many orders in it.
    pub unit: Unit,
    pub after: i64,
    pub least: i64,
    pub period: i64,
    /// On a day of the year: the birthday, or the day of enrolment; so many days before, at that hour.
    pub birthday: bool,
    pub before: i64,
    pub hour: i8,
    pub yearly: i64,
    /// After so many days without an order.
    pub idle: i64,
    pub asleep: i64,
    /// On this day.
    pub once: (i8, i8),
    pub special: i64,
}

#[derive(Clone, Debug)]
pub struct Flow {
    pub id: &'static str,
    pub start: Start,
    /// Days between two starts.
    pub again: Option<i64>,
    pub exit: Option<&'static str>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub enum Start {
    On(On),
    /// After so many days without a visit.
    Idle(i64),
}

/// An event; an order of at least so many euros.
#[derive(Clone, Copy, Debug)]
pub struct On {
    pub kind: &'static str,
    pub least: i64,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub when: When,
    pub act: Act,
}

#[derive(Clone, Copy, Debug)]
pub enum When {
    Always,
    /// What this step waited for came.
    Came(usize),
    Missed(usize),
    Orders(i64),
}

#[derive(Clone, Copy, Debug)]
pub enum Act {
    Earn(i64),
    Say,
    Hours(i64),
    Days(i64),
    EndOfMonth,
    WaitFor { on: On, most: Option<i64> },
    Stop,
}

/// Who brings whom.
#[derive(Clone, Debug)]
pub struct Bring {
    /// The first order of so many euros counts, so many days later.
    pub least: i64,
    pub after: i64,
    /// Days in which a code can be claimed.
    pub claim: i64,
    /// For the claim; when it counts, for each of the two; so often a month for who brings.
    pub hello: i64,
    pub qualified: i64,
    pub thanks: i64,
    pub cap: i64,
    /// Points for a euro of each order of who was brought.
    pub share: Option<i64>,
}

impl Unit {
    pub fn text(self) -> &'static str {
        match self {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Quarter => "quarter",
        }
    }
}

impl Counter {
    pub fn id(self) -> &'static str {
        match self {
            Counter::Orders => "orders",
            Counter::Spend => "spend",
            Counter::Run => "run",
            Counter::Lately => "lately",
        }
    }
}

impl Terms {
    pub fn draw(rng: &mut Rng) -> Terms {
        let forgive = if rng.chance(350) { Forgive::Token } else { Forgive::Gaps(rng.between(0, 2)) };
        Terms {
            ends: *rng.pick(&[Ends::Never, Ends::Days(60), Ends::EndOfMonth(1), Ends::Months(6)]),
            short: rng.pick::<&str>(&["debt", "forgive", "negative"]),
            rate: rng.between(1, 4),
            steady: (rng.between(1, 3), rng.between(1, 9)),
            run: Run {
                on: rng.pick::<&str>(&["order.paid", "visit.made"]),
                unit: *rng.pick(&[Unit::Day, Unit::Week, Unit::Week, Unit::Month]),
                forgive,
            },
            orders: per(rng),
            spend: per(rng),
            goals: goals(rng),
            praise: rng.between(1, 5),
            clocks: clocks(rng),
            flows: vec![flow(rng, "f0"), flow(rng, "f1"), flow(rng, "f2")],
            bring: Bring {
                least: rng.between(0, 50),
                after: if rng.chance(300) { 0 } else { rng.between(1, 30) },
                claim: rng.between(5, 200),
                hello: rng.between(1, 20),
                qualified: rng.between(1, 20),
                thanks: rng.between(1, 50),
                cap: rng.between(1, 2),
                share: rng.chance(600).then(|| rng.between(1, 3)),
            },
        }
    }
    /// A later version: other amounts and needs, of the same goals, clocks and workflows.
    pub fn revise(&self, rng: &mut Rng) -> Terms {
        let mut next = self.clone();
        let new = Terms::draw(rng);
        (next.rate, next.steady, next.praise) = (new.rate, new.steady, new.praise);
        for (goal, new) in next.goals.iter_mut().zip(new.goals) {
            (goal.needs, goal.pays, goal.early) = (new.needs, new.pays, new.early);
        }
        let clocks = new.clocks;
        (next.clocks.least, next.clocks.period) = (clocks.least, clocks.period);
        (next.clocks.yearly, next.clocks.asleep, next.clocks.special) =
            (clocks.yearly, clocks.asleep, clocks.special);
        let steps = next.flows.iter_mut().flat_map(|flow| &mut flow.steps);
        steps.for_each(|step| match &mut step.act {
            Act::Earn(points) => *points = rng.between(1, 20),
            Act::WaitFor { on, .. } if on.kind == "order.paid" => on.least = rng.between(0, 60),
            _ => {}
        });
        let bring = new.bring;
        (next.bring.least, next.bring.hello, next.bring.qualified) =
            (bring.least, bring.hello, bring.qualified);
        (next.bring.thanks, next.bring.cap) = (bring.thanks, bring.cap);
        next
    }
    pub fn per(&self, counter: Counter) -> Per {
        match counter {
            Counter::Orders => self.orders,
            Counter::Spend => self.spend,
            Counter::Lately => Per::Unit(self.clocks.unit),
            Counter::Run => Per::Life,
        }
    }
}

fn per(rng: &mut Rng) -> Per {
    match rng.index(4) {
        0 => Per::Days(rng.between(5, 60)),
        1 => Per::Unit(Unit::Month),
        2 => Per::Unit(Unit::Quarter),
        _ => Per::Life,
    }
}

fn goals(rng: &mut Rng) -> Vec<Goal> {
    let mut goal = |id, needs| Goal {
        id,
        needs,
        repeat: rng.chance(500),
        pays: rng.between(1, 30),
        early: rng.chance(250),
    };
    let mut all = vec![
        goal("g0", vec![(Counter::Orders, 1)]),
        goal("g1", vec![(Counter::Run, 1)]),
        goal("g2", vec![(Counter::Spend, 1)]),
        goal("g3", vec![(Counter::Orders, 1), (Counter::Spend, 1)]),
    ];
    for (counter, need) in all.iter_mut().flat_map(|goal| &mut goal.needs) {
        *need = match counter {
            Counter::Orders => rng.between(1, 5),
            Counter::Run => rng.between(2, 4),
            Counter::Spend | Counter::Lately => rng.between(20, 300),
        };
    }
    all
}

fn clocks(rng: &mut Rng) -> Clocks {
    Clocks {
        unit: *rng.pick(&[Unit::Month, Unit::Quarter]),
        after: rng.between(0, 5),
        least: rng.between(0, 3),
        period: rng.between(1, 9),
        birthday: rng.chance(600),
        before: rng.between(0, 10),
        hour: rng.between(0, 12) as i8,
        yearly: rng.between(1, 9),
        idle: rng.between(5, 60),
        asleep: rng.between(1, 9),
        once: (rng.between(1, 9) as i8, rng.between(1, 28) as i8),
        special: rng.between(1, 9),
    }
}

fn on(rng: &mut Rng, kinds: &[&'static str]) -> On {
    let kind = *rng.pick(kinds);
    On { kind, least: if kind == "order.paid" { rng.between(0, 60) } else { 0 } }
}

fn flow(rng: &mut Rng, id: &'static str) -> Flow {
    let kinds =
        ["member.enrolled", "visit.made", "order.paid", "achievement.completed", "referral.qualified"];
    let start = match rng.index(4) {
        0 => Start::Idle(rng.between(5, 60)),
        _ => Start::On(on(rng, &kinds)),
    };
    let mut steps: Vec<Step> = Vec::new();
    for _ in 0..rng.between(2, 7) {
        let waits: Vec<usize> =
            (0..steps.len()).filter(|at| matches!(steps[*at].act, Act::WaitFor { .. })).collect();
        let when = match (rng.index(5), waits.last()) {
            (0, _) => When::Orders(rng.between(1, 4)),
            (1 | 2, Some(at)) => When::Came(*at),
            (3, Some(at)) => When::Missed(*at),
            _ => When::Always,
        };
        let act = match rng.index(10) {
            0 | 1 => Act::Earn(rng.between(1, 20)),
            2 | 3 => Act::Say,
            4 => Act::Hours(rng.between(1, 90)),
            5 => Act::Days(rng.between(1, 30)),
            6 => Act::EndOfMonth,
            7 | 8 => {
                let on = on(rng, &["order.paid", "visit.made", "form.sent", "achievement.completed"]);
                Act::WaitFor { on, most: rng.chance(800).then(|| rng.between(1, 40)) }
            }
            _ => Act::Stop,
        };
        steps.push(Step { when, act });
    }
    let again = rng.chance(600).then(|| rng.between(1, 60));
    let exit = rng.pick(&[None, Some("order.refunded"), Some("form.sent")]);
    Flow { id, start, again, exit: *exit, steps }
}

impl Per {
    fn text(self) -> String {
        match self {
            Per::Life => "life".to_owned(),
            Per::Unit(unit) => unit.text().to_owned(),
            Per::Days(days) => format!("{days} days"),
        }
    }
}

impl On {
    fn text(self) -> String {
        let when = format!(", when = 'order.total >= {}'", self.least);
        format!("on = \"{}\"{}", self.kind, if self.kind == "order.paid" { &when } else { "" })
    }
}

impl Step {
    fn text(&self, at: usize) -> String {
        let when = match self.when {
            When::Always => String::new(),
            When::Came(at) => format!("when = 'steps.s{at}.came', "),
            When::Missed(at) => format!("when = '!steps.s{at}.came', "),
            When::Orders(least) => format!("when = 'counters.orders >= {least}', "),
        };
        let act = match self.act {
            Act::Earn(points) => format!("earn.points = {points}"),
            Act::Say => "emit = \"flow.said\"".to_owned(),
            Act::Hours(hours) => format!("wait = \"{hours} hours\""),
            Act::Days(days) => format!("wait = \"{days} days\""),
            Act::EndOfMonth => "wait = \"end of month\"".to_owned(),
            Act::WaitFor { on, most } => {
                let most = most.map_or(String::new(), |days| format!(", at_most = \"{days} days\""));
                format!("id = \"s{at}\", wait = {{ {}{most} }}", on.text())
            }
            Act::Stop => "stop = true".to_owned(),
        };
        format!("  {{ {when}{act} }},\n")
    }
}

impl Terms {
    pub fn toml(&self) -> String {
        let mut out =
            "program = { id = \"career\", currency = \"EUR\", timezone = \"Europe/Berlin\" }\n".to_owned();
        out.push_str("events.\"visit.made\" = { place = \"string\" }\nevents.\"form.sent\" = {}\n");
        out.push_str(&format!(
            "wallets.points = {{ expires = \"{}\", when_short = \"{}\" }}\nwallets.tokens = {{}}\n",
            self.ends.text(),
            self.short
        ));
        let bring = &self.bring;
        out.push_str(&format!(
            "[referrals]\non = \"order.paid\"\nwhen = 'order.total >= {}'\nafter = \"{} days\"\nclaim = \"{} days\"\n",
            bring.least, bring.after, bring.claim
        ));
        out.push_str(&self.counters());
        self.rules(&mut |id, body| out.push_str(&format!("[rules.{id}]\n{body}\n")));
        self.goals.iter().for_each(|goal| out.push_str(&goal.toml()));
        self.flows.iter().for_each(|flow| out.push_str(&flow.toml()));
        out
    }
    fn counters(&self) -> String {
        let run = &self.run;
        let forgive = match run.forgive {
            Forgive::Gaps(gaps) => gaps.to_string(),
            Forgive::Token => "\"wallets.tokens\"".to_owned(),
        };
        let sum = |id: &str, add: &str, per: Per| {
            format!("{id} = {{ on = \"order.paid\"{add}, per = \"{}\" }}\n", per.text())
        };
        format!(
            "[counters]\n{}{}{}run = {{ on = \"{}\", streak = \"{}\", forgive = {forgive} }}\n",
            sum("orders", "", self.orders),
            sum("spend", ", add = 'order.total'", self.spend),
            sum("lately", "", Per::Unit(self.clocks.unit)),
            run.on,
            run.unit.text(),
        )
    }
    fn rules(&self, rule: &mut dyn FnMut(&str, String)) {
        let (clocks, bring) = (&self.clocks, &self.bring);
        let pays = |on: &str, points: i64| format!("on = {on}\nearn.points = {points}");
        let money = |rate: i64| format!("on = \"order.paid\"\nearn.points = 'order.total * {rate}'");
        let idle = format!("{{ idle = \"{} days\", of = \"order.paid\" }}", clocks.idle);
        rule("asleep", format!("{}\nemit = \"member.asleep\"", pays(&idle, clocks.asleep)));
        rule("base", money(self.rate));
        rule("hello", pays("\"referral.claimed\"", bring.hello));
        let every = format!("{{ every = \"{}\", after = \"{} days\" }}", clocks.unit.text(), clocks.after);
        let enough = format!("when = 'counters.lately >= {}'", clocks.least);
        rule("period", format!("{}\n{enough}", pays(&every, clocks.period)));
        let praise = format!("earn.points = 'achievement.count * {}'", self.praise);
        rule("praise", format!("on = \"achievement.completed\"\n{praise}"));
        rule("qualified", pays("\"referral.qualified\"", bring.qualified));
        if let Some(share) = bring.share {
            rule("share", format!("{}\nto = \"referrer\"", money(share)));
        }
        let (month, day) = clocks.once;
        rule("special", pays(&format!("{{ once = 2026-{month:02}-{day:02} }}"), clocks.special));
        let (least, bonus) = self.steady;
        rule("steady", format!("{}\nwhen = 'counters.run >= {least}'", pays("\"order.paid\"", bonus)));
        let limit = format!("limit = {{ times = {}, per = \"month\" }}", bring.cap);
        rule(
            "thanks",
            format!("{}\nto = \"referrer\"\n{limit}", pays("\"referral.qualified\"", bring.thanks)),
        );
        rule("token", "on = \"visit.made\"\nearn.tokens = 1".to_owned());
        let date = if clocks.birthday { "birthday" } else { "enrolled_on" };
        let (before, hour) = (clocks.before, clocks.hour);
        let yearly =
            format!("{{ yearly = \"member.{date}\", before = \"{before} days\", at = \"{hour:02}:00\" }}");
        rule("yearly", pays(&yearly, clocks.yearly));
    }
}

impl Goal {
    fn toml(&self) -> String {
        // The first of them is so by its name, wherever it stands.
        let needs = self.needs.iter().rev();
        let needs: String =
            needs.map(|(counter, need)| format!("needs.{} = {need}\n", counter.id())).collect();
        let early = if self.early { "active = { days = [\"mon\", \"tue\", \"wed\"] }\n" } else { "" };
        format!(
            "[achievements.{}]\n{needs}{early}repeat = {}\nearn.points = {}\n",
            self.id, self.repeat, self.pays
        )
    }
}

impl Flow {
    fn toml(&self) -> String {
        let start = match &self.start {
            Start::On(on) => on.text().replace(", when", "\nwhen"),
            Start::Idle(days) => format!("on = {{ idle = \"{days} days\", of = \"visit.made\" }}"),
        };
        let again = self.again.map_or(String::new(), |days| format!("again = \"{days} days\"\n"));
        let exit = self.exit.map_or(String::new(), |kind| format!("exit = [\"{kind}\"]\n"));
        let steps: String = self.steps.iter().enumerate().map(|(at, step)| step.text(at)).collect();
        format!("[workflows.{}]\n{start}\n{again}{exit}steps = [\n{steps}]\n", self.id)
    }
}
