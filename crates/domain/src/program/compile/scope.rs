//! Who may mention what: the table of variables of the language, as scopes for the checker of expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Compiler, RuleName};
use crate::condition::{Code, Entry, NotHere, Place as At, Read, Scope};
use crate::plan::{Canon, TypeNo, tier_slots};
use crate::value::{Fields, Presence, Type};

/// A place of the file in which expressions stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Conditions and amounts of a rule. `each`: the path to its items, as written; `clock`: what it hears in place
    /// of an event.
    Rule {
        on: Vec<TypeNo>,
        each: Option<String>,
        clock: Option<String>,
    },
    /// `emit.data`: made once for the event, so without `item`.
    Message {
        on: Vec<TypeNo>,
        clock: Option<String>,
    },
    OncePer {
        on: Vec<TypeNo>,
    },
    Counter {
        on: Vec<TypeNo>,
        each: Option<String>,
    },
    /// What starts a workflow, what one waits for, what makes a referral count.
    Trigger {
        on: Vec<TypeNo>,
    },
    Segment,
    /// `when` of a campaign.
    Audience,
    /// Conditions and effects of an achievement.
    Goal,
    /// A step of a workflow, with the steps before it that wait for an event: their names and numbers.
    Step {
        came: Vec<(String, u16)>,
    },
    /// Conditions and amounts of a reward; `item`: of the items that its discount is for.
    Reward {
        item: bool,
    },
    Test,
}

/// Numbers of `Place::Extra` in tests.
pub const REFUSED: u16 = 0;
pub const EMITTED: u16 = 1;
pub const GIVEN: u16 = 2;
pub const DISCOUNT: u16 = 3;
/// Number of `Place::Extra` in rewards.
pub const QUANTITY: u16 = 0;

/// The list whose elements a discount is for.
const ORDER_ITEMS: &str = "order.items";

/// Scopes that are kept at once.
const SCOPES_MAX: usize = 32;

type Names = BTreeMap<String, Entry>;

impl Place {
    /// It hears events, and none of them is known.
    pub fn is_deaf(&self) -> bool {
        self.on().is_some_and(<[TypeNo]>::is_empty)
    }
    /// The types that it hears, if it hears any.
    pub fn on(&self) -> Option<&[TypeNo]> {
        match self {
            Place::Rule { on, .. }
            | Place::Message { on, .. }
            | Place::OncePer { on }
            | Place::Counter { on, .. }
            | Place::Trigger { on } => Some(on),
            Place::Segment
            | Place::Audience
            | Place::Goal
            | Place::Step { .. }
            | Place::Reward { .. }
            | Place::Test => None,
        }
    }
    fn each(&self) -> Option<&str> {
        match self {
            Place::Rule { each, .. } | Place::Counter { each, .. } => each.as_deref(),
            Place::Reward { item: true } => Some(ORDER_ITEMS),
            _ => None,
        }
    }
    pub fn sees_items(&self) -> bool {
        self.each().is_some()
    }
    /// The same place within the items of an order.
    pub fn with_items(&self) -> Place {
        match self {
            Place::Rule { on, clock, .. } => {
                Place::Rule { on: on.clone(), each: Some(ORDER_ITEMS.into()), clock: clock.clone() }
            }
            Place::Reward { .. } => Place::Reward { item: true },
            other => other.clone(),
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
            roots.insert("tiers".into(), namespace("ladder", self.ladder_entries()));
            if !matches!(place, Place::Counter { .. }) {
                self.state(place, roots);
            }
        }
        self.own(place, roots);
        self.absent(place, &mut scope);
        scope
    }

    /// What the member has.
    fn state(&self, place: &Place, roots: &mut Names) {
        roots.insert("wallets".into(), namespace("wallet", self.wallet_entries()));
        roots.insert("counters".into(), namespace("counter", self.counter_entries()));
        let done = self.names.achievements.iter().enumerate();
        let done = done.map(|(no, id)| (id.clone(), value(Type::Num, At::Read(Read::Achieved(no as u16)))));
        roots.insert("achievements".into(), namespace("achievement", done.collect()));
        if *place != Place::Segment {
            roots.insert("segments".into(), namespace("segment", sources(&self.names.segments)));
        }
    }

    /// Variables of one place alone.
    fn own(&self, place: &Place, roots: &mut Names) {
        match place {
            Place::Rule { on, clock, .. } | Place::Message { on, clock } => {
                roots.insert("rules".into(), namespace("rule", self.rule_entries(on, clock.as_deref())));
            }
            Place::Reward { .. } => {
                roots.insert("quantity".into(), value(Type::Num, At::Extra(QUANTITY)));
            }
            Place::Step { came } => {
                let came = came.iter().map(|(id, no)| {
                    let came = ("came".to_owned(), value(Type::Bool, At::Extra(*no)));
                    (id.clone(), namespace(&format!("field of steps.{id}"), [came].into()))
                });
                roots.insert(
                    "steps".into(),
                    namespace("step that waits for an event before this one", came.collect()),
                );
            }
            Place::Test => {
                let all = self.names.rules.iter().map(|r| (r.id.clone(), self.grants(r))).collect();
                roots.insert("rules".into(), namespace("rule", all));
                roots.insert("refused".into(), value(Type::Text, At::Extra(REFUSED)));
                let texts = || Type::List(Arc::new(Type::Text));
                roots.insert("emitted".into(), value(texts(), At::Extra(EMITTED)));
                roots.insert("given".into(), value(texts(), At::Extra(GIVEN)));
                roots.insert("discount".into(), value(Type::Num, At::Extra(DISCOUNT)));
            }
            _ => {}
        }
    }

    /// The type of the payload that a place sees.
    fn payload_type(&self, place: &Place) -> Option<TypeNo> {
        match place {
            Place::Reward { .. } => self.names.events.by_name.get("order.paid").copied(),
            place => place.on()?.first().copied(),
        }
    }

    fn payload(&self, place: &Place, roots: &mut Names) {
        let Some(first) = self.payload_type(place) else { return };
        let event = self.names.events.get(first);
        if !event.noun.is_empty() {
            roots.insert(event.noun.to_string(), value(Type::Record(event.fields.clone()), At::Payload));
        }
        if let Some((_, item)) = place.each().and_then(|path| walk(&event.fields, path)) {
            roots.insert("item".into(), value(Type::Record(item), At::Item));
        }
        if matches!(place, Place::Reward { .. } | Place::Trigger { .. }) {
            return;
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

    /// `tiers.L`: the level, and what each level of the ladder gives.
    fn ladder_entries(&self) -> Names {
        let entry = |ladder: &super::ladders::LadderName| {
            let slot = |slot: u16| At::Tier(ladder.base.saturating_add(slot));
            let mut names: Names = BTreeMap::new();
            names.insert("since".into(), value(Type::Time, slot(tier_slots::SINCE)));
            names.insert(
                "until".into(),
                Entry::Value {
                    ty: Type::Time,
                    place: slot(tier_slots::UNTIL),
                    may_be_absent: true,
                    never_zero: false,
                    declared: None,
                },
            );
            let texts = Type::List(Arc::new(Type::Text));
            names.insert("benefits".into(), value(texts, slot(tier_slots::BENEFITS)));
            for (at, key) in ladder.keys.iter().enumerate() {
                let entry = Entry::Value {
                    ty: key.ty.clone(),
                    place: slot(tier_slots::KEYS.saturating_add(at as u16)),
                    may_be_absent: false,
                    never_zero: key.never_zero,
                    declared: None,
                };
                names.insert(key.name.clone(), entry);
            }
            let entry = Entry::Level { levels: ladder.levels.clone(), place: slot(tier_slots::LEVEL), names };
            (ladder.id.clone(), entry)
        };
        self.names.ladders.iter().map(entry).collect()
    }

    /// Rules that hear every type that the reader hears; the others say why not.
    fn rule_entries(&self, on: &[TypeNo], clock: Option<&str>) -> Names {
        let entry = |rule: &RuleName| {
            let deaf = on.iter().find(|no| !rule.on.contains(no) || rule.clock.as_deref() != clock);
            let entry = match deaf {
                None => self.grants(rule),
                Some(deaf) => {
                    let name = |no: &TypeNo| match self.names.events.get(*no) {
                        event if event.canon == Canon::Clock => "a clock of its own",
                        event => &*event.name,
                    };
                    let hears = rule.on.iter().map(name).collect::<Vec<_>>().join(", ");
                    let deaf = match self.names.events.get(*deaf) {
                        event if event.canon == Canon::Clock => "this clock".to_owned(),
                        event => format!("`{}`", event.name),
                    };
                    let refused = NotHere {
                        code: Code::NotHere,
                        message: format!("`rules.{}` does not hear {deaf}", rule.id),
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
