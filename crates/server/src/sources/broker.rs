//! A queue of a broker, as the settings name it: where it is, and how much of it is taken at once. Secrets stand beside
//! them, in variables and files.

use connectors::{Address, Terms, shown};

use super::secret;
use crate::settings;

/// Messages that are here and not yet acknowledged.
const PREFETCH: u16 = 1_024;
const PREFETCH_MAX: u16 = 16_384;

pub struct Broker {
    pub address: Address,
    pub terms: Terms,
    /// The address without its secrets.
    pub shown: String,
}

/// A setting that means something to brokers alone.
pub fn setting_alone(source: &settings::Source) -> Option<&'static str> {
    let all = [
        ("password", source.password.is_some()),
        ("prefetch", source.prefetch.is_some()),
        ("dead_letter", source.dead_letter.is_some()),
    ];
    all.into_iter().find_map(|(name, is_set)| is_set.then_some(name))
}

pub fn read(source: &settings::Source) -> Result<Broker, String> {
    if !source.secrets.is_empty() || source.url.is_some() {
        return Err("what comes out of a queue is proved by who may write to the queue, not by a signature: leave `secrets` and `url` out".into());
    }
    let from = source.from.as_deref().unwrap_or_default();
    let is_apart = from.starts_with("env:") || from.starts_with("file:");
    let text = if is_apart { secret(from)? } else { from.to_owned() };
    let mut address = Address::source(&text).map_err(|why| format!("`from` is not understood: {why}"))?;
    if !is_apart && address.holds_secret(source.password.is_some()) {
        return Err("`from` holds a secret: write password = \"env:NAME\" beside it, or put the whole address into a variable or a file, and write from = \"env:NAME\"".into());
    }
    if let Some(password) = &source.password {
        if address.user.is_none() || address.password.is_some() {
            return Err("`password` goes with a user in `from`: scheme://user@host/…".into());
        }
        address.password = Some(secret(password)?);
    }
    let dead_letter_by_policy = match source.dead_letter.as_deref() {
        None => false,
        Some("policy") => true,
        Some(_) => return Err("`dead_letter` may be \"policy\": a policy of RabbitMQ's gives the queue its dead-letter exchange".into()),
    };
    let prefetch = source.prefetch.unwrap_or(PREFETCH);
    if !(1..=PREFETCH_MAX).contains(&prefetch) {
        return Err(format!("`prefetch` is from 1 to {PREFETCH_MAX}"));
    }
    Ok(Broker { address, terms: Terms { prefetch, dead_letter_by_policy }, shown: shown(&text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<Broker, String> {
        let source: settings::Source = toml::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        read(&source)
    }

    fn why(text: &str) -> String {
        source(text).err().unwrap_or_else(|| panic!("{text} is taken"))
    }

    #[cfg(feature = "nats")]
    #[test]
    fn an_address_holds_no_secret_and_is_shown_without() {
        for bad in [
            "from = 'nats://ada:pass@host/S/c'",
            "from = 'nats://token@host/S/c'",
            "from = 'nats://host/S/c?seed=SU'",
        ] {
            assert!(why(bad).contains("holds a secret"), "{bad}");
        }
        assert!(why("from = 'nats://host/S/c'\npassword = 'env:PATH'").contains("goes with a user"));
        assert!(why("from = 'nats://ada@host/S/c'\npassword = 'hidden'").contains("cannot be read"));
        let good = source("from = 'nats://ada@host/S/c?subject=orders.>'\npassword = 'env:PATH'");
        let good = good.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(good.address.password, std::env::var("PATH").ok());
        assert_eq!(good.shown, "nats://***@host/S/c?subject=orders.>");
    }

    #[cfg(feature = "nats")]
    #[test]
    fn what_cannot_be_meant_is_refused_with_the_reason() {
        for (bad, says) in [
            ("from = 'http://host/'", "begins with none of nats://"),
            ("from = 'nats://host/S'", "stream and the consumer"),
            ("from = 'nats://host/S/c'\nsecrets = ['env:PATH']", "leave `secrets`"),
            ("from = 'nats://host/S/c'\nprefetch = 0", "`prefetch` is from 1"),
            ("from = 'nats://host/S/c'\ndead_letter = 'x'", "\"policy\""),
        ] {
            assert!(why(bad).contains(says), "{bad}: {}", why(bad));
        }
    }

    #[cfg(not(feature = "nats"))]
    #[test]
    fn a_client_that_was_left_out_is_named() {
        assert!(why("from = 'nats://host/S/c'").contains("--features nats"));
    }
}
