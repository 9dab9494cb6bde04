//! How a connector is written down: what its owner sets, what it can send, each as one request, and what an answer means.
//! The ready ones are such files, and nobody's code knows a vendor.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    pub name: String,
    #[serde(default)]
    pub about: String,
    /// What the vendor bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    pub send: BTreeMap<String, Sending>,
    #[serde(default)]
    pub answer: Reading,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    #[serde(default)]
    pub about: String,
    /// It is never shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// May name other settings: `https://${settings.shop}.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// One thing that it can send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    #[serde(default)]
    pub about: String,
    /// Changes of which it does not hold are not for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    #[serde(default)]
    pub values: BTreeMap<String, Given>,
    pub request: Request,
    /// Beside that of the sheet, and before it.
    #[serde(default)]
    pub answer: Reading,
}

impl Sending {
    /// It sends fields that the owner chooses.
    pub fn takes_payload(&self) -> bool {
        fn spreads(json: &Json) -> bool {
            match json {
                Json::Object(map) => map.contains_key("...") || map.values().any(spreads),
                Json::Array(list) => list.iter().any(spreads),
                _ => false,
            }
        }
        self.request.body.as_ref().is_some_and(spreads)
    }
}

/// An expression that the owner gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    #[serde(default)]
    pub about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Where it is not given, what stands for it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    #[serde(default)]
    pub r#type: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Any,
    Text,
    Number,
    Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: Method,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Name and password of `Authorization: Basic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
    Get,
}

impl Method {
    pub fn http(self) -> hyper::Method {
        match self {
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Patch => hyper::Method::PATCH,
            Method::Delete => hyper::Method::DELETE,
            Method::Get => hyper::Method::GET,
        }
    }
}

/// What an answer means. Conditions see `status`, `ok` (2xx), `refused` (4xx that will not get better), `retry_after` and
/// `now` (seconds), `body`, and what is read: `answer.NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// `text /errors/0/message`, `number header x-reset`; `*` stands for any one name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read: BTreeMap<String, String>,
    /// It asks to be left alone …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_if: Option<String>,
    /// … for so many seconds; 0: it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
    /// It will never take this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<String>,
}

impl Reading {
    /// This one before that one.
    pub fn over(&self, other: &Reading) -> Reading {
        let mut read = other.read.clone();
        read.extend(self.read.clone());
        let or = |one: &Option<String>, other: &Option<String>| one.clone().or_else(|| other.clone());
        Reading {
            read,
            wait_if: or(&self.wait_if, &other.wait_if),
            wait: or(&self.wait, &other.wait),
            taken: or(&self.taken, &other.taken),
            never: or(&self.never, &other.never),
        }
    }
}

const FILES: [(&str, &str); 6] = [
    ("braze", include_str!("../../../connectors/braze.toml")),
    ("hubspot", include_str!("../../../connectors/hubspot.toml")),
    ("klaviyo", include_str!("../../../connectors/klaviyo.toml")),
    ("segment", include_str!("../../../connectors/segment.toml")),
    ("shopify", include_str!("../../../connectors/shopify.toml")),
    ("slack", include_str!("../../../connectors/slack.toml")),
];

/// The ready ones, by name.
pub static READY: LazyLock<BTreeMap<&'static str, Sheet>> = LazyLock::new(|| {
    let read = |(name, text): (&'static str, &str)| {
        (name, toml::from_str(text).unwrap_or_else(|e| panic!("connectors/{name}.toml: {e}")))
    };
    FILES.into_iter().map(read).collect()
});
