//! The orderly end: told to stop, the server says so, finishes what it has begun, and ends within its bound.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver as Heard, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Api, PROGRAM, launch, launch_outward, order};
use serde_json::json;
use testkit::receiver::{Receiver, Reply};
use testkit::stream::Stream;

/// What an end may take at most beyond `drain_seconds_max` and `drain_notice_seconds`.
const BEYOND: Duration = Duration::from_secs(5);

fn api(notice: &str, drain: &str) -> Api {
    let mut launch = launch().with_program(PROGRAM);
    launch.env.push(("FEALTY_DRAIN_NOTICE_SECONDS".into(), notice.into()));
    launch.env.push(("FEALTY_DRAIN_SECONDS_MAX".into(), drain.into()));
    Api::of(launch)
}

/// An event of which the server has the first half.
struct Half {
    to: TcpStream,
    rest: Vec<u8>,
}

fn half(api: &Api, id: &str) -> Half {
    let (address, key) = (&api.server.address, &api.server.launch.key);
    let body = order(id, "email:ada@example.com", "5").to_string().into_bytes();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/cloudevents+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut to = TcpStream::connect(address).unwrap();
    to.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    to.write_all(head.as_bytes()).unwrap();
    // It has begun with the request when it asks for the body.
    let mut begun = [0; 25];
    to.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100 Continue\r\n\r\n");
    let (first, rest) = body.split_at(body.len() / 2);
    to.write_all(first).unwrap();
    Half { to, rest: rest.to_vec() }
}

impl Half {
    fn finish(mut self) -> String {
        self.to.write_all(&self.rest).unwrap();
        let mut answer = String::new();
        self.to.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn until_printed(api: &Api, what: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while !api.server.printed().contains(what) {
        assert!(Instant::now() < end, "{}", api.server.printed());
        std::thread::yield_now();
    }
}

#[test]
fn while_others_notice_requests_are_still_taken() {
    let mut api = api("4", "20");
    api.server.ask_to_stop();
    let told = api.until("/readyz", |told| told["code"] == "not_ready");
    assert_eq!(told["status"], 503);
    assert_eq!(api.event(&order("o1", "email:ada@example.com", "5")).status, 200);
    assert_eq!(api.get("/livez").status, 200, "it is not to be killed for it");
    assert_eq!(api.server.wait(), Some(0));
}

#[test]
fn what_was_begun_is_finished_and_streams_end() {
    let mut api = api("0", "20");
    let mut stream =
        Stream::open(&api.server.address, &api.server.launch.key, "/v1/feed/stream", None).unwrap();
    let half = half(&api, "o1");
    let begun = Instant::now();
    api.server.ask_to_stop();
    until_printed(&api, "requests in flight are finished");
    assert!(TcpStream::connect(&api.server.address).is_err(), "whoever comes now goes to another");
    assert!(stream.change().is_err(), "streams end");
    let answer = half.finish();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"applied\""), "{answer}");
    assert_eq!(api.server.wait(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "it does not wait for nothing");
    api.restart(|_| {});
    assert_eq!(api.get("/v1/events/o1").json()["status"], "applied");
}

#[test]
fn what_is_never_finished_is_waited_for_so_long_and_no_longer() {
    let mut api = api("0", "1");
    let _half = half(&api, "o1");
    let begun = Instant::now();
    api.server.ask_to_stop();
    assert_eq!(api.server.wait(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(1) + BEYOND, "{:?}", begun.elapsed());
}

#[test]
fn told_twice_it_stops_at_once() {
    let mut api = api("60", "60");
    assert_eq!(api.event(&order("o1", "email:ada@example.com", "5")).status, 200);
    let _half = half(&api, "o2");
    let begun = Instant::now();
    api.server.ask_to_stop();
    until_printed(&api, "requests are still taken");
    api.server.ask_to_stop();
    assert_eq!(api.server.wait(), Some(130));
    assert!(begun.elapsed() < BEYOND * 4);
    api.restart(|launch| launch.env.clear());
    assert_eq!(api.get("/v1/events/o1").json()["status"], "applied", "what was answered is on disk");
}

/// A receiver who answers when he is told to.
fn slow() -> (Receiver, Sender<()>) {
    let (answer, told): (Sender<()>, Heard<()>) = channel();
    let told = Arc::new(Mutex::new(told));
    let hook = Receiver::start(move |_, _| {
        let told = told.lock().unwrap();
        // An error: the test is over.
        let _over = told.recv_timeout(Duration::from_secs(20));
        Reply::ok()
    });
    (hook, answer)
}

#[test]
fn a_message_on_its_way_is_known_to_have_arrived() {
    let (mut api, (hook, answer)) = (Api::of(launch_outward(PROGRAM)), slow());
    let made = api.post("/v1/endpoints", &json!({"url": hook.url(), "types": ["points.*"]}));
    assert_eq!(made.status, 201, "{}", made.body);
    api.event(&order("o1", "email:ada@example.com", "5"));
    hook.wait_for(1);
    api.server.ask_to_stop();
    until_printed(&api, "requests in flight are finished");
    answer.send(()).unwrap();
    assert_eq!(api.server.wait(), Some(0));
    // The next start tells what comes then, and not this again.
    api.restart(|_| {});
    api.event(&order("o2", "email:ada@example.com", "6"));
    answer.send(()).unwrap();
    let got = hook.wait_for(2);
    assert_eq!(got.iter().map(|one| one.json()["data"]["amount"].clone()).collect::<Vec<_>>(), [5, 6]);
}
