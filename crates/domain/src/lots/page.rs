//! A page of lots: neighbours in spending order that are kept together, and stored in a row of their own. It is away until
//! someone asks for it, and what was loaded is read when it is first looked at.
//! Not here: which page is asked for (`watch` tells those who decide what they missed).
//!
//! Invariant: count, sum, positions and first end are those of its lots; a page that has a number is as it was when it got
//! it. Whoever looks at a page that is away, and is not watched, breaks a law.

use std::cell::RefCell;
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::event::MemberNo;
use crate::member::Lot;

#[derive(Clone, Debug)]
pub struct Page {
    /// Under which it is stored; 0: it has changed, and gets a new one.
    pub number: u32,
    pub count: u32,
    pub sum: i64,
    /// The lowest and the highest position in it.
    pub span: (u64, u64),
    /// When its first lot ends.
    pub end: Option<Timestamp>,
    /// Whose it is, if it may be asked for.
    owner: Option<MemberNo>,
    /// As it was loaded.
    text: OnceLock<String>,
    lots: OnceLock<Vec<Lot>>,
    /// In their place, as long as they are away.
    stand_ins: OnceLock<Vec<Lot>>,
}

thread_local! {
    /// Pages that were looked at though they are away, while someone watches.
    static MISSED: RefCell<Option<Vec<(MemberNo, u32)>>> = const { RefCell::new(None) };
}

/// What `work` gives, and the pages that it looked at though they are away. If there are any, it saw lots that could lie on
/// them instead: what it gives breaks no law, but is not true, and is to be thrown away.
pub fn watch<T>(work: impl FnOnce() -> T) -> (T, Vec<(MemberNo, u32)>) {
    MISSED.set(Some(Vec::new()));
    let done = work();
    (done, MISSED.take().unwrap_or_default())
}

impl Page {
    pub fn new(lots: Vec<Lot>) -> Page {
        let mut page = Page::stored(0, 0, 0, (0, 0), None);
        page.note(&lots);
        page.lots = lots.into();
        page
    }

    /// Its lots are elsewhere, until they are put here.
    pub fn stored(number: u32, count: u32, sum: i64, span: (u64, u64), end: Option<Timestamp>) -> Page {
        let (text, lots, stand_ins) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Page { number, count, sum, span, end, owner: None, text, lots, stand_ins }
    }

    /// It is loaded when someone has looked at it.
    pub fn leave_away(&mut self, owner: MemberNo) {
        self.owner = Some(owner);
    }

    pub fn is_away(&self) -> bool {
        self.lots.get().is_none() && self.text.get().is_none()
    }

    pub fn put(&self, text: String) {
        // Whoever has it already has the same.
        let _ = self.text.set(text);
    }

    pub fn lots(&self) -> &[Lot] {
        if self.is_away() && self.is_missed() {
            return self.stand_ins.get_or_init(|| self.lots_that_could_be());
        }
        self.read().expect("a page is there and as it was written")
    }

    /// False: nobody watches, or it cannot be asked for.
    fn is_missed(&self) -> bool {
        let Some(owner) = self.owner else { return false };
        MISSED.with_borrow_mut(|missed| match missed {
            Some(missed) => {
                missed.push((owner, self.number));
                true
            }
            None => false,
        })
    }

    /// As many, with the same sum, in order behind those before it and in front of those after it.
    fn lots_that_could_be(&self) -> Vec<Lot> {
        let (pos, expires_at) = (self.span.0, self.end);
        let first = self.sum - i64::from(self.count - 1);
        let lot = |n: u32| {
            let (n, remaining) = (n as u16, if n == 0 { first } else { 1 });
            Lot { pos, n, remaining, joined: 0, expires_at, by: None }
        };
        (0..self.count).map(lot).collect()
    }

    /// Err: what is wrong with it.
    pub fn read(&self) -> Result<&[Lot], String> {
        if let Some(lots) = self.lots.get() {
            return Ok(lots);
        }
        let no = self.number;
        let text = self.text.get().ok_or_else(|| format!("page {no} of lots is not there"))?;
        let lots: Vec<Lot> =
            serde_json::from_str(text).map_err(|e| format!("page {no} of lots cannot be read: {e}"))?;
        let mut is = Page::stored(no, 0, 0, (0, 0), None);
        is.note(&lots);
        if (is.count, is.sum, is.span, is.end) != (self.count, self.sum, self.span, self.end) {
            return Err(format!("page {no} of lots is not what the member says of it"));
        }
        Ok(self.lots.get_or_init(|| lots))
    }

    pub fn change<T>(&mut self, change: impl FnOnce(&mut Vec<Lot>) -> T) -> T {
        self.lots();
        let mut lots = self.lots.take().or_else(|| self.stand_ins.take()).expect("it was just read");
        let done = change(&mut lots);
        (self.number, self.text) = (0, OnceLock::new());
        self.note(&lots);
        self.lots = lots.into();
        done
    }

    fn note(&mut self, lots: &[Lot]) {
        let sum: i128 = lots.iter().map(|lot| i128::from(lot.remaining)).sum();
        self.count = u32::try_from(lots.len()).unwrap_or(u32::MAX);
        self.sum = i64::try_from(sum).unwrap_or(i64::MAX);
        let positions = lots.iter().map(|lot| lot.pos);
        self.span = (positions.clone().min().unwrap_or(0), positions.max().unwrap_or(0));
        self.end = lots.first().and_then(|lot| lot.expires_at);
    }
}
