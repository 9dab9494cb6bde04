//! A topic of Kafka on librdkafka's own cluster of three brokers: what is confirmed is there, each member's in order.
#![cfg(feature = "kafka")]

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connectors::{Address, Message, Out, Soon, Topic};
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
