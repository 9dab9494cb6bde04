//! `GET /openapi.json`: OpenAPI 3.1, made from the table of routes and the schemas beside it.
//!
//! Paths, methods, scopes and status codes cannot drift, for they come from the table that makes the router.

use std::sync::LazyLock;

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::access::Access;
use super::body::bytes;
use super::routes::{Route, routes};

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| serde_json::to_vec(&document()).unwrap_or_default());

pub async fn handle() -> Response {
    bytes(200, "application/json", DOCUMENT.as_slice())
}

pub fn document() -> Value {
    let components: Value =
        serde_json::from_str(include_str!("../../openapi/components.json")).unwrap_or_default();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fealty",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Signed events in, points out, exactly once. Errors are problem details (RFC 9457) with a stable `code`.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": components,
    })
}

fn operation(route: &Route) -> Value {
    let doc = &route.doc;
    let tag =
        route.path.trim_start_matches("/v1/").trim_start_matches('/').split('/').next().unwrap_or_default();
    let mut operation = json!({
        "operationId": doc.id,
        "summary": doc.summary,
        "tags": [tag],
        "parameters": parameters(route),
        "responses": responses(route),
    });
    match route.access {
        Access::Scope(scope) => operation["x-scope"] = json!(scope.name()),
        Access::Public | Access::Signed => operation["security"] = json!([]),
    }
    if !doc.body.is_empty() {
        let content: Map<String, Value> = doc
            .body
            .iter()
            .map(|(kind, schema)| ((*kind).to_owned(), json!({"schema": schema_of(schema)})))
            .collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let in_path = in_path.map(|name| match name {
        "event_id" => "EventId",
        "ref" => "MemberRef",
        "segment" => "SegmentId",
        "redemption" => "RedemptionId",
        "reward" => "RewardId",
        "endpoint" => "EndpointId",
        "delivery" => "DeliveryId",
        "connector" => "ConnectorName",
        _ => "SourceName",
    });
    let all = in_path.chain(route.doc.parameters.iter().copied());
    all.map(|name| json!({"$ref": format!("#/components/parameters/{name}")})).collect()
}

/// Problems that a route may answer with beside its own.
pub fn problems(route: &Route) -> Vec<u16> {
    let common: &[u16] = match route.access {
        Access::Public => &[500],
        Access::Signed => &[500],
        Access::Scope(_) => &[401, 403, 429, 500],
    };
    // A name in the address may be no text at all.
    let address: &[u16] = if route.path.contains('{') { &[400] } else { &[] };
    let mut all: Vec<u16> = common.iter().chain(address).chain(route.doc.problems).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for (status, schema) in route.doc.answers {
        let kind = match *schema {
            "Text" => "application/openmetrics-text",
            _ => "application/json",
        };
        let mut answer = json!({"description": reason(*status)});
        if !schema.is_empty() {
            answer["content"] = json!({kind: {"schema": schema_of(schema)}});
        }
        responses.insert(status.to_string(), answer);
    }
    for status in problems(route) {
        responses
            .insert(status.to_string(), json!({"$ref": format!("#/components/responses/Problem{status}")}));
    }
    Value::Object(responses)
}

fn schema_of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn reason(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` leads somewhere, and every component is used.
    #[test]
    fn references_hold_both_ways() {
        let document = document();
        let text = document.to_string();
        let mut named: Vec<&str> =
            text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        named.sort_unstable();
        named.dedup();
        for pointer in &named {
            assert!(document.pointer(pointer).is_some(), "{pointer} is not there");
        }
        for kind in ["schemas", "parameters", "responses"] {
            for name in document["components"][kind].as_object().into_iter().flat_map(|o| o.keys()) {
                assert!(
                    named.contains(&format!("/components/{kind}/{name}").as_str()),
                    "{kind} {name} is not used"
                );
            }
        }
    }

    #[test]
    fn operation_ids_differ() {
        let mut ids: Vec<&str> = routes().iter().map(|r| r.doc.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
