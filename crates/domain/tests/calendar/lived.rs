//! Programs that live through every change of local time: what is counted in which day, week and month, how long a run
//! is, when points end and clocks ring. Each is written as a test of a program, second by second, with what the oracle
//! expects, and runs as `fealty check` runs it.

use std::fmt::Write as _;

use domain::program::{self, Source, diag};
use domain::scenario;

use super::oracle::{self, DAY, Day, Wall, Zone, months_later, period};

/// Everything but the tests, which stand below it. `daily`: a clock rings every day.
fn head(zone: &Zone, daily: bool) -> String {
    let midnight = r#"rules.midnight = { on = { every = "day" }, emit = "day.ended" }"#;
    format!(
        r#"program = {{ id = "lived", currency = "EUR", timezone = "{}" }}
wallets.day = {{ expires = "1 day" }}
wallets.month = {{ expires = "end of month" }}
wallets.later = {{ pending = "1 day" }}
events."visit.made" = {{}}
counters.day = {{ on = "visit.made", per = "day" }}
counters.week = {{ on = "visit.made", per = "week" }}
counters.month = {{ on = "visit.made", per = "month" }}
counters.rolling = {{ on = "visit.made", per = "1 day" }}
counters.run = {{ on = "visit.made", streak = "day" }}
counters.weeks = {{ on = "visit.made", streak = "week" }}
counters.months = {{ on = "visit.made", streak = "month" }}
rules.visit = {{ on = "visit.made", earn.day = 1, earn.month = 1, earn.later = 1 }}
rules.birthday = {{ on = {{ yearly = "member.birthday", at = "02:30" }}, emit = "birthday.came" }}
rules.morning = {{ on = {{ yearly = "member.birthday" }}, emit = "birthday.began" }}
{}
"#,
        zone.name,
        if daily { midnight } else { "" },
    )
}

/// A member's life: visits, and instants at which everything is looked at.
struct Life<'z> {
    zone: &'z Zone,
    name: String,
    birthday: Day,
    visits: Vec<i64>,
    looks: Vec<i64>,
    daily: bool,
}

/// 02:30 of the birthday in that year, and its first instant.
fn rings(zone: &Zone, birthday: Day, year: i64) -> (i64, i64) {
    let (_, month, of_month) = oracle::date(birthday);
    let day = oracle::day(year, month, of_month.min(oracle::month_days(year, month)));
    (zone.instant(Wall { day, second: 9_000 }), zone.midnight(day))
}

impl Life<'_> {
    fn write(mut self, out: &mut String) {
        self.visits.sort_unstable();
        self.visits.dedup();
        self.looks.extend(&self.visits);
        self.looks.sort_unstable();
        self.looks.dedup();
        let (year, month, day) = oracle::date(self.birthday);
        writeln!(out, "[tests.{}]", self.name).unwrap();
        writeln!(out, "members.ada = {{ birthday = {year}-{month:02}-{day:02} }}\nsteps = [").unwrap();
        let mut before = None;
        for at in &self.looks {
            let when = match before {
                None => format!("at = \"{}\"", oracle::text(self.zone.wall(*at))),
                Some(before) => format!("after = \"{} seconds\"", at - before),
            };
            let event = if self.visits.contains(at) { ", event = \"visit.made\"" } else { "" };
            let expected = self.expected(before.unwrap_or(*at), *at).join("', '");
            writeln!(out, "  {{ {when}{event}, expect = ['{expected}'] }},").unwrap();
            before = Some(*at);
        }
        out.push_str("]\n");
    }

    /// What holds at an instant, and what happened since the one before.
    fn expected(&self, before: i64, now: i64) -> Vec<String> {
        let zone = self.zone;
        let since = |start: i64| self.visits.iter().filter(|at| start <= **at && **at <= now).count();
        let today = zone.wall(now).day;
        let month = period(today, 1, 1);
        let so_far = || self.visits.iter().filter(|at| **at <= now);
        let lasting = so_far().filter(|at| zone.day_end(zone.days_after(**at, 1)) > now).count();
        let waiting = so_far().filter(|at| zone.days_after(**at, 1) > now).count();
        let rolling = so_far().filter(|at| **at > zone.days_after(now, -1)).count();
        let nights = (zone.wall(before).day + 1..=today)
            .filter(|day| (before + 1..=now).contains(&zone.midnight(*day)));
        let rang = |at: i64| before < at && at <= now;
        let years = oracle::date(zone.wall(before).day).0..=oracle::date(today).0;
        let (came, began): (Vec<i64>, Vec<i64>) = years.map(|year| rings(zone, self.birthday, year)).unzip();
        let runs = |unit: fn(Day) -> Day, back: fn(Day) -> Day| {
            let mut at = unit(today);
            let marked = |day: Day| so_far().any(|at| unit(zone.wall(*at).day) == day);
            let mut length = 0;
            // The present period may still be empty.
            if !marked(at) {
                at = back(at);
            }
            while marked(at) {
                (length, at) = (length + 1, back(at));
            }
            length
        };
        let said = |kind: &str, yes: bool| format!(r#"{}("{kind}" in emitted)"#, if yes { "" } else { "!" });
        vec![
            format!("counters.day == {}", since(zone.midnight(today))),
            format!("counters.week == {}", since(zone.midnight(oracle::monday(today)))),
            format!("counters.month == {}", since(zone.midnight(month))),
            format!("counters.rolling == {rolling}"),
            format!("counters.run == {}", runs(|day| day, |day| day - 1)),
            format!("counters.weeks == {}", runs(oracle::monday, |day| day - 7)),
            format!("counters.months == {}", runs(|day| period(day, 1, 1), |day| months_later(day, -1))),
            format!("wallets.day.available == {lasting}"),
            format!("wallets.month.available == {}", since(zone.midnight(month))),
            format!("wallets.later.pending == {waiting}"),
            format!(
                r#"size(emitted.filter(e, e == "day.ended")) == {}"#,
                if self.daily { nights.count() } else { 0 }
            ),
            said("birthday.began", began.into_iter().any(rang)),
            said("birthday.came", came.into_iter().any(rang)),
        ]
    }
}

/// Five days around a change, with a birthday on its day.
fn around(zone: &Zone, change: i64) -> Life<'_> {
    let day = zone.wall(change).day;
    let noon = |day: Day| zone.instant(Wall { day, second: DAY / 2 });
    let (ring, _) = rings(zone, day, oracle::date(day).0);
    let midnights: Vec<i64> = (day - 1..=day + 2).map(|day| zone.midnight(day)).collect();
    let visits = vec![
        noon(day - 2),
        midnights[1] - 1,
        midnights[1],
        change - 1,
        change,
        ring,
        midnights[2] - 1,
        midnights[2],
        noon(day + 1),
    ];
    let ends = visits.iter().flat_map(|at| [zone.day_end(zone.days_after(*at, 1)), zone.days_after(*at, 1)]);
    let mut looks: Vec<i64> = ends.flat_map(|end| [end - 1, end]).collect();
    looks.extend(midnights.iter().flat_map(|at| [at - 1, *at]));
    looks.extend([ring - 1, change + 1]);
    looks.retain(|at| *at > visits[0]);
    let (_, month, of_month) = oracle::date(day);
    let birthday = oracle::day(1980, month, of_month);
    Life { zone, name: format!("change_{change}"), birthday, visits, looks, daily: true }
}

/// Twenty birthdays of one who was born on a leap day.
fn born_on_a_leap_day(zone: &Zone) -> Life<'_> {
    let birthday = oracle::day(2000, 2, 29);
    let looks = (2020..2041).flat_map(|year| {
        let (ring, morning) = rings(zone, birthday, year);
        [morning - 1, morning, ring - 1, ring]
    });
    let visits = vec![zone.instant(Wall { day: oracle::day(2020, 1, 15), second: DAY / 2 })];
    Life { zone, name: "leap_days".into(), birthday, visits, looks: looks.collect(), daily: false }
}

/// In each month one visit: in its first second, in its last, in its first …
fn month_by_month(zone: &Zone) -> Life<'_> {
    let first = oracle::day(2023, 1, 1);
    let visit = |n: i64| match n % 2 {
        0 => zone.midnight(months_later(first, n)),
        _ => zone.midnight(months_later(first, n + 1)) - 1,
    };
    let visits: Vec<i64> = (0..40).map(visit).collect();
    let looks = vec![zone.midnight(months_later(first, 41)) - 1, zone.midnight(months_later(first, 41))];
    Life { zone, name: "months".into(), birthday: first, visits, looks, daily: false }
}

/// What went otherwise than the oracle says. Of the changes one in eleven, so that it takes seconds; other ones in other
/// zones, of both kinds.
fn live((no, zone): (usize, &Zone)) -> String {
    let (mut days, mut years) = (head(zone, true), head(zone, false));
    for change in zone.changes().skip(no % 11).step_by(11) {
        around(zone, change).write(&mut days);
    }
    born_on_a_leap_day(zone).write(&mut years);
    month_by_month(zone).write(&mut years);
    check(zone.name, days) + &check(zone.name, years)
}

fn check(name: &str, text: String) -> String {
    let main = Source { name: format!("{name}.toml"), text };
    let program = match program::read(main, &mut |_| Err("none".into()), None, 1) {
        Ok(program) => program,
        Err(r) => return diag::render(&r.diagnostics[..1], &r.sources, false),
    };
    let (failures, _) = scenario::run_all(&program);
    let said: Vec<_> = failures.iter().map(scenario::Failure::diagnostic).take(3).collect();
    diag::render(&said, &program.sources, false)
}

#[test]
fn lives_in_thirty_zones() {
    let zones = oracle::zones();
    let wrong: String = std::thread::scope(|scope| {
        let zones: Vec<(usize, &Zone)> = zones.iter().enumerate().collect();
        let halves: Vec<Vec<_>> = zones.chunks(zones.len().div_ceil(2)).map(<[_]>::to_vec).collect();
        let threads: Vec<_> = halves
            .into_iter()
            .map(|half| scope.spawn(|| half.into_iter().map(live).collect::<String>()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong}");
}
