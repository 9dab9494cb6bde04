//! NATS: a connection, and publishing into a JetStream stream that acknowledges each message.
//!
//! The client would connect to whatever names servers tell it: it is given addresses alone, and learns no others.

use std::time::Duration;

use async_nats::jetstream::{self, context::PublishErrorKind, message::PublishMessage};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;

use crate::{Address, CONFIRM_MAX, Message, SOURCE, Way, cause, tls};

const PING_EVERY: Duration = Duration::from_secs(10);

/// Becomes true when the connection breaks: what is on its way may be lost.
pub(crate) type Broken = watch::Receiver<bool>;

/// A connection to one of the address's hosts. Once broken it is not used again, whatever the client does about it.
pub(crate) async fn connect(address: &Address, way: &Way) -> Result<(Client, Broken), String> {
    let mut servers: Vec<ServerAddr> = Vec::new();
    let mut last = Ok(());
    for (host, port) in &address.hosts {
        match way.resolve(host, *port).await {
            Ok(found) => servers.extend(found.iter().filter_map(|at| format!("nats://{at}").parse().ok())),
            Err(error) => last = Err(format!("{host}: {error}")),
        }
    }
    if servers.is_empty() {
        return Err(last.err().unwrap_or_else(|| "it has no address".into()));
    }
    let (breaks, broken) = watch::channel(false);
    let options = login(address)?
        .name("fealty")
        // A plain server may ask for it too.
        .tls_client_config(tls::config(&address.hosts).await?)
        .require_tls(address.tls)
        .ignore_discovered_servers()
        .retain_servers_order()
        .max_reconnects(servers.len())
        .ping_interval(PING_EVERY)
        .event_callback(move |event| {
            if matches!(event, Event::Disconnected | Event::Closed) {
                breaks.send_replace(true);
            }
            async {}
        });
    let connected = async_nats::connect_with_options(servers, options).await;
    Ok((connected.map_err(|error| cause(&error))?, broken))
}

fn login(address: &Address) -> Result<ConnectOptions, String> {
    if let (Some(jwt), Some(seed)) = (address.get("jwt"), address.get("seed")) {
        // As a credentials file holds them.
        let file = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        return ConnectOptions::with_credentials(&file)
            .map_err(|_| "`jwt` and `seed` are not understood".into());
    }
    Ok(match (address.get("seed"), &address.user, &address.password) {
        (Some(seed), ..) => ConnectOptions::with_nkey(seed.to_owned()),
        (None, Some(user), Some(password)) => {
            ConnectOptions::with_user_and_password(user.clone(), password.clone())
        }
        (None, Some(token), None) => ConnectOptions::with_token(token.clone()),
        (None, ..) => ConnectOptions::new(),
    })
}

/// A subject that a stream listens to.
pub struct Subject {
    context: jetstream::Context,
    broken: Broken,
    /// `{type}` stands for the message's type.
    subject: String,
}

impl Subject {
    pub async fn open(address: &Address, way: &Way) -> Result<Subject, String> {
        let (client, broken) = connect(address, way).await?;
        let mut context = jetstream::new(client);
        context.set_timeout(CONFIRM_MAX);
        Ok(Subject { context, broken, subject: address.path.clone() })
    }

    pub async fn send(&mut self, messages: &[Message]) -> Result<(), String> {
        let mut broken = self.broken.clone();
        tokio::select! {
            // First, for it is why publishing fails. An error is the end of the client.
            biased;
            _ = broken.wait_for(|broken| *broken) => Err("the connection broke".into()),
            sent = self.publish(messages) => sent,
        }
    }

    async fn publish(&self, messages: &[Message]) -> Result<(), String> {
        let mut acks = Vec::with_capacity(messages.len());
        for message in messages {
            let subject = self.subject.replace("{type}", &message.kind);
            let sent = self.context.send_publish(subject.clone(), one(message)).await;
            acks.push((subject, sent.map_err(|error| cause(&error))?));
        }
        for (subject, ack) in acks {
            ack.await.map_err(|error| match error.kind() {
                PublishErrorKind::StreamNotFound => format!("no stream listens to the subject {subject}"),
                _ => cause(&error),
            })?;
        }
        Ok(())
    }
}

fn one(message: &Message) -> PublishMessage {
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", &message.id),
        ("ce-source", SOURCE),
        ("ce-type", &message.kind),
        ("ce-time", &message.time),
        ("ce-subject", &message.member),
    ];
    let headers = headers.into_iter().filter(|(_, value)| !value.is_empty());
    let publish = PublishMessage::build().message_id(&*message.id).payload(message.body.clone());
    headers.fold(publish, |publish, (name, value)| publish.header(name, value))
}
