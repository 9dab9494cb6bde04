//! Somebody who is sent webhooks: reads them, notes what came and when, and answers well or badly, as he is told meanwhile.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
pub enum Mood {
    Well,
    /// 429 four times of five, and to be asked again after a second.
    Busy,
    /// No answer.
    Silent,
    /// A gigabyte.
    Huge,
}

/// What came: the change, the event that made it, and when.
pub struct Came {
    pub cursor: Box<str>,
    pub event: Box<str>,
    pub at: Instant,
}

pub struct Sink {
    pub port: u16,
    mood: AtomicU8,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// What was answered with 200.
    taken: Mutex<Vec<Came>>,
}

impl Sink {
    pub fn start(mood: Mood) -> Arc<Sink> {
        let (port, given) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let sink = Arc::new(Sink {
                    port: listener.local_addr().expect("bound").port(),
                    mood: AtomicU8::new(mood as u8),
                    requests: AtomicU64::new(0),
                    bytes: AtomicU64::new(0),
                    taken: Mutex::new(Vec::new()),
                });
                port.send(sink.clone()).expect("somebody waits");
                while let Ok((stream, _)) = listener.accept().await {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(sink.clone().serve(stream));
                }
            });
        });
        given.recv().expect("it listens")
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }
    pub fn be(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
    /// Bytes of a body, on average.
    pub fn body_bytes(&self) -> usize {
        (self.bytes.load(Ordering::Relaxed) / self.requests().max(1)) as usize
    }
    pub fn count(&self) -> usize {
        self.taken.lock().expect("nobody panicked").len()
    }
    pub fn with<T>(&self, look: impl FnOnce(&[Came]) -> T) -> T {
        look(&self.taken.lock().expect("nobody panicked"))
    }

    async fn serve(self: Arc<Sink>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let (mut line, mut body) = (String::new(), Vec::new());
        loop {
            let mut length = 0;
            loop {
                line.clear();
                if !stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    return;
                }
                match line.trim_end().split_once(':') {
                    Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                        length = value.trim().parse().expect("a length");
                    }
                    Some(_) => {}
                    None if line.trim_end().is_empty() => break,
                    None => {}
                }
            }
            body.resize(length, 0);
            if stream.read_exact(&mut body).await.is_err() {
                return;
            }
            let at = Instant::now();
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(length as u64, Ordering::Relaxed);
            let mood = self.mood.load(Ordering::Relaxed);
            let busy = mood == Mood::Busy as u8 && !number.is_multiple_of(5);
            if mood == Mood::Silent as u8 {
                // Until the other end gives up.
                let _ = stream.read(&mut [0]).await;
                return;
            }
            if !busy {
                self.note(&body, at);
            }
            if mood == Mood::Huge as u8 {
                return huge(stream.get_mut()).await;
            }
            let answer: &[u8] = if busy {
                b"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
            } else {
                b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"
            };
            if stream.get_mut().write_all(answer).await.is_err() {
                return;
            }
        }
    }

    fn note(&self, body: &[u8], at: Instant) {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let came = Came { cursor: text_at(text, "\"cursor\":\"").into(), event: event(text).into(), at };
        self.taken.lock().expect("nobody panicked").push(came);
    }
}

/// The id of the event that made a change.
pub fn event(change: &str) -> &str {
    change.split_once("\"event\":{").map_or("", |(_, event)| text_at(event, "\"id\":\""))
}

fn text_at<'t>(text: &'t str, begins: &str) -> &'t str {
    text.split_once(begins).and_then(|(_, rest)| rest.split_once('"')).map_or("", |(text, _)| text)
}

async fn huge(stream: &mut TcpStream) {
    let part = vec![b'x'; 1 << 16];
    if stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 1073741824\r\n\r\n").await.is_err() {
        return;
    }
    for _ in 0..1 << 14 {
        if stream.write_all(&part).await.is_err() {
            return;
        }
    }
}
