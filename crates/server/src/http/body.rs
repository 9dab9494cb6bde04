//! Request bodies: bounded in bytes and in time, read whole, as they came. JSON answers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use wire::problem::Fault;

use super::problem::Problem;
use crate::app::App;
use crate::settings::Bounds;

/// The media type without parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads the whole body. Encoded bodies are refused: a bomb cannot go off that is never unpacked.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    bounds: &Bounds,
) -> Result<Bytes, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|v| v != "identity") {
        return Err(Problem::media_type("send the body without Content-Encoding"));
    }
    read_raw(body, bytes_max, bounds).await
}

/// The same for signed bodies, whose encoding is the signature's business.
pub async fn read_raw(body: Body, bytes_max: usize, bounds: &Bounds) -> Result<Bytes, Problem> {
    let whole = collect(body, bytes_max);
    match tokio::time::timeout(Duration::from_secs(bounds.body_seconds_max), whole).await {
        Ok(Some(Ok(whole))) => Ok(whole),
        Ok(Some(Err(_))) => Err(Problem::malformed("the body ended before its end")),
        Ok(None) => Err(Problem::too_large(bytes_max)),
        Err(_) => {
            let detail = format!("the body must come within {} seconds", bounds.body_seconds_max);
            Err(Problem::new(408, "body_too_slow", "The body came too slowly", detail))
        }
    }
}

/// So much of a body that is too large is read and thrown away: a sender that is still sending would not see the answer.
const DRAIN_BYTES_MAX: usize = 16 << 20;

/// None if it is larger than allowed.
async fn collect(mut body: Body, bytes_max: usize) -> Option<Result<Bytes, axum::Error>> {
    let mut parts: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Some(Err(error)),
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= bytes_max {
            parts.push(data);
        } else if length > bytes_max + DRAIN_BYTES_MAX {
            return None;
        } else {
            parts.clear();
        }
    }
    match parts.len() {
        _ if length > bytes_max => None,
        1 => parts.pop().map(Ok),
        _ => Some(Ok(parts.concat().into())),
    }
}

/// The body of a request of our own API.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Json<T>, Problem> {
        let (parts, body) = request.into_parts();
        parse(&read_json(&parts.headers, body, &app.bounds).await?).map(Json)
    }
}

pub async fn read_json(headers: &HeaderMap, body: Body, bounds: &Bounds) -> Result<Bytes, Problem> {
    let kind = media_type(headers);
    if kind != "application/json" {
        let came = if kind.is_empty() { "none came".to_owned() } else { format!("`{kind}` came") };
        return Err(Problem::media_type(format!("send `Content-Type: application/json`; {came}")));
    }
    read(headers, body, bounds.body_bytes_max, bounds).await
}

/// Reads a small JSON object. What could mean two things (a key twice) is an error, and so are unknown fields, so that
/// nobody believes to have set one. Each error says which field.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    if text.trim_ascii().is_empty() {
        return Err(Problem::malformed("the body is empty: send a JSON object"));
    }
    let one: &RawValue = serde_json::from_str(text).map_err(|e| Problem::malformed(e.to_string()))?;
    if !one.get().starts_with('{') {
        let detail = "the body is a JSON object";
        return Err(Problem::invalid(detail).at(Fault::new("", "wrong_type", detail)));
    }
    wire::json::compact(one.get(), &mut Vec::new())
        .map_err(|fault| Problem::invalid(&*fault.detail).at(fault))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let fault = misfit(&error);
        Problem::invalid(&*fault.detail).at(fault)
    })
}

/// Which field does not fit, and why, from serde's words.
fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> Fault {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => pointer += &format!("/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer += &wire::json::step(key),
            Segment::Unknown => {}
        }
    }
    let said = error.inner().to_string();
    let said = said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said);
    let code = match said {
        _ if said.starts_with("missing field") => "field_missing",
        _ if said.starts_with("unknown field") => "field_unknown",
        _ if said.starts_with("invalid type") => "wrong_type",
        _ => "value_invalid",
    };
    let plain = code == "wrong_type";
    let named = said.split('`').nth(1).filter(|_| matches!(code, "field_missing" | "field_unknown"));
    let last = named.map(wire::json::step).filter(|step| !pointer.ends_with(step.as_str()));
    let said = if plain { in_json(said) } else { said.to_owned() };
    Fault::new(pointer + &last.unwrap_or_default(), code, said)
}

/// serde's `invalid type: string "ada", expected a sequence` in the words of JSON.
fn in_json(said: &str) -> String {
    let both = said.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "));
    let Some((found, expected)) = both else { return said.to_owned() };
    let of = |words: &[(&str, &'static str)], text: &str| {
        words.iter().find(|(start, _)| text.starts_with(start)).map(|(_, word)| *word)
    };
    let found = of(
        &[
            ("string", "a text"),
            ("integer", "a number"),
            ("floating", "a number"),
            ("boolean", "true or false"),
            ("null", "null"),
            ("unit", "null"),
            ("sequence", "a list"),
            ("map", "an object"),
        ],
        found,
    );
    let wanted = of(
        &[
            ("a sequence", "a list"),
            ("a string", "a text"),
            ("a boolean", "true or false"),
            ("a map", "an object"),
            ("struct", "an object"),
            ("u", "a whole number"),
            ("i", "a whole number"),
        ],
        expected,
    );
    format!("expected {}, found {}", wanted.unwrap_or(expected), found.unwrap_or("something else"))
}

pub fn answer(status: u16, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    bytes(status, "application/json", body)
}

pub fn bytes(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Said {
        names: Vec<String>,
        amount: Option<Box<RawValue>>,
        fields: Option<std::collections::BTreeMap<String, Box<RawValue>>>,
    }

    #[test]
    fn an_error_says_which_field_and_why() {
        for (body, code, pointer) in [
            (r#"{}"#, "field_missing", "/names"),
            (r#"{"names": "ada"}"#, "wrong_type", "/names"),
            (r#"{"names": ["ada", 5]}"#, "wrong_type", "/names/1"),
            (r#"{"names": [], "balance": 5}"#, "field_unknown", "/balance"),
            (r#"{"names": [], "names": []}"#, "duplicate_key", "/names"),
            (r#"{"names": [], "fields": {"a": 1, "b": {"c": 1, "c": 2}}}"#, "duplicate_key", "/fields/b/c"),
            (r#"[]"#, "wrong_type", ""),
            (r#"null"#, "wrong_type", ""),
        ] {
            let problem = parse::<Said>(body.as_bytes()).expect_err(body);
            let fault = &problem.errors[0];
            assert_eq!(
                (problem.status.as_u16(), fault.code, &*fault.pointer),
                (422, code, pointer),
                "{body} {fault:?}"
            );
        }
        for body in ["", " ", "{", "{\"names\": []} x", "\u{feff}{}", "{'names': []}"] {
            let problem = parse::<Said>(body.as_bytes()).expect_err(body);
            assert_eq!((problem.status.as_u16(), problem.code), (400, "request_malformed"), "{body}");
        }
        let deep = format!("{{\"names\": [], \"amount\": {}1{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(parse::<Said>(deep.as_bytes()).expect_err("deep").errors[0].code, "too_deep");
        let exact = parse::<Said>(br#"{"names": [], "amount": 9007199254740993.10}"#);
        let exact = exact.unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(exact.amount.map(|n| n.get().to_owned()).as_deref(), Some("9007199254740993.10"));
    }
}
