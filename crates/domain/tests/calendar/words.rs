//! Spans, terms, units and schedules around every change of local time.

use domain::term::{Term, To};
use domain::time::{Calendar, Schedule, Span, Unit};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::oracle::{self, DAY, Wall, Zone, months_later, period};

fn zoned(zone: &TimeZone, at: i64) -> Zoned {
    Timestamp::from_second(at).unwrap().to_zoned(zone.clone())
}

fn civil(day: oracle::Day) -> jiff::civil::Date {
    let (year, month, of_month) = oracle::date(day);
    jiff::civil::date(year as i16, month as i8, of_month as i8)
}

/// Who enrolled on a leap day, in a program whose years begin in April.
fn calendar() -> Calendar {
    let enrolled_on = jiff::civil::date(2020, 2, 29);
    Calendar { week_starts: Weekday::Monday, year_starts: 4, enrolled_on }
}

/// Begin of the membership year in which `day` lies.
fn membership(day: oracle::Day) -> oracle::Day {
    let year = oracle::date(day).0;
    let of = |year: i64| oracle::day(year, 2, if oracle::is_leap(year) { 29 } else { 28 });
    if of(year) <= day { of(year) } else { of(year - 1) }
}

fn next_membership(day: oracle::Day) -> oracle::Day {
    let year = oracle::date(membership(day)).0 + 1;
    oracle::day(year, 2, if oracle::is_leap(year) { 29 } else { 28 })
}

/// Instants that a change makes awkward: right at it, and those from which a step of a day, a month or a year lands in
/// the hour that is skipped or comes twice, or at the midnight after it.
fn awkward(zone: &Zone, change: i64) -> Vec<i64> {
    let (before, after) = (zone.offset(change - 1), zone.offset(change));
    let shown = |offset: i64| {
        let local = change + offset;
        Wall { day: local.div_euclid(DAY), second: local.rem_euclid(DAY) }
    };
    let walls = [shown(before), shown(after), shown((before + after) / 2)];
    let mut found: Vec<i64> = [-DAY, -3_600, -1, 0, 1, 1_799, 3_600, DAY].map(|by| change + by).into();
    for wall in walls {
        for day in [wall.day, wall.day - 1, months_later(wall.day, -1), months_later(wall.day, -12)] {
            found.push(zone.instant(Wall { day, ..wall }));
        }
    }
    found.push(zone.midnight(shown(after).day));
    found.push(zone.midnight(shown(after).day + 1) - 1);
    found.sort_unstable();
    found.dedup();
    found
}

/// Every change of every zone, with the zone as jiff knows it.
fn for_each_change(mut look: impl FnMut(&Zone, &TimeZone, i64)) {
    let mut changes = 0;
    for zone in oracle::zones() {
        let jiff = TimeZone::get(zone.name).unwrap();
        for change in zone.changes() {
            look(&zone, &jiff, change);
            changes += 1;
        }
    }
    assert!(changes > 800, "{changes}");
}

/// What the words must mean is asked of the same clocks: where this fails, run `zones.py` with the data of jiff.
#[test]
fn both_know_the_same_clocks() {
    for zone in oracle::zones() {
        let jiff = TimeZone::get(zone.name).unwrap();
        let offset = |at: i64| i64::from(jiff.to_offset(Timestamp::from_second(at).unwrap()).seconds());
        let mut known: Vec<i64> = jiff
            .following(Timestamp::from_second(oracle::day(2017, 1, 1) * DAY).unwrap())
            .map(|change| change.timestamp().as_second())
            .take_while(|at| *at < oracle::day(2044, 1, 1) * DAY)
            .filter(|at| offset(*at - 1) != offset(*at))
            .collect();
        known.dedup();
        let ours: Vec<i64> = zone.shifts.iter().map(|shift| shift.0).collect();
        assert_eq!(known, ours, "{}", zone.name);
        assert!(
            ours.iter().all(|at| offset(*at) == zone.offset(*at) && offset(*at - 1) == zone.offset(*at - 1))
        );
    }
}

/// jiff 0.2.46 takes the last hour of 28 October 2023 in Nuuk, where the clocks stayed as they were, for one that comes
/// twice. It is past, and of one town; all other hours of all zones are as they must be.
fn is_misread(zone: &Zone, at: i64) -> bool {
    let hour = zone.instant(Wall { day: oracle::day(2023, 10, 28), second: 23 * 3_600 });
    zone.name == "America/Nuuk" && (hour..hour + 3_600).contains(&at)
}

#[test]
fn steps_of_the_calendar() {
    for_each_change(|zone, jiff, change| {
        for at in awkward(zone, change) {
            let from = zoned(jiff, at);
            for (text, days, months, seconds) in [
                ("1 day", 1, 0, 0),
                ("14 days", 14, 0, 0),
                ("1 week", 7, 0, 0),
                ("1 month", 0, 1, 0),
                ("2 quarters", 0, 6, 0),
                ("1 year", 0, 12, 0),
                ("24 hours", 0, 0, DAY),
                ("90 minutes", 0, 0, 5_400),
            ] {
                let span = Span::parse(text).unwrap();
                let want = |sign: i64| match (days, months) {
                    (0, 0) => at + sign * seconds,
                    (0, _) => zone.months_after(at, sign * months),
                    _ => zone.days_after(at, sign * days),
                };
                let said = || format!("{} {text} from {} ({at})", zone.name, oracle::text(zone.wall(at)));
                for (step, want) in [(span.after(&from), want(1)), (span.before(&from), want(-1))] {
                    let step = step.timestamp().as_second();
                    assert!(step == want || is_misread(zone, want), "{}: {step} is not {want}", said());
                }
            }
        }
    });
}

/// (term, its end by the oracle). `through`: as in `expires`, `keep` and `valid`.
fn ends(zone: &Zone, at: i64) -> Vec<(&'static str, i64)> {
    let day = zone.wall(at).day;
    let month = |day| period(day, 1, 1);
    let first = |day| zone.midnight(day);
    let monthly = zone.months_after(at, 1);
    let through = |end: i64| zone.day_through(end);
    vec![
        ("1 day", through(zone.days_after(at, 1))),
        ("30 days", through(zone.days_after(at, 30))),
        ("1 month", through(monthly)),
        ("12 months", through(zone.months_after(at, 12))),
        ("12 months idle", through(zone.months_after(at, 12))),
        ("36 hours", at + 36 * 3_600),
        ("1 day, 36 hours", zone.days_after(at, 1) + 36 * 3_600),
        ("24 hours, 1 day", through(zone.days_after(at + DAY, 1))),
        ("end of day", first(day + 1)),
        ("end of next day", first(day + 2)),
        ("end of week", first(oracle::monday(day) + 7)),
        ("end of month", first(months_later(month(day), 1))),
        ("end of next month", first(months_later(month(day), 2))),
        ("end of quarter", first(months_later(period(day, 3, 4), 3))),
        ("end of half year", first(months_later(period(day, 6, 4), 6))),
        ("end of next year", first(months_later(period(day, 12, 4), 24))),
        ("end of membership year", first(next_membership(day))),
        ("1 month, end of month", first(months_later(month(zone.wall(monthly).day), 1))),
        ("end of month, 1 month", through(zone.months_after(first(months_later(month(day), 1)), 1))),
        ("end of 02-29", first(after_february(day))),
    ]
}

/// 1 March, the next that comes.
fn after_february(day: oracle::Day) -> oracle::Day {
    let year = oracle::date(day).0;
    let march = |year: i64| oracle::day(year, 3, 1);
    if day < march(year) { march(year) } else { march(year + 1) }
}

#[test]
fn terms_end_where_they_must_and_never_before_their_day_is_over() {
    let calendar = calendar();
    for_each_change(|zone, jiff, change| {
        for at in awkward(zone, change) {
            let from = zoned(jiff, at);
            for (text, want) in ends(zone, at) {
                let end = |to| Term::parse(text).unwrap().end(&from, &calendar, to).unwrap().as_second();
                let (to_its_day, instant, end) = (end(To::Day), end(To::Instant), end(To::Edge));
                let said = || format!("{} {text} from {} ({at})", zone.name, oracle::text(zone.wall(at)));
                assert_eq!(end, want, "{}", said());
                // What is counted from no end runs to the end of its day from midnight too.
                let plain = !text.contains("end of") && !text.ends_with("hours");
                let whole = if plain { zone.day_end(instant) } else { end };
                assert_eq!(to_its_day, whole, "{}", said());
                // The law, without the oracle's arithmetic: the last second shows the day that was promised, the next
                // one a later day.
                if !text.ends_with("hours") {
                    let (last, next) = (zone.wall(end - 1).day, zone.wall(end).day);
                    assert!(last < next && end > at, "{}: ends within {last}", said());
                }
            }
        }
    });
}

#[test]
fn periods_begin_at_their_first_instant_and_leave_nothing_out() {
    let calendar = calendar();
    let units: [(Unit, fn(oracle::Day) -> oracle::Day, fn(oracle::Day) -> oracle::Day); 7] = [
        (Unit::Day, |day| day, |day| day + 1),
        (Unit::Week, oracle::monday, |day| day + 7),
        (Unit::Month, |day| period(day, 1, 1), |day| months_later(day, 1)),
        (Unit::Quarter, |day| period(day, 3, 4), |day| months_later(day, 3)),
        (Unit::HalfYear, |day| period(day, 6, 4), |day| months_later(day, 6)),
        (Unit::Year, |day| period(day, 12, 4), |day| months_later(day, 12)),
        (Unit::MembershipYear, membership, next_membership),
    ];
    for_each_change(|zone, jiff, change| {
        for at in awkward(zone, change) {
            let local = zoned(jiff, at).date();
            let begins = |day: jiff::civil::Date| day.to_zoned(jiff.clone()).unwrap().timestamp().as_second();
            for (unit, first, next) in units {
                let day = zone.wall(at).day;
                let start = unit.start(local, &calendar);
                let end = unit.back(start, -1, &calendar);
                let said = || format!("{} {unit:?} of {}", zone.name, oracle::text(zone.wall(at)));
                assert_eq!((start, end), (civil(first(day)), civil(next(first(day)))), "{}", said());
                let (start, end) = (begins(start), begins(end));
                assert_eq!(
                    (start, end),
                    (zone.midnight(first(day)), zone.midnight(next(first(day)))),
                    "{}",
                    said()
                );
                assert!(start <= at && at < end, "{}", said());
            }
        }
    });
}

#[test]
fn schedules_look_at_the_clock_on_the_wall() {
    let schedule = |from: Option<Wall>, until: Option<Wall>, days: u8, hours: Option<(u16, u16)>| {
        let local = |wall: Wall| {
            let time = jiff::civil::time((wall.second / 3_600) as i8, (wall.second / 60 % 60) as i8, 0, 0);
            civil(wall.day).to_datetime(time)
        };
        Schedule { from: from.map(local), until: until.map(local), days, hours, source: "".into() }
    };
    for_each_change(|zone, jiff, change| {
        let day = zone.wall(change).day;
        let night = Wall { day, second: 2 * 3_600 + 1_800 };
        for at in awkward(zone, change) {
            let now = zoned(jiff, at);
            let wall = zone.wall(at);
            let (minute, weekday) = (wall.second / 60, (wall.day + 3).rem_euclid(7));
            let late = (22 * 60, 3 * 60);
            let yesterday = if minute < 180 { (weekday + 6) % 7 } else { weekday };
            for (case, schedule, want) in [
                // A date includes its whole day, however long it is.
                (
                    "day",
                    schedule(Some(Wall { day, second: 0 }), Some(Wall { day: day + 1, second: 0 }), 0, None),
                    wall.day == day,
                ),
                ("from", schedule(Some(night), None, 0, None), at >= zone.instant(night)),
                ("until", schedule(None, Some(night), 0, None), at < zone.instant(night)),
                ("hours", schedule(None, None, 0, Some((60, 180))), (60..180).contains(&minute)),
                (
                    "night of Saturday",
                    schedule(None, None, 1 << 5, Some(late)),
                    !(180..1_320).contains(&minute) && yesterday == 5,
                ),
            ] {
                assert_eq!(schedule.holds(&now), want, "{} {case} at {}", zone.name, oracle::text(wall));
            }
        }
    });
}
