//! Decides which changes are for an endpoint, and writes the messages: the same for webhooks and topics.
//!
//! `change` is what was at the change; the member is read when the message is written, so what is told of him is as
//! fresh as can be, at a retry too. It costs one read of a member for each message, and only where he is mentioned.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use domain::event::MemberNo;
use domain::household::Who;
use store::{Reader, StoreError};
use wire::member_id::MemberIds;
use wire::problem::Fault;

use super::wish::Wish;
use super::{Deliveries, Settings};
use crate::feed::{Filter, Told};
use crate::http::members::find::{Housed, by_now, with_homes};

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

/// Why there is no message.
pub enum Unwritten {
    /// It may be there later.
    Store(StoreError),
    /// It will never be: a dead letter.
    Never(String),
}

#[derive(Clone)]
pub struct Clerk {
    wish: Arc<Wish>,
    types: Filter,
    deliveries: Arc<Deliveries>,
}

impl Clerk {
    /// Under the present version of the program; all that does not fit it.
    pub fn new(deliveries: &Arc<Deliveries>, settings: &Settings) -> Result<Clerk, Vec<Fault>> {
        let wish = Wish::new(settings, deliveries.feed.versions.current())?;
        let types = Filter { types: settings.types.clone(), member: None };
        Ok(Clerk { wish: Arc::new(wish), types, deliveries: deliveries.clone() })
    }

    /// A newer version of the program was published: make another.
    pub fn is_stale(&self) -> bool {
        self.deliveries.feed.versions.current().version != self.wish.plan().version
    }

    /// Those that are for the endpoint, in their order.
    pub async fn sift<'t>(&self, told: impl Iterator<Item = &'t Told>) -> Result<Vec<&'t Told>, StoreError> {
        let mut told: Vec<&Told> = told.filter(|told| self.types.takes(told)).collect();
        if told.is_empty() || !self.wish.has_filter() {
            return Ok(told);
        }
        let mut people = BTreeMap::new();
        if self.wish.filter_reads_member {
            people = self.people(told.iter().filter_map(|told| told.member)).await?;
        }
        let now = self.deliveries.clock.now();
        let person = |told: &Told| people.get(&told.member?);
        told.retain(|told| self.wish.takes(&told.json, person(told), now));
        Ok(told)
    }

    /// The body of the message about a change, as the feed tells it.
    pub async fn write(&self, change: &Bytes, member: Option<MemberNo>) -> Result<Bytes, Unwritten> {
        if self.wish.is_thin() {
            return Ok(change.clone());
        }
        let mut people = BTreeMap::new();
        if self.wish.payload_reads_member {
            people = self.people(member.into_iter()).await.map_err(Unwritten::Store)?;
        }
        let person = member.and_then(|no| people.get(&no));
        let change = std::str::from_utf8(change).map_err(|e| Unwritten::Never(e.to_string()))?;
        let body = self.wish.body(change, person, self.deliveries.clock.now());
        body.map(Bytes::from).map_err(Unwritten::Never)
    }

    /// Whether the message cannot be written without a member.
    pub fn asks_about_member(&self) -> bool {
        self.wish.payload_reads_member
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
