//! Settings: one TOML file, laid under flags and `FEALTY_…` variables. Flag beats variable beats file beats default.
//!
//! A key that nobody knows is an error with a hint, because a misspelt limit that is silently ignored is worse.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::Failure;
use crate::outbound::{Guard, Network};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub program: Option<PathBuf>,
    pub environment: Option<String>,
    pub data: Option<PathBuf>,
    pub database: Option<String>,
    pub listen: Option<SocketAddr>,
    pub log: Option<Log>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    #[serde(default)]
    pub delivery: Delivery,
}

/// `[delivery]`: webhooks out.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Private networks to which webhooks may go.
    #[serde(default)]
    allow_networks: Vec<String>,
}

impl Delivery {
    pub fn guard(&self) -> Result<Guard, Failure> {
        let mut allowed: Vec<Network> = Vec::new();
        for text in &self.allow_networks {
            allowed.push(text.parse().map_err(|why: String| {
                Failure::settings(format!("`allow_networks` under [delivery] holds `{text}`"), why)
                    .fix("write a network as 10.0.0.0/8, or one address")
            })?);
        }
        Ok(Guard { allowed: allowed.into() })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// One line a message, for people
    #[default]
    Human,
    /// One JSON object a line
    Json,
}

/// Bounds. Each has a default; reaching one is answered clearly, never by growing.
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Events that may wait to be decided; more are answered 503 [default: 16384]
    #[arg(long, env = "FEALTY_QUEUE_MAX", value_name = "N")]
    pub queue_max: Option<usize>,
    /// Bytes of one request body [default: 1048576]
    #[arg(long, env = "FEALTY_BODY_BYTES_MAX", value_name = "N")]
    pub body_bytes_max: Option<usize>,
    /// Bytes of one batch or NDJSON body [default: 10485760]
    #[arg(long, env = "FEALTY_BATCH_BYTES_MAX", value_name = "N")]
    pub batch_bytes_max: Option<usize>,
    /// Events of one batch or NDJSON body [default: 10000]
    #[arg(long, env = "FEALTY_BATCH_EVENTS_MAX", value_name = "N")]
    pub batch_events_max: Option<usize>,
    /// Requests a second of one key that bring events [default: 50000]
    #[arg(long, env = "FEALTY_EVENTS_PER_SECOND", value_name = "N")]
    pub events_per_second: Option<u32>,
    /// All other requests a second of one key [default: 1000]
    #[arg(long, env = "FEALTY_REQUESTS_PER_SECOND", value_name = "N")]
    pub requests_per_second: Option<u32>,
    /// Seconds in which the headers of a request must have come [default: 10]
    #[arg(long, env = "FEALTY_HEADER_SECONDS_MAX", value_name = "N")]
    pub header_seconds_max: Option<u64>,
    /// Seconds in which the body of a request must have come [default: 30]
    #[arg(long, env = "FEALTY_BODY_SECONDS_MAX", value_name = "N")]
    pub body_seconds_max: Option<u64>,
    /// Seconds in which a reader must take some of what is sent to him; then his connection is closed [default: 30]
    #[arg(long, env = "FEALTY_UNREAD_SECONDS_MAX", value_name = "N")]
    pub unread_seconds_max: Option<u64>,
    /// Connections held at once; more wait to be accepted [default: 10000]
    #[arg(long, env = "FEALTY_CONNECTIONS_MAX", value_name = "N")]
    pub connections_max: Option<usize>,
    /// Seconds that requests in flight get to finish after SIGTERM [default: 20]
    #[arg(long, env = "FEALTY_DRAIN_SECONDS_MAX", value_name = "N")]
    pub drain_seconds_max: Option<u64>,
    /// Seconds after SIGTERM in which requests are still taken while /readyz says no, so that a balancer notices [default: 0]
    #[arg(long, env = "FEALTY_DRAIN_NOTICE_SECONDS", value_name = "N")]
    pub drain_notice_seconds: Option<u64>,
}

/// The same with nothing left out.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub queue_max: usize,
    pub body_bytes_max: usize,
    pub batch_bytes_max: usize,
    pub batch_events_max: usize,
    pub events_per_second: u32,
    pub requests_per_second: u32,
    pub header_seconds_max: u64,
    pub body_seconds_max: u64,
    pub unread_seconds_max: u64,
    pub connections_max: usize,
    pub drain_seconds_max: u64,
    pub drain_notice_seconds: u64,
}

impl Limits {
    pub fn over(self, file: &Limits) -> Bounds {
        Bounds {
            queue_max: self.queue_max.or(file.queue_max).unwrap_or(16_384),
            body_bytes_max: self.body_bytes_max.or(file.body_bytes_max).unwrap_or(1 << 20),
            batch_bytes_max: self.batch_bytes_max.or(file.batch_bytes_max).unwrap_or(10 << 20),
            batch_events_max: self.batch_events_max.or(file.batch_events_max).unwrap_or(10_000),
            events_per_second: self.events_per_second.or(file.events_per_second).unwrap_or(50_000),
            requests_per_second: self.requests_per_second.or(file.requests_per_second).unwrap_or(1_000),
            header_seconds_max: self.header_seconds_max.or(file.header_seconds_max).unwrap_or(10),
            body_seconds_max: self.body_seconds_max.or(file.body_seconds_max).unwrap_or(30),
            unread_seconds_max: self.unread_seconds_max.or(file.unread_seconds_max).unwrap_or(30),
            connections_max: self.connections_max.or(file.connections_max).unwrap_or(10_000),
            drain_seconds_max: self.drain_seconds_max.or(file.drain_seconds_max).unwrap_or(20),
            drain_notice_seconds: self.drain_notice_seconds.or(file.drain_notice_seconds).unwrap_or(0),
        }
    }
}

/// `[sources.NAME]`: who may send signed webhooks to `POST /v1/sources/NAME`, or a queue that is read.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub kind: Option<String>,
    /// The address of a broker's queue, stream or topic; `env:NAME` or `file:PATH` where it stands elsewhere.
    pub from: Option<String>,
    /// Of the user in `from`.
    pub password: Option<String>,
    /// Messages that may be here and not yet acknowledged.
    pub prefetch: Option<u16>,
    /// "policy": a policy of RabbitMQ's gives the queue its dead-letter exchange.
    pub dead_letter: Option<String>,
    /// Id of the program that its events belong to.
    pub program: Option<String>,
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The address as the sender knows it, byte for byte (Square signs it).
    pub url: Option<String>,
    /// The shop whose messages this secret may sign (Shopify's headers are not signed).
    pub shop: Option<String>,
    /// Put before order ids, so that two shops cannot mean the same order.
    pub order_prefix: Option<String>,
    /// The program's region of all its orders.
    pub region: Option<String>,
    /// Stripe: refunds are counted from `refund.created` and `refund.updated`, not from `charge.refunded`.
    #[serde(default)]
    pub refund_objects: bool,
}

/// A secret's text. No `Debug`, so that it cannot reach a log.
#[derive(Clone)]
pub struct Secret(pub String);

impl Secret {
    /// `env:NAME` or `file:PATH`; never empty. A secret that stands in the settings themselves would be copied with them.
    pub fn read(text: &str) -> Result<Secret, String> {
        let value = if let Some(name) = text.strip_prefix("env:") {
            std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?
        } else if let Some(path) = text.strip_prefix("file:") {
            let value = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
            value.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            return Err("it stands in the settings: put it into a variable or a file, and write env:NAME or file:PATH".into());
        };
        if value.is_empty() { Err("it is empty".into()) } else { Ok(Secret(value)) }
    }
}

impl File {
    /// Reads a settings file; none given means all defaults.
    pub fn read(path: Option<&Path>) -> Result<File, Failure> {
        let Some(path) = path else { return Ok(File::default()) };
        let text = std::fs::read_to_string(path).map_err(|e| {
            Failure::settings(format!("cannot read the settings file {}", path.display()), e)
                .fix("give an existing file with --settings, or `fealty init` for one to start from")
        })?;
        let mut file = File::parse(&text, &path.display().to_string())?;
        // Paths in a file are meant from where the file lies.
        let dir = path.parent().unwrap_or(Path::new(""));
        file.program = file.program.map(|program| dir.join(program));
        file.data = file.data.map(|data| dir.join(data));
        Ok(file)
    }

    pub fn parse(text: &str, name: &str) -> Result<File, Failure> {
        toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let message = error.message();
            let hint = closest(message).map_or_else(
                || "settings.example.toml shows every key with its meaning".to_owned(),
                |near| format!("did you mean `{near}`? settings.example.toml shows every key"),
            );
            Failure::settings(format!("{name}:{line} is not a valid setting"), message).fix(hint)
        })
    }
}

/// The known key that is most like the unknown one of serde's message
/// "unknown field `lisen`, expected one of `program`, `listen`".
fn closest(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    let near = words.map(|word| (distance(unknown, word), word)).min()?;
    (near.0 <= 1 + unknown.len() / 3).then(|| near.1.to_owned())
}

/// Levenshtein's distance.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_with_line_and_hint() {
        let Err(failure) = File::parse("data = \"x\"\nlisen = \"127.0.0.1:1\"\n", "s.toml") else { panic!() };
        let text = failure.to_string();
        assert!(text.contains("s.toml:2") && text.contains("did you mean `listen`"), "{text}");
        let Err(failure) = File::parse("[limits]\nqueue_maxx = 3\n", "s.toml") else { panic!() };
        assert!(failure.to_string().contains("did you mean `queue_max`"), "{failure}");
    }

    #[test]
    fn the_example_shows_every_key_and_reads_when_uncommented() {
        let example = include_str!("../../../settings.example.toml");
        File::parse(example, "as it is").unwrap_or_else(|e| panic!("{e}"));
        let open: String = example
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.contains(" = ") && !rest.starts_with(' ') || rest.starts_with('[') => rest,
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let file = File::parse(&open, "uncommented").unwrap_or_else(|e| panic!("{e}"));
        assert!(
            !file.sources.is_empty() && file.limits.drain_seconds_max.is_some() && file.database.is_some()
        );
    }

    #[test]
    fn an_empty_secret_is_refused() {
        assert!(Secret::read("").is_err());
        assert!(Secret::read("env:FEALTY_THIS_IS_NOT_SET").is_err());
        let Err(why) = Secret::read("shpss_1") else { panic!("a secret in plain text") };
        assert!(why.contains("env:NAME") && !why.contains("shpss_1"), "{why}");
    }
}
