//! A strict pull reader of JSON text that gives numbers as they are written.
//! Not here: types and fields (`bind`). What it accepts is exactly RFC 8259, nested at most `DEPTH_MAX` deep.

use std::borrow::Cow;

use crate::codes;

/// Objects and lists inside each other.
pub const DEPTH_MAX: u32 = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub code: &'static str,
    pub message: String,
}

/// Boxed, so that what is read without fault is small.
type Read<T> = Result<T, Box<Broken>>;

pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0, depth: 0 }
    }

    #[cold]
    fn expected(&self, what: &str) -> Box<Broken> {
        let seen = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("`{}`", c.escape_default()),
            None => "the end".to_owned(),
        };
        let message = format!("expected {what} at byte {}, found {seen}", self.at);
        Box::new(Broken { code: codes::BAD_JSON, message })
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no space, not taken.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(b) = self.byte() {
            if !matches!(b, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(b);
            }
            self.at += 1;
        }
        None
    }

    pub fn end(&mut self) -> Read<()> {
        if self.peek().is_some() { Err(self.expected("the end")) } else { Ok(()) }
    }

    /// Opens an object (`{`) or a list (`[`). True if it has a first element.
    pub fn open(&mut self, bracket: u8) -> Read<bool> {
        if self.peek() != Some(bracket) {
            return Err(self.expected(if bracket == b'{' { "`{`" } else { "`[`" }));
        }
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = "nested more than 32 deep".into();
            return Err(Box::new(Broken { code: codes::TOO_DEEP, message }));
        }
        // `{` + 2 is `}`, `[` + 2 is `]`.
        if self.peek() == Some(bracket + 2) {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// After an element: true if another follows, false if the bracket was closed.
    pub fn more(&mut self, bracket: u8) -> Read<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b) if b == bracket + 2 => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.expected("`,` or the end of the list")),
        }
    }

    /// A key and its colon.
    #[inline]
    pub fn key(&mut self) -> Read<Cow<'a, str>> {
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        Ok(key)
    }

    #[inline]
    pub fn string(&mut self) -> Read<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a text"));
        }
        self.at += 1;
        let rest = &self.text[self.at..];
        let plain = rest.bytes().position(|b| matches!(b, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        let start = self.at;
        self.at += plain;
        match self.byte() {
            Some(b'"') => {
                self.at += 1;
                Ok(Cow::Borrowed(&rest[..plain]))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            _ => Err(self.expected("the end of the text")),
        }
    }

    /// The rest of a text that holds an escape, which is next.
    fn escaped(&mut self, start: usize) -> Read<String> {
        let mut out = String::from(&self.text[start..self.at]);
        let mut plain = self.at;
        while let Some(b) = self.byte() {
            match b {
                b'"' => {
                    out.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => {
                    out.push_str(&self.text[plain..self.at]);
                    self.at += 1;
                    out.push(self.escape()?);
                    plain = self.at;
                }
                0..0x20 => break,
                _ => self.at += 1,
            }
        }
        Err(self.expected("the end of the text"))
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Read<char> {
        let c = match self.byte() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.expected("an escape")),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Read<char> {
        let high = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&high) {
            if !self.text[self.at..].starts_with("\\u") {
                return Err(self.expected("the second half of a surrogate pair"));
            }
            self.at += 2;
            let low = self.hex4()?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(self.expected("the second half of a surrogate pair"));
            }
            0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.expected("a character"))
    }

    fn hex4(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|b| char::from(b).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.expected("four hex digits"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// A number as written: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
    pub fn number(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.byte().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(()) }
    }

    /// `true`, `false` or `null`.
    pub fn word(&mut self, word: &str) -> Read<()> {
        self.peek();
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Any value, read and left.
    pub fn skip(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => {
                let mut more = self.open(b'{')?;
                while more {
                    self.key()?;
                    self.skip()?;
                    more = self.more(b'{')?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut more = self.open(b'[')?;
                while more {
                    self.skip()?;
                    more = self.more(b'[')?;
                }
                Ok(())
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => Err(self.expected("a value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().and_then(|()| reader.end()).is_ok()
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":}",
            "{\"a\" 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "nul",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"a\nb\"",
            "[1 2]",
            "{} {}",
            "'a'",
            "[1}",
            "NaN",
        ] {
            assert!(!accepts(text), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
        for text in [
            " {} ",
            "[]",
            "[[],{}]",
            "-0.10e+2",
            "\"\\u00e9\\ud83d\\ude00\"",
            "{\"a\":[1,{\"b\":null}],\"a\":true}",
        ] {
            assert!(accepts(text), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(accepts(&nested(32)));
        let mut reader = Reader::new(&nested(33)).skip();
        assert_eq!(reader.unwrap_err().code, codes::TOO_DEEP);
        reader = Reader::new(&"[".repeat(1_000_000)).skip();
        assert_eq!(reader.unwrap_err().code, codes::TOO_DEEP);
    }

    proptest! {
        /// serde_json is the oracle: the same texts are JSON, and texts read the same.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9eE.+\-a-f\\untrlsé ]{0,24}"#) {
            prop_assert_eq!(accepts(&text), serde_json::from_str::<serde_json::Value>(&text).is_ok() , "{}", text);
        }
        #[test]
        fn texts_read_the_same(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Reader::new(&json).string().unwrap(), text);
        }
    }
}
