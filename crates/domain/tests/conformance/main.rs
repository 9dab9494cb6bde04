//! The CEL project's own conformance cases, for the part of CEL that the program file claims.
//!
//! Which cases are claimed is decided in `claims`, by what a case is about and never by whether it passes.
//! `docs/expressions-conformance.md` is what this test counts: with `FEALTY_BLESS=1` it writes the page anew.

mod claims;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::condition::{Entry, Env, EventAttributes, Expr, Place, Read, Scope, State};
use domain::num::Num;
use domain::value::{Type, Value};
use serde_json::Value as Json;

struct Nothing;
impl State for Nothing {
    fn read(&self, _: Read) -> Num {
        Num::ZERO
    }
}

/// One case: its suite, and the fields of the CEL project's `SimpleTest`.
pub struct Case {
    pub suite: String,
    pub name: String,
    pub expr: String,
    pub json: Json,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load() -> Vec<Case> {
    let modules =
        std::env::var_os("FEALTY_PEERS_NODE").map_or_else(|| root().join("target/peers/node"), PathBuf::from);
    let file = modules.join("node_modules/@bufbuild/cel-spec/dist/cjs/testdata/conformance.js");
    assert!(file.exists(), "the CEL conformance cases are not installed: run cargo xtask test");
    let script = "process.stdout.write(JSON.stringify(require(process.argv[1]).tests))";
    let output =
        std::process::Command::new("node").args(["-e", script]).arg(&file).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut cases = Vec::new();
    flatten(&serde_json::from_slice(&output.stdout).unwrap(), "", &mut cases);
    cases
}

fn flatten(suite: &Json, path: &str, cases: &mut Vec<Case>) {
    let list = |key: &str| suite[key].as_array().cloned().unwrap_or_default();
    for test in list("tests") {
        let json = test["original"].clone();
        let field = |key: &str| json[key].as_str().unwrap().to_string();
        cases.push(Case { suite: path.into(), name: field("name"), expr: field("expr"), json });
    }
    for inner in list("suites") {
        let name = inner["name"].as_str().unwrap();
        flatten(&inner, &if path.is_empty() { name.to_string() } else { format!("{path}/{name}") }, cases);
    }
}

/// A value of the case as one of ours; None if we have none such.
pub fn value(json: &Json) -> Option<Value> {
    let (kind, value) = json.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "int64Value" => Value::Num(Num::parse(value.as_str()?)?.ok()?),
        "doubleValue" => Value::Num(Num::parse(&value.to_string())?.ok()?),
        "stringValue" => Value::Text(value.as_str()?.into()),
        "boolValue" => Value::Bool(value.as_bool()?),
        "listValue" => {
            let empty = Vec::new();
            let elements = value.get("values").and_then(Json::as_array).unwrap_or(&empty);
            Value::List(elements.iter().map(self::value).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A declared type as one of ours.
pub fn ty(json: &Json) -> Option<Type> {
    let (kind, inner) = json.as_object()?.iter().next()?;
    Some(match (kind.as_str(), inner.as_str()) {
        ("primitive", Some("INT64" | "DOUBLE")) => Type::Num,
        ("primitive", Some("STRING")) => Type::Text,
        ("primitive", Some("BOOL")) => Type::Bool,
        ("listType", None) => Type::List(ty(&inner["elemType"])?.into()),
        _ => return None,
    })
}

/// The declared variables, in order.
pub fn variables(case: &Case) -> Vec<(String, Option<Type>, Option<Value>)> {
    let declared = case.json["typeEnv"].as_array().cloned().unwrap_or_default();
    let variable = |entry: &Json| {
        let name = entry["name"].as_str().unwrap().to_string();
        let bound = value(&case.json["bindings"][&name]["value"]);
        (name, ty(&entry["ident"]["type"]), bound)
    };
    declared.iter().map(variable).collect()
}

/// What we say of the case: a value, or that it is wrong.
fn answer(case: &Case) -> Result<Value, String> {
    let mut scope = Scope::default();
    let mut extra = Vec::new();
    for (name, ty, value) in variables(case) {
        let (Some(ty), Some(value)) = (ty, value) else { continue };
        let place = Place::Extra(u16::try_from(extra.len()).unwrap());
        let entry = Entry::Value { ty, place, may_be_absent: false, never_zero: false, declared: None };
        scope.roots.insert(name, entry);
        extra.push(value);
    }
    let expr = Expr::compile(&case.expr, None, &scope, &[]).map_err(|faults| format!("{faults:?}"))?;
    let now = jiff::Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
    let env = Env {
        payload: &Value::Absent,
        item: None,
        member: &[],
        params: &[],
        tiers: &[],
        extra: &extra,
        state: &Nothing,
        event: EventAttributes::default(),
        now: &now,
    };
    expr.eval(&env).map_err(|_| "out of range".into())
}

/// As the case says: the value (true if it says none), or an error.
fn passes(case: &Case) -> Result<(), String> {
    let got = answer(case);
    if case.json.get("evalError").is_some() {
        return got.map_or(Ok(()), |value| Err(format!("should be refused, is {value:?}")));
    }
    let want = match case.json.get("value").or(case.json["typedResult"].get("result")) {
        Some(json) => value(json).ok_or("its value is none of ours")?,
        None => Value::Bool(true),
    };
    match got? {
        got if got == want => Ok(()),
        // Doubles are printed with as many digits as they have, not as many as the number has.
        Value::Num(got)
            if case.json["value"].get("doubleValue").is_some()
                && nearly(got, &case.json["value"]["doubleValue"]) =>
        {
            Ok(())
        }
        got => Err(format!("is {got:?}, not {want:?}")),
    }
}

fn nearly(exact: Num, double: &Json) -> bool {
    let (n, d) = exact.parts();
    #[allow(clippy::cast_precision_loss)]
    let quotient = n as f64 / d as f64;
    double.as_f64() == Some(quotient)
}

/// Claimed cases of a suite, and how many of them are errors.
#[derive(Default)]
struct Counted {
    cases: usize,
    refused: usize,
}

#[test]
fn claimed_cases_pass() {
    let cases = load();
    let mut unclaimed: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut claimed: BTreeMap<&str, Counted> = BTreeMap::new();
    let mut failed = Vec::new();
    for case in &cases {
        let suite = case.suite.split('/').next().unwrap();
        match claims::reason(case) {
            Some(reason) => *unclaimed.entry(reason).or_default().entry(suite).or_default() += 1,
            None => {
                let counted = claimed.entry(suite).or_default();
                counted.cases += 1;
                counted.refused += usize::from(case.json.get("evalError").is_some());
                if let Err(why) = passes(case) {
                    failed.push(format!("{}/{}: {}\n    {why}", case.suite, case.name, case.expr));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} claimed cases fail:\n{}", failed.len(), failed.join("\n"));
    let page = page(cases.len(), &claimed, &unclaimed);
    let path = root().join("docs/expressions-conformance.md");
    if std::env::var_os("FEALTY_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/expressions-conformance.md is not what was counted: run this test with FEALTY_BLESS=1"
    );
}

fn page(
    all: usize,
    claimed: &BTreeMap<&str, Counted>,
    unclaimed: &BTreeMap<&str, BTreeMap<&str, usize>>,
) -> String {
    use std::fmt::Write;
    let total: usize = claimed.values().map(|c| c.cases).sum();
    let refused: usize = claimed.values().map(|c| c.refused).sum();
    let mut page = format!(
        "# Expressions and the CEL conformance cases\n\n\
         Expressions use CEL's grammar and a part of its language. The CEL project publishes its conformance cases as\n\
         `@bufbuild/cel-spec` on npm (0.6.1, {all} cases); `cargo xtask test` runs them. Of these, {total} are about what\n\
         expressions here can say: all of them pass. The others are set aside for the reasons below, by what a case is\n\
         about and not by whether it passes (`crates/domain/tests/conformance/claims.rs`). This page is written by the\n\
         test, which fails when the page does not say what it counted.\n\n\
         ## Claimed\n\n| suite | cases | of these to be refused |\n|---|--:|--:|\n"
    );
    for (suite, Counted { cases, refused }) in claimed {
        writeln!(page, "| {suite} | {cases} | {refused} |").unwrap();
    }
    writeln!(
        page,
        "| **all** | **{total}** | **{refused}** |\n\n## Not claimed\n\n| reason | cases | suites |\n|---|--:|---|"
    )
    .unwrap();
    let mut reasons: Vec<_> = unclaimed.iter().map(|(r, s)| (s.values().sum::<usize>(), r, s)).collect();
    reasons.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    for (count, reason, suites) in reasons {
        let suites: Vec<_> = suites.iter().map(|(s, n)| format!("{s} {n}")).collect();
        writeln!(page, "| {reason} | {count} | {} |", suites.join(", ")).unwrap();
    }
    page
}
