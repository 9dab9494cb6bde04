//! What brokers bring: messages are taken, held while somebody works on them, and acknowledged.
//!
//! Not here: what a message means, and when it may be acknowledged (the server's `sources`).
//!
//! Invariants: nothing is acknowledged but by `ack`. What is taken and not acknowledged comes again, from whichever
//! connection. Where `may_be_cut`, `take` may be given up at any moment and loses nothing. No more is kept than was asked
//! for at `open`, twice.

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "sqs")]
mod sqs;

use std::time::Duration;

use bytes::Bytes;

use crate::{Address, CONNECT_MAX, Way, within};

/// A batch holds so many bytes of bodies, and the message that passes it.
#[cfg_attr(
    not(any(feature = "nats", feature = "rabbitmq", feature = "kafka", feature = "sqs")),
    allow(dead_code)
)]
const BATCH_BYTES_MAX: usize = 16 << 20;
/// A message is waited for so long; SQS has its own bound.
const TAKE_MAX: Duration = Duration::from_secs(5);
/// What is said of a whole batch; SQS is told in tens.
const SAY_MAX: Duration = Duration::from_secs(30);
/// A question.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The end of a connection, said to the broker.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// One message that came.
pub struct Arrival {
    /// By which the broker's own tools find it: the place in a stream or partition, the message's id.
    pub name: Box<str>,
    /// As they came; AMQP's properties are `content-type` and `message-id`.
    pub headers: Vec<(Box<str>, Box<str>)>,
    pub body: Bytes,
    /// The broker says that it gave it to somebody before.
    pub again: bool,
    #[cfg_attr(
        not(any(feature = "nats", feature = "rabbitmq", feature = "kafka", feature = "sqs")),
        allow(dead_code)
    )]
    receipt: Receipt,
}

/// How the broker knows which message is meant.
enum Receipt {
    #[cfg(feature = "nats")]
    Nats(async_nats::Subject),
    #[cfg(feature = "rabbitmq")]
    RabbitMq(u64),
    #[cfg(feature = "sqs")]
    Sqs(Box<str>),
    #[cfg(feature = "kafka")]
    Kafka { partition: i32, offset: i64 },
}

/// What waits there for us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub messages: u64,
    /// It ought to come to this connection: if it does not, something is wrong with it.
    pub is_due: bool,
}

/// How much is asked for, and what the operator has seen to.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Messages that may be here and not yet acknowledged.
    pub prefetch: u16,
    /// RabbitMQ: a policy gives the queue its dead-letter exchange.
    pub dead_letter_by_policy: bool,
}

/// An open connection to a queue, a stream or a topic that is read. There are few.
#[allow(clippy::large_enum_variant)]
pub enum Inlet {
    #[cfg(feature = "nats")]
    Nats(nats::Consumer),
    #[cfg(feature = "rabbitmq")]
    RabbitMq(rabbitmq::Consumer),
    #[cfg(feature = "kafka")]
    Kafka(kafka::Consumer),
    #[cfg(feature = "sqs")]
    Sqs(sqs::Consumer),
}

/// The same call for whichever broker it is.
macro_rules! each {
    ($inlet:expr, $one:ident => $call:expr, $none:expr) => {
        match $inlet {
            #[cfg(feature = "nats")]
            Inlet::Nats($one) => $call,
            #[cfg(feature = "rabbitmq")]
            Inlet::RabbitMq($one) => $call,
            #[cfg(feature = "kafka")]
            Inlet::Kafka($one) => $call,
            #[cfg(feature = "sqs")]
            Inlet::Sqs($one) => $call,
            #[allow(unreachable_patterns)]
            _ => $none,
        }
    };
}

#[cfg_attr(
    not(any(feature = "nats", feature = "rabbitmq", feature = "kafka", feature = "sqs")),
    allow(unused_variables)
)]
impl Inlet {
    /// An error is why it cannot be read, or may not be: a queue whose messages would be lost is refused.
    pub async fn open(address: &Address, way: &Way, terms: Terms) -> Result<Inlet, String> {
        let opened = async {
            match address.broker {
                #[cfg(feature = "nats")]
                crate::Broker::Nats => nats::Consumer::open(address, way, terms).await.map(Inlet::Nats),
                #[cfg(feature = "rabbitmq")]
                crate::Broker::RabbitMq => {
                    rabbitmq::Consumer::open(address, way, terms).await.map(Inlet::RabbitMq)
                }
                #[cfg(feature = "kafka")]
                crate::Broker::Kafka => kafka::Consumer::open(address, way, terms).await.map(Inlet::Kafka),
                #[cfg(feature = "sqs")]
                crate::Broker::Sqs => sqs::Consumer::open(address, way, terms).await.map(Inlet::Sqs),
                #[allow(unreachable_patterns)]
                broker => Err(broker.left_out()),
            }
        };
        within(CONNECT_MAX, "the broker did not answer", opened).await
    }

    /// Waits until there is a message, and gives it with what else is there by now; nothing, if none comes in a while.
    pub async fn take(&mut self, most: usize) -> Result<Vec<Arrival>, String> {
        #[cfg(feature = "sqs")]
        #[allow(irrefutable_let_patterns)]
        if let Inlet::Sqs(queue) = self {
            return queue.take(most).await;
        }
        let taken = async { each!(self, one => one.take(most).await, Ok(Vec::new())) };
        tokio::time::timeout(TAKE_MAX, taken).await.unwrap_or_else(|_| Ok(Vec::new()))
    }

    /// Whether `take` may be given up. What SQS has answered meanwhile would stay hidden for a while.
    pub fn may_be_cut(&self) -> bool {
        #[cfg(feature = "sqs")]
        #[allow(irrefutable_let_patterns)]
        if let Inlet::Sqs(_) = self {
            return false;
        }
        true
    }

    /// Says that these are still worked on, and takes no more meanwhile. To be said every `hold_every`.
    pub async fn hold(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        let held = async { each!(self, one => one.hold(arrivals).await, Ok(())) };
        within(SAY_MAX, "the broker did not answer", held).await
    }

    pub fn hold_every(&self) -> Duration {
        each!(self, one => one.hold_every(), ANSWER_MAX)
    }

    /// These will not come again. All that was taken and not yet acknowledged, in its order.
    pub async fn ack(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        let said = async { each!(self, one => one.ack(arrivals).await, Ok(())) };
        within(SAY_MAX, "the broker did not take the acknowledgement", said).await
    }

    /// None: the broker does not tell.
    pub async fn backlog(&mut self) -> Result<Option<Backlog>, String> {
        let asked = async { each!(self, one => one.backlog().await, Ok(None)) };
        within(ANSWER_MAX, "the broker did not answer", asked).await
    }

    /// What its operator should know, though it works.
    pub fn warning(&self) -> Option<&str> {
        each!(self, one => one.warning(), None)
    }

    /// What is here and not acknowledged is given back at once, so that nobody waits for it.
    pub async fn close(self) {
        let closed = async { each!(self, one => one.close().await, ()) };
        let _ = tokio::time::timeout(CLOSE_MAX, closed).await;
    }
}

/// Whether a batch takes another one.
#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
fn has_room(batch: &[Arrival], most: usize) -> bool {
    batch.len() < most && batch.iter().map(|one| one.body.len()).sum::<usize>() < BATCH_BYTES_MAX
}
