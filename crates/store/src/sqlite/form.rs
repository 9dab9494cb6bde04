//! Stored forms: an event as JSON in `journal.input`, and the hash that chains the rows.
//!
//! Invariant: `data` and `decided` are stored word for word, and what was hashed is what is stored.

use domain::event::{Event, Input, MemberNo, Subject};
use domain::identity::Identity;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::StoreError;

/// One row of the journal, as far as it is hashed.
pub struct Hashed<'a> {
    pub pos: u64,
    pub member: Option<MemberNo>,
    pub prev: u64,
    pub now_ms: i64,
    pub again: Option<u64>,
    pub input: Option<&'a str>,
    pub body_hash: Option<&'a [u8]>,
    pub decided: &'a str,
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
        add(self.input.map(str::as_bytes));
        add(self.body_hash);
        add(Some(self.decided.as_bytes()));
        hash.finalize().into()
    }
}

pub fn input_to_json(input: &Input) -> Result<String, StoreError> {
    let event = &input.event;
    let data = std::str::from_utf8(&event.data)
        .map_err(|e| StoreError::Corrupt(format!("the data of event {} is no text: {e}", event.id)))?;
    let mut json = String::with_capacity(data.len() + 200);
    json.push_str("{\"source\":");
    push_text(&mut json, &event.source);
    json.push_str(",\"id\":");
    push_text(&mut json, &event.id);
    json.push_str(",\"type\":");
    push_text(&mut json, &event.kind);
    match &event.subject {
        Some(Subject::Member(no)) => json.push_str(&format!(",\"subject\":{no}")),
        Some(Subject::Identity(identity)) => {
            json.push_str(",\"subject\":");
            push_text(&mut json, identity.as_str());
        }
        None => {}
    }
    for (i, identity) in event.also.iter().enumerate() {
        json.push_str(if i == 0 { ",\"also\":[" } else { "," });
        push_text(&mut json, identity.as_str());
    }
    json.push_str(if event.also.is_empty() { ",\"time\":\"" } else { "],\"time\":\"" });
    json.push_str(&event.time.to_string());
    json.push_str("\",\"origin\":");
    push_text(&mut json, &input.origin);
    json.push_str(",\"data\":");
    json.push_str(data);
    json.push('}');
    Ok(json)
}

fn push_text(json: &mut String, text: &str) {
    // Most names need no escapes.
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
            json.push('"');
            json.push_str(text);
            json.push('"');
        } else {
            json.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
        }
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
                event: Event { subject, ..event.clone() },
                body_hash: [1; 32],
                origin: "key:3".into(),
            };
            let (back, origin) = input_from_json(&input_to_json(&input).unwrap()).unwrap();
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
            input: if i == 6 { None } else { Some(if i == 7 { "" } else { "ab" }) },
            body_hash: if i == 8 { None } else { Some(if i == 9 { b"" } else { b"c" }) },
            decided: if i == 10 { "" } else { "d" },
        };
        let mut hashes: Vec<_> = (0..11).map(|i| row(i).chain(&[0; 32])).collect();
        hashes.push(row(0).chain(&[1; 32]));
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 12);
    }
}
