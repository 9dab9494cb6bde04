//! What one endpoint does with a connector: the sheet, what is sent of it, and what its owner set; compiled with the
//! other wishes of the endpoint, and written as one request.

use std::collections::BTreeMap;

use axum::body::Bytes;
use base64::Engine as _;
use domain::condition::{Entry, Env, Expr, Place};
use domain::num::OutOfRange;
use domain::outward::{Draft, Misfit, Outlook, Template, value};
use domain::plan::Plan;
use domain::value::{Type, Value};
use serde_json::Value as Json;
use wire::problem::Fault;

use super::answer::Judge;
use super::sheet::{Given, Kind, READY, Sending, Sheet};
use crate::delivery::endpoint::{Connector, Hidden, MASK};
use crate::outbound::Request;

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 32 * 1024;
/// Of a secret that is blanked: a shorter text stands anywhere.
const SECRET_BYTES_MIN: usize = 4;
/// `message.id` and the others lie before the settings.
pub const MESSAGE: [&str; 3] = ["id", "code", "endpoint"];

/// A connector with all that was set, not compiled yet.
pub struct Errand<'c> {
    pub sheet: &'c Sheet,
    pub sending: &'c Sending,
    connector: &'c Connector,
    /// By name, sorted as in the sheet.
    settings: Vec<(&'c str, String)>,
    /// Where its mistakes are shown.
    at: String,
}

impl<'c> Errand<'c> {
    pub fn find(connector: &'c Connector, hidden: &Hidden) -> Result<Errand<'c>, Vec<Fault>> {
        let fault = |at: &str, detail: String| vec![Fault::new(at.to_owned(), "value_invalid", detail)];
        let sheet = match (&connector.name, &connector.template) {
            (Some(name), None) => READY.get(name.as_str()).ok_or_else(|| {
                let names = READY.keys().copied().collect::<Vec<_>>().join(", ");
                fault("/connector/name", format!("there is no connector `{name}`; there are {names}"))
            })?,
            (None, Some(sheet)) => sheet,
            _ => return Err(fault("/connector", "give `name`, or a `template` of your own".into())),
        };
        let sending = sheet.send.get(&connector.send).ok_or_else(|| {
            let names = sheet.send.keys().cloned().collect::<Vec<_>>().join(", ");
            fault("/connector/send", format!("`{}` cannot be sent; `send` is one of {names}", connector.send))
        })?;
        let at = connector.name.as_ref().map_or("/connector/template".into(), |_| "/connector".into());
        let settings = settings(sheet, connector, hidden)?;
        let unknown = connector.values.keys().filter(|name| !sending.values.contains_key(*name));
        let known = sending.values.keys().cloned().collect::<Vec<_>>().join(", ");
        let unknown = unknown.map(|name| {
            let at = format!("/connector/values{}", wire::json::step(name));
            Fault::new(
                at,
                "field_unknown",
                format!("`{}` takes no `{name}`; it takes {known}", connector.send),
            )
        });
        let unknown: Vec<Fault> = unknown.collect();
        if unknown.is_empty() { Ok(Errand { sheet, sending, connector, settings, at }) } else { Err(unknown) }
    }

    /// All texts in which expressions may stand.
    pub fn sources(&self) -> Vec<&str> {
        let request = &self.sending.request;
        let mut all: Vec<&str> = vec![&request.url];
        all.extend(self.sending.when.as_deref());
        all.extend(self.sending.values.values().filter_map(|given| given.default.as_deref()));
        all.extend(self.connector.values.values().map(String::as_str));
        all.extend(request.headers.values().map(String::as_str));
        all.extend(request.basic.iter().flat_map(|(name, password)| [name.as_str(), password.as_str()]));
        request.body.iter().for_each(|body| texts(body, &mut all));
        all
    }

    fn given(&self, name: &str, spec: &'c Given) -> Option<&'c str> {
        self.connector.values.get(name).or(spec.default.as_ref()).map(String::as_str)
    }

    /// Adds what its expressions may mention; `draft` has compiled the payload.
    pub fn compile(
        &self,
        plan: &Plan,
        outlook: &mut Outlook,
        payload: Option<Template>,
    ) -> Result<Compiled, Vec<Misfit>> {
        let mut draft = Draft::new(outlook, plan);
        let (names, texts, mut needs) = self.values(&mut draft)?;
        let personal = std::mem::take(&mut draft.personal);
        let reads_member = draft.reads_member;
        outlook.add("values", Entry::Namespace { kind: "value".into(), names });
        // What the owner says cannot tell of secrets: these are known to the sheet alone.
        let slot = |at: usize| value(Type::Text, Place::Extra((MESSAGE.len() + at) as u16), false);
        let names = self.settings.iter().enumerate().map(|(at, (name, _))| ((*name).to_owned(), slot(at)));
        outlook.add("settings", Entry::Namespace { kind: "setting".into(), names: names.collect() });
        let mut draft = Draft::new(outlook, plan);
        (draft.payload, draft.texts, draft.personal, draft.reads_member) =
            (payload.clone(), texts, personal, reads_member);
        let at = format!("{}/send/{}", self.at, self.connector.send);
        let request = &self.sending.request;
        let url = draft.text(&format!("{at}/request/url"), &request.url, true);
        let header = |(name, text): (&String, &String)| {
            (name.clone(), draft.text(&format!("{at}/request/headers/{name}"), text, false).as_text())
        };
        let headers: Vec<(String, Template)> = request.headers.iter().map(header).collect();
        let mut basic = None;
        if let Some((name, password)) = &request.basic {
            let at = format!("{at}/request/basic");
            basic = Some((draft.text(&at, name, false), draft.text(&at, password, false)));
        }
        let body = request.body.as_ref().map(|body| draft.template(&format!("{at}/request/body"), body));
        let reads_member = std::mem::take(&mut draft.reads_member);
        needs.extend(
            self.sending.when.as_deref().and_then(|when| draft.condition(&format!("{at}/when"), when)),
        );
        if draft.spreads != payload.is_some() {
            let why =
                if draft.spreads { "say which fields are sent" } else { "this sends no fields of your own" };
            draft.wrong("/payload", "", why);
        }
        let judge = Judge::compile(&self.sending.answer.over(&self.sheet.answer), &at, &mut draft.faults);
        let (faults, personal) = (draft.faults, draft.personal);
        let Some(judge) = judge.filter(|_| faults.is_empty()) else { return Err(faults) };
        let mut extra: Vec<Value> = self.settings.iter().map(|(_, text)| Value::Text(text.into())).collect();
        extra.extend(self.sending.values.iter().map(|_| Value::Absent));
        let method = request.method.http();
        let errand = Order { method, url, headers, basic, body, extra, masks: self.masks(), judge };
        Ok(Compiled { order: errand, needs, personal, reads_member })
    }

    /// What the owner says, as formulas and texts; and what must be there of it.
    fn values(&self, draft: &mut Draft<'_>) -> Result<Values, Vec<Misfit>> {
        let (mut names, mut texts, mut needs) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (n, (name, spec)) in self.sending.values.iter().enumerate() {
            let at = format!("/connector/values/{name}");
            let absent = || {
                let slot = Place::Extra((MESSAGE.len() + self.settings.len() + n) as u16);
                value(spec.r#type.want().unwrap_or(Type::Text), slot, true)
            };
            let Some(source) = self.given(name, spec) else {
                if !spec.optional {
                    draft.wrong(&at, "", &format!("`{}` needs it: {}", self.connector.send, spec.about));
                }
                names.insert(name.clone(), absent());
                continue;
            };
            let template = if source.contains("${") {
                let text = draft.text(&at, source, false);
                names.insert(name.clone(), absent());
                Some(if spec.r#type == Kind::Text { text.as_text() } else { text })
            } else {
                names.insert(name.clone(), Entry::Formula { source: source.to_owned() });
                draft.value(&at, source, spec.r#type.want().as_ref())
            };
            texts.extend(template.clone().map(|template| (name.clone(), template)));
            if !spec.optional {
                needs.extend(template.iter().flat_map(Template::guards));
            }
        }
        let faults = std::mem::take(&mut draft.faults);
        if faults.is_empty() { Ok((names, texts, needs)) } else { Err(faults) }
    }

    /// What is never said again.
    fn masks(&self) -> Vec<String> {
        let secret = |name: &str| self.sheet.settings.get(name).is_some_and(|setting| setting.secret);
        let all = self.settings.iter().filter(|(name, text)| secret(name) && text.len() >= SECRET_BYTES_MIN);
        let plain = all.map(|(_, text)| text.clone());
        let mut forms: Vec<String> =
            plain.flat_map(|text| in_base64(&text).into_iter().chain([text])).collect();
        // Of two that overlap, the longer one first.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms
    }
}

/// How a secret looks within base64, whatever stands before and behind it: by where it begins, without the letters that
/// it shares with its neighbours.
fn in_base64(secret: &str) -> Vec<String> {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let at = |before: usize| {
        let bytes = [&[0; 2][..before], secret.as_bytes()].concat();
        let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)]
            .map(|text| text[own.clone()].to_owned())
    };
    let mut forms: Vec<String> = (0..3).flat_map(at).collect();
    forms.sort();
    forms.dedup();
    forms
}

type Values = (BTreeMap<String, Entry>, BTreeMap<String, Template>, Vec<Expr>);

impl Kind {
    fn want(self) -> Option<Type> {
        match self {
            Kind::Any => None,
            Kind::Text => Some(Type::Text),
            Kind::Number => Some(Type::Num),
            Kind::Time => Some(Type::Time),
        }
    }
}

/// Every setting of the sheet, as set or by default.
fn settings<'c>(
    sheet: &'c Sheet,
    connector: &Connector,
    hidden: &Hidden,
) -> Result<Vec<(&'c str, String)>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut fault = |name: &str, code: &'static str, detail: String| {
        faults.push(Fault::new(format!("/connector/settings{}", wire::json::step(name)), code, detail));
    };
    for name in connector.settings.keys().filter(|name| !sheet.settings.contains_key(*name)) {
        let known = sheet.settings.keys().cloned().collect::<Vec<_>>().join(", ");
        fault(name, "field_unknown", format!("{} has no setting `{name}`; it has {known}", sheet.name));
    }
    let mut found: Vec<(&str, String)> = Vec::new();
    for (name, setting) in &sheet.settings {
        let own = connector.settings.get(name).filter(|own| *own != MASK);
        match hidden.get(name).filter(|_| setting.secret).or(own).or(setting.default.as_ref()) {
            Some(text) => found.push((name, text.clone())),
            None => fault(name, "field_missing", format!("{} needs it: {}", sheet.name, setting.about)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    // A default may name other settings.
    let known = found.clone();
    for (name, text) in &mut found {
        if !connector.settings.contains_key(*name) && !hidden.contains_key(*name) {
            for (other, with) in &known {
                *text = text.replace(&format!("${{settings.{other}}}"), with);
            }
        }
    }
    Ok(found)
}

fn texts<'j>(json: &'j Json, all: &mut Vec<&'j str>) {
    match json {
        Json::String(text) => all.push(text),
        Json::Array(list) => list.iter().for_each(|one| texts(one, all)),
        Json::Object(map) => map.values().for_each(|one| texts(one, all)),
        _ => {}
    }
}

pub struct Compiled {
    pub order: Order,
    /// Changes of which one of these does not hold are passed over.
    pub needs: Vec<Expr>,
    /// Where personal data are sent.
    pub personal: Vec<String>,
    pub reads_member: bool,
}

/// A request to be written, and how its answer is read.
pub struct Order {
    method: hyper::Method,
    url: Template,
    headers: Vec<(String, Template)>,
    basic: Option<(Template, Template)>,
    body: Option<Template>,
    /// What expressions find behind the message's own names.
    pub extra: Vec<Value>,
    masks: Vec<String>,
    pub judge: Judge,
}

impl Order {
    /// An error is why there is no request.
    pub fn write(&self, env: &Env<'_>) -> Result<Request, String> {
        let out = |OutOfRange| "a number is out of range".to_owned();
        let plain = |template: &Template, what: &str| {
            template.plain(env).map_err(out)?.ok_or_else(|| format!("a part of the {what} is absent"))
        };
        let url = plain(&self.url, "address")?;
        let uri = url.parse().map_err(|_| "the address is none".to_owned())?;
        let mut headers = vec![("user-agent".to_owned(), crate::delivery::message::AGENT.to_owned())];
        for (name, template) in &self.headers {
            let value = plain(template, name)?;
            if hyper::header::HeaderValue::from_str(&value).is_err() {
                return Err(format!("the header {name} would hold what no header can"));
            }
            headers.push((name.clone(), value));
        }
        if let Some((name, password)) = &self.basic {
            let pair = format!("{}:{}", plain(name, "name")?, plain(password, "password")?);
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            headers.push(("authorization".to_owned(), format!("Basic {pair}")));
        }
        let mut body = String::new();
        if let Some(template) = &self.body {
            template.write(env, &mut body).map_err(out)?;
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(format!("the body has {} bytes, more than {BODY_BYTES_MAX}", body.len()));
        }
        Ok(Request { method: self.method.clone(), uri, headers, body: Bytes::from(body) })
    }

    /// Takes out what is secret.
    pub fn mask(&self, said: &str) -> String {
        self.masks.iter().fold(said.to_owned(), |said, secret| said.replace(secret, MASK))
    }
}

#[test]
fn a_secret_is_found_within_base64() {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let secret = "s3cret>>??\u{fc}";
    let forms = in_base64(secret);
    for before in ["", "a", "ab", "abc", "user:", "Bearer "] {
        for behind in ["", "x", "yz", "\n"] {
            let whole = format!("{before}{secret}{behind}");
            for told in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                let masked = forms.iter().fold(told.clone(), |said, form| said.replace(form, MASK));
                assert!(masked.contains(MASK), "{whole}: {told}");
                assert!(masked.len() < told.len() - secret.len() + MASK.len(), "{told} leaves {masked}");
            }
        }
    }
    assert!(in_base64("abcd").iter().all(|form| form.len() >= 4), "so short that it stands anywhere");
}
