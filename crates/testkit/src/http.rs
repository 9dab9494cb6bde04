//! An HTTP/1.1 client of one connection, enough to talk to our own server on this machine.
//! No TLS, no redirects, no proxies. Whatever goes wrong is an error; the caller sends again.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or(serde_json::Value::Null)
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

pub struct Client {
    address: String,
    key: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// `address` is `host:port`, `key` an API key (empty: none is sent).
    pub fn new(address: &str, key: &str) -> Client {
        Client { address: address.to_owned(), key: key.to_owned(), connection: None }
    }
    pub fn get(&mut self, path: &str) -> Result<Response> {
        self.request("GET", path, &[], b"")
    }
    pub fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> Result<Response> {
        self.request("POST", path, &[("Content-Type", kind)], body)
    }
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => open(&self.address)?,
        };
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        if !self.key.is_empty() {
            head.push_str(&format!("Authorization: Bearer {}\r\n", self.key));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        connection.get_mut().write_all(&bytes)?;
        let (response, keep) = read(&mut connection)?;
        if keep {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

fn open(address: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}

fn read(from: &mut BufReader<TcpStream>) -> Result<(Response, bool)> {
    let first = line(from)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, first))?;
    let (mut length, mut chunked, mut keep, mut headers) = (0usize, false, true, Vec::new());
    loop {
        let header = line(from)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        headers.push((name.clone(), value.to_owned()));
        match (name.as_str(), value.to_ascii_lowercase().as_str()) {
            ("content-length", value) => length = value.parse().map_err(|_| ErrorKind::InvalidData)?,
            ("transfer-encoding", "chunked") => chunked = true,
            ("connection", "close") => keep = false,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = line(from)?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
            let mut part = vec![0; size];
            from.read_exact(&mut part)?;
            body.extend_from_slice(&part);
            line(from)?;
            if size == 0 {
                break;
            }
        }
    } else {
        body = vec![0; length];
        from.read_exact(&mut body)?;
    }
    Ok((Response { status, headers, body: String::from_utf8_lossy(&body).into_owned() }, keep))
}

fn line(from: &mut BufReader<TcpStream>) -> Result<String> {
    let mut text = String::new();
    if from.read_line(&mut text)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
