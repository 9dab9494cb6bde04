//! Cells as people and spreadsheets write them: numbers, days, yes and no. What could mean two things is not guessed.
//! Not here: which cell means what (`columns`), and what becomes of it (`row`).

use domain::num::Num;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// What is wrong with a cell, and what to do.
pub struct Wrong {
    pub what: String,
    pub fix: String,
}

pub fn wrong<T>(what: impl Into<String>, fix: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { what: what.into(), fix: fix.into() })
}

/// Which of day and month comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dates {
    /// 23/11/2026
    Dmy,
    /// 11/23/2026
    Mdy,
}

/// What separates decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Decimal {
    /// 1.234,5
    Comma,
    /// 1,234.5
    Point,
}

/// How the sheet was written, as far as it was said or shows.
#[derive(Clone, Copy)]
pub struct Style {
    pub dates: Option<Dates>,
    pub decimal: Option<Decimal>,
    /// Cells are separated by commas, so a comma within one was not written by Excel's other half of the world.
    pub commas: bool,
}

/// In Excel an apostrophe makes a text of a number.
pub fn plain(cell: &str) -> &str {
    let cell = cell.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// Nothing: an empty cell, and what stands for one.
pub fn is_nothing(cell: &str) -> bool {
    ["", "0", "-", "—", "none", "null", "nil", "n/a", "na", "no tier"].contains(&cell.to_lowercase().as_str())
}

pub fn number(cell: &str, style: Style) -> Result<Num, Wrong> {
    let bad = || wrong("this is no number", "write it like 1200 or 12.50");
    let spaces = |c: char| c.is_whitespace() || matches!(c, '\'' | '’' | '\u{202f}' | '\u{a0}');
    let text: String = cell.chars().filter(|c| !spaces(*c)).collect();
    let (comma, point) = (text.matches(',').count(), text.matches('.').count());
    let decimal = match (comma, point) {
        (0, 0) => '.',
        // Both: the last is the decimal's.
        (1.., 1..) => match text.rfind(',') > text.rfind('.') {
            true => ',',
            false => '.',
        },
        (0, 2..) => ',',
        (2.., 0) => '.',
        (_, _) => {
            let sign = if comma == 1 { ',' } else { '.' };
            let (whole, rest) = text.split_once(sign).unwrap_or_default();
            let three = rest.len() == 3 && (1..=3).contains(&whole.trim_start_matches('-').len());
            match style.decimal {
                Some(Decimal::Comma) => ',',
                Some(Decimal::Point) => '.',
                None if !three || whole.trim_start_matches('-') == "0" => sign,
                None if sign == ',' && style.commas => '.',
                None => {
                    let what = format!("`{text}` could be {whole}{rest} or a fraction");
                    return wrong(what, "say what separates decimals: --decimal comma or --decimal point");
                }
            }
        }
    };
    let group = if decimal == ',' { '.' } else { ',' };
    let (whole, part) = text.split_once(decimal).unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-');
    let mut groups = digits.split(group);
    let first = groups.next().unwrap_or_default();
    let grouped = digits.contains(group);
    if (grouped && (first.is_empty() || first.len() > 3 || groups.any(|group| group.len() != 3)))
        || part.contains([',', '.'])
    {
        return bad();
    }
    let mut written = whole.replace(group, "");
    if !part.is_empty() {
        written = format!("{written}.{part}");
    }
    if !written.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()) {
        return bad();
    }
    match Num::parse(&written) {
        Some(Ok(number)) if !written.contains(['/', 'e', 'E']) => Ok(number),
        _ => bad(),
    }
}

pub fn yes(cell: &str) -> Result<bool, Wrong> {
    match cell.to_lowercase().as_str() {
        "yes" | "y" | "true" | "t" | "1" | "x" | "on" | "subscribed" => Ok(true),
        "no" | "n" | "false" | "f" | "0" | "off" | "unsubscribed" | "not subscribed" => Ok(false),
        _ => wrong("this is neither yes nor no", "write yes or no"),
    }
}

/// A day, a local time, or an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Day(Date),
    Local(DateTime),
    At(Timestamp),
}

impl When {
    /// A day from its beginning.
    pub fn begins(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            When::Day(day) => instant(day.to_datetime(Time::midnight()), zone),
            When::Local(local) => instant(local, zone),
            When::At(at) => Some(at),
        }
    }
    /// A day to its end.
    pub fn ends(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            When::Day(day) => instant(day.checked_add(1.day()).ok()?.to_datetime(Time::midnight()), zone),
            other => other.begins(zone),
        }
    }
    pub fn day(self, zone: &TimeZone) -> Date {
        match self {
            When::Day(day) => day,
            When::Local(local) => local.date(),
            When::At(at) => at.to_zoned(zone.clone()).date(),
        }
    }
}

fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

const NO_DATE: &str = "write dates like 2026-11-23";

pub fn when(cell: &str, style: Style) -> Result<When, Wrong> {
    let bad = || wrong("this is no date", NO_DATE);
    if let Some(iso) = iso(cell) {
        return Ok(iso);
    }
    let (day, rest) = split_time(cell);
    let parts: Vec<&str> =
        day.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let [a, b, c] = parts[..] else { return bad() };
    let date = if let (Some(month), true) = (month(a), is_number(b)) {
        of_parts(c, month, b)
    } else if let Some(month) = month(b) {
        of_parts(c, month, a)
    } else if a.len() == 4 {
        b.parse().ok().and_then(|month| of_parts(a, month, c))
    } else if c.len() == 4 {
        let (day, month) = day_and_month(a, b, day.contains('.'), style)?;
        Date::new(c.parse().unwrap_or(0), month, day).ok()
    } else if is_number(c) {
        return wrong("the year has not four digits", NO_DATE);
    } else {
        None
    };
    let Some(date) = date else { return bad() };
    match rest {
        "" => Ok(When::Day(date)),
        time => match clock(time) {
            Some(time) => Ok(When::Local(date.to_datetime(time))),
            None => bad(),
        },
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn of_parts(year: &str, month: i8, day: &str) -> Option<Date> {
    (year.len() == 4).then(|| Date::new(year.parse().ok()?, month, day.parse().ok()?).ok())?
}

fn iso(cell: &str) -> Option<When> {
    let cell = cell.strip_suffix(" UTC").map_or_else(|| cell.to_owned(), |cell| format!("{cell}Z"));
    // Ruby's: `2026-11-23 10:00:00 +0000`.
    let cell = match cell.rsplit_once(' ') {
        Some((at, zone)) if zone.starts_with(['+', '-']) => format!("{at}{zone}"),
        _ => cell,
    };
    let day: Option<Date> = cell.parse().ok().filter(|_| cell.len() == 10);
    let local = || (cell.len() > 10).then(|| cell.parse::<DateTime>().ok().map(When::Local)).flatten();
    day.map(When::Day).or_else(|| cell.parse().ok().map(When::At)).or_else(local)
}

/// `11/23/2026 10:00 AM`
fn split_time(cell: &str) -> (&str, &str) {
    let at = cell.find(':').and_then(|colon| cell[..colon].rfind([' ', 'T', ',']));
    at.map_or((cell, ""), |at| (&cell[..at], cell[at + 1..].trim()))
}

fn clock(text: &str) -> Option<Time> {
    let lower = text.to_lowercase();
    let (digits, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(digits), _) => (digits.trim(), Some(0)),
        (_, Some(digits)) => (digits.trim(), Some(12)),
        _ => (&*lower, None),
    };
    let mut parts = digits.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let hour = half.map_or(hour, |half| hour % 12 + half);
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, 0).ok() }
}

/// Whoever writes points between them means the day first.
fn day_and_month(a: &str, b: &str, points: bool, style: Style) -> Result<(i8, i8), Wrong> {
    let (Ok(one), Ok(two)) = (a.parse::<i8>(), b.parse::<i8>()) else {
        return wrong("this is no date", NO_DATE);
    };
    match style.dates {
        Some(Dates::Mdy) if !points => Ok((two, one)),
        Some(_) => Ok((one, two)),
        None if points || one > 12 || one == two => Ok((one, two)),
        None if two > 12 => Ok((two, one)),
        None => {
            let what = format!("{one} and {two} could each be the day or the month");
            wrong(what, "say which comes first: --dates dmy or --dates mdy")
        }
    }
}

fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = name.to_lowercase();
    let known = name.len() >= 3 && name.chars().all(char::is_alphabetic);
    MONTHS.iter().position(|month| known && name.starts_with(month)).map(|at| at as i8 + 1)
}

/// Birthdays are kept without their year by some: it is told as one that has a 29th of February.
const NO_YEAR: i16 = 1904;

pub fn birthday(cell: &str, style: Style, zone: &TimeZone) -> Result<Date, Wrong> {
    let without = |day: Date| {
        if day.year() < 1900 { Date::new(NO_YEAR, day.month(), day.day()).ok() } else { Some(day) }
    };
    let parts: Vec<&str> =
        cell.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let [a, b] = parts[..] else {
        let day = when(cell, style)?.day(zone);
        return without(day).map_or_else(|| wrong("this is no date", NO_DATE), Ok);
    };
    let (day, month) = match (month(a), month(b)) {
        (Some(month), _) => (b.parse().unwrap_or(0), month),
        (_, Some(month)) => (a.parse().unwrap_or(0), month),
        // ISO 8601's form without a year.
        _ if cell.starts_with("--") => (b.parse().unwrap_or(0), a.parse().unwrap_or(0)),
        _ => day_and_month(a, b, cell.contains('.'), style)?,
    };
    Date::new(NO_YEAR, month, day).or_else(|_| wrong("there is no such day", NO_DATE))
}

/// From cells of their own.
pub fn birthday_of(year: &str, month_cell: &str, day: &str) -> Result<Date, Wrong> {
    let year =
        if is_nothing(year) { Some(NO_YEAR) } else { year.parse().ok().filter(|y| (1900..3000).contains(y)) };
    let month = month_cell.parse().ok().or_else(|| month(month_cell));
    let date = (|| Date::new(year?, month?, day.parse().ok()?).ok())();
    date.map_or_else(|| wrong("there is no such day", "write the month and the day as numbers"), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { dates: None, decimal: None, commas: true };

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, number_) in [
            ("1200", "1200"),
            ("1,200", "1200"),
            ("1.200,50", "1200.5"),
            ("1,200.50", "1200.5"),
            ("12,5", "12.5"),
            ("1 200", "1200"),
            ("1'200", "1200"),
            ("1.234.567", "1234567"),
            ("1,234,567", "1234567"),
            ("-5", "-5"),
            ("100.0", "100"),
            ("0.125", "0.125"),
            ("1\u{a0}200,00", "1200"),
        ] {
            let read = number(text, STYLE).map(|n| n.to_string()).map_err(|wrong| wrong.what);
            assert_eq!(read, Ok(number_.to_owned()), "{text}");
        }
        for text in ["", "x", "1,2,3", "1.2.3", "12,34,567", "1..2", "--1", "1/2", "1e3", ".5,5", "1.234"] {
            assert!(number(text, STYLE).is_err(), "{text}");
        }
        let comma = Style { decimal: Some(Decimal::Comma), commas: false, ..STYLE };
        assert_eq!(number("1.234", comma).map(|n| n.to_string()).ok(), Some("1234".into()));
        assert!(number("1,234", Style { commas: false, ..STYLE }).is_err(), "a fraction, or a thousand");
    }

    #[test]
    fn days_are_read_in_many_forms_and_never_guessed() {
        let day = |text, style| when(text, style).map(|when| when.day(&TimeZone::UTC).to_string()).ok();
        for text in [
            "2026-11-23",
            "2026-11-23T10:00:00Z",
            "2026-11-23 10:00:00",
            "2026-11-23 10:00:00 UTC",
            "2026-11-23 10:00:00 +0000",
            "2026-11-23T10:00:00.123+01:00",
            "2026/11/23",
            "23.11.2026",
            "11/23/2026",
            "23/11/2026",
            "23-11-2026",
            "Nov 23, 2026",
            "23 Nov 2026",
            "November 23 2026",
            "23-Nov-2026",
            "11/23/2026 10:00 PM",
            "11/23/2026, 9:05:00 AM",
        ] {
            assert_eq!(day(text, STYLE).as_deref(), Some("2026-11-23"), "{text}");
        }
        for text in
            ["03/04/2026", "3-4-2026", "23/11/26", "", "soon", "45000", "31/02/2026", "2026-13-01", "1/2"]
        {
            assert_eq!(day(text, STYLE), None, "{text}");
        }
        let said = |dates| Style { dates: Some(dates), ..STYLE };
        assert_eq!(day("03/04/2026", said(Dates::Dmy)).as_deref(), Some("2026-04-03"));
        assert_eq!(day("03/04/2026", said(Dates::Mdy)).as_deref(), Some("2026-03-04"));
        assert_eq!(day("05/05/2026", STYLE).as_deref(), Some("2026-05-05"));
    }

    #[test]
    fn a_birthday_may_lack_its_year() {
        let day = |text| birthday(text, STYLE, &TimeZone::UTC).map(|day| day.to_string()).ok();
        for text in ["1004-05-27", "05/27", "27.05.", "--05-27", "May 27", "27 May"] {
            assert_eq!(day(text).as_deref(), Some("1904-05-27"), "{text}");
        }
        assert_eq!(day("1990-05-27").as_deref(), Some("1990-05-27"));
        assert_eq!(day("02/29").as_deref(), Some("1904-02-29"));
        assert_eq!((day("05/06"), day("5"), day("31.02.")), (None, None, None));
        assert_eq!(birthday_of("", "2", "29").ok().map(|d| d.to_string()).as_deref(), Some("1904-02-29"));
        assert!(birthday_of("12", "2", "1").is_err() && birthday_of("", "x", "1").is_err());
    }
}
