//! An event as it arrives at the core: CloudEvents' names, the payload still as JSON text.
//!
//! Everything that can change state is an event. What the API does to a member (adjust, link, enrol, update)
//! is an event of a reserved type under the source `fealty:api`, with the idempotency key as its id.

use std::sync::Arc;

use crate::identity::Identity;

#[derive(Clone, Debug)]
pub struct Event {
    pub source: Box<str>,
    pub id: Box<str>,
    /// `order.paid`
    pub kind: Box<str>,
    /// Who it is about; may be left out where the order tells (a refund).
    pub subject: Option<Subject>,
    /// Further names of the same person inside the event; linked when free.
    pub also: Vec<Identity>,
    /// When it happened. Everything is judged by this.
    pub time: jiff::Timestamp,
    /// The payload: a JSON object, unparsed, at most `BODY_BYTES_MAX`.
    pub data: Box<[u8]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Member(MemberNo),
    Identity(Identity),
}

/// A member's dense number. People and other systems see `mem_…` (made at the edge).
pub type MemberNo = u64;

/// One input of the one door.
#[derive(Clone, Debug)]
pub struct Input {
    /// Shared with what is remembered of it, so that no body is copied.
    pub event: Arc<Event>,
    /// What the sender is answered with when he sends the same (source, id) again is compared by this: SHA-256 of
    /// `kind`, `subject`, `time` as given, and `data` with insignificant space removed; of a webhook, whose time may be
    /// that of its delivery, `kind` and `data` alone.
    pub body_hash: [u8; 32],
    /// Who brought it, for the audit: `key:3`, `source:shop`, `import`.
    pub origin: Box<str>,
}

/// The source of everything that the API does by itself.
pub const API_SOURCE: &str = "fealty:api";
/// Reserved types, refused from outside.
pub const RESERVED: &str = "fealty.";
/// Everything that time does by itself, and what follows for other members: made by the core, never sent.
pub const CLOCK_SOURCE: &str = "fealty:clock";

pub const BODY_BYTES_MAX: usize = 1 << 20;
/// An event from further in the future is refused.
pub const FUTURE_SECONDS_MAX: i64 = 300;
