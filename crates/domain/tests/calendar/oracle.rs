//! Local time by hand: days since 1970 as a number, seconds of the day, and a list of changes of the offset.
//! A local time that does not exist is moved forward by the gap; of one that comes twice, the first is meant.

/// Days since 1970-01-01.
pub type Day = i64;

pub const DAY: i64 = 86_400;

/// A local time: its day and the seconds after its midnight, as a clock on the wall shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall {
    pub day: Day,
    pub second: i64,
}

pub struct Zone {
    pub name: &'static str,
    first: i64,
    /// (instant, offset from then on)
    pub shifts: Vec<(i64, i64)>,
}

pub fn zones() -> Vec<Zone> {
    let mut zones: Vec<Zone> = Vec::new();
    for line in include_str!("zones.txt").lines().filter(|line| !line.starts_with('#')) {
        let (one, other) = line.trim().split_once(' ').unwrap();
        let number = |text: &str| text.parse::<i64>().unwrap();
        match line.strip_prefix("  ") {
            Some(_) => zones.last_mut().unwrap().shifts.push((number(one), number(other))),
            None => zones.push(Zone { name: one, first: number(other), shifts: Vec::new() }),
        }
    }
    assert_eq!(zones.len(), 30);
    zones
}

impl Zone {
    /// The offset at an instant.
    pub fn offset(&self, at: i64) -> i64 {
        let passed = self.shifts.partition_point(|shift| shift.0 <= at);
        passed.checked_sub(1).map_or(self.first, |last| self.shifts[last].1)
    }

    /// The changes of the years that are looked at.
    pub fn changes(&self) -> impl Iterator<Item = i64> {
        let years = at_noon(day(2020, 1, 1))..at_noon(day(2041, 1, 1));
        self.shifts.iter().map(|shift| shift.0).filter(move |at| years.contains(at))
    }

    pub fn wall(&self, at: i64) -> Wall {
        let local = at + self.offset(at);
        Wall { day: local.div_euclid(DAY), second: local.rem_euclid(DAY) }
    }

    pub fn instant(&self, wall: Wall) -> i64 {
        let local = wall.day * DAY + wall.second;
        // Twice in two days no clock changes.
        let (before, after) = (self.offset(local - DAY), self.offset(local + DAY));
        let fits = |offset: i64| Some(local - offset).filter(|at| self.offset(*at) == offset);
        // Of two the earlier; where there is none, the offset of before is meant, and the clock shows it moved forward.
        fits(before.max(after)).or_else(|| fits(before.min(after))).unwrap_or(local - before)
    }

    pub fn midnight(&self, day: Day) -> i64 {
        self.instant(Wall { day, second: 0 })
    }

    /// So many days at the same local time; at once where there are none.
    pub fn days_after(&self, at: i64, days: i64) -> i64 {
        let wall = self.wall(at);
        self.instant(Wall { day: wall.day + days, ..wall })
    }

    pub fn months_after(&self, at: i64, months: i64) -> i64 {
        let wall = self.wall(at);
        self.instant(Wall { day: months_later(wall.day, months), ..wall })
    }

    /// The end of the day that is going on.
    pub fn day_end(&self, at: i64) -> i64 {
        self.midnight(self.wall(at).day + 1)
    }

    /// The end of the day that is going on, unless it has just begun.
    pub fn day_through(&self, at: i64) -> i64 {
        let today = self.wall(at).day;
        if self.midnight(today) == at { at } else { self.midnight(today + 1) }
    }
}

fn at_noon(day: Day) -> i64 {
    day * DAY + DAY / 2
}

pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// From 1970 to 2099 every fourth year is a leap year; days before it since 1970.
fn before_year(year: i64) -> Day {
    assert!((1970..2100).contains(&year));
    365 * (year - 1970) + (year - 1969) / 4
}

pub fn day(year: i64, month: i64, of_month: i64) -> Day {
    before_year(year) + (1..month).map(|month| month_days(year, month)).sum::<i64>() + of_month - 1
}

/// Year, month, day of the month.
pub fn date(day: Day) -> (i64, i64, i64) {
    let year = 1970 + (4 * day + 2) / 1_461;
    let (mut month, mut left) = (1, day - before_year(year));
    while left >= month_days(year, month) {
        left -= month_days(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// The last day of the month, where it is shorter.
pub fn months_later(from: Day, months: i64) -> Day {
    let (year, month, of_month) = date(from);
    let all = year * 12 + month - 1 + months;
    let (year, month) = (all.div_euclid(12), all.rem_euclid(12) + 1);
    day(year, month, of_month.min(month_days(year, month)))
}

/// First day of the period of so many months that holds `at`, where years begin with month `begins`.
pub fn period(at: Day, months: i64, begins: i64) -> Day {
    let (year, month, _) = date(at);
    let past = (month - begins).rem_euclid(12) % months;
    months_later(day(year, month, 1), -past)
}

/// The last Monday up to it: 1970-01-01 was a Thursday.
pub fn monday(at: Day) -> Day {
    at - (at + 3).rem_euclid(7)
}

/// `2027-03-28 02:30:00`
pub fn text(wall: Wall) -> String {
    let ((year, month, day), second) = (date(wall.day), wall.second);
    format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

#[test]
fn the_oracle_counts_as_everyone_does() {
    assert_eq!((day(1970, 1, 1), day(2000, 3, 1), day(2038, 1, 19)), (0, 11_017, 24_855));
    // On the fingers: from day to day.
    let (mut year, mut month, mut of_month) = (1970, 1, 1);
    for at in 0..day(2045, 1, 1) {
        assert_eq!((date(at), day(year, month, of_month)), ((year, month, of_month), at));
        assert!(monday(at) <= at && at - monday(at) < 7);
        of_month += 1;
        if of_month > month_days(year, month) {
            (month, of_month) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    assert_eq!(date(months_later(day(2027, 1, 31), 1)), (2027, 2, 28));
    assert_eq!(date(months_later(day(2028, 3, 31), -1)), (2028, 2, 29));
    assert_eq!(date(period(day(2027, 3, 31), 6, 4)), (2026, 10, 1));
}
