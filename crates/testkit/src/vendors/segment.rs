//! Segment: `POST /v1/track` and `/v1/identify`; the write key as the name of Basic authentication, at most 32 KB.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Patience, Ruling, Vendor, seconds, shaped, text, time};
use crate::receiver::{Received, Reply};

pub const KEY: &str = "wk_0123456789";
/// The key and a colon, in base64.
const NAMED: &str = "Basic d2tfMDEyMzQ1Njc4OTo=";
const BYTES_MAX: usize = 32 * 1024;

pub fn start(burst: usize, wait: Duration) -> Vendor {
    Vendor::start(Patience { burst, wait, ask }, law)
}

fn ask(wait: Duration) -> Reply {
    Reply::Made(429, format!("Retry-After: {}\r\n", seconds(wait)), "Too Many Requests".into())
}

fn law(received: &Received, kept: &[Value]) -> Ruling {
    let refuse = |status: u16, why: String| {
        let body = json!({"success": false, "message": why}).to_string();
        Ruling::Refused(Reply::Made(status, String::new(), body))
    };
    if received.header("authorization") != NAMED {
        return refuse(401, "Invalid write key".into());
    }
    if received.header("content-type") != "application/json" || received.body.len() > BYTES_MAX {
        return refuse(400, "malformed JSON, or too large".into());
    }
    let told = received.json();
    let common = ["anonymousId", "context", "integrations", "timestamp", "messageId"];
    let shape = match (&*received.method, &*received.path) {
        ("POST", "/v1/track") => {
            shaped(&told, "", &[&common[..], &["properties"]].concat(), &["userId", "event"])
                .and_then(|_| text(&told["event"], "event").map(drop))
        }
        ("POST", "/v1/identify") => {
            shaped(&told, "", &[&common[..], &["traits"]].concat(), &["userId"]).map(drop)
        }
        _ => return refuse(404, "not found".into()),
    };
    let shape = shape
        .and_then(|()| text(&told["userId"], "userId").map(drop))
        .and_then(|()| time(&told["timestamp"], "timestamp"))
        .and_then(|()| text(&told["messageId"], "messageId").map(drop));
    if let Err(why) = shape {
        return refuse(400, why);
    }
    // Within a day the same message is one.
    let known = kept.iter().any(|one| one["messageId"] == told["messageId"]);
    let answer = json!({"success": true}).to_string();
    Ruling::Taken(Reply::Made(200, String::new(), answer), (!known).then_some(told))
}
