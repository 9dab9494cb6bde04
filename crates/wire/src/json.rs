//! JSON as one text with one meaning: insignificant space removed, no key twice in an object at any depth, no lone
//! surrogate, bounded depth. What is valid JSON is settled before, by serde_json; numbers stay as they are written.

use std::borrow::Cow;

use crate::problem::Fault;

/// Arrays and objects in each other.
pub const DEPTH_MAX: usize = 32;
/// Up to so many keys, all pairs are compared; beyond, they are sorted.
const PAIRS_MAX: usize = 12;

enum Open<'a> {
    Object { first_key: usize },
    Array { index: usize },
    Key(Cow<'a, str>),
}

struct Pass<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open<'a>>,
    /// Keys of all open objects, one after another.
    keys: Vec<Cow<'a, str>>,
}

/// Appends `valid` to `out` without insignificant space. `valid` has been read by serde_json as one value.
pub fn compact(valid: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut pass = Pass { text: valid, at: 0, open: Vec::new(), keys: Vec::new() };
    let bytes = valid.as_bytes();
    let mut run = 0;
    while let Some(byte) = bytes.get(pass.at) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.extend_from_slice(&bytes[run..pass.at]);
                run = pass.at + 1;
            }
            b'"' => pass.string()?,
            b'{' => pass.enter(Open::Object { first_key: pass.keys.len() })?,
            b'[' => pass.enter(Open::Array { index: 0 })?,
            b'}' => pass.leave_object()?,
            b']' => drop(pass.open.pop()),
            b',' => pass.next(),
            _ => {}
        }
        pass.at += 1;
    }
    out.extend_from_slice(&bytes[run..]);
    Ok(())
}

impl<'a> Pass<'a> {
    /// From the quote that opens a text to the one that ends it.
    fn string(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        while bytes[self.at] != b'"' {
            let escape = bytes[self.at] == b'\\';
            escaped |= escape;
            self.at += 1 + usize::from(escape);
        }
        let plain = &self.text[start + 1..self.at];
        let text: Cow<'a, str> = if escaped {
            let read = serde_json::from_str::<String>(&self.text[start..=self.at]);
            Cow::Owned(read.map_err(|_| self.fault("text_invalid", "a text with a lone surrogate"))?)
        } else {
            Cow::Borrowed(plain)
        };
        if let Some(Open::Object { .. }) = self.open.last() {
            self.keys.push(text.clone());
            self.open.push(Open::Key(text));
        }
        Ok(())
    }

    fn enter(&mut self, what: Open<'a>) -> Result<(), Fault> {
        self.open.push(what);
        // An object in an object stands on two: the object and its key.
        let depth = self.open.iter().filter(|o| !matches!(o, Open::Key(_))).count();
        if depth > DEPTH_MAX { Err(self.fault("too_deep", "nested more than 32 deep")) } else { Ok(()) }
    }

    fn next(&mut self) {
        match self.open.last_mut() {
            Some(Open::Array { index }) => *index += 1,
            Some(Open::Key(_)) => drop(self.open.pop()),
            _ => {}
        }
    }

    fn leave_object(&mut self) -> Result<(), Fault> {
        if let Some(Open::Key(_)) = self.open.last() {
            self.open.pop();
        }
        let Some(Open::Object { first_key }) = self.open.pop() else { return Ok(()) };
        if let Some(key) = repeated(&mut self.keys[first_key..]) {
            self.open.push(Open::Key(key));
            return Err(self.fault("duplicate_key", "the same key twice in one object"));
        }
        self.keys.truncate(first_key);
        Ok(())
    }

    fn fault(&self, code: &'static str, detail: &str) -> Fault {
        let mut pointer = String::new();
        for (n, open) in self.open.iter().enumerate() {
            match open {
                Open::Key(key) => pointer.push_str(&step(key)),
                Open::Array { index } if n + 1 < self.open.len() || code == "text_invalid" => {
                    pointer.push_str(&format!("/{index}"));
                }
                _ => {}
            }
        }
        Fault::new(pointer, code, detail)
    }
}

/// One key as a step of a JSON pointer, at most 64 letters of it.
pub fn step(key: &str) -> String {
    let short: String = key.chars().take(64).collect();
    format!("/{}", short.replace('~', "~0").replace('/', "~1"))
}

fn repeated<'a>(keys: &mut [Cow<'a, str>]) -> Option<Cow<'a, str>> {
    if keys.len() <= PAIRS_MAX {
        let twice = |(n, key): (usize, &Cow<'a, str>)| keys[..n].contains(key).then(|| key.clone());
        return keys.iter().enumerate().find_map(twice);
    }
    keys.sort_unstable();
    keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone())
}
