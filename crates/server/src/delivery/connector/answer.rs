//! What an answer of a vendor's API means: taken, to be waited for, never, or another time. Many say so in the body.

use std::time::Duration;

use domain::condition::{Entry, Expr, Place, Scope};
use domain::num::Num;
use domain::outward::{Misfit, value, with_values};
use domain::value::{Type, Value};
use serde_json::Value as Json;

use super::sheet::Reading;
use crate::delivery::outcome::Verdict;
use crate::outbound::Answer;

/// 4xx that may get better by themselves or by hand: no key, no right, too slow, in conflict, locked, too early, too many.
const BETTER_LATER: [u16; 7] = [401, 403, 408, 409, 423, 425, 429];
/// Characters of a body that conditions see.
const BODY_CHARS_MAX: usize = 500;
const NAMES: [(&str, Type); 6] = [
    ("status", Type::Num),
    ("ok", Type::Bool),
    ("refused", Type::Bool),
    ("retry_after", Type::Num),
    ("now", Type::Num),
    ("body", Type::Text),
];

pub struct Judge {
    wait_if: Expr,
    wait: Expr,
    taken: Expr,
    never: Expr,
    read: Vec<(Type, Where)>,
}

enum Where {
    Header(String),
    /// Names, or places in lists; `*` is any.
    Body(Vec<String>),
}

impl Judge {
    pub fn compile(reading: &Reading, at: &str, faults: &mut Vec<Misfit>) -> Option<Judge> {
        let mut scope = Scope::default();
        for (n, (name, ty)) in NAMES.iter().enumerate() {
            scope.roots.insert((*name).into(), value(ty.clone(), Place::Extra(n as u16), false));
        }
        let (mut read, mut names) = (Vec::new(), std::collections::BTreeMap::new());
        for (name, text) in &reading.read {
            let Some((ty, place)) = place(text) else {
                let at = format!("{at}/answer/read/{name}");
                faults.push(Misfit::new(
                    &at,
                    text,
                    "write `text /pointer`, `number /pointer` or `number header NAME`",
                ));
                continue;
            };
            names.insert(
                name.clone(),
                value(ty.clone(), Place::Extra((NAMES.len() + read.len()) as u16), false),
            );
            read.push((ty, place));
        }
        scope.roots.insert("answer".into(), Entry::Namespace { kind: "thing that is read".into(), names });
        let mut compile = |name: &str, source: &Option<String>, default: &str, want: &Type| {
            let source = source.as_deref().unwrap_or(default);
            let compiled = Expr::compile(source, Some(want), &scope, &[]);
            let at = format!("{at}/answer/{name}");
            let misfit = |fault| Misfit { at: at.clone(), source: source.to_owned(), fault };
            compiled.map_err(|all| faults.extend(all.into_iter().map(misfit))).ok()
        };
        let wait_if = compile(
            "wait_if",
            &reading.wait_if,
            "status == 429 || status == 503 && retry_after > 0",
            &Type::Bool,
        );
        let wait = compile("wait", &reading.wait, "retry_after", &Type::Num);
        let taken = compile("taken", &reading.taken, "ok", &Type::Bool);
        let never = compile("never", &reading.never, "refused", &Type::Bool);
        Some(Judge { wait_if: wait_if?, wait: wait?, taken: taken?, never: never?, read })
    }

    pub fn judge(&self, answer: &Answer, now: jiff::Timestamp) -> Verdict {
        let number = |n: i64| Value::Num(Num::int(n).unwrap_or(Num::ZERO));
        let status = answer.status;
        let ok = (200..300).contains(&status);
        let refused = (400..500).contains(&status) && !BETTER_LATER.contains(&status);
        let retry_after = answer.retry_after.map_or(0, |wait| i64::try_from(wait.as_secs()).unwrap_or(0));
        let body = String::from_utf8_lossy(&answer.body);
        let short: String = body.chars().take(BODY_CHARS_MAX).collect();
        let mut extra = vec![
            number(status.into()),
            Value::Bool(ok),
            Value::Bool(refused),
            number(retry_after),
            number(now.as_second()),
            Value::Text(short.trim().into()),
        ];
        let json: Json = serde_json::from_str(&body).unwrap_or(Json::Null);
        extra.extend(self.read.iter().map(|(ty, place)| read(answer, &json, ty, place)));
        with_values(&extra, |env| {
            // A number out of range says nothing.
            let holds = |condition: &Expr| condition.holds(env) == Ok(true);
            if holds(&self.wait_if) {
                return match seconds(self.wait.num(env).unwrap_or(Num::ZERO)) {
                    Some(wait) => Verdict::Wait(wait),
                    None => Verdict::Again,
                };
            }
            match () {
                () if holds(&self.taken) => Verdict::Taken,
                () if holds(&self.never) => Verdict::Never,
                () => Verdict::Again,
            }
        })
    }
}

/// None where it is not said.
fn seconds(wait: Num) -> Option<Duration> {
    let ms = wait.mul(Num::int(1_000).ok()?).ok()?.ceil().to_int()?;
    u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

fn place(text: &str) -> Option<(Type, Where)> {
    let (ty, place) = text.split_once(' ')?;
    let ty = match ty {
        "text" => Type::Text,
        "number" => Type::Num,
        _ => return None,
    };
    if let Some(name) = place.strip_prefix("header ") {
        return Some((ty, Where::Header(name.trim().to_ascii_lowercase())));
    }
    let steps = place.strip_prefix('/')?.split('/');
    Some((ty, Where::Body(steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect())))
}

/// "" or 0 where there is nothing.
fn read(answer: &Answer, json: &Json, ty: &Type, place: &Where) -> Value {
    let found = match place {
        Where::Header(name) => answer.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned),
        Where::Body(steps) => find(json, steps).and_then(|found| match found {
            Json::String(text) => Some(text.clone()),
            Json::Number(n) => Some(n.to_string()),
            Json::Bool(b) => Some(b.to_string()),
            _ => None,
        }),
    };
    match ty {
        Type::Num => {
            let number = found.and_then(|text| Num::parse(text.trim())?.ok());
            Value::Num(number.unwrap_or(Num::ZERO))
        }
        _ => Value::Text(found.unwrap_or_default().into()),
    }
}

fn find<'j>(json: &'j Json, steps: &[String]) -> Option<&'j Json> {
    let Some((step, rest)) = steps.split_first() else { return Some(json) };
    match (json, step.as_str()) {
        (Json::Object(map), "*") => map.values().find_map(|one| find(one, rest)),
        (Json::Array(list), "*") => list.iter().find_map(|one| find(one, rest)),
        (Json::Object(map), step) => find(map.get(step)?, rest),
        (Json::Array(list), step) => find(list.get(step.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}
