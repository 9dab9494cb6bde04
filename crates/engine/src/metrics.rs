//! What the engine counts. No label names a member, an event or anything else without a bound.

use domain::batch::Answer;
use domain::outcome::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StatusLabel {
    pub status: &'static str,
}

const STATUSES: [&str; 6] = ["conflict", "duplicate", "applied", "ignored", "refused", "waiting"];

#[derive(Clone)]
pub struct Metrics {
    pub events: Family<StatusLabel, Counter>,
    pub batch_size: Histogram,
    pub decide_seconds: Histogram,
    pub commit_seconds: Histogram,
    pub queue_depth: Gauge,
    pub queue_full: Counter,
    pub commit_failures: Counter,
    pub number_out_of_range: Counter,
    pub wakes: Counter,
    pub wake_lag_seconds: Gauge,
    pub wake_backlog: Gauge,
}

impl Default for Metrics {
    fn default() -> Metrics {
        // 50 us doubled 16 times reaches 1.6 s; 1 doubled 13 times reaches 4,096 inputs.
        let seconds = || Histogram::new(exponential_buckets(0.000_05, 2.0, 16));
        Metrics {
            events: Family::default(),
            batch_size: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            decide_seconds: seconds(),
            commit_seconds: seconds(),
            queue_depth: Gauge::default(),
            queue_full: Counter::default(),
            commit_failures: Counter::default(),
            number_out_of_range: Counter::default(),
            wakes: Counter::default(),
            wake_lag_seconds: Gauge::default(),
            wake_backlog: Gauge::default(),
        }
    }
}

impl Metrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("events", "Inputs answered, by what became of them", self.events.clone());
        // What never happened yet is 0, so that the first time is seen as a change.
        for status in STATUSES {
            self.events.get_or_create(&StatusLabel { status }).inc_by(0);
        }
        registry.register("batch_inputs", "Inputs decided in one batch", self.batch_size.clone());
        let seconds = Unit::Seconds;
        registry.register_with_unit(
            "decide",
            "Deciding one batch",
            seconds.clone(),
            self.decide_seconds.clone(),
        );
        registry.register_with_unit(
            "commit",
            "Hand-over to durable commit of one batch",
            seconds,
            self.commit_seconds.clone(),
        );
        registry.register("queue_depth", "Inputs that wait to be decided", self.queue_depth.clone());
        registry.register(
            "queue_full",
            "Submissions refused because the queue was full",
            self.queue_full.clone(),
        );
        registry.register("commit_failures", "Batches whose commit failed", self.commit_failures.clone());
        registry.register(
            "number_out_of_range",
            "Effects that failed because a number left the exact range",
            self.number_out_of_range.clone(),
        );
        registry.register("wakes", "Members for whom something was due", self.wakes.clone());
        let lag = "By how much the earliest member that is due is late";
        registry.register("wake_lag_seconds", lag, self.wake_lag_seconds.clone());
        let backlog = "Members that are due and not yet woken, counted up to 100,000";
        registry.register("wake_backlog", backlog, self.wake_backlog.clone());
    }

    /// A whole batch at once: each label is looked up once.
    pub(crate) fn count(&self, answers: &[Answer]) {
        let mut counts: [(&'static str, u64); 6] = STATUSES.map(|status| (status, 0));
        let mut out_of_range = 0;
        for answer in answers {
            let at = match (answer.conflict, answer.duplicate, answer.decision.status) {
                (true, ..) => 0,
                (_, true, _) => 1,
                (.., Status::Applied) => 2,
                (.., Status::Ignored) => 3,
                (.., Status::Refused) => 4,
                (.., Status::Waiting) => 5,
            };
            counts[at].1 += 1;
            if at > 1 {
                let cuts = answer.decision.effects.iter().filter_map(|effect| effect.cut.as_deref());
                out_of_range += cuts.filter(|cut| *cut == "number_out_of_range").count() as u64;
            }
        }
        for (status, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.events.get_or_create(&StatusLabel { status }).inc_by(count);
        }
        self.number_out_of_range.inc_by(out_of_range);
    }
}
