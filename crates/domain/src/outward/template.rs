//! JSON with expressions in it: in a text, `${ … }` stands for a value. A text that is one expression and no more becomes
//! its value, of its type; what may be absent, and is, is left out.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Outlook, is_personal, reads_member};
use crate::bind;
use crate::condition::{Code, Env, Expr, Fault};
use crate::num::{Num, OutOfRange};
use crate::plan::Plan;
use crate::value::{Type, Value};

/// Digits after the point of what has no end.
const DIGITS: u32 = 9;
/// JSON in JSON.
const DEPTH_MAX: usize = 16;

#[derive(Clone, Debug)]
pub enum Template {
    /// JSON as it is.
    Json(Box<str>),
    Value(Slot),
    Text(Vec<Part>),
    List(Vec<Template>),
    Object(Vec<(Box<str>, Template)>),
    /// Within an object: the members of another one.
    Spread(Box<Template>),
}

/// An expression, and whether there is anything of it.
#[derive(Clone, Debug)]
pub struct Slot {
    there: Option<Box<Expr>>,
    expr: Box<Expr>,
}

#[derive(Clone, Debug)]
pub enum Part {
    Words(Box<str>),
    Slot(Slot),
    /// For an address: all signs but letters, digits, `-._~` are escaped.
    Escaped(Slot),
}

/// What is wrong with an expression, and where.
#[derive(Clone, Debug)]
pub struct Misfit {
    /// JSON pointer.
    pub at: String,
    pub source: String,
    pub fault: Fault,
}

impl Misfit {
    pub fn new(at: &str, source: &str, message: &str) -> Misfit {
        let (code, message, hint) = (Code::ExpressionSyntax, message.to_owned(), String::new());
        let fault = Fault { code, span: 0..source.len(), message, hint };
        Misfit { at: at.to_owned(), source: source.to_owned(), fault }
    }
}

/// Compiles templates, and gathers what is wrong and what is read.
pub struct Draft<'o> {
    pub outlook: &'o Outlook,
    pub plan: &'o Plan,
    pub faults: Vec<Misfit>,
    pub reads_member: bool,
    /// Where personal data are shown.
    pub personal: Vec<String>,
    /// What `"..." = "payload"` stands for, and whether it was asked for.
    pub payload: Option<Template>,
    pub spreads: bool,
    /// What `values.NAME` stands for, where it stands alone.
    pub texts: BTreeMap<String, Template>,
}

impl<'o> Draft<'o> {
    pub fn new(outlook: &'o Outlook, plan: &'o Plan) -> Draft<'o> {
        Draft {
            outlook,
            plan,
            faults: Vec::new(),
            reads_member: false,
            personal: Vec::new(),
            payload: None,
            spreads: false,
            texts: BTreeMap::new(),
        }
    }

    /// A condition; it tells nobody what it reads.
    pub fn condition(&mut self, at: &str, source: &str) -> Option<Expr> {
        let compiled = Expr::compile(source, Some(&Type::Bool), &self.outlook.scope, &[]);
        let expr = self.sound(at, source, compiled)?;
        self.reads_member |= reads_member(self.plan, &expr);
        Some(expr)
    }

    /// Names with expressions.
    pub fn fields<'f>(&mut self, at: &str, fields: impl Iterator<Item = (&'f str, &'f str)>) -> Template {
        let field = |(name, source): (&str, &str)| {
            let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            Some((name.into(), self.value(&at, source, None)?))
        };
        Template::Object(fields.filter_map(field).collect())
    }

    pub fn value(&mut self, at: &str, source: &str, want: Option<&Type>) -> Option<Template> {
        self.slot(at, source, want).map(Template::Value)
    }

    pub fn template(&mut self, at: &str, json: &Json) -> Template {
        self.within(at, json, DEPTH_MAX)
    }

    fn within(&mut self, at: &str, json: &Json, room: usize) -> Template {
        match json {
            _ if room == 0 => self.wrong(at, "", "it is nested too deep"),
            Json::String(text) => self.text(at, text, false),
            Json::Array(list) => {
                let one = |(n, one): (usize, &Json)| self.within(&format!("{at}/{n}"), one, room - 1);
                Template::List(list.iter().enumerate().map(one).collect())
            }
            Json::Object(map) => {
                let mut members = Vec::new();
                for (name, one) in map {
                    let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let member = match (name.as_str(), one.as_str(), self.payload.clone()) {
                        ("...", Some("payload"), payload) => {
                            self.spreads = true;
                            Template::Spread(Box::new(payload.unwrap_or(Template::Object(Vec::new()))))
                        }
                        ("...", ..) => self.wrong(&at, "", "`...` stands for \"payload\""),
                        _ => self.within(&at, one, room - 1),
                    };
                    members.push((name.as_str().into(), member));
                }
                Template::Object(members)
            }
            plain => Template::Json(plain.to_string().into()),
        }
    }

    /// `escaped`: it is an address, of which each value is a part.
    pub fn text(&mut self, at: &str, text: &str, escaped: bool) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(begin) = rest.find("${") {
            let inner = &rest[begin + 2..];
            let Some(end) = end(inner) else {
                return self.wrong(at, text, "`${` has no `}`");
            };
            if begin > 0 {
                parts.push(Part::Words(rest[..begin].into()));
            }
            let source = inner[..end].trim();
            let whole = begin == 0 && end + 1 == inner.len() && parts.is_empty();
            if let Some(text) = source.strip_prefix("values.").and_then(|name| self.texts.get(name)) {
                if whole && !escaped {
                    return text.clone();
                }
                parts
                    .extend(text.parts().into_iter().map(|part| if escaped { part.escaped() } else { part }));
                rest = &inner[end + 1..];
                continue;
            }
            let Some(slot) = self.slot(at, source, None) else { return Template::Json("null".into()) };
            if whole && !escaped {
                return Template::Value(slot);
            }
            if matches!(slot.expr.ty, Type::List(_) | Type::Record(_) | Type::Table(..) | Type::Bands) {
                return self.wrong(at, source, "within a text it must be a text, a number, a date or a bool");
            }
            // Settings are written by the owner, as the rest of the address is.
            let escape = escaped && !source.starts_with("settings.");
            parts.push(if escape { Part::Escaped(slot) } else { Part::Slot(slot) });
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Words(rest.into()));
        }
        Template::Text(parts)
    }

    fn slot(&mut self, at: &str, source: &str, want: Option<&Type>) -> Option<Slot> {
        let scope = &self.outlook.scope;
        let compiled = match Expr::compile(source, want, scope, &[]) {
            Err(faults) if faults.iter().all(|fault| fault.code == Code::MayBeAbsent) => {
                let there = format!("has({source})");
                let given = Expr::compile(source, want, scope, &[&there]);
                match (Expr::compile(&there, Some(&Type::Bool), scope, &[]), given) {
                    (Ok(there), Ok(expr)) => Ok(Slot { there: Some(there.into()), expr: expr.into() }),
                    _ => Err(faults),
                }
            }
            compiled => compiled.map(|expr| Slot { there: None, expr: expr.into() }),
        };
        let slot = self.sound(at, source, compiled)?;
        self.reads_member |= reads_member(self.plan, &slot.expr);
        if is_personal(&slot.expr) && !self.personal.iter().any(|known| known == at) {
            self.personal.push(at.to_owned());
        }
        Some(slot)
    }

    fn sound<T>(&mut self, at: &str, source: &str, compiled: Result<T, Vec<Fault>>) -> Option<T> {
        let faults = match compiled {
            Ok(sound) => return Some(sound),
            Err(faults) => faults,
        };
        let misfit = |fault| Misfit { at: at.to_owned(), source: source.to_owned(), fault };
        self.faults.extend(faults.into_iter().map(misfit));
        None
    }

    pub fn wrong(&mut self, at: &str, source: &str, message: &str) -> Template {
        self.faults.push(Misfit::new(at, source, message));
        Template::Json("null".into())
    }
}

impl Part {
    fn escaped(self) -> Part {
        match self {
            Part::Words(words) => {
                let mut out = String::new();
                escape(&words, &mut out);
                Part::Words(out.into())
            }
            Part::Slot(slot) | Part::Escaped(slot) => Part::Escaped(slot),
        }
    }
}

/// Where the expression ends: at a `}` that stands in no text.
fn end(text: &str) -> Option<usize> {
    let mut open: Option<char> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (open, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(quote), c) if c == quote => open = None,
            (None, '"' | '\'') => open = Some(c),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

impl Slot {
    fn eval(&self, env: &Env<'_>) -> Result<Value, OutOfRange> {
        match &self.there {
            Some(there) if !there.holds(env)? => Ok(Value::Absent),
            _ => self.expr.eval(env),
        }
    }
}

impl Template {
    /// Of a text.
    fn parts(&self) -> Vec<Part> {
        match self {
            Template::Text(parts) => parts.clone(),
            Template::Value(slot) => vec![Part::Slot(slot.clone())],
            _ => Vec::new(),
        }
    }

    /// JSON.
    pub fn write(&self, env: &Env<'_>, out: &mut String) -> Result<(), OutOfRange> {
        match self {
            Template::Json(json) => out.push_str(json),
            Template::Value(slot) => write(&slot.eval(env)?, &slot.expr.ty, out)?,
            Template::Text(_) => match self.plain(env)? {
                Some(text) => quote(&text, out),
                None => out.push_str("null"),
            },
            Template::List(list) => {
                out.push('[');
                let mut first = true;
                for one in list {
                    let (before, was_first) = (out.len(), first);
                    comma(&mut first, out);
                    if !one.there(env, out)? {
                        out.truncate(before);
                        first = was_first;
                    }
                }
                out.push(']');
            }
            Template::Object(_) | Template::Spread(_) => {
                out.push('{');
                self.members(env, out, &mut true)?;
                out.push('}');
            }
        }
        Ok(())
    }

    /// False if it is absent: then nothing is written.
    fn there(&self, env: &Env<'_>, out: &mut String) -> Result<bool, OutOfRange> {
        match self {
            Template::Value(slot) => match slot.eval(env)? {
                Value::Absent => return Ok(false),
                value => write(&value, &slot.expr.ty, out)?,
            },
            Template::Text(_) => match self.plain(env)? {
                None => return Ok(false),
                Some(text) => quote(&text, out),
            },
            other => other.write(env, out)?,
        }
        Ok(true)
    }

    fn members(&self, env: &Env<'_>, out: &mut String, first: &mut bool) -> Result<(), OutOfRange> {
        let members = match self {
            Template::Object(members) => members,
            Template::Spread(inner) => return inner.members(env, out, first),
            _ => return Ok(()),
        };
        for (name, one) in members {
            if let Template::Spread(inner) = one {
                inner.members(env, out, first)?;
                continue;
            }
            let (before, was_first) = (out.len(), *first);
            comma(first, out);
            quote(name, out);
            out.push(':');
            if !one.there(env, out)? {
                out.truncate(before);
                *first = was_first;
            }
        }
        Ok(())
    }

    /// The text alone, for addresses and headers. None where a part of it is absent.
    pub fn plain(&self, env: &Env<'_>) -> Result<Option<String>, OutOfRange> {
        let parts = match self {
            Template::Text(parts) => parts,
            Template::Value(slot) => return slot.text(env),
            other => {
                let mut text = String::new();
                other.write(env, &mut text)?;
                return Ok(Some(text));
            }
        };
        let mut text = String::new();
        for part in parts {
            let (slot, escaped) = match part {
                Part::Words(words) => {
                    text.push_str(words);
                    continue;
                }
                Part::Slot(slot) => (slot, false),
                Part::Escaped(slot) => (slot, true),
            };
            match slot.text(env)? {
                None => return Ok(None),
                Some(value) if escaped => escape(&value, &mut text),
                Some(value) => text.push_str(&value),
            }
        }
        Ok(Some(text))
    }

    /// Conditions under which nothing of a text or a value is absent.
    pub fn guards(&self) -> Vec<Expr> {
        let guard = |part: &Part| match part {
            Part::Words(_) => None,
            Part::Slot(slot) | Part::Escaped(slot) => slot.there.as_deref().cloned(),
        };
        self.parts().iter().filter_map(guard).collect()
    }

    /// A number or a date becomes a text.
    pub fn as_text(self) -> Template {
        match self {
            Template::Value(slot) => Template::Text(vec![Part::Slot(slot)]),
            other => other,
        }
    }
}

impl Slot {
    fn text(&self, env: &Env<'_>) -> Result<Option<String>, OutOfRange> {
        Ok(match self.eval(env)? {
            Value::Text(text) => Some(text.to_string()),
            Value::Absent => None,
            value => {
                let mut out = String::new();
                write(&value, &self.expr.ty, &mut out)?;
                Some(out.trim_matches('"').to_owned())
            }
        })
    }
}

fn comma(first: &mut bool, out: &mut String) {
    if !std::mem::replace(first, false) {
        out.push(',');
    }
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&Json::from(text).to_string());
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Numbers are exact as far as decimals go.
fn write(value: &Value, ty: &Type, out: &mut String) -> Result<(), OutOfRange> {
    match (value, ty) {
        (Value::Num(n), _) => out.push_str(&decimal(*n)?),
        (Value::List(list), Type::List(ty)) => {
            out.push('[');
            let mut first = true;
            for one in list {
                comma(&mut first, out);
                write(one, ty, out)?;
            }
            out.push(']');
        }
        (Value::Record(slots), Type::Record(fields)) => {
            out.push('{');
            let mut first = true;
            for (field, one) in fields.0.iter().zip(slots).filter(|(_, one)| **one != Value::Absent) {
                comma(&mut first, out);
                quote(&field.name, out);
                out.push(':');
                write(one, &field.ty, out)?;
            }
            out.push('}');
        }
        (value, ty) => out.push_str(&bind::to_json(value, ty).to_string()),
    }
    Ok(())
}

fn decimal(n: Num) -> Result<String, OutOfRange> {
    let text = n.to_string();
    if !text.contains('/') {
        return Ok(text);
    }
    let shift = Num::int(10i64.pow(DIGITS))?;
    Ok(n.mul(shift)?.round().div(shift)?.to_string())
}
