//! Who is meant by `{ref}`: a member id or an identity. Reading one member.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use domain::codes::{IDENTITY_INVALID, MEMBER_UNKNOWN};
use domain::event::MemberNo;
use domain::household::Who;
use domain::identity::Identity;
use domain::plan::{Canon, Plan};
use serde_json::value::RawValue;
use store::{MemberRow, Reader, StoreError};
use wire::problem::Fault;

use crate::app::App;
use crate::http::body;
use crate::http::problem::{Answer, Problem};
use crate::http::shape::MemberShape;

/// Names in one request.
const IDENTITIES_MAX: usize = 8;

/// Who is meant; an absorbed member stands for him who absorbed him.
pub async fn by_ref(app: &Arc<App>, name: &str) -> Result<MemberNo, Problem> {
    let named = named(app, name)?;
    let found = app.read(move |reader| named.by_now(reader)).await?;
    found.map(|member| member.no).ok_or_else(|| Problem::not_found("member"))
}

/// The same, with all that is known of him.
pub async fn by_name(app: &Arc<App>, name: &str) -> Result<Housed, Problem> {
    let named = named(app, name)?;
    let found = app.read(move |reader| with_homes(reader, named.by_now(reader)?)).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("member"))
}

/// The answer that shows him. It is written where he was read: he is many small pieces of memory, which go back to the
/// thread that they are from.
pub async fn show(app: &Arc<App>, name: &str) -> Answer {
    let (named, by) = (named(app, name)?, app.clone());
    let read = move |reader: &Reader| {
        let found = with_homes(reader, named.by_now(reader)?)?;
        Ok(found.first().map(|member| shown(&by, 200, member)))
    };
    app.read(read).await?.ok_or_else(|| Problem::not_found("member"))
}

/// The member who has this number by now.
pub async fn by_no(app: &Arc<App>, no: MemberNo) -> Result<MemberNo, Problem> {
    let found = app.read(move |reader| reader.member_get(no)?.map_or(Ok(None), |one| by_now(reader, one)));
    Ok(found.await?.map_or(no, |member| member.no))
}

/// Who is meant, absorbed or not.
pub async fn as_written(app: &Arc<App>, name: &str) -> Result<MemberNo, Problem> {
    let named = named(app, name)?;
    let found = app.read(move |reader| named.read(reader)).await?;
    found.map(|member| member.no).ok_or_else(|| Problem::not_found("member"))
}

pub async fn by_identity(app: &Arc<App>, identity: &Identity) -> Result<Option<MemberNo>, Problem> {
    let identity = identity.clone();
    Ok(app.read(move |reader| reader.member_by_identity(&identity)).await?.map(|member| member.no))
}

/// Who is meant, before anybody is looked for.
#[derive(Clone)]
pub enum Named {
    No(MemberNo),
    Identity(Identity),
}

impl Named {
    fn read(&self, reader: &Reader) -> Result<Option<MemberRow>, StoreError> {
        match self {
            Named::No(no) => reader.member_get(*no),
            Named::Identity(identity) => reader.member_by_identity(identity),
        }
    }
    fn by_now(&self, reader: &Reader) -> Result<Option<MemberRow>, StoreError> {
        self.read(reader)?.map_or(Ok(None), |member| by_now(reader, member))
    }
}

pub fn named(app: &App, name: &str) -> Result<Named, Problem> {
    if name.starts_with(wire::member_id::PREFIX) {
        return app.ids.decode(name).map(Named::No).ok_or_else(|| Problem::not_found("member"));
    }
    let identity = Identity::parse(name).map_err(|why| {
        Problem::invalid(format!("a member is named by his id, `mem_…`, or by an identity: {why}"))
    })?;
    Ok(Named::Identity(identity))
}

/// An absorbed member stands for him who absorbed him.
pub fn by_now(reader: &Reader, mut member: MemberRow) -> Result<Option<MemberRow>, StoreError> {
    while let Some(to) = member.merged_into {
        let Some(next) = reader.member_get(to)? else { return Ok(None) };
        member = next;
    }
    Ok(Some(member))
}

/// Somebody whom the body names: the mistake is there, not in the address.
pub fn named_at<T>(pointer: &str, found: Result<T, Problem>) -> Result<T, Problem> {
    found.map_err(|problem| match problem.status.as_u16() {
        404 => Problem::field(MEMBER_UNKNOWN, pointer, "there is no such member"),
        422 => Problem::field(IDENTITY_INVALID, pointer, problem.detail),
        _ => problem,
    })
}

pub async fn answer(app: &Arc<App>, status: u16, no: MemberNo) -> Answer {
    let found = app.read(move |reader| with_homes(reader, reader.member_get(no)?)).await?;
    let member = found.into_iter().next().ok_or_else(|| Problem::not_found("member"))?;
    Ok(shown(app, status, &member))
}

pub fn shown(app: &App, status: u16, member: &Housed) -> Response {
    let plan = app.versions.current();
    body::answer(status, &MemberShape::new(app.eyes(&plan), member.who()))
}

/// A member and the household that he is in.
pub struct Housed {
    member: MemberRow,
    home: Option<MemberRow>,
}

impl Housed {
    pub fn who(&self) -> Who<'_> {
        Who { member: &self.member, home: self.home.as_deref() }
    }
    /// Not the empty place of one who was absorbed, nor a household.
    pub fn is_person(&self) -> bool {
        self.member.merged_into.is_none() && self.member.household.is_none()
    }
}

pub fn with_homes(
    reader: &Reader,
    members: impl IntoIterator<Item = MemberRow>,
) -> Result<Vec<Housed>, StoreError> {
    let one = |member: MemberRow| {
        let home = member.home.as_ref().map(|home| reader.member_get(home.no)).transpose()?;
        Ok(Housed { member, home: home.flatten() })
    };
    members.into_iter().map(one).collect()
}

/// Texts to identities, all mistakes at once.
pub fn identities(texts: &[String]) -> Result<Vec<Identity>, Problem> {
    if texts.is_empty() || texts.len() > IDENTITIES_MAX {
        let detail = format!("give 1 to {IDENTITIES_MAX} identities, such as email:ada@example.com");
        return Err(Problem::field("request_invalid", "/identities", detail));
    }
    let mut read = Vec::new();
    let mut faults = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        match Identity::parse(text) {
            Ok(identity) => read.push(identity),
            Err(why) => faults.push(Fault::new(format!("/identities/{n}"), IDENTITY_INVALID, why)),
        }
    }
    if faults.is_empty() {
        return Ok(read);
    }
    let mut problem = Problem::invalid(&*faults[0].detail);
    problem.refusal = Some(IDENTITY_INVALID.into());
    problem.errors = faults;
    Err(problem)
}

/// Fields of a member, each word for word.
pub type Fields = BTreeMap<String, Box<RawValue>>;

/// The fields as an event's data. One that the program does not declare would be taken, never shown and never read: it is
/// refused, with all others.
pub fn declared(plan: &Plan, fields: &Fields) -> Result<Vec<u8>, Problem> {
    let known = plan.types.iter().find(|ty| ty.canon == Canon::MemberUpdated);
    let names: Vec<&str> = known.iter().flat_map(|ty| &ty.fields.0).map(|field| &*field.name).collect();
    let unknown = fields.keys().filter(|name| !names.contains(&name.as_str()));
    let faults: Vec<Fault> = unknown
        .map(|name| {
            let pointer = format!("/fields{}", wire::json::step(name));
            let detail = format!(
                "members have no field `{name}`: declare it under [member], or choose of: {}",
                names.join(", ")
            );
            Fault::new(pointer, "field_unknown", detail)
        })
        .collect();
    if faults.is_empty() {
        return serde_json::to_vec(fields).map_err(|_| Problem::internal());
    }
    let detail = "a field that the program does not declare";
    let mut problem = Problem::new(422, "field_unknown", "There is no such field", detail);
    problem.errors = faults;
    Err(problem)
}
