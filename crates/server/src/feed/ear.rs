//! Who waits for changes of one member: thousands may, and are left alone while others change.
//!
//! Invariant: what is noted as fed was noted with every ear that it concerns before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use domain::event::MemberNo;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Ear {
    /// The first row that he has not looked at; 0 if there is none.
    missed: AtomicU64,
    pub heard: Notify,
}

impl Ear {
    pub fn take(&self) -> u64 {
        self.missed.swap(0, Ordering::AcqRel)
    }
    pub fn heard_nothing(&self) -> bool {
        self.missed.load(Ordering::Acquire) == 0
    }
}

#[derive(Default)]
pub struct Ears(Mutex<HashMap<MemberNo, Vec<Weak<Ear>>>>);

impl Ears {
    pub fn add(&self, no: MemberNo, ear: &Arc<Ear>) {
        let mut ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = ears.entry(no).or_default();
        of.retain(|ear| ear.strong_count() > 0);
        of.push(Arc::downgrade(ear));
    }

    /// Those who have gone.
    pub fn forget(&self, no: MemberNo) {
        let mut ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = ears.get_mut(&no) {
            of.retain(|ear| ear.strong_count() > 0);
            if of.is_empty() {
                ears.remove(&no);
            }
        }
    }

    /// In which row which member became another.
    pub fn tell(&self, touched: &[(u64, MemberNo)]) {
        let mut ears = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ears.is_empty() {
            return;
        }
        for (pos, no) in touched {
            let Some(of) = ears.get(no) else { continue };
            for ear in of.iter().filter_map(Weak::upgrade) {
                // Only the first that he missed counts: he reads on from there.
                let _ = ear.missed.compare_exchange(0, *pos, Ordering::AcqRel, Ordering::Acquire);
                ear.heard.notify_one();
            }
            if of.is_empty() {
                ears.remove(no);
            }
        }
    }
}
