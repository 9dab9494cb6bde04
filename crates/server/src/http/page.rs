//! Pages of lists: an opaque cursor, a bounded limit, `next` only while there is more, and the Link header.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::answer;
use super::problem::{Answer, Problem};
use super::query::{Params, query_invalid};

const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// Which part of a list is asked for, and by which address.
pub struct Paging {
    uri: Uri,
    pub limit: usize,
    pub cursor: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Paging, Problem> {
        let Params(query): Params<Query> = Params::from_request_parts(parts, state).await?;
        Paging::new(parts.uri.clone(), query.limit, query.cursor.as_deref())
    }
}

impl Paging {
    pub fn new(uri: Uri, limit: Option<u32>, cursor: Option<&str>) -> Result<Paging, Problem> {
        let limit = limit.unwrap_or(LIMIT);
        if limit == 0 || limit > LIMIT_MAX {
            return Err(query_invalid(format!("`limit` is a whole number from 1 to {LIMIT_MAX}")));
        }
        Ok(Paging { uri, limit: limit as usize, cursor: after(cursor)? })
    }

    /// `{"<name>": […], "next": CURSOR}` with a Link to the next page.
    pub fn answer<T: Serialize>(&self, name: &str, items: &[T], next: Option<u64>) -> Answer {
        let items: Result<Vec<_>, _> = items.iter().map(serde_json::value::to_raw_value).collect();
        let items = items.map_err(|_| Problem::internal())?;
        let next = next.map(encode);
        let page = Page { items: [(name, items.as_slice())].into(), next: next.clone() };
        let mut response = answer(200, &page);
        if let Some(next) = next {
            let query = self.uri.query().unwrap_or_default().split('&');
            let mut target = format!("{}?", self.uri.path());
            for part in query.filter(|part| !part.is_empty() && !part.starts_with("cursor=")) {
                target += part;
                target.push('&');
            }
            if let Ok(link) = HeaderValue::from_str(&format!("<{target}cursor={next}>; rel=\"next\"")) {
                response.headers_mut().insert(header::LINK, link);
            }
        }
        Ok(response)
    }
}

/// A cursor is a position with a check digit, so that a mangled one is refused and nobody counts on its form.
pub fn encode(position: u64) -> String {
    format!("c{:x}{:x}", check(position), position)
}

fn after(cursor: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let read = || {
        let digits = cursor.strip_prefix('c')?;
        let (digit, position) = (digits.get(..1)?, digits.get(1..)?);
        let position = u64::from_str_radix(position, 16).ok()?;
        // What is stored has positions of 63 bits.
        let fits = position <= i64::MAX as u64 && u64::from_str_radix(digit, 16).ok()? == check(position);
        fits.then_some(position)
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

#[test]
fn a_cursor_that_was_changed_is_refused() {
    for position in [0, 1, 77, u64::from(u32::MAX), i64::MAX as u64] {
        assert_eq!(after(Some(&encode(position))).ok().flatten(), Some(position));
    }
    for bad in ["", "c", "x12", "c0zz", "12", "c\u{e9}1", &encode(1 << 63)] {
        assert!(after(Some(bad)).is_err(), "{bad}");
    }
}
