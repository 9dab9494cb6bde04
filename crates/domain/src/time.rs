//! Calendar words of the program file: units, durations, windows, schedules; and what they mean at an instant.
//! Days and longer are calendar steps at the same local time; 31 January plus a month is the last of February.

use jiff::civil::{Date, DateTime};
use jiff::{ToSpan, Zoned};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    HalfYear,
    Year,
    MembershipYear,
}

/// `"14 days"`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub count: u32,
    pub unit: SpanUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Life,
    /// The calendar period that holds `now`.
    Unit(Unit),
    /// The time up to now.
    Rolling(Span),
    /// Since the present level of this ladder began or was renewed.
    Level(u16),
}

/// How a program cuts the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    pub week_starts: jiff::civil::Weekday,
    pub year_starts: i8,
    /// For membership years.
    pub enrolled_on: Date,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// First instant, local; a date means its first.
    pub from: Option<DateTime>,
    /// Exclusive, local: a `through` date is stored as the day after.
    pub until: Option<DateTime>,
    /// Bit 0 is Monday; 0 means every day.
    pub days: u8,
    /// Minutes of the day [from, to); may pass midnight.
    pub hours: Option<(u16, u16)>,
    /// As written, for explanations.
    pub source: Box<str>,
}

impl Schedule {
    /// Judged at the local time of `now`. Hours past midnight belong to the day on which they began.
    pub fn holds(&self, now: &Zoned) -> bool {
        let reached = |edge: &DateTime| edge.to_zoned(now.time_zone().clone()).is_ok_and(|edge| edge <= *now);
        if self.from.as_ref().is_some_and(|from| !reached(from)) || self.until.as_ref().is_some_and(reached) {
            return false;
        }
        let minute = now.hour() as u16 * 60 + now.minute() as u16;
        let mut day = now.date();
        if let Some((from, to)) = self.hours {
            let past_midnight = from > to && minute < to;
            if past_midnight {
                day = day.saturating_sub(1.day());
            } else if minute < from || (from < to && minute >= to) {
                return false;
            }
        }
        self.days == 0 || self.days & (1 << day.weekday().to_monday_zero_offset()) != 0
    }
}

impl Unit {
    pub const COUNT: usize = UNITS.len();

    /// First day of the period that holds `day`.
    pub fn start(self, day: Date, calendar: &Calendar) -> Date {
        match self {
            Unit::Day => day,
            Unit::Week => {
                let past = day.weekday().since(calendar.week_starts);
                day.saturating_sub(i64::from(past).days())
            }
            Unit::MembershipYear => {
                let this_year = anniversary(calendar.enrolled_on, day.year());
                if this_year <= day { this_year } else { anniversary(calendar.enrolled_on, day.year() - 1) }
            }
            _ => {
                let into_year = (day.month() - calendar.year_starts).rem_euclid(12);
                let past = i64::from(into_year) % self.months();
                day.first_of_month().saturating_sub(past.months())
            }
        }
    }

    /// First day of the period `n` before (negative: after) the one that starts on `start`.
    pub fn back(self, start: Date, n: i32, calendar: &Calendar) -> Date {
        let n = i64::from(n.clamp(-MAX_BACK, MAX_BACK));
        match self {
            Unit::Day => start.saturating_sub(n.days()),
            Unit::Week => start.saturating_sub(n.weeks()),
            Unit::MembershipYear => anniversary(calendar.enrolled_on, start.year().saturating_sub(n as i16)),
            _ => start.saturating_sub((n * self.months()).months()),
        }
    }

    /// Months of a unit that is made of them.
    fn months(self) -> i64 {
        match self {
            Unit::Quarter => 3,
            Unit::HalfYear => 6,
            Unit::Year | Unit::MembershipYear => 12,
            Unit::Day | Unit::Week | Unit::Month => 1,
        }
    }

    pub fn parse(text: &str) -> Option<Unit> {
        UNITS.iter().find(|(name, _)| *name == text).map(|(_, unit)| *unit)
    }
}

/// More periods than that are never asked for; keeps arithmetic inside the calendar.
const MAX_BACK: i32 = 10_000;

pub const UNITS: [(&str, Unit); 7] = [
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
    ("quarter", Unit::Quarter),
    ("half year", Unit::HalfYear),
    ("year", Unit::Year),
    ("membership year", Unit::MembershipYear),
];

/// The day in `year` on which membership years begin; in a common year 29 February is the 28th.
fn anniversary(enrolled_on: Date, year: i16) -> Date {
    let year = year.clamp(-9_998, 9_998);
    let first = Date::constant(year, enrolled_on.month(), 1);
    let day = enrolled_on.day().min(first.days_in_month());
    Date::constant(year, enrolled_on.month(), day)
}

impl Span {
    pub fn before(self, at: &Zoned) -> Zoned {
        at.saturating_sub(self.steps())
    }
    pub fn after(self, at: &Zoned) -> Zoned {
        at.saturating_add(self.steps())
    }

    /// Never beyond 400 years (`Span::parse` refuses more), which every unit of the calendar can hold.
    fn steps(self) -> jiff::Span {
        let n = i64::from(self.count);
        match self.unit {
            SpanUnit::Second => n.min(400 * 366 * 86_400).seconds(),
            SpanUnit::Minute => n.min(400 * 366 * 1_440).minutes(),
            SpanUnit::Hour => n.min(400 * 366 * 24).hours(),
            SpanUnit::Day => n.min(400 * 366).days(),
            SpanUnit::Week => n.min(400 * 53).weeks(),
            SpanUnit::Month => n.min(4_800).months(),
            SpanUnit::Quarter => n.min(1_600).saturating_mul(3).months(),
            SpanUnit::Year => n.min(400).years(),
        }
    }

    /// Reads `14 days`; at most 200 years.
    pub fn parse(text: &str) -> Option<Span> {
        let (count, unit) = text.split_once(' ')?;
        if !count.bytes().all(|b| b.is_ascii_digit()) || (count.len() > 1 && count.starts_with('0')) {
            return None;
        }
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let (_, unit, most) = *SPAN_UNITS.iter().find(|(name, ..)| *name == unit)?;
        let count = count.parse().ok().filter(|n| *n <= most)?;
        Some(Span { count, unit })
    }
}

/// As `parse` reads it.
impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = SPAN_UNITS.iter().find(|(_, unit, _)| *unit == self.unit).map_or("", |unit| unit.0);
        write!(f, "{} {name}{}", self.count, if self.count == 1 { "" } else { "s" })
    }
}

/// Name, unit, and how many of it a program may ask for.
const SPAN_UNITS: [(&str, SpanUnit, u32); 8] = [
    ("second", SpanUnit::Second, u32::MAX),
    ("minute", SpanUnit::Minute, 200 * 366 * 1_440),
    ("hour", SpanUnit::Hour, 200 * 366 * 24),
    ("day", SpanUnit::Day, 200 * 366),
    ("week", SpanUnit::Week, 200 * 53),
    ("month", SpanUnit::Month, 2_400),
    ("quarter", SpanUnit::Quarter, 800),
    ("year", SpanUnit::Year, 200),
];

impl Window {
    /// Reads `life`, a unit, or a duration.
    pub fn parse(text: &str) -> Option<Window> {
        match text {
            "life" => Some(Window::Life),
            _ => Unit::parse(text).map(Window::Unit).or_else(|| Span::parse(text).map(Window::Rolling)),
        }
    }
}

/// `mon` … `sun`, in the order of the week.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
