//! Codes that rewards give: imported into pools, or made from a pattern. Each is given out once, ever: whoever gives one
//! has looked under its key before.
//!
//! A pool lies among the budgets: under `HELD` how many are promised to open reservations, under `GIVEN` how many of the
//! first row are gone, and for each row that brought codes, in order, how many it brought. A row that is used up is dropped.

use super::pool_id;
use crate::codes::{self as code, reason, reason_at};
use crate::decide::rules::list_at;
use crate::event::Event;
use crate::key::{Key, KeyMaker};
use crate::outcome::{Decision, Reason};
use crate::own::Own;
use crate::plan::Gives;
use crate::redemption::Redemption;
use crate::snapshot::{Budgets, PastRow, Rows, Want};
use crate::value::{Text, Value};

type Parts = Vec<(i64, i64)>;

const HELD: i64 = -2;
const GIVEN: i64 = -1;

fn part(parts: &[(i64, i64)], key: i64) -> i64 {
    parts.iter().find(|part| part.0 == key).map_or(0, |part| part.1)
}

fn set(parts: &mut Parts, key: i64, value: i64) {
    assert!(value >= 0, "a count of codes is not negative");
    match parts.binary_search_by_key(&key, |part| part.0) {
        Ok(at) => parts[at].1 = value,
        Err(at) => parts.insert(at, (key, value)),
    }
}

fn brought(parts: &[(i64, i64)]) -> impl Iterator<Item = (u64, i64)> {
    parts.iter().filter(|part| part.0 > 0).map(|part| (part.0.unsigned_abs(), part.1))
}

/// Codes that nobody has and nobody was promised.
pub fn free(parts: &[(i64, i64)]) -> i64 {
    brought(parts).map(|row| row.1).sum::<i64>() - part(parts, GIVEN) - part(parts, HELD)
}

/// Promises so many to a reservation, or takes the promise back.
pub fn hold(parts: &mut Parts, by: i64) {
    let held = part(parts, HELD) + by;
    set(parts, HELD, held);
    assert!(free(parts) >= 0, "no more codes are promised than there are");
}

/// So many are gone, in order.
pub fn give(parts: &mut Parts, count: i64) {
    let mut given = part(parts, GIVEN) + count;
    loop {
        let first = brought(parts).next();
        let Some((row, codes)) = first.filter(|(_, codes)| given >= *codes) else { break };
        given -= codes;
        parts.retain(|part| part.0 != row.cast_signed());
    }
    set(parts, GIVEN, given);
    assert!(free(parts) >= 0, "no more codes are given than there are");
}

/// What a code is asked from.
pub struct Drawer<'a> {
    pub keys: &'a KeyMaker,
    pub rows: &'a Rows,
    pub budgets: &'a Budgets,
    /// Given out in this row already.
    pub here: &'a [Redemption],
}

/// Nonces tried before a pattern counts as used up.
const TRIES: u32 = 100;

impl Drawer<'_> {
    /// The next `count` codes for the redemption `id`. None: the pattern is used up.
    pub fn draw(&self, gives: &Gives, id: (u64, u16), count: i64) -> Result<Option<Vec<Text>>, Vec<Want>> {
        match gives {
            Gives::CodeImported(pool) => self.imported(pool, count).map(Some),
            Gives::CodePattern(pattern) => self.made(pattern, id, count),
            _ => Ok(Some(Vec::new())),
        }
    }

    fn rows(&self, key: Key) -> Result<&[std::sync::Arc<PastRow>], Vec<Want>> {
        self.rows.get(&key).map(|rows| &rows[..]).ok_or_else(|| vec![Want::Rows(key)])
    }

    fn imported(&self, pool: &str, count: i64) -> Result<Vec<Text>, Vec<Want>> {
        let parts = self.budgets.get(&*pool_id(pool)).map_or(&[][..], |parts| parts);
        let mut skip = usize::try_from(part(parts, GIVEN)).expect("a count");
        let count = usize::try_from(count).expect("a count");
        let (mut codes, mut missing) = (Vec::new(), Vec::new());
        for (pos, _) in brought(parts) {
            if codes.len() == count {
                break;
            }
            let rows = self.rows(self.keys.codes(pos))?;
            let row = rows.iter().find(|row| row.pos == pos).expect("a row that brought codes is found");
            let brought = taken_in(row);
            codes.extend(brought.into_iter().skip(skip).take(count - codes.len()));
            skip = 0;
        }
        assert!(codes.len() == count, "there are as many codes as the pool says");
        for code in &codes {
            // The row is written under it, so that the code is never given again.
            if let Err(wants) = self.rows(self.keys.code(code)) {
                missing.extend(wants);
            }
        }
        if missing.is_empty() { Ok(codes) } else { Err(missing) }
    }

    fn made(&self, pattern: &str, id: (u64, u16), count: i64) -> Result<Option<Vec<Text>>, Vec<Want>> {
        let (mut codes, mut nonce) = (Vec::new(), 0);
        for _ in 0..count {
            let new = loop {
                if nonce >= TRIES + codes.len() as u32 {
                    return Ok(None);
                }
                let code = fill(pattern, self.keys, id, nonce);
                nonce += 1;
                let here = codes.contains(&code) || self.here.iter().any(|one| one.codes.contains(&code));
                if !here && !self.is_known(&code)? {
                    break code;
                }
            };
            codes.push(new);
        }
        Ok(Some(codes))
    }

    fn is_known(&self, code: &str) -> Result<bool, Vec<Want>> {
        Ok(self.rows(self.keys.code(code))?.iter().any(|row| knows(row, code)))
    }
}

/// The row gave this code out, or brought it.
fn knows(row: &PastRow, code: &str) -> bool {
    let gave = row.decision.redemptions.iter().any(|one| one.codes.iter().any(|given| **given == *code));
    gave || (is_import(&row.event) && told(row).iter().any(|told| **told == *code))
}

fn is_import(event: &Event) -> bool {
    &*event.kind == crate::own::CODES
}

fn told(row: &PastRow) -> Vec<Text> {
    match crate::bind::bind(Own::Codes.fields(), &row.event.data) {
        Ok(bound) => texts(&bound.record),
        Err(_) => Vec::new(),
    }
}

fn texts(payload: &Value) -> Vec<Text> {
    let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
    list_at(payload, &[CODES_SLOT]).iter().filter_map(text).collect()
}

/// Slots of `fealty.codes`.
pub const POOL_SLOT: usize = 0;
const CODES_SLOT: u16 = 1;

/// The codes that the row added to its pool: those it told, without those that were known before.
fn taken_in(row: &PastRow) -> Vec<Text> {
    let skipped = |at: usize| row.decision.skipped.iter().any(|skip| usize::from(*skip) == at);
    let all = told(row).into_iter().enumerate();
    all.filter(|(at, _)| !skipped(*at)).map(|(_, code)| code).collect()
}

/// No `i`, `l`, `o`, `u`, so that nobody misreads one; 5 bits each.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Each `#` becomes a sign. Who knows all codes so far still cannot tell the next: they are cut from a keyed hash.
fn fill(pattern: &str, keys: &KeyMaker, (pos, n): (u64, u16), nonce: u32) -> Text {
    let mut code = Text::default();
    let mut block = 0;
    let (mut bytes, mut used) = (keys.secret_bytes(pos, n, nonce, block), 0);
    for sign in pattern.chars() {
        if sign != '#' {
            code.push(sign);
            continue;
        }
        if used == bytes.len() {
            block += 1;
            (bytes, used) = (keys.secret_bytes(pos, n, nonce, block), 0);
        }
        code.push(char::from(SIGNS[usize::from(bytes[used] & 31)]));
        used += 1;
    }
    code
}

/// Bytes of one code.
const CODE_BYTES_MAX: usize = 200;

/// `fealty.codes`, about no member: what the row says, and its keys.
pub fn import(
    payload: &Value,
    pos: u64,
    version: u32,
    keys: &KeyMaker,
    rows: &Rows,
) -> Result<Result<Import, Reason>, Vec<Want>> {
    let pool = match payload {
        Value::Record(slots) => match &slots[POOL_SLOT] {
            Value::Text(pool) => pool.clone(),
            _ => Text::default(),
        },
        _ => Text::default(),
    };
    let codes = texts(payload);
    let bad = |code: &Text| code.is_empty() || code.len() > CODE_BYTES_MAX || code.trim() != code.as_str();
    if pool.is_empty() || codes.is_empty() {
        return Ok(Err(reason(code::FIELD_MISSING, "a pool and its codes are needed")));
    }
    if let Some(at) = codes.iter().position(bad) {
        let said = format!("a code has 1 to {CODE_BYTES_MAX} bytes, and no space around it");
        return Ok(Err(reason_at(code::WRONG_TYPE, &format!("/data/codes/{at}"), said)));
    }
    let all: Vec<Key> = codes.iter().map(|code| keys.code(code)).collect();
    let missing: Vec<Want> =
        all.iter().filter(|key| !rows.contains_key(key)).map(|key| Want::Rows(*key)).collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut decision = Decision::new(crate::outcome::Status::Applied, version);
    let mut kept = vec![keys.codes(pos)];
    for (at, (code, key)) in codes.iter().zip(&all).enumerate() {
        let before = codes[..at].contains(code) || rows[key].iter().any(|row| knows(row, code));
        if before {
            decision.skipped.push(u16::try_from(at).expect("a list holds fewer than 65,536"));
        } else {
            kept.push(*key);
        }
    }
    let count = (kept.len() - 1) as i64;
    Ok(Ok(Import { pool: pool_id(&pool).into(), count, decision, keys: kept }))
}

/// Codes that are new.
pub struct Import {
    /// Among the budgets.
    pub pool: Box<str>,
    pub count: i64,
    pub decision: Decision,
    pub keys: Vec<Key>,
}

/// The row at `pos` brought so many.
pub fn add(parts: &mut Parts, pos: u64, count: i64) {
    if count > 0 {
        set(parts, i64::try_from(pos).expect("a position"), count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_gives_in_order_and_promises_no_more_than_it_has() {
        let mut parts = Parts::new();
        add(&mut parts, 7, 2);
        add(&mut parts, 9, 3);
        assert_eq!(free(&parts), 5);
        hold(&mut parts, 4);
        assert_eq!(free(&parts), 1);
        hold(&mut parts, -1);
        give(&mut parts, 1);
        assert_eq!((free(&parts), brought(&parts).next()), (1, Some((7, 2))));
        hold(&mut parts, -3);
        give(&mut parts, 3);
        assert_eq!(parts, [(HELD, 0), (GIVEN, 2), (9, 3)]);
        give(&mut parts, 1);
        assert_eq!(parts, [(HELD, 0), (GIVEN, 0)]);
    }

    #[test]
    #[should_panic(expected = "no more codes are promised")]
    fn a_promise_beyond_the_pool_is_a_bug() {
        let mut parts = vec![(5, 1)];
        hold(&mut parts, 2);
    }

    #[test]
    fn a_pattern_keeps_what_is_no_hash_and_differs_by_each_part_of_its_name() {
        let (keys, pattern) = (KeyMaker([1; 16]), "FREE-####-################################");
        let one = fill(pattern, &keys, (5, 0), 0);
        assert_eq!((one.len(), &one[..5]), (pattern.len(), "FREE-"));
        for other in [((5, 0), 1), ((5, 1), 0), ((6, 0), 0)] {
            assert_ne!(fill(pattern, &keys, other.0, other.1), one);
        }
        assert_ne!(fill(pattern, &KeyMaker([2; 16]), (5, 0), 0), one);
        assert_eq!(fill(pattern, &keys, (5, 0), 0), one);
        assert_ne!(one[10..14], one[34..38], "a second block is not the first again");
    }
}
