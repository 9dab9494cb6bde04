//! For explanations: which leaves were looked at, and what they were.

use super::code::{BoolCode, Code};
use super::eval::Frame;
use crate::value::Value;

/// The shape of an expression, as far as it decides what is looked at.
#[derive(Clone, Debug, Default)]
pub(super) enum Trace {
    #[default]
    Nothing,
    /// As written.
    Leaf(Box<str>, Box<Code>),
    /// All of them.
    Parts(Vec<Trace>),
    UntilFalse(Vec<(BoolCode, Trace)>),
    UntilTrue(Vec<(BoolCode, Trace)>),
    If(Box<(BoolCode, Trace, Trace, Trace)>),
}

impl Trace {
    /// Each leaf once; what is out of range is left out.
    pub fn walk(&self, f: &Frame<'_>, seen: &mut Vec<(String, Value)>) {
        match self {
            Trace::Nothing => {}
            Trace::Leaf(written, code) => {
                if !seen.iter().any(|(w, _)| **w == **written)
                    && let Ok(value) = code.run(f)
                {
                    seen.push((written.to_string(), value));
                }
            }
            Trace::Parts(parts) => parts.iter().for_each(|p| p.walk(f, seen)),
            Trace::UntilFalse(parts) => Self::until(parts, false, f, seen),
            Trace::UntilTrue(parts) => Self::until(parts, true, f, seen),
            Trace::If(all) => {
                all.1.walk(f, seen);
                match all.0.run(f) {
                    Ok(true) => all.2.walk(f, seen),
                    Ok(false) => all.3.walk(f, seen),
                    Err(_) => {}
                }
            }
        }
    }

    fn until(parts: &[(BoolCode, Trace)], end: bool, f: &Frame<'_>, seen: &mut Vec<(String, Value)>) {
        for (code, trace) in parts {
            trace.walk(f, seen);
            if code.run(f) != Ok(!end) {
                return;
            }
        }
    }
}
