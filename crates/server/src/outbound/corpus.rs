//! Two hundred addresses that lead inside (`corpus.txt`): as they are, as answers to a name, and as redirects. None may
//! make a connection. That the tests can fail is shown by opening every network: then each of them does.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::Soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::net::{Net, System};
use super::{Bytes, Guard, Outbound};
use crate::http::endpoints::shape;

struct Line {
    url: &'static str,
    leads_to: IpAddr,
}

fn corpus() -> Vec<Line> {
    let lines = include_str!("corpus.txt").lines().filter(|line| !line.starts_with("# "));
    let read = |line: &'static str| {
        let (url, address) = line.rsplit_once('\t').unwrap_or_else(|| panic!("{line}"));
        Line { url, leads_to: address.parse().unwrap_or_else(|_| panic!("{line}")) }
    };
    lines.map(read).collect()
}

/// Answers names as it is told, one answer after the other, and notes every connection that is made; all of them end at
/// a listener here.
#[derive(Default)]
struct Trap {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
    dialled: Mutex<Vec<IpAddr>>,
    here: Option<SocketAddr>,
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trap {
    fn answers(&self, host: &str, answers: Vec<Vec<IpAddr>>) {
        lock(&self.answers).insert(host.to_owned(), answers);
    }
    fn dialled(&self) -> Vec<IpAddr> {
        lock(&self.dialled).clone()
    }
}

/// What looks like an address is understood by the machine's own resolver, without asking anybody.
fn is_numeric(host: &str) -> bool {
    let part = |part: &str| {
        let lower = part.to_lowercase();
        let hex = lower.strip_prefix("0x").is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
        hex || part.chars().all(|c| c.is_ascii_digit())
    };
    host.contains(':') || host.trim_end_matches('.').split('.').all(part)
}

impl Net for Trap {
    fn resolve(&self, host: &str, port: u16) -> Soon<io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = lock(&self.answers);
        if is_numeric(host) {
            return System.resolve(host, port);
        }
        let all = answers.get_mut(host);
        let answer =
            all.map_or_else(Vec::new, |all| if all.len() > 1 { all.remove(0) } else { all[0].clone() });
        Box::pin(async move { Ok(answer.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()) })
    }

    fn connect(&self, to: SocketAddr) -> Soon<io::Result<TcpStream>> {
        lock(&self.dialled).push(to.ip());
        match self.here {
            Some(here) => Box::pin(TcpStream::connect(here)),
            None => Box::pin(async { Err(io::Error::other("nobody is there")) }),
        }
    }
}

/// As an endpoint of this address would be made, and sent to.
async fn post(outbound: &Outbound, url: &str) -> Result<super::Answer, String> {
    let uri = shape::url(url).map_err(str::to_owned)?;
    outbound.post(uri, &[], Bytes::from_static(b"{}")).await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// How many lines made a connection, and how many were not even taken as the address of an endpoint.
async fn send_to_all(guard: Guard) -> (Vec<&'static str>, usize) {
    let (mut dialled, mut refused) = (Vec::new(), 0);
    for line in corpus() {
        let trap = Arc::new(Trap::default());
        let Ok(uri) = shape::url(line.url) else {
            refused += 1;
            continue;
        };
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        trap.answers(host, vec![vec![line.leads_to]]);
        let sent = post(&Outbound::over(guard.clone(), trap.clone()), line.url).await;
        assert!(sent.is_err(), "nobody answers");
        if !trap.dialled().is_empty() {
            dialled.push(line.url);
        }
    }
    (dialled, refused)
}

fn wide_open() -> Guard {
    Guard { allowed: ["0.0.0.0/0", "::/0"].map(|all| all.parse().expect("a network")).into() }
}

#[test]
fn none_is_connected_to_as_it_is() {
    runtime().block_on(async {
        let all = corpus().len();
        assert!(all >= 220, "{all}");
        let (dialled, refused) = send_to_all(Guard::default()).await;
        assert_eq!(dialled, Vec::<&str>::new());
        // With every network open all but those that are no address of an endpoint are connected to.
        let (dialled, still_refused) = send_to_all(wide_open()).await;
        let understood = dialled.len();
        assert_eq!(refused, still_refused);
        assert!(understood >= 180, "of {all}, {refused} are refused and {understood} were understood");
    });
}

#[test]
fn none_is_connected_to_as_the_answer_to_a_name() {
    const URL: &str = "https://hooks.example/in";
    let public: IpAddr = "93.184.215.14".parse().expect("an address");
    let dials = |guard: Guard, answers: Vec<Vec<IpAddr>>| async move {
        let trap = Arc::new(Trap::default());
        trap.answers("hooks.example", answers);
        let sent = post(&Outbound::over(guard, trap.clone()), URL).await;
        assert!(sent.is_err(), "nobody answers");
        (trap.dialled(), trap.asked.load(Ordering::Relaxed))
    };
    runtime().block_on(async {
        for Line { leads_to, url } in corpus() {
            let answers = vec![vec![leads_to]];
            assert!(dials(Guard::default(), answers.clone()).await.0.is_empty(), "{url} {leads_to}");
            assert_eq!(dials(wide_open(), answers).await.0, [leads_to], "the test can fail");
            // Among others.
            let both = vec![vec![leads_to, public, leads_to]];
            assert_eq!(dials(Guard::default(), both).await.0, [public], "{url} {leads_to}");
            // The answer changes between two look-ups: there is one, and what it said is connected to.
            for answers in [[public, leads_to], [leads_to, public]] {
                let answers: Vec<Vec<IpAddr>> = answers.map(|ip| vec![ip]).into();
                let first = answers[0].clone();
                let (dialled, asked) = dials(Guard::default(), answers).await;
                let expected: Vec<IpAddr> = first.into_iter().filter(|ip| *ip == public).collect();
                assert_eq!((dialled, asked), (expected, 1), "{url} {leads_to}");
            }
        }
    });
}

/// Answers every request with a redirect to there; how many came is counted.
async fn redirecting(to: &'static str, status: u16) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let came = Arc::new(AtomicUsize::new(0));
    let count = came.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let _request = stream.read(&mut [0; 4096]).await;
            let answer = format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, came)
}

#[test]
fn none_is_connected_to_as_a_redirect() {
    let public: IpAddr = "93.184.215.14".parse().expect("an address");
    runtime().block_on(async {
        for (n, Line { url, leads_to }) in corpus().into_iter().enumerate() {
            let status = [301, 302, 303, 307, 308][n % 5];
            let (here, came) = redirecting(url, status).await;
            let trap = Arc::new(Trap { here: Some(here), ..Trap::default() });
            trap.answers("hooks.example", vec![vec![public]]);
            // Were it followed, it would be understood.
            trap.answers("localhost", vec![vec![leads_to]]);
            // Even with every network open.
            let answer = post(&Outbound::over(wide_open(), trap.clone()), "http://hooks.example/in").await;
            assert_eq!(answer.map(|answer| answer.status), Ok(status), "{url}");
            assert_eq!((trap.dialled(), came.load(Ordering::Relaxed)), (vec![public], 1), "{url}");
        }
    });
}
