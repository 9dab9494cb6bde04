//! The runner itself: defaults of orders, what a failure says, what is untested.

use super::*;
use crate::program::{Source, diag, read};

fn program(lines: &str) -> Program {
    let head = "program = { id = \"shop\", currency = \"EUR\", timezone = \"Europe/Berlin\" }\nwallets.points = {}\n";
    let source = Source { name: "program.toml".into(), text: format!("{head}{lines}") };
    match read(source, &mut |_| Err("not here".into()), None, 1) {
        Ok(program) => program,
        Err(r) => panic!("{}", diag::render(&r.diagnostics, &r.sources, false)),
    }
}

/// What the tests of these lines say; empty if they pass.
fn said(lines: &str) -> String {
    let program = program(lines);
    let (failures, _) = run_all(&program);
    let said: Vec<diag::Diagnostic> = failures.iter().map(Failure::diagnostic).collect();
    diag::render(&said, &program.sources, false)
}

const BASE: &str = "rules.base = { on = \"order.paid\", each = 'order.items', earn.points = 'item.total' }\n";

#[test]
fn an_order_needs_only_what_matters() {
    let test = r#"
counters.spend = { on = "order.paid", add = 'order.subtotal' }
counters.total = { on = "order.paid", add = 'order.total' }
tests.t = { steps = [
  { at = 2027-03-01, event = "order.paid", order.items = [{ price = 2.50, quantity = 2 }, { price = 1.99 }], expect = 'counters.spend == 6.99 && counters.total == 6.99 && rules.base.points == 6' },
  { after = "1 day", event = "order.paid", order = { subtotal = 3, total = 4 }, expect = 'counters.spend == 9.99 && counters.total == 10.99 && rules.base.points == 0' },
  { event = "order.refunded", refund.order = "o1", expect = 'wallets.points.available == 0 && counters.spend == 3' },
] }
"#;
    assert_eq!(said(&format!("{BASE}{test}")), "");
}

#[test]
fn a_failure_says_what_was_expected_and_seen_and_what_the_event_did() {
    let test = r#"
tests.returns = { steps = [
  { at = 2027-03-01, event = "order.paid", order = { id = "A", items = [{ id = "food", price = 60.80 }, { id = "card", price = 100 }] }, expect = 'rules.base.points == 160' },
  { after = "1 day", event = "order.refunded", refund = { order = "A", items = [{ id = "food" }] }, expect = 'wallets.points.available == 172' },
] }
"#;
    let expected = "test returns failed at step 2  program.toml:7
  expected  wallets.points.available == 172
  seen      wallets.points.available is 100
  the event  order.refunded took back base 60
";
    assert_eq!(said(&format!("{BASE}{test}")), expected);
}

#[test]
fn a_refusal_can_be_expected_and_is_told() {
    let test = r#"
tests.t = { steps = [
  { at = 2027-03-01, event = "order.paid", order = { id = "A", currency = "USD", subtotal = 10 }, expect = 'refused == "currency_mismatch"' },
  { event = "order.paid", order = { id = "B", currency = "USD", subtotal = 10 }, expect = 'refused == ""' },
] }
"#;
    let expected = "test t failed at step 2  program.toml:7
  expected  refused == \"\"
  seen      refused is \"currency_mismatch\"
  the event  order.paid was refused: the currency of the program is EUR, not USD (currency_mismatch at /data/currency)
";
    assert_eq!(said(&format!("{BASE}{test}")), expected);
}

#[test]
fn members_are_enrolled_with_their_fields_and_heard() {
    let lines = r#"
member.plan = "basic | pro = 'basic'"
regions.ch = { currency = "CHF", timezone = "Europe/Zurich" }
rules.welcome = { on = "member.enrolled", earn.points = 'member.plan == "pro" ? 10 : 5' }
rules.changed = { on = "member.updated", emit = "plan.changed" }
[tests.t]
members = { ada = { plan = "pro" }, bo = { region = "ch" } }
steps = [
  { at = 2027-03-01, expect = 'rules.welcome.points == 10 && member.plan == "pro" && member.region == ""' },
  { member = "bo", expect = 'rules.welcome.points == 0 && wallets.points.available == 5 && member.region == "ch"' },
  { member = "cy", expect = 'rules.welcome.points == 5' },
  { event = "member.updated", member = { id = "bo", plan = "pro" }, expect = 'member.plan == "pro" && "plan.changed" in emitted' },
  { event = "member.enrolled", member = { id = "di", plan = "pro" }, expect = 'rules.welcome.points == 10 && member.enrolled_on == date("2027-03-01")' },
]
"#;
    assert_eq!(said(lines), "");
}

#[test]
fn regions_give_currency_time_and_params() {
    let lines = r#"
params.rate = 1
regions.ch = { currency = "CHF", timezone = "America/New_York", params.rate = 3 }
environments.double = { params.rate = 2 }
rules.base = { on = "order.paid", earn.points = 'order.subtotal * params.rate' }
rules.night = { on = "order.paid", when = 'now.hour == 22', earn.points = 1 }
[tests.here]
steps = [
  { at = "2027-03-01 22:00", event = "order.paid", order.subtotal = 10, expect = ['rules.base.points == 10', 'rules.night.points == 1', 'now.hour == 22'] },
  { event = "order.paid", region = "ch", order.subtotal = 10, expect = ['rules.base.points == 30', 'rules.night.points == 0', 'params.rate == 3', 'now.hour == 16'] },
]
[tests.there]
region = "ch"
steps = [{ at = "2027-03-01 22:30", event = "order.paid", order.subtotal = 10, expect = ['rules.base.points == 30', 'rules.night.points == 1', 'member.region == "ch"'] }]
[tests.elsewhere]
environment = "double"
steps = [{ at = 2027-03-01, event = "order.paid", order.subtotal = 10, expect = ['rules.base.points == 20', 'params.rate == 2'] }]
"#;
    assert_eq!(said(lines), "");
}

#[test]
fn time_goes_as_the_steps_say_and_may_go_back() {
    let lines = r#"
counters.month = { on = "order.paid", per = "month" }
rules.base = { on = "order.paid", earn.points = 1, limit = { times = 1, per = "day" } }
tests.t = { steps = [
  { at = "2027-01-31 10:00", event = "order.paid", order.subtotal = 1, expect = 'counters.month == 1 && rules.base.points == 1' },
  { after = "2 hours", event = "order.paid", order.subtotal = 1, expect = 'rules.base.points == 0 && today == date("2027-01-31")' },
  { after = "1 month + 1 day", event = "order.paid", order.subtotal = 1, expect = 'today == date("2027-03-01") && counters.month == 1 && counters.month.ago(2) == 2' },
  { at = 2027-01-30, event = "order.paid", order.subtotal = 1, expect = 'rules.base.points == 1 && counters.month == 3' },
] }
"#;
    assert_eq!(said(lines), "");
}

#[test]
fn rules_that_no_test_makes_pay_are_told() {
    let lines = format!(
        "{BASE}rules.never = {{ on = \"order.refunded\", earn.points = 1 }}\nrules.off = {{ on = \"order.paid\", paused = true, earn.points = 1 }}\ntests.t = {{ steps = [{{ at = 2027-01-01, event = \"order.paid\", order.items = [{{ price = 1 }}] }}] }}\n"
    );
    let program = program(&lines);
    let (failures, untested) = run_all(&program);
    assert!(failures.is_empty());
    let expected = "warning[untested]: no test makes `rules.never` pay
  --> program.toml:4  rules.never = { on = \"order.refunded\", earn.points = 1 }
                            ^^^^^
";
    assert_eq!(diag::render(&untested, &program.sources, false), expected);
}

#[test]
fn what_was_forgotten_is_asked_for_again() {
    let program = program(BASE);
    let plan = std::sync::Arc::new(program.plan);
    let submit = |memory: &mut memory::Memory, id: &str, kind: &str, data: &str| {
        let event = crate::event::Event {
            source: "s".into(),
            id: id.into(),
            kind: kind.into(),
            subject: crate::identity::Identity::parse("test:ada").ok().map(crate::event::Subject::Identity),
            also: Vec::new(),
            time: jiff::Timestamp::UNIX_EPOCH,
            data: data.as_bytes().into(),
        };
        let input = crate::event::Input { event: event.into(), body_hash: [0; 32], origin: "test".into() };
        memory.submit(&[input], jiff::Timestamp::UNIX_EPOCH)
    };
    let paid = r#"{"id":"A","items":[{"id":"x","quantity":1,"total":7}],"total":7}"#;
    for forgets in [false, true] {
        let mut memory = memory::Memory::new(plan.clone());
        for (id, kind, data, duplicate) in [
            ("1", "order.paid", paid, false),
            ("1", "order.paid", paid, true),
            ("2", "order.refunded", r#"{"order":"A"}"#, false),
            ("2", "order.refunded", r#"{"order":"A"}"#, true),
        ] {
            if forgets {
                memory.forget();
            }
            let batch = submit(&mut memory, id, kind, data);
            assert_eq!(batch.answers[0].duplicate, duplicate, "{id} {kind}");
        }
        let ada = memory.member(&crate::identity::Identity::parse("test:ada").unwrap()).unwrap();
        assert_eq!(ada.wallets[0].available, 0);
    }
}
