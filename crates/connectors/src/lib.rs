//! Clients of message brokers, one file each, each behind a Cargo feature: how an address is read, how a connection is
//! made, how messages are published and confirmed (`Topic`), and how they are read and acknowledged (`Inlet`).
//!
//! Not here: what is published and when (the server's `delivery/topic`), and what becomes of what is read (its `sources`).
//!
//! Invariants: `Topic::send` answers `Ok` only when the broker has confirmed every message; `Inlet` acknowledges only
//! what it is told to; no connection is made but to what the `Way` resolves or by its `post`.

mod address;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod source;
#[cfg(feature = "sqs")]
mod sqs;
#[cfg(feature = "tls")]
mod tls;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use address::{Address, Broker, shown};
pub use source::{Arrival, Backlog, Inlet, Terms};

/// From the first byte of a connection to the broker's welcome.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Of so many messages that are on their way at once, until all are confirmed.
const CONFIRM_MAX: Duration = Duration::from_secs(30);

pub type Soon<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The only ways out of this machine, kept by whoever knows where a client may go.
pub trait Out: Send + Sync {
    /// The addresses of a name that may be connected to; an error is why there is none.
    fn resolve(&self, host: &str, port: u16) -> Soon<io::Result<Vec<SocketAddr>>>;
    /// Posts over HTTP: the status and the answer, if it has no more bytes than these.
    fn post(
        &self,
        url: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        bytes_max: usize,
    ) -> Soon<Result<(u16, Bytes), String>>;
}

pub type Way = Arc<dyn Out>;

/// One change on its way to a topic.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same for ever; a broker that can drops a second one.
    pub id: Box<str>,
    pub kind: Box<str>,
    /// Messages of one member stay in order; nothing: nobody's.
    pub member: Box<str>,
    /// When it happened, as RFC 3339 writes it.
    pub time: Box<str>,
    pub body: Bytes,
}

/// The `source` of a message as CloudEvents name it.
pub const SOURCE: &str = "fealty";

/// An open connection to a topic.
pub enum Topic {
    #[cfg(feature = "nats")]
    Nats(nats::Subject),
    #[cfg(feature = "rabbitmq")]
    RabbitMq(rabbitmq::Exchange),
    #[cfg(feature = "kafka")]
    Kafka(kafka::Log),
    #[cfg(feature = "sqs")]
    Sqs(sqs::Queue),
}

impl Topic {
    #[cfg_attr(
        not(any(feature = "nats", feature = "rabbitmq", feature = "kafka", feature = "sqs")),
        allow(unused_variables)
    )]
    pub async fn open(address: &Address, way: &Way) -> Result<Topic, String> {
        let opened = async {
            match address.broker {
                #[cfg(feature = "nats")]
                Broker::Nats => nats::Subject::open(address, way).await.map(Topic::Nats),
                #[cfg(feature = "rabbitmq")]
                Broker::RabbitMq => rabbitmq::Exchange::open(address, way).await.map(Topic::RabbitMq),
                #[cfg(feature = "kafka")]
                Broker::Kafka => kafka::Log::open(address, way).await.map(Topic::Kafka),
                #[cfg(feature = "sqs")]
                Broker::Sqs | Broker::Sns => sqs::Queue::open(address, way).map(Topic::Sqs),
                #[allow(unreachable_patterns)]
                broker => Err(broker.left_out()),
            }
        };
        within(CONNECT_MAX, "the broker did not answer", opened).await
    }

    /// Publishes and waits until each is confirmed; after an error nobody knows which were. The messages are of
    /// different members, so that none can overtake another one of its member.
    #[cfg_attr(
        not(any(feature = "nats", feature = "rabbitmq", feature = "kafka", feature = "sqs")),
        allow(unused_variables)
    )]
    pub async fn send(&mut self, messages: &[Message]) -> Result<(), String> {
        let sent = async {
            match self {
                #[cfg(feature = "nats")]
                Topic::Nats(subject) => subject.send(messages).await,
                #[cfg(feature = "rabbitmq")]
                Topic::RabbitMq(exchange) => exchange.send(messages).await,
                #[cfg(feature = "kafka")]
                Topic::Kafka(log) => log.send(messages).await,
                #[cfg(feature = "sqs")]
                Topic::Sqs(queue) => queue.send(messages).await,
                #[allow(unreachable_patterns)]
                _ => Ok(()),
            }
        };
        within(CONFIRM_MAX, "the broker did not confirm", sent).await
    }
}

async fn within<T>(
    max: Duration,
    what: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    match tokio::time::timeout(max, work).await {
        Ok(done) => done,
        Err(_) => Err(format!("{what} within {} seconds", max.as_secs())),
    }
}

/// An error and the reasons behind it: "no responders" says more than "publish failed".
#[cfg(any(feature = "nats", feature = "rabbitmq", feature = "kafka"))]
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut all, mut at) = (error.to_string(), error.source());
    while let Some(source) = at {
        let said = source.to_string();
        if !all.contains(&said) {
            all = format!("{all}: {said}");
        }
        at = source.source();
    }
    all
}
