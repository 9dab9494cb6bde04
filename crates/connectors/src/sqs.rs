//! Amazon SQS and SNS, over the one HTTP client: batches of ten, signed (SigV4), each entry confirmed.
//!
//! Credentials come from the address or from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; not from roles.

use std::fmt::Write;
use std::pin::Pin;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Address, Broker, Message, Way};

/// Of one request, as both services have it.
pub(crate) const ENTRIES_MAX: usize = 10;
/// Requests on their way at once.
pub(crate) const AT_ONCE: usize = 8;
const REGION: &str = "us-east-1";
/// Of an answer that holds no messages.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Of what is answered so much is told.
const SAID_CHARS_MAX: usize = 300;

/// Who asks, and where: shared by all that is asked of the two services.
pub(crate) struct Account {
    way: Way,
    service: &'static str,
    region: String,
    endpoint: String,
    credentials: Credentials,
}

impl Account {
    pub(crate) fn open(address: &Address, way: &Way) -> Result<Account, String> {
        let (host, port) = address.hosts.first().ok_or("it names no host")?;
        let (scheme, default) = if address.tls { ("https", 443) } else { ("http", 80) };
        let port = if *port == default { String::new() } else { format!(":{port}") };
        let service = if address.broker == Broker::Sns { "sns" } else { "sqs" };
        // sqs.eu-central-1.amazonaws.com
        let mut parts = host.split('.');
        let of_host = parts.next().filter(|first| *first == service).and(parts.next());
        let of_host = of_host.filter(|_| host.contains(".amazonaws.com")).map(str::to_owned);
        let region = address.get("region").map(str::to_owned).or(of_host);
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = match (&address.user, &address.password) {
            (Some(key), Some(secret)) => Credentials::new(key, secret, None, None, "fealty"),
            _ => {
                let (key, secret) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY"));
                let (Some(key), Some(secret)) = (key, secret) else {
                    return Err(
                        "neither the address nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say who asks"
                            .into(),
                    );
                };
                Credentials::new(key, secret, set("AWS_SESSION_TOKEN"), None, "fealty")
            }
        };
        Ok(Account {
            way: way.clone(),
            service,
            region: region.or_else(|| set("AWS_REGION")).unwrap_or_else(|| REGION.into()),
            endpoint: format!("{scheme}://{host}{port}/"),
            credentials,
        })
    }

    pub(crate) fn queue_url(&self, address: &Address) -> String {
        format!("{}{}", self.endpoint, address.path)
    }

    /// Signs and posts; what a 200 says.
    pub(crate) async fn ask(&self, kind: &str, target: Option<&str>, body: String) -> Result<Bytes, String> {
        self.ask_for(kind, target, body, ANSWER_BYTES_MAX).await
    }

    /// The same for an answer that may be longer.
    pub(crate) async fn ask_for(
        &self,
        kind: &str,
        target: Option<&str>,
        body: String,
        bytes_max: usize,
    ) -> Result<Bytes, String> {
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        headers.extend(target.map(|target| ("x-amz-target".to_owned(), target.to_owned())));
        let signed = self.sign(&headers, &body).map_err(|error| format!("it cannot be signed: {error}"))?;
        headers.extend(signed);
        let (status, said) = self.way.post(&self.endpoint, headers, Bytes::from(body), bytes_max).await?;
        if status == 200 {
            return Ok(said);
        }
        let said: String = String::from_utf8_lossy(&said).chars().take(SAID_CHARS_MAX).collect();
        Err(format!("{status}: {said}"))
    }

    fn sign(
        &self,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request =
            SignableRequest::new("POST", &self.endpoint, named, SignableBody::Bytes(body.as_bytes()))?;
        let (signed, _) = sign(request, &params)?.into_parts();
        Ok(signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

type Part<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A queue of SQS or a topic of SNS.
pub struct Queue {
    account: Account,
    /// The queue's URL or the topic's ARN.
    name: String,
    /// In order and without a second one of an id, as the name says.
    fifo: bool,
    sns: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    id: String,
    message_body: &'a str,
    message_attributes: Value,
    #[serde(flatten)]
    fifo: Option<Fifo<'a>>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Fifo<'a> {
    message_group_id: &'a str,
    message_deduplication_id: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Sent {
    successful: Vec<Value>,
    failed: Vec<Failed>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Failed {
    code: String,
    message: String,
}

impl Queue {
    pub fn open(address: &Address, way: &Way) -> Result<Queue, String> {
        let (account, sns) = (Account::open(address, way)?, address.broker == Broker::Sns);
        let name = if sns { address.path.clone() } else { account.queue_url(address) };
        Ok(Queue { account, fifo: name.ends_with(".fifo"), name, sns })
    }

    pub async fn send(&mut self, messages: &[Message]) -> Result<(), String> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        for part in messages.chunks(ENTRIES_MAX) {
            parts.push(Box::pin(self.part(part)));
        }
        stream::iter(parts).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn part(&self, messages: &[Message]) -> Result<(), String> {
        if self.sns { self.publish(messages).await } else { self.enqueue(messages).await }
    }

    fn fifo<'a>(&self, message: &'a Message) -> Option<Fifo<'a>> {
        let message_group_id = if message.member.is_empty() { "nobody" } else { &message.member };
        self.fifo.then_some(Fifo { message_group_id, message_deduplication_id: &message.id })
    }

    async fn enqueue(&self, messages: &[Message]) -> Result<(), String> {
        let attribute = |value: &str| json!({"DataType": "String", "StringValue": value});
        let entries = messages.iter().enumerate().map(|(n, message)| {
            let all: Map<_, _> =
                attributes(message).map(|(name, value)| (name.into(), attribute(value))).collect();
            let body = std::str::from_utf8(&message.body).map_err(|error| error.to_string())?;
            let (id, fifo) = (n.to_string(), self.fifo(message));
            Ok(Entry { id, message_body: body, message_attributes: all.into(), fifo })
        });
        let entries = entries.collect::<Result<Vec<_>, String>>()?;
        let body = json!({"QueueUrl": self.name, "Entries": entries}).to_string();
        let target = Some("AmazonSQS.SendMessageBatch");
        let said = self.account.ask("application/x-amz-json-1.0", target, body).await?;
        let sent: Sent = serde_json::from_slice(&said).map_err(|error| format!("the answer: {error}"))?;
        match sent.failed.first() {
            Some(failed) => Err(format!("{}: {}", failed.code, failed.message)),
            None if sent.successful.len() == messages.len() => Ok(()),
            None => Err(format!("{} of {} were confirmed", sent.successful.len(), messages.len())),
        }
    }

    /// SNS has the query protocol alone.
    async fn publish(&self, messages: &[Message]) -> Result<(), String> {
        let mut form = String::from("Action=PublishBatch&Version=2010-03-31");
        field(&mut form, "TopicArn", &self.name);
        for (n, message) in messages.iter().enumerate() {
            let at = format!("PublishBatchRequestEntries.member.{}", n + 1);
            field(&mut form, &format!("{at}.Id"), &n.to_string());
            let body = std::str::from_utf8(&message.body).map_err(|error| error.to_string())?;
            field(&mut form, &format!("{at}.Message"), body);
            if let Some(Fifo { message_group_id, message_deduplication_id }) = self.fifo(message) {
                field(&mut form, &format!("{at}.MessageGroupId"), message_group_id);
                field(&mut form, &format!("{at}.MessageDeduplicationId"), message_deduplication_id);
            }
            for (n, (name, value)) in attributes(message).enumerate() {
                let at = format!("{at}.MessageAttributes.entry.{}", n + 1);
                field(&mut form, &format!("{at}.Name"), name);
                field(&mut form, &format!("{at}.Value.DataType"), "String");
                field(&mut form, &format!("{at}.Value.StringValue"), value);
            }
        }
        let said = self.account.ask("application/x-www-form-urlencoded", None, form).await?;
        let said = String::from_utf8_lossy(&said);
        // What failed has a code, and no id of a message.
        if let Some(code) = between(&said, "<Code>", "</Code>") {
            let why = between(&said, "<Message>", "</Message>").unwrap_or_default();
            return Err(format!("{code}: {why}"));
        }
        let confirmed = said.matches("<MessageId>").count();
        if confirmed == messages.len() {
            Ok(())
        } else {
            Err(format!("{confirmed} of {} were confirmed", messages.len()))
        }
    }
}

fn attributes(message: &Message) -> impl Iterator<Item = (&'static str, &str)> {
    let all = [
        ("id", &*message.id),
        ("type", &*message.kind),
        ("member", &*message.member),
        ("time", &*message.time),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty())
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    Some(&rest[..rest.find(close)?])
}

/// `&name=value`, percent-encoded.
fn field(form: &mut String, name: &str, value: &str) {
    let _ = write!(form, "&{name}=");
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => form.push(byte.into()),
            _ => drop(write!(form, "%{byte:02X}")),
        }
    }
}

#[test]
fn a_field_is_encoded_for_a_form() {
    let mut form = String::from("a=1");
    field(&mut form, "b.member.1", "x y&z=ü+~");
    assert_eq!(form, "a=1&b.member.1=x%20y%26z%3D%C3%BC%2B~");
}
