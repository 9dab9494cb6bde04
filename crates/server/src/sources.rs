//! Sources of signed webhooks, as the settings say. A source without a usable secret cannot be made.

use std::collections::BTreeMap;

use wire::signature::{Scheme, Secrets};
use wire::sources::{Settings, Vendor};

use crate::cli::Failure;
use crate::settings::{self, File, Secret};

pub struct Source {
    pub kind: String,
    pub scheme: Scheme,
    pub secrets: Secrets,
    pub secret_count: usize,
    pub settings: Settings,
}

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
    if source.secrets.is_empty() {
        return Err("it needs at least one secret: secrets = [\"env:NAME\"]".into());
    }
    let read = |text: &String| {
        Secret::read(text).map(|secret| secret.0).map_err(|why| format!("a secret cannot be read: {why}"))
    };
    let secrets: Vec<String> = source.secrets.iter().map(read).collect::<Result<_, _>>()?;
    let (vendor, scheme) = match source.kind.as_str() {
        "standard" => (Vendor::Standard, Scheme::StandardWebhooks),
        "shopify" => (Vendor::Shopify, Scheme::Shopify { shop: source.shop.as_deref().map(Into::into) }),
        "stripe" => (Vendor::Stripe, Scheme::Stripe),
        "woocommerce" => (Vendor::WooCommerce, Scheme::WooCommerce),
        "square" => {
            let url =
                source.url.as_deref().ok_or("Square signs the address: give `url` as Square knows it")?;
            (Vendor::Square, Scheme::Square { notification_url: url.into() })
        }
        other => {
            return Err(format!(
                "there is no kind `{other}`; there are standard, shopify, stripe, woocommerce, square"
            ));
        }
    };
    let secret_count = secrets.len();
    let secrets = Secrets::new(&scheme, &secrets).map_err(|why| format!("a secret is unfit: {why:?}"))?;
    let settings = Settings {
        shop: source.shop.as_deref().map(Into::into),
        order_prefix: source.order_prefix.as_deref().unwrap_or_default().into(),
        region: source.region.as_deref().map(Into::into),
        refund_objects: source.refund_objects,
        ..Settings::new(name, vendor)
    };
    Ok(Source { kind: source.kind.clone(), scheme, secrets, secret_count, settings })
}
