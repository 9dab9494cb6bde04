//! `PUT /v1/program`: checks, runs the tests, publishes through the same door as events.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use domain::event::{API_SOURCE, Event, Input};
use domain::own::PUBLISHED;
use domain::program::{self, Program, Rejected, Source, diag};
use engine::{Clock, Delivery, Failure, Publish, Published};
use serde_json::json;
use sha2::{Digest, Sha256};
use wire::problem::Fault;

use super::get::{etag, hex};
use super::versions::shape;
use crate::app::{App, Principal};
use crate::cli::program::failed_tests;
use crate::http::body::{self, answer};
use crate::http::problem::{Answer, Problem};

/// Versions that may come first while this one is being compiled.
const TRIES: usize = 5;
/// The answer waits so long for the feed to tell of it.
const TELLING: Duration = Duration::from_secs(5);

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Arc<Principal>>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let kind = body::media_type(&headers);
    if kind != "application/json" && kind != "application/toml" {
        return Err(Problem::media_type("send `Content-Type: application/json` or `application/toml`"));
    }
    let bytes = body::read(&headers, request, app.bounds.body_bytes_max, &app.bounds).await?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| Problem::malformed("the body is not UTF-8"))?;
    for _ in 0..TRIES {
        let present = app.versions.current();
        let expected = headers.get("if-match").and_then(|v| v.to_str().ok());
        if expected.is_some_and(|expected| expected != "*" && expected != etag(&present.hash)) {
            let detail = "the present version has another ETag; read it again";
            return Err(Problem::new(412, "program_changed", "Another version came first", detail));
        }
        let read = compile(&app, text.clone(), kind == "application/toml", present.version + 1).await?;
        if *read.plan.id != *present.id {
            let detail = format!("`{}` is served here; its id stays", present.id);
            return Err(Problem::new(422, "program_id_differs", "This is another program", detail));
        }
        let hash = read.plan.hash;
        let publish = Publish::new(read.plan, read.json, &principal.origin);
        match app.intake.publish(publish)?.answer().await? {
            Published::Overtaken { .. } => {}
            Published::New { version } => {
                // It counts already, whether or not the asker is still there; if it cannot be told now, the next
                // start tells.
                let telling = tokio::spawn(tell(app.clone(), version));
                let _later = tokio::time::timeout(TELLING, telling).await;
                return published(&app, 201, version, &hash).await;
            }
            Published::Same { version } => return published(&app, 200, version, &hash).await,
        }
    }
    Err(Problem::new(503, "program_contended", "Others publish at the same time", "try again").retry(1))
}

async fn tell(app: Arc<App>, version: u32) {
    loop {
        match app.intake.submit(vec![told(version, &app.clock)]) {
            Ok(pending) => return drop(pending.outcomes().await),
            Err(Failure::Full { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(_) => return,
        }
    }
}

/// What the feed tells of a version, once.
pub fn told(version: u32, clock: &Clock) -> Delivery {
    let data = json!({"version": version}).to_string().into_bytes();
    let event = Event {
        source: API_SOURCE.into(),
        id: format!("program:{version}").into(),
        kind: PUBLISHED.into(),
        subject: None,
        also: Vec::new(),
        time: clock.now(),
        data: data.clone().into(),
    };
    let body_hash = Sha256::digest(&data).into();
    Delivery { input: Input { event: event.into(), body_hash, origin: "fealty".into() }, raw: None }
}

async fn published(app: &Arc<App>, status: u16, version: u32, hash: &[u8; 32]) -> Answer {
    let stored = app.read(move |reader| reader.program_version_get(version)).await?;
    let shape = stored.as_ref().map_or_else(|| json!({"version": version, "hash": hex(hash)}), shape);
    let mut response = answer(status, &shape);
    if let Ok(etag) = HeaderValue::from_str(&etag(hash)) {
        response.headers_mut().insert("etag", etag);
    }
    Ok(response)
}

/// Checking and testing may take a while, so it is done apart from the threads that serve connections.
async fn compile(app: &Arc<App>, text: String, toml: bool, version: u32) -> Result<Program, Problem> {
    let environment = app.environment.clone();
    let compile = move || -> Result<Program, Problem> {
        let environment = environment.as_deref();
        let read = if toml {
            let main = Source { name: "program.toml".into(), text };
            let mut none = |_: &str| Err("a published program is one file".to_owned());
            program::read(main, &mut none, environment, version)
        } else {
            program::read_json(&text, environment, version)
        };
        let read = read.map_err(|rejected| problem(&rejected))?;
        let diagnostics = failed_tests(&read);
        if diagnostics.is_empty() {
            Ok(read)
        } else {
            Err(problem(&Rejected { diagnostics, sources: read.sources }))
        }
    };
    tokio::task::spawn_blocking(compile).await.map_err(|_| Problem::internal())?
}

fn problem(rejected: &Rejected) -> Problem {
    let detail = format!("{} mistake(s); see `diagnostics`", rejected.diagnostics.len());
    let mut problem = Problem::new(422, "program_invalid", "The program does not check", detail);
    problem.errors = rejected
        .diagnostics
        .iter()
        .map(|d| Fault::new(format!("/{}", d.path.replace('.', "/")), "program_invalid", d.message.clone()))
        .collect();
    problem.with("diagnostics", &diag::to_json(&rejected.diagnostics, &rejected.sources))
}
