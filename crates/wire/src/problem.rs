//! What is wrong with a request, in RFC 9457's words.

/// One thing that is wrong, and where: a JSON pointer into the body.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    pub pointer: Box<str>,
    pub code: &'static str,
    pub detail: Box<str>,
}

impl Fault {
    pub fn new(pointer: impl Into<Box<str>>, code: &'static str, detail: impl Into<Box<str>>) -> Fault {
        Fault { pointer: pointer.into(), code, detail: detail.into() }
    }
    /// The same, deeper in the body: `/3` before `/type`.
    pub fn under(mut self, prefix: &str) -> Fault {
        self.pointer = format!("{prefix}{}", self.pointer).into();
        self
    }
}
