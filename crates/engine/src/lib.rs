//! The running program without a listener: intake, decider, publication, metrics. No axum, no SQL, no rules.
//!
//! One thread decides, one (the store's) writes; everybody else submits and waits. What is due is done by the decider,
//! which rests until the next event or the next wake, whichever is first.

mod clock;
mod decider;
mod due;
mod intake;
mod metrics;
mod others;
mod publish;
mod waker;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use domain::batch::Plans;
use domain::plan::Plan;
use domain::snapshot::Snapshot;
use store::{ProgramVersion, Store};
use tokio::sync::watch;

pub use clock::{Clock, Move, Moved, Once, PendingMove};
pub use decider::BATCH_MAX;
pub use intake::{Delivery, Failure, Intake, Outcome, Pending, Reply, SUBMISSION_MAX};
pub use metrics::{Metrics, StatusLabel};
pub use publish::{PendingPublish, Publish, Published};

/// Called when the process must not go on: a commit whose outcome nobody knows, a broken file, a bug.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Makes a plan of a stored version that follows this one.
pub type Compile = Arc<dyn Fn(&ProgramVersion, &Plan) -> Result<Plan, String> + Send + Sync>;

/// All versions of the program, for readers; the newest judges what comes in.
#[derive(Clone)]
pub struct Versions(Arc<RwLock<Vec<Arc<Plan>>>>);

impl Versions {
    fn new(plans: &Plans) -> Versions {
        let all = plans.older.iter().chain([&plans.current]).cloned().collect();
        Versions(Arc::new(RwLock::new(all)))
    }
    pub fn current(&self) -> Arc<Plan> {
        let plans = self.0.read().unwrap_or_else(PoisonError::into_inner);
        plans.last().expect("there is always a version").clone()
    }
    /// The version under which something was decided.
    pub fn get(&self, version: u32) -> Option<Arc<Plan>> {
        let plans = self.0.read().unwrap_or_else(PoisonError::into_inner);
        plans.iter().rev().find(|plan| plan.version == version).cloned()
    }
    fn add(&self, plan: Arc<Plan>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(plan);
    }
}

pub struct Options {
    /// Inputs that may wait; more are answered `Failure::Full`.
    pub queue_max: usize,
    pub clock: Clock,
    /// Does what is due by itself. An import leaves it to the server: history comes in before time goes on.
    pub wakes: bool,
    pub compile: Compile,
    pub fatal: Fatal,
    pub metrics: Metrics,
}

/// The decider's thread and the handles on it.
pub struct Engine {
    pub intake: Intake,
    pub versions: Versions,
    /// The newest row that is durable.
    pub committed: watch::Receiver<u64>,
    thread: JoinHandle<()>,
}

impl Engine {
    pub fn start(mut store: Store, plans: Plans, options: Options) -> std::io::Result<Engine> {
        let (sender, receiver) = mpsc::channel();
        let queue = Arc::new(intake::Queue {
            waiting: 0.into(),
            waiting_max: options.queue_max,
            metrics: options.metrics,
        });
        let versions = Versions::new(&plans);
        let fatal = options.fatal.clone();
        let (committed_in, committed) = watch::channel(0);
        let told = committed_in.clone();
        store.hear(Box::new(move |pos| decider::tell(&told, pos)));
        let decider = decider::Decider {
            store,
            plans,
            snapshot: Snapshot::default(),
            versions: versions.clone(),
            queue: queue.clone(),
            clock: options.clock,
            fatal: options.fatal,
            failed: Arc::new(AtomicBool::new(false)),
            wakes: options.wakes.then(waker::Wakes::new),
            woken: 0,
            moves: Vec::new(),
            flying: Arc::default(),
            rest_until: None,
            committed: committed_in,
            compile: options.compile,
        };
        let run = move || {
            let _guard = PanicIsFatal(fatal);
            decider.run(&receiver);
        };
        let thread = std::thread::Builder::new().name("decider".into()).spawn(run)?;
        Ok(Engine { intake: Intake { sender, queue }, versions, committed, thread })
    }

    /// Lets what waits be decided and committed, then ends; what comes later is answered `Stopped`.
    pub fn stop(self) {
        // If nobody listens any more, it has stopped already.
        let _ = self.intake.sender.send(intake::Message::Stop);
        // A panic there has been reported by then.
        let _ = self.thread.join();
    }
}

/// A broken law of the ledger is a bug: nothing may be decided after it.
struct PanicIsFatal(Fatal);

impl Drop for PanicIsFatal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)("the decider panicked: a law of the ledger was broken");
        }
    }
}
