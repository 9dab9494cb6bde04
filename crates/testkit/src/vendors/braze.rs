//! Braze: `POST /users/track` (201), which takes what it can and lists what it left out.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Patience, Ruling, Vendor, seconds, shaped, text, time};
use crate::receiver::{Received, Reply};

pub const KEY: &str = "0a1b2c3d-rest-api-key";
const OBJECTS_MAX: usize = 75;

pub fn start(burst: usize, wait: Duration) -> Vendor {
    Vendor::start(Patience { burst, wait, ask }, |received, _| law(received))
}

/// It says when, not how long.
fn ask(wait: Duration) -> Reply {
    let reset = jiff::Timestamp::now().as_second() + seconds(wait).cast_signed() + 1;
    let headers =
        format!("X-RateLimit-Limit: 3000\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {reset}\r\n");
    Reply::Made(429, headers, json!({"message": "Rate limit exceeded"}).to_string())
}

fn law(received: &Received) -> Ruling {
    let fatal = |status: u16, message: &str| {
        Ruling::Refused(Reply::Made(status, String::new(), json!({"message": message}).to_string()))
    };
    if received.header("authorization") != format!("Bearer {KEY}") {
        return fatal(401, "Invalid API key");
    }
    if (&*received.method, &*received.path) != ("POST", "/users/track") {
        return fatal(404, "Not found");
    }
    let told = received.json();
    let lists = ["attributes", "events", "purchases"];
    if let Err(why) = shaped(&told, "", &lists, &[]) {
        return fatal(400, &why);
    }
    let all: Vec<(&str, &Value)> = lists
        .iter()
        .filter_map(|name| Some((*name, told.get(*name)?.as_array()?)))
        .flat_map(|(name, all)| all.iter().map(move |one| (name, one)))
        .collect();
    if all.is_empty() || all.len() > OBJECTS_MAX {
        return fatal(400, "Invalid request body");
    }
    let errors: Vec<Value> = all
        .iter()
        .enumerate()
        .filter_map(|(index, (list, one))| {
            let why = object(list, one).err()?;
            Some(json!({"type": why, "input_array": list, "index": index}))
        })
        .collect();
    if errors.is_empty() {
        let answer = json!({"message": "success", "attributes_processed": all.len()});
        return Ruling::Taken(Reply::Made(201, String::new(), answer.to_string()), Some(told));
    }
    // Whatever is well among the others is taken; here there is one at a time.
    let answer = json!({"message": "success", "errors": errors});
    Ruling::Refused(Reply::Made(201, String::new(), answer.to_string()))
}

fn object(list: &str, one: &Value) -> Result<(), String> {
    text(&one["external_id"], "'external_id'")?;
    match list {
        "events" => {
            shaped(
                one,
                "",
                &["properties", "app_id", "_update_existing_only"],
                &["external_id", "name", "time"],
            )?;
            text(&one["name"], "'name'")?;
            time(&one["time"], "'time'")
        }
        "purchases" => {
            let must = ["external_id", "product_id", "currency", "price", "time"];
            shaped(one, "", &["properties", "quantity", "app_id", "_update_existing_only"], &must)?;
            let currency = text(&one["currency"], "'currency'")?;
            let whole =
                one.get("quantity").is_none_or(|n| n.as_u64().is_some_and(|n| (1..=100).contains(&n)));
            if currency.len() != 3 || !one["price"].is_number() || !whole {
                return Err("'currency', 'price' or 'quantity' is not valid".into());
            }
            text(&one["product_id"], "'product_id'")?;
            time(&one["time"], "'time'")
        }
        _ => Ok(()),
    }
}
