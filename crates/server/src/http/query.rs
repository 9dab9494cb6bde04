//! What stands in the address, its last part and its query: what is unknown or malformed is a problem, not silence.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Params(value)),
            Err(error) => {
                let said = error.body_text();
                let said = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(&said);
                Err(query_invalid(said.to_owned()))
            }
        }
    }
}

pub fn query_invalid(detail: String) -> Problem {
    Problem::new(400, "query_invalid", "A query parameter is wrong", detail)
}

/// The one thing that an address names: `{ref}`, `{event_id}`.
pub struct Name(pub String);

impl Name {
    /// Empty where the address names nothing.
    pub async fn if_any(parts: &mut Parts) -> Result<String, Problem> {
        match Option::<Path<String>>::from_request_parts(parts, &()).await {
            Ok(name) => Ok(name.map_or_else(String::new, |Path(name)| name)),
            Err(error) => Err(Problem::malformed(format!("the address: {}", error.body_text()))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Name, Problem> {
        Name::if_any(parts).await.map(Name)
    }
}
