//! Who brings events, as the settings say: senders of signed webhooks, and queues of brokers. A source that nothing
//! proves cannot be made.

mod broker;
mod meter;
mod pump;
mod reading;

use std::collections::BTreeMap;

use wire::signature::{Scheme, Secrets, sns};
use wire::sources::{Settings, Vendor};

use crate::cli::Failure;
use crate::settings::{self, File, Secret};
pub use broker::Broker;
pub use meter::Meters;
pub use pump::start;
pub use reading::Reader;

pub struct Source {
    pub kind: String,
    pub payload: Payload,
    pub way: Way,
}

/// What a body is.
pub enum Payload {
    CloudEvents,
    Vendor(Settings),
}

/// How it comes, and what proves who sent it.
pub enum Way {
    /// By `POST /v1/sources/NAME`, signed.
    Webhook(Webhook),
    /// The same, posted and signed by SNS.
    Sns(Sns),
    /// Out of a queue, to which only those may write whom its operator lets.
    Broker(Box<Broker>),
}

pub struct Webhook {
    pub scheme: Scheme,
    pub secrets: Secrets,
    pub secret_count: usize,
}

pub struct Sns {
    pub topic: sns::Topic,
    /// Where the newest certificate lies at Amazon, and what it is.
    pub certificate: tokio::sync::Mutex<Option<(Box<str>, axum::body::Bytes)>>,
}

const CLOUD_EVENTS: &str = "cloudevents";
const KINDS: &str = "standard, shopify, stripe, woocommerce, square";

/// All of them, or the first that cannot be used.
pub fn read(file: &File, program: &str) -> Result<BTreeMap<String, Source>, Failure> {
    let mut sources = BTreeMap::new();
    for (name, settings) in &file.sources {
        let source = source(name, settings, program).map_err(|why| {
            Failure::settings(format!("[sources.{name}] cannot be used"), why)
                .fix("settings.example.toml shows each kind")
        })?;
        sources.insert(name.clone(), source);
    }
    Ok(sources)
}

fn source(name: &str, source: &settings::Source, program: &str) -> Result<Source, String> {
    if let Some(other) = source.program.as_deref().filter(|id| *id != program) {
        return Err(format!("its program is `{other}`, but `{program}` is served here"));
    }
    if let Some(from) = source.from.as_deref() {
        let kind = source.kind.as_deref().unwrap_or(CLOUD_EVENTS);
        let payload = match kind {
            CLOUD_EVENTS => Payload::CloudEvents,
            kind => Payload::Vendor(vendor_settings(name, source, vendor(kind, ", cloudevents")?)),
        };
        let way = match from.starts_with("arn:") {
            true => Way::Sns(topic(source, from)?),
            false => Way::Broker(Box::new(broker::read(source)?)),
        };
        return Ok(Source { kind: kind.to_owned(), payload, way });
    }
    let kind = source.kind.as_deref().ok_or_else(|| {
        format!("it needs a `kind`, one of {KINDS}; or `from`, the address of a broker's queue")
    })?;
    if let Some(alone) = broker::setting_alone(source) {
        return Err(format!("`{alone}` goes with `from`, the address of a broker's queue"));
    }
    let vendor = vendor(kind, "")?;
    let way = Way::Webhook(webhook(source, vendor)?);
    Ok(Source { kind: kind.to_owned(), payload: Payload::Vendor(vendor_settings(name, source, vendor)), way })
}

fn vendor(kind: &str, more: &str) -> Result<Vendor, String> {
    Ok(match kind {
        "standard" => Vendor::Standard,
        "shopify" => Vendor::Shopify,
        "stripe" => Vendor::Stripe,
        "woocommerce" => Vendor::WooCommerce,
        "square" => Vendor::Square,
        other => return Err(format!("there is no kind `{other}`; there are {KINDS}{more}")),
    })
}

fn vendor_settings(name: &str, source: &settings::Source, vendor: Vendor) -> Settings {
    Settings {
        shop: source.shop.as_deref().map(Into::into),
        order_prefix: source.order_prefix.as_deref().unwrap_or_default().into(),
        region: source.region.as_deref().map(Into::into),
        refund_objects: source.refund_objects,
        ..Settings::new(name, vendor)
    }
}

fn webhook(source: &settings::Source, vendor: Vendor) -> Result<Webhook, String> {
    if source.secrets.is_empty() {
        return Err("it needs at least one secret: secrets = [\"env:NAME\"]".into());
    }
    let secrets: Vec<String> = source.secrets.iter().map(|text| secret(text)).collect::<Result<_, _>>()?;
    let scheme = match vendor {
        Vendor::Standard => Scheme::StandardWebhooks,
        Vendor::Shopify => Scheme::Shopify { shop: source.shop.as_deref().map(Into::into) },
        Vendor::Stripe => Scheme::Stripe,
        Vendor::WooCommerce => Scheme::WooCommerce,
        Vendor::Square => {
            let url =
                source.url.as_deref().ok_or("Square signs the address: give `url` as Square knows it")?;
            Scheme::Square { notification_url: url.into() }
        }
    };
    let secret_count = secrets.len();
    let secrets = Secrets::new(&scheme, &secrets).map_err(|why| format!("a secret is unfit: {why:?}"))?;
    Ok(Webhook { scheme, secrets, secret_count })
}

fn topic(source: &settings::Source, arn: &str) -> Result<Sns, String> {
    if !source.secrets.is_empty() || source.url.is_some() {
        return Err("Amazon signs what SNS posts, with keys of its own: leave `secrets` and `url` out".into());
    }
    if let Some(alone) = broker::setting_alone(source) {
        return Err(format!("`{alone}` goes with the address of a broker's queue, not with a topic of SNS"));
    }
    let topic = sns::Topic::parse(arn)
        .ok_or("`from` is no topic of SNS: arn:aws:sns:eu-central-1:123456789012:orders")?;
    Ok(Sns { topic, certificate: tokio::sync::Mutex::default() })
}

fn secret(text: &str) -> Result<String, String> {
    Secret::read(text).map(|secret| secret.0).map_err(|why| format!("a secret cannot be read: {why}"))
}
