//! Signed webhooks, and topics of brokers, to whoever wants to be told: one task an endpoint, each with its own place in
//! the feed, so that a slow one delays no other. A webhook that is not taken at once waits in the store; a topic is told
//! in order.
//!
//! Invariant: a change is before an endpoint's place only if the endpoint took it, or it waits, or it is a dead letter
//! that people see.

pub mod clerk;
pub mod connector;
pub mod endpoint;
pub mod message;
pub mod outcome;
mod schedule;
mod shares;
pub mod topic;
pub mod wish;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::key::KeyMaker;
use engine::Clock;
use store::{Admin, Reader, StoreError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::feed::Feed;
use crate::outbound::Outbound;
pub use endpoint::{Endpoint, Keys, Settings};

/// Before a task that panicked is started anew.
const BROKEN_REST: Duration = Duration::from_secs(10);

pub struct Deliveries {
    pub feed: Arc<Feed>,
    pub reader: Reader,
    pub admin: Admin,
    pub outbound: Outbound,
    /// What time it is for members.
    pub clock: Clock,
    /// Makes codes that nobody can guess.
    pub keys: KeyMaker,
    running: Mutex<HashMap<u64, Running>>,
    /// Endpoints are changed one after the other.
    changing: tokio::sync::Mutex<()>,
}

/// An endpoint's task, and how it is told to save and end.
struct Running {
    stop: watch::Sender<bool>,
    again: Arc<Notify>,
    task: JoinHandle<()>,
}

/// What an endpoint's task is told.
#[derive(Clone)]
struct Signal {
    /// It is started anew, or taken away.
    stopped: watch::Receiver<bool>,
    /// What waits in the store was changed.
    again: Arc<Notify>,
}

impl Deliveries {
    pub fn new(
        feed: Arc<Feed>,
        reader: Reader,
        admin: Admin,
        outbound: Outbound,
        clock: Clock,
        keys: KeyMaker,
    ) -> Arc<Deliveries> {
        Arc::new(Deliveries {
            feed,
            reader,
            admin,
            outbound,
            clock,
            keys,
            running: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// Starts all that are on; where other processes share the database, those that fall to this one.
    pub async fn start(self: &Arc<Deliveries>) {
        if self.admin.is_shared() {
            tokio::spawn(shares::keep(self.clone()));
            return;
        }
        match self.read(|reader| reader.endpoint_list()).await {
            Ok(rows) => rows.into_iter().for_each(|row| self.run(row.no)),
            Err(error) => tracing::error!(%error, "the endpoints cannot be read: nobody is told"),
        }
    }

    /// Makes one, and starts it.
    pub async fn make<E: From<StoreError> + Send + 'static>(
        self: &Arc<Deliveries>,
        make: impl FnOnce(&Reader, &Admin) -> Result<u64, E> + Send + 'static,
    ) -> Result<u64, E> {
        self.alone(move |all| async move {
            let no = all.with_store(make).await?;
            // If it is not this process's, it falls to another within a second.
            if all.seize(no).await.is_ok() {
                all.run(no);
            }
            Ok(no)
        })
        .await
    }

    /// Changes what is stored of it while it rests, and starts it anew; one that is off or gone is not started.
    pub async fn change<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: &Arc<Deliveries>,
        no: u64,
        change: impl FnOnce(&Reader, &Admin) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.alone(move |all| async move {
            all.pause(no).await;
            all.seize(no).await?;
            let changed = all.with_store(change).await;
            all.run(no);
            changed
        })
        .await
    }

    /// Messages in the store become due; those on their way are not held up by it.
    pub async fn again<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: &Arc<Deliveries>,
        no: u64,
        retry: impl FnOnce(&Reader, &Admin) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.alone(move |all| async move {
            let done = all.with_store(retry).await;
            let is_here = all.running().get(&no).map(|running| running.again.notify_one()).is_some();
            // Another process's task does not hear of it.
            if !is_here && all.admin.is_shared() && all.seize(no).await.is_ok() {
                all.run(no);
            }
            done
        })
        .await
    }

    /// To its end, though whoever asked for it has hung up.
    async fn alone<T, E, F>(
        self: &Arc<Deliveries>,
        work: impl FnOnce(Arc<Deliveries>) -> F + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let all = self.clone();
        let done = tokio::spawn(async move {
            let _alone = all.changing.lock().await;
            work(all.clone()).await
        });
        done.await.unwrap_or_else(|_| Err(broken().into()))
    }

    async fn with_store<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Reader, &Admin) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (reader, admin) = (self.reader.clone(), self.admin.clone());
        let done = tokio::task::spawn_blocking(move || work(&reader, &admin)).await;
        done.unwrap_or_else(|_| Err(broken().into()))
    }

    /// It saves what it knows and ends; what is on its way for long is not waited for, and is sent again.
    async fn pause(&self, no: u64) {
        let old = self.running().remove(&no);
        if let Some(old) = old {
            old.stop.send_replace(true);
            let _ = old.task.await;
        }
    }

    /// Whoever looked after it before does not from now on.
    async fn seize(&self, no: u64) -> Result<(), StoreError> {
        self.write(move |admin| admin.endpoint_seize(no, shares::HOLD_MS)).await
    }

    /// Waits until what is on its way is known; the feed was closed before.
    pub async fn stop(&self) {
        let running: Vec<_> = self.running().drain().map(|(_, running)| running).collect();
        for Running { stop, task, .. } in running {
            let _ = task.await;
            drop(stop);
        }
        // What cannot be told ends by itself.
        let _lapses = self.write(|admin| admin.endpoint_leave()).await;
    }

    fn run(self: &Arc<Deliveries>, no: u64) {
        let (stop, stopped) = watch::channel(false);
        let (all, ends) = (self.clone(), [stopped.clone(), self.feed.closing()]);
        let again = Arc::new(Notify::new());
        let signal = Signal { stopped, again: again.clone() };
        let work = move || {
            let (all, signal) = (all.clone(), signal.clone());
            async move {
                if topic::run(all.clone(), no, signal.stopped.clone()).await.is_continue() {
                    worker::run(all, no, signal).await;
                }
            }
        };
        let task = tokio::spawn(keep_up(no, work, BROKEN_REST, ends));
        self.running().insert(no, Running { stop, again, task });
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.with_store(move |reader, _| read(reader)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Admin) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.with_store(move |_, admin| write(admin)).await
    }
}

/// Until the work is done, or its end is wanted: what panics is started anew after a rest.
async fn keep_up<F: Future<Output = ()> + Send + 'static>(
    no: u64,
    work: impl Fn() -> F,
    rest: Duration,
    [mut stopped, mut closing]: [watch::Receiver<bool>; 2],
) {
    while let Err(broken) = tokio::spawn(work()).await {
        tracing::error!(endpoint = no, %broken, "an endpoint's task broke; it is started anew");
        // An error: whoever would tell is gone.
        tokio::select! {
            biased;
            _ = stopped.wait_for(|end| *end) => return,
            _ = closing.wait_for(|end| *end) => return,
            () = tokio::time::sleep(rest) => {}
        }
    }
}

fn broken() -> StoreError {
    StoreError::Unavailable("a task of deliveries broke".into())
}

#[tokio::test]
async fn a_task_that_panics_is_started_anew_until_its_end_is_wanted() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let (stop, stopped) = watch::channel(false);
    let (ends, begun) = ([stopped.clone(), stopped], Arc::new(AtomicU32::new(0)));
    let work = || {
        let begun = begun.clone();
        async move { assert!(begun.fetch_add(1, Ordering::Relaxed) == 2, "twice it panics") }
    };
    keep_up(1, work, Duration::ZERO, ends.clone()).await;
    assert_eq!(begun.load(Ordering::Relaxed), 3);
    stop.send_replace(true);
    keep_up(1, work, Duration::MAX, ends).await;
    assert_eq!(begun.load(Ordering::Relaxed), 4);
}
