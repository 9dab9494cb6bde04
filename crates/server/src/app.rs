//! What every handler may use: the door, the readers, keys, sources, metrics.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use domain::key::KeyMaker;
use domain::plan::Plan;
use engine::{Clock, Engine, Fatal, Intake, Metrics, Options, Versions};
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use store::{Admin, Reader, Store, StoreError};
use wire::member_id::MemberIds;

use crate::cli::open::Opened;
use crate::delivery::Deliveries;
use crate::feed::Feed;
use crate::http::figures::Figures;
use crate::http::problem::Problem;
use crate::http::program::put::told;
use crate::http::shape::Eyes;
use crate::keys::{Scope, hash, well_formed};
use crate::lane::Lane;
use crate::outbound::Outbound;
use crate::settings::Bounds;
use crate::sources::{Meters, Source};

pub struct App {
    pub intake: Intake,
    pub versions: Versions,
    pub reader: Reader,
    short: Lane,
    long: Lane,
    pub feed: Arc<Feed>,
    pub deliveries: Arc<Deliveries>,
    /// What time it is: in a sandbox it may be later than elsewhere.
    pub clock: Clock,
    pub admin: Admin,
    pub ids: MemberIds,
    /// Makes the codes by which members bring others, and the names of redemptions.
    pub codes: KeyMaker,
    pub keys: KeyRing,
    pub sources: BTreeMap<String, Source>,
    /// How the sources are that are read.
    pub meters: Meters,
    /// Which of the program's [environments] counts.
    pub environment: Option<String>,
    pub bounds: Bounds,
    pub metrics: HttpMetrics,
    pub registry: Registry,
    pub figures: Figures,
    pub draining: AtomicBool,
}

impl App {
    /// Starts the engine and puts everything together that handlers need.
    pub fn start(
        opened: Opened,
        keys: Vec<StoredKey>,
        sources: BTreeMap<String, Source>,
        environment: Option<String>,
        bounds: Bounds,
        outbound: Outbound,
        fatal: Fatal,
    ) -> std::io::Result<(Arc<App>, Engine)> {
        let Opened { store, plans, clock, compile, .. } = opened;
        let codes = store.key_maker();
        let (reader, admin, ids) = (store.reader(), store.admin(), member_ids(&store));
        let metrics = Metrics::default();
        let options = Options {
            queue_max: bounds.queue_max,
            clock: clock.clone(),
            wakes: true,
            compile,
            fatal,
            metrics: metrics.clone(),
        };
        let engine = Engine::start(store, plans, options)?;
        let (intake, versions) = (engine.intake.clone(), engine.versions.clone());
        // Published while nobody served, or told before: then this changes nothing.
        let published = (2..=versions.current().version).map(|version| told(version, &clock));
        let _no_answer = intake.submit(published.collect());
        let feed = Feed::new(reader.clone(), versions.clone(), ids.clone(), engine.committed.clone())?;
        let deliveries = Deliveries::new(
            feed.clone(),
            reader.clone(),
            admin.clone(),
            outbound,
            clock.clone(),
            codes.clone(),
        );
        let (metrics, mut registry) = HttpMetrics::register(&metrics);
        let meters = Meters::default();
        meters.register(&mut registry);
        registry.register("feed_readers", "Who listens to the feed", feed.readers.clone());
        let figures = Figures::register(&mut registry);
        let ring = KeyRing::new(&bounds);
        ring.replace(keys);
        let (keys, draining) = (ring, AtomicBool::new(false));
        let app = App {
            intake,
            versions,
            short: Lane::short(reader.clone())?,
            long: Lane::long(reader.clone())?,
            reader,
            feed,
            deliveries,
            clock,
            admin,
            ids,
            codes,
            keys,
            sources,
            meters,
            environment,
            bounds,
            metrics,
            registry,
            figures,
            draining,
        };
        Ok((Arc::new(app), engine))
    }

    /// What is shown, and how, under this version of the program.
    pub fn eyes<'a>(&'a self, plan: &'a Plan) -> Eyes<'a> {
        Eyes { plan, ids: &self.ids, codes: &self.codes, now: self.clock.now() }
    }

    /// The present program, for those who ask what it would do.
    pub fn plans(&self) -> domain::batch::Plans {
        domain::batch::Plans { current: self.versions.current(), older: Vec::new(), keys: self.codes.clone() }
    }

    /// What looks at a few rows.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.short.read(read).await.map_err(Problem::from)
    }
    /// What may look at thousands: it takes no place of the others.
    pub async fn read_long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.long.read(read).await.map_err(Problem::from)
    }
}

/// Public ids are made with a part of the installation's secret.
pub fn member_ids(store: &Store) -> MemberIds {
    let mut secret = [0; 16];
    secret.copy_from_slice(&store.secret()[..16]);
    MemberIds::new(secret)
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Who asks: one API key.
pub struct Principal {
    /// `key:3`, for the audit and as the namespace of its idempotency keys.
    pub origin: Box<str>,
    scopes: Vec<Scope>,
    expires_at: Option<jiff::Timestamp>,
    /// Revoked, or another by now.
    ended: AtomicBool,
    pub events: Limiter,
    pub requests: Limiter,
    pub events_per_second: u32,
    pub requests_per_second: u32,
}

impl Principal {
    /// For those who go on for long: false once the key is revoked or has expired.
    pub fn is_live(&self) -> bool {
        let expired = self.expires_at.is_some_and(|at| at <= jiff::Timestamp::now());
        !expired && !self.ended.load(Ordering::Relaxed)
    }
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|own| *own == scope || *own == Scope::Admin)
    }
}

/// The keys that count now, by their hashes. A lookup by SHA-256 tells nothing by its timing.
pub struct KeyRing {
    bounds: Bounds,
    keys: RwLock<HashMap<[u8; 32], Arc<Principal>>>,
}

/// A key as it is stored.
pub struct StoredKey {
    pub no: u64,
    pub hash: [u8; 32],
    pub scopes: Vec<Scope>,
    pub expires_at: Option<jiff::Timestamp>,
}

impl KeyRing {
    pub fn new(bounds: &Bounds) -> KeyRing {
        KeyRing { bounds: bounds.clone(), keys: RwLock::default() }
    }
    pub fn find(&self, token: &str) -> Option<Arc<Principal>> {
        if !well_formed(token) {
            return None;
        }
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.get(&hash(token)).filter(|principal| principal.is_live()).cloned()
    }
    /// Takes what is stored as the truth. Keys that did not change keep what they have spent.
    pub fn replace(&self, stored: Vec<StoredKey>) {
        let mut keys = self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut old = std::mem::take(&mut *keys);
        for key in stored {
            let is_same = |p: &Principal| p.scopes == key.scopes && p.expires_at == key.expires_at;
            let same = old.get(&key.hash).is_some_and(|old| is_same(old)).then(|| old.remove(&key.hash));
            let principal = same.flatten().unwrap_or_else(|| Arc::new(self.principal(&key)));
            keys.insert(key.hash, principal);
        }
        old.values().for_each(|gone| gone.ended.store(true, Ordering::Relaxed));
    }
    fn principal(&self, key: &StoredKey) -> Principal {
        Principal {
            origin: format!("key:{}", key.no).into(),
            scopes: key.scopes.clone(),
            expires_at: key.expires_at,
            ended: AtomicBool::new(false),
            events: limiter(self.bounds.events_per_second),
            requests: limiter(self.bounds.requests_per_second),
            events_per_second: self.bounds.events_per_second,
            requests_per_second: self.bounds.requests_per_second,
        }
    }
}

fn limiter(per_second: u32) -> Limiter {
    let per_second = std::num::NonZeroU32::new(per_second).unwrap_or(std::num::NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(per_second)).with_middleware()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabel {
    pub route: &'static str,
    pub status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    pub source: String,
    pub result: &'static str,
}

/// Requests by route and status; webhooks by source (those of the settings only) and result.
pub struct HttpMetrics {
    requests: Family<RequestLabel, Counter>,
    seconds: Histogram,
    pub webhooks: Family<SourceLabel, Counter>,
}

impl HttpMetrics {
    pub fn register(engine: &Metrics) -> (HttpMetrics, Registry) {
        let metrics = HttpMetrics {
            requests: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            webhooks: Family::default(),
        };
        let mut registry = Registry::with_prefix("fealty");
        engine.register(&mut registry);
        registry.register("http_requests", "Requests, by route and status", metrics.requests.clone());
        registry.register_with_unit(
            "http_request",
            "Answering one request",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("webhooks", "Webhooks, by source and result", metrics.webhooks.clone());
        let build: Family<Vec<(&'static str, &'static str)>, prometheus_client::metrics::gauge::Gauge> =
            Family::default();
        build.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION"))]).set(1);
        registry.register("build_info", "This build", build);
        (metrics, registry)
    }
    pub fn request(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabel { route, status }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
    pub fn webhook(&self, source: &str, result: &'static str) {
        self.webhooks.get_or_create(&SourceLabel { source: source.to_owned(), result }).inc();
    }
}
