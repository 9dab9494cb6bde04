//! RabbitMQ: a connection, and publishing of messages that must arrive in a queue and are confirmed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::tcp::RustlsConnector;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{AsyncTcpStream, BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::{Address, Message, SOURCE, Way, cause, tls};

const HEARTBEAT: Duration = Duration::from_secs(10);
const PERSISTENT: u8 = 2;
/// Who has no name of his own there.
const GUEST: &str = "guest";

/// A connection to the first of the address's hosts that answers. Once broken it is not used again.
pub(crate) async fn connect(address: &Address, way: &Way) -> Result<Connection, String> {
    let mut last = "it has no address".to_owned();
    for (host, port) in &address.hosts {
        let found = match way.resolve(host, *port).await {
            Ok(found) => found,
            Err(error) => {
                last = format!("{host}: {error}");
                continue;
            }
        };
        match connect_to(address, host, *port, found).await {
            Ok(open) => return Ok(open),
            Err(why) => last = format!("{host}: {why}"),
        }
    }
    Err(last)
}

async fn connect_to(
    address: &Address,
    host: &str,
    port: u16,
    found: Vec<SocketAddr>,
) -> Result<Connection, String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| GUEST.into());
    let uri = AMQPUri {
        scheme: if address.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: text(&address.user), password: text(&address.password) },
            host: host.to_owned(),
            port,
        },
        vhost: if address.path.is_empty() { "/".into() } else { address.path.clone() },
        query: AMQPQueryString { heartbeat: Some(HEARTBEAT.as_secs() as u16), ..Default::default() },
    };
    let tls =
        if address.tls { Some(RustlsConnector::from(tls::config(&address.hosts).await?)) } else { None };
    let (found, tls, name) = (Arc::new(found), Arc::new(tls), host.to_owned());
    let properties = ConnectionProperties::default().with_connection_name("fealty".into());
    let runtime = lapin::runtime::default_runtime().map_err(|error| cause(&error))?;
    let opened = Connection::connector(
        uri,
        runtime,
        async move |_, runtime| {
            let stream = AsyncTcpStream::connect(&runtime, found.to_vec()).await?;
            Ok(match &*tls {
                Some(tls) => stream.into_rustls(tls, &name).await?,
                None => stream,
            })
        },
        properties,
    );
    opened.await.map_err(|error| cause(&error))
}

/// An exchange, or a queue by its name.
pub struct Exchange {
    /// Kept open for the channel.
    _connection: Connection,
    channel: Channel,
    exchange: String,
    /// `{type}` stands for the message's type.
    routing_key: String,
}

impl Exchange {
    pub async fn open(address: &Address, way: &Way) -> Result<Exchange, String> {
        let connection = connect(address, way).await?;
        let channel = connection.create_channel().await.map_err(|error| cause(&error))?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| cause(&error))?;
        let text = |key: &str| address.get(key).unwrap_or_default().to_owned();
        let (exchange, routing_key) = (text("exchange"), text("routing_key"));
        Ok(Exchange { _connection: connection, channel, exchange, routing_key })
    }

    pub async fn send(&mut self, messages: &[Message]) -> Result<(), String> {
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let key = self.routing_key.replace("{type}", &message.kind);
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let sent = self.channel.basic_publish(
                short(&self.exchange)?,
                short(&key)?,
                options,
                &message.body,
                properties(message)?,
            );
            confirms.push((key, sent.await.map_err(|error| cause(&error))?));
        }
        for (key, confirm) in confirms {
            match confirm.await.map_err(|error| cause(&error))? {
                Confirmation::Ack(None) => {}
                Confirmation::Ack(Some(back)) | Confirmation::Nack(Some(back)) => {
                    let exchange =
                        if self.exchange.is_empty() { "the default exchange" } else { &self.exchange };
                    return Err(format!(
                        "no queue of {exchange} takes the routing key `{key}`: {}",
                        back.reply_text
                    ));
                }
                Confirmation::Nack(None) => return Err("the broker refused the message (nack)".into()),
                Confirmation::NotRequested => return Err("the broker does not confirm".into()),
            }
        }
        Ok(())
    }
}

/// The client panics at what is longer.
pub(crate) fn short(text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text).map_err(|_| format!("AMQP takes at most 255 bytes, not `{text}`"))
}

/// CloudEvents' attributes stand as AMQP's binding names them.
fn properties(message: &Message) -> Result<BasicProperties, String> {
    let attributes = [
        ("cloudEvents:specversion", "1.0"),
        ("cloudEvents:id", &message.id),
        ("cloudEvents:source", SOURCE),
        ("cloudEvents:type", &message.kind),
        ("cloudEvents:time", &message.time),
        ("cloudEvents:subject", &message.member),
    ];
    let attributes = attributes.into_iter().filter(|(_, value)| !value.is_empty());
    let headers: BTreeMap<ShortString, AMQPValue> =
        attributes.map(|(name, value)| (name.into(), AMQPValue::LongString(value.into()))).collect();
    Ok(BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&message.id)?)
        .with_type(short(&message.kind)?)
        .with_app_id(SOURCE.into())
        .with_headers(FieldTable::from(headers)))
}
