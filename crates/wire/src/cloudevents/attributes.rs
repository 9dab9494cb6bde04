//! The attributes of one event, wherever they were found, and what becomes of them: checks, bounds, hash.

use std::borrow::Cow;

use domain::event::{BODY_BYTES_MAX, Event, Input, RESERVED, Subject};
use domain::identity::Identity;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Bad, Reading, time};
use crate::json;
use crate::member_id;
use crate::problem::Fault;

pub const ID_BYTES_MAX: usize = 256;
pub const SOURCE_BYTES_MAX: usize = 256;
pub const TYPE_BYTES_MAX: usize = 128;
pub const SUBJECT_BYTES_MAX: usize = 320;
/// Further names of the person in one event.
pub const IDENTITIES_MAX: usize = 8;
/// Sources of Fealty's own.
const OWN: &str = "fealty:";

/// Attributes as they were found. The texts are not yet checked.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    pub(super) specversion: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) source: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) identities: Option<Cow<'a, str>>,
    pub(super) data: Option<Cow<'a, str>>,
}

/// SHA-256 of kind, subject and time as given, and data without insignificant space; each with its length before it.
pub(crate) fn body_hash(kind: &str, subject: &str, time: &str, data: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [kind.as_bytes(), subject.as_bytes(), time.as_bytes(), data] {
        hash.update((part.len() as u32).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl Attributes<'_> {
    /// The input, or everything that is wrong, `found` first.
    pub(super) fn input(self, reading: Reading<'_>, mut found: Vec<Fault>) -> Result<Input, Bad> {
        let faults = &mut found;
        match self.specversion.as_deref() {
            Some("1.0") => {}
            Some(_) => {
                faults.push(Fault::new("/specversion", "specversion_unsupported", "this must be \"1.0\""))
            }
            None => faults.push(missing("/specversion")),
        }
        let id = required(self.id.as_deref(), "/id", ID_BYTES_MAX, faults);
        let source = required(self.source.as_deref(), "/source", SOURCE_BYTES_MAX, faults);
        let kind = required(self.kind.as_deref(), "/type", TYPE_BYTES_MAX, faults);
        if source.contains(' ') {
            faults.push(Fault::new(
                "/source",
                "value_invalid",
                "a source is a URI reference: no space in it",
            ));
        }
        if source.starts_with(OWN) {
            faults.push(Fault::new("/source", "source_reserved", "sources `fealty:…` are Fealty's own"));
        }
        if kind.starts_with(RESERVED) {
            faults.push(Fault::new("/type", "type_reserved", "types `fealty.…` are Fealty's own"));
        }
        let subject = self.subject.as_deref().and_then(|s| subject(s, reading, faults));
        let also = self.identities.as_deref().map_or_else(Vec::new, |list| identities(list, faults));
        let at = match self.time.as_deref() {
            None => Some(reading.received),
            Some(text) => time::parse(text),
        };
        if at.is_none() {
            faults.push(Fault::new(
                "/time",
                "time_invalid",
                "an RFC 3339 time, such as 2026-12-05T10:00:00Z",
            ));
        }
        let data = data(self.data.as_deref(), faults);
        let (Some(time), true) = (at, found.is_empty()) else { return Err(Bad(found)) };
        let given = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or("").to_owned();
        let body_hash = body_hash(kind, &given(&self.subject), &given(&self.time), &data);
        let (source, id, kind) = (source.into(), id.into(), kind.into());
        let event = Event { source, id, kind, subject, also, time, data };
        Ok(Input { event: event.into(), body_hash, origin: reading.origin.into() })
    }
}

fn missing(pointer: &str) -> Fault {
    Fault::new(pointer, "field_missing", "this attribute is required")
}

fn required<'t>(text: Option<&'t str>, pointer: &str, bytes_max: usize, faults: &mut Vec<Fault>) -> &'t str {
    match text {
        None => faults.push(missing(pointer)),
        Some(text) => text_fits(text, pointer, bytes_max, faults),
    }
    text.unwrap_or("")
}

/// Not empty, bounded, and free of what CloudEvents' String excludes.
fn text_fits(text: &str, pointer: &str, bytes_max: usize, faults: &mut Vec<Fault>) {
    if text.is_empty() {
        faults.push(Fault::new(pointer, "value_invalid", "this may not be empty"));
    } else if text.len() > bytes_max {
        faults.push(Fault::new(pointer, "text_too_long", format!("at most {bytes_max} bytes")));
    } else if !text.bytes().all(|b| matches!(b, b' '..=b'~')) && text.chars().any(excluded) {
        faults.push(Fault::new(pointer, "value_invalid", "a control character or noncharacter"));
    }
}

fn excluded(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fdd0}'..='\u{fdef}') || (c as u32 & 0xfffe) == 0xfffe
}

fn subject(text: &str, reading: Reading<'_>, faults: &mut Vec<Fault>) -> Option<Subject> {
    let before = faults.len();
    text_fits(text, "/subject", SUBJECT_BYTES_MAX, faults);
    if faults.len() > before {
        return None;
    }
    let found = if text.starts_with(member_id::PREFIX) {
        reading.members.decode(text).map(Subject::Member).ok_or("not a member id: `mem_` and 13 signs")
    } else {
        Identity::parse(text).map(Subject::Identity)
    };
    found.map_err(|why| faults.push(Fault::new("/subject", "subject_invalid", why))).ok()
}

fn identities(list: &str, faults: &mut Vec<Fault>) -> Vec<Identity> {
    let mut also = Vec::new();
    for (n, text) in list.split(',').map(str::trim).enumerate() {
        if n >= IDENTITIES_MAX {
            faults.push(Fault::new("/identities", "too_many", "at most 8 identities"));
            break;
        }
        match Identity::parse(text) {
            Ok(identity) => also.push(identity),
            Err(why) => faults.push(Fault::new("/identities", "identity_invalid", why)),
        }
    }
    also
}

/// A JSON object without insignificant space; no data is an empty one.
fn data(text: Option<&str>, faults: &mut Vec<Fault>) -> Box<[u8]> {
    let Some(text) = text else { return Box::from(&b"{}"[..]) };
    if text.len() > BODY_BYTES_MAX {
        faults.push(Fault::new("/data", "body_too_long", "at most 1 MiB"));
        return Box::default();
    }
    if !text.starts_with('{') {
        faults.push(Fault::new("/data", "wrong_type", "data must be a JSON object"));
        return Box::default();
    }
    let mut out = Vec::with_capacity(text.len());
    if let Err(fault) = json::compact(text, &mut out) {
        faults.push(fault.under("/data"));
    }
    out.into()
}

/// Checks that `text` is one JSON value; gives it without the space around it.
pub(super) fn one_value(text: &str) -> Result<&str, Fault> {
    let read: Result<&RawValue, _> = serde_json::from_str(text);
    read.map(RawValue::get).map_err(|e| invalid(&e))
}

pub(super) fn invalid(e: &serde_json::Error) -> Fault {
    Fault::new("", "json_invalid", e.to_string())
}
