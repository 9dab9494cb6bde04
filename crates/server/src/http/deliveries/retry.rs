//! `POST /v1/deliveries/{delivery}/retry`: one message again, now. `POST /v1/endpoints/{endpoint}/retry`: all dead letters, or
//! everything after a cursor.

use std::sync::Arc;

use axum::extract::State;
use connectors::Address;
use serde::Deserialize;
use serde_json::json;
use store::{Admin, Reader};

use crate::app::App;
use crate::feed::Cursor;
use crate::http::body::{self, Json};
use crate::http::endpoints::shape::{answer, find, id};
use crate::http::feed::asked::place;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;

pub async fn one(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    let named = || {
        let (no, change) = name.strip_prefix("del_")?.split_once('_')?;
        Some((no.parse::<u64>().ok().filter(|no| *no <= i64::MAX as u64)?, Cursor::parse(change)?))
    };
    let (no, change) = named().ok_or_else(|| Problem::not_found("delivery"))?;
    let now = jiff::Timestamp::now().as_millisecond();
    let only = Some((change.pos, change.n));
    let retry = move |_: &Reader, admin: &Admin| match admin.delivery_retry(no, only, now)? {
        0 => Err(Problem::not_found("delivery that waits or is dead")),
        _ => Ok(()),
    };
    put(&app, no, retry).await?;
    Ok(body::answer(202, &json!({"endpoint": id(no), "retried": 1})))
}

/// A topic takes what waits in the order of the feed: it begins anew.
async fn put<T: Send + 'static>(
    app: &Arc<App>,
    no: u64,
    retry: impl FnOnce(&Reader, &Admin) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let endpoint = find(app, &id(no)).await?;
    if Address::parse(&endpoint.settings.url).is_some() {
        app.deliveries.change(no, retry).await
    } else {
        app.deliveries.again(no, retry).await
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// Everything after it is sent again, whether it was taken or not. Without it: the dead letters.
    after: Option<String>,
}

pub async fn all(State(app): State<Arc<App>>, Name(name): Name, Json(again): Json<Again>) -> Answer {
    let no = find(&app, &name).await?.row.no;
    let Some(after) = &again.after else {
        let now = jiff::Timestamp::now().as_millisecond();
        let retry =
            move |_: &Reader, admin: &Admin| admin.delivery_retry(no, None, now).map_err(Problem::from);
        let retried = put(&app, no, retry).await?;
        return Ok(body::answer(202, &json!({"endpoint": id(no), "retried": retried})));
    };
    let from = place(&app, after).await?;
    let rewind = move |reader: &Reader, admin: &Admin| {
        let row = reader.endpoint_get(no)?.ok_or_else(|| Problem::not_found("endpoint"))?;
        // What it was not told yet would be lost.
        if Cursor::parse(&row.place).is_some_and(|place| place.is_before(from.pos, from.n)) {
            let detail =
                format!("it has been told up to {} only, and goes on from there by itself", row.place);
            return Err(Problem::field("value_invalid", "/after", detail));
        }
        admin.endpoint_rewind(no, from.to_string(), (from.pos, from.n))?;
        Ok(())
    };
    app.deliveries.change(no, rewind).await?;
    answer(&app, 202, &find(&app, &name).await?, None).await
}
