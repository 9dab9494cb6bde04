//! Terms of the program file: from an instant to a later one. `"12 months, end of month"`, `"6 months idle"`, a date.
//! Not here: what ends then (`decide`). "End of" is the first instant after it, at local midnight.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::time::{Calendar, Span, SpanUnit, Unit};

/// Steps are applied from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    steps: Vec<Step>,
    /// As written.
    pub source: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Span(Span),
    EndOf(Unit),
    EndOfNext(Unit),
    /// The next end of that day of a year: (month, day).
    EndOfDay(i8, i8),
    Day(Date),
    /// Counts from the last activity.
    Idle(Span),
}

/// What a last step of days or more runs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Its very instant: what waits.
    Instant,
    /// The end of its day: what expires or is valid.
    Day,
    /// The same, but counted from an instant that may itself be an end (a level is renewed when it ends): from midnight
    /// it comes to midnight.
    Edge,
}

/// A plain wait: a duration, or to the begin of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Span(Span),
    Day(Date),
}

impl Wait {
    pub fn parse(text: &str) -> Option<Wait> {
        Span::parse(text).map(Wait::Span).or_else(|| text.parse().ok().map(Wait::Day))
    }
    pub fn end(self, from: &Zoned) -> Timestamp {
        match self {
            Wait::Span(span) => span.after(from).timestamp(),
            Wait::Day(day) => midnight(day, from).timestamp(),
        }
    }
}

impl Term {
    pub fn never() -> Term {
        Term { steps: Vec::new(), source: "never".into() }
    }

    /// Reads `never`, a date, or steps joined by `, `.
    pub fn parse(text: &str) -> Option<Term> {
        let steps = match text {
            "never" => Vec::new(),
            _ => text.split(", ").enumerate().map(|(at, part)| step(part, at)).collect::<Option<Vec<_>>>()?,
        };
        let lone_day = steps.len() == 1 || !steps.iter().any(|s| matches!(s, Step::Day(_)));
        lone_day.then(|| Term { steps, source: text.into() })
    }

    pub fn is_never(&self) -> bool {
        self.steps.is_empty()
    }

    /// It counts from the last activity.
    pub fn is_idle(&self) -> bool {
        matches!(self.steps.first(), Some(Step::Idle(_)))
    }

    /// Its end; None: never.
    pub fn end(&self, from: &Zoned, calendar: &Calendar, to: To) -> Option<Timestamp> {
        let (last, before) = self.steps.split_last()?;
        let end = self.steps.iter().fold(from.clone(), |at, step| step.end(&at, calendar));
        let from_an_end =
            to == To::Edge || before.iter().any(|step| !matches!(step, Step::Span(_) | Step::Idle(_)));
        Some(if to == To::Instant { end.timestamp() } else { last.through(&end, from_an_end).timestamp() })
    }
}

fn step(text: &str, at: usize) -> Option<Step> {
    if let Some(span) = text.strip_suffix(" idle") {
        return Span::parse(span).filter(|_| at == 0).map(Step::Idle);
    }
    if let Some(unit) = text.strip_prefix("end of next ") {
        return Unit::parse(unit).map(Step::EndOfNext);
    }
    if let Some(what) = text.strip_prefix("end of ") {
        return Unit::parse(what).map(Step::EndOf).or_else(|| day_of_year(what));
    }
    Span::parse(text).map(Step::Span).or_else(|| text.parse().ok().map(Step::Day))
}

fn day_of_year(text: &str) -> Option<Step> {
    let (month, day) = text.split_once('-').filter(|(m, d)| m.len() == 2 && d.len() == 2)?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // 2028 is a leap year, so 29 February is a day.
    Date::new(2028, month, day).ok().map(|_| Step::EndOfDay(month, day))
}

impl Step {
    fn end(self, at: &Zoned, calendar: &Calendar) -> Zoned {
        let day = at.date();
        match self {
            Step::Span(span) | Step::Idle(span) => span.after(at),
            Step::EndOf(unit) => midnight(unit.back(unit.start(day, calendar), -1, calendar), at),
            Step::EndOfNext(unit) => midnight(unit.back(unit.start(day, calendar), -2, calendar), at),
            Step::EndOfDay(month, on) => {
                let in_year = |year: i16| {
                    let first = Date::constant(year.clamp(-9_998, 9_998), month, 1);
                    let day = first.saturating_add(i64::from(on.min(first.days_in_month()) - 1).days());
                    midnight(day.saturating_add(1.day()), at)
                };
                let this = in_year(day.year());
                if this > *at { this } else { in_year(day.year() + 1) }
            }
            Step::Day(date) => midnight(date, at),
        }
    }

    /// The end of the day on which a step of days or more comes to. What is counted from an end comes to one: that
    /// midnight is the end of the day before it.
    fn through(self, end: &Zoned, from_an_end: bool) -> Zoned {
        let days = match self {
            Step::Span(span) | Step::Idle(span) => {
                !matches!(span.unit, SpanUnit::Second | SpanUnit::Minute | SpanUnit::Hour)
            }
            Step::Day(date) => return midnight(date.saturating_add(1.day()), end),
            Step::EndOf(_) | Step::EndOfNext(_) | Step::EndOfDay(..) => false,
        };
        let begun = midnight(end.date(), end);
        if !days || (from_an_end && begun == *end) {
            end.clone()
        } else {
            midnight(end.date().saturating_add(1.day()), end)
        }
    }
}

/// The first instant of a day where `at` is.
fn midnight(day: Date, at: &Zoned) -> Zoned {
    day.to_zoned(at.time_zone().clone()).unwrap_or_else(|_| at.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(term: &str, from: &str) -> String {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
        let from = from.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone.clone()).unwrap();
        let calendar = Calendar {
            week_starts: jiff::civil::Weekday::Monday,
            year_starts: 1,
            enrolled_on: "2026-03-10".parse().unwrap(),
        };
        let end = Term::parse(term).unwrap().end(&from, &calendar, To::Day);
        end.map_or("never".into(), |at| at.to_zoned(zone).datetime().to_string())
    }

    #[test]
    fn ends() {
        for (term, from, want) in [
            ("never", "2027-05-02T10:00", "never"),
            ("12 months", "2027-01-05T08:00", "2028-01-06T00:00:00"),
            ("12 months, end of month", "2027-01-05T08:00", "2028-02-01T00:00:00"),
            ("end of next year, 2 months", "2027-05-02T10:00", "2029-03-01T00:00:00"),
            ("end of day", "2027-05-02T10:00", "2027-05-03T00:00:00"),
            ("end of next month", "2027-07-03T10:00", "2027-09-01T00:00:00"),
            ("3 months idle, end of month", "2027-02-13T10:00", "2027-06-01T00:00:00"),
            ("1 month", "2027-01-31T00:00", "2027-03-01T00:00:00"),
            ("2 hours", "2027-01-31T10:30", "2027-01-31T12:30:00"),
            ("end of 12-31", "2027-05-02T10:00", "2028-01-01T00:00:00"),
            ("end of 05-02", "2027-05-02T10:00", "2027-05-03T00:00:00"),
            ("end of 02-29", "2027-01-02T10:00", "2027-03-01T00:00:00"),
            ("end of membership year", "2027-03-09T10:00", "2027-03-10T00:00:00"),
            ("end of next membership year", "2027-03-10T10:00", "2029-03-10T00:00:00"),
            ("2027-12-31", "2027-05-02T10:00", "2028-01-01T00:00:00"),
            // The day on which clocks change has 23 hours, and is a day all the same.
            ("1 day", "2027-03-28T00:00", "2027-03-30T00:00:00"),
        ] {
            assert_eq!(end(term, from), want, "{term} from {from}");
        }
    }

    #[test]
    fn what_is_no_term() {
        for text in [
            "",
            "soon",
            "12",
            "end of",
            "end of decade",
            "1 month, 6 months idle",
            "2027-01-01, 1 day",
            "end of 13-01",
        ] {
            assert_eq!(Term::parse(text), None, "{text}");
        }
    }
}
