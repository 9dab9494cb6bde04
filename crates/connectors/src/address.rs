//! The address of a topic, or of what is read: `scheme://user:password@host:port,host:port/path?key=value`, read once
//! for all brokers.
//!
//! It knows which parts are secret; no `Debug` and no `Display`, so that they cannot reach a log.

use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    Nats,
    RabbitMq,
    Sqs,
    Sns,
    Kafka,
}

/// What is done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Tell,
    Read,
}

#[derive(Clone)]
pub struct Address {
    pub broker: Broker,
    /// Whether the address asks for TLS; NATS servers may ask for it themselves.
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<String>,
    pub hosts: Vec<(String, u16)>,
    pub path: String,
    query: BTreeMap<String, String>,
}

/// Scheme, broker, TLS, port.
const SCHEMES: &[(&str, Broker, bool, u16)] = &[
    ("nats", Broker::Nats, false, 4222),
    ("nats+tls", Broker::Nats, true, 4222),
    ("amqp", Broker::RabbitMq, false, 5672),
    ("amqps", Broker::RabbitMq, true, 5671),
    ("sqs", Broker::Sqs, true, 443),
    ("sqs+http", Broker::Sqs, false, 80),
    ("sns", Broker::Sns, true, 443),
    ("sns+http", Broker::Sns, false, 80),
    ("kafka", Broker::Kafka, false, 9092),
    ("kafka+tls", Broker::Kafka, true, 9093),
];
/// As AMQP has it.
const NAME_BYTES_MAX: usize = 255;
/// `{type}` may become so long.
const TYPE_BYTES_MAX: usize = 120;
const HOSTS_MAX: usize = 16;
const IN_PASSWORD: &str = "write `/` and `?` in a password as %2F and %3F";
/// What is shown instead of a secret.
const HIDDEN: &str = "***";

impl Broker {
    fn feature(self) -> (&'static str, bool) {
        match self {
            Broker::Nats => ("nats", cfg!(feature = "nats")),
            Broker::RabbitMq => ("rabbitmq", cfg!(feature = "rabbitmq")),
            Broker::Sqs | Broker::Sns => ("sqs", cfg!(feature = "sqs")),
            Broker::Kafka => ("kafka", cfg!(feature = "kafka")),
        }
    }
    pub(crate) fn left_out(self) -> String {
        let feature = self.feature().0;
        format!("this build knows no {feature}: build with `--features {feature}`")
    }
    /// As people name it.
    pub fn name(self) -> &'static str {
        match self {
            Broker::Nats => "nats",
            Broker::RabbitMq => "rabbitmq",
            Broker::Sqs => "sqs",
            Broker::Sns => "sns",
            Broker::Kafka => "kafka",
        }
    }
    /// Keys of the query, and whether each is secret.
    fn keys(self, what: Use) -> &'static [(&'static str, bool)] {
        match (self, what) {
            (Broker::Nats, Use::Tell) => &[("jwt", true), ("seed", true)],
            (Broker::Nats, Use::Read) => &[("jwt", true), ("seed", true), ("subject", false)],
            (Broker::RabbitMq, Use::Tell) => &[("exchange", false), ("routing_key", false)],
            (Broker::RabbitMq, Use::Read) => &[("queue", false)],
            (Broker::Sqs | Broker::Sns, _) => &[("region", false)],
            (Broker::Kafka, Use::Tell) => &[("sasl", false)],
            (Broker::Kafka, Use::Read) => &[("sasl", false), ("group", false)],
        }
    }
}

impl Address {
    /// Of a topic that is told; None where it is no broker's; an error says what is wrong with it.
    pub fn parse(text: &str) -> Option<Result<Address, String>> {
        let (scheme, rest) = text.split_once("://")?;
        let known = SCHEMES.iter().find(|(name, ..)| *name == scheme)?;
        Some(Address::read(known, rest, Use::Tell))
    }

    /// Of what is read.
    pub fn source(text: &str) -> Result<Address, String> {
        let known = text.split_once("://").and_then(|(scheme, rest)| {
            SCHEMES.iter().find(|(name, ..)| *name == scheme).map(|known| (known, rest))
        });
        let Some((known, rest)) = known else {
            let schemes: Vec<&str> = SCHEMES.iter().map(|(name, ..)| *name).collect();
            return Err(format!("it begins with none of {}", schemes.join("://, ") + "://"));
        };
        Address::read(known, rest, Use::Read)
    }

    /// Whether a secret stands in it, which then must not stand in settings. With a password beside it, a user's name
    /// alone is no token.
    pub fn holds_secret(&self, password_beside: bool) -> bool {
        let token = self.broker == Broker::Nats && self.user.is_some() && !password_beside;
        let mut keys = self.broker.keys(Use::Read).iter().filter(|(_, secret)| *secret);
        self.password.is_some() || token || keys.any(|(key, _)| self.get(key).is_some())
    }

    fn read(
        &(_, broker, tls, port): &(&str, Broker, bool, u16),
        rest: &str,
        what: Use,
    ) -> Result<Address, String> {
        if !broker.feature().1 {
            return Err(broker.left_out());
        }
        if rest.contains('#') {
            return Err("it holds a fragment: write # as %23".into());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.contains('@') || query.contains('@') {
            // Most likely it stands behind a password.
            return Err(format!("it has an `@` behind the host: write @ as %40, and {IN_PASSWORD}"));
        }
        let (login, hosts) =
            place.rsplit_once('@').map_or((None, place), |(login, hosts)| (Some(login), hosts));
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, password)) => (some(decode(user)?), some(decode(password)?)),
            None => (None, None),
        };
        let hosts = hosts.split(',').map(|one| host(one, port)).collect::<Result<Vec<_>, _>>()?;
        if hosts.len() > HOSTS_MAX {
            return Err(format!("it names more than {HOSTS_MAX} hosts"));
        }
        let mut address =
            Address { broker, tls, user, password, hosts, path: decode(path)?, query: BTreeMap::new() };
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            if !broker.keys(what).iter().any(|(known, _)| *known == key) {
                let known: Vec<&str> = broker.keys(what).iter().map(|(known, _)| *known).collect();
                return Err(format!("behind `?` it knows {}, and nothing else", known.join(", ")));
            }
            address.query.insert(key.to_owned(), decode(value)?);
        }
        match what {
            Use::Tell => address.check()?,
            Use::Read => address.check_source()?,
        }
        Ok(address)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What each broker needs where it is read.
    fn check_source(&self) -> Result<(), String> {
        match self.broker {
            Broker::Nats => {
                let sound = |name: &str| one_word(name) && !name.contains(['.', '*', '>', '/', '\\']);
                if !self.path.split_once('/').is_some_and(|(stream, name)| sound(stream) && sound(name)) {
                    return Err("behind the host come the stream and the consumer: nats://host/ORDERS/fealty".into());
                }
                self.check_jwt()
            }
            Broker::RabbitMq => match self.get("queue") {
                None => Err("it names no queue: amqp://host/?queue=orders".into()),
                Some(queue) if queue.len() > NAME_BYTES_MAX || self.path.len() > NAME_BYTES_MAX => {
                    Err(format!("a virtual host and a queue have at most {NAME_BYTES_MAX} bytes"))
                }
                Some(_) => Ok(()),
            },
            Broker::Sns => Err("SNS is read through a queue of SQS that subscribes to the topic, or posts to this server: `from` is the topic's ARN then".into()),
            Broker::Sqs | Broker::Kafka if !one_word(&self.path) => {
                Err("behind the host comes the queue or topic".into())
            }
            Broker::Sqs | Broker::Kafka => Ok(()),
        }
    }

    fn check_jwt(&self) -> Result<(), String> {
        if self.get("jwt").is_some() && self.get("seed").is_none() {
            return Err("`jwt` goes with `seed`, both from the credentials file".into());
        }
        Ok(())
    }

    /// What each broker needs where it is told.
    fn check(&self) -> Result<(), String> {
        match self.broker {
            Broker::Nats => {
                let bad = !one_word(&self.path) || self.path.contains(['*', '>', '/']);
                if bad || self.path.split('.').any(str::is_empty) {
                    return Err("behind the host comes the subject: nats://host/shop.loyalty, or nats://host/shop.loyalty.{type}".into());
                }
                self.check_jwt()?;
            }
            Broker::RabbitMq if self.get("exchange").is_none() && self.get("routing_key").is_none() => {
                return Err(
                    "it names neither `exchange` nor `routing_key` (without an exchange: the queue's name)"
                        .into(),
                );
            }
            Broker::RabbitMq => {
                let (exchange, key) = (self.get("exchange"), self.get("routing_key").unwrap_or_default());
                let key = key.replace("{type}", &"x".repeat(TYPE_BYTES_MAX));
                let names = [self.path.as_str(), exchange.unwrap_or_default(), &key];
                if names.into_iter().any(|name| name.len() > NAME_BYTES_MAX) {
                    return Err(format!(
                        "a virtual host, an exchange and a routing key have at most {NAME_BYTES_MAX} bytes, of which `{{type}}` takes up to {TYPE_BYTES_MAX}"
                    ));
                }
            }
            Broker::Sqs | Broker::Sns | Broker::Kafka if !one_word(&self.path) => {
                return Err("behind the host comes the queue or topic".into());
            }
            Broker::Sqs | Broker::Sns | Broker::Kafka => {}
        }
        Ok(())
    }
}

fn one_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The address of a topic, or of what is read, with its secrets hidden; any other as it is.
pub fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let Some((_, broker, ..)) = SCHEMES.iter().find(|(name, ..)| *name == scheme) else {
        return text.to_owned();
    };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (place, path) = rest.split_once('/').map_or((rest, None), |(place, path)| (place, Some(path)));
    let mut all = format!("{scheme}://");
    match place.rsplit_once('@') {
        Some((login, hosts)) => match login.split_once(':') {
            Some((user, _)) => all += &format!("{user}:{HIDDEN}@{hosts}"),
            // Of NATS, a token.
            None => all += &format!("{HIDDEN}@{hosts}"),
        },
        None => all += place,
    }
    if let Some(path) = path {
        all += &format!("/{path}");
    }
    let secret = |key: &str| broker.keys(Use::Read).iter().any(|(known, secret)| *known == key && *secret);
    for (n, part) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        all.push(if n == 0 { '?' } else { '&' });
        match part.split_once('=').filter(|(key, _)| secret(key)) {
            Some((key, _)) => all += &format!("{key}={HIDDEN}"),
            None => all += part,
        }
    }
    all
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn host(text: &str, port: u16) -> Result<(String, u16), String> {
    // Without the text: it may be part of a password.
    let bad = || format!("a host is not understood ({IN_PASSWORD})");
    // [::1]:4222, ::1 has no port.
    let (host, given) = match text.strip_prefix('[') {
        Some(rest) => {
            rest.split_once(']').map(|(host, rest)| (host, rest.strip_prefix(':'))).ok_or_else(bad)?
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port =
        given.map_or(Some(port), |given| given.parse().ok().filter(|port| *port > 0)).ok_or_else(bad)?;
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(sound) {
        return Err(bad());
    }
    Ok((host.to_owned(), port))
}

/// `%2F` is `/`.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = hex.filter(|two| !two.starts_with('+')).and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(value.ok_or("it holds a % that is no %XX: write % as %25")?);
        rest = &more[2..];
    }
    String::from_utf8(bytes).map_err(|_| "it holds %XX that are no text".into())
}

#[cfg(all(test, feature = "nats"))]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, String> {
        Address::parse(text).unwrap_or_else(|| panic!("{text} is of no broker"))
    }

    #[test]
    fn an_address_is_read_into_its_parts() {
        let of = read("nats://ada:p%40ss%2F@a.example,b.example:4333/shop.loyalty.{type}")
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((of.broker, of.tls, &*of.path), (Broker::Nats, false, "shop.loyalty.{type}"));
        assert_eq!((of.user.as_deref(), of.password.as_deref()), (Some("ada"), Some("p@ss/")));
        assert_eq!(of.hosts, [("a.example".to_owned(), 4222), ("b.example".to_owned(), 4333)]);
        let of = read("nats+tls://[2001:db8::1]:1/s?seed=SU&jwt=e.y").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((of.tls, of.hosts.as_slice()), (true, [("2001:db8::1".to_owned(), 1)].as_slice()));
        assert_eq!((of.get("seed"), of.get("jwt"), &of.user), (Some("SU"), Some("e.y"), &None));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for bad in [
            "nats://",
            "nats://host",
            "nats:///s",
            "nats://host/a..b",
            "nats://host/a.>",
            "nats://host/a b",
            "nats://host:0/s",
            "nats://host:x/s",
            "nats://ho st/s",
            "nats://host/s?queue=x",
            "nats://host/s?jwt=x",
            "nats://host/%zz",
            "nats://host/%ff",
            "nats://host/s#x",
            "nats://[::1/s",
            "nats://host,/s",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(Address::parse("https://example.com/").is_none() && Address::parse("nats").is_none());
    }

    #[test]
    fn no_part_of_a_password_is_told() {
        for bad in
            ["nats://u:se/cret@h/s", "nats://u:12/cret@h/s", "nats://u:12?cret@h/s", "nats://u:se?cret@h/s"]
        {
            match read(bad) {
                Ok(_) => panic!("{bad}"),
                Err(why) => assert!(!why.contains("cret") && why.contains("%2F"), "{why}"),
            }
        }
    }

    #[cfg(feature = "rabbitmq")]
    #[test]
    fn names_that_amqp_cannot_hold_are_refused() {
        let (long, longer) = ("v".repeat(255), "v".repeat(256));
        for good in [format!("amqp://h/{long}?routing_key={long}"), format!("amqp://h/?exchange={long}")] {
            assert!(read(&good).is_ok(), "{good}");
        }
        let key = |rest: usize| format!("amqp://h/?routing_key={{type}}.{{type}}{}", "k".repeat(rest));
        assert!(read(&key(14)).is_ok());
        for bad in [format!("amqp://h/{longer}?exchange=x"), format!("amqp://h/?exchange={longer}"), key(15)]
        {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (text, seen) in [
            ("nats://ada:pass@host:1/s", "nats://ada:***@host:1/s"),
            ("nats://token@host/s", "nats://***@host/s"),
            ("nats://host/s?jwt=a.b.c&seed=SU", "nats://host/s?jwt=***&seed=***"),
            ("amqps://u:p@h/v?exchange=x", "amqps://u:***@h/v?exchange=x"),
            ("https://a:b@host/", "https://a:b@host/"),
        ] {
            assert_eq!(shown(text), seen);
        }
    }

    #[test]
    fn a_feature_that_was_left_out_is_named() {
        for (url, feature) in [("kafka://host/topic", "kafka"), ("amqp://host/?exchange=x", "rabbitmq")] {
            match read(url) {
                Ok(of) => assert!(of.broker.feature().1),
                Err(why) => assert!(why.contains(&format!("--features {feature}")), "{why}"),
            }
        }
    }
}
