//! What went wrong with batches in flight.
//!
//! Invariant: once a batch has failed, none of its generation or an earlier one is written; what must stop the process
//! stays until it does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::StoreError;

#[derive(Default)]
pub struct Failures {
    failed: AtomicBool,
    /// The generation that failed, and why.
    failure: Mutex<(u64, Option<StoreError>)>,
}

impl Failures {
    fn lock(&self) -> MutexGuard<'_, (u64, Option<StoreError>)> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// From which the decider has not begun again.
    pub fn now(&self) -> Option<StoreError> {
        if self.failed.load(Ordering::Acquire) { self.lock().1.clone() } else { None }
    }
    /// The first failure is kept, unless a worse one follows.
    pub fn add(&self, generation: u64, why: &StoreError) {
        let mut failure = self.lock();
        if failure.1.as_ref().is_none_or(|old| !old.must_stop()) {
            *failure = (failure.0.max(generation), Some(why.clone()));
        }
        self.failed.store(true, Ordering::Release);
    }
    /// The decider has begun again.
    pub fn recover(&self) {
        self.lock().1 = None;
        self.failed.store(false, Ordering::Release);
    }
    /// Why a batch of this generation must not be written.
    pub fn refusal(&self, generation: u64) -> Option<StoreError> {
        let failure = self.lock();
        let stopped = failure.1.clone().filter(StoreError::must_stop);
        stopped.or_else(|| {
            (generation <= failure.0).then(|| StoreError::Unavailable("an earlier batch failed".into()))
        })
    }
}

/// A later batch in a pipeline whose earlier batch failed: this one was never tried.
pub fn not_done(why: &StoreError) -> StoreError {
    StoreError::Unavailable(format!("an earlier batch failed: {why}"))
}
