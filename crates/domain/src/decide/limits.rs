//! What of a limit is used up, by window: read, used, freed. The same for one member and for a budget of all.
//! Windows are cut in the program's time zone. A late event is counted in its own window, a refund frees it there.
//! Bounded: 64 calendar windows; 256 instants of a rolling one, beyond which the closest two are joined into the later
//! (so a limit is never passed, only held a little longer).

use std::cell::Cell;

use jiff::Zoned;
use jiff::civil::Date;

use crate::household::Who;
use crate::member::LimitState;
use crate::plan::{Across, Limit};
use crate::planted;
use crate::snapshot::Budgets;
use crate::time::{Calendar, Span, Unit, Window};

/// Calendar windows kept for a limit.
const WINDOWS_MAX: usize = 64;
/// Instants kept for a rolling limit.
const INSTANTS_MAX: usize = 256;

/// An instant in the program's zone, and how the program cuts the calendar for this member.
#[derive(Clone, Debug)]
pub struct Moment {
    pub at: Zoned,
    pub calendar: Calendar,
    /// When the level of each ladder began or was renewed, as seconds: windows of `tiers.L`.
    pub levels: Vec<i64>,
    /// Where the period of each unit began, once it was asked for: that is where days in a zone are costly.
    periods: [Cell<Option<i64>>; Unit::COUNT],
}

/// What is known of limits: the member's, those that are one for his household, and the budgets of all.
#[derive(Clone, Copy)]
pub struct Uses<'a> {
    pub member: &'a [LimitState],
    pub household: &'a [LimitState],
    pub budgets: &'a Budgets,
    /// Some of them as they would be without the order that is judged again.
    pub freed: Option<&'a Budgets>,
}

impl<'a> Uses<'a> {
    pub fn of(who: Who<'a>, budgets: &'a Budgets) -> Uses<'a> {
        Uses { member: &who.member.limits, household: who.shared_limits(), budgets, freed: None }
    }

    /// What is used up of this limit, by window.
    pub fn parts(&self, limit: &Limit) -> &'a [(i64, i64)] {
        let of =
            |limits: &'a [LimitState]| limits.iter().find(|l| l.id == limit.id).map_or(&[][..], |l| &l.parts);
        match limit.across {
            Across::Members => {
                let freed = self.freed.and_then(|freed| freed.get(&*limit.id));
                freed.or(self.budgets.get(&*limit.id)).map_or(&[], |parts| parts)
            }
            Across::Household if planted::is("household_limit_alone") => of(self.member),
            Across::Household => of(self.household),
            Across::Member => of(self.member),
        }
    }
}

/// The window was dropped because 64 younger ones are kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Forgotten;

impl Moment {
    pub fn new(at: Zoned, calendar: Calendar, levels: Vec<i64>) -> Moment {
        Moment { at, calendar, levels, periods: Default::default() }
    }

    pub fn seconds(&self) -> i64 {
        self.at.timestamp().as_second()
    }

    /// Under which number the use of a window is kept: its start, for a rolling one the instant, both as seconds.
    pub fn window(&self, window: Window) -> i64 {
        match window {
            Window::Life => 0,
            Window::Unit(unit) => self.period(unit, 0),
            Window::Rolling(_) => self.seconds(),
            Window::Level(ladder) => self.levels.get(usize::from(ladder)).copied().unwrap_or(i64::MIN),
        }
    }

    /// Start of the period `ago` before the one that holds this instant.
    pub fn period(&self, unit: Unit, ago: i32) -> i64 {
        let first = || unit.start(self.at.date(), &self.calendar);
        if ago != 0 {
            return self.start_of(unit.back(first(), ago, &self.calendar));
        }
        let known = &self.periods[unit as usize];
        let start = known.get().unwrap_or_else(|| self.start_of(first()));
        known.set(Some(start));
        start
    }

    pub fn start_of(&self, day: Date) -> i64 {
        day.to_zoned(self.at.time_zone().clone()).map_or(i64::MIN, |start| start.timestamp().as_second())
    }

    /// The rolling window up to this instant is (this, now].
    pub fn rolling_start(&self, span: Span) -> i64 {
        span.before(&self.at).timestamp().as_second()
    }

    fn rolling_start_of(&self, span: Span, seconds: i64) -> i64 {
        let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MIN);
        span.before(&at.to_zoned(self.at.time_zone().clone())).timestamp().as_second()
    }
}

/// How much is used up as far as an event at `moment` is concerned. In a rolling window, use after it counts too where
/// one window would hold both, so that a late event cannot pass the limit either.
pub fn used(parts: &[(i64, i64)], window: Window, moment: &Moment) -> Result<i64, Forgotten> {
    let Window::Rolling(span) = window else {
        let key = moment.window(window);
        return match parts.binary_search_by_key(&key, |part| part.0) {
            Ok(at) => Ok(parts[at].1),
            Err(0) if parts.len() >= WINDOWS_MAX => Err(Forgotten),
            Err(_) => Ok(0),
        };
    };
    let now = moment.seconds();
    let sum = |start: i64, end: i64| {
        parts.iter().filter(|(at, _)| *at > start && *at <= end).map(|(_, amount)| amount).sum::<i64>()
    };
    let mut most = sum(moment.rolling_start(span), now);
    for (later, _) in parts.iter().filter(|(at, _)| *at > now) {
        let start = moment.rolling_start_of(span, *later);
        if start < now {
            most = most.max(sum(start, *later));
        }
    }
    Ok(most)
}

/// Adds `amount` to the window's use.
pub fn add(parts: &mut Vec<(i64, i64)>, window: Window, key: i64, amount: i64) {
    match parts.binary_search_by_key(&key, |part| part.0) {
        Ok(at) => parts[at].1 = parts[at].1.checked_add(amount).expect("use of a limit fits"),
        Err(at) => parts.insert(at, (key, amount)),
    }
    match window {
        Window::Rolling(_) if parts.len() > INSTANTS_MAX => join_closest(parts),
        Window::Unit(_) if parts.len() > WINDOWS_MAX => drop(parts.remove(0)),
        _ => {}
    }
}

/// Gives `amount` of a window back. Where instants were joined, the use lies in the next later one.
pub fn free(parts: &mut Vec<(i64, i64)>, key: i64, amount: i64) {
    let at = match parts.binary_search_by_key(&key, |part| part.0) {
        Ok(at) => at,
        Err(at) if parts.len() > WINDOWS_MAX && at < parts.len() => at,
        Err(_) => return,
    };
    parts[at].1 -= amount.min(parts[at].1);
    // With all places taken an empty window stays, so that what is before it is known to be forgotten.
    if parts[at].1 == 0 && parts.len() != WINDOWS_MAX {
        parts.remove(at);
    }
}

fn join_closest(parts: &mut Vec<(i64, i64)>) {
    let closest = (1..parts.len()).min_by_key(|i| parts[*i].0 - parts[*i - 1].0);
    if let Some(later) = closest {
        parts[later].1 += parts[later - 1].1;
        parts.remove(later - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SpanUnit;
    use proptest::prelude::*;

    fn moment(text: &str) -> Moment {
        let calendar = Calendar {
            week_starts: jiff::civil::Weekday::Monday,
            year_starts: 1,
            enrolled_on: jiff::civil::date(2026, 1, 31),
        };
        Moment::new(text.parse().unwrap(), calendar, Vec::new())
    }
    const DAYS7: Window = Window::Rolling(Span { count: 7, unit: SpanUnit::Day });

    #[test]
    fn a_late_event_is_counted_in_its_own_window() {
        let week = Window::Unit(Unit::Week);
        let (late, now) =
            (moment("2026-11-20T10:00[Europe/Berlin]"), moment("2026-11-23T10:00[Europe/Berlin]"));
        let mut parts = Vec::new();
        add(&mut parts, week, now.window(week), 5);
        assert_eq!(used(&parts, week, &late), Ok(0));
        add(&mut parts, week, late.window(week), 2);
        assert_eq!((used(&parts, week, &late), used(&parts, week, &now)), (Ok(2), Ok(5)));
        free(&mut parts, late.window(week), 2);
        assert_eq!((used(&parts, week, &late), used(&parts, week, &now)), (Ok(0), Ok(5)));
    }

    #[test]
    fn seven_days_later_a_rolling_limit_is_free_again() {
        let mut parts = Vec::new();
        let first = moment("2026-11-20T10:00[Europe/Berlin]");
        add(&mut parts, DAYS7, first.window(DAYS7), 1);
        assert_eq!(used(&parts, DAYS7, &moment("2026-11-27T09:59:59[Europe/Berlin]")), Ok(1));
        assert_eq!(used(&parts, DAYS7, &moment("2026-11-27T10:00[Europe/Berlin]")), Ok(0));
        // An event that comes late, six days before, shares a window with it.
        assert_eq!(used(&parts, DAYS7, &moment("2026-11-14T10:00[Europe/Berlin]")), Ok(1));
        assert_eq!(used(&parts, DAYS7, &moment("2026-11-13T10:00[Europe/Berlin]")), Ok(0));
    }

    #[test]
    fn a_forgotten_window_is_known_to_be_forgotten() {
        let day = Window::Unit(Unit::Day);
        let mut parts = Vec::new();
        let start = moment("2026-01-01T10:00[UTC]");
        for n in 0..70 {
            add(&mut parts, day, start.period(Unit::Day, -n), 1);
        }
        assert_eq!(parts.len(), 64);
        assert_eq!(used(&parts, day, &start), Err(Forgotten));
        assert_eq!(used(&parts, day, &moment("2026-01-07T00:00[UTC]")), Ok(1));
        assert_eq!(used(&parts, day, &moment("2027-01-07T00:00[UTC]")), Ok(0));
    }

    proptest! {
        /// Whatever comes in whatever order, no window of the length ever holds more than the limit.
        #[test]
        fn a_rolling_limit_is_never_passed(events in prop::collection::vec((0..40_i64 * 86_400, 1..20_i64), 1..60)) {
            let zero = moment("2026-11-01T00:00[UTC]").seconds();
            let mut parts = Vec::new();
            let mut granted: Vec<(i64, i64)> = Vec::new();
            for (at, wanted) in events {
                let mut now = moment("2026-11-01T00:00[UTC]");
                now.at = jiff::Timestamp::from_second(zero + at).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
                let left = 30 - used(&parts, DAYS7, &now).unwrap();
                let amount = wanted.min(left.max(0));
                if amount > 0 {
                    add(&mut parts, DAYS7, now.window(DAYS7), amount);
                    granted.push((at, amount));
                }
            }
            for (end, _) in &granted {
                let sum: i64 = granted.iter().filter(|(at, _)| at > &(end - 7 * 86_400) && at <= end).map(|g| g.1).sum();
                prop_assert!(sum <= 30);
            }
        }
    }
}
