//! Public names for numbers: a prefix and 13 signs of Crockford's base32, lower case.
//!
//! The signs are the number under a keyed permutation of 64 bits (a Feistel network of six rounds), so names cannot be
//! counted up, need no index, and every number has exactly one. A name is no proof of anything: any 13 signs stand for
//! some number. Whoever names something brings the keyed function of the rounds.

/// No i, l, o, u, so that nobody misreads one; 5 bits each.
const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 13 * 5 = 65 bits; the first sign holds four.
const LENGTH: usize = 13;
const ROUNDS: u8 = 6;

pub fn write(prefix: &str, number: u64, half: impl Fn(u8, u32) -> u32) -> String {
    let (mut left, mut right) = ((number >> 32) as u32, number as u32);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ half(round, right));
    }
    let bits = (u64::from(left) << 32) | u64::from(right);
    let mut name = String::with_capacity(prefix.len() + LENGTH);
    name.push_str(prefix);
    for n in (0..LENGTH).rev() {
        name.push(char::from(SIGNS[(bits >> (5 * n)) as usize & 31]));
    }
    name
}

/// `None` if the text is no such name. Upper case is read too.
pub fn read(prefix: &str, name: &str, half: impl Fn(u8, u32) -> u32) -> Option<u64> {
    let signs = name.strip_prefix(prefix)?.as_bytes();
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
        (left, right) = (right ^ half(round, left), left);
    }
    Some((u64::from(left) << 32) | u64::from(right))
}
