//! What a batch knows of the past. The store fills it with what `batch::wants` asks for; `decide` reads and changes it.
//! It may be kept from batch to batch as a cache, and is thrown away whole when a commit fails.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::event::MemberNo;
use crate::household::Who;
use crate::identity::Identity;
use crate::key::Key;
use crate::member::Member;
use crate::outcome::Decision;

/// All rows under a key, oldest first; empty: known to have none.
pub type Rows = HashMap<Key, Vec<Arc<PastRow>>, BuildHasherDefault<AlreadyHashed>>;
/// What is used up across members, by the id of a limit, a stock or a pool: (window, used), all windows that are kept.
pub type Budgets = HashMap<Box<str>, Vec<(i64, i64)>>;

#[derive(Default)]
pub struct Snapshot {
    /// `None`: known not to exist.
    pub identities: HashMap<Identity, Option<MemberNo>, foldhash::quality::RandomState>,
    /// Shared with batches on their way to disk; changed only as a copy while they hold it.
    pub members: HashMap<MemberNo, Option<Arc<Member>>, foldhash::fast::RandomState>,
    pub rows: Rows,
    pub budgets: Budgets,
    /// The next member's number and the next row's position.
    pub next_member: MemberNo,
    pub next_pos: u64,
    /// Newest time that any input was given; `now` never goes back.
    pub now: jiff::Timestamp,
}

impl Snapshot {
    /// A member and his household, if it was loaded.
    pub fn who<'a>(&'a self, member: &'a Member) -> Who<'a> {
        let home = member.home.as_ref().and_then(|home| self.members.get(&home.no));
        Who { member, home: home.and_then(Option::as_deref) }
    }

    /// All pages of lots that are not here.
    pub fn pages_away(&self) -> Vec<Want> {
        let members = self.members.values().flatten();
        members.flat_map(|member| member.pages_away().map(|page| Want::Page(member.no, page))).collect()
    }

    /// Of a page that was wanted.
    pub fn put_page(&self, no: MemberNo, page: u32, text: String) {
        if let Some(Some(member)) = self.members.get(&no) {
            member.put_page(page, text);
        }
    }
}

/// A `Key` is a hash with a secret in it already, so it is taken as it is.
#[derive(Default)]
pub struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only keys are hashed with it");
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A row of the journal, as far as `decide` asks.
#[derive(Clone, Debug)]
pub struct PastRow {
    pub pos: u64,
    pub event: Arc<crate::event::Event>,
    pub body_hash: [u8; 32],
    pub decision: Arc<Decision>,
}

/// What must be loaded before an input can be decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    Identity(Identity),
    Member(MemberNo),
    /// Of the lots of a member whom the snapshot knows.
    Page(MemberNo, u32),
    Rows(Key),
}
