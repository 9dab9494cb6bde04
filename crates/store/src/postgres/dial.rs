//! Reaching a server: of several hosts, and of the addresses of each, one after the other, the one first that answered
//! last.
//!
//! Invariant: each has a time of its own for all of it, so one that takes connections and says nothing costs only that.

use std::sync::atomic::Ordering;
use std::time::Duration;

use postgres::config::Host;
use postgres::{Client, Config, Connection, Error, Socket};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::connect::Door;
use super::error::words;
use super::tls::{Stream, Tls};

/// For an encrypted line and a password, and for the name of a host, on top of the time that a connection may take.
const GREETING: Duration = Duration::from_secs(1);

pub type Reached = (Client, Connection<Socket, Stream>);

/// Why an attempt did not get through.
pub enum Unanswered {
    Said(Error),
    Silent(Duration),
}

/// Whoever answers first, and exactly where that was.
pub async fn dial(door: &Door) -> Result<(Config, Reached), String> {
    let hosts = hosts(&door.address.config);
    let (first, several) = (door.answered.load(Ordering::Relaxed), hosts.len() > 1);
    let mut whys = Vec::new();
    for n in (0..hosts.len()).map(|n| (first + n) % hosts.len()) {
        let failed = |why: String| if several { format!("{}: {why}", name(&hosts[n])) } else { why };
        let places = match addresses(&hosts[n]).await {
            Ok(places) => places,
            Err(why) => {
                whys.push(failed(why));
                continue;
            }
        };
        for place in places {
            match call(&place, &door.tls).await {
                Ok(reached) => {
                    door.answered.store(n, Ordering::Relaxed);
                    return Ok((place, reached));
                }
                Err(why) => whys.push(failed(why.to_string())),
            }
        }
    }
    Err(if whys.is_empty() { "the url names no host".into() } else { whys.join("; ") })
}

/// One attempt, at one place.
pub async fn call(place: &Config, tls: &Tls) -> Result<Reached, Unanswered> {
    let most = most(place);
    match timeout(most, place.connect(tls.clone())).await {
        Ok(reached) => reached.map_err(Unanswered::Said),
        Err(_) => Err(Unanswered::Silent(most)),
    }
}

fn most(config: &Config) -> Duration {
    config.get_connect_timeout().copied().unwrap_or_default() + GREETING
}

/// Each with its port, and nothing of the others.
fn hosts(all: &Config) -> Vec<Config> {
    let (names, numbers, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = names.len().max(numbers.len());
    let fits = |len: usize| len == 0 || len == count;
    if count < 2 || !fits(names.len()) || !fits(numbers.len()) || !fits(ports.len()) && ports.len() != 1 {
        // What does not fit together it says itself.
        return vec![all.clone()];
    }
    let one = |n| {
        let mut one = without_hosts(all);
        match names.get(n) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            Some(Host::Unix(path)) => drop(one.host_path(path)),
            None => {}
        }
        if let Some(number) = numbers.get(n) {
            one.hostaddr(*number);
        }
        if let Some(port) = ports.get(n).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..count).map(one).collect()
}

fn without_hosts(all: &Config) -> Config {
    let mut one = Config::new();
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|most| one.connect_timeout(*most));
    all.get_tcp_user_timeout().map(|most| one.tcp_user_timeout(*most));
    one.keepalives(all.get_keepalives()).keepalives_idle(all.get_keepalives_idle());
    all.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.ssl_mode(all.get_ssl_mode()).ssl_negotiation(all.get_ssl_negotiation());
    one.target_session_attrs(all.get_target_session_attrs()).channel_binding(all.get_channel_binding());
    one
}

/// Of a name all that it means now.
async fn addresses(host: &Config) -> Result<Vec<Config>, String> {
    let ([Host::Tcp(name)], []) = (host.get_hosts(), host.get_hostaddrs()) else {
        return Ok(vec![host.clone()]);
    };
    let port = host.get_ports().first().copied().unwrap_or(5432);
    let most = most(host);
    let found = match timeout(most, lookup_host((name.as_str(), port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(e)) => return Err(format!("its address is not found: {e}")),
        Err(_) => return Err(format!("its address is not found within {} s", most.as_secs())),
    };
    let at = |address: std::net::SocketAddr| {
        let mut at = host.clone();
        at.hostaddr(address.ip());
        at
    };
    Ok(found.map(at).collect())
}

fn name(host: &Config) -> String {
    match (host.get_hosts().first(), host.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        (Some(Host::Unix(path)), _) => path.display().to_string(),
        (None, number) => number.map_or_else(String::new, ToString::to_string),
    }
}

impl Unanswered {
    /// It is there and at work, and only does not let us in: no connection is left, or no right to one.
    pub fn works(&self) -> bool {
        // 57: it is starting, or stopping, or recovering.
        matches!(self, Unanswered::Said(e) if e.code().is_some_and(|code| !code.code().starts_with("57")))
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unanswered::Said(e) => write!(f, "{}", words(e)),
            Unanswered::Silent(most) => write!(f, "nobody answers within {} s", most.as_secs()),
        }
    }
}
