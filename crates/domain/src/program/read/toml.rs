//! TOML 1.1 into the tree. The `toml` crate's raw layer keeps spans and the text of numbers.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};

use super::{At, Broken, DEPTH_MAX, Key, Kind, Node, Table};
use crate::condition::Code;
use crate::num::Num;

pub fn from_toml(text: &str, source: usize, broken: &mut Vec<Broken>) -> Node {
    let (table, errors) = DeTable::parse_recoverable(text);
    broken.extend(errors.iter().map(|e| syntax(e, text, source)));
    let mut reader = Reader { text, source, broken };
    let kind = Kind::Table(reader.table(table.get_ref(), 0));
    Node { at: At { source, span: 0..text.len() }, kind }
}

fn syntax(error: &Error, text: &str, source: usize) -> Broken {
    let mut span = error.span().unwrap_or(0..0);
    span.start = span.start.min(text.len());
    span.end = span.end.clamp(span.start, text.len());
    let message = error.message().trim();
    let duplicate = message.contains("duplicate key");
    let code = if duplicate { Code::Duplicate } else { Code::TomlSyntax };
    let at = At { source, span };
    if duplicate {
        let key = text[at.span.clone()].trim().to_owned();
        let message = format!("`{key}` is defined twice");
        return Broken {
            fatal: false,
            code,
            path: key,
            at,
            message,
            hint: "each path is written once".into(),
        };
    }
    let bare = message.contains("must be quoted").then(|| text[at.span.clone()].trim());
    let hint = bare.map_or_else(String::new, |bare| format!("in quotes: '{bare}'"));
    Broken { fatal: true, code, path: String::new(), at, message: message.into(), hint }
}

struct Reader<'a> {
    text: &'a str,
    source: usize,
    broken: &'a mut Vec<Broken>,
}

impl Reader<'_> {
    fn at(&self, span: std::ops::Range<usize>) -> At {
        At { source: self.source, span }
    }

    fn say(&mut self, at: At, message: &str, hint: &str) {
        let (message, hint) = (message.into(), hint.into());
        self.broken.push(Broken {
            fatal: false,
            code: Code::TomlSyntax,
            path: String::new(),
            at,
            message,
            hint,
        });
    }

    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Table {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        for (key, value) in table.iter() {
            let key = Key { text: key.get_ref().to_string(), at: self.at(key.span()) };
            let node = self.node(value, depth + 1);
            entries.push((key, node));
        }
        entries.sort_by_key(|(key, _)| key.at.span.start);
        Table(entries)
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Node {
        let at = self.at(value.span());
        if depth > DEPTH_MAX {
            self.say(at.clone(), "nested too deeply", "");
            return Node { at, kind: Kind::Bool(false) };
        }
        let kind = match value.get_ref() {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Boolean(b) => Kind::Bool(*b),
            DeValue::Integer(n) if n.radix() == 10 => self.number(n.as_str(), &at),
            DeValue::Float(n) => self.number(n.as_str(), &at),
            DeValue::Integer(_) => {
                self.say(at.clone(), "a number in hex, octal or binary", "write it in decimal");
                Kind::Number(Num::ZERO)
            }
            DeValue::Datetime(d) => self.datetime(d, &at),
            DeValue::Array(list) => Kind::List(list.iter().map(|n| self.node(n, depth + 1)).collect()),
            DeValue::Table(table) => Kind::Table(self.table(table, depth)),
        };
        Node { at, kind }
    }

    /// Digits with an optional sign and fraction; what TOML allows beside is refused: `1e3`, `inf`, `nan`.
    fn number(&mut self, text: &str, at: &At) -> Kind {
        let digits: String = text.strip_prefix('+').unwrap_or(text).chars().filter(|c| *c != '_').collect();
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        match Num::parse(&digits).filter(|_| plain) {
            Some(Ok(n)) => return Kind::Number(n),
            Some(Err(_)) => self.say(
                at.clone(),
                "a number that is too large or too fine",
                "it needs less than 10^18 in size, and at most 17 digits after the point",
            ),
            None => self.say(
                at.clone(),
                &format!("`{text}` is not a number here"),
                "every number is exact: write its digits, `1000` or `0.05`",
            ),
        }
        Kind::Number(Num::ZERO)
    }

    fn datetime(&mut self, d: &::toml::value::Datetime, at: &At) -> Kind {
        let text = d.to_string();
        if d.offset.is_none() && d.date.is_some() {
            if d.time.is_none() {
                if let Ok(date) = text.parse() {
                    return Kind::Date(date);
                }
            } else if let Ok(at) = text.parse() {
                return Kind::DateTime(at);
            }
        }
        let shown = self.text.get(at.span.clone()).unwrap_or("").to_owned();
        self.say(
            at.clone(),
            &format!("`{shown}` is not a local date or date-time"),
            "times are local to the region: write `2026-12-01` or `2026-12-01T14:00`",
        );
        Kind::Bool(false)
    }
}
