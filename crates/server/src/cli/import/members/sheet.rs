//! A CSV file as spreadsheets write it: with or without a byte order mark, cells between commas, semicolons or tabs.
//! No more than one row of it is held here.

use std::fs::File;
use std::io::{Chain, Cursor, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::cli::{Failure, SETTINGS};

pub struct Sheet {
    reader: Reader<Chain<Cursor<Vec<u8>>, File>>,
    pub header: Vec<String>,
    pub delimiter: u8,
    /// Lines before the header.
    before: u64,
    pub bytes: u64,
}

/// Enough for any header.
const HEAD_BYTES: usize = 1 << 16;

impl Sheet {
    pub fn open(path: &Path) -> Result<Sheet, Failure> {
        let failed = |why: String, fix: &str| {
            Failure::new(SETTINGS, format!("cannot read {}", path.display()), why).fix(fix)
        };
        let broken = |e: std::io::Error| failed(e.to_string(), "check the name");
        let mut file = File::open(path).map_err(broken)?;
        let about = file.metadata().map_err(broken)?;
        if !about.is_file() {
            return Err(failed("it is read twice, so it must be a file".into(), "write it to a file first"));
        }
        let mut head = Vec::new();
        (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(broken)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) || head.contains(&0) {
            let fix = "save the sheet as `CSV UTF-8 (Comma delimited)`";
            return Err(failed("it is not UTF-8 text".into(), fix));
        }
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let mut before = 0;
        let mut said = None;
        // Excel's own way to say what separates cells.
        if head.len() > 5 && head[..4].eq_ignore_ascii_case(b"sep=") {
            said = Some(head[4]);
            let end = head.iter().position(|b| *b == b'\n').map_or(head.len(), |at| at + 1);
            head.drain(..end);
            before = 1;
        }
        let delimiter = said.unwrap_or_else(|| separator(&head));
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Cursor::new(head).chain(file));
        let mut first = ByteRecord::new();
        let there =
            reader.read_byte_record(&mut first).map_err(|e| failed(e.to_string(), "check the file"))?;
        if !there {
            return Err(failed("it is empty".into(), "export it again"));
        }
        let header = first.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        Ok(Sheet { reader, header, delimiter, before, bytes: about.len() })
    }

    /// The next row that is not empty, and its line.
    pub fn next(&mut self, row: &mut ByteRecord) -> Result<Option<u64>, Failure> {
        loop {
            let there = self.reader.read_byte_record(row).map_err(|e| {
                Failure::new(SETTINGS, "cannot read the file to its end", e).fix("check the file")
            })?;
            if !there {
                return Ok(None);
            }
            if row.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                let line = row.position().map_or(0, csv::Position::line);
                return Ok(Some(line + self.before));
            }
        }
    }

    /// Bytes read so far.
    pub fn at(&self) -> u64 {
        self.reader.position().byte()
    }
}

/// Whatever is most often in the header, outside of quotes.
fn separator(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => {
                counts.iter_mut().filter(|(sign, _)| sign == byte).for_each(|(_, count)| *count += 1)
            }
            _ => {}
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(sign, _)| *sign)
}

#[test]
fn what_separates_cells_shows_in_the_header() {
    assert_eq!(separator(b"Email;\"a,b,c\";Points\n1,2,3,4"), b';');
    assert_eq!(separator(b"Email,Points"), b',');
    assert_eq!(separator(b"Email\tPoints\n"), b'\t');
    assert_eq!(separator(b"Email\n"), b',');
}
