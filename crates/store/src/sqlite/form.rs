//! Stored forms: an event as JSON in `journal.input`, and the hash that chains the rows.
//!
//! Invariant: `data` and `decided` are stored word for word, and what was hashed is what is stored.

use std::io::Write;

use domain::event::{Event, Input, MemberNo, Subject};
use domain::identity::Identity;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// One row of the journal, as far as it is hashed: input and decision by their digests.
pub struct Hashed<'a> {
    pub pos: u64,
    pub member: Option<MemberNo>,
    pub prev: u64,
    pub now_ms: i64,
    pub again: Option<u64>,
    pub input: Option<[u8; 32]>,
    pub body_hash: Option<&'a [u8]>,
    pub decided: [u8; 32],
}

/// What of a text is hashed into the row, so that the row can be proved without the text.
pub fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

impl Hashed<'_> {
    /// SHA-256 of the hash before and each field with its length in front; a field that is absent has the length
    /// 2^64 - 1, so that no two different rows are the same bytes.
    pub fn chain(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(before);
        let mut add = |field: Option<&[u8]>| {
            hash.update(field.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            hash.update(field.unwrap_or_default());
        };
        add(Some(&self.pos.to_le_bytes()));
        add(self.member.map(u64::to_le_bytes).as_ref().map(|bytes| &bytes[..]));
        add(Some(&self.prev.to_le_bytes()));
        add(Some(&self.now_ms.to_le_bytes()));
        add(self.again.map(u64::to_le_bytes).as_ref().map(|bytes| &bytes[..]));
        add(self.input.as_ref().map(|digest| &digest[..]));
        add(self.body_hash);
        add(Some(&self.decided));
        hash.finalize().into()
    }
}

/// Appends the event as it is stored.
pub fn push_input(json: &mut Vec<u8>, input: &Input) {
    let event = &input.event;
    json.extend_from_slice(b"{\"source\":");
    push_text(json, &event.source);
    json.extend_from_slice(b",\"id\":");
    push_text(json, &event.id);
    json.extend_from_slice(b",\"type\":");
    push_text(json, &event.kind);
    match &event.subject {
        Some(Subject::Member(no)) => json.extend_from_slice(format!(",\"subject\":{no}").as_bytes()),
        Some(Subject::Identity(identity)) => {
            json.extend_from_slice(b",\"subject\":");
            push_text(json, identity.as_str());
        }
        None => {}
    }
    for (i, identity) in event.also.iter().enumerate() {
        json.extend_from_slice(if i == 0 { b",\"also\":[" } else { b"," });
        push_text(json, identity.as_str());
    }
    json.extend_from_slice(if event.also.is_empty() { b",\"time\":\"" } else { b"],\"time\":\"" });
    write!(json, "{}", event.time).expect("a Vec takes everything");
    json.extend_from_slice(b"\",\"origin\":");
    push_text(json, &input.origin);
    json.extend_from_slice(b",\"data\":");
    json.extend_from_slice(&event.data);
    json.push(b'}');
}

fn push_text(json: &mut Vec<u8>, text: &str) {
    // Most names need no escapes.
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        serde_json::to_writer(json, text).expect("a text is always JSON");
    }
}

#[derive(Deserialize)]
struct Stored<'a> {
    source: Box<str>,
    id: Box<str>,
    r#type: Box<str>,
    #[serde(default)]
    subject: Option<StoredSubject>,
    #[serde(default)]
    also: Vec<Identity>,
    time: jiff::Timestamp,
    origin: Box<str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredSubject {
    Member(MemberNo),
    Identity(Identity),
}

/// The event again, and who brought it.
pub fn input_from_json(json: &str) -> Result<(Event, Box<str>), StoreError> {
    let stored: Stored = serde_json::from_str(json)
        .map_err(|e| StoreError::Corrupt(format!("a stored event cannot be read: {e}")))?;
    let event = Event {
        source: stored.source,
        id: stored.id,
        kind: stored.r#type,
        subject: stored.subject.map(|subject| match subject {
            StoredSubject::Member(no) => Subject::Member(no),
            StoredSubject::Identity(identity) => Subject::Identity(identity),
        }),
        also: stored.also,
        time: stored.time,
        data: stored.data.get().as_bytes().into(),
    };
    Ok((event, stored.origin))
}

/// JSON of a stored document; `what` says which, should it be damaged.
pub fn from_json<'a, T: Deserialize<'a>>(
    json: &'a str,
    what: impl FnOnce() -> String,
) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|e| StoreError::Corrupt(format!("{} cannot be read: {e}", what())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        serde_json::from_value(name.into()).unwrap()
    }

    #[test]
    fn an_event_is_read_back_as_it_was() {
        let event = Event {
            source: "shop \"1\"".into(),
            id: "a\u{0}b".into(),
            kind: "order.paid".into(),
            subject: Some(Subject::Identity(identity("email:a@b"))),
            also: vec![identity("pos:card:7"), identity("phone:+49")],
            time: "2026-01-02T03:04:05.123456789Z".parse().unwrap(),
            data: br#"{ "a" : 1.50, "b":"\u00e4" }"#.to_vec().into(),
        };
        for subject in [event.subject.clone(), Some(Subject::Member(12)), None] {
            let input = Input {
                event: Event { subject, ..event.clone() }.into(),
                body_hash: [1; 32],
                origin: "key:3".into(),
            };
            let mut json = Vec::new();
            push_input(&mut json, &input);
            let (back, origin) = input_from_json(std::str::from_utf8(&json).unwrap()).unwrap();
            assert_eq!(format!("{back:?} {origin}"), format!("{:?} key:3", input.event));
        }
    }

    #[test]
    fn every_field_is_in_the_hash() {
        let row = |i: usize| Hashed {
            pos: 5 + u64::from(i == 1),
            member: if i == 2 { None } else { Some(0) },
            prev: u64::from(i == 3),
            now_ms: i64::from(i == 4),
            again: if i == 5 { Some(0) } else { None },
            input: if i == 6 { None } else { Some(digest(if i == 7 { b"" } else { b"ab" })) },
            body_hash: if i == 8 { None } else { Some(if i == 9 { &b""[..] } else { b"c" }) },
            decided: digest(if i == 10 { b"" } else { b"d" }),
        };
        let mut hashes: Vec<_> = (0..11).map(|i| row(i).chain(&[0; 32])).collect();
        hashes.push(row(0).chain(&[1; 32]));
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 12);
    }
}
