//! JSON into the same tree, with spans and exact numbers: serde_json checks the text and hands out raw slices of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{At, Broken, DEPTH_MAX, Key, Kind, Node, Table};
use crate::condition::Code;
use crate::num::Num;

pub fn from_json(text: &str, source: usize, broken: &mut Vec<Broken>) -> Node {
    let at = At { source, span: 0..text.len() };
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Reader { text, source, broken }.node(raw.get(), 0),
        Err(e) => {
            let start = offset(text, e.line(), e.column());
            let at = At { source, span: start..(start + 1).min(text.len()) };
            broken.push(Broken {
                fatal: true,
                code: Code::TomlSyntax,
                path: String::new(),
                at,
                message: format!("not JSON: {e}"),
                hint: String::new(),
            });
            Node { at: At { source, span: at_end(text) }, kind: Kind::Table(Table::default()) }
        }
    }
    .or_at(at)
}

fn at_end(text: &str) -> std::ops::Range<usize> {
    text.len()..text.len()
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Node {
    /// The whole text, where nothing better is known.
    fn or_at(mut self, at: At) -> Node {
        if self.at.span.is_empty() {
            self.at = at;
        }
        self
    }
}

struct Reader<'a> {
    text: &'a str,
    source: usize,
    broken: &'a mut Vec<Broken>,
}

/// Entries as written, repeated keys included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        d.deserialize_map(Seen)
    }
}

impl Reader<'_> {
    /// Where `raw`, a slice of the text, lies in it.
    fn at(&self, raw: &str) -> At {
        let start = raw.as_ptr() as usize - self.text.as_ptr() as usize;
        At { source: self.source, span: start..start + raw.len() }
    }

    fn say(&mut self, code: Code, path: &str, at: At, message: String) {
        self.broken.push(Broken { fatal: false, code, path: path.into(), at, message, hint: String::new() });
    }

    fn node(&mut self, raw: &str, depth: usize) -> Node {
        let at = self.at(raw);
        let kind = if depth > DEPTH_MAX {
            self.say(Code::TomlSyntax, "", at.clone(), "nested too deeply".into());
            Kind::Bool(false)
        } else {
            match raw.as_bytes().first() {
                Some(b'{') => self.table(raw, depth),
                Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw) {
                    Ok(list) => Kind::List(list.iter().map(|n| self.node(n.get(), depth + 1)).collect()),
                    Err(_) => Kind::List(Vec::new()),
                },
                Some(b'"') => Kind::Text(serde_json::from_str(raw).unwrap_or_default()),
                Some(b't') => Kind::Bool(true),
                Some(b'f') => Kind::Bool(false),
                Some(b'n') => {
                    self.say(
                        Code::WrongType,
                        "",
                        at.clone(),
                        "`null` means nothing here: leave the key out".into(),
                    );
                    Kind::Bool(false)
                }
                _ => match Num::parse(raw) {
                    Some(Ok(n)) => Kind::Number(n),
                    _ => {
                        self.say(
                            Code::WrongType,
                            "",
                            at.clone(),
                            format!("`{raw}` is too large or too fine a number"),
                        );
                        Kind::Number(Num::ZERO)
                    }
                },
            }
        };
        Node { at, kind }
    }

    fn table(&mut self, raw: &str, depth: usize) -> Kind {
        let Ok(Entries(entries)) = serde_json::from_str::<Entries<'_>>(raw) else {
            return Kind::Table(Table::default());
        };
        let mut table = Table::default();
        for (text, value) in entries {
            let node = self.node(value.get(), depth + 1);
            let at = self.key_before(&node.at, &text);
            if value.get() == "null" {
                continue;
            }
            if table.get(&text).is_some() {
                self.say(Code::Duplicate, &text, at, format!("`{text}` is defined twice"));
                continue;
            }
            table.0.push((Key { text, at }, node));
        }
        Kind::Table(table)
    }

    /// The key lies before its value: `"key" : value`. Keys with escapes are underlined from their last `"` back.
    fn key_before(&self, value: &At, key: &str) -> At {
        let before = self.text[..value.span.start].trim_end().trim_end_matches(':').trim_end();
        let end = before.len().saturating_sub(1);
        let start = end.saturating_sub(key.len());
        if self.text.get(start..end) == Some(key) {
            return At { source: self.source, span: start - 1..end + 1 };
        }
        value.clone()
    }
}
