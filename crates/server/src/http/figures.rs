//! Figures that are looked up when somebody asks for `/metrics`: what lies in the store, and how those stand who are told.
//! What is counted as it happens is in `app` and in the engine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::{Reader, StoreError};
use tokio::sync::Mutex;

use crate::app::App;
use crate::feed::Cursor;

/// Whoever asks more often gets what was found before: it costs some reads.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Default)]
pub struct Figures {
    rows: Gauge,
    members: Gauge,
    quarantined: Gauge,
    data_bytes: Gauge,
    log_bytes: Gauge,
    merge_failed: Gauge,
    endpoints: Family<StateLabel, Gauge>,
    deliveries: Family<StateLabel, Gauge>,
    behind: Gauge,
    failing_seconds: Gauge<f64, AtomicU64>,
    disk_free: Gauge,
    /// The folder of the embedded database.
    data: OnceLock<PathBuf>,
    looked: Mutex<Option<Instant>>,
}

/// Of those who are told.
#[derive(Default)]
struct Told {
    on: i64,
    failing: i64,
    off: i64,
    waiting: i64,
    dead: i64,
    behind: i64,
    failing_ms: i64,
}

impl Figures {
    pub fn register(registry: &mut Registry) -> Figures {
        let all = Figures::default();
        registry.register("journal_rows", "Rows of the journal", all.rows.clone());
        registry.register("members", "Members and households that ever came", all.members.clone());
        registry.register("quarantined", "Things in the quarantine", all.quarantined.clone());
        let bytes = || Unit::Bytes;
        registry.register_with_unit("data", "The database, without its log", bytes(), all.data_bytes.clone());
        registry.register_with_unit("log", "The write-ahead log", bytes(), all.log_bytes.clone());
        let merge = "1 where the last merge of key runs failed: lookups get slower";
        registry.register("merge_failed", merge, all.merge_failed.clone());
        let endpoints = "Endpoints: on, of these failing, and switched off";
        registry.register("endpoints", endpoints, all.endpoints.clone());
        let deliveries = "Messages that were not taken at once: waiting, and dead letters";
        registry.register("deliveries", deliveries, all.deliveries.clone());
        let behind = "Rows of the journal that the hindmost endpoint has not been told";
        registry.register("endpoint_behind_rows", behind, all.behind.clone());
        let failing = "Since when the endpoint that fails longest has taken nothing";
        registry.register_with_unit("endpoint_failing", failing, Unit::Seconds, all.failing_seconds.clone());
        let free = "What is free where the embedded database lies; 0 without one";
        registry.register_with_unit("disk_free", free, bytes(), all.disk_free.clone());
        all
    }

    /// What is free where the data lie is told from now on.
    pub fn watch_disk(&self, data: &Path) {
        let _once = self.data.set(data.into());
    }

    pub async fn look(&self, app: &App) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        *looked = Some(Instant::now());
        let found = app.read(|reader| Ok((reader.stats()?, told(reader)?))).await;
        // What the store cannot say now stays as it was; /readyz says that it cannot.
        let Ok((stats, told)) = found else { return };
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.rows.set(whole(stats.rows));
        self.members.set(whole(stats.members));
        self.quarantined.set(whole(stats.quarantined));
        self.data_bytes.set(whole(stats.file_bytes));
        self.log_bytes.set(whole(stats.wal_bytes));
        self.merge_failed.set(i64::from(stats.merge_error.is_some()));
        let of = |family: &Family<StateLabel, Gauge>, state, count| {
            family.get_or_create(&StateLabel { state }).set(count);
        };
        of(&self.endpoints, "on", told.on);
        of(&self.endpoints, "failing", told.failing);
        of(&self.endpoints, "off", told.off);
        of(&self.deliveries, "waiting", told.waiting);
        of(&self.deliveries, "dead", told.dead);
        self.behind.set(told.behind);
        self.failing_seconds.set(told.failing_ms as f64 / 1000.0);
        if let Some(disk) = self.data.get().and_then(|data| rustix::fs::statvfs(data).ok()) {
            self.disk_free.set(whole(disk.f_bavail.saturating_mul(disk.f_frsize)));
        }
    }
}

fn told(reader: &Reader) -> Result<Told, StoreError> {
    let (mut told, now_ms) = (Told::default(), jiff::Timestamp::now().as_millisecond());
    let end = reader.feed_end()?.0;
    for row in reader.endpoint_list()? {
        let counts = reader.endpoint_counts(row.no)?;
        told.waiting += counts.waiting.cast_signed();
        told.dead += counts.dead.cast_signed();
        if row.off.is_some() {
            told.off += 1;
            continue;
        }
        told.on += 1;
        if let Some(since) = row.failing_ms {
            told.failing += 1;
            told.failing_ms = told.failing_ms.max(now_ms - since);
        }
        let place = Cursor::parse(&row.place).map_or(0, |place| place.pos);
        told.behind = told.behind.max(end.saturating_sub(place).cast_signed());
    }
    Ok(told)
}
