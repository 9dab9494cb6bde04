//! A member's context: once, and as a stream.

pub mod get;
pub mod stream;

use std::sync::Arc;

use serde::Deserialize;

use super::find;
use crate::app::{App, Principal};
use crate::context::Asked;
use crate::http::problem::Problem;
use crate::http::query::query_invalid;
use crate::keys::Scope;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    include: Option<String>,
}

/// Names and fields are told only to those who ask for them and may see them.
fn asked(app: &Arc<App>, by: &Principal, name: &str, query: &Query) -> Result<Asked, Problem> {
    let personal = match query.include.as_deref() {
        None => false,
        Some("personal") => true,
        Some(_) => return Err(query_invalid("`include` is `personal`".into())),
    };
    if personal && !by.may(Scope::PiiRead) {
        let detail = format!("`include=personal` needs the scope {} too", Scope::PiiRead);
        return Err(Problem::new(403, "scope_missing", "This key may not do that", detail));
    }
    Ok(Asked { who: find::named(app, name)?, personal })
}
