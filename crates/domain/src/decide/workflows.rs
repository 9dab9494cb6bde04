//! Workflows: started by events and clocks, carried on by time and by events, left at an exit. A run that waits lies in
//! the member's document, so it survives restarts; a step and the place where the run then waits are written in one row,
//! so each step happens once.
//!
//! When the program changes, a run goes on in the new one: behind the step whose id it waits at, or, where that step has
//! no id, behind the step at the same place. A run whose workflow or step is gone ends.

use jiff::Timestamp;

use super::case::Case;
use super::follow::{self, Heard};
use super::rules::pick;
use super::{Book, Scene};
use crate::member::{Member, Run};
use crate::plan::{Act, Plan, TypeNo, Workflow, WorkflowNo};
use crate::planted;
use crate::snapshot::Want;
use crate::term::To;
use crate::time::Span;
use crate::value::{Text, Value};

/// When the next wait of a workflow of this member ends; asked after every event, so it only looks.
pub fn next_due(_plan: &Plan, member: &Member) -> Option<Timestamp> {
    member.runs.iter().filter_map(|run| run.until).min()
}

/// Carries on the workflows whose wait ends at `at` or ended before. Err: this must be loaded first.
pub fn run_due(book: &mut Book<'_>, scene: &Scene<'_>, at: Timestamp) -> Result<(), Vec<Want>> {
    let due: Vec<Text> = book
        .member
        .runs
        .iter()
        .filter(|r| r.until.is_some_and(|u| u <= at))
        .map(|r| r.workflow.clone())
        .collect();
    for id in due {
        carry_on(book, scene, &id, false)?;
    }
    Ok(())
}

/// What happened (None: the event itself) ends, carries on and starts workflows, in this order.
pub fn after(book: &mut Book<'_>, scene: &Scene<'_>, heard: Option<&Heard>) -> Result<(), Vec<Want>> {
    let plan = book.plan;
    if plan.workflows.is_empty() {
        return Ok(());
    }
    let Some((no, payload)) = follow::told(book, scene, heard) else { return Ok(()) };
    let at = scene.event.time;
    book.member.runs.retain(|run| {
        let exits = flow(plan, &run.workflow).is_some_and(|(_, flow)| flow.exit.contains(&no));
        !(exits && run.started_at <= at && !planted::is("exit_forgotten"))
    });
    let waiting: Vec<Text> = book.member.runs.iter().map(|run| run.workflow.clone()).collect();
    for id in waiting {
        if waited_for(book, scene, &id, no, payload) {
            carry_on(book, scene, &id, true)?;
        }
    }
    for (n, flow) in plan.workflows.iter().enumerate() {
        if flow.trigger.on.contains(&no) && fires(book, scene, &flow.trigger, no, payload) {
            start(book, scene, n as WorkflowNo)?;
        }
    }
    Ok(())
}

/// Starts it at the event's time, unless it is paused, runs already, or ran too lately. `trigger.when` and `active` are
/// the caller's to judge.
pub fn start(book: &mut Book<'_>, scene: &Scene<'_>, no: WorkflowNo) -> Result<(), Vec<Want>> {
    let flow = &book.plan.workflows[usize::from(no)];
    let at = scene.event.time;
    if flow.paused || book.member.runs.iter().any(|run| run.workflow == flow.id) || !may_start(book, flow, at)
    {
        return Ok(());
    }
    match book.member.started.iter_mut().find(|(id, _)| *id == flow.id) {
        Some((_, last)) => *last = at,
        None => book.member.started.push((flow.id.clone(), at)),
    }
    let run = Run {
        workflow: flow.id.clone(),
        started_at: at,
        step: 0,
        id: None,
        since: at,
        until: None,
        came: Vec::new(),
    };
    advance(book, scene, flow, run, 0)
}

/// Once in a life, or so long after the last start.
fn may_start(book: &Book<'_>, flow: &Workflow, at: Timestamp) -> bool {
    let last = book.member.started.iter().find(|(id, _)| *id == flow.id).map(|(_, last)| *last);
    let zone = &book.plan.regions[0].zone;
    let again = |last: Timestamp, span: Span| span.after(&last.to_zoned(zone.clone())).timestamp() <= at;
    match (last, flow.again) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(last), Some(span)) => again(last, span),
    }
}

/// The wait of this run ends: its event came, or its time.
fn carry_on(book: &mut Book<'_>, scene: &Scene<'_>, id: &str, came: bool) -> Result<(), Vec<Want>> {
    let Some(n) = book.member.runs.iter().position(|run| *run.workflow == *id) else { return Ok(()) };
    let mut run = book.member.runs.remove(n);
    let Some((at, flow)) = flow(book.plan, id).and_then(|(_, flow)| Some((waits_at(flow, &run)?, flow)))
    else {
        return Ok(());
    };
    if let (true, Some(id)) = (came, &flow.steps[at].id) {
        run.came.push(id.clone());
    }
    advance(book, scene, flow, run, at + 1)
}

/// Runs steps from `from` on until one waits; then the run is kept.
fn advance(
    book: &mut Book<'_>,
    scene: &Scene<'_>,
    flow: &Workflow,
    mut run: Run,
    from: usize,
) -> Result<(), Vec<Want>> {
    for (at, step) in flow.steps.iter().enumerate().skip(from) {
        let came =
            |step: &crate::plan::Step| Value::Bool(step.id.as_ref().is_some_and(|id| run.came.contains(id)));
        let extra: Vec<Value> = flow.steps.iter().map(came).collect();
        let goes = follow::aside(book, scene, extra.clone(), |case, state| {
            step.when.iter().all(|when| when.holds(&case.env(state, None)).unwrap_or(false))
        });
        if !goes {
            continue;
        }
        let until = match &step.act {
            Act::Stop => return Ok(()),
            Act::Effects(rule) => {
                follow::pay_aside(book, scene, *rule, extra)?;
                continue;
            }
            Act::Wait(term) => until_of(book, scene, |case| {
                case.setting(term)?.end(&case.now, &case.moment.calendar, To::Instant)
            }),
            Act::WaitFor { at_most, .. } => until_of(book, scene, |case| {
                Some(case.setting(at_most.as_ref()?)?.after(&case.now).timestamp())
            }),
        };
        if until.is_some_and(|until| until <= scene.event.time) {
            continue;
        }
        run.step = at as u16;
        run.id = step.id.clone();
        run.since = scene.event.time;
        run.until = until;
        book.member.runs.push(run);
        return Ok(());
    }
    Ok(())
}

fn until_of(
    book: &mut Book<'_>,
    scene: &Scene<'_>,
    end: impl FnOnce(&Case<'_>) -> Option<Timestamp>,
) -> Option<Timestamp> {
    follow::aside(book, scene, Vec::new(), |case, _| end(case))
}

fn flow<'p>(plan: &'p Plan, id: &str) -> Option<(usize, &'p Workflow)> {
    plan.workflows.iter().enumerate().find(|(_, flow)| *flow.id == *id)
}

/// The step at which it waits, in the present program.
fn waits_at(flow: &Workflow, run: &Run) -> Option<usize> {
    match &run.id {
        Some(id) => flow.steps.iter().position(|step| step.id.as_ref() == Some(id)),
        None => Some(usize::from(run.step)).filter(|at| *at < flow.steps.len()),
    }
}

/// What happened is what this run waits for. What was before the wait began does not count.
fn waited_for(book: &Book<'_>, scene: &Scene<'_>, id: &str, no: TypeNo, payload: &Value) -> bool {
    let Some(run) = book.member.runs.iter().find(|run| *run.workflow == *id) else { return false };
    let Some((_, flow)) = flow(book.plan, id) else { return false };
    match waits_at(flow, run).map(|at| &flow.steps[at].act) {
        Some(Act::WaitFor { trigger, .. }) => {
            trigger.on.contains(&no)
                && (run.since <= scene.event.time || planted::is("wait_hears_the_past"))
                && fires(book, scene, trigger, no, payload)
        }
        _ => false,
    }
}

/// Its schedule and its `when` hold, with the state that the event left. A number out of range does not.
pub fn fires(
    book: &Book<'_>,
    scene: &Scene<'_>,
    trigger: &crate::plan::Trigger,
    no: TypeNo,
    payload: &Value,
) -> bool {
    let plan = book.plan;
    let ty = &plan.types[usize::from(no)];
    let region = scene.region(book);
    let mut case = Case::new(plan, ty, scene.event, payload, book.who(), region, scene.event.time);
    case.read_member();
    trigger.active.as_ref().is_none_or(|active| active.holds(&case.now))
        && matches!(pick(trigger, &case, &case.present()), Ok(Some(_)))
}
