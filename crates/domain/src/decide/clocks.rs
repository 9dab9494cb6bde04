//! Clocks: when they ring for a member, and what rings. At the end of each period, on a day of the year, after a silence,
//! once. Periods are the program's; a day of the year is that of the member's region.
//!
//! A clock rings for what ends after it was first published and after the member enrolled, each once: what rang is known
//! from the member's clock; of a silence and of a year, from `Member::silences`.

use jiff::civil::{Date, Time};
use jiff::{Timestamp, ToSpan, Zoned};

use super::book::Book;
use super::case::{self, Case};
use super::follow;
use super::{Judged, Scene, apply, tiers, workflows};
use crate::canonical;
use crate::member::{Member, Silence};
use crate::plan::{Canon, Clock, Plan, RuleNo, Ticking, TypeNo, WorkflowNo};
use crate::planted;
use crate::snapshot::Want;
use crate::time::{Span, Unit};
use crate::value::Value;

/// One ring.
struct Ring {
    at: Timestamp,
    /// As of when the state is read: the last instant of a period, else the ring itself.
    as_of: Timestamp,
}

/// When the next clock rings; asked after every event, so it only looks.
pub fn next_due(plan: &Plan, member: &Member) -> Option<Timestamp> {
    plan.ticking().filter_map(|one| next(plan, member, one)).map(|ring| ring.at).min()
}

fn next(plan: &Plan, member: &Member, one: Ticking<'_>) -> Option<Ring> {
    if member.household.is_some() || member.merged_into.is_some() {
        return None;
    }
    let zone = &plan.regions[0].zone;
    let done = member.clock.map_or(member.enrolled_at, |clock| clock.max(member.enrolled_at));
    let since = plan.rings_since(one).max(member.enrolled_at);
    let at_once = |at: Timestamp| Ring { at, as_of: at };
    match one.clock {
        Clock::Every { unit, after } => every(plan, member, *unit, *after, since, done),
        Clock::Once { at } => {
            let at = at.to_zoned(zone.clone()).ok()?.timestamp();
            (at > since && at > done).then(|| at_once(at))
        }
        Clock::Idle { span, .. } => {
            let silence = silence(member, one);
            let heard = silence.map_or(member.enrolled_at, |silence| silence.heard_at);
            let end = span.after(&heard.to_zoned(zone.clone())).timestamp();
            (silence.is_none_or(|silence| !silence.rung) && end > since).then(|| at_once(end))
        }
        Clock::Yearly { field, before, at } => {
            let day = day_of(plan, member, *field)?;
            let zone = &tiers::home(plan, member).zone;
            let local = |at: Timestamp| at.to_zoned(zone.clone());
            let rung = silence(member, one).map(|silence| i32::from(local(silence.heard_at).year()));
            let from = local(since.max(done));
            let ring = |year: i16| {
                let ring = on_day(day, year, *at, &from)?;
                Some(before.map_or_else(|| ring.clone(), |before| before.before(&ring)))
            };
            // Once in a year, even where the day is changed meanwhile.
            let fits = |ring: &Zoned| *ring > from && rung.is_none_or(|year| i32::from(ring.year()) > year);
            let first = from.year().saturating_sub(1);
            let ring = (first..first.saturating_add(4)).filter_map(ring).find(fits)?;
            Some(at_once(ring.timestamp()))
        }
    }
}

/// The first period that ends after `since` and whose ring is after `done`.
fn every(
    plan: &Plan,
    member: &Member,
    unit: Unit,
    after: Option<Span>,
    since: Timestamp,
    done: Timestamp,
) -> Option<Ring> {
    let zone = &plan.regions[0].zone;
    let late = done.to_zoned(zone.clone());
    let from = after.map_or(late.clone(), |after| after.before(&late)).timestamp().max(since);
    let moment = case::moment(plan, member, from);
    let mut start = unit.start(moment.at.date(), &moment.calendar);
    // Calendar steps back and forth may differ by a few days.
    for _ in 0..4 {
        start = unit.back(start, -1, &moment.calendar);
        let end = start.to_zoned(zone.clone()).ok()?;
        let ring = after.map_or(end.clone(), |after| after.after(&end));
        if end.timestamp() > since && ring.timestamp() > done {
            let end = if planted::is("period_read_late") { &ring } else { &end };
            let as_of = end.timestamp().checked_sub(1.nanosecond()).ok()?;
            return Some(Ring { at: ring.timestamp(), as_of });
        }
    }
    None
}

fn silence<'m>(member: &'m Member, one: Ticking<'_>) -> Option<&'m Silence> {
    member.silences.iter().find(|silence| one.is(&silence.of))
}

/// A date of the member.
fn day_of(plan: &Plan, member: &Member, field: u16) -> Option<Date> {
    if usize::from(field) == canonical::member::ENROLLED_ON {
        return Some(member.enrolled_at.to_zoned(plan.regions[0].zone.clone()).date());
    }
    let name = &plan.member_fields.0.get(usize::from(field))?.name;
    member.fields.get(&**name)?.as_str()?.parse().ok()
}

/// That day of a year; 29 February is the 28th in others.
fn on_day(day: Date, year: i16, (hour, minute): (i8, i8), near: &Zoned) -> Option<Zoned> {
    let first = Date::new(year, day.month(), 1).ok()?;
    let date = Date::new(year, day.month(), day.day().min(first.days_in_month())).ok()?;
    let time = Time::new(hour, minute, 0, 0).ok()?;
    date.to_datetime(time).to_zoned(near.time_zone().clone()).ok()
}

/// Rings what is due. Err: this must be loaded first.
pub fn run_due(book: &mut Book<'_>, scene: &Scene<'_>, at: Timestamp) -> Result<(), Vec<Want>> {
    let plan = book.plan;
    let due = |one| next(plan, book.member, one).filter(|ring| ring.at <= at);
    let ringing: Vec<(Ticking<'_>, Ring)> =
        plan.ticking().filter_map(|one| due(one).map(|ring| (one, ring))).collect();
    // Rules that see the same instant are judged together, as those of an event.
    let mut instants: Vec<Timestamp> = ringing.iter().map(|(_, ring)| ring.as_of).collect();
    instants.sort_unstable();
    instants.dedup();
    for as_of in instants {
        let rings = |no: &RuleNo| {
            let id = &plan.rules[usize::from(*no)].id;
            ringing.iter().any(|(one, ring)| ring.as_of == as_of && one.is_rule() && one.id == id)
        };
        let rules: Vec<RuleNo> = plan.clocks.iter().copied().filter(rings).collect();
        if !rules.is_empty() {
            judge(book, scene, rules, as_of)?;
        }
    }
    for (one, _) in &ringing {
        note(book.member, *one, at);
    }
    for (no, flow) in plan.workflows.iter().enumerate() {
        let rings = ringing.iter().any(|(one, _)| !one.is_rule() && *one.id == flow.id);
        let clock = plan.types.iter().position(|ty| ty.canon == Canon::Clock).unwrap_or(0);
        if rings && workflows::fires(book, scene, &flow.trigger, clock as TypeNo, &Value::Absent) {
            workflows::start(book, scene, no as WorkflowNo)?;
        }
    }
    Ok(())
}

fn judge(
    book: &mut Book<'_>,
    scene: &Scene<'_>,
    rules: Vec<RuleNo>,
    as_of: Timestamp,
) -> Result<(), Vec<Want>> {
    let plan = book.plan;
    let ty = follow::clock(plan, rules);
    let region = scene.region(book);
    let case = Case::new(plan, &ty, scene.event, &Value::Absent, book.who(), region, as_of);
    let (offers, failed) = follow::offers(book, scene, &case)?;
    let seen = case.seen(&case.present());
    let judged = Judged { offers, failed, counted: Vec::new(), seen, moment: case.moment };
    apply(book, plan, judged, None);
    Ok(())
}

/// Remembers that it rang, where the member's clock does not tell.
fn note(member: &mut Member, one: Ticking<'_>, at: Timestamp) {
    let heard_at = match one.clock {
        Clock::Idle { .. } => silence(member, one).map_or(member.enrolled_at, |silence| silence.heard_at),
        Clock::Yearly { .. } => at,
        Clock::Every { .. } | Clock::Once { .. } => return,
    };
    keep(member, one, heard_at, true);
}

/// An event of this type ends the silence of the clocks that listen for it.
pub fn hear(book: &mut Book<'_>, ty: Option<TypeNo>) {
    let Some(ty) = ty else { return };
    let at = book.at;
    for one in book.plan.ticking() {
        let Clock::Idle { of: types, .. } = one.clock else { continue };
        let later = silence(book.member, one).is_some_and(|silence| silence.heard_at >= at);
        if types.contains(&ty) && !later {
            let rung = silence(book.member, one).is_some_and(|silence| silence.rung);
            keep(book.member, one, at, rung && planted::is("silence_never_over"));
        }
    }
}

/// Silence that counted from the enrolment counts from here, though the member is told to have come earlier.
pub fn begin(book: &mut Book<'_>, since: Timestamp) {
    let idle = |one: &Ticking<'_>| matches!(one.clock, Clock::Idle { .. });
    for one in book.plan.ticking().filter(idle) {
        if silence(book.member, one).is_none() {
            keep(book.member, one, since, false);
        }
    }
}

fn keep(member: &mut Member, one: Ticking<'_>, heard_at: Timestamp, rung: bool) {
    match member.silences.iter_mut().find(|silence| one.is(&silence.of)) {
        Some(silence) => (silence.heard_at, silence.rung) = (heard_at, rung),
        None => member.silences.push(Silence { of: one.name(), heard_at, rung }),
    }
}
