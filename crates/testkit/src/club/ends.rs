//! When points and levels end, worked out by hand: the auditor's second opinion on terms.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, Zoned};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Never,
    Days(i64),
    Months(i64),
    /// So many months, and on to the end of that month.
    EndOfMonth(i64),
    /// At the end of that day.
    On(i16, i8, i8),
    /// At the next end of that day of a year.
    Yearly(i8, i8),
    EndOfNextQuarter,
    /// So many days after the last activity.
    Idle(i64),
}

pub const HOME: &str = "Europe/Berlin";

pub fn local(time: i64) -> Zoned {
    let time = Timestamp::from_second(time).expect("times of a world are in range");
    time.in_tz(HOME).expect("a zone of the catalogue")
}

fn midnight(day: Date) -> Zoned {
    day.in_tz(HOME).expect("every day has a first instant")
}

fn next_day(day: Date) -> Date {
    day + 1.day()
}

/// What ends within a day ends with it. A level may be renewed when it ends, and comes from that midnight to another.
fn through(end: &Zoned, level: bool) -> i64 {
    let begun = midnight(end.date());
    let end = if level && begun == *end { begun } else { midnight(next_day(end.date())) };
    end.timestamp().as_second()
}

/// The first day of the next month but `more`.
fn month_after(day: Date, more: i64) -> Date {
    day.first_of_month() + (1 + more).months()
}

impl Ends {
    /// As written in a program.
    pub fn text(self) -> String {
        match self {
            Ends::Never => "never".to_owned(),
            Ends::Days(n) => format!("{n} days"),
            Ends::Months(n) => format!("{n} months"),
            Ends::EndOfMonth(n) => format!("{n} months, end of month"),
            Ends::On(y, m, d) => format!("{y}-{m:02}-{d:02}"),
            Ends::Yearly(m, d) => format!("end of {m:02}-{d:02}"),
            Ends::EndOfNextQuarter => "end of next quarter".to_owned(),
            Ends::Idle(n) => format!("{n} days idle"),
        }
    }
    /// The end of a level that begins at `from`.
    pub fn end(self, from: &Zoned) -> Option<i64> {
        self.ends(from, true)
    }
    fn ends(self, from: &Zoned, level: bool) -> Option<i64> {
        let start = |day: Date| Some(midnight(day).timestamp().as_second());
        match self {
            Ends::Never => None,
            Ends::Days(n) | Ends::Idle(n) => Some(through(&(from + n.days()), level)),
            Ends::Months(n) => Some(through(&(from + n.months()), level)),
            Ends::EndOfMonth(n) => start(month_after((from + n.months()).date(), 0)),
            Ends::On(y, m, d) => start(next_day(Date::new(y, m, d).expect("a day of the catalogue"))),
            Ends::Yearly(m, d) => {
                let over = |year| midnight(next_day(Date::new(year, m, d).expect("a day of every year")));
                let this = over(from.year());
                let end = if this > *from { this } else { over(from.year() + 1) };
                Some(end.timestamp().as_second())
            }
            Ends::EndOfNextQuarter => {
                let into = i64::from((from.month() - 1) % 3);
                start(month_after(from.date(), 5 - into))
            }
        }
    }
    /// Of a lot that is made at `at`.
    pub fn of_lot(self, at: i64) -> Option<i64> {
        if matches!(self, Ends::Idle(_)) { None } else { self.ends(&local(at), false) }
    }
    /// Of what has no date, in a silence that began at `from`.
    pub fn of_silence(self, from: i64) -> Option<i64> {
        if matches!(self, Ends::Idle(_)) { self.ends(&local(from), false) } else { None }
    }
}

#[test]
fn ends_as_the_reference_says() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    let end = |ends: Ends, from: &str| ends.end(&local(at(from)));
    // 2 May 2027, 10:00 in Berlin.
    let from = "2027-05-02T08:00:00Z";
    assert_eq!(end(Ends::Days(3), from), Some(at("2027-05-05T22:00:00Z")));
    assert_eq!(end(Ends::EndOfMonth(1), from), Some(at("2027-06-30T22:00:00Z")));
    assert_eq!(end(Ends::EndOfNextQuarter, from), Some(at("2027-09-30T22:00:00Z")));
    assert_eq!(end(Ends::Yearly(5, 2), from), Some(at("2027-05-02T22:00:00Z")));
    assert_eq!(end(Ends::Yearly(5, 1), from), Some(at("2028-05-01T22:00:00Z")));
    assert_eq!(end(Ends::Months(1), "2027-01-30T23:00:00Z"), Some(at("2027-02-27T23:00:00Z")));
    let midnight = at("2027-01-30T23:00:00Z");
    assert_eq!(Ends::Months(1).of_lot(midnight), Some(at("2027-02-28T23:00:00Z")));
    assert_eq!(Ends::Idle(3).of_silence(midnight), Some(at("2027-02-03T23:00:00Z")));
}
