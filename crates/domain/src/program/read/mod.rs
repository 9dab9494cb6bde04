//! Reading: TOML or JSON text into one spanned tree; several files into one by union.
//! Nothing here knows what a key means. Every node knows its file and bytes, and numbers are read from their text.

mod canonical;
mod join;
mod json;
mod toml;

use std::ops::Range;

use crate::num::Num;

pub use canonical::canonical_json;
pub use join::join;
pub use json::from_json;
pub use toml::from_toml;

/// Bytes of one source.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct At {
    pub source: usize,
    pub span: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub at: At,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Text(String),
    Number(Num),
    Bool(bool),
    Date(jiff::civil::Date),
    DateTime(jiff::civil::DateTime),
    List(Vec<Node>),
    Table(Table),
}

/// Entries in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Table(pub Vec<(Key, Node)>);

#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    pub at: At,
}

/// A mistake of the text itself, or two definitions of one path.
pub struct Broken {
    /// What follows it could not be read.
    pub fatal: bool,
    pub code: crate::condition::Code,
    pub path: String,
    pub at: At,
    pub message: String,
    pub hint: String,
}

/// Deeper trees are refused: no program needs them, and nobody can exhaust the stack.
const DEPTH_MAX: usize = 32;

impl Table {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.0.iter().find(|(k, _)| k.text == key)
    }
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.0.iter().map(|(k, n)| (k, n))
    }
}

impl Node {
    pub fn table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
    pub fn number(&self) -> Option<Num> {
        match &self.kind {
            Kind::Number(n) => Some(*n),
            _ => None,
        }
    }
    /// A number, also from decimal text: so JSON may say it exactly.
    pub fn decimal(&self) -> Option<Num> {
        self.number().or_else(|| Num::parse(self.text()?)?.ok())
    }
    pub fn bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(b) => Some(*b),
            _ => None,
        }
    }
    pub fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(list) => Some(list),
            _ => None,
        }
    }
    /// A list, or the one thing that stands for a list of one.
    pub fn one_or_more(&self) -> &[Node] {
        match &self.kind {
            Kind::List(list) => list,
            _ => std::slice::from_ref(self),
        }
    }
    /// A date, also from text: JSON has no other way.
    pub fn date(&self) -> Option<jiff::civil::Date> {
        match &self.kind {
            Kind::Date(date) => Some(*date),
            Kind::Text(text) => parse_date(text),
            _ => None,
        }
    }
    /// A local instant, also from text (`2026-12-05 10:00`); a date means its first.
    pub fn date_time(&self) -> Option<jiff::civil::DateTime> {
        match &self.kind {
            Kind::DateTime(at) => Some(*at),
            Kind::Text(text) if text.len() > 10 && text.is_char_boundary(10) => {
                let time = text[10..].strip_prefix([' ', 'T'])?;
                let seconds = if time.len() == 5 { ":00" } else { "" };
                format!("{}T{time}{seconds}", parse_date(&text[..10])?).parse().ok()
            }
            _ => self.date().map(|date| date.at(0, 0, 0, 0)),
        }
    }
    /// How a person calls what stands here.
    pub fn what(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a text",
            Kind::Number(_) => "a number",
            Kind::Bool(_) => "a bool",
            Kind::Date(_) => "a date",
            Kind::DateTime(_) => "a date and time",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }
}

/// `2026-12-01` and nothing else.
pub fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    if shape { text.parse().ok() } else { None }
}

impl At {
    /// Bytes of the words inside a text's quotes: `inner` counts bytes of the text as read.
    pub fn inside(&self, source: &str, text: &str, inner: Range<usize>) -> At {
        let raw = source.get(self.span.clone()).unwrap_or("");
        let quotes = ["'''\n", "\"\"\"\n", "'''\r\n", "\"\"\"\r\n", "'''", "\"\"\"", "'", "\""];
        let start = quotes.iter().find(|q| raw.starts_with(**q)).map_or(0, |q| q.len());
        // With escapes the bytes of the text are not those of the file: then the whole of it is meant.
        if raw.get(start..start + text.len()) != Some(text) {
            return self.clone();
        }
        let from = self.span.start + start;
        At { source: self.source, span: from + inner.start..from + inner.end }
    }
}
