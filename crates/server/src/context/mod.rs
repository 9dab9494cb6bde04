//! Member context: one small document for whoever personalises, a shop, an app, an agent. Made anew for each who asks, out
//! of the member's newest state and his newest rows, so it is never stale; its cost does not grow with his history.
//! Not here: who may ask (`http/members/context`).
//!
//! Invariant: the same state gives the same bytes, and the tag is of the bytes.

mod acts;
mod ahead;
mod document;
mod orders;

use std::sync::Arc;

use domain::decide::quote;
use domain::event::MemberNo;
use domain::household::Who;
use domain::member::Member;
use domain::snapshot::{Snapshot, Want};
use sha2::{Digest, Sha256};
use store::{Act, Reader, StoreError};

use crate::app::App;
use crate::http::members::find::Named;
use crate::http::problem::Problem;

/// Rows of the member's history that are looked at.
const ACTS_MAX: usize = 20;
/// Whose context, and whether with names and fields.
#[derive(Clone)]
pub struct Asked {
    pub who: Named,
    pub personal: bool,
}

pub struct Context {
    pub json: String,
    /// Of the bytes: a text without quotes.
    pub tag: String,
    /// Whose changes may change it: the member by the number that was asked for, by his own, and his household.
    pub of: Vec<MemberNo>,
}

/// What a document is made of.
struct Found {
    asked: MemberNo,
    member: Arc<Member>,
    home: Option<Arc<Member>>,
    offered: Vec<quote::Offered>,
    /// Newest first.
    acts: Vec<Act>,
    /// There are no older ones.
    all_acts: bool,
}

/// None: there is no such member.
pub async fn context(app: &Arc<App>, asked: Asked) -> Result<Option<Context>, Problem> {
    let by = app.clone();
    let made = app.read(move |reader| {
        let plans = by.plans();
        let eyes = by.eyes(&plans.current);
        let Some(found) = found(eyes.now, &plans, reader, &asked.who)? else { return Ok(None) };
        let found = match found {
            Ok(found) => found,
            Err(reason) => return Ok(Some(Err(reason))),
        };
        let who = Who { member: &found.member, home: found.home.as_deref() };
        let json = document::document(eyes, who, &found, asked.personal);
        let tag = Sha256::digest(json.as_bytes())[..12].iter().map(|b| format!("{b:02x}")).collect();
        let home = found.member.home.as_ref().map(|home| home.no);
        let of = [found.asked, found.member.no].into_iter().chain(home).collect();
        Ok(Some(Ok(Context { json, tag, of })))
    });
    match made.await? {
        None => Ok(None),
        Some(Ok(made)) => Ok(Some(made)),
        Some(Err(reason)) => Err(Problem::invalid(reason.message.as_str())),
    }
}

type Refused = domain::outcome::Reason;

fn found(
    now: jiff::Timestamp,
    plans: &domain::batch::Plans,
    reader: &Reader,
    who: &Named,
) -> Result<Option<Result<Found, Refused>>, StoreError> {
    let mut snapshot = Snapshot::default();
    let Some(asked) = number(reader, &mut snapshot, who)? else { return Ok(None) };
    let Some(stored) = by_now(reader, &mut snapshot, asked)? else { return Ok(None) };
    let (acts, all_acts) = acts(reader, &stored)?;
    let no = stored.no;
    drop(stored);
    let offered = quote::rewards(plans, &mut snapshot, Some(no), now, &mut |snapshot, wants| {
        let known = |want: &Want| matches!(want, Want::Member(no) if snapshot.members.contains_key(no));
        let wants: Vec<Want> = wants.iter().filter(|want| !known(want)).cloned().collect();
        reader.fetch(snapshot, &wants)
    })?;
    let offered = match offered {
        Ok(offered) => offered,
        Err(reason) => return Ok(Some(Err(reason))),
    };
    // As rewards were judged: what was due is done.
    let Some(Some(member)) = snapshot.members.get(&no).cloned() else { return Ok(None) };
    let home = member.home.as_ref().and_then(|home| snapshot.members.get(&home.no).cloned().flatten());
    Ok(Some(Ok(Found { asked, member, home, offered, acts, all_acts })))
}

/// His newest rows and those of whom he absorbed, newest first, and whether there are no older ones.
fn acts(reader: &Reader, member: &Member) -> Result<(Vec<Act>, bool), StoreError> {
    let mut ends = vec![member.last_pos];
    let mut absorbed: Vec<(u64, MemberNo)> = member.absorbed.iter().map(|one| (one.pos, one.no)).collect();
    loop {
        let (acts, all) = reader.act_list(&ends, ACTS_MAX)?;
        let oldest = acts.last().filter(|_| !all).map_or(0, |act| act.pos);
        // All rows of an absorbed one lie before that in which he was taken over: most need not be looked for.
        let new: Vec<_> = absorbed.extract_if(.., |(before, _)| *before > oldest).collect();
        if new.is_empty() {
            return Ok((acts, all && absorbed.is_empty()));
        }
        for (_, no) in new {
            ends.extend(reader.member_get(no)?.map(|absorbed| absorbed.last_pos));
        }
    }
}

fn number(reader: &Reader, snapshot: &mut Snapshot, who: &Named) -> Result<Option<MemberNo>, StoreError> {
    match who {
        Named::No(no) => Ok(Some(*no)),
        Named::Identity(name) => {
            reader.fetch(snapshot, &[Want::Identity(name.clone())])?;
            Ok(snapshot.identities.get(name).copied().flatten())
        }
    }
}

/// An absorbed member stands for him who absorbed him.
fn by_now(reader: &Reader, snapshot: &mut Snapshot, no: MemberNo) -> Result<Option<Arc<Member>>, StoreError> {
    let mut no = no;
    loop {
        reader.fetch(snapshot, &[Want::Member(no)])?;
        let Some(Some(member)) = snapshot.members.get(&no) else { return Ok(None) };
        match member.merged_into {
            Some(to) => no = to,
            None => return Ok(Some(member.clone())),
        }
    }
}
