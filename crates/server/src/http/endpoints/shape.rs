//! An endpoint as it is shown and named; what may be set on it.

use std::sync::Arc;

use connectors::Address;
use hyper::Uri;
use serde::Serialize;
use store::{EndpointCounts, EndpointRow};
use wire::problem::Fault;

use crate::app::App;
use crate::delivery::endpoint::{self, AT_ONCE_MAX, Hidden, MASK, PER_SECOND_MAX};
use crate::delivery::wish::{FIELDS_MAX, Wish};
use crate::delivery::{Endpoint, Settings};
use crate::http::body;
use crate::http::feed::asked::{TYPES_MAX, read_types};
use crate::http::problem::{Answer, Problem};

const URL_BYTES_MAX: usize = 2_048;
const CONNECTOR_BYTES_MAX: usize = 64 * 1024;
const DESCRIPTION_CHARS_MAX: usize = 500;

#[derive(Serialize)]
pub struct EndpointShape<'a> {
    pub id: String,
    /// Without the secrets of an address.
    #[serde(flatten)]
    pub settings: Settings,
    /// `on`, `off`; switched off by itself: `gone`, `failing`, `unfit`.
    pub state: &'a str,
    /// Why it does not fit the program as it is, where that switched it off.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub unfit: &'a [Fault],
    pub failing_since: Option<jiff::Timestamp>,
    pub created_at: jiff::Timestamp,
    /// Up to where it has been told.
    pub cursor: &'a str,
    pub waiting: u64,
    pub dead: u64,
    /// How many secrets sign now.
    pub secrets: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<&'a str>,
}

impl<'a> EndpointShape<'a> {
    pub fn new(
        endpoint: &'a Endpoint,
        counts: EndpointCounts,
        unfit: &'a [Fault],
        secret: Option<&'a str>,
    ) -> Self {
        let row = &endpoint.row;
        let time = |ms| jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
        // Webhooks alone are signed.
        let is_topic = Address::parse(&endpoint.settings.url).is_some();
        let signing = endpoint.keys.count(jiff::Timestamp::now().as_millisecond());
        EndpointShape {
            id: id(row.no),
            settings: Settings {
                url: connectors::shown(&endpoint.settings.url),
                ..endpoint.settings.clone()
            },
            state: row.off.as_deref().unwrap_or("on"),
            unfit,
            failing_since: row.failing_ms.map(time),
            created_at: time(row.created_ms),
            cursor: &row.place,
            waiting: counts.waiting,
            dead: counts.dead,
            secrets: if is_topic { 0 } else { signing },
            secret: secret.filter(|_| !is_topic),
        }
    }
}

pub fn id(no: u64) -> String {
    format!("ep_{no}")
}

pub fn number(id: &str) -> Option<u64> {
    let no: u64 = id.strip_prefix("ep_")?.parse().ok()?;
    (self::id(no) == id && no <= i64::MAX as u64).then_some(no)
}

/// The endpoint that the address names.
pub async fn find(app: &Arc<App>, name: &str) -> Result<Endpoint, Problem> {
    let no = number(name).ok_or_else(|| Problem::not_found("endpoint"))?;
    let row = app.read(move |reader| reader.endpoint_get(no)).await?;
    read(row.ok_or_else(|| Problem::not_found("endpoint"))?)
}

pub fn read(row: EndpointRow) -> Result<Endpoint, Problem> {
    Endpoint::read(row).map_err(Problem::from)
}

pub async fn answer(app: &Arc<App>, status: u16, endpoint: &Endpoint, secret: Option<&str>) -> Answer {
    let no = endpoint.row.no;
    let counts = app.read(move |reader| reader.endpoint_counts(no)).await?;
    Ok(body::answer(status, &EndpointShape::new(endpoint, counts, &unfit(app, endpoint), secret)))
}

/// All that is wrong with them, at once.
pub fn check(settings: &Settings) -> Result<Target, Problem> {
    let mut faults = Vec::new();
    let mut fault =
        |at: &str, detail: String| faults.push(Fault::new(at.to_owned(), "value_invalid", detail));
    let target = match &settings.connector {
        Some(_) if settings.url.is_empty() => Ok(Target::Api),
        Some(_) => Err("a connector says where to: leave it out".to_owned()),
        None => target(&settings.url),
    };
    if let Err(why) = &target {
        fault("/url", why.clone());
    }
    if let Ok(Target::Topic(_)) = &target {
        let Settings { in_order, per_second, at_once, .. } = *settings;
        if in_order || (per_second, at_once) != (endpoint::per_second(), endpoint::at_once()) {
            let detail = "a topic is told in order, as fast as it confirms: leave out `in_order`, `per_second` and `at_once`";
            fault("/in_order", detail.into());
        }
    }
    let sound = |one: &str| read_types(one).is_ok_and(|read| read.len() == 1 && *read[0] == *one);
    if settings.types.len() > TYPES_MAX || !settings.types.iter().all(|one| sound(one)) {
        fault("/types", format!("up to {TYPES_MAX} types, or beginnings with a star, each a text: points.*"));
    }
    if settings.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        fault("/description", format!("at most {DESCRIPTION_CHARS_MAX} characters"));
    }
    let long =
        |connector| serde_json::to_string(connector).is_ok_and(|json| json.len() > CONNECTOR_BYTES_MAX);
    if settings.connector.as_ref().is_some_and(long) {
        fault("/connector", format!("at most {CONNECTOR_BYTES_MAX} bytes"));
    }
    if settings.payload.as_ref().is_some_and(|fields| fields.is_empty() || fields.len() > FIELDS_MAX) {
        fault("/payload", format!("1 to {FIELDS_MAX} names, each with an expression"));
    }
    for (at, value, most) in
        [("/per_second", settings.per_second, PER_SECOND_MAX), ("/at_once", settings.at_once, AT_ONCE_MAX)]
    {
        if value == 0 || value > most {
            fault(at, format!("a whole number from 1 to {most}"));
        }
    }
    match target {
        Ok(target) if faults.is_empty() => Ok(target),
        _ => {
            let mut problem = Problem::invalid("the endpoint cannot be made like this");
            problem.errors = faults;
            Err(problem)
        }
    }
}

/// Whether its expressions fit the program as it is.
pub fn fits(app: &Arc<App>, settings: &Settings, hidden: &Hidden) -> Result<(), Problem> {
    Wish::new(settings, hidden, app.versions.current()).map(drop).map_err(misfits)
}

/// What is wrong with one that was switched off for it. Nothing: it fits again, and may be switched on.
pub fn unfit(app: &Arc<App>, endpoint: &Endpoint) -> Vec<Fault> {
    if endpoint.row.off.as_deref() != Some("unfit") {
        return Vec::new();
    }
    Wish::new(&endpoint.settings, &endpoint.hidden, app.versions.current()).err().unwrap_or_default()
}

pub fn misfits(faults: Vec<Fault>) -> Problem {
    let mut problem = Problem::invalid("the endpoint does not fit the program");
    problem.errors = faults;
    problem
}

/// Where it is told.
pub enum Target {
    Hook(Uri),
    Topic(Address),
    /// Its connector knows.
    Api,
}

fn target(text: &str) -> Result<Target, String> {
    match Address::parse(text) {
        _ if text.len() > URL_BYTES_MAX => Err("it is longer than 2048 bytes".into()),
        Some(_) if text.contains(MASK) => {
            Err(format!("`{MASK}` stands for a secret that is not shown: write the secret itself"))
        }
        Some(topic) => topic.map(Target::Topic),
        None => Ok(Target::Hook(url(text)?)),
    }
}

pub fn url(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "it is no address")?;
    let named = uri.host().is_some_and(|host| !host.is_empty());
    match uri.scheme_str() {
        _ if text.contains('#') || uri.authority().is_some_and(|host| host.as_str().contains('@')) => {
            Err("it holds a user's name, a password or a fragment")
        }
        Some("https" | "http") if named => Ok(uri),
        _ => Err("it begins with https:// and a host"),
    }
}
