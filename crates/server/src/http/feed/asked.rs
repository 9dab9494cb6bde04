//! What a reader of the feed asks for: from where, and what passes.

use std::collections::HashMap;
use std::sync::Arc;

use domain::event::MemberNo;
use domain::standing;

use crate::app::App;
use crate::feed::{Cursor, Filter, Stretch, Told};
use crate::http::members::find;
use crate::http::problem::Problem;
use crate::http::query::query_invalid;
use crate::http::segments::members::known;

pub const TYPES_MAX: usize = 32;

/// Which changes pass.
pub struct Sieve {
    pub filter: Filter,
    /// Of members who belong to it now.
    segment: Option<String>,
}

impl Sieve {
    pub async fn asked(
        app: &Arc<App>,
        types: Option<&str>,
        member: Option<&str>,
        segment: Option<String>,
    ) -> Result<Sieve, Problem> {
        let types = types.map_or(Ok(Vec::new()), read_types)?;
        let member = match member {
            Some(name) => Some(find::by_ref(app, name).await?),
            None => None,
        };
        if let Some(segment) = &segment {
            known(&app.versions.current(), segment)?;
        }
        Ok(Sieve { filter: Filter { types, member }, segment })
    }

    /// Of a stretch, what lies behind `before` and passes.
    pub async fn passing<'s>(
        &self,
        app: &Arc<App>,
        stretch: &'s Stretch,
        before: Cursor,
    ) -> Result<Vec<&'s Told>, Problem> {
        let new = stretch.told.iter().filter(|told| before.is_before(told.pos, told.n));
        let new: Vec<&Told> = new.filter(|told| self.filter.takes(told)).collect();
        let Some(segment) = &self.segment else { return Ok(new) };
        let mut belongs: HashMap<MemberNo, bool> = HashMap::new();
        let mut passing = Vec::new();
        for told in new {
            let Some(no) = told.member else { continue };
            let belongs = match belongs.get(&no) {
                Some(known) => *known,
                None => *belongs.entry(no).or_insert(belongs_to(app, no, segment).await?),
            };
            if belongs {
                passing.push(told);
            }
        }
        Ok(passing)
    }
}

async fn belongs_to(app: &Arc<App>, no: MemberNo, segment: &str) -> Result<bool, Problem> {
    let found = app.read(move |reader| find::with_homes(reader, reader.member_get(no)?)).await?;
    let plan = app.versions.current();
    let at = app.clock.now();
    Ok(found.first().is_some_and(|member| {
        let who = member.who();
        let at = standing::now(who.member, at);
        standing::segments(&plan, who, at).iter().any(|one| *one.id == *segment)
    }))
}

pub fn read_types(text: &str) -> Result<Vec<Box<str>>, Problem> {
    let types: Vec<Box<str>> = text.split(',').map(|one| one.trim().into()).collect();
    let sound = |one: &str| {
        let name = one.strip_suffix('*').unwrap_or(one);
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'_';
        !one.is_empty() && name.bytes().all(fits)
    };
    if types.len() > TYPES_MAX || !types.iter().all(|one| sound(one)) {
        let detail =
            format!("`types` is up to {TYPES_MAX} types, or beginnings with a star: points.*,tier.changed");
        return Err(query_invalid(detail));
    }
    Ok(types)
}

/// `start`, `end`, or a cursor that was given out in this history.
pub async fn place(app: &Arc<App>, after: &str) -> Result<Cursor, Problem> {
    match after {
        "start" => return Ok(Cursor::START),
        "end" => return Ok(app.feed.end().await?),
        _ => {}
    }
    let cursor = Cursor::parse(after).ok_or_else(|| {
        let fix =
            "take `next` of the page before, or the `cursor` of a change, as it is; or `start`, or `end`";
        Problem::new(400, "cursor_invalid", "This cursor was not made here", fix)
    })?;
    if app.feed.knows(cursor).await? {
        return Ok(cursor);
    }
    let end = app.feed.end().await?.to_string();
    Err(Problem::new(
        410,
        "feed_reset",
        "The history has changed since",
        "the data were restored from a backup: read again what you keep of members, then go on after `end`",
    )
    .with("end", &end))
}
