//! Chunks to inputs, on threads of their own, handed on in the order of the files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use domain::event::Input;
use engine::Clock;
use wire::cloudevents::{Bad, Reading, ndjson};
use wire::member_id::MemberIds;

use super::chunks::{Chunk, Inputs};

pub struct Parsed {
    pub file: usize,
    /// Events with their lines.
    pub events: Vec<(u64, Input)>,
    pub bad: Vec<(u64, Bad)>,
    pub bytes: u64,
    pub broken: Option<String>,
}

/// What the parsers make, chunk by chunk in order: each gets every n-th, so they are asked in turn.
pub struct InOrder {
    from: Vec<Receiver<Parsed>>,
    turn: usize,
}

impl InOrder {
    pub fn next(&mut self) -> Option<Parsed> {
        let parsed = self.from[self.turn].recv().ok();
        self.turn = (self.turn + 1) % self.from.len();
        parsed
    }
}

/// Chunks that wait before and behind each parser.
const WAITING: usize = 2;

pub fn start(inputs: Inputs, ids: MemberIds, clock: Clock, stop: Arc<AtomicBool>) -> InOrder {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (mut to, mut from) = (Vec::new(), Vec::new());
    for _ in 0..cores.clamp(1, 4) {
        let (chunks, chunks_in) = sync_channel::<Chunk>(WAITING);
        let (parsed, parsed_in) = sync_channel::<Parsed>(WAITING);
        let (ids, clock) = (ids.clone(), clock.clone());
        std::thread::spawn(move || {
            for chunk in chunks_in {
                if parsed.send(parse(chunk, &ids, clock.now())).is_err() {
                    return;
                }
            }
        });
        to.push(chunks);
        from.push(parsed_in);
    }
    std::thread::spawn(move || {
        let mut turn = 0;
        inputs.each(|chunk| {
            let sent = to[turn].send(chunk).is_ok();
            turn = (turn + 1) % to.len();
            sent && !stop.load(Ordering::Relaxed)
        });
    });
    InOrder { from, turn: 0 }
}

fn parse(chunk: Chunk, ids: &MemberIds, received: jiff::Timestamp) -> Parsed {
    let Chunk { file, line, text, bytes, broken } = chunk;
    let reading = Reading { members: ids, received, origin: "import" };
    // Half a KiB is usual.
    let events = Vec::with_capacity(text.len() / 512);
    let mut parsed = Parsed { file, events, bad: Vec::new(), bytes, broken };
    for (n, event) in ndjson(&text, reading) {
        let at = line + n as u64 - 1;
        match event {
            Ok(input) => parsed.events.push((at, input)),
            Err(bad) => parsed.bad.push((at, bad)),
        }
    }
    parsed
}
