//! `GET /v1/members/{ref}/export`: everything that is held about one member, as one JSON object: as he stands, his
//! document as it is stored, every event with what it did, the webhooks that brought them, transfers and redemptions.
//! It is written while it is read, so that it may be of any length.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::State;
use domain::event::MemberNo;
use domain::household::Who;
use hyper::body::Frame;
use serde::Serialize;
use serde_json::{Value, json};
use store::{Page, Row, StoreError};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::find;
use crate::app::App;
use crate::http::body;
use crate::http::events::get::record;
use crate::http::problem::Answer;
use crate::http::query::Name;
use crate::http::redemptions::shape::RedemptionShape;
use crate::http::shape::{Eyes, MemberShape, TransferShape};

/// Parts that wait for a slow reader.
const PARTS_MAX: usize = 8;
/// Bytes of one part, about.
const PART_BYTES: usize = 64 << 10;
/// Items read at once.
const PAGE: usize = 200;

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name) -> Answer {
    let member = find::by_name(&app, &name).await?;
    let (sender, parts) = channel(PARTS_MAX);
    tokio::task::spawn_blocking(move || {
        let numbers: Vec<MemberNo> = member.who().member.numbers().collect();
        let mut out = Out { buffer: Vec::with_capacity(PART_BYTES), sender };
        let done =
            Teller { app: &app, numbers: &numbers }.tell(member.who(), &mut out).and_then(|()| out.flush());
        if let Err(Stopped::Store(error)) = done {
            tracing::warn!(%error, "an export was broken off");
            let _gone = out.sender.blocking_send(Err(std::io::Error::other("the export was broken off")));
        }
    });
    Ok(body::bytes(200, "application/json", Body::new(Parts(parts))))
}

/// Why it ends early.
enum Stopped {
    /// Nobody reads any more.
    Gone,
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Store(error)
    }
}

type Part = Result<Bytes, std::io::Error>;

struct Out {
    buffer: Vec<u8>,
    sender: Sender<Part>,
}

impl Out {
    fn raw(&mut self, text: &str) -> Result<(), Stopped> {
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() < PART_BYTES { Ok(()) } else { self.flush() }
    }
    fn json(&mut self, value: &impl Serialize) -> Result<(), Stopped> {
        self.raw(&serde_json::to_string(value).unwrap_or_else(|_| "null".into()))
    }
    fn flush(&mut self) -> Result<(), Stopped> {
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART_BYTES));
        self.sender.blocking_send(Ok(part.into())).map_err(|_| Stopped::Gone)
    }
}

struct Teller<'a> {
    app: &'a App,
    /// His own, and those of whom he absorbed.
    numbers: &'a [MemberNo],
}

impl Teller<'_> {
    fn tell(&self, who: Who<'_>, out: &mut Out) -> Result<(), Stopped> {
        let plan = self.app.versions.current();
        let eyes = self.app.eyes(&plan);
        out.raw("{\"member\":")?;
        out.json(&MemberShape::new(eyes, who))?;
        out.raw(",\"document\":")?;
        out.json(who.member)?;
        out.raw(",\"transfers\":[")?;
        let mut first = true;
        let reader = &self.app.reader;
        self.pages(
            |no, cursor| reader.transfer_list(no, cursor, PAGE),
            |_, row| {
                separate(out, &mut first)?;
                out.json(&TransferShape::new(eyes, row))
            },
        )?;
        out.raw("],\"redemptions\":[")?;
        first = true;
        // The list of each tells those of whom he absorbed.
        Teller { app: self.app, numbers: &self.numbers[..1] }.pages(
            |no, cursor| reader.redemption_list(no, cursor, PAGE),
            |no, one| {
                separate(out, &mut first)?;
                out.json(&RedemptionShape::new(eyes, no, one))
            },
        )?;
        out.raw("],\"events\":[")?;
        first = true;
        for no in self.numbers {
            let mut pos = reader.member_get(*no)?.map_or(0, |member| member.last_pos);
            while let Some(row) = reader.journal_get(pos)? {
                separate(out, &mut first)?;
                self.event(eyes, &row, out)?;
                pos = row.prev_pos;
            }
        }
        out.raw("]}")
    }

    /// All of a list of each of his numbers.
    fn pages<T>(
        &self,
        read: impl Fn(MemberNo, Option<u64>) -> Result<Page<T>, StoreError>,
        mut tell: impl FnMut(MemberNo, &T) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        for no in self.numbers {
            let mut cursor = None;
            loop {
                let page = read(*no, cursor)?;
                page.items.iter().try_for_each(|one| tell(*no, one))?;
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn event(&self, eyes: Eyes<'_>, row: &Row, out: &mut Out) -> Result<(), Stopped> {
        #[derive(Serialize)]
        struct Event<'a, R: Serialize> {
            #[serde(flatten)]
            record: R,
            /// Every name that it gave.
            identities: Vec<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            webhook: Option<Value>,
        }
        let raw = self.app.reader.raw_get(row.pos)?;
        let webhook =
            raw.map(|raw| json!({"source": &*raw.source, "body": String::from_utf8_lossy(&raw.body)}));
        let names = domain::decide::names(&row.event).map(|name| name.as_str()).collect();
        out.json(&Event { record: record(eyes, row), identities: names, webhook })
    }
}

fn separate(out: &mut Out, first: &mut bool) -> Result<(), Stopped> {
    if std::mem::take(first) { Ok(()) } else { out.raw(",") }
}

/// What was written so far, as a body.
struct Parts(Receiver<Part>);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}
