//! The load: clients with one kept connection each, a thread each, that send a request and wait for its answer.
//! Both sides of a comparison get the same client, so what it costs weighs on both.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::events;

/// Appends the body of the n-th request.
pub type Body = Arc<dyn Fn(&mut String, u64) + Send + Sync>;

pub struct Load {
    pub port: u16,
    pub key: String,
    pub clients: usize,
    /// Where to it is posted; none: `body` writes the address from which it is gotten.
    pub path: Option<&'static str>,
    pub body: Body,
    pub time: Duration,
    /// Requests a second in all, each when chance has it; none: as fast as answers come.
    pub rate: Option<f64>,
}

pub struct Seen {
    pub per_second: f64,
    /// Milliseconds.
    pub latencies: Vec<f64>,
    /// The same from when each was due, so that a client who is late hides nothing.
    pub from_due: Vec<f64>,
    /// When each was sent.
    pub sent: Vec<Instant>,
    /// Its number.
    pub numbers: Vec<u64>,
    pub refused: u64,
    /// How long those took, in milliseconds.
    pub refusals: Vec<f64>,
}

impl Load {
    /// Sends requests from the number in `next` on, and leaves there the first that was not sent.
    pub fn run(self, next: &Arc<AtomicU64>) -> Seen {
        let time = self.time;
        self.run_until(next, |start| start.elapsed() >= time)
    }

    /// The same until it is over, however long that takes.
    pub fn run_until(self, next: &Arc<AtomicU64>, over: impl Fn(Instant) -> bool) -> Seen {
        let stop = Arc::new(AtomicBool::new(false));
        let load = Arc::new(self);
        let start = Instant::now();
        let clients: Vec<_> = (0..load.clients)
            .map(|no| {
                let (load, next, stop) = (load.clone(), next.clone(), stop.clone());
                let client = std::thread::Builder::new().stack_size(256 << 10);
                client.spawn(move || load.client(no as u64, &next, &stop)).expect("a thread")
            })
            .collect();
        while !over(start) {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        let (latencies, from_due, sent, numbers, refusals) = Default::default();
        let mut seen = Seen { per_second: 0.0, latencies, from_due, sent, numbers, refused: 0, refusals };
        for client in clients {
            let (answered, refused) = client.join().expect("a client ends");
            for (number, [due, sent, answered]) in answered {
                let ms = |from: Instant| answered.duration_since(from).as_secs_f64() * 1_000.0;
                seen.sent.push(sent);
                seen.numbers.push(number);
                seen.latencies.push(ms(sent));
                seen.from_due.push(ms(due.min(sent)));
            }
            seen.refused += refused.len() as u64;
            seen.refusals.extend(refused);
        }
        seen.per_second = seen.latencies.len() as f64 / start.elapsed().as_secs_f64();
        seen
    }

    /// When each answered one was due, sent and answered; and how long the refusals took.
    fn client(&self, no: u64, next: &AtomicU64, stop: &AtomicBool) -> (Vec<(u64, [Instant; 3])>, Vec<f64>) {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_nodelay(true).expect("no delay");
        let mut answers = BufReader::new(stream.try_clone().expect("one socket, two handles"));
        let mut requests = stream;
        let (mut answered, mut refused, mut body, mut answer) =
            (Vec::new(), Vec::new(), String::new(), Vec::new());
        let mut pauses = self.rate.map(|rate| pauses(no, self.clients as f64 / rate));
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if let Some(pause) = pauses.as_mut().and_then(Iterator::next) {
                due += pause;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            } else {
                due = Instant::now();
            }
            body.clear();
            let number = next.fetch_add(1, Ordering::Relaxed);
            (self.body)(&mut body, number);
            let request = self.request(&body);
            let sent = Instant::now();
            requests.write_all(request.as_bytes()).expect("the server reads");
            if read_answer(&mut answers, &mut answer) == 200 {
                answered.push((number, [due, sent, Instant::now()]));
            } else {
                refused.push(sent.elapsed().as_secs_f64() * 1_000.0);
            }
        }
        (answered, refused)
    }

    fn request(&self, body: &str) -> String {
        let head = format!("HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n", self.key);
        let Some(path) = self.path else { return format!("GET {body} {head}\r\n") };
        let kind = match path {
            "/v1/events" if body.starts_with('[') => "application/cloudevents-batch+json",
            "/v1/events" => "application/cloudevents+json",
            _ => "application/json",
        };
        format!("POST {path} {head}content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
}

/// Of one client, in the mean so many seconds: all clients together are a Poisson process, as people are who know
/// nothing of each other. Equal pauses would make volleys of all clients at once.
fn pauses(client: u64, mean: f64) -> impl Iterator<Item = Duration> {
    (0_u64..).map(move |n| {
        let even = (events::mix(client << 32 | n) >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_secs_f64(-mean * (1.0 - even).ln())
    })
}

#[test]
fn pauses_are_those_of_chance() {
    let all: Vec<f64> = (0..64).flat_map(|no| pauses(no, 0.032).take(500)).map(|p| p.as_secs_f64()).collect();
    let share = |above: f64| all.iter().filter(|p| **p > above).count() as f64 / all.len() as f64;
    assert!((all.iter().sum::<f64>() / all.len() as f64 / 0.032 - 1.0).abs() < 0.02);
    assert!((share(0.032) - (-1.0_f64).exp()).abs() < 0.01 && (share(0.096) - (-3.0_f64).exp()).abs() < 0.01);
}

/// Reads one whole answer and gives its status.
fn read_answer(answers: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> u16 {
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        answers.read_line(&mut line).expect("the server answers");
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().expect("a status");
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
    }
    body.resize(length, 0);
    answers.read_exact(body).expect("the whole answer");
    if status != 200 && status < 429 {
        panic!("answered {status}: {}", String::from_utf8_lossy(body));
    }
    status
}
