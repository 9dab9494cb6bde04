//! `GET /v1/connectors`: the ready ones, what is set on each and what it can send; `GET /v1/connectors/{connector}`: one of
//! them as it is written, to be changed and used as one's own.

use axum::response::Response;
use serde_json::{Value, json};

use crate::delivery::connector::{READY, Sheet};
use crate::http::body;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;

pub async fn handle() -> Response {
    let all: Vec<Value> = READY.values().map(shape).collect();
    body::answer(200, &json!({"connectors": all}))
}

fn shape(sheet: &Sheet) -> Value {
    let send = sheet.send.iter().map(|(name, sending)| {
        let values = serde_json::to_value(&sending.values).unwrap_or_default();
        (name.clone(), json!({"about": sending.about, "values": values, "payload": sending.takes_payload()}))
    });
    let send: serde_json::Map<String, Value> = send.collect();
    json!({"name": sheet.name, "about": sheet.about, "settings": sheet.settings, "send": send,
        "per_second": sheet.per_second, "at_once": sheet.at_once})
}

pub async fn one(Name(name): Name) -> Answer {
    let sheet = READY.get(name.as_str()).ok_or_else(|| Problem::not_found("connector"))?;
    Ok(body::answer(200, sheet))
}
