//! `GET /v1/endpoints`, and one of them.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::shape::{self, EndpointShape, answer, find};
use crate::app::App;
use crate::http::body;
use crate::http::problem::Answer;
use crate::http::query::Name;

pub async fn handle(State(app): State<Arc<App>>) -> Answer {
    let rows = app
        .read(|reader| {
            let with_counts = |row: store::EndpointRow| Ok((reader.endpoint_counts(row.no)?, row));
            reader.endpoint_list()?.into_iter().map(with_counts).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let mut endpoints = Vec::new();
    for (counts, row) in rows {
        let endpoint = shape::read(row)?;
        endpoints.push((counts, shape::unfit(&app, &endpoint), endpoint));
    }
    let shown: Vec<EndpointShape<'_>> = endpoints
        .iter()
        .map(|(counts, unfit, endpoint)| EndpointShape::new(endpoint, *counts, unfit, None))
        .collect();
    Ok(body::answer(200, &json!({"endpoints": shown})))
}

pub async fn one(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    let endpoint = find(&app, &name).await?;
    answer(&app, 200, &endpoint, None).await
}
