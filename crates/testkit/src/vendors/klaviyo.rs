//! Klaviyo: `POST /api/profile-import/` (200 or 201), `POST /api/events/` (202); errors as JSON:API has them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Patience, Ruling, Vendor, mail, seconds, shaped, text, time};
use crate::receiver::{Received, Reply};

pub const KEY: &str = "pk_0123456789abcdef";
const PROFILE: [&str; 12] = [
    "email",
    "phone_number",
    "external_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "location",
    "properties",
    "anonymous_id",
];

pub fn start(burst: usize, wait: Duration) -> Vendor {
    Vendor::start(Patience { burst, wait, ask }, law)
}

fn ask(wait: Duration) -> Reply {
    let body = json!({"errors": [{"id": "e", "status": 429, "code": "throttled", "title": "Request was throttled.",
        "detail": format!("Request was throttled. Expected available in {} seconds.", seconds(wait)), "source": {"pointer": "/data/"}}]});
    Reply::Made(429, format!("Retry-After: {}\r\n", seconds(wait)), body.to_string())
}

fn law(received: &Received, kept: &[Value]) -> Ruling {
    let error = |status: u16, code: &str, detail: &str, pointer: &str| {
        let body = json!({"errors": [{"id": "5d1c", "status": status, "code": code, "title": "Invalid input.",
            "detail": detail, "source": {"pointer": pointer}}]});
        Ruling::Refused(Reply::Made(status, String::new(), body.to_string()))
    };
    if received.header("authorization") != format!("Klaviyo-API-Key {KEY}") {
        return error(401, "authentication_failed", "Incorrect authentication credentials.", "/data/");
    }
    let revision = received.header("revision").parse::<jiff::civil::Date>();
    if revision.is_err() {
        return error(400, "invalid", "Missing or invalid API revision.", "/data/");
    }
    if !received.header("content-type").ends_with("json") {
        return error(415, "unsupported_media_type", "Unsupported media type.", "/data/");
    }
    let told = received.json();
    let (ruled, status) = match (&*received.method, &*received.path) {
        ("POST", "/api/profile-import/") => (profile(&told), 201),
        ("POST", "/api/events/") => (event(&told), 202),
        _ => return error(404, "not_found", "A path could not be found.", "/data/"),
    };
    match ruled {
        Err(detail) => error(400, "invalid", &detail, detail.split(' ').next().unwrap_or("/data")),
        Ok(told) => {
            // An event is known by its metric, profile and unique id.
            let known = status == 202 && kept.contains(told);
            Ruling::Taken(Reply::Made(status, String::new(), String::new()), (!known).then(|| told.clone()))
        }
    }
}

/// The attributes.
fn profile(told: &Value) -> Result<&Value, String> {
    shaped(told, "", &[], &["data"])?;
    shaped(&told["data"], "/data", &["id", "meta"], &["type", "attributes"])?;
    if told["data"]["type"] != "profile" {
        return Err("/data/type must be profile".into());
    }
    let attributes = &told["data"]["attributes"];
    let at = "/data/attributes";
    shaped(attributes, at, &PROFILE, &[])?;
    match attributes.get("email") {
        Some(email) => mail(email, "/data/attributes/email")?,
        None => return Err("/data/attributes needs one of email, phone_number, external_id".into()),
    }
    if attributes.get("properties").is_some_and(|all| !all.is_object()) {
        return Err("/data/attributes/properties must be an object".into());
    }
    Ok(attributes)
}

fn event(told: &Value) -> Result<&Value, String> {
    shaped(told, "", &[], &["data"])?;
    shaped(&told["data"], "/data", &[], &["type", "attributes"])?;
    if told["data"]["type"] != "event" {
        return Err("/data/type must be event".into());
    }
    let attributes = &told["data"]["attributes"];
    let may = ["time", "value", "value_currency", "unique_id"];
    shaped(attributes, "/data/attributes", &may, &["properties", "metric", "profile"])?;
    let metric = &attributes["metric"]["data"];
    shaped(metric, "/data/attributes/metric/data", &[], &["type", "attributes"])?;
    text(&metric["attributes"]["name"], "/data/attributes/metric/data/attributes/name")?;
    let whose = &attributes["profile"]["data"];
    shaped(whose, "/data/attributes/profile/data", &["id"], &["type", "attributes"])?;
    if (&metric["type"], &whose["type"]) != (&json!("metric"), &json!("profile")) {
        return Err("/data/attributes: a type is wrong".into());
    }
    mail(&whose["attributes"]["email"], "/data/attributes/profile/data/attributes/email")?;
    if !attributes["properties"].is_object() {
        return Err("/data/attributes/properties must be an object".into());
    }
    if let Some(at) = attributes.get("time") {
        time(at, "/data/attributes/time")?;
    }
    if attributes.get("value").is_some_and(|value| !value.is_number()) {
        return Err("/data/attributes/value must be a number".into());
    }
    if let Some(id) = attributes.get("unique_id") {
        text(id, "/data/attributes/unique_id")?;
    }
    Ok(attributes)
}
