//! `POST /v1/deliveries/{delivery}/retry`: one message again, now. `POST /v1/endpoints/{endpoint}/retry`: all dead letters, or
//! everything after a cursor.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;

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
    if app.write(move |admin| admin.delivery_retry(no, only, now)).await? == 0 {
        return Err(Problem::not_found("delivery that waits or is dead"));
    }
    app.deliveries.again(no).await;
    Ok(body::answer(202, &json!({"endpoint": id(no), "retried": 1})))
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
        let retried = app.write(move |admin| admin.delivery_retry(no, None, now)).await?;
        app.deliveries.again(no).await;
        return Ok(body::answer(202, &json!({"endpoint": id(no), "retried": retried})));
    };
    let from = place(&app, after).await?;
    // It may not save a place of its own over this one.
    app.deliveries.pause(no).await;
    app.write(move |admin| admin.endpoint_rewind(no, from.to_string(), (from.pos, from.n))).await?;
    app.deliveries.again(no).await;
    answer(&app, 202, &find(&app, &name).await?, None).await
}
