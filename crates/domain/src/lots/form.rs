//! Stored forms. A lot is `[pos, n, remaining]`, and `[…, joined, expires_at, by]` as far as there is more to say; ends are
//! seconds since 1970, or a text where that is not all, for members with many lots are mostly made of them. A wallet's
//! lots are a list of them in spending order; where a page of lots stands, which is stored in a row of its own,
//! `{"p": [number, count, sum, lowest pos, highest pos, end of the first]}` does.
//!
//! Invariant: few lots are written as a plain list; what is read back is what was written, pages aside.

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::list::Lots;
use super::page::Page;
use crate::member::Lot;

struct LotForm;

impl<'de> Visitor<'de> for LotForm {
    type Value = Lot;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a lot: [pos, n, remaining, joined, expires_at, by], the last three if they are told")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Lot, A::Error> {
        let short = |have| A::Error::invalid_length(have, &self);
        Ok(Lot {
            pos: parts.next_element()?.ok_or_else(|| short(0))?,
            n: parts.next_element()?.ok_or_else(|| short(1))?,
            remaining: parts.next_element()?.ok_or_else(|| short(2))?,
            joined: parts.next_element()?.unwrap_or(0),
            expires_at: parts.next_element::<Option<End>>()?.flatten().map(|end| end.0),
            by: parts.next_element()?,
        })
    }
}

impl<'de> Deserialize<'de> for Lot {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Lot, D::Error> {
        d.deserialize_seq(LotForm)
    }
}

impl Serialize for Lot {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let end = self.expires_at.map(End);
        match self.by {
            Some(by) => (self.pos, self.n, self.remaining, self.joined, end, by).serialize(s),
            None if self.joined == 0 && end.is_none() => (self.pos, self.n, self.remaining).serialize(s),
            None => (self.pos, self.n, self.remaining, self.joined, end).serialize(s),
        }
    }
}

struct End(Timestamp);

impl Serialize for End {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0.subsec_nanosecond() {
            0 => self.0.as_second().serialize(s),
            _ => self.0.serialize(s),
        }
    }
}

struct EndForm;

impl Visitor<'_> for EndForm {
    type Value = End;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("seconds since 1970, or a time")
    }
    fn visit_i64<E: Error>(self, seconds: i64) -> Result<End, E> {
        Timestamp::from_second(seconds).map(End).map_err(E::custom)
    }
    fn visit_u64<E: Error>(self, seconds: u64) -> Result<End, E> {
        self.visit_i64(i64::try_from(seconds).map_err(E::custom)?)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<End, E> {
        text.parse().map(End).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<End, D::Error> {
        d.deserialize_any(EndForm)
    }
}

/// Stands for a page.
#[derive(serde::Serialize, serde::Deserialize)]
struct Reference {
    p: (u32, u32, i64, u64, u64, Option<End>),
}

enum Part {
    Lot(Lot),
    Page(Page),
}

struct PartForm;

impl<'de> Visitor<'de> for PartForm {
    type Value = Part;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a lot, or a page of lots")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Part, A::Error> {
        LotForm.visit_seq(parts).map(Part::Lot)
    }
    fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<Part, A::Error> {
        let (number, count, sum, from, to, end) =
            Reference::deserialize(MapAccessDeserializer::new(parts))?.p;
        if sum < i64::from(count) {
            return Err(A::Error::custom("a page of lots holds less than it has lots"));
        }
        Ok(Part::Page(Page::stored(number, count, sum, (from, to), end.map(|end| end.0))))
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Part, D::Error> {
        d.deserialize_any(PartForm)
    }
}

struct LotsForm;

impl<'de> Visitor<'de> for LotsForm {
    type Value = Lots;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of lots")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Lots, A::Error> {
        let mut lots = Lots::default();
        while let Some(part) = parts.next_element()? {
            match part {
                Part::Lot(lot) => lots.push(lot),
                Part::Page(page) => lots.push_page(page),
            }
        }
        if lots.is_in_form() { Ok(lots) } else { Err(A::Error::custom("a page of lots stands at an end")) }
    }
}

impl<'de> Deserialize<'de> for Lots {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Lots, D::Error> {
        d.deserialize_seq(LotsForm)
    }
}

impl Serialize for Lots {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (head, tail) = self.ends();
        let mut list = s.serialize_seq(None)?;
        head.iter().try_for_each(|lot| list.serialize_element(lot))?;
        for page in self.pages() {
            if page.number == 0 {
                page.lots().iter().try_for_each(|lot| list.serialize_element(lot))?;
            } else {
                let p = (page.number, page.count, page.sum, page.span.0, page.span.1, page.end.map(End));
                list.serialize_element(&Reference { p })?;
            }
        }
        tail.iter().try_for_each(|lot| list.serialize_element(lot))?;
        list.end()
    }
}
