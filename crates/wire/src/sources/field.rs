//! How vendors write things: ids as numbers or texts, amounts as texts or numbers, null for nothing. All exact:
//! numbers are read from their digits, never through a float, so an id beyond 2^53 stays itself.

use domain::identity::Identity;
use domain::num::Num;
use domain::value::{TAGS_MAX, TEXT_BYTES_MAX};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

/// An id, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Id(pub(super) String);

/// An exact decimal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dec(pub(super) Num);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Id, D::Error> {
        let raw = <&RawValue>::deserialize(d)?.get();
        let text = unquoted(raw);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if text.is_empty() || text.len() > 128 || !text.bytes().all(plain) {
            return Err(D::Error::custom("an id"));
        }
        Ok(Id(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Dec {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Dec, D::Error> {
        let text = unquoted(<&RawValue>::deserialize(d)?.get());
        match Num::parse(text) {
            Some(Ok(number)) => Ok(Dec(number)),
            _ => Err(D::Error::custom("a decimal number")),
        }
    }
}

fn unquoted(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw)
}

/// `null` is as good as missing.
pub(super) fn lax<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// A person by every name given, best first. What is no identity (a phone without country code) is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Person(pub(super) Vec<Identity>);

impl Person {
    pub(super) fn named(mut self, kind: &str, value: &str) -> Person {
        if let Ok(identity) = Identity::parse(&format!("{kind}:{value}"))
            && !value.trim().is_empty()
            && !self.0.contains(&identity)
        {
            self.0.push(identity);
        }
        self
    }
    pub(super) fn maybe(self, kind: &str, value: Option<&str>) -> Person {
        match value {
            Some(value) => self.named(kind, value),
            None => self,
        }
    }
}

/// At most as long as the core reads.
pub(super) fn short(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// `"a, b"` as Shopify writes tags.
pub(super) fn tags(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|t| !t.is_empty()).take(TAGS_MAX).map(short).collect()
}
