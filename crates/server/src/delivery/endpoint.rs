//! An endpoint as its owner describes it, and its secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::{EndpointRow, StoreError};
use wire::signature::{Scheme, Secrets};

use super::connector::{READY, Sheet};

/// Settings as they are given over the API and stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Empty where a connector says it.
    #[serde(default)]
    pub url: String,
    /// Types, or beginnings of them (`points.*`); empty: all.
    #[serde(default)]
    pub types: Vec<Box<str>>,
    /// A condition on the change, and on its member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Names with expressions; none: the change as the feed tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<BTreeMap<String, String>>,
    /// The payload may show who the member is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub personal_data: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<Connector>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A member's changes one after the other: the next only when the one before was taken or is dead.
    #[serde(default)]
    pub in_order: bool,
    /// Messages a second, at most.
    #[serde(default = "per_second")]
    pub per_second: u32,
    /// Messages on their way at once, at most.
    #[serde(default = "at_once")]
    pub at_once: u32,
}

/// Somebody's API, and what is sent to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// A ready one …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// … or one of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Sheet>,
    pub send: String,
    /// Those that are secret are masked.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Expressions, or texts with `${ … }`.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// Secret settings of a connector.
pub type Hidden = BTreeMap<String, String>;
/// Stands where a secret is.
pub const MASK: &str = "***";

impl Settings {
    /// Parts what is secret from what may be shown. What is masked, or not said, is as it was, if all that says where it
    /// goes is as it was: nobody learns a secret by sending it elsewhere.
    pub fn hide(&mut self, before: Option<&Endpoint>) -> Hidden {
        let mut hidden = Hidden::new();
        let Some(connector) = &mut self.connector else { return hidden };
        let ready = connector.name.as_deref().and_then(|name| READY.get(name));
        let Some(sheet) = connector.template.as_ref().or(ready) else { return hidden };
        let secret: Vec<String> =
            sheet.settings.iter().filter(|(_, s)| s.secret).map(|(name, _)| name.clone()).collect();
        let before = before.and_then(|before| Some((before.settings.connector.as_ref()?, &before.hidden)));
        let before = before.filter(|(old, _)| old.leads_where(connector, &secret));
        for name in secret {
            let told = connector.settings.get(&name).filter(|told| *told != MASK);
            let known = before.and_then(|(_, hidden)| hidden.get(&name));
            if let Some(secret) = told.or(known).cloned() {
                connector.settings.insert(name.clone(), MASK.into());
                hidden.insert(name, secret);
            }
        }
        hidden
    }
}

impl Connector {
    /// To the same place as the other, by all settings but the secret ones.
    fn leads_where(&self, other: &Connector, secret: &[String]) -> bool {
        let open = |one: &Connector| {
            let open = one.settings.iter().filter(|(name, _)| !secret.contains(name));
            open.map(|(name, text)| (name.clone(), text.clone())).collect::<Vec<_>>()
        };
        self.name == other.name && self.template == other.template && open(self) == open(other)
    }
}

pub fn per_second() -> u32 {
    100
}
pub fn at_once() -> u32 {
    8
}

pub const PER_SECOND_MAX: u32 = 10_000;
pub const AT_ONCE_MAX: u32 = 64;
/// Bytes of a new secret.
const SECRET_BYTES: usize = 32;

/// Secrets and until when each signs; the newest first and without an end.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys(Vec<(String, Option<i64>)>);

impl Keys {
    pub fn new() -> Result<Keys, getrandom::Error> {
        Ok(Keys(vec![(secret()?, None)]))
    }
    /// A new one; those before sign until `until_ms`, beside it.
    pub fn rotate(&mut self, now_ms: i64, until_ms: i64) -> Result<(), getrandom::Error> {
        self.0.retain(|(_, until)| until.is_none_or(|until| until > now_ms));
        for (_, until) in &mut self.0 {
            *until = Some(until.map_or(until_ms, |old| old.min(until_ms)));
        }
        self.0.insert(0, (secret()?, None));
        self.0.truncate(wire::signature::SECRETS_MAX);
        Ok(())
    }
    pub fn newest(&self) -> &str {
        self.0.first().map_or("", |(secret, _)| secret)
    }
    /// How many sign now.
    pub fn count(&self, now_ms: i64) -> usize {
        self.signing(now_ms).len()
    }
    fn signing(&self, now_ms: i64) -> Vec<&str> {
        let counts = self.0.iter().filter(|(_, until)| until.is_none_or(|until| until > now_ms));
        counts.map(|(secret, _)| secret.as_str()).collect()
    }
    pub fn secrets(&self, now_ms: i64) -> Option<Secrets> {
        Secrets::new(&Scheme::StandardWebhooks, &self.signing(now_ms)).ok()
    }
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

fn secret() -> Result<String, getrandom::Error> {
    use base64::Engine as _;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

/// An endpoint as it is stored, read.
pub struct Endpoint {
    pub row: EndpointRow,
    pub settings: Settings,
    pub hidden: Hidden,
    pub keys: Keys,
}

impl Endpoint {
    pub fn read(row: EndpointRow) -> Result<Endpoint, StoreError> {
        let corrupt =
            |e: serde_json::Error| StoreError::Corrupt(format!("endpoint {} cannot be read: {e}", row.no));
        let settings = serde_json::from_str(&row.settings).map_err(corrupt)?;
        let hidden = serde_json::from_str(&row.hidden).map_err(corrupt)?;
        let keys = serde_json::from_str(&row.secrets).map_err(corrupt)?;
        Ok(Endpoint { row, settings, hidden, keys })
    }
}

#[test]
fn a_rotated_secret_signs_on_until_its_end() {
    let mut keys = Keys::new().unwrap();
    let first = keys.newest().to_owned();
    assert!(first.starts_with("whsec_") && keys.secrets(0).is_some());
    keys.rotate(100, 200).unwrap();
    assert_eq!((keys.signing(150), keys.signing(200)), (vec![keys.newest(), &*first], vec![keys.newest()]));
    let second = keys.newest().to_owned();
    keys.rotate(150, 300).unwrap();
    assert_eq!(keys.signing(199), [keys.newest(), &*second, &*first], "an end is never put off");
    keys.rotate(200, 400).unwrap();
    assert_eq!(keys.count(200), 3, "what has ended is forgotten");
}
