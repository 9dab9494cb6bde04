//! Workflows: each sentence of the reference, with time that passes only as the test says.

use domain::member::Member;

use super::world::{World, at, event};

const HEAD: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
params.pause = "2 days"
events."app.opened" = { screen = "string" }
events."review.posted" = { stars = "number" }
counters.opened = { on = "app.opened" }
"#;

fn world(lines: &str) -> World {
    let mut world = World::new(&format!("{HEAD}{lines}"));
    world.now = super::world::time("2027-03-01T12:00:00Z");
    world
}

/// Sent when it happens.
fn send(world: &mut World, when: &str, kind: &str, data: &str) -> Vec<String> {
    let before = world.rows().len();
    world.now = world.now.max(super::world::time(when));
    let id = format!("{kind}-{when}");
    let answer = world.send(at(when, event(kind, &id, data)));
    assert!(answer.decision.reason.is_none(), "{:?}", answer.decision.reason);
    said(world, before)
}

fn pass(world: &mut World, to: &str) -> Vec<String> {
    let before = world.rows().len();
    world.pass(to);
    said(world, before)
}

/// Messages of the rows since `before`.
fn said(world: &World, before: usize) -> Vec<String> {
    let rows = world.rows();
    rows[before..].iter().flat_map(|row| &row.decision.emitted).map(|e| e.kind.to_string()).collect()
}

fn runs(member: &Member) -> Vec<(String, u16)> {
    member.runs.iter().map(|run| (run.workflow.to_string(), run.step)).collect()
}

#[test]
fn steps_follow_each_other_and_waits_end_by_themselves() {
    let mut world = world(
        r#"[workflows.hello]
on = "member.enrolled"
steps = [{ emit = "one.said" }, { wait = 'params.pause' }, { earn.points = 5 }, { wait = "end of month" }, { emit = "two.said" }]"#,
    );
    assert_eq!(send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}"), ["one.said"]);
    assert_eq!(runs(&world.ada()), [("hello".to_owned(), 1)]);
    assert_eq!(pass(&mut world, "2027-03-03T11:59:59Z"), [""; 0]);
    assert_eq!(world.points().0, 0);
    pass(&mut world, "2027-03-03T12:00:00Z");
    assert_eq!((world.points().0, runs(&world.ada())), (5, vec![("hello".to_owned(), 3)]));
    // Local midnight, and never again.
    assert_eq!(pass(&mut world, "2027-03-31T22:00:00Z"), ["two.said"]);
    assert_eq!(runs(&world.ada()), []);
    assert_eq!(pass(&mut world, "2028-03-31T22:00:00Z"), [""; 0]);
}

const WAITS: &str = r#"[workflows.nudge]
on = "member.enrolled"
exit = "order.paid"
steps = [
  { id = "open", wait = { on = "app.opened", when = 'app.screen == "home"', at_most = "3 days" } },
  { when = '!steps.open.came', emit = "app.missed" },
  { when = 'steps.open.came', emit = "app.seen" },
  { when = 'counters.opened >= 2', stop = true },
  { wait = "1 day" },
  { emit = "the.end" },
]"#;

#[test]
fn an_event_ends_a_wait_or_its_time_does() {
    let mut world = world(WAITS);
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    assert_eq!(send(&mut world, "2027-03-02T12:00:00Z", "app.opened", r#"{"screen": "shop"}"#), [""; 0]);
    // From before the wait began: it does not count.
    assert_eq!(send(&mut world, "2027-02-27T12:00:00Z", "app.opened", r#"{"screen": "home"}"#), [""; 0]);
    assert_eq!(pass(&mut world, "2027-03-04T12:00:00Z"), ["app.missed"]);

    let mut world = self::world(WAITS);
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    assert_eq!(send(&mut world, "2027-03-02T12:00:00Z", "app.opened", r#"{"screen": "home"}"#), ["app.seen"]);
    assert_eq!(send(&mut world, "2027-03-02T13:00:00Z", "app.opened", r#"{"screen": "home"}"#), [""; 0]);
    assert_eq!(pass(&mut world, "2027-03-10T12:00:00Z"), ["the.end"]);
}

#[test]
fn what_falls_due_at_an_instant_runs_before_its_events() {
    let mut world = world(WAITS);
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    let said = send(&mut world, "2027-03-04T12:00:00Z", "app.opened", r#"{"screen": "home"}"#);
    assert_eq!(said, ["app.missed"]);
}

#[test]
fn a_step_reads_the_state_as_it_runs_and_stop_ends() {
    let mut world = world(WAITS);
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    send(&mut world, "2027-03-02T12:00:00Z", "app.opened", r#"{"screen": "shop"}"#);
    assert_eq!(send(&mut world, "2027-03-02T13:00:00Z", "app.opened", r#"{"screen": "home"}"#), ["app.seen"]);
    assert_eq!(runs(&world.ada()), [], "two openings: it stopped");
}

#[test]
fn an_exit_ends_it_at_once() {
    let mut world = world(WAITS);
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    send(&mut world, "2027-03-02T12:00:00Z", "order.paid", r#"{"id": "A", "currency": "EUR", "total": 1}"#);
    assert_eq!(runs(&world.ada()), []);
    assert_eq!(pass(&mut world, "2027-03-10T12:00:00Z"), [""; 0]);
}

#[test]
fn once_in_a_life_or_again_after_so_long_and_one_at_a_time() {
    let flow = |again: &str| {
        format!(
            r#"[workflows.thanks]
on = "review.posted"
when = 'review.stars >= 4'
{again}
steps = [{{ emit = "thanks.said" }}, {{ wait = "1 day" }}, {{ emit = "bye.said" }}]"#
        )
    };
    let mut world = world(&flow(""));
    let good = r#"{"stars": 5}"#;
    assert_eq!(send(&mut world, "2027-03-01T12:00:00Z", "review.posted", r#"{"stars": 1}"#), [""; 0]);
    assert_eq!(send(&mut world, "2027-03-01T13:00:00Z", "review.posted", good), ["thanks.said"]);
    assert_eq!(send(&mut world, "2027-03-01T14:00:00Z", "review.posted", good), [""; 0], "one runs");
    assert_eq!(pass(&mut world, "2027-03-10T12:00:00Z"), ["bye.said"]);
    assert_eq!(send(&mut world, "2027-03-11T14:00:00Z", "review.posted", good), [""; 0], "once in a life");

    let mut world = self::world(&flow("again = \"7 days\""));
    assert_eq!(send(&mut world, "2027-03-01T13:00:00Z", "review.posted", good), ["thanks.said"]);
    assert_eq!(send(&mut world, "2027-03-08T12:59:00Z", "review.posted", good), ["bye.said"]);
    assert_eq!(send(&mut world, "2027-03-08T13:00:00Z", "review.posted", good), ["thanks.said"]);
}

#[test]
fn a_run_goes_on_when_the_program_changes() {
    let flow = |steps: &str| format!("{HEAD}[workflows.hello]\non = \"member.enrolled\"\nsteps = [{steps}]");
    let before = r#"{ id = "pause", wait = "1 day" }, { emit = "old.end" }"#;
    // A step more before it: it is found by its id. What was said before is not said again.
    let mut world = World::new(&flow(before));
    world.now = super::world::time("2027-03-01T12:00:00Z");
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    world
        .publish(&flow(r#"{ emit = "new.start" }, { id = "pause", wait = "9 days" }, { emit = "new.end" }"#));
    assert_eq!(pass(&mut world, "2027-03-02T12:00:00Z"), ["new.end"]);
    // The step is gone: it ends.
    let mut world = World::new(&flow(before));
    world.now = super::world::time("2027-03-01T12:00:00Z");
    send(&mut world, "2027-03-01T12:00:00Z", "member.enrolled", "{}");
    world.publish(&flow(r#"{ id = "other", wait = "1 day" }, { emit = "new.end" }"#));
    assert_eq!(pass(&mut world, "2027-03-20T12:00:00Z"), [""; 0]);
    assert_eq!(runs(&world.ada()), []);
}
