//! Public ids of members: the number sealed under the installation's secret (`domain::sealed`). Mostly nobody has the
//! number for which an id stands that was made up.

use domain::event::MemberNo;
use domain::sealed;
use sha2::{Digest, Sha256};

pub const PREFIX: &str = "mem_";

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
        sealed::write(PREFIX, no, |round, half| self.round(round, half))
    }

    /// `None` if the text is no id at all. Upper case is read too.
    pub fn decode(&self, id: &str) -> Option<MemberNo> {
        sealed::read(PREFIX, id, |round, half| self.round(round, half))
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
