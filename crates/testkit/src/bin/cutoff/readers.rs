//! Those who read: by pages, by a stream, as a webhook, from NATS. Each keeps what it saw, and the place from which it
//! goes on; each dies at times between the two, as a program does that was killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use testkit::http::Client;
use testkit::receiver::{Receiver, Reply};
use testkit::rng::Rng;
use testkit::stream::Stream;

use crate::proxy::lock;

/// Every change that came, as often as it came.
pub type Seen = Arc<Mutex<Vec<Value>>>;

pub struct Reader {
    pub seen: Seen,
    pub deaths: Arc<Mutex<u64>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn start(read: impl Fn(&Seen, &Mutex<u64>, &AtomicBool) + Send + 'static) -> Reader {
        let (seen, deaths, over) = (Seen::default(), Arc::default(), Arc::<AtomicBool>::default());
        let theirs = (seen.clone(), Arc::clone(&deaths), over.clone());
        let thread = std::thread::spawn(move || read(&theirs.0, &theirs.1, &theirs.2));
        Reader { seen, deaths, over, thread }
    }

    /// Asks for pages after the place that it stored with the page before.
    pub fn by_pages(address: String, key: String, mut rng: Rng) -> Reader {
        let rng = Mutex::new(rng.fork());
        Reader::start(move |seen, deaths, over| {
            let mut rng = lock(&rng);
            let (mut client, mut place) = (Client::new(&address, &key), "start".to_owned());
            while !over.load(Ordering::Acquire) {
                let limit = rng.between(1, 300);
                let page = client.get(&format!("/v1/feed?after={place}&limit={limit}&wait=1"));
                let Some(page) = page.ok().filter(|page| page.status == 200) else {
                    client = Client::new(&address, &key);
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                };
                let page = page.json();
                let changes = page["changes"].as_array().cloned().unwrap_or_default();
                if rng.chance(50) {
                    // It dies within the page, and has stored no new place.
                    let some = rng.index(changes.len() + 1);
                    lock(seen).extend_from_slice(&changes[..some]);
                    *lock(deaths) += 1;
                    continue;
                }
                lock(seen).extend(changes);
                place = page["next"].as_str().unwrap_or(&place).to_owned();
            }
        })
    }

    /// Listens to the stream; after a cut from the last id that it stored.
    pub fn by_stream(address: String, key: String, mut rng: Rng) -> Reader {
        let rng = Mutex::new(rng.fork());
        Reader::start(move |seen, deaths, over| {
            let (mut rng, mut stored) = (lock(&rng), None::<String>);
            while !over.load(Ordering::Acquire) {
                let path = if stored.is_some() { "/v1/feed/stream" } else { "/v1/feed/stream?after=start" };
                let stream = Stream::open(&address, &key, path, stored.as_deref());
                let Some(mut stream) = stream.ok().filter(|stream| stream.status == 200) else {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                };
                while let Ok(sent) = stream.sent() {
                    if !sent.data.is_empty() {
                        lock(seen).push(sent.json());
                    }
                    if rng.chance(2) {
                        // It dies before it has stored the id.
                        *lock(deaths) += 1;
                        break;
                    }
                    stored = Some(sent.id).filter(|id| !id.is_empty()).or(stored);
                    if over.load(Ordering::Acquire) {
                        return;
                    }
                }
            }
        })
    }

    pub fn end(self) {
        self.over.store(true, Ordering::Release);
        drop(self.thread.join());
    }
}

/// A receiver of webhooks, which fails at times.
pub fn receiver(seed: u64) -> Receiver {
    let rng = Mutex::new(Rng::new(seed));
    Receiver::start(move |_, _| match lock(&rng).chance(15) {
        true => Reply::Answer(500, "", "not now".into()),
        false => Reply::ok(),
    })
}
