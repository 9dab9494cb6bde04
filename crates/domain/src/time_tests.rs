//! What the calendar words mean: daylight saving, short months, membership years, hours past midnight.

use jiff::civil::date;

use super::*;

fn at(text: &str) -> Zoned {
    text.parse().expect(text)
}
fn calendar() -> Calendar {
    Calendar { week_starts: jiff::civil::Weekday::Monday, year_starts: 1, enrolled_on: date(2024, 2, 29) }
}
fn open() -> Schedule {
    Schedule { from: None, until: None, days: 0, hours: None, source: "".into() }
}

#[test]
fn days_are_local_days_across_daylight_saving() {
    let day = Span::parse("1 day").unwrap();
    let hours = Span::parse("24 hours").unwrap();
    let before = at("2027-03-27T12:00[Europe/Berlin]");
    assert_eq!(day.after(&before), at("2027-03-28T12:00[Europe/Berlin]"));
    assert_eq!(hours.after(&before), at("2027-03-28T13:00[Europe/Berlin]"));
    assert_eq!(day.before(&at("2027-03-28T12:00[Europe/Berlin]")), before);
    // 02:30 does not exist on the 28th: the gap is skipped forward.
    assert_eq!(day.after(&at("2027-03-27T02:30[Europe/Berlin]")), at("2027-03-28T03:30[Europe/Berlin]"));
    assert_eq!(hours.after(&at("2027-10-30T12:00[Europe/Berlin]")), at("2027-10-31T11:00[Europe/Berlin]"));
}

#[test]
fn a_month_after_31_january_is_the_last_of_february() {
    let month = Span::parse("1 month").unwrap();
    assert_eq!(month.after(&at("2027-01-31T10:00[UTC]")), at("2027-02-28T10:00[UTC]"));
    assert_eq!(month.after(&at("2028-01-31T10:00[UTC]")), at("2028-02-29T10:00[UTC]"));
    assert_eq!(month.before(&at("2027-03-31T10:00[UTC]")), at("2027-02-28T10:00[UTC]"));
    let quarter = Span::parse("1 quarter").unwrap();
    assert_eq!(quarter.after(&at("2027-11-30T10:00[UTC]")), at("2028-02-29T10:00[UTC]"));
    let year = Span::parse("1 year").unwrap();
    assert_eq!(year.after(&at("2028-02-29T10:00[UTC]")), at("2029-02-28T10:00[UTC]"));
}

#[test]
fn spans_are_read_and_bounded() {
    assert_eq!(Span::parse("14 days"), Some(Span { count: 14, unit: SpanUnit::Day }));
    assert_eq!(Span::parse("1 quarter"), Some(Span { count: 1, unit: SpanUnit::Quarter }));
    assert_eq!(Span::parse("0 days"), Some(Span { count: 0, unit: SpanUnit::Day }));
    for wrong in
        ["14", "days", "14 dayss", "-1 day", "+1 day", "1.5 days", "14  days", "014 days", "9999 years", ""]
    {
        assert_eq!(Span::parse(wrong), None, "{wrong}");
    }
    let far = Span { count: u32::MAX, unit: SpanUnit::Year };
    far.after(&at("2027-01-01T00:00[UTC]"));
    far.before(&at("2027-01-01T00:00[UTC]"));
}

#[test]
fn windows_are_units_spans_or_life() {
    assert_eq!(Window::parse("life"), Some(Window::Life));
    assert_eq!(Window::parse("half year"), Some(Window::Unit(Unit::HalfYear)));
    assert_eq!(Window::parse("12 months"), Some(Window::Rolling(Span { count: 12, unit: SpanUnit::Month })));
    assert_eq!(Window::parse("tiers.status"), None);
    assert_eq!(Window::parse("months"), None);
}

#[test]
fn weeks_start_as_the_program_says() {
    let sunday = Calendar { week_starts: jiff::civil::Weekday::Sunday, ..calendar() };
    assert_eq!(Unit::Week.start(date(2027, 3, 3), &calendar()), date(2027, 3, 1));
    assert_eq!(Unit::Week.start(date(2027, 3, 1), &calendar()), date(2027, 3, 1));
    assert_eq!(Unit::Week.start(date(2027, 3, 6), &sunday), date(2027, 2, 28));
    assert_eq!(Unit::Week.start(date(2027, 3, 7), &sunday), date(2027, 3, 7));
    assert_eq!(Unit::Week.back(date(2027, 3, 1), 1, &calendar()), date(2027, 2, 22));
    assert_eq!(Unit::Week.back(date(2027, 3, 1), -1, &calendar()), date(2027, 3, 8));
}

#[test]
fn quarters_and_half_years_follow_the_year() {
    let april = Calendar { year_starts: 4, ..calendar() };
    let february = Calendar { year_starts: 2, ..calendar() };
    assert_eq!(Unit::Year.start(date(2027, 3, 31), &april), date(2026, 4, 1));
    assert_eq!(Unit::Year.start(date(2027, 4, 1), &april), date(2027, 4, 1));
    assert_eq!(Unit::HalfYear.start(date(2027, 3, 31), &april), date(2026, 10, 1));
    assert_eq!(Unit::Quarter.start(date(2027, 1, 20), &february), date(2026, 11, 1));
    assert_eq!(Unit::Quarter.start(date(2027, 2, 1), &february), date(2027, 2, 1));
    assert_eq!(Unit::Quarter.start(date(2027, 12, 31), &calendar()), date(2027, 10, 1));
    assert_eq!(Unit::Month.start(date(2027, 12, 31), &april), date(2027, 12, 1));
    assert_eq!(Unit::Quarter.back(date(2027, 1, 1), 4, &calendar()), date(2026, 1, 1));
    assert_eq!(Unit::HalfYear.back(date(2026, 10, 1), -1, &april), date(2027, 4, 1));
    assert_eq!(Unit::Day.start(date(2027, 5, 5), &april), date(2027, 5, 5));
}

#[test]
fn membership_years_of_29_february() {
    let c = calendar();
    assert_eq!(Unit::MembershipYear.start(date(2024, 2, 29), &c), date(2024, 2, 29));
    assert_eq!(Unit::MembershipYear.start(date(2025, 2, 27), &c), date(2024, 2, 29));
    assert_eq!(Unit::MembershipYear.start(date(2025, 2, 28), &c), date(2025, 2, 28));
    assert_eq!(Unit::MembershipYear.start(date(2028, 2, 28), &c), date(2027, 2, 28));
    assert_eq!(Unit::MembershipYear.start(date(2028, 2, 29), &c), date(2028, 2, 29));
    // No drift: four years back from the 28th is the 29th again.
    assert_eq!(Unit::MembershipYear.back(date(2027, 2, 28), 3, &c), date(2024, 2, 29));
    assert_eq!(Unit::MembershipYear.back(date(2024, 2, 29), -1, &c), date(2025, 2, 28));
    // A late event from before the enrolment lies in the year before it.
    assert_eq!(Unit::MembershipYear.start(date(2024, 2, 1), &c), date(2023, 2, 28));
}

#[test]
fn every_period_holds_its_day_and_meets_the_next() {
    for (_, unit) in UNITS {
        for year_starts in 1..=12 {
            let c = Calendar { year_starts, ..calendar() };
            let mut day = date(2023, 12, 25);
            while day < date(2028, 3, 5) {
                let start = unit.start(day, &c);
                let next = unit.back(start, -1, &c);
                assert!(start <= day && day < next, "{unit:?} {day} in {start}..{next}");
                assert_eq!(unit.start(next, &c), next);
                assert_eq!(unit.back(next, 1, &c), start);
                day = day.tomorrow().unwrap();
            }
        }
    }
}

#[test]
fn a_schedule_includes_its_first_and_last_day_in_the_zone_of_now() {
    let active = Schedule {
        from: Some(date(2026, 12, 1).at(0, 0, 0, 0)),
        until: Some(date(2027, 3, 1).at(0, 0, 0, 0)),
        ..open()
    };
    assert!(!active.holds(&at("2026-11-30T23:59:59[Europe/Berlin]")));
    assert!(active.holds(&at("2026-12-01T00:00[Europe/Berlin]")));
    assert!(active.holds(&at("2027-02-28T23:59:59[Europe/Berlin]")));
    assert!(!active.holds(&at("2027-03-01T00:00[Europe/Berlin]")));
    // The same instant is another day elsewhere.
    assert!(active.holds(&at("2027-02-28T19:00[America/New_York]")));
}

#[test]
fn a_local_time_that_comes_twice_ends_the_schedule_once() {
    let active = Schedule { until: Some(date(2027, 10, 31).at(2, 30, 0, 0)), ..open() };
    assert!(active.holds(&at("2027-10-31T02:29:00+02:00[Europe/Berlin]")));
    assert!(!active.holds(&at("2027-10-31T02:45:00+02:00[Europe/Berlin]")));
    assert!(!active.holds(&at("2027-10-31T02:10:00+01:00[Europe/Berlin]")));
}

#[test]
fn days_and_hours() {
    let weekend = Schedule { days: 0b110_0000, ..open() };
    assert!(weekend.holds(&at("2027-03-06T12:00[UTC]")));
    assert!(weekend.holds(&at("2027-03-07T12:00[UTC]")));
    assert!(!weekend.holds(&at("2027-03-08T12:00[UTC]")));
    let afternoon = Schedule { hours: Some((14 * 60, 17 * 60)), ..open() };
    assert!(!afternoon.holds(&at("2027-03-06T13:59:59[UTC]")));
    assert!(afternoon.holds(&at("2027-03-06T14:00[UTC]")));
    assert!(!afternoon.holds(&at("2027-03-06T17:00[UTC]")));
    let all_day = Schedule { hours: Some((0, 1440)), ..open() };
    assert!(all_day.holds(&at("2027-03-06T23:59[UTC]")));
}

#[test]
fn hours_past_midnight_belong_to_the_day_on_which_they_began() {
    let friday_night = Schedule { days: 1 << 4, hours: Some((22 * 60, 2 * 60)), ..open() };
    assert!(!friday_night.holds(&at("2027-03-05T01:00[UTC]")), "Friday 01:00 is Thursday's night");
    assert!(!friday_night.holds(&at("2027-03-05T21:59[UTC]")));
    assert!(friday_night.holds(&at("2027-03-05T22:00[UTC]")));
    assert!(friday_night.holds(&at("2027-03-06T01:59[UTC]")), "Saturday 01:59 is Friday's night");
    assert!(!friday_night.holds(&at("2027-03-06T02:00[UTC]")));
    assert!(!friday_night.holds(&at("2027-03-06T22:00[UTC]")));
}
