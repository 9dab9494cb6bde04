//! `GET /v1/program/schema`: JSON Schema of a program, for editors and tools.

use axum::response::Response;

use crate::http::body::bytes;

pub async fn handle() -> Response {
    bytes(200, "application/schema+json", domain::program::schema().to_string())
}
