//! Who may do what: one layer before every handler, driven by the route's row in the table. Default: nothing.
//!
//! A key that is missing, unknown, revoked or expired is 401 and told apart from nothing else; one that lacks the
//! scope is 403. The rate of each key is bounded by GCRA, apart for events and for the rest.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};

use super::problem::Problem;
use crate::app::{App, Principal};
use crate::keys::Scope;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Health and description: no key, no secrets in the answer.
    Public,
    /// The handler checks the sender's signature.
    Signed,
    Scope(Scope),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Events,
    Requests,
}

/// What the layer knows of the route before which it stands.
#[derive(Clone)]
pub struct Guard {
    pub app: Arc<App>,
    pub access: Access,
    pub budget: Budget,
    pub route: &'static str,
}

pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().as_str().to_owned();
    let admitted = admit(&guard, request.headers());
    let response = match admitted {
        Err(problem) => problem.into_response(),
        Ok(None) => next.run(request).await,
        Ok(Some((principal, left))) => {
            request.extensions_mut().insert(principal);
            let mut response = next.run(request).await;
            left.write(response.headers_mut());
            response
        }
    };
    let status = response.status().as_u16();
    guard.app.metrics.request(guard.route, status, started.elapsed());
    tracing::debug!(method, route = guard.route, status, micros = started.elapsed().as_micros(), "request");
    response
}

fn admit(guard: &Guard, headers: &HeaderMap) -> Result<Option<(Arc<Principal>, Left)>, Problem> {
    let Access::Scope(scope) = guard.access else { return Ok(None) };
    let token = bearer(headers).ok_or_else(|| {
        unauthenticated("key_missing", "send `Authorization: Bearer KEY`; `fealty keys create` makes one")
    })?;
    let principal = guard.app.keys.find(token).ok_or_else(|| {
        unauthenticated("key_unknown", "this key is not known, or was revoked, or has expired")
    })?;
    let left = spend(&principal, guard.budget)?;
    if !principal.may(scope) {
        let detail = format!("this key lacks the scope {scope}");
        return Err(Problem::new(403, "scope_missing", "This key may not do that", detail));
    }
    Ok(Some((principal, left)))
}

fn unauthenticated(code: &'static str, detail: &str) -> Problem {
    Problem::new(401, code, "Who are you?", detail)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What is left of the key's budget, for the headers of the answer.
struct Left {
    per_second: u32,
    remaining: u32,
}

fn spend(principal: &Principal, budget: Budget) -> Result<Left, Problem> {
    let (limiter, per_second) = match budget {
        Budget::Events => (&principal.events, principal.events_per_second),
        Budget::Requests => (&principal.requests, principal.requests_per_second),
    };
    match limiter.check() {
        Ok(state) => Ok(Left { per_second, remaining: state.remaining_burst_capacity() }),
        Err(not_until) => {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() as u32 + 1;
            let detail = format!("this key may send {per_second} such requests a second");
            Err(Problem::new(429, "rate_limited", "Too many requests", detail).retry(seconds))
        }
    }
}

impl Left {
    fn write(&self, headers: &mut HeaderMap) {
        let policy = format!("\"key\";q={};w=1", self.per_second);
        let left = format!("\"key\";r={};t=1", self.remaining);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}
