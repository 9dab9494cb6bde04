//! A change as it is told: one JSON object, the same in a page, in a stream and in a webhook. Identifiers, amounts and
//! balances; no personal data.

use domain::change::{self, Change, What};
use domain::event::MemberNo;
use domain::outcome::Account;
use domain::plan::Plan;
use serde::Serialize;
use store::FeedRow;
use wire::member_id::MemberIds;

use super::cursor::Cursor;
use crate::http::shape::{EventName, Points};

pub struct Told {
    pub pos: u64,
    pub n: u16,
    pub member: Option<MemberNo>,
    pub kind: Box<str>,
    pub cursor: Box<str>,
    pub json: Box<str>,
}

#[derive(Serialize)]
struct ChangeShape<'a> {
    cursor: &'a str,
    r#type: &'a str,
    member: Option<String>,
    member_seq: u64,
    /// When it was decided.
    time: jiff::Timestamp,
    data: Data<'a>,
    event: EventName<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Nothing {},
    Points {
        wallet: &'a str,
        amount: Points,
        balance: Points,
        #[serde(skip_serializing_if = "is_available")]
        account: Account,
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        household: Option<String>,
    },
    Said(&'a serde_json::Map<String, serde_json::Value>),
    Other {
        other: String,
    },
}

fn is_available(account: &Account) -> bool {
    *account == Account::Available
}

/// All changes of a row.
pub fn tell(plan: &Plan, ids: &MemberIds, row: &FeedRow) -> Vec<Told> {
    change::each(&row.decision).map(|change| one(plan, ids, row, &change)).collect()
}

fn one(plan: &Plan, ids: &MemberIds, row: &FeedRow, change: &Change<'_>) -> Told {
    let n = u16::try_from(change.n).expect("a row makes a few changes");
    let cursor = Cursor { pos: row.pos, n, mark: row.mark }.to_string();
    let data = match change.what {
        What::Enrolled | What::Linked(_) => Data::Nothing {},
        What::Message(message) => match message.other {
            Some(no) => Data::Other { other: ids.encode(no) },
            None => Data::Said(&message.data),
        },
        What::Points(transfer) => {
            let points = |minor| Points::of(plan, &transfer.wallet, minor);
            // Of the two ends, the member's own; where both are, the one that it enters.
            let own = [transfer.credit, transfer.debit].into_iter().find(|account| account.is_members());
            Data::Points {
                wallet: &transfer.wallet,
                amount: points(transfer.amount),
                balance: points(transfer.after),
                account: own.unwrap_or(Account::Available),
                rule: transfer.rule.as_deref(),
                household: transfer.of.map(|home| ids.encode(home)),
            }
        }
    };
    let event = &row.event;
    let shape = ChangeShape {
        cursor: &cursor,
        r#type: change.what.kind(),
        member: row.member.map(|no| ids.encode(no)),
        member_seq: change.seq,
        time: jiff::Timestamp::from_millisecond(row.recorded_ms).unwrap_or_default(),
        data,
        event: EventName { source: &event.source, id: &event.id, r#type: &event.kind },
    };
    let json = serde_json::to_string(&shape).expect("a change is JSON");
    let kind = change.what.kind().into();
    Told { pos: row.pos, n, member: row.member, kind, cursor: cursor.into(), json: json.into() }
}
