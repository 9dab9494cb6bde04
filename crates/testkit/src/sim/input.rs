//! A message as the door of the core takes it.

use domain::event::{CLOCK_SOURCE, Event, Input, Subject};
use domain::identity::Identity;
use sha2::{Digest, Sha256};

use crate::world::Message;

pub fn of(message: &Message) -> Input {
    let name = |text: &String| Identity::parse(text).expect("the world makes names");
    Input {
        event: Event {
            source: message.source.as_str().into(),
            id: message.id.as_str().into(),
            kind: message.kind.as_str().into(),
            subject: subject(message),
            also: message.also.iter().map(name).collect(),
            time: jiff::Timestamp::from_second(message.time).expect("times of a world are in range"),
            data: message.data.as_bytes().into(),
        }
        .into(),
        body_hash: hash(message),
        origin: "sim".into(),
    }
}

/// A name, or `#` and a number.
fn subject(message: &Message) -> Option<Subject> {
    match message.subject.strip_prefix('#') {
        Some(no) => Some(Subject::Member(no.parse().expect("the world makes numbers"))),
        None if message.subject.is_empty() => None,
        None => Some(Subject::Identity(Identity::parse(&message.subject).expect("the world makes names"))),
    }
}

/// What the core made by itself, as a message; its subject is the member's number. Of what was erased the row alone
/// still knows it.
pub fn made(event: &Event, member: Option<u64>) -> Option<Message> {
    let no = if let Some(Subject::Member(no)) = event.subject { no } else { member? };
    (*event.source == *CLOCK_SOURCE).then(|| Message {
        source: event.source.to_string(),
        id: event.id.to_string(),
        kind: event.kind.to_string(),
        subject: format!("#{no}"),
        also: Vec::new(),
        time: event.time.as_second(),
        data: String::from_utf8_lossy(&event.data).into_owned(),
        arrives: event.time.as_second(),
    })
}

pub fn hash(message: &Message) -> [u8; 32] {
    let mut hash = Sha256::new();
    let time = message.time.to_string();
    for part in [&message.kind, &message.subject, &time, &message.data].into_iter().chain(&message.also) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
