//! Codes that rewards give: imported into pools, or made from a pattern. Each is given out once, ever: whoever gives one
//! has looked under its key before.
//!
//! Codes of a pool lie where they came in: in rows of the journal, up to 1,000 in each, found by pool and number. The
//! pool itself is five counts among the budgets, however many codes it holds.

use std::collections::HashSet;

use super::pool_id;
use crate::codes::{self as code, reason, reason_at};
use crate::decide::case::slot_text;
use crate::decide::rules::list_at;
use crate::key::{Key, KeyMaker};
use crate::outcome::{Decision, Reason, Status};
use crate::own::{CODES, Own};
use crate::plan::Gives;
use crate::planted;
use crate::redemption::Redemption;
use crate::snapshot::{Budgets, PastRow, Rows, Want};
use crate::value::{Text, Value};

/// As any budget is stored: (which count, count).
type Parts = Vec<(i64, i64)>;

/// What a pool holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Codes that were never given out.
    pub left: i64,
    /// Of these, promised to open reservations.
    pub held: i64,
    /// Rows that brought codes.
    rows: i64,
    /// The row from which the next code comes, from 1, and how many of its codes are gone.
    row: i64,
    gone: i64,
}

impl Pool {
    pub fn of(budgets: &Budgets, pool: &str) -> Pool {
        budgets.get(&*pool_id(pool)).map_or(Pool::default(), |parts| Pool::read(parts))
    }

    fn read(parts: &[(i64, i64)]) -> Pool {
        let count = |key: i64| parts.iter().find(|part| part.0 == key).map_or(0, |part| part.1);
        Pool { left: count(0), held: count(1), rows: count(2), row: count(3), gone: count(4) }
    }

    fn write(self, parts: &mut Parts) {
        let Pool { left, held, rows, row, gone } = self;
        assert!(0 <= held && held <= left, "no more codes are promised or given than there are");
        *parts = vec![(0, left), (1, held), (2, rows), (3, row), (4, gone)];
    }

    /// Codes that nobody has and nobody was promised.
    pub fn free(self) -> i64 {
        self.left - self.held
    }
}

/// Promises so many to a reservation, or takes the promise back.
pub fn hold(parts: &mut Parts, by: i64) {
    let pool = Pool::read(parts);
    Pool { held: pool.held + by, ..pool }.write(parts);
}

/// Codes drawn for a redemption; of a pool, where its next code comes from after them.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    pub codes: Vec<Text>,
    next: Option<(i64, i64)>,
}

/// They are given out.
pub fn give(parts: &mut Parts, drawn: &Drawn) {
    let pool = Pool::read(parts);
    let (row, gone) = drawn.next.expect("codes of a pool were drawn from it");
    assert!((row, gone) > (pool.row, pool.gone), "a pool gives in order");
    Pool { left: pool.left - drawn.codes.len() as i64, row, gone, ..pool }.write(parts);
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
    pub fn draw(&self, gives: &Gives, id: (u64, u16), count: i64) -> Result<Option<Drawn>, Vec<Want>> {
        match gives {
            Gives::CodeImported(pool) => self.imported(pool, count).map(Some),
            Gives::CodePattern(pattern) => {
                let codes = self.made(pattern, id, count)?;
                Ok(codes.map(|codes| Drawn { codes, next: None }))
            }
            _ => Ok(Some(Drawn::default())),
        }
    }

    fn rows(&self, key: Key) -> Result<&[std::sync::Arc<PastRow>], Vec<Want>> {
        self.rows.get(&key).map(|rows| &rows[..]).ok_or_else(|| vec![Want::Rows(key)])
    }

    fn imported(&self, pool: &str, count: i64) -> Result<Drawn, Vec<Want>> {
        let Pool { rows, row, gone, .. } = Pool::of(self.budgets, pool);
        let (mut row, mut gone) = (row.max(1), usize::try_from(gone).expect("a count"));
        let count = usize::try_from(count).expect("a count");
        let mut codes = Vec::with_capacity(count);
        loop {
            assert!(row <= rows, "there are as many codes as the pool says");
            let mut found = self.rows(self.keys.codes(pool, row))?.iter();
            let brought = found.find_map(|found| brought(found, pool, row));
            let brought = brought.expect("a row that brought codes is found");
            let part = brought.get(gone..).unwrap_or_default();
            let part = &part[..part.len().min(count - codes.len())];
            codes.extend_from_slice(part);
            gone += part.len();
            if codes.len() == count {
                break;
            }
            (row, gone) = (row + 1, 0);
        }
        // The row is written under them, so that no pattern makes one of them again.
        let keys = codes.iter().map(|code| self.keys.code(code));
        let missing: Vec<Want> = keys.filter(|key| !self.rows.contains_key(key)).map(Want::Rows).collect();
        let next = Some((row, gone as i64));
        if missing.is_empty() { Ok(Drawn { codes, next }) } else { Err(missing) }
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
                if !here && (!self.is_known(&code)? || planted::is("code_made_twice")) {
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
    given(row).any(|given| **given == *code) || told(row).iter().any(|told| **told == *code)
}

fn given(row: &PastRow) -> impl Iterator<Item = &Text> {
    row.decision.redemptions.iter().flat_map(|one| &one.codes)
}

/// All codes that the row names, if it names any.
fn told(row: &PastRow) -> Vec<Text> {
    if &*row.event.kind != CODES {
        return Vec::new();
    }
    crate::bind::bind(Own::Codes.fields(), &row.event.data).map_or(Vec::new(), |bound| texts(&bound.record))
}

fn texts(payload: &Value) -> Vec<Text> {
    let text = |value: &Value| if let Value::Text(text) = value { Some(text.clone()) } else { None };
    list_at(payload, &[CODES_SLOT]).iter().filter_map(text).collect()
}

/// Slots of `fealty.codes`.
const POOL_SLOT: usize = 0;
const CODES_SLOT: u16 = 1;

/// The codes that the row added to the pool as its so-and-so-many'th: those it names, without those known before.
fn brought(row: &PastRow, pool: &str, number: i64) -> Option<Vec<Text>> {
    row.decision.brought.filter(|brought| brought.0 == number)?;
    let bound = crate::bind::bind(Own::Codes.fields(), &row.event.data).ok()?;
    if slot_text(&bound.record, POOL_SLOT) != pool {
        return None;
    }
    let skipped = |at: &usize| row.decision.skipped.iter().any(|skip| usize::from(*skip) == *at);
    let all = texts(&bound.record).into_iter().enumerate();
    Some(all.filter(|(at, _)| !skipped(at)).map(|(_, code)| code).collect())
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
pub const NO_CODE: &str = "a code has 1 to 200 bytes, no space around it and nothing that cannot be seen";

/// Whether a pool takes it.
pub fn is_code(code: &str) -> bool {
    let size = (1..=CODE_BYTES_MAX).contains(&code.len());
    size && code.trim() == code && !code.chars().any(char::is_control)
}

/// What a row does that brings codes.
pub struct Import {
    /// Among the budgets.
    pub pool: Box<str>,
    pub decision: Decision,
    pub keys: Vec<Key>,
}

/// Reads `fealty.codes`, which is about no member. Codes that were ever brought or given out, for whatever pool, are left
/// out. Err: this must be loaded first.
pub fn import(
    payload: &Value,
    version: u32,
    keys: &KeyMaker,
    rows: &Rows,
    budgets: &Budgets,
) -> Result<Result<Import, Reason>, Vec<Want>> {
    let (pool, codes) = (slot_text(payload, POOL_SLOT), texts(payload));
    if pool.is_empty() || codes.is_empty() {
        return Ok(Err(reason(code::FIELD_MISSING, "a pool and its codes are needed")));
    }
    if let Some(at) = codes.iter().position(|code| !is_code(code)) {
        return Ok(Err(reason_at(code::WRONG_TYPE, &format!("/data/codes/{at}"), NO_CODE)));
    }
    let row = Pool::of(budgets, pool).rows + 1;
    let own: Vec<Key> = codes.iter().map(|code| keys.code(code)).collect();
    let all = own.iter().copied().chain([keys.codes(pool, row)]);
    let missing: Vec<Want> = all.filter(|key| !rows.contains_key(key)).map(Want::Rows).collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    let (mut seen, mut known) = (HashSet::new(), HashSet::new());
    for past in own.iter().flat_map(|key| &rows[key]).filter(|past| seen.insert(past.pos)) {
        known.extend(given(past).cloned());
        known.extend(told(past));
    }
    let mut decision = Decision::new(Status::Applied, version);
    let mut under = Vec::with_capacity(codes.len() + 1);
    for (at, (code, key)) in codes.into_iter().zip(own).enumerate() {
        if known.insert(code) || planted::is("code_brought_twice") {
            under.push(key);
        } else {
            decision.skipped.push(u16::try_from(at).expect("a list holds fewer than 65,536"));
        }
    }
    if !under.is_empty() {
        decision.brought = Some((row, under.len() as i64));
        under.push(keys.codes(pool, row));
    }
    Ok(Ok(Import { pool: pool_id(pool).into(), decision, keys: under }))
}

/// A row brought so many.
pub fn add(parts: &mut Parts, count: i64) {
    let pool = Pool::read(parts);
    Pool { left: pool.left + count, rows: pool.rows + 1, ..pool }.write(parts);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_promises_and_gives_no_more_than_it_has() {
        let mut parts = Parts::new();
        add(&mut parts, 2);
        add(&mut parts, 3);
        assert_eq!(Pool::read(&parts).free(), 5);
        hold(&mut parts, 4);
        assert_eq!(Pool::read(&parts).free(), 1);
        hold(&mut parts, -1);
        give(&mut parts, &Drawn { codes: vec!["A".into(), "B".into()], next: Some((1, 2)) });
        assert_eq!(Pool::read(&parts), Pool { left: 3, held: 3, rows: 2, row: 1, gone: 2 });
    }

    #[test]
    #[should_panic(expected = "no more codes are promised")]
    fn a_promise_beyond_the_pool_is_a_bug() {
        let mut parts = Parts::new();
        add(&mut parts, 1);
        hold(&mut parts, 2);
    }

    #[test]
    #[should_panic(expected = "a pool gives in order")]
    fn a_code_given_again_is_a_bug() {
        let mut parts = Parts::new();
        add(&mut parts, 2);
        let drawn = Drawn { codes: vec!["A".into()], next: Some((1, 1)) };
        give(&mut parts, &drawn);
        give(&mut parts, &drawn);
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
