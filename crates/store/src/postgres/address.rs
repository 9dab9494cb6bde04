//! Where a PostgreSQL database is and how to get in: the url of people, taken apart.
//!
//! `sslmode` is as libpq says: `disable`; `prefer` (the default) and `require` encrypt and do not ask who answers;
//! `verify-full` also wants a certificate for that host, from `sslrootcert` or the web's authorities. `schema` is ours:
//! where the tables are, made if missing; without it, the first one of the search path.
//!
//! Invariant: a password is never shown.

use std::path::PathBuf;
use std::time::Duration;

use postgres::Config;
use postgres::config::{SslMode, TargetSessionAttrs};

use crate::StoreError;

#[derive(Clone)]
pub struct Address {
    pub config: Config,
    pub trust: Trust,
    pub schema: Option<String>,
}

/// Whom to believe that he is the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    Anyone,
    /// The authorities of a PEM file, or those of the web.
    Verified(Option<PathBuf>),
}

/// What a url begins with.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

impl Address {
    /// Whether it is one at all.
    pub fn is_one(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    pub fn parse(url: &str) -> Result<Address, StoreError> {
        if !Address::is_one(url) {
            return Err(wrong("it begins with postgres://"));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root, mut schema, mut theirs) = (SslMode::Prefer, None, None, Vec::new());
        let mut verify = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => {
                    verify = value == "verify-full";
                    mode = match value {
                        "disable" => SslMode::Disable,
                        "prefer" => SslMode::Prefer,
                        "require" | "verify-full" => SslMode::Require,
                        _ => return Err(wrong("sslmode is disable, prefer, require or verify-full")),
                    };
                }
                "sslrootcert" => root = Some(PathBuf::from(plain(value)?)),
                "schema" => schema = Some(plain(value)?),
                _ => theirs.push(pair),
            }
        }
        if root.is_some() && !verify {
            return Err(wrong("sslrootcert is looked at with sslmode=verify-full only"));
        }
        if schema.as_ref().is_some_and(|name| name.is_empty() || name.len() > 63 || name.contains('\0')) {
            return Err(wrong("the name of a schema has 1 to 63 bytes"));
        }
        let rest = if theirs.is_empty() { place.to_owned() } else { format!("{place}?{}", theirs.join("&")) };
        // Its own words name the option that it does not know, never a value.
        let mut config: Config = rest.parse().map_err(|e: postgres::Error| {
            let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            wrong(&why)
        })?;
        config.ssl_mode(mode);
        set_up(&mut config);
        let trust = if verify { Trust::Verified(root) } else { Trust::Anyone };
        Ok(Address { config, trust, schema })
    }
}

/// A server that does not answer is noticed within seconds, whatever the system's settings are.
fn set_up(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("fealty");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(3));
    }
    config.keepalives(true);
    config.keepalives_idle(Duration::from_secs(2));
    config.keepalives_interval(Duration::from_secs(1));
    config.keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(5));
    // Of several hosts the one that can be written to, so that a failover is followed.
    if config.get_hosts().len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Without user and password.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use postgres::config::Host;
        let ports = self.config.get_ports();
        write!(f, "postgres://")?;
        for (n, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(n).or(ports.last()).unwrap_or(&5432);
            match host {
                Host::Tcp(host) => write!(f, "{}{host}:{port}", if n > 0 { "," } else { "" })?,
                Host::Unix(path) => write!(f, "{}{}:{port}", if n > 0 { "," } else { "" }, path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())?;
        self.schema.as_ref().map_or(Ok(()), |schema| write!(f, "?schema={schema}"))
    }
}

fn wrong(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the database's url cannot be used: {why}"))
}

/// `%41` is A.
fn plain(text: &str) -> Result<String, StoreError> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let hex = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.ok_or_else(|| wrong("after % come two hexadecimal digits"))?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_its_password_is_not_shown() {
        let url = "postgres://ada:s%40crt@db1:5433,db2/shop?sslmode=verify-full&sslrootcert=/etc/a%20b.pem&schema=north&options=-cjit%3Doff";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.trust, Trust::Verified(Some("/etc/a b.pem".into())));
        assert_eq!(address.schema.as_deref(), Some("north"));
        assert_eq!(address.config.get_password(), Some(&b"s@crt"[..]));
        assert_eq!(address.config.get_options(), Some("-cjit=off"));
        assert_eq!(address.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(address.to_string(), "postgres://db1:5433,db2:5432/shop?schema=north");
        assert_eq!(format!("{address:?}"), address.to_string());
    }

    #[test]
    fn what_is_not_understood_is_refused_without_showing_values() {
        for (url, why) in [
            ("mysql://a/b", "begins with postgres://"),
            ("postgres://u:secret@h/d?sslmode=verify-ca", "sslmode is"),
            ("postgres://u:secret@h/d?sslrootcert=/x", "sslmode=verify-full only"),
            ("postgres://u:secret@h/d?schema=", "name of a schema"),
            ("postgres://u:secret@h/d?sslkey=secret2", "sslkey"),
            ("postgres://u:secret@h:port/d", "port"),
            ("postgres://u:secret@h/d?schema=%f", "hexadecimal"),
        ] {
            let refused = Address::parse(url).unwrap_err().to_string();
            assert!(refused.contains(why) && !refused.contains("secret"), "{url}: {refused}");
        }
    }
}
