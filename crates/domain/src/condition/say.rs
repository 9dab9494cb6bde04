//! How faults are worded: types by name, numbers with commas, "did you mean".

use crate::value::Type;

pub(super) fn a(ty: &Type) -> &'static str {
    match ty {
        Type::Num | Type::Money => "a number",
        Type::Level(_) => "a level",
        Type::Text | Type::Words(_) => "a text",
        Type::Bool => "a bool",
        Type::Date => "a date",
        Type::Time => "a time",
        Type::List(_) => "a list",
        Type::Record(_) => "a record",
        Type::Table(..) => "a table",
        Type::Bands => "bands",
    }
}

/// How it is declared: `number`, `app | web`; None if that takes too many words.
pub(super) fn declared(ty: &Type) -> Option<String> {
    let word = match ty {
        Type::Num => "number",
        Type::Money => "money",
        Type::Text => "string",
        Type::Bool => "bool",
        Type::Date => "date",
        Type::Time => "timestamp",
        Type::Words(words) if words.len() < 6 => return Some(words.join(" | ")),
        _ => return None,
    };
    Some(word.into())
}

/// What one might say instead of an absent value.
pub(super) fn instead(ty: &Type) -> &'static str {
    match ty {
        Type::Num | Type::Money => "0",
        Type::Text => "\"\"",
        Type::Bool => "false",
        Type::Date => "today",
        Type::Time => "now",
        Type::List(_) => "[]",
        _ => "…",
    }
}

/// "did you mean `x`?" for the nearest of `names`; else what there is, if that is not too much.
pub(super) fn suggest<'n>(wrong: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    let nearest = nearest(wrong, names.clone());
    if let Some(name) = nearest {
        return format!("did you mean `{name}`?");
    }
    let all: Vec<_> = names.take(13).collect();
    match all.len() {
        0 | 13 => String::new(),
        _ => format!("it has {}", all.join(", ")),
    }
}

pub(super) fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let most = match wrong.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    let distances = names.map(|name| (distance(wrong, name, most), name));
    distances.filter(|(d, name)| *d <= most && *d < name.chars().count()).min().map(|(_, name)| name)
}

/// Edit distance in which two neighbours that changed places count once; `most + 1` for whatever is further.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// 1,000,000
pub(super) fn commas(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
