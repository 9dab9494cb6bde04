//! A TCP proxy between a process and its PostgreSQL that hangs up where it hurts: at a COMMIT. Every so many of them, half
//! of them before the server has it, half after, when its answer reaches nobody any more.
//!
//! It knows a COMMIT, or a batch that commits by itself, by its bytes, so it cannot look into what is encrypted.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
struct Inside {
    /// 0: none is cut.
    every: AtomicU64,
    commits: AtomicU64,
    before: AtomicU64,
    after: AtomicU64,
}

pub struct Wire {
    pub port: u16,
    inside: Arc<Inside>,
}

/// What becomes of what a process sends.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Carried,
    CutBefore,
    CutAfter,
}

impl Wire {
    /// To the server at this port of this machine. As yet, it carries everything.
    pub fn to(port: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let wire = Wire { port: listener.local_addr().expect("it is bound").port(), inside: Arc::default() };
        let inside = wire.inside.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is not there: the client hears of it.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (Ok(back_from), Ok(back_to)) = (server.try_clone(), client.try_clone()) else { continue };
                let inside = inside.clone();
                std::thread::spawn(move || carry(client, server, Some(&inside)));
                std::thread::spawn(move || carry(back_from, back_to, None));
            }
        });
        wire
    }
    /// From now on one of so many COMMITs is cut; 0: none.
    pub fn cut(&self, every: u64) {
        self.inside.commits.store(0, Ordering::Relaxed);
        self.inside.every.store(every, Ordering::Relaxed);
    }
    /// Since `cut`.
    pub fn commits(&self) -> u64 {
        self.inside.commits.load(Ordering::Relaxed)
    }
    /// Ever: those that the server never had, and those that nobody heard of.
    pub fn cuts(&self) -> (u64, u64) {
        (self.inside.before.load(Ordering::Relaxed), self.inside.after.load(Ordering::Relaxed))
    }
}

/// Whether there is a COMMIT in it, or a batch that is one statement and commits by itself: that tells others of its last
/// row, by `fealty` and `SCHEMA:POSITION`.
pub fn is_commit(bytes: &[u8]) -> bool {
    const TELLS: &[u8] = b"\0\0\0\x06fealty\0\0\0";
    let position = |at: usize| {
        let told = &bytes[at + TELLS.len()..];
        let told = told.split_first().and_then(|(length, told)| told.get(..usize::from(*length)));
        told.and_then(<[u8]>::last).is_some_and(u8::is_ascii_digit)
    };
    bytes.windows(7).any(|at| at == b"COMMIT\0")
        || bytes.windows(TELLS.len()).enumerate().any(|(at, seen)| seen == TELLS && position(at))
}

impl Inside {
    fn fate(&self, bytes: &[u8]) -> Fate {
        let every = self.every.load(Ordering::Relaxed);
        if every == 0 || !is_commit(bytes) {
            return Fate::Carried;
        }
        let n = self.commits.fetch_add(1, Ordering::Relaxed);
        match (n % every, n / every % 2) {
            (0, 0) => Fate::CutAfter,
            (0, _) => Fate::CutBefore,
            _ => Fate::Carried,
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, inside: Option<&Inside>) {
    let mut buffer = [0; 65536];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let fate = inside.map_or(Fate::Carried, |inside| inside.fate(&buffer[..len]));
        if let (Fate::CutBefore, Some(inside)) = (fate, inside) {
            inside.before.fetch_add(1, Ordering::Relaxed);
            break;
        }
        if to.write_all(&buffer[..len]).is_err() {
            break;
        }
        if let (Fate::CutAfter, Some(inside)) = (fate, inside) {
            // The server has it; its answer reaches nobody.
            inside.after.fetch_add(1, Ordering::Relaxed);
            let _gone = from.shutdown(Shutdown::Both);
            let mut rest = Vec::new();
            let _nothing = from.read_to_end(&mut rest);
            return;
        }
    }
    let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
