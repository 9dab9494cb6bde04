//! `POST /v1/clock`: moves the clock of a sandbox forward, and answers when everything that falls due has happened.

use domain::codes::TIME_OUT_OF_RANGE;
use engine::{Move, Moved};
use serde::Deserialize;
use serde_json::json;

use crate::http::act::{Act, key_reused};
use crate::http::body::answer;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    advance: Option<String>,
    to: Option<String>,
}

pub async fn handle(act: Act<Ask>) -> Answer {
    let (app, ask) = (&act.app, &act.said);
    let by = match (&ask.advance, &ask.to) {
        (Some(text), None) => Move::advance(text).ok_or_else(|| {
            let detail = format!("`{text}` is no sum of durations: write `14 days`, `6 months + 1 day`");
            Problem::field("bad_term", "/advance", detail)
        }),
        (None, Some(text)) => Move::to(text).ok_or_else(|| {
            let detail = format!(
                "`{text}` is no instant: write `2027-01-31T10:00:00Z`, or a date or local time of the program"
            );
            Problem::field("bad_term", "/to", detail)
        }),
        _ => Err(Problem::field("request_invalid", "", "say either `advance` or `to`")),
    }?;
    match app.intake.move_clock(by, act.once())?.answer().await? {
        Moved::To { now, rows } => Ok(answer(200, &json!({"now": now.to_string(), "rows": rows}))),
        Moved::Back { now } => {
            let detail = format!("it is {now} already");
            Err(Problem::new(409, "clock_goes_forward", "The clock never goes back", detail))
        }
        Moved::Beyond => {
            let pointer = if ask.to.is_some() { "/to" } else { "/advance" };
            Err(Problem::field(TIME_OUT_OF_RANGE, pointer, "the clock goes to the end of 2999 at most"))
        }
        Moved::Another => Err(key_reused()),
        Moved::Real => {
            let detail =
                "the program, or its environment, says `sandbox = true` where the clock may be moved";
            Err(Problem::new(409, "not_a_sandbox", "This is no sandbox", detail))
        }
    }
}
