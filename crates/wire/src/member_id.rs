//! Public ids of members: `mem_` and 13 signs of Crockford's base32, lower case.
//!
//! The 64 bits are the member's number under a keyed permutation (a Feistel network of six rounds over SHA-256), so
//! ids cannot be counted up, need no index, and every number has exactly one id. An id is no proof of anything:
//! any 13 signs stand for some number, which mostly nobody has.

use domain::event::MemberNo;
use sha2::{Digest, Sha256};

pub const PREFIX: &str = "mem_";
const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 13 * 5 = 65 bits; the first sign holds four.
const LENGTH: usize = 13;
const ROUNDS: u8 = 6;

/// The permutation of one installation.
#[derive(Clone)]
pub struct MemberIds {
    secret: [u8; 16],
}

impl std::fmt::Debug for MemberIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemberIds(hidden)")
    }
}

impl MemberIds {
    pub fn new(secret: [u8; 16]) -> MemberIds {
        MemberIds { secret }
    }

    pub fn encode(&self, no: MemberNo) -> String {
        let (mut left, mut right) = ((no >> 32) as u32, no as u32);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        let bits = (u64::from(left) << 32) | u64::from(right);
        let mut id = String::with_capacity(PREFIX.len() + LENGTH);
        id.push_str(PREFIX);
        for n in (0..LENGTH).rev() {
            id.push(char::from(SIGNS[(bits >> (5 * n)) as usize & 31]));
        }
        id
    }

    /// `None` if the text is no id at all. Upper case is read too.
    pub fn decode(&self, id: &str) -> Option<MemberNo> {
        let signs = id.strip_prefix(PREFIX)?.as_bytes();
        if signs.len() != LENGTH {
            return None;
        }
        let mut bits: u128 = 0;
        for sign in signs {
            let value = SIGNS.iter().position(|s| *s == sign.to_ascii_lowercase())?;
            bits = (bits << 5) | value as u128;
        }
        let bits = u64::try_from(bits).ok()?;
        let (mut left, mut right) = ((bits >> 32) as u32, bits as u32);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        Some((u64::from(left) << 32) | u64::from(right))
    }

    fn round(&self, round: u8, half: u32) -> u32 {
        let mut hash = Sha256::new();
        hash.update(b"fealty member id");
        hash.update(self.secret);
        hash.update([round]);
        hash.update(half.to_le_bytes());
        let digest = hash.finalize();
        u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
    }
}
