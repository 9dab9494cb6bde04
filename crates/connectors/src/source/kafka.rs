//! A topic of Kafka, read by a group: librdkafka shares its partitions out, and offsets are stored only when it is said
//! that their messages are done. While messages are held, partitions are paused and the group is still spoken with.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::{Arrival, Backlog, Receipt, Terms, has_room};
use crate::kafka::config;
use crate::{Address, SOURCE, Way, cause};

/// Who takes nothing for so long is no member of the group any more.
const POLL_MAX: Duration = Duration::from_secs(300);
const SESSION_MAX: Duration = Duration::from_secs(30);
const HOLD_EVERY: Duration = Duration::from_secs(5);
/// Fetched and not yet taken: 32 MiB.
const FETCHED_KIB_MAX: usize = 32 << 10;
const ANSWER_MAX: Duration = Duration::from_secs(5);

pub struct Consumer {
    reads: Arc<StreamConsumer>,
    topic: String,
    /// Came while others were held.
    kept: VecDeque<Arrival>,
    paused: bool,
}

impl Consumer {
    pub async fn open(address: &Address, way: &Way, terms: Terms) -> Result<Consumer, String> {
        let mut config = config(address, way).await?;
        let text = |time: Duration| time.as_millis().to_string();
        config
            .set("group.id", address.get("group").unwrap_or(SOURCE))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A group that is new begins with what there is.
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "false")
            .set("max.poll.interval.ms", text(POLL_MAX))
            .set("session.timeout.ms", text(SESSION_MAX))
            .set("queued.min.messages", terms.prefetch.to_string())
            .set("queued.max.messages.kbytes", FETCHED_KIB_MAX.to_string());
        let reads: StreamConsumer = config.create().map_err(|error| cause(&error))?;
        let topic = address.path.clone();
        reads.subscribe(&[&topic]).map_err(|error| cause(&error))?;
        Ok(Consumer { reads: Arc::new(reads), topic, kept: VecDeque::new(), paused: false })
    }

    pub async fn take(&mut self, most: usize) -> Result<Vec<Arrival>, String> {
        self.resume()?;
        let first = match self.kept.pop_front() {
            Some(kept) => kept,
            None => loop {
                match self.reads.recv().await {
                    Ok(message) => break arrival(&message),
                    // The client connects again by itself.
                    Err(error) if passes(&error) => {}
                    Err(error) => return Err(format!("{}: {}", self.topic, cause(&error))),
                }
            },
        };
        let mut batch = vec![first];
        while has_room(&batch, most) {
            let next = match self.kept.pop_front() {
                Some(kept) => kept,
                None => match self.reads.recv().now_or_never() {
                    Some(Ok(message)) => arrival(&message),
                    _ => break,
                },
            };
            batch.push(next);
        }
        Ok(batch)
    }

    /// Pauses what is assigned by now, and speaks with the group, or it would give our partitions to others.
    pub async fn hold(&mut self, _: &[Arrival]) -> Result<(), String> {
        let assigned = self.reads.assignment().map_err(|error| cause(&error))?;
        self.reads.pause(&assigned).map_err(|error| cause(&error))?;
        self.paused = true;
        // What was on its way when it was paused.
        while let Some(next) = self.reads.recv().now_or_never() {
            match next {
                Ok(message) => self.kept.push_back(arrival(&message)),
                Err(error) if passes(&error) => {}
                Err(error) => return Err(cause(&error)),
            }
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.paused) {
            let assigned = self.reads.assignment().map_err(|error| cause(&error))?;
            self.reads.resume(&assigned).map_err(|error| cause(&error))?;
        }
        Ok(())
    }

    pub fn hold_every(&self) -> Duration {
        HOLD_EVERY
    }

    pub async fn ack(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for arrival in arrivals {
            #[allow(irrefutable_let_patterns)]
            if let Receipt::Kafka { partition, offset } = arrival.receipt {
                let behind = next.entry(partition).or_default();
                *behind = (*behind).max(offset + 1);
            }
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in next {
            let added = offsets.add_partition_offset(&self.topic, partition, Offset::Offset(offset));
            added.map_err(|error| cause(&error))?;
        }
        let reads = self.reads.clone();
        let commit = move || reads.commit(&offsets, CommitMode::Sync);
        match tokio::task::spawn_blocking(commit).await.map_err(|_| "the client ended")? {
            // The partition went to somebody else meanwhile, who gets them again: nothing is applied twice.
            Err(error) if is_of_others(&error) => Ok(()),
            done => done.map_err(|error| format!("{}: {}", self.topic, cause(&error))),
        }
    }

    pub async fn backlog(&mut self) -> Result<Option<Backlog>, String> {
        let (reads, topic) = (self.reads.clone(), self.topic.clone());
        let look = move || -> Result<Backlog, KafkaError> {
            let mut backlog = Backlog::default();
            let committed = reads.committed_offsets(reads.assignment()?, ANSWER_MAX)?;
            for one in committed.elements() {
                let (low, high) = reads.fetch_watermarks(&topic, one.partition(), ANSWER_MAX)?;
                let at = match one.offset() {
                    Offset::Offset(at) => at,
                    _ => low,
                };
                backlog.messages += u64::try_from(high - at).unwrap_or_default();
            }
            backlog.is_due = backlog.messages > 0;
            Ok(backlog)
        };
        let looked = tokio::task::spawn_blocking(look).await.map_err(|_| "the client ended")?;
        looked.map(Some).map_err(|error| cause(&error))
    }

    pub fn warning(&self) -> Option<&str> {
        None
    }

    /// Its partitions go to others at once.
    pub async fn close(self) {
        // It leaves the group when it is dropped, and waits for that.
        let _ = tokio::task::spawn_blocking(move || drop(self.reads)).await;
    }
}

/// What the client gets over by itself: a broker that is away, a topic that is not yet there.
fn passes(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    !matches!(
        code,
        Some(
            RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::PollExceeded
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::AllBrokersDown
        )
    )
}

fn is_of_others(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(
            RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
                | RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::AssignmentLost
                | RDKafkaErrorCode::NoOffset
        )
    )
}

fn arrival(message: &BorrowedMessage<'_>) -> Arrival {
    let named = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = named.map(|header| {
        let value = String::from_utf8_lossy(header.value.unwrap_or_default());
        (header.key.into(), value.into())
    });
    let (partition, offset) = (message.partition(), message.offset());
    Arrival {
        name: format!("{partition}:{offset}").into(),
        headers: headers.collect(),
        body: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
        again: false,
        receipt: Receipt::Kafka { partition, offset },
    }
}
