//! HTTP's binary mode: attributes in `ce-…` headers, percent-encoded, the payload as the body.

use std::borrow::Cow;

use domain::event::Input;

use super::attributes::{Attributes, one_value};
use super::structured::is_json;
use super::{Bad, Reading};
use crate::headers::Headers;
use crate::problem::Fault;

pub(super) fn read(
    headers: &Headers,
    content_type: &str,
    body: &[u8],
    reading: Reading<'_>,
) -> Result<Input, Bad> {
    let mut attributes = Attributes::default();
    let mut faults = Vec::new();
    for (header, _) in headers.iter().filter(|(name, _)| name.starts_with("ce-")) {
        let name = &header[3..];
        match headers.one(header).ok().flatten().and_then(decoded) {
            Some(value) => take(&mut attributes, name, value, &mut faults),
            None => faults.push(at(name, "header_invalid", "once, ASCII, and percent-encoded UTF-8")),
        }
    }
    if !body.trim_ascii().is_empty() {
        if !is_json(content_type) {
            faults.push(Fault::new("", "content_type_unsupported", "the body must be application/json"));
        }
        match std::str::from_utf8(body).map(one_value) {
            Ok(Ok(value)) => attributes.data = Some(Cow::Borrowed(value)),
            Ok(Err(fault)) => faults.push(fault.under("/data")),
            Err(_) => faults.push(Fault::new("/data", "json_invalid", "not UTF-8")),
        }
    }
    attributes.input(reading, faults)
}

fn at(name: &str, code: &'static str, detail: &str) -> Fault {
    Fault::new(crate::json::step(name), code, detail)
}

fn take<'a>(attributes: &mut Attributes<'a>, name: &str, value: Cow<'a, str>, faults: &mut Vec<Fault>) {
    let slot = match name {
        "specversion" => &mut attributes.specversion,
        "id" => &mut attributes.id,
        "source" => &mut attributes.source,
        "type" => &mut attributes.kind,
        "subject" => &mut attributes.subject,
        "time" => &mut attributes.time,
        "identities" => &mut attributes.identities,
        "datacontenttype" | "data" | "data_base64" => {
            return faults.push(at(
                name,
                "name_invalid",
                "in binary mode this is the body and its Content-Type",
            ));
        }
        _ if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) => {
            return faults.push(at(name, "name_invalid", "a name is lower-case letters and digits"));
        }
        _ => return,
    };
    *slot = Some(value);
}

/// A quoted string is unquoted first, then percents are decoded, once.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let value = if value.starts_with('"') { unquoted(value)? } else { Cow::Borrowed(value) };
    if !value.contains('%') {
        return Some(value);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let mut byte = [0];
            hex::decode_to_slice(after.get(..2)?, &mut byte).ok()?;
            bytes.push(byte[0]);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    let mut out = String::with_capacity(value.len());
    let mut signs = value.strip_prefix('"')?.chars();
    loop {
        match signs.next()? {
            '"' => return signs.next().is_none().then_some(Cow::Owned(out)),
            '\\' => out.push(signs.next()?),
            sign => out.push(sign),
        }
    }
}
