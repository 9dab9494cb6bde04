//! `fealty serve`: opens the data, makes the owner's key at the first start, listens, says how to try it.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use store::{NewApiKey, Reader, Store};

use super::{Choice, Data, Failure, LISTEN, Place, SETTINGS, STORE, open};
use crate::app::{App, StoredKey};
use crate::keys::{Key, Scope, well_formed};
use crate::outbound::Outbound;
use crate::settings::{Limits, Log};
use crate::sources;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    choice: Choice,
    /// Where to listen [default: 127.0.0.1:8787]
    #[arg(long, env = "FEALTY_LISTEN", value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// How to log
    #[arg(long, env = "FEALTY_LOG", value_enum)]
    log: Option<Log>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    limits: Limits,
}

impl Serve {
    pub fn run(self) -> Result<u8, Failure> {
        let file = self.place.file()?;
        super::log(self.log.or(file.log).unwrap_or_default());
        let data = self.place.data(&file)?;
        let opened = self.choice.open(&data, &file)?;
        let sources = sources::read(&file, &opened.plans.current.id)?;
        let outbound = Outbound::new(file.delivery.guard()?);
        let key = owner(&opened.store, &data)?;
        let bounds = self.limits.over(&file.limits);
        let environment = self.choice.environment(&file).map(str::to_owned);
        let listen = self.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8787)));

        let keys = stored_keys(&opened.store.reader()).map_err(|e| open::failed(&data, e))?;
        let (app, engine) =
            App::start(opened, keys, sources, environment, bounds, outbound, Arc::new(stop_at_once))
                .map_err(|e| Failure::new(STORE, "cannot start the decider's thread", e))?;
        if let Data::Folder(dir) = &data {
            app.figures.watch_disk(dir);
        }
        let served =
            crate::http::serve::run(&app, listen, |address| greet(address, &app, &data, key.as_ref()));
        engine.stop();
        served.map_err(|e| {
            Failure::new(LISTEN, format!("cannot listen on {listen}"), e)
                .fix("choose another address with --listen, such as 127.0.0.1:0 for any free port")
        })?;
        tracing::info!("stopped; everything acknowledged is on disk");
        Ok(0)
    }
}

/// A commit whose outcome nobody knows, or a broken law: nothing may follow it. The next start finds out.
pub fn stop_at_once(why: &str) {
    eprintln!(
        "error: the store failed while running\n  why: {why}\n  do:  start again; senders that were answered 503 send again, and nothing is applied twice"
    );
    // Those who waited have their answers; they get a moment to leave.
    std::thread::sleep(std::time::Duration::from_millis(200));
    std::process::exit(i32::from(STORE));
}

/// At the first start (nobody may do everything yet): `FEALTY_API_KEY`, or a new one, which is answered to be shown once.
fn owner(store: &Store, data: &Data) -> Result<Option<Key>, Failure> {
    let stored = store.reader().api_key_list().map_err(|e| open::failed(data, e))?;
    let given = std::env::var("FEALTY_API_KEY").ok().filter(|key| !key.is_empty());
    if stored.iter().any(|row| row.scopes.iter().any(|scope| **scope == *Scope::Admin.name())) {
        return Ok(None);
    }
    let (key, shown) = match given {
        Some(text) if !text.bytes().all(|b| b.is_ascii_graphic()) => {
            let why = "it holds spaces or characters beyond ASCII, like the `…` of an example";
            return Err(Failure::new(SETTINGS, "FEALTY_API_KEY cannot be the owner's key", why));
        }
        Some(text) if !well_formed(&text) => {
            let why = "it begins with `lk_live_` like a key that was made here, and its checksum is wrong";
            let fix = "copy the whole key, or choose one that begins otherwise";
            return Err(Failure::new(SETTINGS, "FEALTY_API_KEY cannot be the owner's key", why).fix(fix));
        }
        Some(text) => {
            if text.len() < 24 {
                tracing::warn!("FEALTY_API_KEY is short; 32 random characters or more cannot be guessed");
            }
            (Key::given(&text), false)
        }
        None => (Key::random().map_err(|e| Failure::new(SETTINGS, "no random numbers", e))?, true),
    };
    let scopes = [Scope::Admin.name().into()];
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let new = NewApiKey { name: "owner", hash: key.hash(), scopes: &scopes, now_ms, expires_ms: None };
    let made = store.admin().api_key_first(&new).map_err(|e| open::failed(data, e))?;
    Ok(made.filter(|_| shown).map(|_| key))
}

/// Keys that are not revoked. A scope that this version does not know is not granted.
pub fn stored_keys(reader: &Reader) -> Result<Vec<StoredKey>, store::StoreError> {
    let rows = reader.api_key_list()?;
    let live = rows.into_iter().filter(|row| row.revoked_ms.is_none());
    Ok(live
        .map(|row| StoredKey {
            no: row.no,
            hash: row.hash,
            scopes: row.scopes.iter().filter_map(|name| Scope::parse(name)).collect(),
            expires_at: row.expires_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()),
        })
        .collect())
}

/// What a person reads first: where it is, the key if it was made, and a command that earns points.
fn greet(address: SocketAddr, app: &App, data: &Data, key: Option<&Key>) {
    let plan = app.versions.current();
    println!(
        "Fealty {} serves `{}` (version {}) from {}",
        env!("CARGO_PKG_VERSION"),
        plan.id,
        plan.version,
        data
    );
    println!("  http://{address}\n");
    if let Some(key) = key {
        println!("The owner's key, shown this once:\n  {}\n", key.text());
    }
    let shown = key.map_or("$FEALTY_API_KEY", Key::text);
    let now = app.clock.now();
    let (id, time) = (now.as_millisecond(), now.as_second());
    let time = jiff::Timestamp::from_second(time).unwrap_or(now);
    println!(
        "Try it: an order of 19.99 comes in\n  curl -s http://{address}/v1/events -H \"Authorization: Bearer {shown}\" \\\n    -H 'Content-Type: application/cloudevents+json' -d '{{\"specversion\":\"1.0\",\"source\":\"try\",\"id\":\"order-{id}\",\"type\":\"order.paid\",\"subject\":\"email:ada@example.com\",\"time\":\"{time}\",\"data\":{{\"id\":\"{id}\",\"currency\":\"{currency}\",\"total\":\"19.99\",\"subtotal\":\"19.99\",\"items\":[{{\"id\":\"1\",\"sku\":\"BEANS\",\"category\":\"coffee\",\"quantity\":1,\"price\":\"19.99\",\"total\":\"19.99\"}}]}}}}'\n",
        currency = plan.regions.first().map_or("EUR", |region| &region.currency),
    );
    println!(
        "What came of it\n  curl -s http://{address}/v1/members/email:ada@example.com -H \"Authorization: Bearer {shown}\"\n"
    );
    if key.is_none() && std::env::var_os("FEALTY_API_KEY").is_none() {
        println!("(set FEALTY_API_KEY to your key; `fealty keys create` makes another)\n");
    }
}
