//! What power cuts left, on its way to whoever looks at it; the disk rests while two wait to be looked at.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::disk::{Cut, Image};

/// What a power cut left, and how many were acknowledged before it.
pub struct Shot {
    pub cut: Cut,
    pub acked: usize,
    pub image: Image,
    /// Pages were on their way from the log into the database.
    pub in_checkpoint: bool,
}

/// So many may wait to be looked at before the disk rests.
const WAITING_MAX: usize = 2;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Shot>,
    closed: bool,
}

#[derive(Default)]
pub struct Shots {
    queue: Mutex<Queue>,
    moved: Condvar,
}

impl Shots {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn put(&self, shot: Shot) {
        self.lock().waiting.push_back(shot);
        self.moved.notify_all();
    }
    /// The next; none once no more will come.
    pub fn take(&self) -> Option<Shot> {
        let mut queue = self.lock();
        while queue.waiting.is_empty() && !queue.closed {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.moved.notify_all();
        queue.waiting.pop_front()
    }
    /// Waits until few wait to be looked at. False: it is over.
    pub fn room(&self) -> bool {
        let mut queue = self.lock();
        while queue.waiting.len() >= WAITING_MAX && !queue.closed {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        !queue.closed
    }
    /// No more come, or none are looked at.
    pub fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }
}

/// Closes at the end of a life, however it ends.
pub struct Closing<'a>(pub &'a Shots);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
