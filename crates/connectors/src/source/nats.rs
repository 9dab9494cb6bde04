//! A durable pull consumer of a JetStream stream. Pulls overlap and carry heartbeats: a server that has nothing says so,
//! and one that says nothing is left.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::{self, AckPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{self, AckKind, ErrorCode, Message};
use futures_util::{FutureExt, StreamExt};

use super::{Arrival, Backlog, Receipt, Terms, has_room};
use crate::nats::{Broken, connect};
use crate::{Address, Way, cause};

/// Twice without one: the connection is given up.
const HEARTBEAT: Duration = Duration::from_secs(5);
const PULL: Duration = Duration::from_secs(30);
/// Of a consumer that is made here.
const ACK_WAIT: Duration = Duration::from_secs(15);
const HOLD_EVERY_MIN: Duration = Duration::from_millis(100);

pub struct Consumer {
    client: Client,
    broken: Broken,
    consumer: consumer::PullConsumer,
    messages: pull::Stream,
    /// Came while others were held.
    kept: VecDeque<Message>,
    prefetch: usize,
    hold_every: Duration,
}

impl Consumer {
    pub async fn open(address: &Address, way: &Way, terms: Terms) -> Result<Consumer, String> {
        let (client, broken) = connect(address, way).await?;
        let context = jetstream::new(client.clone());
        let (stream, name) = address.path.split_once('/').unwrap_or((&address.path, ""));
        let consumer = match context.get_consumer_from_stream(name, stream).await {
            Ok(found) => found,
            Err(error) => match error.kind() {
                ConsumerErrorKind::InvalidConsumerType => {
                    return Err(format!("the consumer {name} pushes: name one that is pulled"));
                }
                ConsumerErrorKind::JetStream(said) if said.error_code() == ErrorCode::CONSUMER_NOT_FOUND => {
                    make(&context, address, stream, name, terms).await?
                }
                _ => return Err(format!("the stream {stream}: {}", cause(&error))),
            },
        };
        let config = &consumer.cached_info().config;
        if config.ack_policy != AckPolicy::Explicit {
            return Err(format!("the consumer {name} needs the ack policy `explicit`"));
        }
        if config.max_deliver > 0 {
            return Err(format!(
                "the consumer {name} gives a message up after {} deliveries, and it is lost: set max_deliver to -1",
                config.max_deliver
            ));
        }
        let hold_every = (config.ack_wait / 3).max(HOLD_EVERY_MIN);
        let pulling = consumer.stream().max_messages_per_batch(usize::from(terms.prefetch));
        let messages = pulling.expires(PULL).heartbeat(HEARTBEAT).messages().await;
        let messages = messages.map_err(|error| cause(&error))?;
        let (kept, prefetch) = (VecDeque::new(), usize::from(terms.prefetch));
        Ok(Consumer { client, broken, consumer, messages, kept, prefetch, hold_every })
    }

    pub async fn take(&mut self, most: usize) -> Result<Vec<Arrival>, String> {
        let mut broken = self.broken.clone();
        let first = match self.kept.pop_front() {
            Some(kept) => kept,
            None => tokio::select! {
                // First, for it is why nothing comes. An error is the end of the client.
                biased;
                _ = broken.wait_for(|broken| *broken) => return Err("the connection broke".into()),
                next = self.messages.next() => message(next)?,
            },
        };
        let mut batch = vec![arrival(first)];
        while has_room(&batch, most) {
            let next = match self.kept.pop_front() {
                Some(kept) => kept,
                None => match self.messages.next().now_or_never() {
                    Some(Some(Ok(next))) => next,
                    // If something is wrong, it is so the next time too.
                    _ => break,
                },
            };
            batch.push(arrival(next));
        }
        Ok(batch)
    }

    /// Those that wait here unseen are held too: their time runs all the same.
    pub async fn hold(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        while self.kept.len() < self.prefetch {
            match self.messages.next().now_or_never() {
                Some(next) => self.kept.push_back(message(next)?),
                None => break,
            }
        }
        self.say(arrivals, AckKind::Progress).await?;
        for kept in &self.kept {
            kept.ack_with(AckKind::Progress).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    pub fn hold_every(&self) -> Duration {
        self.hold_every
    }

    pub async fn ack(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        self.say(arrivals, AckKind::Ack).await?;
        self.client.flush().await.map_err(|error| cause(&error))?;
        if *self.broken.borrow() { Err("the connection broke".into()) } else { Ok(()) }
    }

    async fn say(&self, arrivals: &[Arrival], what: AckKind) -> Result<(), String> {
        for arrival in arrivals {
            #[allow(irrefutable_let_patterns)]
            if let Receipt::Nats(reply) = &arrival.receipt {
                let said = self.client.publish(reply.clone(), what.into()).await;
                said.map_err(|error| cause(&error))?;
            }
        }
        Ok(())
    }

    pub async fn backlog(&mut self) -> Result<Option<Backlog>, String> {
        let info = self.consumer.get_info().await.map_err(|error| cause(&error))?;
        // Once as many are unacknowledged as may be, no more are given.
        let room =
            info.config.max_ack_pending <= 0 || (info.num_ack_pending as i64) < info.config.max_ack_pending;
        Ok(Some(Backlog {
            messages: info.num_pending + info.num_ack_pending as u64,
            is_due: room && info.num_pending > 0,
        }))
    }

    pub fn warning(&self) -> Option<&str> {
        None
    }

    pub async fn close(mut self) {
        while let Some(Some(Ok(next))) = self.messages.next().now_or_never() {
            self.kept.push_back(next);
        }
        for kept in &self.kept {
            let _ = kept.ack_with(AckKind::Nak(None)).await;
        }
        let _ = self.client.flush().await;
    }
}

async fn make(
    context: &jetstream::Context,
    address: &Address,
    stream: &str,
    name: &str,
    terms: Terms,
) -> Result<consumer::PullConsumer, String> {
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        description: Some("Fealty reads this".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        // For ever: what cannot be read is set aside here, and acknowledged.
        max_deliver: -1,
        max_ack_pending: 4 * i64::from(terms.prefetch),
        filter_subject: address.get("subject").unwrap_or_default().to_owned(),
        ..Default::default()
    };
    // One that somebody else makes meanwhile is left as it is.
    let made = context.create_consumer_strict_on_stream(config, stream).await;
    made.map_err(|error| format!("the consumer {name} of the stream {stream}: {}", cause(&error)))
}

fn message(next: Option<Result<Message, pull::MessagesError>>) -> Result<Message, String> {
    match next {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(cause(&error)),
        None => Err("the consumer ended".into()),
    }
}

fn arrival(message: Message) -> Arrival {
    let (name, again) = match message.info() {
        Ok(info) => (info.stream_sequence.to_string().into(), info.delivered > 1),
        Err(_) => ("".into(), false),
    };
    let message = message.message;
    // Every message of a consumer has one.
    let receipt = Receipt::Nats(message.reply.unwrap_or_else(|| "".into()));
    let named = message.headers.iter().flat_map(|headers| headers.iter());
    let headers = named
        .flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            values.iter().map(move |value| (name.into(), value.as_str().into()))
        })
        .collect();
    Arrival { name, headers, body: message.payload, again, receipt }
}
