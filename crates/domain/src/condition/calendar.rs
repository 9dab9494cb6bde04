//! What expressions ask of dates and times, all in the region's zone, which `now` carries.

use jiff::civil::{Date, DateTime};
use jiff::{Span as Step, Timestamp, Zoned};

use super::code::Span;
use crate::num::Num;

pub(super) fn local(time: Timestamp, now: &Zoned) -> DateTime {
    now.time_zone().to_datetime(time)
}

pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(super) fn weekday(date: Date) -> &'static str {
    WEEKDAYS[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())]
}

pub(super) fn since_date(span: Span, date: Date, now: &Zoned) -> Num {
    since(
        span,
        date.to_datetime(jiff::civil::Time::midnight()),
        now.date().to_datetime(jiff::civil::Time::midnight()),
    )
}

pub(super) fn since_time(span: Span, time: Timestamp, now: &Zoned) -> Num {
    since(span, local(time, now), now.datetime())
}

/// Whole local units from `from` to `to`; the negative number from `to` to `from` if that is the later.
fn since(span: Span, from: DateTime, to: DateTime) -> Num {
    if from > to {
        return since(span, to, from).neg();
    }
    let units = match span {
        Span::Days => days(from, to),
        Span::Months => months(from, to),
        Span::Years => months(from, to) / 12,
    };
    Num::minor(units, 0)
}

fn days(from: DateTime, to: DateTime) -> i64 {
    let days = i64::from((to.date() - from.date()).get_days());
    if from.time() > to.time() { days - 1 } else { days }
}

/// The most months that can be added to `from` without passing `to`.
fn months(from: DateTime, to: DateTime) -> i64 {
    let apart = |d: DateTime| i64::from(d.year()) * 12 + i64::from(d.month());
    let months = apart(to) - apart(from);
    let reached = from.checked_add(Step::new().months(months)).is_ok_and(|there| there <= to);
    if reached { months } else { months - 1 }
}
