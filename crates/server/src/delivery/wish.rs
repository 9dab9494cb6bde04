//! What an endpoint wants to be told, and how: its `filter`, its `payload`, its `connector`. Checked when it is made, and
//! again when a new version of the program is published.

use std::sync::Arc;

use domain::condition::{Entry, Expr, Place};
use domain::num::OutOfRange;
use domain::outward::{Draft, Misfit, Outlook, Template, View, value};
use domain::plan::Plan;
use domain::value::{Type, Value};
use wire::problem::Fault;

use super::Settings;
use super::clerk::{Letter, Person};
use super::connector::{Errand, MESSAGE, Order};
use super::endpoint::Hidden;

/// Bytes of a payload of chosen fields.
const PAYLOAD_BYTES_MAX: usize = 8 * 1024;
pub const FIELDS_MAX: usize = 100;

pub struct Wish {
    plan: Arc<Plan>,
    outlook: Outlook,
    /// Conditions, each of which must hold.
    filter: Vec<Expr>,
    form: Form,
    pub filter_reads_member: bool,
    pub form_reads_member: bool,
}

/// What a message looks like.
enum Form {
    /// The change as the feed tells it.
    Thin,
    Chosen(Template),
    Order(Box<Order>),
}

/// A change as it is looked at: as the feed tells it, about whom, and under which names it is sent.
pub struct Sight<'a> {
    pub told: &'a str,
    pub person: Option<&'a Person>,
    pub now: jiff::Timestamp,
    pub id: &'a str,
    pub code: String,
    pub endpoint: String,
}

impl Wish {
    /// All that is wrong with it, by field.
    pub fn new(settings: &Settings, hidden: &Hidden, plan: Arc<Plan>) -> Result<Wish, Vec<Fault>> {
        let connector = settings.connector.as_ref();
        let errand = connector.map(|connector| Errand::find(connector, hidden)).transpose()?;
        let chosen = settings.payload.iter().flatten().map(|(_, source)| source.as_str());
        let sources = settings.filter.as_deref().into_iter().chain(chosen);
        let more = errand.as_ref().map(Errand::sources).unwrap_or_default();
        let mut outlook = Outlook::new(&plan, sources.chain(more));
        let slot =
            |(at, name): (usize, &str)| (name.to_owned(), value(Type::Text, Place::Extra(at as u16), false));
        let names = MESSAGE.into_iter().enumerate().map(slot).collect();
        outlook.add("message", Entry::Namespace { kind: "field of message".into(), names });
        let mut draft = Draft::new(&outlook, &plan);
        let mut filter: Vec<Expr> = Vec::new();
        filter.extend(settings.filter.as_deref().and_then(|filter| draft.condition("/filter", filter)));
        let mut filter_reads_member = std::mem::take(&mut draft.reads_member);
        let payload = settings
            .payload
            .as_ref()
            .map(|fields| draft.fields("/payload", fields.iter().map(|(name, source)| (&**name, &**source))));
        let mut form_reads_member = draft.reads_member;
        let (mut misfits, mut personal) = (draft.faults, draft.personal);
        let form = match (errand, payload) {
            (None, None) => Form::Thin,
            (None, Some(payload)) => Form::Chosen(payload),
            (Some(errand), payload) => match errand.compile(&plan, &mut outlook, payload) {
                Ok(compiled) => {
                    let reads = |expr: &Expr| domain::outward::reads_member(&plan, expr);
                    filter_reads_member |= compiled.needs.iter().any(reads);
                    filter.extend(compiled.needs);
                    form_reads_member |= compiled.reads_member;
                    personal.extend(compiled.personal);
                    Form::Order(Box::new(compiled.order))
                }
                Err(more) => {
                    misfits.extend(more);
                    Form::Thin
                }
            },
        };
        let mut faults: Vec<Fault> = misfits.iter().map(told).collect();
        if !settings.personal_data {
            faults.extend(personal.iter().map(|at| shown(at)));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Wish { plan, outlook, filter, form, filter_reads_member, form_reads_member })
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn has_filter(&self) -> bool {
        !self.filter.is_empty()
    }

    pub fn is_thin(&self) -> bool {
        matches!(self.form, Form::Thin)
    }

    /// How answers of an API are read.
    pub fn order(&self) -> Option<&Order> {
        match &self.form {
            Form::Order(order) => Some(order),
            _ => None,
        }
    }

    /// A number out of range is no yes.
    pub fn takes(&self, sight: &Sight<'_>) -> bool {
        if self.filter_reads_member && sight.person.is_none() {
            return false;
        }
        let all = |env: &domain::condition::Env<'_>| self.filter.iter().all(|one| one.holds(env) == Ok(true));
        self.view(sight).with(all)
    }

    /// The message; an error is why there can be none.
    pub fn letter(&self, sight: &Sight<'_>) -> Result<Letter, String> {
        if self.form_reads_member && sight.person.is_none() {
            return Err("the message tells of a member, and the change is of none".into());
        }
        let payload = match &self.form {
            Form::Thin => return Ok(Letter::Body(sight.told.to_owned().into())),
            Form::Order(order) => return self.view(sight).with(|env| order.write(env)).map(Letter::Request),
            Form::Chosen(payload) => payload,
        };
        let mut body = String::new();
        let written = self.view(sight).with(|env| payload.write(env, &mut body));
        written.map_err(|OutOfRange| "a number of the payload is out of range".to_owned())?;
        if body.len() > PAYLOAD_BYTES_MAX {
            let length = body.len();
            return Err(format!("the payload has {length} bytes, more than {PAYLOAD_BYTES_MAX}"));
        }
        Ok(Letter::Body(body.into()))
    }

    fn view<'a>(&'a self, sight: &Sight<'a>) -> View<'a> {
        let who = sight.person.map(|person| (person.who(), person.id()));
        let mut extra: Vec<Value> =
            [sight.id, &sight.code, &sight.endpoint].map(|text| Value::Text(text.into())).into();
        extra.extend(self.order().into_iter().flat_map(|order| order.extra.iter().cloned()));
        View::new(&self.plan, &self.outlook, sight.told, who, sight.now, extra)
    }
}

/// Where in the expression, and what helps.
fn told(misfit: &Misfit) -> Fault {
    let Misfit { at, source, fault } = misfit;
    let mut detail = fault.message.clone();
    if !source.is_empty() {
        let column = source.get(..fault.span.start).map_or(0, |before| before.chars().count()) + 1;
        detail = format!("{detail} (at sign {column} of `{source}`)");
    }
    if !fault.hint.is_empty() {
        detail = format!("{detail}; {}", fault.hint);
    }
    Fault::new(at.clone(), "expression_invalid", detail)
}

fn shown(at: &str) -> Fault {
    let detail = "it shows personal data (identities, or fields of the member): set `personal_data` to true";
    Fault::new(at.to_owned(), "personal_data", detail)
}
