//! Why a case is not claimed: by its suite, by what its text contains, by the few places where we mean another thing.

use super::{Case, value, variables};
use domain::value::{Type, Value};

const MESSAGES: &str =
    "protocol buffer messages, enums and wrappers: payloads are declared in the program file";
const EXTENSIONS: &str = "extension libraries, optionals and two-variable macros";
const TIMES: &str = "`timestamp(…)` and `duration(…)`: here `date(…)`, `now`, `days_since`";
const CONVERSIONS: &str =
    "conversions, `type(…)` and `dyn(…)`: there is one type of number, and types are checked before";
const NULL: &str = "`null`: nothing is null, what may be absent is guarded";
const MAPS: &str = "map literals: tables are params";
const BYTES: &str = "bytes";
const STRINGS: &str = "raw and triple-quoted strings";
const NUMBERS: &str =
    "numbers written with exponent, suffix `u`, in hex, or without digits on both sides of the point";
const INDEX: &str = "list index";
const FUNCTIONS: &str = "`matches`, `map`, `exists_one`, `x.size()`: absent on purpose";
const LISTS: &str = "lists compared or joined, lists of lists, of several types or of no known type";
const ORDER: &str = "order of texts and bools";
const RANGE: &str = "64-bit limits of whole numbers: here a number stays below 10^18";
const NAMES: &str = "containers and variables of other types";
const ERRORS: &str =
    "errors that the other side of `&&` or `||` absorbs: what is refused here is refused before it runs";
const REMAINDER: &str =
    "`%` of negative and fractional numbers: here it has the sign of the divisor, and is defined";
const DIVISION: &str = "`0.0/0.0`: there is no NaN, a division by 0 is refused";
const CHECKER: &str = "what only CEL's own checker answers";
const QUOTED: &str = "names in backticks, absolute names";

pub fn reason(case: &Case) -> Option<&'static str> {
    let suite = case.suite.split('/').next().unwrap();
    let by_suite = match suite {
        "proto2" | "proto2_ext" | "proto3" | "enums" | "wrappers" | "dynamic" => Some(MESSAGES),
        "bindings_ext" | "block_ext" | "encoders_ext" | "math_ext" | "optionals" | "string_ext"
        | "macros2" => Some(EXTENSIONS),
        "timestamps" => Some(TIMES),
        "conversions" => Some(CONVERSIONS),
        "namespace" => Some(NAMES),
        _ => None,
    };
    by_suite.or_else(|| by_text(case)).or_else(|| by_meaning(case))
}

/// The expression with empty texts, and whether it held bytes, raw or triple-quoted strings.
fn without_texts(expr: &str) -> (String, Option<&'static str>) {
    let (mut out, mut found) = (String::new(), None);
    let bytes = expr.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let quote = bytes[at];
        if quote != b'"' && quote != b'\'' {
            out.push(char::from(quote));
            at += 1;
            continue;
        }
        let prefix: String = out.chars().rev().take_while(char::is_ascii_alphabetic).collect();
        if prefix.to_lowercase().contains('b') {
            found = Some(BYTES);
        } else if !prefix.is_empty() && prefix.to_lowercase() == "r" {
            found = found.or(Some(STRINGS));
        }
        let triple = bytes[at..].starts_with(&[quote; 3]);
        if triple {
            found = found.or(Some(STRINGS));
        }
        let raw = prefix.to_lowercase().contains('r');
        let end: &[u8] = if triple { &[quote; 3] } else { &[quote] };
        at += end.len();
        while at < bytes.len() && !bytes[at..].starts_with(end) {
            at += if bytes[at] == b'\\' && !raw { 2 } else { 1 };
        }
        at += end.len();
        out.push_str("''");
    }
    (out, found)
}

fn calls(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| {
        text.match_indices(&format!("{name}("))
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}

fn by_text(case: &Case) -> Option<&'static str> {
    let (text, strings) = without_texts(&case.expr);
    let json = case.json.to_string();
    let messages =
        text.contains("google.protobuf") || text.contains("TestAllTypes") || json.contains("messageType");
    let conversions = ["int", "uint", "double", "string", "bool", "bytes", "type", "dyn"];
    let tests = [
        (messages || json.contains("wrapper") && case.suite.starts_with("type_deductions"), MESSAGES),
        (strings.is_some(), strings.unwrap_or("")),
        (text.contains('{'), MAPS),
        (text.contains("optional") || text.contains(".?") || text.contains("[?"), EXTENSIONS),
        (calls(&text, &["timestamp", "duration"]), TIMES),
        (calls(&text, &conversions) || case.json["value"].get("typeValue").is_some(), CONVERSIONS),
        (has_word(&text, "null"), NULL),
        (text.contains('`') || text.starts_with('.'), QUOTED),
        (odd_number(&text), NUMBERS),
        (calls(&text, &["matches", "map", "exists_one"]) || text.contains(".size()"), FUNCTIONS),
        (indexed(&text), INDEX),
        (huge(case, &text), RANGE),
        (case.json.get("checkOnly").is_some(), CHECKER),
    ];
    tests.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
}

fn has_word(text: &str, word: &str) -> bool {
    words(text).any(|w| w == word)
}

/// A number that is not digits, or digits, a point and digits.
fn odd_number(text: &str) -> bool {
    words(text).any(|word| {
        let number = word.starts_with(|c: char| c.is_ascii_digit())
            || word.starts_with('.') && word[1..].starts_with(|c: char| c.is_ascii_digit());
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        number && !word.split('.').all(digits)
    })
}

fn indexed(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let before = |at: usize| compact[..at].chars().next_back();
    compact.match_indices('[').any(|(at, _)| {
        before(at).is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ']' | ')'))
            && !compact[..at].ends_with("in")
    })
}

/// A number of 19 digits, in the expression or as its value.
fn huge(case: &Case, text: &str) -> bool {
    let long = |t: &str| t.split(|c: char| !c.is_ascii_digit()).any(|d| d.len() >= 19);
    long(text) || long(&case.json["value"].to_string())
}

fn by_meaning(case: &Case) -> Option<&'static str> {
    let (text, _) = without_texts(&case.expr);
    let known = |(name, ty, value): &(String, Option<Type>, Option<Value>)| {
        ty.is_some() && value.is_some() && !name.contains('.')
    };
    if !variables(case).iter().all(known) || case.json["typeEnv"].to_string().contains("\"function\"") {
        return Some(NAMES);
    }
    let result = case.json.get("value").or(case.json["typedResult"].get("result"));
    if result.is_some_and(|v| value(v).is_none()) {
        return Some(CHECKER);
    }
    let unchecked = case.json["disableCheck"] == true;
    let error = case.json.get("evalError").is_some();
    if unchecked && !error || case.name.contains("error_shortcircuit") {
        return Some(ERRORS);
    }
    let ordered = [" < ", " > ", " <= ", " >= "].iter().any(|op| text.contains(op));
    if ordered && (text.contains("''") || has_word(&text, "true") || has_word(&text, "false")) && !error {
        return Some(ORDER);
    }
    if of_lists(case, &text) && !error {
        return Some(LISTS);
    }
    if text.contains("0.0/0.0") {
        return Some(DIVISION);
    }
    (text.contains('%') && (text.contains('-') || text.contains('.'))).then_some(REMAINDER)
}

fn of_lists(case: &Case, text: &str) -> bool {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let compared = ["]==", "]!=", "]+", "==[", "!=[", "+["].iter().any(|two| compact.contains(two));
    let mixed = ["mixed_type", "elem_type_"].iter().any(|word| case.name.contains(word));
    let lists_of_lists = compact.contains("[[");
    let nothing = compact.starts_with("[].");
    compared || mixed || lists_of_lists || nothing
}
