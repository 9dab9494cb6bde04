//! Kafka: an idempotent producer that waits for all replicas. The member is the key, so that his changes are in one
//! partition, in order; keys go to partitions as Java's clients choose them.
//!
//! librdkafka connects by itself: the way resolves the hosts of the address, which must be open, but whom these name as
//! their other brokers is connected to unseen.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::{Address, CONFIRM_MAX, Message, SOURCE, Way, cause};

/// The client gives up before whoever waits for it does.
const MARGIN: Duration = Duration::from_secs(5);

/// What a client of either direction needs.
pub(crate) async fn config(address: &Address, way: &Way) -> Result<ClientConfig, String> {
    let mut hosts = Vec::new();
    let mut last = "it has no address".to_owned();
    for (host, port) in &address.hosts {
        match way.resolve(host, *port).await {
            Ok(_) if host.contains(':') => hosts.push(format!("[{host}]:{port}")),
            Ok(_) => hosts.push(format!("{host}:{port}")),
            Err(error) => last = format!("{host}: {error}"),
        }
    }
    if hosts.is_empty() {
        return Err(last);
    }
    let protocol = match (address.tls, address.user.is_some()) {
        (true, _) if !cfg!(feature = "kafka-tls") => {
            return Err("this build knows no TLS for Kafka: build with `--features kafka-tls`".into());
        }
        (false, false) => "plaintext",
        (false, true) => "sasl_plaintext",
        (true, false) => "ssl",
        (true, true) => "sasl_ssl",
    };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", hosts.join(","))
        .set("client.id", SOURCE)
        .set("security.protocol", protocol);
    if let (Some(user), password) = (&address.user, address.password.as_deref().unwrap_or_default()) {
        config.set("sasl.mechanism", address.get("sasl").unwrap_or("PLAIN"));
        config.set("sasl.username", user).set("sasl.password", password);
    }
    Ok(config)
}

pub struct Log {
    producer: FutureProducer,
    topic: String,
}

impl Log {
    pub async fn open(address: &Address, way: &Way) -> Result<Log, String> {
        let mut config = config(address, way).await?;
        config.set("enable.idempotence", "true").set("acks", "all").set("partitioner", "murmur2_random");
        config.set("message.timeout.ms", (CONFIRM_MAX - MARGIN).as_millis().to_string());
        let producer = config.create().map_err(|error| cause(&error))?;
        Ok(Log { producer, topic: address.path.clone() })
    }

    pub async fn send(&mut self, messages: &[Message]) -> Result<(), String> {
        let mut reports = Vec::with_capacity(messages.len());
        for message in messages {
            let body: &[u8] = &message.body;
            let mut record =
                FutureRecord::<str, [u8]>::to(&self.topic).payload(body).headers(headers(message));
            if !message.member.is_empty() {
                record = record.key(&message.member);
            }
            reports.push(self.producer.send_result(record).map_err(|(error, _)| cause(&error))?);
        }
        for report in reports {
            let report = report.await.map_err(|_| "the client ended")?;
            report.map_err(|(error, _)| format!("{}: {}", self.topic, cause(&error)))?;
        }
        Ok(())
    }
}

/// CloudEvents' attributes as Kafka's binding names them.
fn headers(message: &Message) -> OwnedHeaders {
    let all = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", &*message.id),
        ("ce_source", SOURCE),
        ("ce_type", &*message.kind),
        ("ce_time", &*message.time),
        ("ce_subject", &*message.member),
    ];
    let all = all.into_iter().filter(|(_, value)| !value.is_empty());
    all.fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}
