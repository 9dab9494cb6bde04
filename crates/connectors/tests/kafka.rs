//! A topic of Kafka on librdkafka's own cluster of three brokers: what is confirmed is there, each member's in order; a
//! group that reads it loses nothing and goes on behind what was acknowledged.
#![cfg(feature = "kafka")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connectors::{Address, Arrival, Inlet, Message, Out, Soon, Terms, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const TOPIC: &str = "loyalty";
const PARTITIONS: i32 = 3;

/// This machine, or nowhere.
struct Here(bool);

impl Out for Here {
    fn resolve(&self, host: &str, port: u16) -> Soon<io::Result<Vec<SocketAddr>>> {
        let (open, at) = (self.0, format!("{host}:{port}"));
        Box::pin(async move {
            if open {
                Ok(tokio::net::lookup_host(at).await?.collect())
            } else {
                Err(io::Error::other("closed"))
            }
        })
    }
    fn post(
        &self,
        _: &str,
        _: Vec<(String, String)>,
        _: Bytes,
        _: usize,
    ) -> Soon<Result<(u16, Bytes), String>> {
        Box::pin(async { Err("no HTTP here".into()) })
    }
}

fn message(no: usize) -> Message {
    Message {
        id: format!("f{no}-0-0").into(),
        kind: "points.earned".into(),
        member: format!("mem_{}", no % 5).into(),
        time: "2026-11-23T09:30:00Z".into(),
        body: format!("{{\"no\":{no}}}").into(),
    }
}

#[tokio::test]
async fn what_is_confirmed_is_there_in_each_members_order() {
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    let url = format!("kafka://{}/{TOPIC}", cluster.bootstrap_servers());
    let address = Address::parse(&url).unwrap().unwrap_or_else(|why| panic!("{url}: {why}"));
    let refused = Topic::open(&address, &(Arc::new(Here(false)) as _)).await;
    assert!(refused.is_err_and(|why| why.contains("closed")), "the way decides");
    let mut topic = Topic::open(&address, &(Arc::new(Here(true)) as _)).await.unwrap();
    for wave in 0..40 {
        let messages: Vec<Message> = (0..5).map(|no| message(wave * 5 + no)).collect();
        topic.send(&messages).await.unwrap();
    }
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
    }
    reader.assign(&all).unwrap();
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    while members.values().map(Vec::len).sum::<usize>() < 200 {
        let got = reader.poll(Duration::from_secs(20)).expect("it is there").unwrap();
        let key = String::from_utf8_lossy(got.key().unwrap()).into_owned();
        let no: usize =
            String::from_utf8_lossy(&got.payload().unwrap()[6..]).trim_end_matches('}').parse().unwrap();
        let id = got.headers().unwrap().iter().find(|header| header.key == "ce_id").unwrap().value.unwrap();
        assert_eq!(id, format!("f{no}-0-0").as_bytes());
        members.entry(key).or_default().push(no);
    }
    for (key, numbers) in members {
        assert!(numbers.is_sorted() && numbers.len() == 40, "{key}: {numbers:?}");
    }
}

fn inlet(hosts: &str, group: &str) -> (Address, Terms) {
    let url = format!("kafka://{hosts}/{TOPIC}?group={group}");
    let address = Address::source(&url).unwrap_or_else(|why| panic!("{url}: {why}"));
    (address, Terms { prefetch: 100, dead_letter_by_policy: false })
}

/// Until so many have come.
async fn take(inlet: &mut Inlet, count: usize) -> Vec<Arrival> {
    let mut all = Vec::new();
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while all.len() < count {
        all.extend(inlet.take(50).await.unwrap());
        assert!(std::time::Instant::now() < end, "{} of {count} came", all.len());
    }
    all
}

fn numbers(arrivals: &[Arrival]) -> BTreeSet<String> {
    let id = |one: &Arrival| one.headers.iter().find(|(name, _)| **name == *"ce_id").unwrap().1.to_string();
    arrivals.iter().map(id).collect()
}

#[tokio::test]
async fn a_group_goes_on_behind_what_was_acknowledged() {
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    let way: connectors::Way = Arc::new(Here(true));
    let url = format!("kafka://{}/{TOPIC}", cluster.bootstrap_servers());
    let address = Address::parse(&url).unwrap().unwrap_or_else(|why| panic!("{url}: {why}"));
    let mut topic = Topic::open(&address, &way).await.unwrap();
    let messages: Vec<Message> = (0..200).map(message).collect();
    topic.send(&messages).await.unwrap();
    let (address, terms) = inlet(&cluster.bootstrap_servers(), "fealty");

    let mut first = Inlet::open(&address, &way, terms).await.unwrap();
    let mut done = Vec::new();
    while done.len() < 100 {
        done.extend(take(&mut first, 1).await);
    }
    first.ack(&done).await.unwrap();
    // Taken, held for long, and never acknowledged: it comes again.
    let taken = take(&mut first, 1).await;
    for _ in 0..3 {
        first.hold(&taken).await.unwrap();
    }
    let left = first.backlog().await.unwrap().unwrap();
    assert_eq!((left.messages, left.is_due), (200 - done.len() as u64, true));
    let more = take(&mut first, 1).await;
    assert!(numbers(&more).is_disjoint(&numbers(&taken)), "what is held is not given twice");
    first.close().await;

    let mut second = Inlet::open(&address, &way, terms).await.unwrap();
    let rest = take(&mut second, 200 - done.len()).await;
    let (done, rest) = (numbers(&done), numbers(&rest));
    assert!(done.is_disjoint(&rest), "what was acknowledged does not come again");
    assert_eq!(done.len() + rest.len(), 200, "what was not does");
    second.close().await;
}
