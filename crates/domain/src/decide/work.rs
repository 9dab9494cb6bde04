//! What an event does, once it has been checked (`weigh`) and before it is written (`carry_out`).

use std::sync::Arc;

use super::limits::Moment;
use super::{Judged, erase, giving, households, members, opening, refunds, rewards, tiers, unmerge};
use crate::event::MemberNo;
use crate::identity::Identity;
use crate::member::Member;
use crate::order::Order;
use crate::outcome::Reason;
use crate::plan::{Plan, RuleNo};

/// What is to be done; it has been checked.
pub enum Work {
    Rules {
        judged: Judged,
        order: Option<Order>,
    },
    Paid {
        judged: Judged,
        order: Order,
    },
    Return {
        judged: Judged,
        order: Order,
        back: refunds::Return,
        moment: Moment,
        /// Redemptions that were spent on the order.
        spent: Vec<crate::redemption::Redemption>,
    },
    Edit {
        edit: Judged,
        plan: Arc<Plan>,
        rules: Vec<RuleNo>,
        order: Order,
        judged: Judged,
    },
    Fields {
        judged: Option<Judged>,
    },
    /// A code is claimed: whose.
    Claim {
        judged: Judged,
        by: MemberNo,
    },
    /// Someone else claimed this member's code.
    Bring(Judged),
    Adjust(members::Adjustment),
    Link(Vec<Identity>),
    Give(giving::Gift),
    Receive(giving::Received),
    /// Another member is absorbed.
    Merge(MemberNo),
    HandOver(MemberNo),
    TakeOver(Box<Member>),
    /// An absorbed member goes, with what is his; and is himself again.
    Unmerge(Box<unmerge::Parting>),
    Part(Box<Member>),
    Household(households::Move),
    /// His personal data go.
    Erase(erase::Histories),
    Place(tiers::Placing),
    /// He comes from elsewhere.
    Open(Box<opening::Opening>),
    Redeem(Box<rewards::Taking>),
    Redemption(Box<rewards::Step>),
    /// What is due at the event's instant is done.
    Due,
}

impl Work {
    /// The order that it is about, if that came before.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Work::Rules { order, .. } => order.as_ref(),
            Work::Return { order, .. } | Work::Edit { order, .. } => Some(order),
            _ => None,
        }
    }
}

pub enum Verdict {
    Refused(Reason),
    Do(Box<Work>),
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Verdict {
        Verdict::Refused(reason)
    }
}
