//! The bare HTTP server: reads an event into typed fields and answers as many bytes as Fealty does. No rules, no disk.
//! What Fealty adds to it is what an event costs.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;

#[derive(serde::Deserialize)]
struct Event<'a> {
    source: &'a str,
    id: &'a str,
    subject: &'a str,
    #[serde(borrow)]
    data: Order<'a>,
}

#[derive(serde::Deserialize)]
struct Order<'a> {
    subtotal: &'a str,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(serde::Deserialize)]
struct Item<'a> {
    price: &'a str,
    quantity: u32,
}

async fn event(body: Bytes) -> Response {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let quantity: u32 = event.data.items.iter().map(|item| item.quantity).sum();
    let prices: usize = event.data.items.iter().map(|item| item.price.len()).sum();
    let answer = format!(
        r#"{{"source":"{}","id":"{}","status":"applied","duplicate":false,"member":"{}","program_version":1,"effects":[{{"rule":"base","kind":"earn","wallet":"points","wanted":{quantity},"granted":{prices},"subtotal":"{}"}}],"refusal":null}}"#,
        event.source, event.id, event.subject, event.data.subtotal
    );
    ([("content-type", "application/json")], answer).into_response()
}

/// On the port in `ECHO_PORT`, until it is killed.
pub fn serve() {
    let port = std::env::var("ECHO_PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("can listen");
        println!("{}", listener.local_addr().expect("bound"));
        let app = axum::Router::new().route("/v1/events", post(event));
        axum::serve(listener, app).await.expect("serves");
    });
}
