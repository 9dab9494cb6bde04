//! `POST /v1/members/{ref}/unmerge`: whom this member had absorbed is himself again, with what is left of his.

use domain::own::UNMERGE;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Reader;

use super::find;
use crate::http::act::Act;
use crate::http::body;
use crate::http::events::post::outcome_shape;
use crate::http::problem::{Answer, Problem};
use crate::http::shape::{EffectShape, MemberShape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmerge {
    /// The id that he had: it stands under `absorbed` of the survivor.
    absorbed: String,
}

#[derive(Serialize)]
struct Parted<'a> {
    member: MemberShape<'a>,
    restored: MemberShape<'a>,
    /// By wallet: what he had brought, and how much of it was still there.
    effects: Vec<EffectShape<'a>>,
}

pub async fn handle(act: Act<Unmerge>) -> Answer {
    let member = find::by_ref(&act.app, &act.name).await?;
    let absorbed = find::named_at("/absorbed", find::as_written(&act.app, &act.said.absorbed).await)?;
    let outcome = act.put(UNMERGE, member, &json!({"absorbed": absorbed})).await?;
    let member = outcome.decision.member.unwrap_or(member);
    let read = move |reader: &Reader| {
        let both = [reader.member_get(member)?, reader.member_get(absorbed)?];
        find::with_homes(reader, both.into_iter().flatten())
    };
    let both = act.app.read(read).await?;
    let [member, restored] = &both[..] else { return Err(Problem::internal()) };
    let plan = act.app.versions.current();
    let eyes = act.app.eyes(&plan);
    let parted = Parted {
        member: MemberShape::new(eyes, member.who()),
        restored: MemberShape::new(eyes, restored.who()),
        effects: outcome_shape(eyes, &outcome).effects,
    };
    Ok(body::answer(200, &parted))
}
