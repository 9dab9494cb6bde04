//! A queue of RabbitMQ, read with a prefetch and acknowledged by hand. A queue that drops what was given out too often is
//! refused: version 4 does so after 20 times unless a dead-letter exchange takes it.
//!
//! AMQP does not tell how a queue was made. It is asked for by making it again: the broker refuses, and says in what the
//! one that is there differs.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use super::{Arrival, Backlog, Receipt, Terms, has_room};
use crate::rabbitmq::{connect, short};
use crate::{Address, Way, cause};

/// Arguments that are asked for, one refusal each.
const ARGUMENTS_MAX: usize = 16;
const DEAD_LETTER: &str = "x-dead-letter-exchange";
const QUEUE_TYPE: &str = "x-queue-type";
/// A queue gives nothing up by time within half an hour, unless it is told to.
const HOLD_EVERY: Duration = Duration::from_secs(60);
const DONE: u16 = 200;

/// What the broker answers with.
const NOT_FOUND: u16 = 404;
const DIFFERS: u16 = 406;

pub struct Consumer {
    connection: Connection,
    channel: Channel,
    /// Asks how many wait, so that a refusal there breaks nothing here.
    asks: Channel,
    queue: ShortString,
    messages: lapin::Consumer,
    warning: Option<String>,
}

impl Consumer {
    pub async fn open(address: &Address, way: &Way, terms: Terms) -> Result<Consumer, String> {
        let connection = connect(address, way).await?;
        let queue = short(address.get("queue").unwrap_or_default())?;
        count(&channel(&connection).await?, &queue).await.map_err(|error| match code(&error) {
            Some(NOT_FOUND) => format!("there is no queue {queue}"),
            _ => cause(&error),
        })?;
        let warning = judge(&connection, &queue, terms).await?;
        let (reads, asks) = (channel(&connection).await?, channel(&connection).await?);
        let qos = reads.basic_qos(terms.prefetch, BasicQosOptions::default()).await;
        qos.map_err(|error| cause(&error))?;
        let consume = BasicConsumeOptions::default();
        let messages = reads.basic_consume(queue.clone(), "".into(), consume, FieldTable::default()).await;
        let messages = messages.map_err(|error| cause(&error))?;
        Ok(Consumer { connection, channel: reads, asks, queue, messages, warning })
    }

    pub async fn take(&mut self, most: usize) -> Result<Vec<Arrival>, String> {
        let first = match self.messages.next().await {
            Some(delivery) => delivery.map_err(|error| cause(&error))?,
            None => return Err("the queue's consumer was cancelled: the queue may be gone".into()),
        };
        let mut batch = vec![arrival(first)];
        while has_room(&batch, most) {
            match self.messages.next().now_or_never() {
                Some(Some(Ok(next))) => batch.push(arrival(next)),
                // If something is wrong, it is so the next time too.
                _ => break,
            }
        }
        Ok(batch)
    }

    pub async fn hold(&mut self, _: &[Arrival]) -> Result<(), String> {
        if self.connection.status().connected() { Ok(()) } else { Err("the connection broke".into()) }
    }

    pub fn hold_every(&self) -> Duration {
        HOLD_EVERY
    }

    /// Up to the last of them, by one frame: they came in this order.
    pub async fn ack(&mut self, arrivals: &[Arrival]) -> Result<(), String> {
        #[allow(irrefutable_let_patterns)]
        let Some(Arrival { receipt: Receipt::RabbitMq(tag), .. }) = arrivals.last() else {
            return Ok(());
        };
        let said = self.channel.basic_ack(*tag, BasicAckOptions { multiple: true }).await;
        said.map_err(|error| cause(&error))
    }

    pub async fn backlog(&mut self) -> Result<Option<Backlog>, String> {
        let messages = count(&self.asks, &self.queue).await.map_err(|error| cause(&error))?;
        Ok(Some(Backlog { messages: messages.into(), is_due: messages > 0 }))
    }

    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    pub async fn close(self) {
        let _ = self.connection.close(DONE, "fealty stops".into()).await;
    }
}

async fn channel(connection: &Connection) -> Result<Channel, String> {
    connection.create_channel().await.map_err(|error| cause(&error))
}

/// Messages that nobody has.
async fn count(channel: &Channel, queue: &ShortString) -> lapin::Result<u32> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    Ok(channel.queue_declare(queue.clone(), options, FieldTable::default()).await?.message_count())
}

fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(said) => Some(said.get_id()),
        _ => None,
    }
}

/// Whether it may be read; what its operator should know, if it may.
async fn judge(connection: &Connection, queue: &ShortString, terms: Terms) -> Result<Option<String>, String> {
    let made = match arguments(connection, queue).await? {
        Ok(made) => made,
        Err(why) => return Ok(Some(format!("its dead-letter exchange cannot be seen: {why}"))),
    };
    let text = |name: &str| match made.inner().get(name) {
        Some(AMQPValue::LongString(text)) => Some(text.to_string()),
        _ => None,
    };
    let Some(exchange) = text(DEAD_LETTER) else {
        if terms.dead_letter_by_policy {
            return Ok(None);
        }
        return Err(format!(
            "the queue {queue} was made without `{DEAD_LETTER}`: what is given out too often would be lost. \
             Give it one; where a policy does, write dead_letter = \"policy\""
        ));
    };
    // The default exchange always is.
    if !exchange.is_empty() {
        let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let ask = channel(connection).await?;
        let there =
            ask.exchange_declare(short(&exchange)?, ExchangeKind::Direct, options, FieldTable::default());
        if let Err(error) = there.await
            && code(&error) == Some(NOT_FOUND)
        {
            return Err(format!("the dead-letter exchange {exchange} of the queue {queue} does not exist"));
        }
    }
    let is_quorum = text(QUEUE_TYPE).is_some_and(|kind| kind == "quorum");
    let loose = "it is no quorum queue: what it holds is lost with the machine that holds it";
    Ok((!is_quorum).then(|| loose.to_owned()))
}

/// How the queue was made; the inner error is why that cannot be known.
async fn arguments(
    connection: &Connection,
    queue: &ShortString,
) -> Result<Result<FieldTable, String>, String> {
    let mut options = QueueDeclareOptions { durable: true, ..Default::default() };
    let mut known = FieldTable::default();
    for _ in 0..ARGUMENTS_MAX {
        // A refusal closes it.
        let ask = channel(connection).await?;
        let refused = match ask.queue_declare(queue.clone(), options, known.clone()).await {
            Ok(_) => return Ok(Ok(known)),
            Err(error) => error,
        };
        if code(&refused) != Some(DIFFERS) {
            return Ok(Err(cause(&refused)));
        }
        let said = refused.to_string();
        let Some((name, value)) = difference(&said) else { return Ok(Err(said)) };
        match (name, value) {
            ("durable", _) => options.durable = false,
            ("auto_delete", _) => options.auto_delete = true,
            ("exclusive", _) => options.exclusive = true,
            (_, None) => return Ok(Err(said)),
            (name, Some(value)) => drop(known.insert(short(name)?, value)),
        }
    }
    Ok(Err("it has too many arguments".into()))
}

/// `inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received none but current is the value 'dead' of
/// type 'longstr'`
fn difference(said: &str) -> Option<(&str, Option<AMQPValue>)> {
    let rest = said.split_once("inequivalent arg '")?.1;
    let (name, rest) = rest.split_once('\'')?;
    let current = rest.rsplit_once("but current is ")?.1;
    let Some(value) = current.strip_prefix("the value '") else { return Some((name, None)) };
    let (value, kind) = value.split_once("' of type '")?;
    let kind = kind.split('\'').next().unwrap_or_default();
    let value = match kind {
        "longstr" => AMQPValue::LongString(value.into()),
        "bool" => AMQPValue::Boolean(value == "true"),
        _ => AMQPValue::LongLongInt(value.parse().ok()?),
    };
    Some((name, Some(value)))
}

fn arrival(delivery: Delivery) -> Arrival {
    let properties = &delivery.properties;
    let of_itself = [("content-type", properties.content_type()), ("message-id", properties.message_id())];
    let of_itself = of_itself.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?.as_str())));
    let mut headers: Vec<(Box<str>, Box<str>)> =
        of_itself.map(|(name, text)| (name.into(), text.into())).collect();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        if let Some(text) = text(value) {
            headers.push((name.as_str().into(), text));
        }
    }
    let name = properties.message_id().as_ref().map_or("", ShortString::as_str).into();
    Arrival {
        name,
        headers,
        again: delivery.redelivered,
        receipt: Receipt::RabbitMq(delivery.delivery_tag),
        body: delivery.data.into(),
    }
}

/// Of a header; tables and lists are RabbitMQ's own notes.
fn text(value: &AMQPValue) -> Option<Box<str>> {
    Some(match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into(),
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::Boolean(yes) => yes.to_string().into(),
        AMQPValue::ShortShortInt(n) => n.to_string().into(),
        AMQPValue::ShortInt(n) => n.to_string().into(),
        AMQPValue::LongInt(n) => n.to_string().into(),
        AMQPValue::LongLongInt(n) => n.to_string().into(),
        _ => return None,
    })
}

#[test]
fn a_refusal_says_how_the_queue_was_made() {
    let said = "PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-exchange' for queue 'it's' in vhost '/': received none but current is the value 'dead' of type 'longstr'";
    assert_eq!(difference(said), Some((DEAD_LETTER, Some(AMQPValue::LongString("dead".into())))));
    let said = "inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received none but current is the value '5' of type 'long'";
    assert_eq!(difference(said), Some(("x-delivery-limit", Some(AMQPValue::LongLongInt(5)))));
    let said =
        "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'";
    assert_eq!(difference(said), Some(("durable", None)));
    assert_eq!(difference("operation failed"), None);
}
