//! Referral codes: the member's number behind a keyed permutation of 40 bits, as 8 letters and digits that are read out
//! without mistakes (no I, L, O, U). They need no index, and nobody can count members by them.

use crate::event::MemberNo;
use crate::key::KeyMaker;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HALF: u32 = 20;
const MASK: u32 = (1 << HALF) - 1;
const ROUNDS: u8 = 6;

/// The member's code; None beyond 2^40 members.
pub fn of_member(keys: &KeyMaker, no: MemberNo) -> Option<String> {
    let (mut left, mut right) = (u32::try_from(no >> HALF).ok().filter(|l| *l <= MASK)?, no as u32 & MASK);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ (keys.code_round(round, right) & MASK));
    }
    let bits = u64::from(left) << HALF | u64::from(right);
    Some((0..8).rev().map(|at| char::from(LETTERS[(bits >> (at * 5) & 31) as usize])).collect())
}

/// The member whose code it would be. Small letters, spaces and hyphens, `O` for 0, `I` and `L` for 1 are understood.
pub fn member(keys: &KeyMaker, code: &str) -> Option<MemberNo> {
    let (mut bits, mut count) = (0_u64, 0);
    for byte in code.bytes().filter(|b| !matches!(b, b' ' | b'-')) {
        let letter = match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            letter => letter,
        };
        let digit = LETTERS.iter().position(|l| *l == letter)?;
        (bits, count) = (bits << 5 | digit as u64, count + 1);
        if count > 8 {
            return None;
        }
    }
    if count != 8 {
        return None;
    }
    let (mut left, mut right) = ((bits >> HALF) as u32, bits as u32 & MASK);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ (keys.code_round(round, left) & MASK), left);
    }
    Some(u64::from(left) << HALF | u64::from(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        let keys = KeyMaker([7; 16]);
        let code = of_member(&keys, 1).unwrap();
        assert_eq!(code.len(), 8);
        let written =
            format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]).replace('0', "o").replace('1', "l");
        assert_eq!(member(&keys, &written), Some(1));
        assert_ne!(of_member(&keys, 2), of_member(&KeyMaker([8; 16]), 2));
        for bad in ["", "ABC", "ABCDEFGHJ", "ABCDEFG!", "ÄBCDEFGH"] {
            assert_eq!(member(&keys, bad), None, "{bad}");
        }
        assert_eq!(of_member(&keys, 1 << 40), None);
    }

    proptest! {
        #[test]
        fn a_code_leads_to_its_member(no in 0_u64..1 << 40, key in any::<[u8; 16]>()) {
            let keys = KeyMaker(key);
            prop_assert_eq!(member(&keys, &of_member(&keys, no).unwrap()), Some(no));
        }
    }
}
