//! Anyone who signs by Standard Webhooks: a CloudEvent, which keeps its own source and id whichever way it comes, or
//! `{"type", "timestamp", "data"}` with an optional `"subject"`, whose id is the message's signed id.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::canon::Hand;
use super::{Bad, Decoded, parse};
use crate::cloudevents::structured;

#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(default, borrow)]
    specversion: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

pub(super) fn decode(hand: &Hand<'_>, text: &str, message_id: &str) -> Result<Vec<Decoded>, Bad> {
    let probe: Probe<'_> = parse(text)?;
    let input = if probe.specversion.is_some() {
        structured(text.as_bytes(), hand.reading)?
    } else {
        let message: Message<'_> = parse(text)?;
        let event = serde_json::json!({
            "specversion": "1.0", "id": message_id, "source": hand.settings.name, "type": message.kind,
            "time": message.timestamp, "subject": message.subject,
        });
        // The payload is put in as text, so that its numbers stay as they are written.
        let mut event = event.to_string();
        event.truncate(event.len() - 1);
        let event = format!("{event},\"data\":{}}}", message.data.get());
        structured(event.as_bytes(), hand.reading)?
    };
    Ok(vec![Decoded { input, ignored: None }])
}
