//! JSON text to a typed record with its values in slots. Strict about what is declared: a wrong type, a missing field, a
//! key that comes twice refuse the event, with a pointer. What is not declared is skipped; `null` is the same as left out.
//! Numbers are read from their text; there is no float on the way.

mod json;
mod stored;

use crate::codes;
use crate::complete::complete;
use crate::num::Num;
use crate::outcome::Reason;
use crate::plan::Canon;
use crate::value::{Fields, LIST_MAX, MONEY_BELOW, Presence, TAGS_MAX, TEXT_BYTES_MAX, Type, Value};
use json::{Broken, Reader};
pub use stored::{from_json, left_out, member_values, number, to_json};

const NO_NUMBER: &str = "expected a number, found a text that is none";

/// A payload, read.
#[derive(Debug)]
pub struct Bound {
    /// `Value::Record`, in the slots of the fields.
    pub record: Value,
    /// Most decimals of any money in it; which currency it is in is known only afterwards.
    money_decimals: u8,
}

/// A refusal on its way up; `path` is innermost first. Boxed wherever it is returned, so that what is read is small.
struct Fault {
    code: &'static str,
    message: String,
    path: Vec<String>,
}

impl From<Box<Broken>> for Box<Fault> {
    fn from(broken: Box<Broken>) -> Box<Fault> {
        Box::new(Fault { code: broken.code, message: broken.message, path: Vec::new() })
    }
}

impl Fault {
    #[cold]
    fn new(code: &'static str, message: impl Into<String>) -> Box<Fault> {
        Box::new(Fault { code, message: message.into(), path: Vec::new() })
    }
    #[cold]
    fn under(mut self: Box<Fault>, step: &str) -> Box<Fault> {
        self.path.push(step.replace('~', "~0").replace('/', "~1"));
        self
    }
    #[cold]
    fn reason(self) -> Reason {
        let mut pointer = String::from("/data");
        for step in self.path.iter().rev() {
            pointer.push('/');
            pointer.push_str(step);
        }
        codes::reason_at(self.code, &pointer, self.message)
    }
}

/// Reads `data`, a JSON object, by `fields`.
pub fn bind(fields: &Fields, data: &[u8]) -> Result<Bound, Reason> {
    if data.len() > crate::event::BODY_BYTES_MAX {
        return Err(codes::reason_at(codes::BODY_TOO_LONG, "/data", "more than 1 MiB"));
    }
    let text = std::str::from_utf8(data).map_err(|e| {
        codes::reason_at(codes::BAD_JSON, "/data", format!("byte {} is not UTF-8", e.valid_up_to()))
    })?;
    let mut binder = Binder { reader: Reader::new(text), money_decimals: 0 };
    let record = binder.record(fields).map_err(|fault| fault.reason())?;
    binder.reader.end().map_err(|broken| Box::<Fault>::from(broken).reason())?;
    Ok(Bound { record, money_decimals: binder.money_decimals })
}

impl Bound {
    /// Read as what its type means: what was left out is filled in from the rest.
    pub fn whole(mut self, canon: Canon) -> Result<Bound, Reason> {
        complete(canon, &mut self.record)?;
        Ok(self)
    }

    pub fn slots(&self) -> &[Value] {
        match &self.record {
            Value::Record(slots) => slots,
            _ => &[],
        }
    }

    /// Refuses money with more digits than its currency has.
    pub fn check_money(&self, fields: &Fields, exponent: u8, currency: &str) -> Result<(), Reason> {
        if self.money_decimals <= exponent {
            return Ok(());
        }
        match finer_money(&Type::Record(std::sync::Arc::new(fields.clone())), &self.record, exponent) {
            None => Ok(()),
            Some(path) => {
                let fault =
                    Fault { code: codes::MONEY_DIGITS, message: digits_message(exponent, currency), path };
                Err(fault.reason())
            }
        }
    }
}

fn digits_message(exponent: u8, currency: &str) -> String {
    match exponent {
        0 => format!("an amount in {currency} has no decimals"),
        1 => format!("an amount in {currency} has at most 1 decimal"),
        n => format!("an amount in {currency} has at most {n} decimals"),
    }
}

/// Path, innermost first, of the first money with more than `exponent` decimals.
fn finer_money(ty: &Type, value: &Value, exponent: u8) -> Option<Vec<String>> {
    let below = |step: String, ty: &Type, value: &Value| {
        finer_money(ty, value, exponent).map(|mut path| {
            path.push(step);
            path
        })
    };
    match (ty, value) {
        (Type::Money, Value::Num(n)) if n.exact_minor(exponent).is_none() => Some(Vec::new()),
        (Type::Record(fields), Value::Record(slots)) => {
            fields.0.iter().zip(slots).find_map(|(f, v)| below(f.name.to_string(), &f.ty, v))
        }
        (Type::List(ty), Value::List(list)) => {
            list.iter().enumerate().find_map(|(i, v)| below(i.to_string(), ty, v))
        }
        _ => None,
    }
}

struct Binder<'a> {
    reader: Reader<'a>,
    money_decimals: u8,
}

/// Which fields were met: the first 64 in a word.
#[derive(Default)]
struct Met {
    low: u64,
    high: Vec<usize>,
}

impl Met {
    /// False if it was met before.
    fn insert(&mut self, slot: usize) -> bool {
        if slot < 64 {
            let bit = 1 << slot;
            let new = self.low & bit == 0;
            self.low |= bit;
            return new;
        }
        let new = !self.high.contains(&slot);
        self.high.push(slot);
        new
    }
}

impl Binder<'_> {
    fn record(&mut self, fields: &Fields) -> Result<Value, Box<Fault>> {
        if self.reader.peek() != Some(b'{') {
            return Err(self.wrong("an object"));
        }
        let mut slots = Vec::new();
        slots.resize_with(fields.0.len(), || Value::Absent);
        let mut met = Met::default();
        let mut next = 0;
        let mut more = self.reader.open(b'{')?;
        while more {
            let key = self.reader.key()?;
            match find(fields, &key, next) {
                None => self.reader.skip()?,
                Some(slot) => {
                    next = slot + 1;
                    let field = &fields.0[slot];
                    if !met.insert(slot) {
                        return Err(
                            Fault::new(codes::DUPLICATE_KEY, "this key is there twice").under(&field.name)
                        );
                    }
                    slots[slot] = self.field(&field.name, &field.ty).map_err(|f| f.under(&field.name))?;
                }
            }
            more = self.reader.more(b'{')?;
        }
        for (field, slot) in fields.0.iter().zip(&mut slots) {
            if matches!(slot, Value::Absent) {
                match &field.presence {
                    Presence::Required => {
                        return Err(
                            Fault::new(codes::FIELD_MISSING, "this field is required").under(&field.name)
                        );
                    }
                    Presence::Optional | Presence::Follows => {}
                    Presence::Default(value) => slot.clone_from(value),
                }
            }
        }
        Ok(Value::Record(slots))
    }

    fn field(&mut self, name: &str, ty: &Type) -> Result<Value, Box<Fault>> {
        match ty {
            _ if self.reader.peek() == Some(b'n') => {
                self.reader.word("null")?;
                Ok(Value::Absent)
            }
            Type::List(ty) => {
                self.list(ty, if matches!(name, "tags" | "coupons") { TAGS_MAX } else { LIST_MAX })
            }
            _ => self.value(ty),
        }
    }

    fn list(&mut self, ty: &Type, most: usize) -> Result<Value, Box<Fault>> {
        if self.reader.peek() != Some(b'[') {
            return Err(self.wrong("a list"));
        }
        let mut list = Vec::new();
        let mut more = self.reader.open(b'[')?;
        while more {
            if list.len() == most {
                return Err(Fault::new(codes::LIST_TOO_LONG, format!("at most {most} elements")));
            }
            let value = self.value(ty).map_err(|f| f.under(&list.len().to_string()))?;
            list.push(value);
            more = self.reader.more(b'[')?;
        }
        Ok(Value::List(list))
    }

    fn value(&mut self, ty: &Type) -> Result<Value, Box<Fault>> {
        match ty {
            Type::Level(_) => Err(Fault::new(codes::WRONG_TYPE, "a level is not told by events")),
            Type::Num => self.number().map(|(n, _)| Value::Num(n)),
            Type::Money => self.money(),
            Type::Text => self.text("a text").map(|t| Value::Text((*t).into())),
            Type::Words(words) => {
                let text = self.text("a text")?;
                if words.iter().any(|w| **w == *text) {
                    return Ok(Value::Text((*text).into()));
                }
                Err(Fault::new(codes::UNKNOWN_WORD, format!("`{text}` is not one of {}", words.join(", "))))
            }
            Type::Bool => match self.reader.peek() {
                Some(b't') => Ok(self.reader.word("true").map(|()| Value::Bool(true))?),
                Some(b'f') => Ok(self.reader.word("false").map(|()| Value::Bool(false))?),
                _ => Err(self.wrong("true or false")),
            },
            Type::Date => {
                let text = self.text("a date")?;
                let date = stored::date(&text)
                    .ok_or_else(|| Fault::new(codes::WRONG_TYPE, "a date is written 2026-12-01"))?;
                sane(date)
            }
            Type::Time => {
                let text = self.text("a timestamp")?;
                let bad = || Fault::new(codes::WRONG_TYPE, "a timestamp is written 2026-12-01T10:00:00Z");
                sane(stored::time(&text).ok_or_else(bad)?)
            }
            Type::List(ty) => self.list(ty, LIST_MAX),
            Type::Record(fields) => self.record(fields),
            Type::Table(..) | Type::Bands => Err(self.wrong("nothing")),
        }
    }

    fn money(&mut self) -> Result<Value, Box<Fault>> {
        let (n, decimals) = self.number()?;
        if n.is_negative() {
            return Err(Fault::new(codes::MONEY_NEGATIVE, "an amount of money is not negative"));
        }
        if n >= Num::minor(MONEY_BELOW, 0) {
            return Err(Fault::new(codes::NUMBER_OUT_OF_RANGE, "an amount of money stays below 10^13"));
        }
        self.money_decimals = self.money_decimals.max(decimals);
        Ok(Value::Num(n))
    }

    /// A JSON number, or a text that is one; and how many decimals it was written with.
    fn number(&mut self) -> Result<(Num, u8), Box<Fault>> {
        let owned;
        let text = match self.reader.peek() {
            Some(b'-' | b'0'..=b'9') => self.reader.number()?,
            Some(b'"') => {
                owned = self.reader.string()?;
                if owned.contains('/') {
                    return Err(Fault::new(codes::WRONG_TYPE, NO_NUMBER));
                }
                &*owned
            }
            _ => return Err(self.wrong("a number")),
        };
        if let Some(plain) = Num::plain(text) {
            return Ok(plain);
        }
        match Num::parse(text) {
            None => Err(Fault::new(codes::WRONG_TYPE, NO_NUMBER)),
            Some(Err(_)) => {
                Err(Fault::new(codes::NUMBER_OUT_OF_RANGE, "a number stays below 10^18 in its digits"))
            }
            Some(Ok(n)) => Ok((n, decimals(text))),
        }
    }

    fn text(&mut self, what: &str) -> Result<std::borrow::Cow<'_, str>, Box<Fault>> {
        if self.reader.peek() != Some(b'"') {
            return Err(self.wrong(what));
        }
        let text = self.reader.string()?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(Fault::new(
                codes::TEXT_TOO_LONG,
                format!("a text has at most {TEXT_BYTES_MAX} bytes"),
            ));
        }
        // Without an escape there is no control character in it.
        if matches!(&text, std::borrow::Cow::Owned(text) if text.contains('\0')) {
            return Err(Fault::new(codes::TEXT_HAS_NUL, "a text holds no NUL character"));
        }
        Ok(text)
    }

    #[cold]
    fn wrong(&mut self, wanted: &str) -> Box<Fault> {
        let found = match self.reader.peek() {
            Some(b'"') => "a text",
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            Some(b'-' | b'0'..=b'9') => "a number",
            _ => return Fault::new(codes::BAD_JSON, format!("expected {wanted}")),
        };
        Fault::new(codes::WRONG_TYPE, format!("expected {wanted}, found {found}"))
    }
}

/// Years that people and shops mean; what has no end is left out rather than told as 9999.
fn sane(value: Value) -> Result<Value, Box<Fault>> {
    let year = match &value {
        Value::Date(date) => date.year(),
        Value::Time(time) => time.to_zoned(jiff::tz::TimeZone::UTC).year(),
        _ => return Ok(value),
    };
    if (1900..3000).contains(&year) {
        return Ok(value);
    }
    let said = format!("the year {year} is not within 1900 and 2999: leave out what is not known");
    Err(Fault::new(codes::TIME_OUT_OF_RANGE, said))
}

/// The field of that name; keys mostly come in the order of the fields, so the search starts where it left off.
#[inline]
fn find(fields: &Fields, key: &str, next: usize) -> Option<usize> {
    let fields = &fields.0;
    let from = next.min(fields.len());
    (from..fields.len()).chain(0..from).find(|slot| *fields[*slot].name == *key)
}

/// Digits after the point as written; with an exponent, "many": the exact check follows.
fn decimals(text: &str) -> u8 {
    if text.bytes().any(|b| matches!(b, b'e' | b'E')) {
        return u8::MAX;
    }
    text.find('.').map_or(0, |at| u8::try_from(text.len() - at - 1).unwrap_or(u8::MAX))
}

#[cfg(test)]
#[path = "bind/tests.rs"]
mod tests;
