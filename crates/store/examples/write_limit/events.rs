//! The events that are written: orders of one to five items, some 500 bytes each, and what a program with two
//! applying rules decides on them. The same number gives the same bytes.

use std::fmt::Write as _;

use domain::event::{Event, Input, Subject};
use domain::identity::Identity;
use domain::member::{CounterState, LimitState, Member, WalletState};
use domain::num::Num;
use domain::order::{Grant, Order, OrderItem};
use domain::outcome::{Account, Decision, Effect, Transfer, TransferKind};

use crate::Job;

/// SplitMix64.
pub fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn input(n: u64, job: &Job) -> Input {
    let (a, b) = if job.random_ids { (mix(n), mix(!n)) } else { (n, mix(n)) };
    let id = format!("{:08x}-{:04x}-7{:03x}-{:016x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff, b ^ a);
    let mut items = String::new();
    for item in 0..1 + mix(n ^ 1) % 5 {
        let comma = if item == 0 { "" } else { "," };
        let number = item + 1;
        let _ = write!(
            items,
            r#"{comma}{{"id":"{number}","sku":"sku-{:04}","category":"coffee","quantity":1,"price":"19.99"}}"#,
            mix(n + item) % 5000
        );
    }
    let data = format!(
        r#"{{"id":"o{n}","currency":"EUR","total":"59.97","subtotal":"59.97","store":"s{}","channel":"web","items":[{items}]}}"#,
        n % 200
    );
    let event = Event {
        source: "bench".into(),
        id: id.into(),
        kind: "order.paid".into(),
        subject: Some(Subject::Identity(name(member(n, job)))),
        also: Vec::new(),
        time: jiff::Timestamp::from_second(1_790_000_000 + (n / 50).cast_signed()).expect("a time"),
        data: data.into_bytes().into(),
    };
    Input { event: event.into(), body_hash: [7; 32], origin: "import".into() }
}

/// Whose the event is: drawn evenly.
pub fn member(n: u64, job: &Job) -> u64 {
    1 + mix(n ^ (40 << 56)) % job.members
}

pub fn name(member: u64) -> Identity {
    serde_json::from_value(format!("customer:{member}").into()).expect("a text")
}

pub fn new_member(no: u64) -> Member {
    let wallet = WalletState::new("points");
    let limit = LimitState { id: "rules.coffee#0".into(), parts: vec![(1_790_000_000, 0)] };
    let counter = |id: &str| CounterState {
        id: id.into(),
        parts: vec![(1_790_000_000, Num::ZERO)],
        values: Vec::new(),
        again: Vec::new(),
        paid: Vec::new(),
    };
    let mut member = Member::new(no, jiff::Timestamp::from_second(1_790_000_000).expect("a time"));
    member.identities.push(name(no));
    member.wallets.push(wallet);
    member.counters.extend([counter("spend"), counter("orders")]);
    member.limits.push(limit);
    member
}

/// Two rules pay, one of them by item.
pub fn decide(member: &mut Member, pos: u64, n: u64) -> Decision {
    let mut decision: Decision = serde_json::from_str(r#"{"s":"applied","v":1}"#).expect("it is one");
    decision.member = Some(member.no);
    decision.seq = member.changes + 1;
    let mut grants = Vec::new();
    for (n, rule) in ["base", "coffee"].into_iter().enumerate() {
        let amount = 59 - 20 * n as i64;
        earn(member, pos, n as u16, amount);
        let (rule, wallet): (domain::value::Text, domain::value::Text) = (rule.into(), "points".into());
        let after = member.wallets[0].available;
        decision.effects.push(Effect {
            rule: rule.clone(),
            kind: "earn".into(),
            wallet: wallet.clone(),
            wanted: amount,
            granted: amount,
            cut: None,
        });
        decision.transfers.push(Transfer {
            kind: TransferKind::Earn,
            wallet: wallet.clone(),
            debit: Account::Issued,
            credit: Account::Available,
            amount,
            rule: Some(rule.clone()),
            lot: Some((pos, n as u16)),
            after,
            of: None,
        });
        let shares = vec![amount - 20, 20];
        let n = n as u16;
        grants.push(Grant { rule, wallet, pos, n, granted: amount, reversed: 0, shares, limits: Vec::new() });
    }
    member.changes += 2;
    let total = Num::minor(1999, 2);
    let item = |id: &str| OrderItem { id: id.into(), quantity: Num::ONE, total, back: Num::ZERO };
    decision.order = Some(Order {
        id: format!("o{n}").into(),
        member: member.no,
        version: 1,
        pos,
        at: jiff::Timestamp::from_second(1_790_000_000 + (n / 50).cast_signed()).expect("a time"),
        edited_at: None,
        currency: "EUR".into(),
        total: Num::minor(5997, 2),
        items: vec![item("1"), item("2")],
        back: Num::ZERO,
        closed: false,
        refunds: Vec::new(),
        applied: Vec::new(),
        came: Vec::new(),
        sent: Vec::new(),
        less: Vec::new(),
        grants,
        counts: Vec::new(),
    });
    member.last_pos = pos;
    decision
}

/// At most eight lots.
fn earn(member: &mut Member, pos: u64, n: u16, amount: i64) {
    let wallet = &mut member.wallets[0];
    wallet.add((pos, n), amount, None, None);
}
