//! Pages of lists: an opaque cursor, a bounded limit, `next` only while there is more, and the Link header.

use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::answer;
use super::problem::Problem;

pub const LIMIT: u32 = 50;
pub const LIMIT_MAX: u32 = 200;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

impl Query {
    pub fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit)
    }
    pub fn after(&self) -> Result<Option<u64>, Problem> {
        after(self.cursor.as_deref())
    }
}

pub fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(LIMIT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::malformed(format!("`limit` is 1 to {LIMIT_MAX}")));
    }
    Ok(limit as usize)
}

/// A cursor is a position with a check digit, so that a mangled one is refused and nobody counts on its form.
pub fn encode(position: u64) -> String {
    format!("c{:x}{:x}", check(position), position)
}

pub fn after(cursor: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let read = || {
        let digits = cursor.strip_prefix('c')?;
        let (digit, position) = (digits.get(..1)?, digits.get(1..)?);
        let position = u64::from_str_radix(position, 16).ok()?;
        (u64::from_str_radix(digit, 16).ok()? == check(position)).then_some(position)
    };
    read().map(Some).ok_or_else(|| {
        Problem::new(
            400,
            "cursor_invalid",
            "This cursor was not made here",
            "take `next` of the page before, as it is",
        )
    })
}

fn check(position: u64) -> u64 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57) & 15
}

#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    items: std::collections::BTreeMap<&'a str, &'a [Box<RawValue>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `{"<name>": […], "next": CURSOR}` with a Link to the next page.
pub fn page<T: Serialize>(
    uri: &Uri,
    name: &str,
    items: &[T],
    next: Option<u64>,
) -> Result<Response, Problem> {
    let items: Result<Vec<_>, _> = items.iter().map(serde_json::value::to_raw_value).collect();
    let items = items.map_err(|_| Problem::internal())?;
    let next = next.map(encode);
    let page = Page { items: [(name, items.as_slice())].into(), next: next.clone() };
    let mut response = answer(200, &page);
    if let Some(next) = next {
        let kept =
            uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty() && !p.starts_with("cursor="));
        let query: Vec<&str> = kept.collect();
        let mut target = format!("{}?", uri.path());
        for part in query {
            target += part;
            target.push('&');
        }
        if let Ok(link) = HeaderValue::from_str(&format!("<{target}cursor={next}>; rel=\"next\"")) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

#[test]
fn a_cursor_that_was_changed_is_refused() {
    for position in [0, 1, 77, u64::from(u32::MAX), u64::MAX] {
        assert_eq!(after(Some(&encode(position))).ok().flatten(), Some(position));
    }
    for bad in ["", "c", "x12", "c0zz", "12", "c\u{e9}1"] {
        assert!(after(Some(bad)).is_err(), "{bad}");
    }
}
