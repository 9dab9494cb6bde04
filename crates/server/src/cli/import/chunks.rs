//! Files as chunks of whole lines, about 1 MiB each. No more than a chunk of a file is held here.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::cli::{Failure, SETTINGS};

const CHUNK_BYTES: usize = 1 << 20;
/// A line beyond this is no event (its data alone may hold 1 MiB).
pub const LINE_BYTES_MAX: usize = 4 << 20;

pub struct Inputs {
    files: Vec<Input>,
    /// Of all files together; unknown with standard input.
    pub bytes: Option<u64>,
}

struct Input {
    from: Box<dyn Read + Send>,
    /// Bytes read of the file itself (packed, if it is).
    read: Arc<AtomicU64>,
}

/// Whole lines of one file.
pub struct Chunk {
    pub file: usize,
    /// Number of its first line, from 1.
    pub line: u64,
    pub text: Vec<u8>,
    /// Bytes of the file that it took, for the progress bar.
    pub bytes: u64,
    /// Why the file ends here, if not by its end.
    pub broken: Option<String>,
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Opens all files before anything is done with any.
pub fn open(paths: &[PathBuf]) -> Result<Inputs, Failure> {
    let mut files = Vec::new();
    let mut bytes = Some(0);
    for path in paths {
        let read = Arc::new(AtomicU64::new(0));
        let from: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            bytes = None;
            Box::new(Counted { inner: io::stdin(), read: read.clone() })
        } else {
            let failed = |e| {
                Failure::new(SETTINGS, format!("cannot read {}", path.display()), e).fix("check the name")
            };
            let file = File::open(path).map_err(failed)?;
            let length = file.metadata().map_err(failed)?.len();
            bytes = bytes.map(|sum: u64| sum + length);
            let counted = Counted { inner: file, read: read.clone() };
            if path.extension().is_some_and(|e| e == "gz") {
                Box::new(MultiGzDecoder::new(counted))
            } else {
                Box::new(counted)
            }
        };
        files.push(Input { from, read });
    }
    Ok(Inputs { files, bytes })
}

impl Inputs {
    /// Calls `take` with each chunk, in order, until it says no.
    pub fn each(self, mut take: impl FnMut(Chunk) -> bool) {
        for (file, input) in self.files.into_iter().enumerate() {
            if !each_of(file, input, &mut take) {
                return;
            }
        }
    }
}

fn each_of(file: usize, mut input: Input, take: &mut impl FnMut(Chunk) -> bool) -> bool {
    let (mut line, mut seen) = (1, 0);
    let mut rest: Vec<u8> = Vec::new();
    loop {
        // Once, and in one piece.
        let mut text = Vec::with_capacity(rest.len() + CHUNK_BYTES + 1);
        text.append(&mut rest);
        let ended = fill(&mut input.from, &mut text);
        let read = input.read.load(Ordering::Relaxed);
        let bytes = read - seen;
        seen = read;
        let (last, mut broken) = match ended {
            Ok(last) => (last, None),
            Err(e) => (true, Some(e.to_string())),
        };
        if broken.is_some() {
            // Half a line would be told as a mistake of its own.
            text.truncate(text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        } else if !last {
            match text.iter().rposition(|b| *b == b'\n') {
                Some(at) => rest = text.split_off(at + 1),
                None => {
                    broken = Some(format!("line {line} is longer than {LINE_BYTES_MAX} bytes"));
                    text.clear();
                }
            }
        }
        let lines = text.iter().filter(|b| **b == b'\n').count() as u64;
        let end = last || broken.is_some();
        if !take(Chunk { file, line, text, bytes, broken }) {
            return false;
        }
        if end {
            return true;
        }
        line += lines;
    }
}

/// Reads until there is a chunk that holds the end of a line; true at the end of the file.
fn fill(mut from: &mut dyn Read, text: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let before = text.len();
        let count = Read::take(&mut from, CHUNK_BYTES as u64).read_to_end(text)?;
        if count < CHUNK_BYTES {
            return Ok(true);
        }
        if text[before..].contains(&b'\n') || text.len() > LINE_BYTES_MAX {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: Vec<u8>) -> Vec<Chunk> {
        let mut all = Vec::new();
        let input = Input { from: Box::new(io::Cursor::new(text)), read: Arc::default() };
        each_of(0, input, &mut |chunk| {
            all.push(chunk);
            true
        });
        all
    }

    #[test]
    fn chunks_hold_whole_lines_and_know_their_numbers() {
        let line = |n: usize| format!("{n:0>99}\n");
        let text: String = (1..=25_000).map(line).collect();
        let all = chunks(text.clone().into_bytes());
        assert!(all.len() > 2);
        let mut next = 1;
        for chunk in &all {
            assert_eq!(chunk.line, next);
            assert!(chunk.text.is_empty() || chunk.text.ends_with(b"\n"));
            next += chunk.text.iter().filter(|b| **b == b'\n').count() as u64;
        }
        let joined: Vec<u8> = all.into_iter().flat_map(|chunk| chunk.text).collect();
        assert_eq!(joined, text.into_bytes());
    }

    #[test]
    fn a_line_without_end_is_told_and_not_kept() {
        let all = chunks(vec![b'x'; LINE_BYTES_MAX + (3 << 20)]);
        assert!(all.last().is_some_and(|chunk| chunk.broken.is_some()));
        let all = chunks(b"a\nb".to_vec());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].text, b"a\nb");
    }
}
