//! API keys: their form, and what one may do. What is stored is a hash; the key itself is shown once.
//!
//! `lk_live_<id>_<secret>_<check>`: prefix and checksum let a scanner tell a leaked key from noise without asking.

use std::fmt;

use sha2::{Digest, Sha256};

/// Crockford's base 32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 5 bits a character: 40 bits tell keys apart, 160 bits cannot be guessed, 30 bits catch a slip.
const ID_CHARS: usize = 8;
const SECRET_CHARS: usize = 32;
const CHECK_CHARS: usize = 6;

/// What a key may do. Stored by name; a key holds any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Scope {
    /// Send events
    #[value(name = "events:write")]
    EventsWrite,
    /// See events, what became of them and why
    #[value(name = "events:read")]
    EventsRead,
    /// Enrol and change members, link identities
    #[value(name = "members:write")]
    MembersWrite,
    /// See members, balances and transfers
    #[value(name = "members:read")]
    MembersRead,
    /// See members' contexts, without personal data
    #[value(name = "context:read")]
    ContextRead,
    /// See every change in the feed, without personal data
    #[value(name = "feed:read")]
    FeedRead,
    /// Make and change endpoints of webhooks out, see and retry deliveries
    #[value(name = "endpoints:write")]
    EndpointsWrite,
    /// Adjust balances by hand
    #[value(name = "adjust:write")]
    AdjustWrite,
    /// Redeem rewards for members, confirm, cancel and return
    #[value(name = "redemptions:write")]
    RedemptionsWrite,
    /// See the program and its versions
    #[value(name = "rules:read")]
    RulesRead,
    /// Publish a version of the program
    #[value(name = "rules:write")]
    RulesWrite,
    /// See raw webhooks as they came and everything about a member, with personal data
    #[value(name = "pii:read")]
    PiiRead,
    /// Take members' personal data away for ever
    #[value(name = "pii:erase")]
    PiiErase,
    /// Everything
    #[value(name = "admin")]
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 14] = [
        Scope::EventsWrite,
        Scope::EventsRead,
        Scope::MembersWrite,
        Scope::MembersRead,
        Scope::ContextRead,
        Scope::FeedRead,
        Scope::EndpointsWrite,
        Scope::AdjustWrite,
        Scope::RedemptionsWrite,
        Scope::RulesRead,
        Scope::RulesWrite,
        Scope::PiiRead,
        Scope::PiiErase,
        Scope::Admin,
    ];
    pub fn name(self) -> &'static str {
        match self {
            Scope::EventsWrite => "events:write",
            Scope::EventsRead => "events:read",
            Scope::MembersWrite => "members:write",
            Scope::MembersRead => "members:read",
            Scope::ContextRead => "context:read",
            Scope::FeedRead => "feed:read",
            Scope::EndpointsWrite => "endpoints:write",
            Scope::AdjustWrite => "adjust:write",
            Scope::RedemptionsWrite => "redemptions:write",
            Scope::RulesRead => "rules:read",
            Scope::RulesWrite => "rules:write",
            Scope::PiiRead => "pii:read",
            Scope::PiiErase => "pii:erase",
            Scope::Admin => "admin",
        }
    }
    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key in the clear; exists only while it is made or checked. No `Debug`.
pub struct Key(String);

impl Key {
    /// A new key from the system's random numbers.
    pub fn random() -> Result<Key, getrandom::Error> {
        let mut bytes = [0; ID_CHARS + SECRET_CHARS];
        getrandom::fill(&mut bytes)?;
        let chars: String = bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect();
        let (id, secret) = chars.split_at(ID_CHARS);
        let body = format!("lk_live_{id}_{secret}");
        let check = checksum(&body);
        Ok(Key(format!("{body}_{check}")))
    }
    /// A key that the operator chose (`FEALTY_API_KEY`); any form.
    pub fn given(text: &str) -> Key {
        Key(text.to_owned())
    }
    pub fn text(&self) -> &str {
        &self.0
    }
    /// By which it is found again. 160 random bits need no slow hash.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Whether a key of our own form carries its right checksum. Keys of other forms are not judged.
pub fn well_formed(key: &str) -> bool {
    let Some(rest) = key.strip_prefix("lk_live_") else { return true };
    let parts: Vec<&str> = rest.split('_').collect();
    let [id, secret, check] = parts[..] else { return false };
    id.len() == ID_CHARS
        && secret.len() == SECRET_CHARS
        && check.len() == CHECK_CHARS
        && check == checksum(&key[..key.len() - CHECK_CHARS - 1])
}

fn checksum(body: &str) -> String {
    encode(&hash(body), CHECK_CHARS)
}

fn encode(bytes: &[u8; 32], chars: usize) -> String {
    bytes[..chars].iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_carries_its_checksum_and_160_random_bits() {
        let key = Key::random().unwrap_or_else(|e| panic!("{e}"));
        assert!(well_formed(key.text()) && key.text().starts_with("lk_live_"));
        assert_eq!(key.text().len(), 8 + 8 + 1 + 32 + 1 + 6);
        assert_ne!(key.hash(), Key::random().unwrap_or_else(|e| panic!("{e}")).hash());
        // One wrong character anywhere is seen.
        for at in 8..key.text().len() {
            let mut wrong = key.text().as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            let wrong = String::from_utf8_lossy(&wrong).into_owned();
            assert!(!well_formed(&wrong) || wrong == key.text(), "{wrong}");
        }
    }

    #[test]
    fn a_key_of_the_operator_is_taken_as_it_is() {
        assert!(well_formed(Key::given("my-own-key").text()));
    }

    #[test]
    fn scopes_are_found_by_their_names() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        assert_eq!(Scope::parse("root"), None);
    }
}
