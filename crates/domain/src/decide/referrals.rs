//! Referrals: a code is claimed once, by nobody for himself and in no circle; the first event that counts qualifies it,
//! some time later, unless its order came back in full by then (then the next such event is the first).
//! Whom he was brought by is paid in a row of his own: see `referrer`.

use jiff::Timestamp;

use super::book::Book;
use super::case::slot_text;
use super::follow::{self, Heard};
use super::{Matter, Scene, giving, refunds, workflows};
use crate::canonical::referral;
use crate::codes::{self, reason, reason_at};
use crate::event::MemberNo;
use crate::identity::Identity;
use crate::member::{Member, Referral};
use crate::outcome::{Emitted, Reason};
use crate::plan::{Canon, Plan};
use crate::planted;
use crate::referral_code;
use crate::snapshot::Want;
use crate::value::Value;

/// Members that were brought by each other are looked at so far up.
const CHAIN_MAX: usize = 64;
/// Fields which, if the program declares them, no two people have in common: a text or a list of texts.
const PRINTS: [&str; 2] = ["payment_fingerprint", "address_hash"];

/// Reads `referral.claimed`: who brought this member, or why that cannot be. Err: this must be loaded first.
pub fn claimed(matter: &Matter<'_>) -> Result<Result<MemberNo, Reason>, Vec<Want>> {
    let Some(rules) = &matter.plans.current.referrals else {
        return Ok(Err(reason(codes::REFERRALS_NONE, "the program has no referrals")));
    };
    let by = match named(matter)? {
        Ok(by) => by,
        Err(why) => return Ok(Err(why)),
    };
    let member = matter.member;
    let Some(Some(referrer)) = matter.snapshot.members.get(&by).map(Option::as_deref) else {
        // The member himself is not in his place while he is judged.
        let said = "nobody refers himself";
        return Ok(Err(reason(
            if by == member.no { codes::REFERRAL_OF_ONESELF } else { codes::REFERRAL_CODE_UNKNOWN },
            said,
        )));
    };
    if let Some(known) = &member.referral {
        let code = referral_code::of_member(&matter.plans.keys, known.by).unwrap_or_default();
        let said = format!("this member came by the code {code} before");
        return Ok(Err(reason(codes::REFERRAL_ALREADY_CLAIMED, said)));
    }
    let zone = &matter.plans.current.regions[0].zone;
    let end = rules.claim.after(&member.enrolled_at.to_zoned(zone.clone())).timestamp();
    if matter.event.time > end {
        let said = format!("a code could be claimed until {end}");
        return Ok(Err(reason(codes::REFERRAL_TOO_LATE, said)));
    }
    let named = matter.event.also.iter().any(|name| matter.snapshot.identities.get(name) == Some(&Some(by)));
    if named || same_person(member, referrer) {
        let said = "both have a name, a means of payment or an address in common";
        return Ok(Err(reason(codes::REFERRAL_OF_ONESELF, said)));
    }
    if member.brought > 0 && !planted::is("circle_of_referrals") && in_circle(matter, referrer)? {
        let said = "the one who brought this member was himself brought by him";
        return Ok(Err(reason(codes::REFERRAL_CIRCLE, said)));
    }
    Ok(Ok(by))
}

/// Whose code or name it is.
fn named(matter: &Matter<'_>) -> Result<Result<MemberNo, Reason>, Vec<Want>> {
    let payload = &matter.bound.record;
    let (code, by) = (slot_text(payload, referral::CODE), slot_text(payload, referral::BY));
    let no = if by.is_empty() {
        if code.trim().is_empty() {
            return Ok(Err(reason(
                codes::REFERRAL_CODE_MISSING,
                "give `code`, or `by` with a name of the referrer",
            )));
        }
        match Identity::parse(&format!("referral:{code}")) {
            Ok(name) => match matter.snapshot.identities.get(&name) {
                None => return Err(vec![Want::Identity(name)]),
                Some(Some(owner)) => Some(*owner),
                Some(None) => referral_code::member(&matter.plans.keys, code),
            },
            Err(_) => None,
        }
    } else {
        let name = match Identity::parse(by) {
            Ok(name) => name,
            Err(why) => return Ok(Err(reason_at(codes::IDENTITY_INVALID, "/data/by", why))),
        };
        *matter.snapshot.identities.get(&name).ok_or_else(|| vec![Want::Identity(name)])?
    };
    // An absorbed member's code is his who absorbed him.
    let no = giving::stands_for(matter, no)?;
    let pointer = if by.is_empty() { "/data/code" } else { "/data/by" };
    Ok(no.ok_or_else(|| reason_at(codes::REFERRAL_CODE_UNKNOWN, pointer, "this leads to no member")))
}

/// As far as the two are known to share a name, or something that the program declares as nobody else's.
fn same_person(one: &Member, other: &Member) -> bool {
    let prints = |member: &Member, field: &str| -> Vec<String> {
        match member.fields.get(field) {
            Some(serde_json::Value::String(text)) if !text.is_empty() => vec![text.clone()],
            Some(serde_json::Value::Array(list)) => {
                list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        }
    };
    let shared = |field: &&str| {
        let theirs = prints(other, field);
        prints(one, field).iter().any(|print| theirs.contains(print))
    };
    one.near.contains(&other.no) || other.near.contains(&one.no) || PRINTS.iter().any(shared)
}

/// Whether the member stands somewhere above the referrer. A chain that is too long to be looked at counts as one.
fn in_circle(matter: &Matter<'_>, referrer: &Member) -> Result<bool, Vec<Want>> {
    let mut at = referrer.referral.as_ref().map(|r| r.by);
    for _ in 0..CHAIN_MAX {
        let Some(no) = at else { return Ok(false) };
        if no == matter.member.no {
            return Ok(true);
        }
        let state = matter.snapshot.members.get(&no).ok_or_else(|| vec![Want::Member(no)])?;
        at = state.as_ref().and_then(|state| state.merged_into.or(state.referral.as_ref().map(|r| r.by)));
    }
    Ok(true)
}

pub fn claim(book: &mut Book<'_>, by: MemberNo, at: Timestamp) {
    book.member.referral =
        Some(Referral { by, claimed_at: at, due: None, order: None, qualified: false, void: false });
}

/// When this member's referral qualifies; asked after every event, so it only looks.
pub fn next_due(_plan: &Plan, member: &Member) -> Option<Timestamp> {
    member.referral.as_ref().filter(|referral| !referral.qualified).and_then(|referral| referral.due)
}

/// Qualifies a referral that is due at `at` or before.
pub fn run_due(book: &mut Book<'_>, scene: &Scene<'_>, at: Timestamp) -> Result<(), Vec<Want>> {
    if next_due(book.plan, book.member).is_some_and(|due| due <= at) {
        qualify(book, scene);
    }
    Ok(())
}

/// What happened (None: the event itself) may be what a referral waits for, or take that away.
pub fn after(book: &mut Book<'_>, scene: &Scene<'_>, heard: Option<&Heard>) {
    let plan = book.plan;
    let at = scene.event.time;
    let Some(rules) = &plan.referrals else { return };
    let back =
        book.decision.order.as_ref().filter(|order| refunds::is_back(order)).map(|order| order.id.clone());
    let Some(referral) = book.member.referral.as_mut().filter(|r| !r.qualified && !r.void) else { return };
    if back.is_some() && referral.order == back && !planted::is("returned_order_qualifies") {
        (referral.due, referral.order) = (None, None);
    }
    if referral.due.is_some() || back.is_some() || at < referral.claimed_at {
        return;
    }
    let Some((no, payload)) = follow::told(book, scene, heard) else { return };
    if !rules.trigger.on.contains(&no) || !workflows::fires(book, scene, &rules.trigger, no, payload) {
        return;
    }
    let due = rules.after.as_ref().and_then(|span| {
        follow::aside(book, scene, Vec::new(), |case, _| {
            case.setting(span).map(|span| span.after(&case.now).timestamp())
        })
    });
    let order = book.decision.order.as_ref().map(|order| order.id.clone());
    if let Some(referral) = &mut book.member.referral {
        (referral.due, referral.order) = (Some(due.unwrap_or(at)), order);
    }
    if due.is_none_or(|due| due <= at) {
        qualify(book, scene);
    }
}

fn qualify(book: &mut Book<'_>, scene: &Scene<'_>) {
    let near = std::mem::take(&mut book.member.near);
    let Some(referral) = &mut book.member.referral else { return };
    referral.due = None;
    // What was not known when the code was claimed.
    referral.void = near.contains(&referral.by);
    referral.qualified = !referral.void;
    let (by, void) = (referral.by, referral.void);
    book.member.near = near;
    if void {
        return;
    }
    let code = referral_code::of_member(&scene.plans.keys, by).unwrap_or_default();
    let mut data = serde_json::Map::new();
    data.insert("code".into(), code.clone().into());
    book.decision.emitted.push(Emitted::own("referral.qualified", data));
    book.hear(Canon::ReferralQualified, || Value::Record(vec![Value::Text(code.into()), Value::Absent]));
}
