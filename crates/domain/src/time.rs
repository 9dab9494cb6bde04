//! Calendar words of the program file: units, durations, windows, schedules; and what they mean at an instant.
//! Days and longer are calendar steps at the same local time; 31 January plus a month is the last of February.

use jiff::Zoned;

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
}

/// How a program cuts the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    pub week_starts: jiff::civil::Weekday,
    pub year_starts: i8,
    /// For membership years.
    pub enrolled_on: jiff::civil::Date,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// First instant, local; a date means its first.
    pub from: Option<jiff::civil::DateTime>,
    /// Exclusive, local: a `through` date is stored as the day after.
    pub until: Option<jiff::civil::DateTime>,
    /// Bit 0 is Monday; 0 means every day.
    pub days: u8,
    /// Minutes of the day [from, to); may pass midnight.
    pub hours: Option<(u16, u16)>,
    /// As written, for explanations.
    pub source: Box<str>,
}

#[allow(unused_variables)]
impl Schedule {
    /// Judged at the local time of `now`. Hours past midnight belong to the day on which they began.
    pub fn holds(&self, now: &Zoned) -> bool {
        todo!()
    }
}

#[allow(unused_variables)]
impl Unit {
    /// First day of the period that holds `day`.
    pub fn start(self, day: jiff::civil::Date, calendar: &Calendar) -> jiff::civil::Date {
        todo!()
    }
    /// First day of the period `n` before (negative: after) the one that starts on `start`.
    pub fn back(self, start: jiff::civil::Date, n: i32, calendar: &Calendar) -> jiff::civil::Date {
        todo!()
    }
}

#[allow(unused_variables)]
impl Span {
    pub fn before(self, at: &Zoned) -> Zoned {
        todo!()
    }
    pub fn after(self, at: &Zoned) -> Zoned {
        todo!()
    }
}
