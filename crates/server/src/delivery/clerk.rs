//! Decides which changes are for an endpoint, and writes the messages: the same for webhooks and topics.
//!
//! `change` is what was at the change; the member is read when the message is written, so what is told of him is as
//! fresh as can be, at a retry too. It costs one read of a member for each message, and only where he is mentioned.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use domain::event::MemberNo;
use domain::household::Who;
use store::{ChangeId, Reader, StoreError};
use wire::member_id::MemberIds;
use wire::problem::Fault;

use super::connector::Order;
use super::endpoint::Hidden;
use super::wish::{Sight, Wish};
use super::{Deliveries, Settings};
use crate::feed::{Filter, Told};
use crate::http::members::find::{Housed, by_now, with_homes};
use crate::outbound::Request;

/// The member whom a change is about, as he stands.
pub struct Person {
    housed: Housed,
    id: String,
}

impl Person {
    pub fn who(&self) -> Who<'_> {
        self.housed.who()
    }
    /// As he is known outside.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// An absorbed member stands for him who absorbed him.
    pub fn read(reader: &Reader, ids: &MemberIds, no: MemberNo) -> Result<Option<Person>, StoreError> {
        let Some(member) = reader.member_get(no)? else { return Ok(None) };
        let found = with_homes(reader, by_now(reader, member)?)?.into_iter().next();
        Ok(found.map(|housed| Person { id: ids.encode(housed.who().member.no), housed }))
    }
}

/// What is sent.
pub enum Letter {
    /// To whoever knows us.
    Body(Bytes),
    /// To somebody's API.
    Request(Request),
}

/// Why there is no message.
pub enum Unwritten {
    /// It may be there later.
    Store(StoreError),
    /// It will never be: a dead letter.
    Never(String),
}

#[derive(Clone)]
pub struct Clerk {
    /// The endpoint's number.
    no: u64,
    wish: Arc<Wish>,
    types: Filter,
    deliveries: Arc<Deliveries>,
}

impl Clerk {
    /// Under the present version of the program; all that does not fit it.
    pub fn new(
        deliveries: &Arc<Deliveries>,
        no: u64,
        settings: &Settings,
        hidden: &Hidden,
    ) -> Result<Clerk, Vec<Fault>> {
        let wish = Wish::new(settings, hidden, deliveries.feed.versions.current())?;
        let types = Filter { types: settings.types.clone(), member: None };
        Ok(Clerk { no, wish: Arc::new(wish), types, deliveries: deliveries.clone() })
    }

    /// A newer version of the program was published: make another.
    pub fn is_stale(&self) -> bool {
        self.deliveries.feed.versions.current().version != self.wish.plan().version
    }

    /// Those that are for the endpoint, in their order.
    pub async fn sift<'t>(&self, told: impl Iterator<Item = &'t Told>) -> Result<Vec<&'t Told>, StoreError> {
        // What tells of a member tells nothing of a change that is about none.
        let about = |told: &Told| told.member.is_some() || !self.wish.form_reads_member;
        let mut told: Vec<&Told> = told.filter(|told| self.types.takes(told) && about(told)).collect();
        if told.is_empty() || !self.wish.has_filter() {
            return Ok(told);
        }
        let mut people = BTreeMap::new();
        if self.wish.filter_reads_member {
            people = self.people(told.iter().filter_map(|told| told.member)).await?;
        }
        told.retain(|told| {
            let person = told.member.and_then(|no| people.get(&no));
            let id = format!("msg_{}", told.cursor);
            self.wish.takes(&self.sight(&told.json, person, &id, (told.pos, told.n)))
        });
        Ok(told)
    }

    /// The message about a change, which the feed tells so.
    pub async fn write(
        &self,
        told: &Bytes,
        member: Option<MemberNo>,
        id: &str,
        change: ChangeId,
    ) -> Result<Letter, Unwritten> {
        if self.wish.is_thin() {
            return Ok(Letter::Body(told.clone()));
        }
        let mut people = BTreeMap::new();
        if self.wish.form_reads_member {
            people = self.people(member.into_iter()).await.map_err(Unwritten::Store)?;
        }
        let person = member.and_then(|no| people.get(&no));
        let told = std::str::from_utf8(told).map_err(|e| Unwritten::Never(e.to_string()))?;
        self.wish.letter(&self.sight(told, person, id, change)).map_err(Unwritten::Never)
    }

    /// The same for those who are sent no requests: a topic.
    pub async fn body(
        &self,
        told: &Bytes,
        member: Option<MemberNo>,
        id: &str,
        change: ChangeId,
    ) -> Result<Bytes, Unwritten> {
        match self.write(told, member, id, change).await? {
            Letter::Body(body) => Ok(body),
            Letter::Request(_) => Err(Unwritten::Never("a topic is asked nothing".into())),
        }
    }

    fn sight<'a>(
        &self,
        told: &'a str,
        person: Option<&'a Person>,
        id: &'a str,
        change: ChangeId,
    ) -> Sight<'a> {
        let bytes = self.deliveries.keys.message_code(self.no, change.0, change.1);
        let now = self.deliveries.clock.now();
        Sight { told, person, now, id, code: code(&bytes), endpoint: format!("ep_{}", self.no) }
    }

    /// How answers of somebody's API are read.
    pub fn order(&self) -> Option<&Order> {
        self.wish.order()
    }

    /// Whether the message cannot be written without a member.
    pub fn asks_about_member(&self) -> bool {
        self.wish.form_reads_member
    }

    async fn people(
        &self,
        members: impl Iterator<Item = MemberNo>,
    ) -> Result<BTreeMap<MemberNo, Person>, StoreError> {
        let ids = self.deliveries.feed.ids.clone();
        let mut members: Vec<MemberNo> = members.collect();
        members.sort_unstable();
        members.dedup();
        let read = move |reader: &Reader| {
            let mut people = BTreeMap::new();
            for no in members {
                people.extend(Person::read(reader, &ids, no)?.map(|person| (no, person)));
            }
            Ok(people)
        };
        self.deliveries.read(read).await
    }
}

/// 16 letters and digits that nobody misreads.
fn code(bytes: &[u8; 32]) -> String {
    const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    bytes.iter().take(16).map(|byte| char::from(SIGNS[usize::from(byte & 31)])).collect()
}
