//! Pages of lots between a member's document and the rows in which they are stored.
//!
//! Invariant: a number stands for the same lots for ever: a page that changes gets a new one with the batch that changed
//! it. So whoever has a document finds just the lots it speaks of, or finds that they are gone, and asks anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::Lots;
use crate::member::{Lot, Member};

/// Numbers fit 24 bits.
const PAGES_MAX: u32 = 1 << 24;

/// Which of a member's pages are stored. In his document: how many were ever numbered.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    given: u32,
    /// As it was before the newest batch.
    before: u32,
    /// Those that the newest document speaks of.
    stored: Vec<u32>,
    /// Of those before, the ones it no longer speaks of.
    gone: Vec<u32>,
}

/// How the same lots lie on pages makes no other member.
impl PartialEq for Paging {
    fn eq(&self, _: &Paging) -> bool {
        true
    }
}

impl Paging {
    pub fn is_unused(&self) -> bool {
        self.given == 0
    }
}

impl Serialize for Paging {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.given.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Paging {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Paging, D::Error> {
        let given = u32::deserialize(d)?;
        Ok(Paging { given, before: given, ..Paging::default() })
    }
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

impl Member {
    /// Whether not all of it is, or was, in one document.
    pub fn has_pages(&self) -> bool {
        self.pages.given > 0 || self.wallets.iter().any(|wallet| !wallet.lots.pages().is_empty())
    }

    /// Once for each batch that changed him: pages that changed get numbers.
    pub fn number_pages(&mut self) {
        let paging = &mut self.pages;
        paging.before = paging.given;
        let pages = self.wallets.iter().map(|wallet| wallet.lots.pages().len()).sum::<usize>();
        if pages == paging.stored.len() && !self.wallets.iter().any(|wallet| wallet.lots.pages_changed()) {
            return paging.gone.clear();
        }
        let mut now = Vec::with_capacity(paging.stored.len());
        for page in self.wallets.iter_mut().flat_map(|wallet| wallet.lots.pages_mut()) {
            if page.number == 0 {
                paging.given += 1;
                Arc::make_mut(page).number = paging.given;
            }
            now.push(page.number);
        }
        assert!(paging.given < PAGES_MAX, "pages of one member are not changed 16 million times");
        let now = sorted(now);
        paging.gone = std::mem::take(&mut paging.stored);
        paging.gone.retain(|number| now.binary_search(number).is_err());
        paging.stored = now;
    }

    /// To be stored with the newest batch.
    pub fn new_pages(&self) -> impl Iterator<Item = (u32, &[Lot])> {
        let pages = self.wallets.iter().flat_map(|wallet| wallet.lots.pages());
        pages.filter(|page| page.number > self.pages.before).map(|page| (page.number, page.lots()))
    }

    /// To be deleted with the newest batch.
    pub fn gone_pages(&self) -> &[u32] {
        &self.pages.gone
    }

    /// Of a document that was read: its pages stay where they are until someone looks at them, who is then told by `watch`.
    pub fn leave_pages(&mut self) {
        let no = self.no;
        let pages = self.wallets.iter_mut().flat_map(|wallet| wallet.lots.pages_mut());
        pages.for_each(|page| Arc::make_mut(page).leave_away(no));
        self.pages.stored = sorted(self.page_numbers().collect());
    }

    /// Those that were not loaded.
    pub fn pages_away(&self) -> impl Iterator<Item = u32> {
        let pages = self.wallets.iter().flat_map(|wallet| wallet.lots.pages());
        pages.filter(|page| page.is_away()).map(|page| page.number)
    }

    /// One that was asked for is here: whoever has this document, or a copy that has the page unchanged, has it.
    pub fn put_page(&self, number: u32, text: String) {
        let mut pages = self.wallets.iter().flat_map(|wallet| wallet.lots.pages());
        if let Some(page) = pages.find(|page| page.number == number) {
            page.put(text);
        }
    }

    /// A document that was read gets all its pages. Err: one that is missing.
    pub fn put_pages(&mut self, mut texts: BTreeMap<u32, String>) -> Result<(), u32> {
        self.leave_pages();
        for page in self.wallets.iter().flat_map(|wallet| wallet.lots.pages()) {
            page.put(texts.remove(&page.number).ok_or(page.number)?);
        }
        Ok(())
    }

    /// Numbers of the pages that he speaks of.
    pub fn page_numbers(&self) -> impl Iterator<Item = u32> {
        self.wallets.iter().flat_map(|wallet| wallet.lots.pages()).map(|page| page.number)
    }

    /// Err: what is wrong with a page.
    pub fn read_pages(&self) -> Result<(), String> {
        let mut pages = self.wallets.iter().flat_map(|wallet| wallet.lots.pages());
        pages.try_for_each(|page| page.read().map(drop))
    }

    /// All of it in one document.
    pub fn whole(&self) -> Member {
        let mut whole = self.clone();
        whole.pages = Paging::default();
        for wallet in &mut whole.wallets {
            wallet.lots = wallet.lots.iter().cloned().collect::<Lots>();
        }
        whole
    }
}
