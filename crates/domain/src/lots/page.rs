//! A page of lots: neighbours in spending order that are kept together, and stored in a row of their own.
//! What was loaded is read when it is first needed.
//!
//! Invariant: count, sum and positions are those of its lots; a page that has a number is as it was when it got it.

use std::sync::OnceLock;

use crate::member::Lot;

#[derive(Clone, Debug)]
pub struct Page {
    /// Under which it is stored; 0: it has changed, and gets a new one.
    pub number: u32,
    pub count: u32,
    pub sum: i64,
    /// The lowest and the highest position in it.
    pub span: (u64, u64),
    /// As it was loaded.
    text: Option<String>,
    lots: OnceLock<Vec<Lot>>,
}

impl Page {
    pub fn new(lots: Vec<Lot>) -> Page {
        let mut page = Page::stored(0, 0, 0, (0, 0));
        page.note(&lots);
        page.lots = lots.into();
        page
    }

    /// Its lots are elsewhere, until they are put here.
    pub fn stored(number: u32, count: u32, sum: i64, span: (u64, u64)) -> Page {
        Page { number, count, sum, span, text: None, lots: OnceLock::new() }
    }

    pub fn put(&mut self, text: String) {
        self.text = Some(text);
    }

    pub fn lots(&self) -> &[Lot] {
        self.read().expect("a page is there and as it was written")
    }

    pub fn first(&self) -> &Lot {
        &self.lots()[0]
    }

    /// Err: what is wrong with it.
    pub fn read(&self) -> Result<&[Lot], String> {
        if let Some(lots) = self.lots.get() {
            return Ok(lots);
        }
        let no = self.number;
        let text = self.text.as_ref().ok_or_else(|| format!("page {no} of lots is not there"))?;
        let lots: Vec<Lot> =
            serde_json::from_str(text).map_err(|e| format!("page {no} of lots cannot be read: {e}"))?;
        let mut is = Page::stored(no, 0, 0, (0, 0));
        is.note(&lots);
        if (is.count, is.sum, is.span) != (self.count, self.sum, self.span) {
            return Err(format!("page {no} of lots is not what the member says of it"));
        }
        Ok(self.lots.get_or_init(|| lots))
    }

    pub fn change<T>(&mut self, change: impl FnOnce(&mut Vec<Lot>) -> T) -> T {
        self.lots();
        let mut lots = self.lots.take().expect("it was just read");
        let done = change(&mut lots);
        (self.number, self.text) = (0, None);
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
    }
}
