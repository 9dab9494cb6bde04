//! What happens at the bounds: a full queue, a client that dawdles, an import that is interrupted or packed.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Api, PROGRAM, launch, order};
use serde_json::Value;
use testkit::server::folder;

const ADA: &str = "email:ada@example.com";

fn lines(from: usize, to: usize) -> String {
    let one = |n| format!("{}\n", order(&format!("o{n}"), &format!("email:m{}@example.com", n % 50), "2"));
    (from..to).map(one).collect()
}

fn limited(args: &[&str]) -> Api {
    let mut launch = launch().with_program(PROGRAM);
    launch.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    Api::of(launch)
}

#[test]
fn a_full_queue_is_503_with_retry_after_and_what_was_refused_is_taken_later() {
    let api = limited(&["--queue-max", "1"]);
    let refused: Mutex<Option<(usize, testkit::http::Response)>> = Mutex::new(None);
    let over = AtomicBool::new(false);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (api, refused, over) = (&api, &refused, &over);
            scope.spawn(move || {
                let mut client = api.with_key(&api.server.launch.key);
                let mut from = sender * 1_000_000;
                while !over.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(60) {
                    let body = lines(from, from + 500);
                    let answer = client.post("/v1/events", "application/x-ndjson", body.as_bytes());
                    let answer = answer.unwrap_or_else(|e| panic!("{e}"));
                    if answer.status != 200 {
                        over.store(true, Ordering::Relaxed);
                        *refused.lock().unwrap_or_else(|e| e.into_inner()) = Some((from, answer));
                    }
                    from += 500;
                }
            });
        }
    });
    let refused = refused.into_inner().unwrap_or_else(|e| e.into_inner());
    let (from, answer) = refused.expect("four senders fill a queue of one");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("queue_full")), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let mut client = api.with_key(&api.server.launch.key);
    assert_eq!(client.get(&format!("/v1/events/o{from}")).map(|a| a.status).unwrap_or_default(), 404);
    let again = client.post("/v1/events", "application/x-ndjson", lines(from, from + 500).as_bytes());
    let again = again.unwrap_or_else(|e| panic!("{e}"));
    assert!(again.status == 200 && !again.body.contains("\"duplicate\":true"), "nothing of it had happened");
    let (code, out) = api.server.launch.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}");
}

/// Sends this and reads until the server has closed.
fn dawdle(api: &Api, sent: &str) -> String {
    let mut stream = TcpStream::connect(&api.server.address).unwrap_or_else(|e| panic!("{e}"));
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(sent.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    // A body that is cut off is answered, and the connection may stay.
    while let Ok(count) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..count]);
        if count == 0 || answer.windows(4).any(|w| w == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_client_that_dawdles_is_let_go_and_holds_up_nobody() {
    let api = limited(&["--body-seconds-max", "1", "--header-seconds-max", "1"]);
    let key = api.server.launch.key.clone();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/cloudevents+json\r\nContent-Length: 500\r\n\r\n{{"
    );
    let began = Instant::now();
    let answer = dawdle(&api, &head);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let answer = dawdle(&api, "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthor");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(15));
    let event = order("o1", ADA, "5").to_string();
    let served = api.with_key(&key).post("/v1/events", "application/cloudevents+json", event.as_bytes());
    assert_eq!(served.map(|answer| answer.status).unwrap_or_default(), 200);
}

fn import(dir: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fealty"));
    command.args(["import", "--program", "p.toml", "--data", "d", "--json"]).args(args).current_dir(dir);
    command.env_remove("FEALTY_API_KEY").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn summary(output: &std::process::Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn an_import_that_is_interrupted_goes_on_where_it_was() {
    let dir = folder("interrupted");
    std::fs::write(dir.join("p.toml"), PROGRAM).expect("ours");
    let count = 16_000;
    let text = lines(0, count);
    std::fs::write(dir.join("e.ndjson"), &text).expect("ours");
    let mut child = import(&dir, &["-"]).stdin(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{e}"));
    let mut pipe = child.stdin.take().expect("a pipe");
    // When so much has gone through the pipe, the import is under way.
    let (first, rest) = text.as_bytes().split_at(2 << 20);
    pipe.write_all(first).unwrap_or_else(|e| panic!("{e}"));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    // It may be gone before it has taken all.
    let _broken_pipe = pipe.write_all(rest);
    drop(pipe);
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let before = summary(&output)["applied"].as_u64().unwrap_or_default();
    assert!(before < count as u64, "{before} of {count} were in already");
    let again = import(&dir, &["e.ndjson"]).output().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let told = summary(&again);
    assert_eq!(
        (told["duplicates"].as_u64(), told["applied"].as_u64()),
        (Some(before), Some(count as u64 - before)),
        "{told}"
    );
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn an_import_that_waits_for_a_pipe_can_be_stopped() {
    let dir = folder("waiting");
    std::fs::write(dir.join("p.toml"), PROGRAM).expect("ours");
    let mut child = import(&dir, &["-"]).stdin(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{e}"));
    let mut pipe = child.stdin.take().expect("a pipe");
    // More than a pipe holds: somebody reads, so the import is under way. Then nothing comes any more.
    pipe.write_all(lines(0, 1_000).as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let began = Instant::now();
    let status = loop {
        let sent =
            Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        assert!(sent.is_ok() && began.elapsed() < Duration::from_secs(20), "it is still there");
        if let Some(status) = child.try_wait().unwrap_or_else(|e| panic!("{e}")) {
            break status;
        }
    };
    assert_eq!(status.code(), Some(130));
    drop(pipe);
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn a_packed_file_of_several_parts_is_imported_whole() {
    let dir = folder("packed");
    std::fs::write(dir.join("p.toml"), PROGRAM).expect("ours");
    let mut packed = Vec::new();
    for part in 0..3 {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(lines(part * 500, part * 500 + 500).as_bytes()).expect("memory");
        packed.extend(encoder.finish().expect("memory"));
    }
    std::fs::write(dir.join("e.ndjson.gz"), &packed).expect("ours");
    let output = import(&dir, &["e.ndjson.gz"]).output().unwrap_or_else(|e| panic!("{e}"));
    let told = summary(&output);
    assert_eq!((output.status.code(), told["applied"].as_u64()), (Some(0), Some(1_500)), "{told}");
    // Cut off in the middle: what can be read is taken, and the rest is told.
    std::fs::write(dir.join("cut.gz"), &packed[..packed.len() - 20]).expect("ours");
    let output = import(&dir, &["cut.gz"]).output().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    std::fs::remove_dir_all(&dir).expect("ours");
}
