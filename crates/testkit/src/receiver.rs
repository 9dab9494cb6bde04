//! Somebody else's HTTP server: it keeps what it is sent and answers as it is told, well or badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub enum Reply {
    /// Status, further header lines, body.
    Answer(u16, &'static str, String),
    /// The same, with header lines that were made.
    Made(u16, String, String),
    /// 200, and bytes without end.
    Endless,
    /// Nothing, and the connection stays.
    Silence,
}

impl Reply {
    pub fn ok() -> Reply {
        Reply::Answer(200, "", String::new())
    }
}

type Kept = Arc<(Mutex<Vec<Received>>, Condvar)>;

pub struct Receiver {
    pub address: String,
    kept: Kept,
    open: Arc<AtomicBool>,
}

impl Receiver {
    /// `reply` is asked with what came and how many came before it.
    pub fn start(reply: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (kept, open) = (Kept::default(), Arc::new(AtomicBool::new(true)));
        let (reply, theirs, still) = (Arc::new(reply), kept.clone(), open.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !still.load(Ordering::Acquire) {
                    return;
                }
                let (reply, kept) = (reply.clone(), theirs.clone());
                std::thread::spawn(move || serve(stream, &kept, &*reply));
            }
        });
        Receiver { address, kept, open }
    }
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
    pub fn received(&self) -> Vec<Received> {
        lock(&self.kept.0).clone()
    }
    /// Waits until so many have come; panics with what is there after a while.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} messages"), |all| all.len() >= count)
    }
    pub fn wait_until(&self, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let until = Instant::now() + Duration::from_secs(60);
        let mut all = lock(&self.kept.0);
        while !enough(&all) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come: there are {}", all.len());
            all = self.kept.1.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        all.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Release);
        // Wakes the listener, which sees it.
        let _ = TcpStream::connect(&self.address);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, kept: &Kept, reply: &dyn Fn(&Received, usize) -> Reply) {
    let mut from = BufReader::new(stream);
    while let Some(received) = read(&mut from) {
        let before = {
            let mut all = lock(&kept.0);
            all.push(received.clone());
            all.len() - 1
        };
        kept.1.notify_all();
        let to = from.get_mut();
        let sent = match reply(&received, before) {
            Reply::Answer(status, headers, body) => answer(to, status, headers, &body),
            Reply::Made(status, headers, body) => answer(to, status, &headers, &body),
            Reply::Endless => endless(to),
            Reply::Silence => {
                // Until the other end gives up.
                let _ = from.read(&mut [0]);
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn answer(to: &mut TcpStream, status: u16, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    to.write_all(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}").as_bytes())
}

fn endless(to: &mut TcpStream) -> std::io::Result<()> {
    to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
    let part = vec![b'x'; 1 << 16];
    for _ in 0..1 << 14 {
        to.write_all(&part)?;
    }
    Ok(())
}

fn read(from: &mut BufReader<TcpStream>) -> Option<Received> {
    let (mut headers, mut line) = (Vec::new(), String::new());
    from.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    loop {
        line.clear();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let (body, at) = (Vec::new(), Instant::now());
    let mut received = Received { method, path, headers, body, at };
    received.body = vec![0; received.header("content-length").parse().unwrap_or(0)];
    from.read_exact(&mut received.body).ok()?;
    Some(received)
}
