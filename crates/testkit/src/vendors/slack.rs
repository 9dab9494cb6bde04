//! Slack's incoming webhooks: 200 and `ok`, or a status and a word; a message a second.

use std::time::Duration;

use serde_json::Value;

use super::{Patience, Ruling, Vendor, seconds};
use crate::receiver::{Received, Reply};

pub const PATH: &str = "/services/T000/B000/XXXXsecretXXXX";

pub fn start(burst: usize, wait: Duration) -> Vendor {
    Vendor::start(Patience { burst, wait, ask }, |received, _| law(received))
}

fn ask(wait: Duration) -> Reply {
    Reply::Made(429, format!("Retry-After: {}\r\n", seconds(wait)), "rate_limited".into())
}

fn law(received: &Received) -> Ruling {
    let refuse = |status: u16, word: &str| Ruling::Refused(Reply::Made(status, String::new(), word.into()));
    if received.path != PATH {
        return refuse(404, "no_service");
    }
    let told = received.json();
    match told.as_object() {
        _ if received.method != "POST" => refuse(400, "invalid_payload"),
        None => refuse(400, "invalid_payload"),
        Some(map) if !map.contains_key("text") && !map.contains_key("blocks") => refuse(400, "no_text"),
        // Spoken of in the documents as what an archived channel answers.
        Some(map) if map["text"].as_str().is_some_and(|text| text.contains("#archived")) => {
            refuse(410, "channel_is_archived")
        }
        Some(map) if map["text"].as_str().is_none_or(str::is_empty) => refuse(400, "no_text"),
        Some(_) => Ruling::Taken(Reply::Made(200, String::new(), "ok".into()), Some(Value::clone(&told))),
    }
}
