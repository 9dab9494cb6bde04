//! Keys: 64-bit keyed hashes (SipHash-2-4) by which the past is found again. A key may have many values (positions in
//! the journal); whoever finds a row by key compares what the row says, so a collision costs a read and never a wrong
//! answer.

use std::hash::Hasher;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u64);

/// The secret of one installation, so that nobody can aim at a hash.
#[derive(Clone)]
pub struct KeyMaker(pub [u8; 16]);

impl KeyMaker {
    fn make(&self, kind: u8, parts: &[&[u8]]) -> Key {
        let mut hash = SipHasher24::new_with_key(&self.0);
        hash.write(&[kind]);
        for part in parts {
            hash.write(&(part.len() as u32).to_le_bytes());
            hash.write(part);
        }
        Key(hash.finish())
    }
    /// The event (source, id) itself. It is found by its id alone, so that one key serves those who know the source
    /// and those who do not; the row says which source it was.
    pub fn event(&self, _source: &str, id: &str) -> Key {
        self.event_id(id)
    }
    /// Every event of this id, whoever sent it.
    pub fn event_id(&self, id: &str) -> Key {
        self.make(1, &[id.as_bytes()])
    }
    /// Every row that carries the state of this order, newest last.
    pub fn order(&self, order: &str) -> Key {
        self.make(2, &[order.as_bytes()])
    }
    /// Rows that wait for this order.
    pub fn order_waiting(&self, order: &str) -> Key {
        self.make(3, &[order.as_bytes()])
    }
    /// A rule has paid this member for this value.
    pub fn once(&self, rule: &str, member: u64, value: &str) -> Key {
        self.make(4, &[rule.as_bytes(), &member.to_le_bytes(), value.as_bytes()])
    }
    /// Every row that carries the state of this redemption (row that made it, number), newest last.
    pub fn redemption(&self, pos: u64, n: u16) -> Key {
        self.make(6, &[&pos.to_le_bytes(), &n.to_le_bytes()])
    }
    /// Redemptions that were spent on this order.
    pub fn order_spent(&self, order: &str) -> Key {
        self.make(7, &[order.as_bytes()])
    }
    /// A code was given out.
    pub fn code(&self, code: &str) -> Key {
        self.make(8, &[code.as_bytes()])
    }
    /// One round of the permutation that makes referral codes.
    pub fn code_round(&self, round: u8, half: u32) -> u32 {
        self.make(9, &[&[round], &half.to_le_bytes()]).0 as u32
    }
    /// The row that brought codes for this pool as its so-and-so-many'th.
    pub fn codes(&self, pool: &str, row: i64) -> Key {
        self.make(12, &[pool.as_bytes(), &row.to_le_bytes()])
    }
    /// One half of a keyed permutation of 64 bits.
    pub fn half(&self, round: u8, half: u32) -> u32 {
        self.make(10, &[&[round], &half.to_le_bytes()]).0 as u32
    }
    /// Bytes that nobody can guess, the same for ever: for codes that are made.
    pub fn secret_bytes(&self, pos: u64, n: u16, nonce: u32, block: u32) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update([11]);
        hash.update(pos.to_le_bytes());
        hash.update(n.to_le_bytes());
        hash.update(nonce.to_le_bytes());
        hash.update(block.to_le_bytes());
        hash.finalize().into()
    }
    /// What nobody can guess, the same for ever: of the message about a change to an endpoint.
    pub fn message_code(&self, endpoint: u64, pos: u64, n: u16) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update([13]);
        hash.update(endpoint.to_le_bytes());
        hash.update(pos.to_le_bytes());
        hash.update(n.to_le_bytes());
        hash.finalize().into()
    }
    /// Rows of a guest that wait for someone to claim this identity.
    pub fn guest(&self, identity: &str) -> Key {
        self.make(5, &[identity.as_bytes()])
    }
}
