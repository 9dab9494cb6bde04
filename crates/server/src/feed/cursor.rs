//! A place in the feed: behind which change of which row. It carries the row's mark, so that it is known again only in
//! the history in which it was given out.

use std::fmt;

use store::Mark;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub pos: u64,
    /// Behind this change of the row; `WHOLE`: behind all of them.
    pub n: u16,
    pub mark: Mark,
}

const WHOLE: u16 = u16::MAX;

impl Cursor {
    /// Before everything.
    pub const START: Cursor = Cursor { pos: 0, n: WHOLE, mark: Mark(0) };

    pub fn whole(pos: u64, mark: Mark) -> Cursor {
        Cursor { pos, n: WHOLE, mark }
    }
    /// Behind which row to read on.
    pub fn row(self) -> u64 {
        if self.n == WHOLE { self.pos } else { self.pos - 1 }
    }
    /// Whether change `n` of row `pos` comes after it.
    pub fn is_before(self, pos: u64, n: u16) -> bool {
        (self.pos, self.n) < (pos, n)
    }

    pub fn parse(text: &str) -> Option<Cursor> {
        let mut parts = text.strip_prefix('f')?.split('-');
        let mut number = || u64::from_str_radix(parts.next().filter(|part| !part.starts_with('+'))?, 16).ok();
        let (pos, n, mark) = (number()?, number()?, number()?);
        let cursor = Cursor { pos, n: n.try_into().ok()?, mark: Mark(mark.try_into().ok()?) };
        // What is stored has positions of 63 bits; of row 0 there is nothing but its end.
        let sound = pos <= i64::MAX as u64 && (pos > 0 || cursor == Cursor::START);
        (sound && cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{:x}-{:x}-{:08x}", self.pos, self.n, self.mark.0)
    }
}

#[test]
fn a_cursor_is_read_back_and_a_mangled_one_is_refused() {
    for cursor in [
        Cursor::START,
        Cursor { pos: 1, n: 0, mark: Mark(7) },
        Cursor::whole(i64::MAX as u64, Mark(u32::MAX)),
    ] {
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }
    for bad in [
        "",
        "f",
        "f0-0-00000000",
        "f1-0-7",
        "f1-10000-00000007",
        "f+1-0-00000007",
        "f1-0-00000007-1",
        "1-0-00000007",
    ] {
        assert_eq!(Cursor::parse(bad), None, "{bad}");
    }
}
