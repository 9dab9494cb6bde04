//! What the threads of one process know of each other, and what they heard from other processes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::connect::{Conn, Door};
use super::head;
use super::turn::Turn;
use crate::StoreError;
use crate::flight::failures::Failures;

pub struct Shared {
    pub door: Door,
    /// The schema, by which notifications are told apart.
    pub channel: String,
    /// A number that this process drew.
    pub me: i64,
    pub turn: Turn,
    pub failures: Arc<Failures>,
    /// Nobody uses the store any more.
    pub closed: AtomicBool,
    /// Something may be left to be erased, by whoever has the turn.
    pub erasing: AtomicBool,
    committed: AtomicU64,
    /// The last row of ours, and its hash.
    end: Mutex<(u64, [u8; 32])>,
    told: Mutex<Option<Box<dyn Fn(u64) + Send>>>,
}

impl Shared {
    pub fn new(door: Door, channel: String, me: i64, end: (u64, [u8; 32])) -> Shared {
        Shared {
            door,
            channel,
            me,
            turn: Turn::default(),
            failures: Arc::default(),
            closed: AtomicBool::new(false),
            erasing: AtomicBool::new(false),
            committed: AtomicU64::new(end.0),
            end: Mutex::new(end),
            told: Mutex::new(None),
        }
    }

    /// Last position that is durable, whoever committed it.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }
    pub fn advance(&self, pos: u64) {
        if self.committed.fetch_max(pos, Ordering::AcqRel) < pos
            && let Some(told) = &*self.told.lock().unwrap_or_else(PoisonError::into_inner)
        {
            told(pos);
        }
    }
    /// A failover may have lost what was durable elsewhere: the journal goes on from before.
    pub fn fall_back(&self, pos: u64) {
        self.committed.fetch_min(pos, Ordering::AcqRel);
    }
    pub fn end(&self) -> (u64, [u8; 32]) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn end_at(&self, pos: u64, hash: [u8; 32]) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = (pos, hash);
    }
    /// From now on this is called with every newer position, by whichever thread hears of it.
    pub fn tell(&self, told: Box<dyn Fn(u64) + Send>) {
        told(self.committed());
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    /// What `Turn` said is to be given up. If it cannot be told, it is free when the lease ends; so it is after a failure,
    /// for who is given it may rely on what was committed.
    pub fn give_up(&self, conn: &Conn, fence: i64) {
        if self.failures.now().is_none() {
            let _lease_ends: Result<(), StoreError> = head::give_up(conn, &self.channel, self.me, fence);
        }
        self.turn.left(fence);
    }
}
