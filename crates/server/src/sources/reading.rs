//! What a message of a broker means: CloudEvents in structured, binary or batch form, or a vendor's payload. Pure.
//!
//! Header names differ from broker to broker (`ce-id`, `ce_id`, `cloudEvents:id`); they are read as HTTP's.

use connectors::{Arrival, Broker};
use engine::Delivery;
use store::Raw;
use wire::cloudevents::{self, Bad, Message, Reading};
use wire::headers::Headers;
use wire::signature::Verified;
use wire::sources::{Settings, decode};

use super::Payload;

pub struct Reader<'a> {
    pub source: &'a str,
    pub payload: &'a Payload,
    pub broker: Broker,
    pub body_bytes_max: usize,
    pub reading: Reading<'a>,
}

/// What is in some messages.
#[derive(Default)]
pub struct Read {
    pub deliveries: Vec<Delivery>,
    /// Which cannot be read, wholly or in part, and why.
    pub poison: Vec<(usize, String)>,
}

/// Prefixes of CloudEvents' attributes: HTTP's and NATS's, Kafka's, AMQP's.
const PREFIXES: [&str; 4] = ["ce-", "ce_", "cloudevents:", "cloudevents_"];
/// By which Standard Webhooks and brokers name a message; the first that is there.
const IDS: [&str; 4] = ["webhook-id", "svix-id", "message-id", "nats-msg-id"];
/// They could open a door elsewhere, and are kept nowhere.
const SECRET: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

impl Reader<'_> {
    pub fn read(&self, arrivals: &[Arrival]) -> Read {
        let mut read = Read::default();
        for (no, arrival) in arrivals.iter().enumerate() {
            let before = read.deliveries.len();
            if let Err(bad) = self.one(&arrival.headers, &arrival.body, &mut read.deliveries) {
                let said =
                    bad.0.iter().map(|fault| format!("{} {}: {}", fault.code, fault.pointer, fault.detail));
                let mut reason = said.collect::<Vec<_>>().join("; ");
                let good = read.deliveries.len() - before;
                if good > 0 {
                    reason = format!("{good} events of it were taken; {reason}");
                }
                read.poison.push((no, reason));
            }
        }
        read
    }

    /// An error is what is wrong; what is good beside it is taken.
    pub fn one(
        &self,
        headers: &[(Box<str>, Box<str>)],
        body: &[u8],
        into: &mut Vec<Delivery>,
    ) -> Result<(), Bad> {
        if body.len() > self.body_bytes_max {
            let detail = format!("{} bytes, and {} are taken", body.len(), self.body_bytes_max);
            return Err(wire::problem::Fault::new("", "body_too_long", detail).into());
        }
        match self.payload {
            Payload::CloudEvents => self.cloud_events(headers, body, into),
            Payload::Vendor(settings) => self.vendors(headers, body, settings, into),
        }
    }

    fn cloud_events(
        &self,
        headers: &[(Box<str>, Box<str>)],
        body: &[u8],
        into: &mut Vec<Delivery>,
    ) -> Result<(), Bad> {
        let headers = as_http(headers, self.broker);
        match cloudevents::read(&headers, body, self.reading)? {
            Message::One(input) => into.push(Delivery { input, raw: None }),
            Message::Many(all) => {
                let mut faults = Vec::new();
                for one in all {
                    match one {
                        Ok(input) => into.push(Delivery { input, raw: None }),
                        Err(bad) => faults.extend(bad.0),
                    }
                }
                if !faults.is_empty() {
                    return Err(Bad(faults));
                }
            }
        }
        Ok(())
    }

    fn vendors(
        &self,
        of: &[(Box<str>, Box<str>)],
        body: &[u8],
        settings: &Settings,
        into: &mut Vec<Delivery>,
    ) -> Result<(), Bad> {
        let headers = Headers::new(of.iter().map(|(name, value)| (&**name, value.as_bytes())));
        let id = IDS.iter().find_map(|name| headers.one(name).ok().flatten());
        let trusted = Verified::trusted(body.into(), id.map(Into::into));
        let raw = Raw { source: self.source.into(), headers: kept(of), body: body.to_vec() };
        let decoded = decode(settings, &trusted, &headers, self.reading)?;
        into.extend(decoded.into_iter().map(|one| Delivery { input: one.input, raw: Some(raw.clone()) }));
        Ok(())
    }
}

/// What is kept of the headers.
pub fn kept(headers: &[(Box<str>, Box<str>)]) -> Vec<(String, String)> {
    let open = headers.iter().filter(|(name, _)| !SECRET.contains(&&*name.to_ascii_lowercase()));
    open.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// As if it had come by HTTP: attributes under `ce-`, and a content type that says what the body is.
fn as_http(headers: &[(Box<str>, Box<str>)], broker: Broker) -> Headers {
    let mut all: Vec<(String, String)> = Vec::with_capacity(headers.len() + 1);
    let mut kind = None;
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        match PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
            // NATS's binding encodes as HTTP's does; the others write values as they are.
            Some(of) if broker == Broker::Nats => all.push((format!("ce-{of}"), value.to_string())),
            Some(of) => all.push((format!("ce-{of}"), encoded(value))),
            None if name == "content-type" => kind = Some(value.to_string()),
            None => {}
        }
    }
    let is_binary = all.iter().any(|(name, _)| name == "ce-specversion");
    // Publishers say little of the body, or what their client says by default.
    let says = |kind: &String| {
        let kind = kind.to_ascii_lowercase();
        is_binary
            || kind.starts_with("application/cloudevents")
            || kind.contains("ndjson")
            || kind.contains("jsonl")
    };
    let kind = kind.filter(says).unwrap_or_else(|| "application/json".into());
    all.push(("content-type".into(), kind));
    Headers::new(all)
}

/// As HTTP's binding has it.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'%' => text += &format!("%{byte:02X}"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::member_id::MemberIds;

    fn headers(of: &[(&str, &str)]) -> Vec<(Box<str>, Box<str>)> {
        of.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn input(of: &[(&str, &str)], broker: Broker, body: &str) -> domain::event::Input {
        let members = MemberIds::new([7; 16]);
        let received = jiff::Timestamp::UNIX_EPOCH;
        let reading = Reading { members: &members, received, origin: "source:q" };
        let read = cloudevents::read(&as_http(&headers(of), broker), body.as_bytes(), reading);
        match read.unwrap_or_else(|bad| panic!("{bad:?}")) {
            Message::One(input) => input,
            Message::Many(_) => panic!("one"),
        }
    }

    #[test]
    fn binary_and_structured_are_the_same_event_whatever_the_broker() {
        let body = r#"{"id": "o1", "total": "1.00"}"#;
        let structured = format!(
            r#"{{"specversion": "1.0", "id": "ü%1", "source": "shop", "type": "order.paid", "subject": "email:a@example.com", "data": {body}}}"#
        );
        let whole = input(&[], Broker::Nats, &structured);
        assert_eq!(&*whole.event.id, "ü%1");
        // A client that says what its library says by default.
        let odd = input(&[("content-type", "text/plain")], Broker::RabbitMq, &structured);
        assert_eq!(odd.body_hash, whole.body_hash);
        for (broker, prefix, id) in [
            (Broker::Nats, "ce-", "%C3%BC%251"),
            (Broker::Kafka, "ce_", "ü%1"),
            (Broker::RabbitMq, "cloudEvents:", "ü%1"),
            (Broker::Sqs, "cloudEvents_", "ü%1"),
        ] {
            let named: Vec<(String, &str)> = [
                ("specversion", "1.0"),
                ("id", id),
                ("source", "shop"),
                ("type", "order.paid"),
                ("subject", "email:a@example.com"),
            ]
            .into_iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value))
            .collect();
            let named: Vec<(&str, &str)> = named.iter().map(|(name, value)| (&**name, *value)).collect();
            let binary = input(&named, broker, body);
            assert_eq!((&binary.event.id, binary.body_hash), (&whole.event.id, whole.body_hash), "{prefix}");
        }
    }

    #[test]
    fn what_could_open_a_door_elsewhere_is_not_kept() {
        let all = headers(&[("Authorization", "Bearer x"), ("x-shopify-topic", "orders/paid")]);
        assert_eq!(kept(&all), [("x-shopify-topic".to_owned(), "orders/paid".to_owned())]);
    }
}
