//! The reference of the language for people (docs/reference.md), made of the tables that the checker itself uses:
//! sections and keys, small grammars, event types, variables, functions, diagnostics. What the words mean together
//! is docs/program.md.

mod diagnostics;
mod forms;
mod sections;

use std::fmt::Write;

use super::compile::variables;
use crate::condition::{Entry, FUNCTIONS};
use crate::plan::EventType;
use crate::value::{Fields, Presence, Type};

const HEAD: &str = "\
# Reference of the program file

Made from the tables by which `fealty check` reads, so it tells what is so. How it hangs together, with examples, is in
[program.md](program.md); recipes are in the [cookbook](cookbook.md). The same tables as a JSON Schema: `GET /v1/program/schema`.

† A path may stand in place of the value: `'params.x'`, `'params.x.y'`, `'tiers.LADDER.VALUE'`.
Names that you choose are written as `ID`; a name is `[a-z][a-z0-9_]{0,39}`.
";

/// The whole page, as Markdown.
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    sections::sections(&mut out);
    forms::grammars(&mut out);
    let known = variables();
    events(&known.types, &mut out);
    places(&known.places, &mut out);
    functions(&mut out);
    diagnostics::diagnostics(&mut out);
    out
}

/// Every code of `fealty check`.
#[cfg(test)]
pub fn codes() -> impl Iterator<Item = crate::condition::Code> {
    diagnostics::CODES.into_iter()
}

fn row(cells: &[&str], out: &mut String) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    writeln!(out, "| {} |", cells.join(" | ")).expect("a String takes all");
}

fn head(title: &str, doc: &str, columns: &[&str], out: &mut String) {
    write!(out, "\n## {title}\n{doc}\n\n").expect("a String takes all");
    row(columns, out);
    row(&vec!["---"; columns.len()], out);
}

fn events(types: &[EventType], out: &mut String) {
    let doc = "A payload is bound to its noun; `member.enrolled` and `member.updated` carry what may be set of the member, \
               and rules see it as `member`. `?`: may be absent. A type of your own is declared in `events`.";
    head("Event types", doc, &["type", "comes in", "payload"], out);
    for ty in types.iter().filter(|ty| ty.canon != crate::plan::Canon::Clock) {
        let comes = if ty.canon.comes_in() { "yes" } else { "made by Fealty" };
        let noun = if ty.noun.is_empty() { "member" } else { &*ty.noun };
        let first = types.iter().find(|other| other.fields == ty.fields && other.noun == ty.noun);
        let payload = match first.filter(|first| first.name != ty.name) {
            Some(first) => format!("as `{}`", first.name),
            None => format!("`{noun}`: {}", fields(&ty.fields)),
        };
        row(&[&format!("`{}`", ty.name), comes, &payload], out);
    }
}

fn fields(fields: &Fields) -> String {
    let one = |f: &crate::value::Field| {
        let may = if f.presence == Presence::Optional { "?" } else { "" };
        format!("{} ({}{may})", f.name, spelled(&f.ty))
    };
    fields.0.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn spelled(ty: &Type) -> String {
    match ty {
        Type::Num => "number".into(),
        Type::Money => "money".into(),
        Type::Text | Type::Words(_) => "text".into(),
        Type::Level(_) => "level".into(),
        Type::Bool => "bool".into(),
        Type::Date => "date".into(),
        Type::Time => "time".into(),
        Type::List(of) => match &**of {
            Type::Record(inner) => format!("list of: {}", fields(inner)),
            of => format!("list of {}s", spelled(of)),
        },
        Type::Record(_) => "record".into(),
        Type::Table(..) => "table".into(),
        Type::Bands => "bands".into(),
    }
}

fn places(places: &[(&str, std::sync::Arc<crate::condition::Scope>)], out: &mut String) {
    let doc = "Here `w` is a wallet, `c` a counter, `l` a ladder with the value `v`, `r` a rule, `a` an achievement, `s` a segment \
               or a step, `p` a param, `f` a formula; the event is `order.paid`, and `each` goes through its items.";
    head("Variables", doc, &["variable", "type", "where"], out);
    let mut all: Vec<(String, String, Vec<&str>)> = Vec::new();
    for (place, scope) in places {
        for (root, entry) in &scope.roots {
            walk(root, entry, &mut |path, ty| match all.iter_mut().find(|(p, ..)| p == path) {
                Some((_, _, at)) => at.push(place),
                None => all.push((path.to_owned(), ty, vec![place])),
            });
        }
    }
    all.sort();
    for (path, ty, at) in all {
        let not: Vec<&str> = places.iter().map(|(name, _)| *name).filter(|name| !at.contains(name)).collect();
        let at = match not.len() {
            0 => "everywhere".to_owned(),
            few if few <= 3 => format!("everywhere but in {}", not.join(", ")),
            _ => at.join(", "),
        };
        row(&[&format!("`{path}`"), &ty, &at], out);
    }
}

fn walk(path: &str, entry: &Entry, see: &mut impl FnMut(&str, String)) {
    match entry {
        Entry::Value { ty: Type::Record(inner), .. } => {
            for field in &inner.0 {
                let may = if field.presence == Presence::Optional { ", may be absent" } else { "" };
                let ty = match &field.ty {
                    Type::List(of) if matches!(**of, Type::Record(_)) => "list of records".into(),
                    ty => spelled(ty),
                };
                see(&format!("{path}.{}", field.name), format!("{ty}{may}"));
            }
        }
        Entry::Value { ty, may_be_absent, .. } => {
            let may = if *may_be_absent { ", may be absent" } else { "" };
            see(path, format!("{}{may}", spelled(ty)));
        }
        Entry::Namespace { names, .. } => {
            names.iter().for_each(|(name, inner)| walk(&format!("{path}.{name}"), inner, see));
        }
        Entry::Level { names, .. } => {
            see(path, "level".into());
            names.iter().for_each(|(name, inner)| walk(&format!("{path}.{name}"), inner, see));
        }
        Entry::Counter { .. } => see(path, "number".into()),
        Entry::Formula { .. } => see(path, "as its expression".into()),
        Entry::Refused(_) => {}
    }
}

fn functions(out: &mut String) {
    let doc = "Operators: `+ - * / %`, `== != < <= > >=`, `in`, `&& || !`, `? :`, `[a, b]`, `table[key]`. \
               Dates and times have `.year .month .day .weekday`, a time also `.date .hour .minute`.";
    head("Functions", doc, &["function", "gives", "example"], out);
    for f in &FUNCTIONS {
        row(&[&format!("`{}`", f.form), f.doc, &format!("`{}`", f.example)], out);
    }
}
