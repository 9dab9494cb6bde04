//! The JSON format: one event, an array of them, or one a line. The payload is scanned, never built up.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::event::Input;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::attributes::{Attributes, invalid, one_value};
use super::{Bad, EVENTS_MAX, Reading};
use crate::json;
use crate::problem::Fault;

/// Members of one event, extensions included.
const ATTRIBUTES_MAX: usize = 64;

/// One event.
pub fn structured(body: &[u8], reading: Reading<'_>) -> Result<Input, Bad> {
    let found: Found<'_> = serde_json::from_str(utf8(body)?).map_err(|e| invalid(&e))?;
    found.input(reading)
}

/// A JSON array of events; each is read for itself.
pub fn batch(body: &[u8], reading: Reading<'_>) -> Result<Vec<Result<Input, Bad>>, Bad> {
    let events: Vec<&RawValue> = serde_json::from_str(utf8(body)?).map_err(|e| invalid(&e))?;
    if events.len() > EVENTS_MAX {
        return Err(too_many().into());
    }
    let one = |(n, raw): (usize, &&RawValue)| {
        let under = |bad: Bad| Bad(bad.0.into_iter().map(|f| f.under(&format!("/{n}"))).collect());
        structured(raw.get().as_bytes(), reading).map_err(under)
    };
    Ok(events.iter().enumerate().map(one).collect())
}

/// Events by line, with the number of the line from 1. Empty lines are skipped.
pub fn ndjson<'a>(
    body: &'a [u8],
    reading: Reading<'a>,
) -> impl Iterator<Item = (usize, Result<Input, Bad>)> + 'a {
    let lines = body.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    lines.map(move |(n, line)| (n + 1, structured(line, reading)))
}

pub(super) fn too_many() -> Fault {
    Fault::new("", "batch_too_large", format!("at most {EVENTS_MAX} events at once"))
}

fn utf8(body: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(body).map_err(|_| Fault::new("", "json_invalid", "not UTF-8"))
}

/// What an object holds, member by member, with what is wrong so far.
struct Found<'a> {
    attributes: Attributes<'a>,
    data_base64: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    has_data: bool,
    faults: Vec<Fault>,
}

impl Found<'_> {
    fn input(mut self, reading: Reading<'_>) -> Result<Input, Bad> {
        if self.content_type.is_some_and(|kind| !is_json(&kind)) {
            let detail = "data must be JSON: leave this out, or application/json";
            self.faults.push(Fault::new("/datacontenttype", "content_type_unsupported", detail));
        }
        let Some(encoded) = self.data_base64 else { return self.attributes.input(reading, self.faults) };
        if self.has_data {
            self.faults.push(Fault::new("/data_base64", "data_twice", "either data or data_base64"));
        }
        let decoded =
            STANDARD.decode(encoded.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().map(one_value) {
            Some(Ok(value)) => self.attributes.data = Some(Cow::Owned(value.to_owned())),
            Some(Err(fault)) => self.faults.push(fault.under("/data_base64")),
            None => {
                let detail = "base64 of a JSON object in UTF-8";
                self.faults.push(Fault::new("/data_base64", "value_invalid", detail));
            }
        }
        self.attributes.input(reading, self.faults)
    }
}

pub(super) fn is_json(kind: &str) -> bool {
    let (kind, charset) = super::media_type(kind);
    let json = kind == "application/json" || kind == "text/json" || kind.ends_with("+json");
    json && charset.is_none_or(|c| c.eq_ignore_ascii_case("utf-8"))
}

impl<'de> Deserialize<'de> for Found<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Found<'de>, D::Error> {
        d.deserialize_map(Members)
    }
}

/// A name, borrowed unless it is written with escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Name<'de>, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(v.to_owned())))
            }
        }
        d.deserialize_str(Read)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent, a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Found<'de>, M::Error> {
        let attributes = Attributes::default();
        let faults = Vec::new();
        let mut found = Found { attributes, data_base64: None, content_type: None, has_data: false, faults };
        let mut names: Vec<Cow<'de, str>> = Vec::with_capacity(12);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            if names.len() >= ATTRIBUTES_MAX {
                found.faults.push(Fault::new("", "too_many", "more than 64 attributes"));
                break;
            }
            if names.contains(&name) {
                let pointer = json::step(&name);
                found.faults.push(Fault::new(pointer, "duplicate_key", "the same attribute twice"));
                continue;
            }
            found.take(&name, value.get());
            names.push(name);
        }
        while map.next_entry::<Name<'de>, &'de RawValue>()?.is_some() {}
        Ok(found)
    }
}

impl<'a> Found<'a> {
    /// One member of the object. `null` means that the attribute is not set.
    fn take(&mut self, name: &str, value: &'a str) {
        if name == "data" {
            self.has_data = true;
            self.attributes.data = Some(Cow::Borrowed(value));
            return;
        }
        if value == "null" {
            return;
        }
        let slot = match name {
            "specversion" => &mut self.attributes.specversion,
            "id" => &mut self.attributes.id,
            "source" => &mut self.attributes.source,
            "type" => &mut self.attributes.kind,
            "subject" => &mut self.attributes.subject,
            "time" => &mut self.attributes.time,
            "identities" => &mut self.attributes.identities,
            "datacontenttype" => &mut self.content_type,
            "data_base64" => &mut self.data_base64,
            _ => return self.faults.extend(extension(name, value)),
        };
        match text(value) {
            Some(text) => *slot = Some(text),
            None => self.faults.push(Fault::new(json::step(name), "wrong_type", "this must be a text")),
        }
    }
}

/// The text of a JSON string.
fn text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(value).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// Extensions are kept by nobody, but their form is checked.
fn extension(name: &str, value: &str) -> Option<Fault> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        let detail = "a name of an attribute is lower-case letters and digits";
        return Some(Fault::new(json::step(name), "name_invalid", detail));
    }
    let scalar = !value.starts_with(['{', '[']) && !value.contains(['.', 'e', 'E']);
    let fits = scalar || value.starts_with('"') || matches!(value, "true" | "false");
    let detail = "an extension is a text, a bool or a whole number";
    (!fits).then(|| Fault::new(json::step(name), "wrong_type", detail))
}
