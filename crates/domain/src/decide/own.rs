//! Events of Fealty's own (`crate::own`): read and checked, each by its noun.

use super::case::slot_num;
use super::households::{self, Move};
use super::{
    Matter, Verdict, Work, erase, giving, members, merge, opening, referrer, rewards, tiers, unmerge,
};
use crate::codes::{self, reason};
use crate::event::MemberNo;
use crate::member::Member;
use crate::outcome::{Emitted, Reason};
use crate::own::Own;
use crate::snapshot::Want;
use crate::value::Value;

/// Reads only. Err: this must be loaded first.
pub fn weigh(matter: &Matter<'_>, own: Own) -> Result<Verdict, Vec<Want>> {
    let plan = &*matter.plans.current;
    let payload = &matter.bound.record;
    let work = match own {
        Own::Adjust => members::adjusted(plan, matter.who(), payload).map(Work::Adjust),
        Own::Link => members::linked(payload, matter.member.no, matter.snapshot).map(Work::Link),
        Own::Place => tiers::by_hand(plan, matter.member, payload, matter.event.time).map(Work::Place),
        Own::Redeem => rewards::asked(matter)?.map(|taking| Work::Redeem(Box::new(taking))),
        Own::Redemption => rewards::stepped(matter)?.map(|step| Work::Redemption(Box::new(step))),
        Own::Due => Ok(Work::Due),
        Own::Follow if referrer::is_told(&matter.event.data) => return referrer::weigh(matter),
        Own::Follow => match follows(&matter.event.data) {
            Ok(Work::Household(Move::In(home))) if !matter.snapshot.members.contains_key(&home) => {
                return Err(vec![Want::Member(home)]);
            }
            work => work,
        },
        Own::Transfer => giving::gift(matter)?.map(Work::Give),
        Own::Erase => Ok(Work::Erase(erase::histories(matter)?)),
        Own::Merge => merge::merged(matter)?.map(Work::Merge),
        Own::Unmerge => unmerge::unmerged(matter)?.map(|parting| Work::Unmerge(Box::new(parting))),
        Own::Part => unmerge::himself(&matter.event.data).map(Work::Part),
        Own::Join => households::joined(matter)?.map(Work::Household),
        Own::Leave => households::left(matter).map(Work::Household),
        Own::Codes | Own::Published => unreachable!("they are about no member"),
        Own::Open => opening::opened(matter)?.map(|opening| Work::Open(Box::new(opening))),
    };
    Ok(work.map_or_else(Verdict::Refused, |work| Verdict::Do(Box::new(work))))
}

/// What one member's act does to another.
fn follows(data: &[u8]) -> Result<Work, Reason> {
    #[derive(serde::Deserialize)]
    #[serde(tag = "type")]
    enum Told {
        #[serde(rename = "fealty.received")]
        Received(giving::Received),
        #[serde(rename = "fealty.hands_over")]
        HandsOver { to: MemberNo },
        #[serde(rename = "fealty.takes_over")]
        TakesOver { member: Box<Member> },
        #[serde(rename = "fealty.founds")]
        Founds { r#for: MemberNo },
        #[serde(rename = "fealty.moves_in")]
        MovesIn { home: MemberNo },
    }
    match serde_json::from_slice(data) {
        Ok(Told::Received(received)) => Ok(Work::Receive(received)),
        Ok(Told::HandsOver { to }) => Ok(Work::HandOver(to)),
        Ok(Told::TakesOver { member }) => Ok(Work::TakeOver(member)),
        Ok(Told::Founds { r#for }) => Ok(Work::Household(Move::Found(r#for))),
        Ok(Told::MovesIn { home }) => Ok(Work::Household(Move::In(home))),
        Err(e) => Err(reason(codes::BAD_JSON, format!("this was not made by this version: {e}"))),
    }
}

/// What is told of a version of the program.
pub fn published(payload: &Value) -> Emitted {
    let version = crate::bind::number(slot_num(payload, 0));
    Emitted::own("program.published", serde_json::Map::from_iter([("version".to_owned(), version)]))
}
