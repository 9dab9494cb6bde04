//! A running server for one test, and a client that holds every answer against the served OpenAPI document.

#![allow(dead_code)]

pub mod race;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::http::{Client, Response};
use testkit::postgres::Postgres;
use testkit::{Launch, Server};

pub struct Api {
    pub server: Server,
    client: Client,
    document: Value,
}

pub const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
wallets.cash = { decimals = 2 }
events."review.posted" = { words = "number" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.review = { on = "review.posted", when = 'review.words >= 20', earn.cash = '0.25' }
"#;

/// With `FEALTY_TEST_STORE=postgres`, on a database of its own.
pub fn launch() -> Launch {
    let launch = Launch::new(env!("CARGO_BIN_EXE_fealty"));
    match std::env::var("FEALTY_TEST_STORE").as_deref() {
        Ok("postgres") => Launch { database: Some(Postgres::shared().database()), ..launch },
        Ok("") | Err(_) => launch,
        Ok(other) => panic!("FEALTY_TEST_STORE is `postgres` or empty, not `{other}`"),
    }
}

/// With this program; it may tell endpoints on this machine.
pub fn launch_outward(program: &str) -> Launch {
    let mut launch = launch().with_program(program);
    let settings = launch.data.join("settings.toml");
    std::fs::write(&settings, "[delivery]\nallow_networks = [\"127.0.0.0/8\"]\n")
        .expect("the folder is ours");
    launch.args.extend(["--settings".into(), settings.to_string_lossy().into_owned()]);
    launch
}

impl Api {
    pub fn start() -> Api {
        Api::of(launch().with_program(PROGRAM))
    }
    pub fn of(launch: Launch) -> Api {
        let server = launch.start().unwrap_or_else(|e| panic!("{e}"));
        let mut client = server.client();
        let document = client.get("/openapi.json").unwrap_or_else(|e| panic!("{e}")).json();
        Api { server, client, document }
    }
    /// Kills it; `meanwhile` may change how it is started again, on the same data.
    pub fn restart(&mut self, meanwhile: impl FnOnce(&mut Launch)) {
        self.server.kill();
        let mut launch = self.server.launch.clone();
        meanwhile(&mut launch);
        self.server = launch.start().unwrap_or_else(|e| panic!("{e}"));
        self.client = self.server.client();
    }
    pub fn with_key(&self, key: &str) -> Client {
        Client::new(&self.server.address, key)
    }

    pub fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let response = self
            .client
            .request(method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        self.is_documented(method, path, &response);
        response
    }
    pub fn get(&mut self, path: &str) -> Response {
        self.call("GET", path, &[], b"")
    }
    /// Asks until it is so.
    pub fn until(&mut self, path: &str, so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let told = self.get(path).json();
            if so(&told) {
                return told;
            }
            assert!(Instant::now() < end, "{path}: {told}");
            // Every look costs the server something.
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
    pub fn post(&mut self, path: &str, body: &Value) -> Response {
        self.call("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }
    pub fn post_once(&mut self, path: &str, key: &str, body: &Value) -> Response {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        self.call("POST", path, &headers, body.to_string().as_bytes())
    }
    pub fn event(&mut self, event: &Value) -> Response {
        let kind = [("Content-Type", "application/cloudevents+json")];
        self.call("POST", "/v1/events", &kind, event.to_string().as_bytes())
    }

    /// The status, and the media type of a problem, as the document says.
    fn is_documented(&self, method: &str, path: &str, response: &Response) {
        let status = response.status.to_string();
        let path = path.split('?').next().unwrap_or_default();
        let fits = |template: &str| {
            let (a, b): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let paths = self.document["paths"].as_object().expect("the document has paths");
        let mut found: Vec<&String> = paths.keys().filter(|template| fits(template)).collect();
        found.sort_by_key(|template| template.contains('{'));
        let Some(template) = found.first() else {
            return assert_eq!(status, "404", "{path} is not documented");
        };
        let answers = &paths[*template][method.to_ascii_lowercase()]["responses"];
        assert!(
            !answers[&status].is_null() || status == "405",
            "{method} {template} may not answer {status}: {}",
            response.body
        );
        let kind = response.header("content-type").unwrap_or_default();
        let schema = &answers[&status]["content"][kind]["schema"];
        let misfit = misfit(&self.document, schema, &response.json(), "");
        assert!(
            misfit.is_none(),
            "{method} {template} {status} {}: {}",
            misfit.unwrap_or_default(),
            response.body
        );
        if response.status >= 400 {
            assert_eq!(
                response.header("content-type"),
                Some("application/problem+json"),
                "{}",
                response.body
            );
            let problem = response.json();
            assert!(problem["code"].is_string() && problem["status"] == response.status, "{problem}");
        }
    }
}

/// Where a value is not as the schema says: a type, a word, a field that must be there, one that is not told of.
fn misfit(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(to) = schema["$ref"].as_str() {
        return misfit(document, document.pointer(to.trim_start_matches('#'))?, value, at);
    }
    if let Some(ways) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let misfits: Vec<String> = ways.iter().map_while(|way| misfit(document, way, value, at)).collect();
        return (misfits.len() == ways.len()).then(|| misfits.join(" | "));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Some(format!("{at}: {value} is none of the words"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |ty: &&str| match *ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    if !types.is_empty() && !types.iter().any(is) {
        return Some(format!("{at}: {value} is not {types:?}"));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| value.is_object() && value.get(name).is_none()) {
        return Some(format!("{at}/{missing} is missing"));
    }
    let known = schema["properties"].as_object();
    let more = &schema["additionalProperties"];
    let field = |(name, value): (&String, &Value)| match known.and_then(|known| known.get(name)) {
        Some(schema) => misfit(document, schema, value, &format!("{at}/{name}")),
        None if more.is_object() => misfit(document, more, value, &format!("{at}/{name}")),
        None if known.is_some() && more != true => Some(format!("{at}/{name} is not documented")),
        None => None,
    };
    let elements = value.as_array().into_iter().flatten().enumerate();
    let element =
        |(n, value): (usize, &Value)| misfit(document, &schema["items"], value, &format!("{at}/{n}"));
    value.as_object().into_iter().flatten().find_map(field).or_else(|| elements.into_iter().find_map(element))
}

/// Every test ends with a proof: whatever was done, what lies in the folder adds up, and decided again it comes out the same.
impl Drop for Api {
    fn drop(&mut self) {
        self.server.kill();
        if std::thread::panicking() {
            return;
        }
        let (code, out) = self.server.launch.run(&["verify", "--replay"]);
        assert_eq!(code, Some(0), "{}\n{out}", self.server.launch.data.display());
        self.server.launch.remove();
    }
}

/// An order of this subtotal, its id in the event's id.
pub fn order(id: &str, who: &str, subtotal: &str) -> Value {
    json!({"specversion": "1.0", "source": "shop", "id": id, "type": "order.paid", "subject": who,
        "time": "2026-11-20T10:00:00Z",
        "data": {"id": id, "currency": "EUR", "total": subtotal, "subtotal": subtotal,
            "items": [{"id": "a", "quantity": 1, "price": subtotal, "total": subtotal}]}})
}
