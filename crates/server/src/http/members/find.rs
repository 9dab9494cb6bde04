//! Who is meant by `{ref}`: a member id or an identity. Reading one member.

use std::sync::Arc;

use axum::response::Response;
use domain::event::MemberNo;
use domain::identity::Identity;
use wire::problem::Fault;

use crate::app::App;
use crate::http::body;
use crate::http::problem::Problem;
use crate::http::shape::{Eyes, MemberShape};

/// Names in one request.
const IDENTITIES_MAX: usize = 8;

pub async fn by_ref(app: &Arc<App>, name: &str) -> Result<MemberNo, Problem> {
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
    let found = app.read(move |reader| reader.member_get(no)).await?;
    let member = found.ok_or_else(|| Problem::not_found("member"))?;
    let plan = app.versions.current();
    Ok(body::answer(status, &MemberShape::new(Eyes { plan: &plan, ids: &app.ids }, &member)))
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
            Err(why) => faults.push(fault(&format!("/identities/{n}"), why)),
        }
    }
    if faults.is_empty() {
        return Ok(read);
    }
    let mut problem = Problem::invalid("an identity cannot be read");
    problem.errors = faults;
    Err(problem)
}

pub fn fault(pointer: &str, detail: &str) -> Fault {
    Fault::new(pointer, "value_invalid", detail)
}
