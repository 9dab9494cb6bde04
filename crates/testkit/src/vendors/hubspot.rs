//! HubSpot: `PATCH /crm/v3/objects/contacts/{email}?idProperty=email` (200); errors with `category` and `correlationId`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Patience, Ruling, Vendor, shaped};
use crate::receiver::{Received, Reply};

pub const TOKEN: &str = "pat-eu1-0123456789";

/// `contacts`: addresses that it knows; `properties`: names that the account has.
pub fn start(
    burst: usize,
    wait: Duration,
    contacts: &'static [&'static str],
    properties: &'static [&'static str],
) -> Vendor {
    let law = move |received: &Received, _: &[Value]| law(received, contacts, properties);
    Vendor::start(Patience { burst, wait, ask }, law)
}

fn ask(wait: Duration) -> Reply {
    let body = json!({"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
        "errorType": "RATE_LIMIT", "correlationId": "c033", "policyName": "TEN_SECONDLY_ROLLING"});
    let headers = format!(
        "X-HubSpot-RateLimit-Interval-Milliseconds: {}\r\nX-HubSpot-RateLimit-Remaining: 0\r\n",
        wait.as_millis()
    );
    Reply::Made(429, headers, body.to_string())
}

fn law(received: &Received, contacts: &[&str], properties: &[&str]) -> Ruling {
    let error = |status: u16, category: &str, message: String| {
        let body =
            json!({"status": "error", "message": message, "correlationId": "a43b", "category": category});
        Ruling::Refused(Reply::Made(status, String::new(), body.to_string()))
    };
    if received.header("authorization") != format!("Bearer {TOKEN}") {
        return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.".into());
    }
    if received.header("content-type") != "application/json" {
        return error(415, "VALIDATION_ERROR", "Unsupported media type".into());
    }
    let path = received.path.strip_prefix("/crm/v3/objects/contacts/");
    let (Some((who, "idProperty=email")), "PATCH") =
        (path.and_then(|path| path.split_once('?')), &*received.method)
    else {
        return error(404, "OBJECT_NOT_FOUND", "no such path".into());
    };
    let who = who.replace("%40", "@").replace("%2B", "+");
    if !contacts.contains(&who.as_str()) {
        return error(404, "OBJECT_NOT_FOUND", "resource not found".into());
    }
    let told = received.json();
    if let Err(why) = shaped(&told, "", &[], &["properties"]) {
        return error(400, "VALIDATION_ERROR", format!("Invalid input JSON: {why}"));
    }
    for (name, value) in told["properties"].as_object().into_iter().flatten() {
        if !properties.contains(&name.as_str()) {
            let why = format!(
                "Property values were not valid: [{{\"isValid\":false,\"message\":\"Property \\\"{name}\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\"}}]"
            );
            return error(400, "VALIDATION_ERROR", why);
        }
        if value.is_object() || value.is_array() || value.is_null() {
            return error(400, "VALIDATION_ERROR", format!("{name} was not one value"));
        }
    }
    let answer = json!({"id": "512", "properties": told["properties"], "archived": false});
    let kept = json!({"email": who, "properties": told["properties"]});
    Ruling::Taken(Reply::Made(200, String::new(), answer.to_string()), Some(kept))
}
