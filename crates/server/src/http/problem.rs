//! Errors over HTTP: RFC 9457 problem details with a stable code, and JSON pointers where a field is to blame.
//!
//! A problem says nothing of the inside: no SQL, no path, no secret. Codes are append-only, docs/codes.md lists them.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::codes;
use domain::outcome::Reason;
use serde::Serialize;
use serde_json::value::RawValue;
use store::StoreError;
use wire::problem::Fault;

#[derive(Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub errors: Vec<Fault>,
    pub retry_after: Option<u32>,
    /// The code of a refusal by the core, which is shown in place of `code`.
    pub refusal: Option<Box<str>>,
    /// More members, such as the outcome of the event that came first.
    pub more: BTreeMap<&'static str, Box<RawValue>>,
}

pub type Answer = Result<Response, Problem>;

impl Problem {
    pub fn new(status: u16, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            refusal: None,
            more: BTreeMap::new(),
        }
    }
    pub fn at(mut self, fault: Fault) -> Problem {
        self.errors.push(fault);
        self
    }
    pub fn retry(mut self, seconds: u32) -> Problem {
        self.retry_after = Some(seconds);
        self
    }
    pub fn with(mut self, name: &'static str, value: &impl Serialize) -> Problem {
        self.more.extend(serde_json::value::to_raw_value(value).ok().map(|value| (name, value)));
        self
    }

    pub fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(400, "request_malformed", "The request cannot be read", detail)
    }
    pub fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(422, "request_invalid", "The request is not valid", detail)
    }
    /// One field is to blame, and the core has a code for it.
    pub fn field(code: &str, pointer: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let fault = Fault::new(pointer.to_owned(), "value_invalid", detail.clone());
        let mut problem = Problem::invalid(detail).at(fault);
        problem.refusal = Some(code.into());
        problem
    }
    /// A business "no": 409 where it depends on what is there, 422 where a field is to blame, which stood under `at`.
    pub fn refused(reason: &Reason, at: &str) -> Problem {
        let status = match &*reason.code {
            codes::IDENTITY_TAKEN | codes::MEMBER_ALREADY_ENROLLED | codes::POINTS_INSUFFICIENT => 409,
            codes::MEMBER_UNKNOWN | codes::REWARD_UNKNOWN | codes::REDEMPTION_UNKNOWN => 404,
            _ if reason.pointer.is_some() => 422,
            _ => 409,
        };
        let mut problem = Problem::new(status, "refused", "It was refused", &*reason.message);
        problem.refusal = Some(reason.code.as_str().into());
        if let Some(pointer) = &reason.pointer {
            // The request is what became the event's data.
            let pointer = format!("{at}{}", pointer.strip_prefix("/data").unwrap_or(pointer));
            problem = problem.at(Fault::new(pointer, "refused", reason.message.clone()));
        }
        problem
    }
    pub fn not_found(what: &str) -> Problem {
        Problem::new(404, "not_found", "There is no such thing", format!("there is no such {what}"))
    }
    pub fn too_large(bytes_max: usize) -> Problem {
        let detail = format!("the body may hold {bytes_max} bytes at most");
        Problem::new(413, "body_too_large", "The body is too large", detail)
    }
    /// `detail`: what to send.
    pub fn media_type(detail: impl Into<String>) -> Problem {
        Problem::new(415, "media_type_unsupported", "This media type is not understood", detail)
    }
    pub fn internal() -> Problem {
        Problem::new(
            500,
            "internal_error",
            "Something broke here",
            "it is in the log; nothing was acknowledged",
        )
    }
}

impl From<engine::Failure> for Problem {
    fn from(failure: engine::Failure) -> Problem {
        use engine::Failure;
        let title = "It cannot be taken now";
        match failure {
            Failure::Full { retry_after } => Problem::new(
                503,
                "queue_full",
                title,
                "too many events wait; nothing happened, send it again",
            )
            .retry(retry_after),
            Failure::Unavailable(_) => {
                Problem::new(503, "store_unavailable", title, "nothing happened, send it again").retry(2)
            }
            Failure::Unknown(_) => {
                let detail =
                    "it may or may not have happened; send the same again under the same id to find out";
                Problem::new(503, "outcome_unknown", "Nobody knows what became of it", detail).retry(2)
            }
            Failure::Stopped => {
                Problem::new(503, "stopping", title, "the server is stopping; send it again").retry(2)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        tracing::error!(%error, "a read failed");
        match error {
            StoreError::Busy | StoreError::Unavailable(_) => {
                Problem::new(503, "store_unavailable", "It cannot be read now", "try again").retry(2)
            }
            StoreError::Unknown(_) | StoreError::Corrupt(_) => Problem::internal(),
        }
    }
}

#[derive(Serialize)]
struct Details<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
    #[serde(flatten)]
    more: &'a BTreeMap<&'static str, Box<RawValue>>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.refusal.as_deref().unwrap_or(self.code);
        let details = Details {
            r#type: format!("urn:fealty:problem:{code}"),
            title: self.title,
            status: self.status.as_u16(),
            code,
            detail: &self.detail,
            errors: &self.errors,
            more: &self.more,
        };
        let body = serde_json::to_vec(&details).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
