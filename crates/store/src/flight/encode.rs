//! The encoder: a thread between decider and writer that makes bytes of a batch and chains its rows.
//!
//! Invariant: batches come out in the order in which they went in, each hash built on the one before; after a batch
//! that has no form nothing of its generation is written.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Flight;
use super::failures::Failures;
use crate::keys::run::{ENTRY, push_entry};
use crate::sqlite::form::{Hashed, digest, push_input};
use crate::sqlite::lot_page::Changes;
use crate::{Done, StoreError};

pub enum Task<J> {
    Batch {
        flight: Arc<Flight>,
        generation: u64,
        done: Done,
    },
    /// The next batch follows this hash: an earlier one was given up.
    After([u8; 32]),
    /// For the writer, in its turn.
    Pass(J),
}

/// A batch for the writer.
pub struct Ready {
    pub flight: Arc<Flight>,
    pub encoded: Encoded,
    pub generation: u64,
    pub done: Done,
}

/// What a database's writer takes.
pub trait Job: From<Ready> {
    /// No more comes.
    const STOP: Self;
    /// Answered when everything before it has been settled.
    fn barrier(reply: SyncSender<()>) -> Self;
}

/// A batch as it is stored.
#[derive(Default)]
pub struct Encoded {
    /// The rows' JSON, end to end.
    text: String,
    rows: Vec<Row>,
    /// JSON `{"no": state, …}` of the batch's members, and where each state stands.
    images: String,
    image_parts: Vec<Range<usize>>,
    pub pages: Changes,
    /// As in `tail_keys`.
    pub keys: Vec<u8>,
}

struct Row {
    input: Option<Range<usize>>,
    decided: Range<usize>,
    hash: [u8; 32],
}

/// One row's columns.
pub struct RowText<'a> {
    pub input: Option<&'a str>,
    pub decided: &'a str,
    pub hash: &'a [u8; 32],
}

impl Encoded {
    /// In the order of the batch.
    pub fn rows(&self) -> impl Iterator<Item = RowText<'_>> {
        self.rows.iter().map(|row| RowText {
            input: row.input.clone().map(|at| &self.text[at]),
            decided: &self.text[row.decided.clone()],
            hash: &row.hash,
        })
    }
    pub fn images(&self) -> &str {
        &self.images
    }
    /// In the order of the batch's members.
    pub fn image_parts(&self) -> &[Range<usize>] {
        &self.image_parts
    }

    /// Begins with `head`, the hash of the row before; ends with that of the last row. Buffers are used again.
    fn fill(&mut self, flight: &Flight, head: &mut [u8; 32]) -> Result<(), StoreError> {
        self.rows.clear();
        self.image_parts.clear();
        self.pages.clear();
        self.keys.clear();
        let mut text = std::mem::take(&mut self.text).into_bytes();
        text.clear();
        let write = &flight.write;
        for row in &write.batch.rows {
            let start = text.len();
            let input = row.input.map(|n| write.batch.input(&write.inputs, n));
            if let Some(input) = input {
                push_input(&mut text, input);
            }
            let middle = text.len();
            domain::json::write(&mut text, &*row.decision).map_err(|e| {
                StoreError::Corrupt(format!("the decision of row {} has no form: {e}", row.pos))
            })?;
            let hashed = Hashed {
                pos: row.pos,
                member: row.member,
                prev: row.prev_pos,
                now_ms: write.now_ms,
                again: row.again,
                input: input.map(|_| digest(&text[start..middle])),
                body_hash: input.map(|input| &input.body_hash[..]),
                decided: digest(&text[middle..]),
            };
            *head = hashed.chain(head);
            let decided = middle..text.len();
            self.rows.push(Row { input: input.map(|_| start..middle), decided, hash: *head });
        }
        self.text = String::from_utf8(text).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            let row = self.rows.iter().position(|row| row.decided.end > at).unwrap_or(0) as u64;
            StoreError::Corrupt(format!("the event of row {} is no text", flight.first_pos + row))
        })?;
        let mut images = std::mem::take(&mut self.images).into_bytes();
        images.clear();
        for member in &write.members {
            images.push(if images.is_empty() { b'{' } else { b',' });
            write!(images, "\"{}\":", member.no).expect("a Vec takes everything");
            let start = images.len();
            domain::json::write(&mut images, &**member)
                .map_err(|e| StoreError::Corrupt(format!("member {} has no form: {e}", member.no)))?;
            self.image_parts.push(start..images.len());
            self.pages.add(member)?;
        }
        images.push(b'}');
        self.images = String::from_utf8(images).expect("JSON is text");
        self.keys.reserve(flight.keys.len() * ENTRY);
        flight.keys.iter().for_each(|&(key, pos)| push_entry(&mut self.keys, key, pos));
        Ok(())
    }
}

/// What the encoder's thread owns.
pub struct Encoder<J> {
    failures: Arc<Failures>,
    head: [u8; 32],
    /// Buffers that come back from the writer.
    spare: Receiver<Encoded>,
    jobs: SyncSender<J>,
}

impl<J: Job> Encoder<J> {
    /// The hash of the last row on disk is `head`. Also answers where buffers are given back.
    pub fn new(
        failures: Arc<Failures>,
        head: [u8; 32],
        jobs: SyncSender<J>,
    ) -> (Encoder<J>, SyncSender<Encoded>) {
        let (back, spare) = sync_channel(2);
        (Encoder { failures, head, spare, jobs }, back)
    }
    /// Until nobody hands over any more; then the writer is told to stop.
    pub fn run(mut self, tasks: &Receiver<Task<J>>) {
        for task in tasks {
            let job = match task {
                Task::Batch { flight, generation, done } => self.encode(flight, generation, done),
                Task::After(head) => {
                    self.head = head;
                    None
                }
                Task::Pass(job) => Some(job),
            };
            if let Some(job) = job {
                assert!(self.jobs.send(job).is_ok(), "the writer ends only after the encoder");
            }
        }
        let _gone = self.jobs.send(J::STOP);
    }
    fn encode(&mut self, flight: Arc<Flight>, generation: u64, done: Done) -> Option<J> {
        let mut encoded = self.spare.try_recv().unwrap_or_default();
        match encoded.fill(&flight, &mut self.head) {
            Ok(()) => Some(Ready { flight, encoded, generation, done }.into()),
            Err(why) => {
                self.failures.add(generation, &why);
                done(Err(why));
                None
            }
        }
    }
}
