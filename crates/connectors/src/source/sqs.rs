//! A queue of SQS by long polling: what is taken stays hidden from others while it is worked on, and is deleted in tens.
//! What SNS has put into an envelope is taken out of it.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Arrival, BATCH_BYTES_MAX, Backlog, Receipt, Terms};
use crate::sqs::{AT_ONCE, Account, ENTRIES_MAX};
use crate::{Address, Way};

const JSON: &str = "application/x-amz-json-1.0";
/// A request waits so long for a message; so long the server waits for it when it stops.
const WAIT_SECONDS: u32 = 5;
/// So long nobody else gets what is taken; it is said anew every third of it.
const HIDDEN_SECONDS: u64 = 60;
/// Ten messages of 1 MiB, escaped.
const ANSWER_BYTES_MAX: usize = 24 << 20;
/// Fewer than so many are soon used up by an outage.
const RECEIVES_MIN: u64 = 5;

pub struct Consumer {
    account: Account,
    /// The queue's URL.
    queue: String,
    /// Came, and was not yet taken.
    kept: Vec<Arrival>,
    prefetch: usize,
    warning: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Received {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: Box<str>,
    receipt_handle: Box<str>,
    body: String,
    #[serde(default)]
    attributes: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    message_attributes: std::collections::BTreeMap<String, Attribute>,
}

/// SQS names the value `StringValue`, SNS `Value`.
#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "StringValue", alias = "Value", default)]
    value: Option<Box<str>>,
}

/// What SNS posts, and what a queue that subscribes gets unless delivery is raw.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    r#type: Box<str>,
    #[serde(rename = "TopicArn")]
    _topic_arn: Box<str>,
    message: String,
    #[serde(default)]
    message_attributes: std::collections::BTreeMap<String, Attribute>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    attributes: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Failed {
    failed: Vec<Value>,
}

type Part<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

impl Consumer {
    pub async fn open(address: &Address, way: &Way, terms: Terms) -> Result<Consumer, String> {
        let account = Account::open(address, way)?;
        let queue = account.queue_url(address);
        let (kept, prefetch) = (Vec::new(), usize::from(terms.prefetch));
        let mut consumer = Consumer { account, queue, kept, prefetch, warning: None };
        consumer.warning = match consumer.attributes(&["RedrivePolicy"]).await {
            Ok(found) => redrive(found.get("RedrivePolicy")),
            // It may be read without the right to look at it; that there is none is another matter.
            Err(why) if why.contains("AccessDenied") => {
                Some("its redrive policy cannot be seen: sqs:GetQueueAttributes is not allowed".into())
            }
            Err(why) => return Err(why),
        };
        Ok(consumer)
    }

    pub async fn take(&mut self, most: usize) -> Result<Vec<Arrival>, String> {
        let most = most.min(self.prefetch).max(1);
        if self.kept.is_empty() {
            self.kept = self.receive(WAIT_SECONDS).await?;
        }
        // A full answer: there is more.
        while self.kept.len() >= ENTRIES_MAX && self.kept.len() < most && self.bytes() < BATCH_BYTES_MAX {
            let at_once = (most - self.kept.len()).div_ceil(ENTRIES_MAX).min(AT_ONCE);
            let receive = |_| self.receive(0);
            let all: Vec<_> = stream::iter(0..at_once).map(receive).buffer_unordered(at_once).collect().await;
            let (before, mut last) = (self.kept.len(), Ok(()));
            for part in all {
                match part {
                    Ok(part) => self.kept.extend(part),
                    Err(why) => last = Err(why),
                }
            }
            // What came is worked on first; what is wrong is so the next time too.
            if last.is_err() || self.kept.len() < before + ENTRIES_MAX {
                break;
            }
        }
        Ok(self.kept.drain(..self.kept.len().min(most)).collect())
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|one| one.body.len()).sum()
    }

    async fn receive(&self, wait_seconds: u32) -> Result<Vec<Arrival>, String> {
        let body = json!({
            "QueueUrl": self.queue, "MaxNumberOfMessages": ENTRIES_MAX, "WaitTimeSeconds": wait_seconds,
            "VisibilityTimeout": HIDDEN_SECONDS, "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["ApproximateReceiveCount"], "AttributeNames": ["ApproximateReceiveCount"],
        });
        let target = Some("AmazonSQS.ReceiveMessage");
        let said = self.account.ask_for(JSON, target, body.to_string(), ANSWER_BYTES_MAX).await?;
        let received: Received =
            serde_json::from_slice(&said).map_err(|error| format!("the answer: {error}"))?;
        Ok(received.messages.into_iter().map(arrival).collect())
    }

    pub async fn hold(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        self.each(arrivals, "AmazonSQS.ChangeMessageVisibilityBatch", Some(HIDDEN_SECONDS)).await
    }

    pub fn hold_every(&self) -> Duration {
        Duration::from_secs(HIDDEN_SECONDS / 3)
    }

    pub async fn ack(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        self.each(arrivals, "AmazonSQS.DeleteMessageBatch", None).await
    }

    /// The same for each, ten a request.
    async fn each(&self, arrivals: &[Arrival], target: &str, hidden: Option<u64>) -> Result<(), String> {
        let tens = arrivals.chunks(ENTRIES_MAX);
        // A box each: as a closure's, their lives would be none that a task may have.
        let mut parts: Vec<Part<'_>> = Vec::with_capacity(tens.len());
        for ten in tens {
            parts.push(Box::pin(self.ten(ten, target, hidden)));
        }
        let mut all = stream::iter(parts).buffer_unordered(AT_ONCE);
        let mut last = Ok(());
        // All are asked, whatever becomes of one: those that are done do not come again.
        while let Some(part) = all.next().await {
            last = last.and(part);
        }
        last
    }

    async fn ten(&self, ten: &[Arrival], target: &str, hidden: Option<u64>) -> Result<(), String> {
        let entry = |(n, arrival): (usize, &Arrival)| {
            #[allow(irrefutable_let_patterns)]
            let Receipt::Sqs(handle) = &arrival.receipt else { return Value::Null };
            let mut entry = json!({"Id": n.to_string(), "ReceiptHandle": handle});
            if let Some(seconds) = hidden {
                entry["VisibilityTimeout"] = seconds.into();
            }
            entry
        };
        let entries: Vec<Value> = ten.iter().enumerate().map(entry).collect();
        let body = json!({"QueueUrl": self.queue, "Entries": entries}).to_string();
        let said = self.account.ask(JSON, Some(target), body).await?;
        let said: Failed = serde_json::from_slice(&said).map_err(|error| format!("the answer: {error}"))?;
        match said.failed.first() {
            None => Ok(()),
            Some(failed) => Err(format!("{} of {}: {failed}", said.failed.len(), ten.len())),
        }
    }

    pub async fn backlog(&mut self) -> Result<Option<Backlog>, String> {
        let Ok(found) = self.attributes(&["ApproximateNumberOfMessages"]).await else { return Ok(None) };
        let messages = found.get("ApproximateNumberOfMessages").and_then(|count| count.parse().ok());
        // Each request stands for itself: no connection can have fallen silent.
        Ok(messages.map(|messages| Backlog { messages, is_due: false }))
    }

    async fn attributes(&self, names: &[&str]) -> Result<std::collections::BTreeMap<String, String>, String> {
        let body = json!({"QueueUrl": self.queue, "AttributeNames": names}).to_string();
        let said = self.account.ask(JSON, Some("AmazonSQS.GetQueueAttributes"), body).await?;
        let said: Attributes =
            serde_json::from_slice(&said).map_err(|error| format!("the answer: {error}"))?;
        Ok(said.attributes)
    }

    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// What is kept is seen by others at once.
    pub async fn close(self) {
        let change = "AmazonSQS.ChangeMessageVisibilityBatch";
        let _ = self.each(&self.kept, change, Some(0)).await;
    }
}

fn redrive(policy: Option<&String>) -> Option<String> {
    let Some(policy) = policy else {
        return Some("it has no redrive policy: what is not taken within its retention is lost".into());
    };
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    // It stands there as a number, or as a text.
    let most = &policy["maxReceiveCount"];
    let most = most.as_u64().or_else(|| most.as_str()?.parse().ok())?;
    (most < RECEIVES_MIN).then(|| {
        format!("its redrive policy gives a message up after {most} receipts: an outage uses them up, 10 or more are safe")
    })
}

fn arrival(message: Message) -> Arrival {
    let again = message.attributes.get("ApproximateReceiveCount").is_some_and(|count| count != "1");
    let (body, attributes) = match serde_json::from_str::<Envelope>(&message.body) {
        Ok(envelope) if *envelope.r#type == *"Notification" => {
            (envelope.message, envelope.message_attributes)
        }
        _ => (message.body, message.message_attributes),
    };
    let headers = attributes.into_iter().filter_map(|(name, one)| Some((name.into(), one.value?))).collect();
    Arrival {
        name: message.message_id,
        headers,
        body: Bytes::from(body),
        again,
        receipt: Receipt::Sqs(message.receipt_handle),
    }
}

#[test]
fn what_sns_has_put_into_an_envelope_is_taken_out() {
    let message = |body: &str| -> Message {
        serde_json::from_value(json!({"MessageId": "m", "ReceiptHandle": "r", "Body": body,
            "Attributes": {"ApproximateReceiveCount": "2"},
            "MessageAttributes": {"own": {"DataType": "String", "StringValue": "1"}}}))
        .unwrap_or_else(|e| panic!("{e}"))
    };
    let envelope = json!({"Type": "Notification", "TopicArn": "arn", "Message": "{\"a\": 1}",
        "MessageAttributes": {"ce_id": {"Type": "String", "Value": "7"}}});
    let got = arrival(message(&envelope.to_string()));
    assert_eq!((&got.body[..], got.headers), (&b"{\"a\": 1}"[..], vec![("ce_id".into(), "7".into())]));
    let raw = r#"{"specversion": "1.0", "type": "Notification"}"#;
    let got = arrival(message(raw));
    assert_eq!((&got.body[..], got.headers), (raw.as_bytes(), vec![("own".into(), "1".into())]));
    assert!(got.again);
}

#[test]
fn a_redrive_policy_is_looked_at() {
    let policy = |text: &str| redrive(Some(&text.to_owned())).is_some();
    assert!(
        redrive(None).is_some()
            && policy(r#"{"maxReceiveCount": 2}"#)
            && policy(r#"{"maxReceiveCount": "4"}"#)
    );
    assert!(!policy(r#"{"maxReceiveCount": "10", "deadLetterTargetArn": "arn"}"#));
}
