//! Each code of `fealty check` has a program that is told it. The table is a `match` on all codes: a new one without a
//! program does not compile. The words that are said are held in the files beside.

use super::*;
use crate::condition::Code;
use crate::scenario;

/// Lines below the head, of which at least this is said.
fn told(code: Code) -> String {
    let rule = |text: &str| format!("rules.a = {{ on = \"order.paid\", {text} }}\n");
    let amount = |text: &str| rule(&format!("earn.points = '{text}'"));
    match code {
        Code::TomlSyntax => "rules.a = {".into(),
        Code::ExpressionSyntax => amount("order.total +"),
        Code::UnknownSection => "rule.a = {}".into(),
        Code::UnknownKey => rule("earn.points = 1, wen = 'true'"),
        Code::MissingKey => "rules.a = { earn.points = 1 }".into(),
        Code::BadId => "wallets.Cash = {}".into(),
        Code::Duplicate => "wallets.a = {}\nwallets.a = {}".into(),
        Code::WrongType => "wallets.a = { decimals = \"2\" }".into(),
        Code::BadTerm => "wallets.a = { expires = \"soon\" }".into(),
        Code::BadType => "order.till = \"strng\"".into(),
        Code::UnknownName => rule("earn.point = 1"),
        Code::UnknownEvent => "rules.a = { on = \"order.payed\", earn.points = 1 }".into(),
        Code::UnknownVariable => amount("basket.total"),
        Code::UnknownField => amount("order.totl"),
        Code::NotHere => amount("item.total"),
        Code::TypeMismatch => amount("order.id"),
        Code::UnknownWord => {
            format!("order.channel = \"app | web\"\n{}", amount("order.channel == \"ap\" ? 1 : 0"))
        }
        Code::MayBeAbsent => amount("member.birthday.month"),
        Code::NeverAbsent => amount("has(order.id) ? 1 : 0"),
        Code::MayBeZero => amount("1 / order.total"),
        Code::Circle => amount("rules.a.points"),
        Code::UndeclaredParam => amount("params.rate"),
        Code::RegionType => {
            "params.rate = 1\nregions.ch = { currency = \"CHF\", params.rate = \"x\" }".into()
        }
        Code::UnevenLevels => "tiers.t.levels = [{ id = \"a\", rate = 1 }, { id = \"b\" }]".into(),
        Code::HighestNeedsValue => {
            let rule = |id: &str, wallet: &str| {
                format!("rules.{id} = {{ on = \"order.paid\", campaign = \"c\", earn.{wallet} = 1 }}\n")
            };
            format!(
                "wallets.b = {{}}\ncampaigns.c.pay = \"highest\"\n{}{}",
                rule("a", "points"),
                rule("b", "b")
            )
        }
        Code::CurrencyMixed => {
            "regions.ch.currency = \"CHF\"\ncounters.c = { on = \"order.paid\", add = 'order.total' }".into()
        }
        Code::TooLong => amount(&format!("order.total + {}", "1 + ".repeat(600) + "1")),
        Code::TooDeep => amount(&format!("{}1{}", "(".repeat(40), ")".repeat(40))),
        Code::TooCostly => rule(
            "earn.points = 1, when = 'order.items.exists(i, order.items.exists(j, i.id == j.id && i.sku == j.sku))'",
        ),
        Code::TooMany => (0..51).map(|n| format!("wallets.w{n} = {{}}\n")).collect(),
        Code::TestFailed => format!(
            "{}[tests.t]\nsteps = [{{ at = 2027-03-01, event = \"order.paid\", expect = 'wallets.points.available == 2' }}]",
            rule("earn.points = 1")
        ),
        Code::NeverTrue => rule("earn.points = 1, when = 'false'"),
        Code::Ended => rule("earn.points = 1, active.through = 2027-02-28"),
        Code::Unused => "params.x = 1".into(),
        Code::NoEnd => "counters.c = { on = \"order.paid\", per = \"year\" }\n\
            tiers.t.levels = [{ id = \"a\" }, { id = \"b\", needs.c = 5 }]"
            .into(),
        Code::OutOfReach => {
            "campaigns.c.limit = { points = 300 }\n".to_owned()
                + &rule("earn.points = 1, campaign = \"c\", limit = { points = 500 }")
        }
        Code::Untested => {
            format!("{}[tests.t]\nsteps = [{{ at = 2027-03-01, expect = 'true' }}]", rule("earn.points = 1"))
        }
    }
}

/// Everything that can be said of a program: by the checker, by its tests, by the day.
fn all_said(lines: &str) -> Vec<Diagnostic> {
    let program = match check(&format!("{HEAD}{lines}")) {
        Ok(program) => program,
        Err(rejected) => return rejected.diagnostics,
    };
    let (failures, untested) = scenario::run_all(&program);
    let mut said = program.warnings.clone();
    said.extend(failures.iter().map(scenario::Failure::diagnostic));
    said.extend(untested);
    said.extend(program.ended(jiff::civil::date(2027, 3, 1)));
    said
}

#[test]
fn every_code_is_told_of_a_program() {
    let mut warnings = 0;
    for code in crate::program::reference::codes() {
        let said = all_said(&told(code));
        let found = said.iter().find(|d| d.code == code);
        let found = found.unwrap_or_else(|| {
            let other: Vec<_> = said.iter().map(|d| diag::code_name(d.code)).collect();
            panic!("{} is not said, but {other:?}", diag::code_name(code))
        });
        assert!(!found.message.is_empty());
        // Where it is: a path of keys, and words of the file.
        let whole = matches!(code, Code::TomlSyntax | Code::TooLong);
        assert!(whole || !found.path.is_empty(), "{} has no path", diag::code_name(code));
        assert!(found.span.end <= HEAD.len() + told(code).len());
        warnings += usize::from(found.severity == Severity::Warning);
    }
    assert_eq!(
        warnings, 6,
        "never_true, ended, unused, no_end, out_of_reach, untested; all else is an error"
    );
}

/// A mistake is told once, and alone, where nothing follows from it.
#[test]
fn one_mistake_is_told_once() {
    for code in crate::program::reference::codes() {
        let said = all_said(&told(code));
        let errors: Vec<_> =
            said.iter().filter(|d| d.severity == Severity::Error && d.code != code).collect();
        assert!(errors.is_empty(), "{}: also {errors:?}", diag::code_name(code));
    }
}
