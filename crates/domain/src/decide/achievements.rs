//! Achievements: goals that counters reach. Completing one is told, and pays what its rule says.
//! Once per window of its first counter (by name), or at each further multiple in it (of a streak: in its run). A return takes back
//! progress; what was completed stays so.

use super::follow::{aside, pay_aside};
use super::limits::Moment;
use super::rules::pick;
use super::tiers::{self, by_now};
use super::{Book, Scene, counters};
use crate::member::{Achieved, Member};
use crate::num::Num;
use crate::outcome::Emitted;
use crate::plan::{Achievement, Canon, CounterKind, Plan, Region};
use crate::planted;
use crate::snapshot::Want;
use crate::time::Window;
use crate::value::{Text, Value};

/// Completions in one row; what goes beyond follows with the member's next event.
const AT_ONCE_MAX: usize = 100;
const COMPLETED: &str = "achievement.completed";
/// Windows of which it is remembered how often it was completed in them.
const WINDOWS_MAX: usize = 32;

/// Completes what the counters have reached. Err: this must be loaded first.
pub fn follow(book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    let (plan, at) = (book.plan, scene.event.time);
    if plan.achievements.is_empty() {
        return Ok(());
    }
    let region = scene.region(book);
    let mut moment = by_now(plan, book.member, at);
    for achievement in &plan.achievements {
        let reached = reached(plan, achievement, book.member, region, &moment);
        let done = done(plan, achievement, book.member, &moment);
        for _ in done..reached {
            let told = book.decision.emitted.iter().filter(|message| message.kind == COMPLETED).count();
            if told >= AT_ONCE_MAX || !fires(book, scene, achievement) {
                break;
            }
            complete(book, scene, achievement, &moment)?;
        }
        if done < reached {
            // What it paid may have placed him on a level.
            moment = by_now(plan, book.member, at);
        }
    }
    Ok(())
}

/// Its schedule and its conditions hold. A number out of range is no yes.
fn fires(book: &Book<'_>, scene: &Scene<'_>, achievement: &Achievement) -> bool {
    let trigger = &book.plan.rules[usize::from(achievement.rule)].trigger;
    aside(book, scene, Vec::new(), |case, state| {
        trigger.active.as_ref().is_none_or(|schedule| schedule.holds(&case.now))
            && matches!(pick(trigger, case, state), Ok(Some(_)))
    })
}

fn complete(
    book: &mut Book<'_>,
    scene: &Scene<'_>,
    achievement: &Achievement,
    moment: &Moment,
) -> Result<(), Vec<Want>> {
    let within = within(book.plan, achievement, book.member, moment);
    let times = note(book.member, &achievement.id, within);
    let count = Num::int(i64::from(times)).unwrap_or(Num::ZERO);
    let mut data = serde_json::Map::new();
    data.insert("achievement".into(), achievement.id.as_str().into());
    data.insert("count".into(), times.into());
    book.decision.emitted.push(Emitted::own(COMPLETED, data));
    let payload = vec![Value::Text(achievement.id.clone()), Value::Num(count)];
    book.hear(Canon::AchievementCompleted, || Value::Record(payload));
    pay_aside(book, scene, achievement.rule, Vec::new())
}

/// Which completions count against what is reached now. A completion is remembered under the window in which it was.
#[derive(Clone, Copy)]
enum Within {
    /// Those of this window.
    Window(i64),
    /// Those after `from`.
    Rolling { from: i64, now: i64 },
    /// Those since the run began.
    Run { from: i64, now: i64 },
}

impl Within {
    fn holds(self, window: i64) -> bool {
        match self {
            Within::Window(own) => window == own,
            Within::Rolling { from, .. } => window > from,
            Within::Run { from, .. } => window >= from,
        }
    }
}

fn within(plan: &Plan, achievement: &Achievement, member: &Member, moment: &Moment) -> Within {
    let Some((no, _)) = achievement.needs.first() else { return Within::Window(0) };
    let counter = &plan.counters[usize::from(*no)];
    let state = counters::state(member, &counter.id);
    if let (true, CounterKind::Streak { unit, .. }) = (achievement.repeat, &counter.kind) {
        let from = counters::run_begin(counter, state, moment).unwrap_or(i64::MIN);
        return Within::Run { from, now: moment.period(*unit, 0) };
    }
    match counter.per {
        Window::Rolling(span) => Within::Rolling { from: moment.rolling_start(span), now: moment.seconds() },
        per => Within::Window(moment.window(per)),
    }
}

/// One more; how often by now.
fn note(member: &mut Member, id: &Text, within: Within) -> u32 {
    let at = member.achieved.iter().position(|achieved| achieved.id == *id).unwrap_or_else(|| {
        member.achieved.push(Achieved { id: id.clone(), times: 0, windows: Vec::new() });
        member.achieved.len() - 1
    });
    let achieved = &mut member.achieved[at];
    achieved.times = achieved.times.saturating_add(1);
    let windows = &mut achieved.windows;
    let (window, times) = match within {
        Within::Window(window) | Within::Rolling { now: window, .. } => (window, 1),
        Within::Run { now, .. } if planted::is("return_completes_again") => (now, 1),
        // Under the newest period of the run, so that a return which breaks it is no new one.
        Within::Run { now, .. } => {
            let of_run: Vec<(i64, u32)> = windows.extract_if(.., |one| within.holds(one.0)).collect();
            let newest = of_run.iter().map(|one| one.0).fold(now, i64::max);
            (newest, of_run.iter().fold(1, |sum: u32, one| sum.saturating_add(one.1)))
        }
    };
    let at = windows.partition_point(|one| one.0 < window);
    match windows.get_mut(at) {
        Some(one) if one.0 == window => one.1 = one.1.saturating_add(times),
        _ => windows.insert(at, (window, times)),
    }
    while windows.len() > WINDOWS_MAX {
        let (_, oldest) = windows.remove(0);
        // In a rolling window it is remembered with the next, so that nothing is completed twice.
        if matches!(within, Within::Rolling { .. }) {
            windows[0].1 = windows[0].1.saturating_add(oldest);
        }
    }
    achieved.times
}

/// How often the needs are met in the present window.
fn reached(plan: &Plan, achievement: &Achievement, member: &Member, region: &Region, moment: &Moment) -> u64 {
    let all = needs(plan, achievement, member, region, moment);
    let times = |(_, value, need): &(&Text, Num, Num)| {
        let times = value.div(*need).map_or(0, |times| times.floor().to_int().unwrap_or(0));
        u64::try_from(times).unwrap_or(0)
    };
    let times = all.iter().map(times).min().unwrap_or(0);
    if achievement.repeat { times } else { times.min(1) }
}

/// How often it was completed in the present window.
fn done(plan: &Plan, achievement: &Achievement, member: &Member, moment: &Moment) -> u64 {
    let Some(achieved) = member.achieved.iter().find(|achieved| achieved.id == achievement.id) else {
        return 0;
    };
    let within = within(plan, achievement, member, moment);
    let counted = achieved.windows.iter().filter(|(window, _)| within.holds(*window));
    counted.map(|(_, times)| u64::from(*times)).sum()
}

/// Each counter, its value, and what it must reach (more than 0).
fn needs<'p>(
    plan: &'p Plan,
    achievement: &Achievement,
    member: &Member,
    region: &Region,
    moment: &Moment,
) -> Vec<(&'p Text, Num, Num)> {
    let one = |(no, need): &(u16, crate::plan::Amount)| {
        let counter = &plan.counters[usize::from(*no)];
        let value = counters::value(counter, counters::state(member, &counter.id), moment, 0);
        let need = tiers::need(plan, need, member, region, moment).max(Num::minor(1, 9));
        (&counter.id, value, need)
    };
    achievement.needs.iter().map(one).collect()
}

/// How far a member is.
pub struct Progress<'p> {
    pub achievement: &'p Achievement,
    /// Completed so often, ever.
    pub times: u32,
    /// Each counter, how much of it counts towards the next completion, and what is needed.
    pub needs: Vec<(&'p Text, Num, Num)>,
}

pub fn progress<'p>(plan: &'p Plan, member: &Member, at: jiff::Timestamp) -> Vec<Progress<'p>> {
    let (region, moment) = (tiers::home(plan, member), by_now(plan, member, at));
    let of = |achievement: &'p Achievement| {
        let done = done(plan, achievement, member, &moment);
        let done = Num::int(i64::try_from(done).unwrap_or(0)).unwrap_or(Num::ZERO);
        let mut needs = needs(plan, achievement, member, region, &moment);
        for (_, value, need) in needs.iter_mut().filter(|_| achievement.repeat) {
            let used = done.mul(*need).unwrap_or(Num::ZERO);
            *value = value.sub(used).unwrap_or(Num::ZERO).max(Num::ZERO);
        }
        let times = member.achieved.iter().find(|a| a.id == achievement.id).map_or(0, |a| a.times);
        Progress { achievement, times, needs }
    };
    plan.achievements.iter().map(of).collect()
}
