//! CloudEvents 1.0.2 to inputs of the core: structured, binary, batch, and NDJSON (one structured event a line).
//!
//! Strict: what two readers could understand differently (a key twice, a second kind of data, a time without a zone,
//! an unknown version) is refused, with a JSON pointer for each mistake and all mistakes of an event at once.
//! Beyond the standard, `type` and `source` of Fealty's own are refused, `data` is a JSON object, and the extension
//! `identities` (`email:…,phone:…`) names the same person by other names.
//! An event that comes twice is compared by `body_hash`; see `event::Input`.

mod attributes;
mod binary;
mod structured;
mod time;

pub(crate) use attributes::body_hash;
pub use structured::{batch, ndjson, structured};

use domain::event::Input;

use crate::headers::Headers;
use crate::member_id::MemberIds;
use crate::problem::Fault;

/// What a reader needs to know beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// For subjects `mem_…`.
    pub members: &'a MemberIds,
    /// The time of events that name none.
    pub received: jiff::Timestamp,
    /// Who brings it: `key:3`, `import`.
    pub origin: &'a str,
}

/// Everything that is wrong with one event; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad(pub Vec<Fault>);

impl From<Fault> for Bad {
    fn from(fault: Fault) -> Bad {
        Bad(vec![fault])
    }
}

/// What one request holds.
pub enum Message {
    One(Input),
    /// In the order sent; each stands for itself.
    Many(Vec<Result<Input, Bad>>),
}

/// Events of one batch or NDJSON body.
pub const EVENTS_MAX: usize = 10_000;

/// Reads a request by its headers. Plain `application/json` is read as structured, or as a batch if it is an array.
pub fn read(headers: &Headers, body: &[u8], reading: Reading<'_>) -> Result<Message, Bad> {
    let header = |name| headers.one(name).map_err(|_| Fault::new("", "header_invalid", name));
    let given = header("content-type")?.unwrap_or("");
    let (kind, charset) = media_type(given);
    if charset.is_some_and(|c| !c.eq_ignore_ascii_case("utf-8")) {
        return Err(Fault::new("", "charset_unsupported", "events are UTF-8").into());
    }
    match kind.as_str() {
        "application/cloudevents+json" => structured(body, reading).map(Message::One),
        "application/cloudevents-batch+json" => batch(body, reading).map(Message::Many),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => many_lines(body, reading),
        _ if headers.has("ce-specversion") => binary::read(headers, &kind, body, reading).map(Message::One),
        "application/json" if body.trim_ascii_start().first() == Some(&b'[') => {
            batch(body, reading).map(Message::Many)
        }
        "application/json" => structured(body, reading).map(Message::One),
        _ => {
            let detail = "send application/cloudevents+json, application/cloudevents-batch+json, \
                          application/x-ndjson, or `ce-…` headers with application/json";
            Err(Fault::new("", "content_type_unsupported", detail).into())
        }
    }
}

fn many_lines(body: &[u8], reading: Reading<'_>) -> Result<Message, Bad> {
    let many: Vec<_> = ndjson(body, reading).take(EVENTS_MAX + 1).map(located).collect();
    if many.len() > EVENTS_MAX {
        return Err(structured::too_many().into());
    }
    Ok(Message::Many(many))
}

/// A line that cannot be read is named by its number, as an editor counts.
fn located((line, event): (usize, Result<Input, Bad>)) -> Result<Input, Bad> {
    let at = |mut fault: Fault| {
        fault.detail = format!("line {line}: {}", fault.detail).into();
        fault
    };
    event.map_err(|bad| Bad(bad.0.into_iter().map(at).collect()))
}

/// `type/subtype` in lower case, and the charset.
fn media_type(text: &str) -> (String, Option<&str>) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or("").to_ascii_lowercase();
    let charset = parts.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.eq_ignore_ascii_case("charset").then(|| value.trim_matches('"'))
    });
    (kind, charset)
}
