//! Who is meant by `{ref}`: a member id or an identity. Reading one member.

use std::sync::Arc;

use axum::response::Response;
use domain::codes::IDENTITY_INVALID;
use domain::event::MemberNo;
use domain::household::Who;
use domain::identity::Identity;
use domain::plan::{Canon, Plan};
use serde_json::{Map, Value};
use store::{MemberRow, Reader, StoreError};
use wire::problem::Fault;

use crate::app::App;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::shape::{Eyes, MemberShape};

/// Names in one request.
const IDENTITIES_MAX: usize = 8;

/// Who is meant; an absorbed member stands for him who absorbed him.
pub async fn by_ref(app: &Arc<App>, name: &str) -> Result<MemberNo, Problem> {
    let no = as_written(app, name).await?;
    by_no(app, no).await
}

/// The member who has this number by now.
pub async fn by_no(app: &Arc<App>, mut no: MemberNo) -> Result<MemberNo, Problem> {
    while let Some(to) = app.read(move |reader| reader.member_get(no)).await?.and_then(|m| m.merged_into) {
        no = to;
    }
    Ok(no)
}

/// Who is meant, absorbed or not.
pub async fn as_written(app: &Arc<App>, name: &str) -> Result<MemberNo, Problem> {
    if name.starts_with(wire::member_id::PREFIX) {
        let no = app.ids.decode(name).ok_or_else(|| Problem::not_found("member"))?;
        let found = app.read(move |reader| reader.member_get(no)).await?;
        return found.map(|member| member.no).ok_or_else(|| Problem::not_found("member"));
    }
    let identity = Identity::parse(name).map_err(|why| {
        Problem::invalid(format!(
            "a member is named by `mem_…` or by kind:value, such as email:ada@example.com: {why}"
        ))
    })?;
    by_identity(app, &identity).await?.ok_or_else(|| Problem::not_found("member"))
}

pub async fn by_identity(app: &Arc<App>, identity: &Identity) -> Result<Option<MemberNo>, Problem> {
    let identity = identity.clone();
    Ok(app.read(move |reader| reader.member_by_identity(&identity)).await?.map(|member| member.no))
}

pub async fn answer(app: &Arc<App>, status: u16, no: MemberNo) -> Result<Response, Problem> {
    let found = app.read(move |reader| with_homes(reader, reader.member_get(no)?)).await?;
    let member = found.into_iter().next().ok_or_else(|| Problem::not_found("member"))?;
    let plan = app.versions.current();
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    Ok(body::answer(status, &MemberShape::new(eyes, &app.codes, member.who())))
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
    if texts.len() > IDENTITIES_MAX {
        let detail = format!("at most {IDENTITIES_MAX} identities at once");
        return Err(Problem::invalid(detail.clone()).at(fault("/identities", &detail)));
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
    let mut problem = Problem::invalid("an identity cannot be read");
    problem.refusal = Some(IDENTITY_INVALID.into());
    problem.errors = faults;
    Err(problem)
}

/// A field that the program does not declare would be taken, never shown and never read: it is refused, with all others.
pub fn declared(plan: &Plan, fields: &Map<String, Value>) -> Result<(), Problem> {
    let known = plan.types.iter().find(|ty| ty.canon == Canon::MemberUpdated);
    let names: Vec<&str> = known.iter().flat_map(|ty| &ty.fields.0).map(|field| &*field.name).collect();
    let unknown = fields.keys().filter(|name| !names.contains(&name.as_str()));
    let faults: Vec<Fault> = unknown
        .map(|name| {
            let pointer = format!("/fields/{}", name.replace('~', "~0").replace('/', "~1"));
            let detail = format!(
                "members have no field `{name}`: declare it under [member], or choose of: {}",
                names.join(", ")
            );
            Fault::new(pointer, "field_unknown", detail)
        })
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let detail = "a field that the program does not declare";
    let mut problem = Problem::new(422, "field_unknown", "There is no such field", detail);
    problem.errors = faults;
    Err(problem)
}

pub fn fault(pointer: &str, detail: &str) -> Fault {
    Fault::new(pointer, "value_invalid", detail)
}
