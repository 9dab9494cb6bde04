//! Paths: from the names of a `Scope` to the places of values, and what is said of names that are not there.

use std::collections::BTreeMap;

use super::ast::{Kind, Name, Node};
use super::check::{Checker, Typed};
use super::code::{
    Base, BoolCode, Code, DateCode, DatePart, ListCode, Lookup, NumCode, Ref, Slot, TextCode, TimeCode,
    TimePart,
};
use super::eval::MACROS_MAX;
use super::expand::path;
use super::seen::Trace;
use super::{Code as FaultCode, Entry, NotHere, Place, Read, calendar, levels, say};
use crate::value::{LIST_MAX, Presence, TAGS_MAX, Type};

/// Lists of params are written by hand: so many elements are reckoned with.
const PARAM_LIST: u64 = 100;

/// What a path leads to.
pub(super) enum Found<'s> {
    Typed(Typed),
    Names {
        kind: &'s str,
        names: &'s BTreeMap<String, Entry>,
    },
    Counter {
        no: u16,
        ago: bool,
    },
    Level {
        levels: &'s std::sync::Arc<[Box<str>]>,
        place: Place,
        names: &'s BTreeMap<String, Entry>,
    },
    /// Said of the whole path.
    Refused(&'s NotHere),
}

/// The code that reads a value of this type there.
fn read(ty: &Type, place: Ref) -> Code {
    match ty {
        Type::Num | Type::Money | Type::Level(_) => Code::Num(NumCode::Ref(place)),
        Type::Text | Type::Words(_) => Code::Text(TextCode::Ref(place)),
        Type::Bool => Code::Bool(BoolCode::Ref(place)),
        Type::Date => Code::Date(DateCode::Ref(place)),
        Type::Time => Code::Time(TimeCode::Ref(place)),
        Type::List(_) => Code::List(ListCode::Ref(place)),
        Type::Record(_) | Type::Table(..) | Type::Bands => Code::Whole(place),
    }
}

impl<'s> Checker<'s> {
    /// A value that is there.
    pub fn value(&mut self, node: &Node) -> Typed {
        match self.look(node, true) {
            Found::Typed(typed) => {
                let leaf = typed.ty.is_some() && self.locals.is_empty();
                let trace =
                    if leaf { levels::leaf(node, typed.ty.as_ref(), &typed.code) } else { Trace::Nothing };
                typed.traced(trace)
            }
            Found::Level { levels, place, .. } => {
                let ty = Type::Level(levels.clone());
                let code = self.placed(&ty, place);
                let trace = levels::leaf(node, Some(&ty), &code);
                Typed::new(ty, code, 1).traced(trace)
            }
            Found::Counter { no, .. } => {
                let code = self.state(Read::Counter(no, 0));
                let trace = Trace::Leaf(node.to_string().into(), Box::new(code.clone()));
                Typed::new(Type::Num, code, 1).traced(trace)
            }
            Found::Refused(not) => self.refused(node, not),
            Found::Names { names, .. } => {
                let hint = say::suggest("", names.keys().map(String::as_str));
                self.fault(
                    FaultCode::TypeMismatch,
                    node.span,
                    format!("`{node:.100}` is not a value by itself"),
                    hint,
                )
            }
        }
    }

    pub fn refused(&mut self, node: &Node, not: &NotHere) -> Typed {
        self.fault(not.code, node.span, not.message.clone(), not.hint.clone())
    }

    pub fn state(&mut self, what: Read) -> Code {
        self.reads.push(what);
        Code::Num(NumCode::Read(what))
    }

    /// Follows a path. `demand`: what may be absent needs a guard here.
    pub fn look(&mut self, node: &Node, demand: bool) -> Found<'s> {
        match &node.kind {
            Kind::Name(name) => self.root(node, name, demand),
            Kind::Select(on, name) => match self.look(on, demand) {
                Found::Names { kind, names } => match names.get(&*name.text) {
                    Some(entry) => self.entry(node, entry, demand),
                    None => Found::Typed(self.unknown_name(kind, names, name)),
                },
                Found::Counter { .. } => Found::Typed(self.no_field(on, "a number", name, &[])),
                Found::Level { names, .. } => match names.get(&*name.text) {
                    Some(entry) => self.entry(node, entry, demand),
                    None => {
                        let names: Vec<&str> = names.keys().map(String::as_str).collect();
                        Found::Typed(self.no_field(on, "a level", name, &names))
                    }
                },
                Found::Refused(not) => Found::Refused(not),
                Found::Typed(base) => Found::Typed(self.select(node, on, &base, name, demand)),
            },
            Kind::Index(two) => Found::Typed(self.index(node, &two.0, &two.1, demand)),
            Kind::Formula(name, body) => {
                self.inside.push(name.clone());
                let found = self.look(body, demand);
                self.inside.pop();
                found
            }
            _ => Found::Typed(self.check(node)),
        }
    }

    fn root(&mut self, node: &Node, name: &str, demand: bool) -> Found<'s> {
        if let Some(at) = self.locals.iter().rposition(|l| **l == *name) {
            let Some(ty) = self.local_types[at].clone() else { return Found::Typed(Typed::poison()) };
            let local = u8::try_from(at.min(MACROS_MAX - 1)).expect("few");
            let code = read(&ty, Ref::Slot(Slot::new(Base::Local(local))));
            return Found::Typed(Typed::new(ty, code, 1));
        }
        if let Some(entry) = self.scope.roots.get(name) {
            return self.entry(node, entry, demand);
        }
        if let Some(not) = self.scope.not_here.get(name) {
            return Found::Typed(self.refused(node, not));
        }
        let names = self.scope.roots.keys().map(String::as_str).chain(self.locals.iter().map(|l| &**l));
        let hint = match name {
            "None" | "nil" | "undefined" => {
                "there is no null: ask `has(…)`, or give a value with `.or(…)`".into()
            }
            "nan" | "NaN" | "inf" | "Infinity" | "infinity" => {
                "every number is exact and has an end: write its digits, `1000` or `0.05`".into()
            }
            "True" | "TRUE" => "write `true`".into(),
            "False" | "FALSE" => "write `false`".into(),
            _ => match say::nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("a text stands in quotes: `\"{}\"`", super::lex::short(name)),
            },
        };
        let message = format!("there is no `{}`", super::lex::short(name));
        Found::Typed(self.fault(FaultCode::UnknownVariable, node.span, message, hint))
    }

    fn entry(&mut self, node: &Node, entry: &'s Entry, demand: bool) -> Found<'s> {
        match entry {
            Entry::Namespace { kind, names } => Found::Names { kind, names },
            Entry::Level { levels, place, names } => Found::Level { levels, place: *place, names },
            Entry::Counter { no, ago } => Found::Counter { no: *no, ago: *ago },
            Entry::Refused(not) => Found::Refused(not),
            // Expanded before.
            Entry::Formula { .. } => Found::Typed(self.fault(
                FaultCode::ExpressionSyntax,
                node.span,
                format!("`{node:.100}` is a variable here"),
                "name the variable otherwise",
            )),
            Entry::Value { ty, place, may_be_absent, never_zero, declared } => {
                if *may_be_absent && demand {
                    self.demand(node, ty, declared.as_deref());
                }
                let code = self.placed(ty, *place);
                let mut typed = Typed::new(ty.clone(), code, 1);
                typed.absent = *may_be_absent;
                typed.never_zero = *never_zero;
                typed.most = if matches!(place, Place::Param(_)) { PARAM_LIST } else { most(node, ty) };
                Found::Typed(typed)
            }
        }
    }

    /// Fit to be read, by a guard.
    fn demand(&mut self, node: &Node, ty: &Type, declared: Option<&str>) {
        if self.facts.is_present(&node.key(&self.locals)) {
            return;
        }
        let or = format!("`{node:.100}.or({})`", say::instead(ty));
        let write = match node.kind {
            Kind::Index(_) => format!("write {or}"),
            _ => format!("write `has({node:.100}) && …` or {or}"),
        };
        let hint = match declared {
            Some(declared) => format!("declared as \"{}\": {write}", declared.trim_matches('"')),
            None => write,
        };
        self.fault(FaultCode::MayBeAbsent, node.span, format!("`{node:.100}` may be absent"), hint);
    }

    fn placed(&mut self, ty: &Type, place: Place) -> Code {
        let base = match place {
            Place::Payload => {
                self.uses.payload = true;
                Base::Payload
            }
            Place::Item => {
                self.uses.item = true;
                Base::Item
            }
            Place::Member(slot) => {
                self.member_reads.push(slot);
                Base::Member(slot)
            }
            Place::Param(slot) => {
                self.uses.params = true;
                Base::Param(slot)
            }
            Place::Extra(slot) => Base::Extra(slot),
            Place::Tier(slot) => {
                self.tier_reads.push(slot);
                Base::Tier(slot)
            }
            Place::EventId => return Code::Text(TextCode::EventId),
            Place::EventSource => return Code::Text(TextCode::EventSource),
            Place::EventType => return Code::Text(TextCode::EventType),
            Place::Now => {
                self.uses.now = true;
                return Code::Time(TimeCode::Now);
            }
            Place::Today => {
                self.uses.now = true;
                return Code::Date(DateCode::Today);
            }
            Place::Read(what) => return self.state(what),
        };
        read(ty, Ref::Slot(Slot::new(base)))
    }

    fn unknown_name(&mut self, kind: &str, names: &BTreeMap<String, Entry>, name: &Name) -> Typed {
        let wrong = super::lex::short(&name.text);
        let hint = match (kind, &*name.text) {
            ("field of member", "tier" | "level" | "status") => "a level is `tiers.LADDER`".into(),
            ("field of member", "points" | "balance") => "a balance is `wallets.WALLET.available`".into(),
            _ => say::suggest(&name.text, names.keys().map(String::as_str)),
        };
        let (code, message) = match kind {
            "param" => (FaultCode::UndeclaredParam, format!("`{wrong}` is not declared in [params]")),
            _ => match kind.strip_prefix("field of ") {
                Some(on) => (FaultCode::UnknownField, format!("`{on}` has no `{wrong}`")),
                None => (FaultCode::UnknownName, format!("there is no {kind} `{wrong}`")),
            },
        };
        self.fault(code, name.span, message, hint)
    }

    fn no_field(&mut self, on: &Node, what: &str, name: &Name, names: &[&str]) -> Typed {
        let wrong = super::lex::short(&name.text);
        let message = match names {
            [] => format!("`{on:.100}` is {what} and has no `{wrong}`"),
            _ => format!("`{on:.100}` has no `{wrong}`"),
        };
        let hint = say::suggest(&name.text, names.iter().copied());
        self.fault(FaultCode::UnknownField, name.span, message, hint)
    }

    fn select(&mut self, node: &Node, on: &Node, base: &Typed, name: &Name, demand: bool) -> Typed {
        let Some(ty) = &base.ty else { return Typed::poison() };
        match (ty, &base.code) {
            (Type::Record(fields), Code::Whole(Ref::Slot(slot))) => {
                let Some(at) = fields.slot(&name.text) else {
                    let names: Vec<_> = fields.0.iter().map(|f| &*f.name).collect();
                    return self.no_field(on, "a record", name, &names);
                };
                let field = &fields.0[at];
                let optional = field.presence == Presence::Optional;
                if optional && demand {
                    let declared = say::declared(&field.ty).map(|d| format!("{d}?"));
                    self.demand(node, &field.ty, declared.as_deref());
                }
                let mut typed = Typed::new(field.ty.clone(), read(&field.ty, Ref::Slot(slot.field(at))), 1);
                typed.absent = base.absent || optional;
                typed.most = most(node, &field.ty);
                typed
            }
            (Type::Table(keys, of), Code::Whole(Ref::Slot(slot))) => {
                let Ok(at) = keys.binary_search_by(|key| (**key).cmp(&*name.text)) else {
                    let names: Vec<_> = keys.iter().map(|k| &**k).collect();
                    return self.no_field(on, "a table", name, &names);
                };
                let mut typed = Typed::new((**of).clone(), read(of, Ref::Slot(slot.field(at))), 1);
                typed.never_zero = base.never_zero;
                typed
            }
            (Type::Date, Code::Date(date)) => self.date_part(on, date.clone(), name),
            (Type::Time, Code::Time(time)) => self.time_part(on, time, name),
            (ty, _) => self.no_field(on, say::a(ty), name, &[]),
        }
    }

    fn date_part(&mut self, on: &Node, date: DateCode, name: &Name) -> Typed {
        let part = match &*name.text {
            "year" => DatePart::Year,
            "month" => DatePart::Month,
            "day" => DatePart::Day,
            "weekday" => {
                let words = calendar::WEEKDAYS.iter().map(|w| Box::from(*w)).collect();
                return Typed::new(Type::Words(words), Code::Text(TextCode::Weekday(Box::new(date))), 2);
            }
            _ => return self.no_field(on, "a date", name, &["year", "month", "day", "weekday"]),
        };
        Typed { never_zero: true, ..Typed::number(NumCode::DatePart(part, Box::new(date)), 2) }
    }

    fn time_part(&mut self, on: &Node, time: &TimeCode, name: &Name) -> Typed {
        self.uses.now = true;
        let of = Box::new(time.clone());
        match &*name.text {
            "hour" => Typed::number(NumCode::TimePart(TimePart::Hour, of), 2),
            "minute" => Typed::number(NumCode::TimePart(TimePart::Minute, of), 2),
            "date" => Typed::new(Type::Date, Code::Date(DateCode::OfTime(of)), 2),
            "year" | "month" | "day" | "weekday" => self.date_part(on, DateCode::OfTime(of), name),
            _ => self.no_field(
                on,
                "a time",
                name,
                &["year", "month", "day", "weekday", "date", "hour", "minute"],
            ),
        }
    }

    /// `params.rate[x]`
    fn index(&mut self, node: &Node, on: &Node, index: &Node, demand: bool) -> Typed {
        let base = match self.look(on, demand) {
            Found::Typed(base) => base,
            Found::Refused(not) => return self.refused(node, not),
            _ => {
                return self.fault(
                    FaultCode::TypeMismatch,
                    on.span,
                    format!("`{on:.100}` has no `[…]`"),
                    "write `.` and a name",
                );
            }
        };
        let key = self.check(index);
        let Some(ty) = &base.ty else { return Typed::poison() };
        let (Type::Table(keys, of), Code::Whole(Ref::Slot(slot))) = (ty, &base.code) else {
            let hint =
                if matches!(ty, Type::List(_)) { "write `.exists(i, …)`, or `x in …`" } else { "" };
            return self.fault(
                FaultCode::TypeMismatch,
                node.span,
                format!("`[…]` looks into a table of [params], not {}", say::a(ty)),
                hint,
            );
        };
        let code = self.as_text(&key, index, "the key of a table");
        let Some(key_ty) = &key.ty else { return Typed::poison() };
        let mut typed = match &code {
            TextCode::Const(text) => match keys.binary_search_by(|key| (**key).cmp(text)) {
                Ok(at) => Typed::new((**of).clone(), read(of, Ref::Slot(slot.field(at))), 2),
                Err(_) => {
                    let hint = say::suggest(text, keys.iter().map(|k| &**k));
                    let message = format!("`{}` is not a key of {on:.100}", super::lex::short(text));
                    return self.fault(FaultCode::UnknownWord, index.span, message, hint);
                }
            },
            _ => {
                let complete = match key_ty {
                    Type::Words(words) => words.iter().all(|w| keys.binary_search(w).is_ok()),
                    _ => false,
                };
                if !complete && demand {
                    self.demand(node, of, None);
                }
                let lookup = Lookup { table: slot.clone(), keys: keys.clone(), index: code };
                let code = read(of, Ref::Lookup(Box::new(lookup)));
                Typed { absent: !complete, ..Typed::new((**of).clone(), code, key.cost + 4) }
            }
        };
        typed.never_zero = base.never_zero;
        typed
    }
}

/// How many elements the list there may hold.
fn most(node: &Node, ty: &Type) -> u64 {
    let names = path(node).unwrap_or_default();
    match (ty, names.last()) {
        (Type::List(of), Some(&("tags" | "coupons"))) if **of == Type::Text => TAGS_MAX as u64,
        _ => LIST_MAX as u64,
    }
}
