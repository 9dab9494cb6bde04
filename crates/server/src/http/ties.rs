//! What ties a member to others, and what runs for him: referral, household, absorbed members, workflows.

use domain::member::{Held, Member, Referral, Run};
use domain::redemption;
use domain::referral_code;
use serde::Serialize;

use super::shape::Eyes;

#[derive(Serialize)]
pub struct TiesShape<'a> {
    pub referral: ReferralShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub household: Option<HouseholdShape>,
    /// Of a household: its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residents: Option<Vec<HouseholdShape>>,
    /// Ids that are other names of this member, because he absorbed whom they stood for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<String>,
    pub workflows: Vec<RunShape<'a>>,
    /// What is reserved: its points are taken off already.
    pub reservations: Vec<ReservationShape>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

#[derive(Serialize)]
pub struct ReferralShape {
    /// By which others name him.
    pub code: Option<String>,
    /// So many came by it.
    pub brought: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<jiff::Timestamp>,
    /// Whether what counts has happened, for a member who was brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualified: Option<bool>,
}

/// A household and since when a member is in it, or one of its members and since when.
#[derive(Serialize)]
pub struct HouseholdShape {
    pub id: String,
    pub since: jiff::Timestamp,
}

#[derive(Serialize)]
pub struct ReservationShape {
    pub id: String,
    pub until: jiff::Timestamp,
}

#[derive(Serialize)]
pub struct RunShape<'a> {
    pub workflow: &'a str,
    pub started_at: jiff::Timestamp,
    /// The step at which it waits, from 1; and its id, if it has one.
    pub step: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_id: Option<&'a str>,
    pub until: Option<jiff::Timestamp>,
}

impl<'a> TiesShape<'a> {
    pub fn new(eyes: Eyes<'_>, member: &'a Member) -> Self {
        let referral = member.referral.as_ref();
        let lives = |no, since| HouseholdShape { id: eyes.member(no), since };
        let run = |run: &'a Run| RunShape {
            workflow: &run.workflow,
            started_at: run.started_at,
            step: run.step + 1,
            step_id: run.id.as_deref(),
            until: run.until,
        };
        let reserved = |held: &Held| ReservationShape {
            id: redemption::id(eyes.codes, held.pos, held.n).to_string(),
            until: held.until,
        };
        TiesShape {
            referral: ReferralShape {
                code: referral_code::of_member(eyes.codes, member.no),
                brought: member.brought,
                by: referral.map(|r| eyes.member(r.by)),
                claimed_at: referral.map(|r| r.claimed_at),
                qualified: referral.map(|r: &Referral| r.qualified),
            },
            household: member.home.as_ref().map(|home| lives(home.no, home.since)),
            residents: member
                .household
                .as_ref()
                .map(|home| home.residents.iter().map(|one| lives(one.no, one.since)).collect()),
            absorbed: member.absorbed.iter().map(|one| eyes.member(one.no)).collect(),
            workflows: member.runs.iter().map(run).collect(),
            reservations: member.held.iter().map(reserved).collect(),
            erased: member.erased,
        }
    }
}
