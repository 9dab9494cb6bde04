//! The JSON text of what is stored (`Decision`, `Member`), written straight into one buffer.
//! Not here: which fields there are; the types say so by their own `Serialize`. The text is what serde_json would write,
//! at a third of its cost: the names of fields are known to need no escapes, and each is one copy. Not for `RawValue`.

use std::io::Write;

use serde::ser::{self, Error as _, Serialize};
use serde_json::Error;

/// Puts a document's text behind what the buffer holds. It fails only for maps that are keyed by something else than text.
pub fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(Writer(out))
}

struct Writer<'a>(&'a mut Vec<u8>);

/// Elements or fields, between brackets.
struct Inside<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    close: &'static [u8],
}

type Done = Result<(), Error>;

fn plain(text: &[u8]) -> bool {
    // Without a branch for each byte, so that many are looked at together.
    text.iter().fold(true, |plain, b| plain & (*b >= b' ' && *b != b'"' && *b != b'\\'))
}

impl<'a> Writer<'a> {
    fn inside(self, open: &[u8], close: &'static [u8]) -> Inside<'a> {
        self.0.extend_from_slice(open);
        Inside { out: self.0, first: true, close }
    }
    /// `{"name":`
    fn variant(&mut self, name: &str) {
        self.0.push(b'{');
        key(self.0, name);
    }
}

macro_rules! whole {
    ($($method:ident $kind:ty),*) => {$(
        fn $method(self, n: $kind) -> Done {
            self.0.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
            Ok(())
        }
    )*};
}

/// A name from the program's own text, and its colon.
fn key(out: &mut Vec<u8>, name: &str) {
    debug_assert!(plain(name.as_bytes()), "a field's name needs no escapes");
    out.reserve(name.len() + 3);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Inside<'a>;
    type SerializeTuple = Inside<'a>;
    type SerializeTupleStruct = Inside<'a>;
    type SerializeTupleVariant = Inside<'a>;
    type SerializeMap = Inside<'a>;
    type SerializeStruct = Inside<'a>;
    type SerializeStructVariant = Inside<'a>;

    fn serialize_str(self, text: &str) -> Done {
        if !plain(text.as_bytes()) {
            return serde_json::to_writer(self.0, text);
        }
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
        Ok(())
    }
    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Done {
        let start = self.0.len();
        self.0.push(b'"');
        write!(self.0, "{value}").map_err(Error::custom)?;
        if !plain(&self.0[start + 1..]) {
            self.0.truncate(start);
            return serde_json::to_writer(self.0, &value.to_string());
        }
        self.0.push(b'"');
        Ok(())
    }
    fn serialize_bool(self, b: bool) -> Done {
        self.0.extend_from_slice(if b { b"true" } else { b"false" });
        Ok(())
    }
    whole!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);
    whole!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    fn serialize_f32(self, n: f32) -> Done {
        serde_json::to_writer(self.0, &n)
    }
    fn serialize_f64(self, n: f64) -> Done {
        serde_json::to_writer(self.0, &n)
    }
    fn serialize_char(self, c: char) -> Done {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }
    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        bytes.serialize(self)
    }
    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        self.0.extend_from_slice(b"null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Done {
        self.serialize_str(name)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Done {
        self.variant(name);
        value.serialize(Writer(self.0))?;
        self.0.push(b'}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'a>, Error> {
        Ok(self.inside(b"[", b"]"))
    }
    fn serialize_tuple(self, _: usize) -> Result<Inside<'a>, Error> {
        Ok(self.inside(b"[", b"]"))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Error> {
        Ok(self.inside(b"[", b"]"))
    }
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Error> {
        self.variant(name);
        Ok(self.inside(b"[", b"]}"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'a>, Error> {
        Ok(self.inside(b"{", b"}"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Error> {
        Ok(self.inside(b"{", b"}"))
    }
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Inside<'a>, Error> {
        self.variant(name);
        Ok(self.inside(b"{", b"}}"))
    }
}

impl Inside<'_> {
    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.comma();
        value.serialize(Writer(self.out))
    }
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Done {
        self.comma();
        key(self.out, name);
        value.serialize(Writer(self.out))
    }
    #[allow(clippy::unnecessary_wraps)]
    fn close(self) -> Done {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

impl ser::SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.comma();
        let start = self.out.len();
        key.serialize(Writer(self.out))?;
        if self.out.get(start) == Some(&b'"') { Ok(()) } else { Err(Error::custom("a key is a text")) }
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.out.push(b':');
        value.serialize(Writer(self.out))
    }
    fn end(self) -> Done {
        self.close()
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for Inside<'_> {
            type Ok = ();
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}
elements!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Inside<'_> {
            type Ok = ();
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
                self.field(name, value)
            }
            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn text<T: Serialize>(value: &T) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }
    fn same<T: Serialize>(value: &T) {
        assert_eq!(text(value), serde_json::to_string(value).unwrap());
    }

    #[derive(serde::Serialize)]
    enum Kind {
        Unit,
        New(u8),
        Two(i64, Option<&'static str>),
        Named { a: bool, b: char },
    }
    #[derive(serde::Serialize)]
    struct Both(Kind, ());

    #[test]
    fn every_kind_of_value_is_written_as_serde_json_writes_it() {
        same(&(Kind::Unit, Kind::New(3), Kind::Two(i64::MIN, None), Kind::Two(0, Some("x"))));
        same(&Both(Kind::Named { a: true, b: '"' }, ()));
        same(&(u64::MAX, i8::MIN, 1.5_f64, 0.1_f32, -0.0_f64, f64::NAN));
        let time: jiff::Timestamp = "2027-03-01T12:00:00.5Z".parse().unwrap();
        same(&[time; 2]);
        same(&json!({"": [], "a\"b": {}, "c": [null, {"d": -1}]}));
        let number = crate::num::Num::parse("-19.90").unwrap().unwrap();
        same(&(number, crate::num::Num::ratio(1, 3).unwrap()));
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        let map = std::collections::BTreeMap::from([(1, 2)]);
        assert!(write(&mut Vec::new(), &map).is_err());
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_json_writes_them(key in any::<String>(), texts in prop::collection::vec(any::<String>(), 0..5)) {
            let shown: Value = json!({ key: texts });
            prop_assert_eq!(text(&shown), serde_json::to_string(&shown).unwrap());
            prop_assert_eq!(text(&texts), serde_json::to_string(&texts).unwrap());
        }
    }
}
