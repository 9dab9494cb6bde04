//! The one client that speaks to other people's servers. It connects to public addresses alone, follows no redirect,
//! knows no proxy, and reads little of an answer.
//!
//! Invariant: no connection is made to an address that `Guard` has not let pass, whatever a name resolves to.

#[cfg(test)]
mod corpus;
mod guard;
mod net;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use connectors::{Out, Soon};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::RETRY_AFTER;
use hyper::http::request::Builder;
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub use guard::{Guard, Network};

use guard::Guarded;
use net::{Net, System};

use crate::delivery::endpoint::AT_ONCE_MAX;

/// One attempt, from the name to the end of the answer.
const ATTEMPT_MAX: Duration = Duration::from_secs(20);
/// Of an answer so much is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Of it so much is kept for people.
pub const SAID_CHARS_MAX: usize = 500;

#[derive(Clone)]
pub struct Outbound {
    guarded: Guarded,
    client: Client<HttpsConnector<Guarded>, Full<Bytes>>,
}

/// What is sent, whatever the vendor wants.
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// In how many seconds it wants to be asked again.
    pub retry_after: Option<Duration>,
    /// As far as it is read.
    pub body: Bytes,
    /// The beginning of it, for people.
    pub said: String,
}

impl Outbound {
    pub fn new(guard: Guard) -> Outbound {
        Outbound::over(guard, Arc::new(System))
    }

    fn over(guard: Guard, net: Arc<dyn Net>) -> Outbound {
        let guarded = Guarded::new(guard, net);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(guarded.clone());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(AT_ONCE_MAX as usize)
            .build(https);
        Outbound { guarded, client }
    }

    /// Posts; an error is why there was no answer.
    pub async fn post(&self, uri: Uri, headers: &[(&str, &str)], body: Bytes) -> Result<Answer, String> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.send(Request { method: Method::POST, uri, headers, body }).await
    }

    pub async fn send(&self, request: Request) -> Result<Answer, String> {
        let mut built = hyper::Request::builder().method(request.method).uri(request.uri);
        for (name, value) in request.headers {
            built = built.header(name, value);
        }
        let (head, body) = self.answer(built, request.body, ANSWER_BYTES_MAX).await?;
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?));
        let said = body.as_ref().map_or_else(|| "(longer than is read)".to_owned(), |body| text(body));
        let (status, headers, body) = (head.status.as_u16(), head.headers, body.unwrap_or_default());
        Ok(Answer { status, headers, retry_after, body, said })
    }

    /// What is answered; None: more than is read.
    async fn answer(
        &self,
        request: Builder,
        body: Bytes,
        bytes_max: usize,
    ) -> Result<(Parts, Option<Bytes>), String> {
        let request = request.body(Full::new(body)).map_err(|e| e.to_string())?;
        let whole = async {
            let response = self.client.request(request).await.map_err(|error| cause(&error))?;
            let (head, body) = response.into_parts();
            // Whatever comes after is not read; the connection is given up with it.
            let said = Limited::new(body, bytes_max).collect().await;
            Ok((head, said.ok().map(|said| said.to_bytes())))
        };
        match tokio::time::timeout(ATTEMPT_MAX, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} seconds", ATTEMPT_MAX.as_secs())),
        }
    }
}

/// The way of the brokers' clients.
impl Out for Outbound {
    fn resolve(&self, host: &str, port: u16) -> Soon<io::Result<Vec<SocketAddr>>> {
        let (guarded, host) = (self.guarded.clone(), host.to_owned());
        Box::pin(async move { guarded.find(&host, port).await })
    }

    fn post(
        &self,
        url: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        bytes_max: usize,
    ) -> Soon<Result<(u16, Bytes), String>> {
        let post = hyper::Request::post(url);
        let request = headers.iter().fold(post, |request, (name, value)| request.header(name, value));
        let outbound = self.clone();
        Box::pin(async move {
            let (head, said) = outbound.answer(request, body, bytes_max).await?;
            Ok((head.status.as_u16(), said.ok_or("the answer is longer than is read")?))
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SAID_CHARS_MAX).collect()
}

/// The innermost reason: "connection refused" says more than "client error (Connect)".
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn wait(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let seconds = at.duration_since(jiff::Timestamp::now()).as_secs();
    Some(Duration::from_secs(seconds.max(0).cast_unsigned()))
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    assert_eq!(wait("120"), Some(Duration::from_secs(120)));
    assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
    assert!(wait("Tue, 31 Dec 2199 23:59:59 GMT").is_some_and(|wait| wait > Duration::from_secs(1_000_000)));
    assert_eq!((wait("soon"), wait("-1")), (None, None));
}
