//! What an endpoint wants to be told, and how: its `filter`, and its `payload`. Checked when it is made, and again when a
//! new version of the program is published.

use std::sync::Arc;

use domain::condition::Expr;
use domain::num::OutOfRange;
use domain::outward::{Draft, Misfit, Outlook, Template, View};
use domain::plan::Plan;
use wire::problem::Fault;

use super::Settings;
use super::clerk::Person;

/// Bytes of a payload of chosen fields.
const PAYLOAD_BYTES_MAX: usize = 8 * 1024;
pub const FIELDS_MAX: usize = 100;

pub struct Wish {
    plan: Arc<Plan>,
    outlook: Outlook,
    filter: Option<Expr>,
    /// None: the change as the feed tells it.
    payload: Option<Template>,
    pub filter_reads_member: bool,
    pub payload_reads_member: bool,
}

impl Wish {
    /// All that is wrong with it, by field.
    pub fn new(settings: &Settings, plan: Arc<Plan>) -> Result<Wish, Vec<Fault>> {
        let chosen = settings.payload.iter().flatten();
        let sources = settings.filter.as_deref().into_iter().chain(chosen.map(|(_, source)| &**source));
        let outlook = Outlook::new(&plan, sources);
        let mut draft = Draft::new(&outlook, &plan);
        let filter = settings.filter.as_deref().and_then(|filter| draft.condition("/filter", filter));
        let filter_reads_member = std::mem::take(&mut draft.reads_member);
        let payload = settings
            .payload
            .as_ref()
            .map(|fields| draft.fields("/payload", fields.iter().map(|(name, source)| (&**name, &**source))));
        let payload_reads_member = draft.reads_member;
        let mut faults: Vec<Fault> = draft.faults.iter().map(told).collect();
        if !settings.personal_data {
            faults.extend(draft.personal.iter().map(|at| personal(at)));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Wish { plan, outlook, filter, payload, filter_reads_member, payload_reads_member })
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    pub fn is_thin(&self) -> bool {
        self.payload.is_none()
    }

    /// A number out of range is no yes.
    pub fn takes(&self, change: &str, person: Option<&Person>, now: jiff::Timestamp) -> bool {
        let Some(filter) = &self.filter else { return true };
        if self.filter_reads_member && person.is_none() {
            return false;
        }
        self.view(change, person, now).with(|env| filter.holds(env)) == Ok(true)
    }

    /// The body of a message; an error is why there can be none.
    pub fn body(
        &self,
        change: &str,
        person: Option<&Person>,
        now: jiff::Timestamp,
    ) -> Result<String, String> {
        let Some(payload) = &self.payload else { return Ok(change.to_owned()) };
        if self.payload_reads_member && person.is_none() {
            return Err("the payload asks about a member, and the change is of none".into());
        }
        let mut body = String::new();
        let view = self.view(change, person, now);
        let written = view.with(|env| payload.write(env, &mut body));
        written.map_err(|OutOfRange| "a number of the payload is out of range".to_owned())?;
        if body.len() > PAYLOAD_BYTES_MAX {
            let length = body.len();
            return Err(format!("the payload has {length} bytes, more than {PAYLOAD_BYTES_MAX}"));
        }
        Ok(body)
    }

    fn view<'a>(&'a self, change: &str, person: Option<&'a Person>, now: jiff::Timestamp) -> View<'a> {
        let who = person.map(|person| (person.who(), person.id()));
        View::new(&self.plan, &self.outlook, change, who, now, Vec::new())
    }
}

/// Where in the expression, and what helps.
fn told(misfit: &Misfit) -> Fault {
    let Misfit { at, source, fault } = misfit;
    let column = source.get(..fault.span.start).map_or(0, |before| before.chars().count()) + 1;
    let mut detail = format!("{} (at sign {column} of `{source}`)", fault.message);
    if !fault.hint.is_empty() {
        detail = format!("{detail}; {}", fault.hint);
    }
    Fault::new(at.clone(), "expression_invalid", detail)
}

fn personal(at: &str) -> Fault {
    let detail = "it shows personal data (identities, or fields of the member): set `personal_data` to true";
    Fault::new(at.to_owned(), "personal_data", detail)
}
