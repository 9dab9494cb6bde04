//! `GET /v1/members/{ref}/context`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Query, asked};
use crate::app::{App, Principal};
use crate::context::context;
use crate::http::body;
use crate::http::problem::{Answer, Problem};
use crate::http::query::{Name, Params};

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(by): Extension<Arc<Principal>>,
    Name(name): Name,
    Params(query): Params<Query>,
    headers: HeaderMap,
) -> Answer {
    let asked = asked(&app, &by, &name, &query)?;
    let found = context(&app, asked).await?.ok_or_else(|| Problem::not_found("member"))?;
    let tag = format!("\"{}\"", found.tag);
    let mut response = body::bytes(200, "application/json", found.json);
    if knows(&headers, &tag) {
        *response.body_mut() = axum::body::Body::empty();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).map_err(|_| Problem::internal())?);
    // Whoever keeps it asks whether it still holds.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// One of the tags that he has is this one.
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[test]
fn tags_are_compared_as_http_says() {
    let knows = |list: &'static str| {
        let list = HeaderValue::from_static(list);
        knows(&HeaderMap::from_iter([(header::IF_NONE_MATCH, list)]), "\"ab\"")
    };
    assert!(knows("\"ab\"") && knows("W/\"ab\"") && knows("\"x\", \"ab\"") && knows("*"));
    assert!(!knows("ab") && !knows("\"abc\"") && !knows(""));
    assert!(!super::get::knows(&HeaderMap::new(), "\"ab\""));
}
