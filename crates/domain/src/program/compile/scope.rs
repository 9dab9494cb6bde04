//! Who may mention what: the table of variables of the language, as scopes for the checker of expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Compiler, RuleName};
use crate::condition::{Code, Entry, NotHere, Place as At, Read, Scope};
use crate::plan::TypeNo;
use crate::value::{Fields, Presence, Type};

/// A place of the file in which expressions stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Conditions and amounts of a rule. `each`: the path to its items, as written.
    Rule {
        on: Vec<TypeNo>,
        each: Option<String>,
    },
    /// `emit.data`: made once for the event, so without `item`.
    Message {
        on: Vec<TypeNo>,
    },
    OncePer {
        on: Vec<TypeNo>,
    },
    Counter {
        on: Vec<TypeNo>,
        each: Option<String>,
    },
    Segment,
    /// `when` of a campaign.
    Audience,
    Test,
}

/// Numbers of `Place::Extra` in tests.
pub const REFUSED: u16 = 0;
pub const EMITTED: u16 = 1;
pub const GIVEN: u16 = 2;

/// Scopes that are kept at once.
const SCOPES_MAX: usize = 32;

type Names = BTreeMap<String, Entry>;

impl Place {
    /// It hears events, and none of them is known.
    pub fn is_deaf(&self) -> bool {
        !matches!(self, Place::Segment | Place::Audience | Place::Test) && self.on().is_empty()
    }
    fn on(&self) -> &[TypeNo] {
        match self {
            Place::Rule { on, .. }
            | Place::Message { on }
            | Place::OncePer { on }
            | Place::Counter { on, .. } => on,
            Place::Segment | Place::Audience | Place::Test => &[],
        }
    }
}

impl Compiler<'_, '_, '_> {
    pub fn scope(&mut self, place: &Place) -> Arc<Scope> {
        if let Some(scope) = self.scopes.get(place) {
            return scope.clone();
        }
        // Many rules share a place; thousands of places would be thousands of copies of all names.
        if self.scopes.len() >= SCOPES_MAX {
            self.scopes.clear();
        }
        let scope = Arc::new(self.build(place));
        self.scopes.insert(place.clone(), scope.clone());
        scope
    }

    /// Rules got other numbers.
    pub fn forget_scopes(&mut self) {
        self.scopes.clear();
    }

    fn build(&self, place: &Place) -> Scope {
        let mut scope = Scope::default();
        let roots = &mut scope.roots;
        roots.insert("params".into(), namespace("param", self.params()));
        roots.insert("formulas".into(), namespace("formula", sources(&self.names.formulas)));
        self.payload(place, roots);
        if !matches!(place, Place::OncePer { .. }) {
            roots.insert("member".into(), namespace("field of member", self.member()));
            roots.insert("now".into(), value(Type::Time, At::Now));
            roots.insert("today".into(), value(Type::Date, At::Today));
            if !matches!(place, Place::Counter { .. }) {
                roots.insert("wallets".into(), namespace("wallet", self.wallet_entries()));
                roots.insert("counters".into(), namespace("counter", self.counter_entries()));
                if *place != Place::Segment {
                    roots.insert("segments".into(), namespace("segment", sources(&self.names.segments)));
                }
            }
        }
        match place {
            Place::Rule { on, .. } | Place::Message { on } => {
                roots.insert("rules".into(), namespace("rule", self.rule_entries(on)));
            }
            Place::Test => {
                let all = self.names.rules.iter().map(|r| (r.id.clone(), self.grants(r))).collect();
                roots.insert("rules".into(), namespace("rule", all));
                roots.insert("refused".into(), value(Type::Text, At::Extra(REFUSED)));
                let texts = || Type::List(Arc::new(Type::Text));
                roots.insert("emitted".into(), value(texts(), At::Extra(EMITTED)));
                roots.insert("given".into(), value(texts(), At::Extra(GIVEN)));
            }
            _ => {}
        }
        self.absent(place, &mut scope);
        scope
    }

    fn payload(&self, place: &Place, roots: &mut Names) {
        let Some(first) = place.on().first() else { return };
        let event = self.names.events.get(*first);
        if !event.noun.is_empty() {
            roots.insert(event.noun.to_string(), value(Type::Record(event.fields.clone()), At::Payload));
        }
        if let Place::Rule { each: Some(path), .. } | Place::Counter { each: Some(path), .. } = place
            && let Some((_, item)) = walk(&event.fields, path)
        {
            roots.insert("item".into(), value(Type::Record(item), At::Item));
        }
        let texts = [("id", At::EventId), ("source", At::EventSource), ("type", At::EventType)];
        let names = texts.map(|(name, at)| (name.to_owned(), value(Type::Text, at)));
        roots.insert("event".into(), namespace("field of event", names.into()));
    }

    fn params(&self) -> Names {
        let entry = |(slot, p): (usize, &super::params::Param)| {
            let entry = Entry::Value {
                ty: p.ty.clone(),
                place: At::Param(slot as u16),
                may_be_absent: false,
                never_zero: p.never_zero,
                declared: None,
            };
            (p.name.clone(), entry)
        };
        self.names.params.0.iter().enumerate().map(entry).collect()
    }

    fn member(&self) -> Names {
        let entry = |(slot, f): (usize, &crate::value::Field)| {
            let optional = f.presence == Presence::Optional;
            let entry = Entry::Value {
                ty: f.ty.clone(),
                place: At::Member(slot as u16),
                may_be_absent: optional,
                never_zero: false,
                declared: optional.then(|| format!("{}?", spelled(&f.ty))),
            };
            (f.name.to_string(), entry)
        };
        self.names.events.member.0.iter().enumerate().map(entry).collect()
    }

    fn wallet_entries(&self) -> Names {
        let entry = |(no, id): (usize, &String)| {
            let no = no as u16;
            let all = [
                ("available", Read::WalletAvailable(no)),
                ("pending", Read::WalletPending(no)),
                ("debt", Read::WalletDebt(no)),
            ];
            let names = all.map(|(name, read)| (name.to_owned(), value(Type::Num, At::Read(read))));
            (id.clone(), namespace(&format!("field of wallets.{id}"), names.into()))
        };
        self.names.wallets.iter().enumerate().map(entry).collect()
    }

    fn counter_entries(&self) -> Names {
        let all = self.names.counters.iter().enumerate();
        all.map(|(no, c)| (c.id.clone(), Entry::Counter { no: no as u16, ago: c.ago })).collect()
    }

    /// Rules that hear every type that the reader hears; the others say why not.
    fn rule_entries(&self, on: &[TypeNo]) -> Names {
        let entry = |rule: &RuleName| {
            let deaf = on.iter().find(|no| !rule.on.contains(no));
            let entry = match deaf {
                None => self.grants(rule),
                Some(deaf) => {
                    let hears = rule
                        .on
                        .iter()
                        .map(|no| &*self.names.events.get(*no).name)
                        .collect::<Vec<_>>()
                        .join(", ");
                    let refused = NotHere {
                        code: Code::NotHere,
                        message: format!(
                            "`rules.{}` does not hear `{}`",
                            rule.id,
                            self.names.events.get(*deaf).name
                        ),
                        hint: format!(
                            "a rule can refer to rules of the same event: `{}` is on {hears}",
                            rule.id
                        ),
                    };
                    let wallets = rule.earns.iter().map(|no| self.names.wallets[usize::from(*no)].clone());
                    namespace(
                        "wallet of the rule",
                        wallets.map(|w| (w, Entry::Refused(refused.clone()))).collect(),
                    )
                }
            };
            (rule.id.clone(), entry)
        };
        self.names.rules.iter().map(entry).collect()
    }

    /// `rules.R.W` for the wallets in which R earns.
    fn grants(&self, rule: &RuleName) -> Entry {
        let no = self.names.rules.iter().position(|r| r.id == rule.id).unwrap_or(0) as u16;
        let entry = |w: &u16| {
            let id = self.names.wallets[usize::from(*w)].clone();
            (id, value(Type::Num, At::Read(Read::Granted(no, *w))))
        };
        namespace(&format!("field of rules.{}", rule.id), rule.earns.iter().map(entry).collect())
    }

    /// Names that one might expect here.
    fn absent(&self, place: &Place, scope: &mut Scope) {
        let heard: Vec<&str> = place.on().iter().map(|no| &*self.names.events.get(*no).name).collect();
        let mut say = |name: &str, code: Code, hint: String| {
            if !scope.roots.contains_key(name) {
                let not_here = match code {
                    Code::NotYet => NotHere { code, message: format!("`{name}` is not built yet"), hint },
                    Code::UnknownVariable => NotHere { code, message: format!("there is no `{name}`"), hint },
                    _ => NotHere { code, message: format!("there is no `{name}` here"), hint },
                };
                scope.not_here.insert(name.into(), not_here);
            }
        };
        let region = self.names.region.as_deref().unwrap_or("ID");
        say(
            "region",
            Code::UnknownVariable,
            format!(
                "rules do not differ by region: declare a parameter and override it in [regions.{region}.params]"
            ),
        );
        say("item", Code::NotHere, item_hint(place, &heard));
        for later in ["tiers", "achievements", "steps", "quantity", "discount"] {
            say(later, Code::NotYet, String::new());
        }
        let payload = |event: &crate::plan::EventType| match heard.is_empty() {
            true => "this is about the member alone, whatever event it was".to_owned(),
            false => format!("this hears {}; `{}` comes with {}", heard.join(", "), event.noun, event.name),
        };
        for event in self.names.events.types.iter().filter(|e| !e.noun.is_empty()) {
            say(&event.noun, Code::NotHere, payload(event));
        }
        let (rules, state) = match place {
            Place::Counter { .. } => (
                "counters do not read rules",
                "counters read the event, the member and params; rules read counters",
            ),
            Place::OncePer { .. } => {
                ("a business key is made of the event alone", "a business key is made of the event alone")
            }
            Place::Segment => {
                ("only rules and tests read what a rule granted", "segments do not read segments")
            }
            _ => ("only rules and tests read what a rule granted", ""),
        };
        say("rules", Code::NotHere, rules.into());
        for name in ["wallets", "counters", "segments", "member", "now", "today"] {
            say(name, Code::NotHere, state.into());
        }
        say("event", Code::NotHere, "only rules and counters hear events".into());
        for name in ["refused", "emitted", "given"] {
            say(name, Code::NotHere, "only tests can see this".into());
        }
    }
}

fn item_hint(place: &Place, heard: &[&str]) -> String {
    let of_orders = heard.iter().any(|name| ["order.paid", "order.updated"].contains(name));
    match place {
        Place::Rule { each: None, .. } | Place::Counter { each: None, .. } if of_orders => {
            "to look at items one by one, add `each = 'order.items'`; for any of them: `order.items.exists(i, …)`".into()
        }
        Place::Rule { .. } | Place::Counter { .. } => "`item` is an element of the list that `each` names".into(),
        Place::Message { .. } => "a message is made once for the whole event".into(),
        _ => "only rules and counters with `each` look at items".into(),
    }
}

/// `order.items`: the slots from the payload to a list of records, and the fields of one of them.
pub fn walk(fields: &Arc<Fields>, path: &str) -> Option<(Vec<u16>, Arc<Fields>)> {
    let (mut fields, mut slots) = (fields.clone(), Vec::new());
    let mut names = path.split('.').skip(1).peekable();
    while let Some(name) = names.next() {
        let slot = fields.slot(name)?;
        slots.push(u16::try_from(slot).ok()?);
        fields = match &fields.0[slot].ty {
            Type::Record(inner) => inner.clone(),
            Type::List(of) => match &**of {
                Type::Record(inner) if names.peek().is_none() => return Some((slots, inner.clone())),
                _ => return None,
            },
            _ => return None,
        };
    }
    None
}

/// A type as a program writes it.
pub fn spelled(ty: &Type) -> String {
    match ty {
        Type::Num => "number".into(),
        Type::Money => "money".into(),
        Type::Text => "string".into(),
        Type::Words(words) | Type::Level(words) => words.join(" | "),
        Type::Bool => "bool".into(),
        Type::Date => "date".into(),
        Type::Time => "timestamp".into(),
        Type::List(of) => format!("[{}]", spelled(of)),
        Type::Record(_) | Type::Table(..) => "a record".into(),
        Type::Bands => "bands".into(),
    }
}

fn value(ty: Type, place: At) -> Entry {
    Entry::Value { ty, place, may_be_absent: false, never_zero: false, declared: None }
}

fn namespace(kind: &str, names: Names) -> Entry {
    Entry::Namespace { kind: kind.into(), names }
}

fn sources(all: &[(String, String)]) -> Names {
    all.iter().map(|(id, source)| (id.clone(), Entry::Formula { source: source.clone() })).collect()
}
