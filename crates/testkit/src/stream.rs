//! A reader of server-sent events over HTTP/1.1, on a connection of its own.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Stream {
    from: BufReader<TcpStream>,
    text: String,
    pub status: u16,
    pub headers: Vec<String>,
}

/// One event; a heartbeat has an id alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub id: String,
    pub event: String,
    pub data: String,
}

impl Sent {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or(serde_json::Value::Null)
    }
}

impl Stream {
    pub fn open(address: &str, key: &str, path: &str, last: Option<&str>) -> Result<Stream> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes())?;
        let mut from = BufReader::new(stream);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => headers.push(line.to_ascii_lowercase()),
            }
        }
        let status = headers.first().and_then(|first| first.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no status"))?;
        Ok(Stream { from, text: String::new(), status, headers })
    }

    /// The next event, waited for. An error where the stream ended or nothing came for long.
    pub fn sent(&mut self) -> Result<Sent> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let frame: String = self.text.drain(..end + 2).collect();
                let mut sent = Sent::default();
                for line in frame.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => sent.id = id.to_owned(),
                        Some(("event", event)) => sent.event = event.to_owned(),
                        Some(("data", data)) => sent.data.push_str(data),
                        _ => {}
                    }
                }
                return Ok(sent);
            }
            self.read_chunk()?;
        }
    }

    /// The next that says something.
    pub fn change(&mut self) -> Result<Sent> {
        loop {
            let sent = self.sent()?;
            if !sent.data.is_empty() {
                return Ok(sent);
            }
        }
    }

    fn read_chunk(&mut self) -> Result<()> {
        let mut size = String::new();
        self.from.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut part = vec![0; size + 2];
        self.from.read_exact(&mut part)?;
        part.truncate(size);
        self.text.push_str(&String::from_utf8(part).map_err(|_| ErrorKind::InvalidData)?);
        Ok(())
    }
}
