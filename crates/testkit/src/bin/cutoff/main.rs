//! A reader that polls, one that streams, a webhook and a reader of NATS, all cut off and killed at random while events
//! come in and the server is killed too. In the end all must have the same changes, and these those of the ledger.
//!
//! `cutoff [--seconds N] [--seed N]`; `FEALTY` is the server, `FEALTY_PEERS_PYTHON` a Python with nats-py and nats-server.

mod compare;
mod load;
mod nats;
mod proxy;
mod readers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::http::Client;
use testkit::receiver::Receiver;
use testkit::rng::Rng;
use testkit::server::{self, Launch, Server};

use compare::Heard;
use nats::Nats;
use proxy::{Proxy, lock};
use readers::Reader;

/// After the last cut everybody has so long to catch up.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);

/// What goes wrong, as often as it is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mishap {
    CutReaders,
    CutWebhook,
    CutTopic,
    KillReceiver,
    KillNatsReader,
    KillNats,
    KillServer,
}
use Mishap::*;
const MISHAPS: [Mishap; 14] = [
    CutReaders,
    CutReaders,
    CutReaders,
    CutReaders,
    CutWebhook,
    CutWebhook,
    CutWebhook,
    CutTopic,
    CutTopic,
    CutTopic,
    KillReceiver,
    KillNatsReader,
    KillNats,
    KillServer,
];

struct World {
    launch: Launch,
    server: Server,
    /// To the server: of readers, and of those who bring events.
    front: Proxy,
    receiver: Receiver,
    /// To the receiver of webhooks.
    hook: Proxy,
    nats: Nats,
    /// To NATS: of the server and of the reader.
    topic: Proxy,
    happened: Vec<Mishap>,
}

fn main() -> ExitCode {
    let (mut seconds, mut seed) = (600, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), words.next().and_then(|n| n.parse::<u64>().ok())) {
            ("--minutes", Some(n)) => seconds = n * 60,
            ("--seconds", Some(n)) => seconds = n,
            ("--seed", Some(n)) => seed = n,
            _ => {
                eprintln!("cutoff [--minutes N] [--seconds N] [--seed N]");
                return ExitCode::from(2);
            }
        }
    }
    match run(Duration::from_secs(seconds), seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(time: Duration, seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let python =
        PathBuf::from(std::env::var_os("FEALTY_PEERS_PYTHON").ok_or("FEALTY_PEERS_PYTHON is not set")?);
    let mut world = World::start(python.clone(), seed)?;
    let (front, key) = (world.front.address.clone(), world.launch.key.clone());
    let pages = Reader::by_pages(front.clone(), key.clone(), rng.fork());
    let stream = Reader::by_stream(front.clone(), key.clone(), rng.fork());
    let (over, acked) = (AtomicBool::new(false), AtomicU64::new(0));
    let mishaps = std::thread::scope(|scope| {
        let loads = rng.fork();
        scope.spawn(|| load::run(&front, &key, loads, &over, &acked));
        let went = world.mishaps(time, &mut rng);
        over.store(true, Ordering::Release);
        went
    });
    mishaps?;
    let told = world.heal(&pages, &stream)?;
    let heard = [
        Heard::new("pages", lock(&pages.seen).clone(), *lock(&pages.deaths), world.front.cuts()),
        Heard::new("stream", lock(&stream.seen).clone(), *lock(&stream.deaths), world.front.cuts()),
        Heard::new("webhook", world.hooked(), world.count(KillReceiver), world.hook.cuts()),
        Heard::new("NATS", world.nats.read(), world.count(KillNatsReader), world.topic.cuts()),
        Heard::new("stored", world.nats.stored()?, world.count(KillNats), world.topic.cuts()),
    ];
    pages.end();
    stream.end();
    println!(
        "{} s, seed {seed}: {} events; the server was killed {} times, NATS {} times",
        time.as_secs(),
        acked.load(Ordering::Relaxed),
        world.count(KillServer),
        world.count(KillNats)
    );
    compare::all(&told, &heard)?;
    world.server.stop();
    compare::ledger(&told, &nats::ledger(&python, &world.launch.data.join("data/fealty.db"))?)?;
    match world.launch.run(&["verify"]) {
        (Some(0), _) => {}
        (code, printed) => return Err(format!("verify ended with {code:?}:\n{printed}")),
    }
    println!(
        "equal: all four, what NATS has stored, the feed read at once, and the ledger ({} changes)",
        told.len()
    );
    world.launch.remove();
    Ok(())
}

impl World {
    fn start(python: PathBuf, seed: u64) -> Result<World, String> {
        let error = |e: std::io::Error| e.to_string();
        let mut launch = Launch::new(server::binary()).with_program(load::PROGRAM);
        let settings = launch.data.join("settings.toml");
        std::fs::write(&settings, "[delivery]\nallow_networks = [\"127.0.0.0/8\"]\n").map_err(error)?;
        launch.args.extend(["--settings".into(), settings.to_string_lossy().into_owned()]);
        let server = launch.start()?;
        let nats = Nats::start(python, launch.data.clone())?;
        let receiver = readers::receiver(seed);
        let (front, hook, topic) =
            (Proxy::start().map_err(error)?, Proxy::start().map_err(error)?, Proxy::start().map_err(error)?);
        front.lead(Some(&server.address));
        hook.lead(Some(&receiver.address));
        topic.lead(Some(&nats.address));
        let mut world = World { launch, server, front, receiver, hook, nats, topic, happened: Vec::new() };
        world.nats.start_reader(&world.topic.address)?;
        let webhook = json!({"url": format!("http://{}/hook", world.hook.address), "after": "start", "in_order": true,
            "per_second": 10_000, "at_once": 16});
        let topic = json!({"url": Nats::url(&world.topic.address), "after": "start"});
        for endpoint in [webhook, topic] {
            let made =
                world.client().post("/v1/endpoints", "application/json", endpoint.to_string().as_bytes());
            let made = made.map_err(error)?;
            if made.status != 201 {
                return Err(format!("an endpoint is not made: {}", made.body));
            }
        }
        Ok(world)
    }

    /// Past the proxy.
    fn client(&self) -> Client {
        self.server.client()
    }

    fn count(&self, mishap: Mishap) -> u64 {
        self.happened.iter().filter(|one| **one == mishap).count() as u64
    }

    fn mishaps(&mut self, time: Duration, rng: &mut Rng) -> Result<(), String> {
        let (begun, mut deck) = (Instant::now(), Vec::new());
        while begun.elapsed() < time {
            std::thread::sleep(Duration::from_millis(rng.between(50, 1_500) as u64));
            if deck.is_empty() {
                deck = MISHAPS.to_vec();
                rng.shuffle(&mut deck);
            }
            let Some(mishap) = deck.pop() else { continue };
            self.happened.push(mishap);
            let pause = Duration::from_millis(rng.between(0, 1_500) as u64);
            match mishap {
                CutReaders => self.front.cut(),
                CutWebhook => self.hook.cut(),
                CutTopic => self.topic.cut(),
                KillReceiver => {
                    self.hook.lead(None);
                    self.hook.cut();
                    std::thread::sleep(pause);
                    self.hook.lead(Some(&self.receiver.address));
                }
                KillNatsReader => {
                    self.nats.kill_reader();
                    std::thread::sleep(pause);
                    self.nats.start_reader(&self.topic.address)?;
                }
                KillNats => {
                    self.nats.kill_server();
                    self.topic.cut();
                    std::thread::sleep(pause);
                    self.nats.start_server()?;
                }
                KillServer => {
                    self.server.kill();
                    self.front.cut();
                    std::thread::sleep(pause);
                    self.server = self.launch.start()?;
                    self.front.lead(Some(&self.server.address));
                }
            }
        }
        Ok(())
    }

    /// Nothing goes wrong any more: all catch up with the feed as it is read at once.
    fn heal(&mut self, pages: &Reader, stream: &Reader) -> Result<Vec<Value>, String> {
        let (begun, mut before) = (Instant::now(), 0);
        loop {
            // A machine that is busy may not answer in time: it is asked again.
            let (told, retried) = (self.feed(), self.retry_webhooks());
            let trouble = told.as_ref().err().or(retried.as_ref().err()).cloned();
            let told = told.unwrap_or_default();
            let is_quiet = told.len() == before && trouble.is_none();
            before = told.len();
            let seen = [
                ("pages", lock(&pages.seen).clone()),
                ("stream", lock(&stream.seen).clone()),
                ("webhook", self.hooked()),
                ("NATS", self.nats.read()),
            ];
            let late: Vec<String> = seen
                .iter()
                .map(|(name, seen)| (name, compare::distinct(seen)))
                .filter(|(_, count)| *count < told.len())
                .map(|(name, count)| format!("{name} has {count} of {}", told.len()))
                .collect();
            if late.is_empty() && is_quiet {
                println!("all have caught up {:.1} s after the last cut", begun.elapsed().as_secs_f64());
                return Ok(told);
            }
            if begun.elapsed() > CATCH_UP_MAX {
                return Err(format!("{} {trouble:?}: {}", late.join(", "), self.server.printed()));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn feed(&self) -> Result<Vec<Value>, String> {
        let (mut client, mut all, mut after) = (self.client(), Vec::new(), "start".to_owned());
        loop {
            let page =
                client.get(&format!("/v1/feed?limit=1000&after={after}")).map_err(|e| e.to_string())?.json();
            match page["changes"].as_array() {
                Some(changes) if !changes.is_empty() => all.extend(changes.iter().cloned()),
                _ => return Ok(all),
            }
            after = page["next"].as_str().unwrap_or_default().to_owned();
        }
    }

    /// As a person would who does not want to wait for hours: what failed is tried again now. What stands behind it in
    /// its member's order follows by itself.
    fn retry_webhooks(&self) -> Result<(), String> {
        let mut client = self.client();
        let mut get = |path: &str| client.get(path).map(|answer| answer.json()).map_err(|e| e.to_string());
        let mut failed = Vec::new();
        for state in ["waiting", "dead"] {
            let mut path = format!("/v1/deliveries?endpoint=ep_1&state={state}&limit=200");
            loop {
                let page = get(&path)?;
                let all = page["deliveries"].as_array().cloned().unwrap_or_default();
                failed.extend(all.into_iter().filter(|one| one["attempts"].as_u64() > Some(0)));
                let Some(next) = page["next"].as_str() else { break };
                path = format!("/v1/deliveries?endpoint=ep_1&state={state}&limit=200&cursor={next}");
            }
        }
        for one in failed {
            let path = format!("/v1/deliveries/{}/retry", one["id"].as_str().unwrap_or_default());
            client.post(&path, "application/json", b"{}").map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    fn hooked(&self) -> Vec<Value> {
        self.receiver.received().iter().map(|received| received.json()).collect()
    }
}
