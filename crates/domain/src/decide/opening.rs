//! A member who comes from elsewhere, with what he had there: since when he is one, his names and fields, an opening
//! balance, a level. Once for a member and wallet, under whatever event id it is told again.
//!
//! Not here: anything that rules pay. What he had was paid there: nothing is heard, no enrolment is paid, no clock rings
//! for the time before.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::book::Book;
use super::case::{slot_num, slot_text, slot_time};
use super::grants::Since;
use super::{ENROLLED, Matter, Scene, clocks, enrolled_before, members, tiers};
use crate::bind::{self, Bound};
use crate::codes::{self, reason_at};
use crate::lots::AMOUNT_MAX;
use crate::outcome::{Account, Emitted, Reason};
use crate::own::OPEN;
use crate::plan::{Canon, Plan};
use crate::snapshot::Want;
use crate::value::{Fields, Text};

/// Slots of `fealty.opened`.
const JOINED: usize = 0;
const WALLET: usize = 1;
const POINTS: usize = 2;
const EXPIRES_AT: usize = 3;
const LADDER: usize = 4;
const LEVEL: usize = 5;
const UNTIL: usize = 6;
const REASON: usize = 7;

/// It has been checked.
pub struct Opening {
    joined: Option<Timestamp>,
    wallet: Text,
    minor: i64,
    expires_at: Option<Timestamp>,
    level: Option<tiers::Target>,
    reason: Text,
    fields: Bound,
    /// `fields` as it was told, without those that he has.
    told: Vec<u8>,
    /// He is known, and his enrolment was paid or told before.
    enrolled: bool,
}

/// Err: this must be loaded first.
pub fn opened(matter: &Matter<'_>) -> Result<Result<Opening, Reason>, Vec<Want>> {
    let wallet = slot_text(&matter.bound.record, WALLET);
    if opened_before(matter, wallet)? {
        let said = "what this member had elsewhere was taken in before";
        return Ok(Err(codes::reason(codes::MEMBER_ALREADY_OPENED, said)));
    }
    let enrolled = enrolled_before(matter)?;
    Ok(read(matter, enrolled))
}

fn read(matter: &Matter<'_>, enrolled: bool) -> Result<Opening, Reason> {
    let plan = &*matter.plans.current;
    let (payload, at) = (&matter.bound.record, matter.event.time);
    let taken = |name: &&_| {
        matter
            .snapshot
            .identities
            .get(*name)
            .is_some_and(|owner| owner.is_some_and(|o| o != matter.member.no))
    };
    if let Some(name) = members::names(matter.event).find(taken) {
        let said = format!("`{}` belongs to another member", name.as_str());
        return Err(codes::reason(codes::IDENTITY_TAKEN, said));
    }
    let joined = slot_time(payload, JOINED);
    if joined.is_some_and(|joined| joined > at) {
        return Err(reason_at(codes::TIME_OUT_OF_RANGE, "/data/joined", "this day has not come yet"));
    }
    let expires_at = slot_time(payload, EXPIRES_AT);
    if expires_at.is_some_and(|end| end <= at) {
        return Err(reason_at(
            codes::UNTIL_PASSED,
            "/data/expires_at",
            "these points would have ended by now",
        ));
    }
    let (wallet, minor) = balance(matter, plan)?;
    let wanted = (slot_text(payload, LADDER), slot_text(payload, LEVEL), slot_time(payload, UNTIL));
    let level =
        if wanted.1.is_empty() { None } else { Some(tiers::target(plan, matter.member, wanted, at)?) };
    let why = slot_text(payload, REASON).trim();
    if why.is_empty() {
        return Err(reason_at(codes::REASON_REQUIRED, "/data/reason", "an opening balance needs a reason"));
    }
    let (fields, told) = fields(plan, matter)?;
    Ok(Opening { joined, wallet, minor, expires_at, level, reason: why.into(), fields, told, enrolled })
}

fn opened_before(matter: &Matter<'_>, wallet: &str) -> Result<bool, Vec<Want>> {
    let mut before = false;
    for no in matter.member.numbers() {
        let key = matter.plans.keys.once(OPEN, no, wallet);
        let rows = matter.snapshot.rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
        let told = |(rule, of): &(Text, Text)| **rule == *OPEN && **of == *wallet;
        before |=
            rows.iter().any(|row| row.decision.member == Some(no) && row.decision.once.iter().any(told));
    }
    Ok(before)
}

fn balance(matter: &Matter<'_>, plan: &Plan) -> Result<(Text, i64), Reason> {
    let payload = &matter.bound.record;
    let (id, points) = (slot_text(payload, WALLET), slot_num(payload, POINTS));
    if id.is_empty() && points.is_zero() {
        return Ok(("".into(), 0));
    }
    let Some(wallet) = plan.wallets.iter().find(|wallet| *wallet.id == *id) else {
        return Err(reason_at(codes::WALLET_UNKNOWN, "/data/wallet", format!("there is no wallet `{id}`")));
    };
    let minor = points.exact_minor(wallet.decimals).filter(|minor| (0..=AMOUNT_MAX).contains(minor));
    let room = |minor: &i64| matter.who().balance(wallet).available <= AMOUNT_MAX - minor;
    let Some(minor) = minor.filter(room) else {
        let said = format!("an opening balance of {id} is not below 0, {}", members::form(wallet));
        return Err(reason_at(codes::AMOUNT_INVALID, "/data/points", said));
    };
    Ok((wallet.id.clone(), minor))
}

/// `fields` of the payload, read by what the program declares of a member. What is known of him is newer than what he
/// brings, a consent that he took back above all: it stays.
fn fields(plan: &Plan, matter: &Matter<'_>) -> Result<(Bound, Vec<u8>), Reason> {
    let mut whole: Map<String, Value> = serde_json::from_slice(&matter.event.data).unwrap_or_default();
    let mut told = match whole.remove("fields") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let bound = bind::bind(declared(plan), Value::Object(told.clone()).to_string().as_bytes()).map_err(
        |mut fault| {
            fault.pointer = fault.pointer.map(|at| at.replacen("/data", "/data/fields", 1).into());
            fault
        },
    )?;
    told.retain(|name, _| !matter.member.fields.contains_key(name));
    Ok((bound, Value::Object(told).to_string().into_bytes()))
}

fn declared(plan: &Plan) -> &Fields {
    let updated = plan.types.iter().find(|ty| ty.canon == Canon::MemberUpdated);
    &updated.expect("every program has it").fields
}

pub fn open(book: &mut Book<'_>, scene: &Scene<'_>, opening: Opening) {
    let at = scene.event.time;
    book.decision.once.push((OPEN.into(), opening.wallet.clone()));
    if !opening.enrolled {
        book.decision.once.push((ENROLLED.into(), "".into()));
    }
    // For him who is new, time begins here; for whom is known, it goes on.
    let since = if book.decision.enrolled { at } else { book.member.enrolled_at };
    book.member.clock = Some(book.member.clock.unwrap_or(since));
    clocks::begin(book, since);
    if let Some(joined) = opening.joined {
        book.member.enrolled_at = book.member.enrolled_at.min(joined);
    }
    let set = members::set_fields(book.member, declared(book.plan), &opening.fields.record, &opening.told);
    // The fields with which he came belong to his coming.
    if !set.is_empty() && !book.decision.enrolled {
        let names = Map::from_iter([("fields".into(), set.into())]);
        book.decision.emitted.push(Emitted::own("member.updated", names));
    }
    if opening.minor > 0 {
        let since = Since { plan: book.plan, region: book.region, at: book.at, order: None };
        let own = book.dates(since, &opening.wallet, None).expires_at;
        let ends = opening.expires_at.or(own);
        book.add(Account::Adjusted, None, &opening.wallet, opening.minor, ends);
    }
    if let Some(level) = &opening.level {
        tiers::place_for(book, level, at, &opening.reason);
    }
    book.heard.clear();
}
