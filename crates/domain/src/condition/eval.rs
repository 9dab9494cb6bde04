//! Runs compiled expressions. Nothing is allocated but for `lower`, `+` of texts and lists that are computed.
//! That a value is there and of its type is a law: the checker proved it, and reading the event made it so.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ast::{Compare, NumOp};
use super::code::{
    Base, BoolCode, Code, DateCode, DatePart, Each, ListCode, NumCall, NumCode, Ref, Slot, TextCode,
    TextTest, TimeCode, TimePart,
};
use super::{Env, calendar, table};
use crate::num::{Num, OutOfRange};
use crate::value::Value;

type Out<T> = Result<T, OutOfRange>;

/// Macros nest so deep.
pub(super) const MACROS_MAX: usize = 2;

/// The environment and the elements that the macros around are at.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub env: &'a Env<'a>,
    pub locals: [&'a Value; MACROS_MAX],
}

static ABSENT: Value = Value::Absent;

impl<'a> Frame<'a> {
    pub fn new(env: &'a Env<'a>) -> Frame<'a> {
        Frame { env, locals: [&ABSENT; MACROS_MAX] }
    }
    #[inline]
    fn with(&self, local: u8, element: &'a Value) -> Frame<'a> {
        let mut inner = *self;
        inner.locals[usize::from(local)] = element;
        inner
    }
}

#[cold]
fn broken(what: &str, found: &Value) -> ! {
    panic!("law broken: an expression was promised {what} and found {found:?}")
}

impl Slot {
    #[inline]
    pub fn find<'a>(&self, f: &Frame<'a>) -> &'a Value {
        let mut value = match self.base {
            Base::Payload => f.env.payload,
            Base::Item => f.env.item.unwrap_or(&ABSENT),
            Base::Member(slot) => &f.env.member[usize::from(slot)],
            Base::Param(slot) => &f.env.params[usize::from(slot)],
            Base::Tier(slot) => &f.env.tiers[usize::from(slot)],
            Base::Extra(slot) => &f.env.extra[usize::from(slot)],
            Base::Local(local) => f.locals[usize::from(local)],
        };
        for slot in &self.path {
            match value {
                Value::Record(fields) => value = &fields[usize::from(*slot)],
                _ => return &ABSENT,
            }
        }
        value
    }
}

impl Ref {
    #[inline]
    pub fn find<'a>(&self, f: &Frame<'a>) -> Out<&'a Value> {
        match self {
            Ref::Slot(slot) => Ok(slot.find(f)),
            Ref::Lookup(lookup) => {
                let index = lookup.index.run(f)?;
                let found = lookup.keys.binary_search_by(|key| (**key).cmp(&*index));
                Ok(match (found, lookup.table.find(f)) {
                    (Ok(slot), Value::Record(values)) => &values[slot],
                    _ => &ABSENT,
                })
            }
        }
    }
}

/// What `.or` finds: None if it is absent.
#[inline]
fn present<'a>(place: &Ref, f: &Frame<'a>) -> Out<Option<&'a Value>> {
    Ok(Some(place.find(f)?).filter(|v| !matches!(v, Value::Absent)))
}

#[inline]
fn number(value: &Value) -> Num {
    match value {
        Value::Num(n) => *n,
        other => broken("a number", other),
    }
}
#[inline]
pub(super) fn text(value: &Value) -> &str {
    match value {
        Value::Text(t) => t,
        other => broken("a text", other),
    }
}
fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(b) => *b,
        other => broken("a bool", other),
    }
}
fn date(value: &Value) -> jiff::civil::Date {
    match value {
        Value::Date(d) => *d,
        other => broken("a date", other),
    }
}
fn time(value: &Value) -> jiff::Timestamp {
    match value {
        Value::Time(t) => *t,
        other => broken("a time", other),
    }
}
fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(l) => l,
        other => broken("a list", other),
    }
}

impl Compare {
    #[inline]
    fn holds(self, order: Ordering) -> bool {
        match self {
            Compare::Eq => order == Ordering::Equal,
            Compare::Ne => order != Ordering::Equal,
            Compare::Lt => order == Ordering::Less,
            Compare::Le => order != Ordering::Greater,
            Compare::Gt => order == Ordering::Greater,
            Compare::Ge => order != Ordering::Less,
        }
    }
}

impl NumOp {
    #[inline]
    fn apply(self, a: Num, b: Num) -> Out<Num> {
        match self {
            NumOp::Add => a.add(b),
            NumOp::Sub => a.sub(b),
            NumOp::Mul => a.mul(b),
            NumOp::Div => a.div(b),
            NumOp::Rem => a.rem(b),
        }
    }
}

impl Code {
    pub fn run(&self, f: &Frame<'_>) -> Out<Value> {
        Ok(match self {
            Code::Num(c) => Value::Num(c.run(f)?),
            Code::Text(c) => Value::Text(c.run(f)?.into()),
            Code::Bool(c) => Value::Bool(c.run(f)?),
            Code::Date(c) => Value::Date(c.run(f)?),
            Code::Time(c) => Value::Time(c.run(f)?),
            Code::List(c) => {
                let mut values = Vec::new();
                c.visit(f, &mut |v| {
                    values.push(v.clone());
                    Ok(true)
                })?;
                Value::List(values)
            }
            Code::Whole(place) => place.find(f)?.clone(),
        })
    }
}

impl NumCode {
    pub fn run(&self, f: &Frame<'_>) -> Out<Num> {
        Ok(match self {
            NumCode::Const(n) => *n,
            NumCode::Ref(Ref::Slot(slot)) => number(slot.find(f)),
            NumCode::Ref(place) => number(place.find(f)?),
            NumCode::OrElse(two) => match present(&two.0, f)? {
                Some(value) => number(value),
                None => two.1.run(f)?,
            },
            NumCode::Read(what) => f.env.state.read(*what),
            NumCode::Chain(first, rest) => {
                let mut n = first.run(f)?;
                for (op, next) in rest {
                    n = op.apply(n, next.run(f)?)?;
                }
                n
            }
            NumCode::Call(call, of) => call.apply(of.run(f)?),
            NumCode::Min(list) => best(list, f, Ordering::Less)?,
            NumCode::Max(list) => best(list, f, Ordering::Greater)?,
            NumCode::If(three) => match three.0.run(f)? {
                true => three.1.run(f)?,
                false => three.2.run(f)?,
            },
            NumCode::TextSize(of) => whole(of.run(f)?.chars().count()),
            NumCode::ListSize(of) => {
                let mut count = 0;
                of.visit(f, &mut |_| {
                    count += 1;
                    Ok(true)
                })?;
                whole(count)
            }
            NumCode::Count(each) => {
                let mut count = 0;
                each.run(f, |body, inner| {
                    count += usize::from(body.run(inner)?);
                    Ok(true)
                })?;
                whole(count)
            }
            NumCode::Sum(each) => {
                let mut sum = Num::ZERO;
                each.run(f, |body, inner| {
                    sum = sum.add(body.run(inner)?)?;
                    Ok(true)
                })?;
                sum
            }
            NumCode::SinceDate(span, of) => calendar::since_date(*span, of.run(f)?, f.env.now),
            NumCode::SinceTime(span, of) => calendar::since_time(*span, of.run(f)?, f.env.now),
            NumCode::DatePart(part, of) => part.of(of.run(f)?),
            NumCode::TimePart(part, of) => part.of(calendar::local(of.run(f)?, f.env.now)),
            NumCode::Bands(call, bands, x) => table::bands(*call, list(bands.find(f)?), x.run(f)?)?,
        })
    }
}

impl DatePart {
    fn of(self, date: jiff::civil::Date) -> Num {
        let part = match self {
            DatePart::Year => date.year().into(),
            DatePart::Month => date.month().into(),
            DatePart::Day => date.day().into(),
        };
        Num::minor(part, 0)
    }
}

impl TimePart {
    fn of(self, time: jiff::civil::DateTime) -> Num {
        let part = match self {
            TimePart::Hour => time.hour().into(),
            TimePart::Minute => time.minute().into(),
        };
        Num::minor(part, 0)
    }
}

impl TextTest {
    fn holds(self, a: &str, b: &str) -> bool {
        match self {
            TextTest::StartsWith => a.starts_with(b),
            TextTest::EndsWith => a.ends_with(b),
            TextTest::Contains => a.contains(b),
        }
    }
}

fn any<C>(list: &[C], holds: impl Fn(&C) -> Out<bool>) -> Out<bool> {
    for code in list {
        if holds(code)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_in(of: &Code, list: &ListCode, f: &Frame<'_>) -> Out<bool> {
    if let Code::Text(of) = of {
        let of = of.run(f)?;
        return Ok(!list.visit(f, &mut |v| Ok(text(v) != &*of))?);
    }
    let of = of.run(f)?;
    Ok(!list.visit(f, &mut |v| Ok(*v != of))?)
}

fn best(codes: &[NumCode], f: &Frame<'_>, wins: Ordering) -> Out<Num> {
    let mut best = codes[0].run(f)?;
    for code in &codes[1..] {
        let n = code.run(f)?;
        if n.cmp(&best) == wins {
            best = n;
        }
    }
    Ok(best)
}

fn whole(n: usize) -> Num {
    Num::minor(i64::try_from(n).expect("a count fits"), 0)
}

impl NumCall {
    #[inline]
    fn apply(self, n: Num) -> Num {
        match self {
            NumCall::Neg => n.neg(),
            NumCall::Floor => n.floor(),
            NumCall::Ceil => n.ceil(),
            NumCall::Round => n.round(),
            NumCall::Abs => n.abs(),
        }
    }
}

impl TextCode {
    pub fn run<'a>(&'a self, f: &Frame<'a>) -> Out<Cow<'a, str>> {
        Ok(Cow::Borrowed(match self {
            TextCode::Const(t) => t,
            TextCode::Ref(place) => text(place.find(f)?),
            TextCode::OrElse(two) => match present(&two.0, f)? {
                Some(value) => text(value),
                None => return two.1.run(f),
            },
            TextCode::EventId => f.env.event.id,
            TextCode::EventSource => f.env.event.source,
            TextCode::EventType => f.env.event.kind,
            TextCode::Lower(of) => return Ok(of.run(f)?.to_lowercase().into()),
            TextCode::Join(parts) => {
                let mut joined = String::new();
                for part in parts {
                    joined.push_str(&part.run(f)?);
                }
                return Ok(joined.into());
            }
            TextCode::If(three) => return if three.0.run(f)? { three.1.run(f) } else { three.2.run(f) },
            TextCode::Weekday(of) => calendar::weekday(of.run(f)?),
            TextCode::Level(of, levels) => {
                let at = of.run(f)?.to_int().and_then(|n| usize::try_from(n).ok());
                at.and_then(|at| levels.get(at)).map_or("", |name| &**name)
            }
        }))
    }
}

impl BoolCode {
    pub fn run(&self, f: &Frame<'_>) -> Out<bool> {
        Ok(match self {
            BoolCode::SlotNum(slot, op, n) => op.holds(number(slot.find(f)).cmp(n)),
            BoolCode::SlotText(slot, equal, t) => (text(slot.find(f)) == &**t) == *equal,
            BoolCode::And(list) => {
                for code in list {
                    if !code.run(f)? {
                        return Ok(false);
                    }
                }
                true
            }
            BoolCode::Or(list) => any(list, |code| code.run(f))?,
            BoolCode::Not(of) => !of.run(f)?,
            BoolCode::Exists(each) => !each.run(f, |body, inner| Ok(!body.run(inner)?))?,
            BoolCode::All(each) => each.run(f, BoolCode::run)?,
            BoolCode::Const(b) => *b,
            BoolCode::Ref(place) => truth(place.find(f)?),
            BoolCode::OrElse(two) => match present(&two.0, f)? {
                Some(value) => truth(value),
                None => two.1.run(f)?,
            },
            BoolCode::If(three) => match three.0.run(f)? {
                true => three.1.run(f)?,
                false => three.2.run(f)?,
            },
            BoolCode::Has(place) => present(place, f)?.is_some(),
            BoolCode::Num(op, two) => op.holds(two.0.run(f)?.cmp(&two.1.run(f)?)),
            BoolCode::Text(equal, two) => (two.0.run(f)? == two.1.run(f)?) == *equal,
            BoolCode::Bool(equal, two) => (two.0.run(f)? == two.1.run(f)?) == *equal,
            BoolCode::Date(op, two) => op.holds(two.0.run(f)?.cmp(&two.1.run(f)?)),
            BoolCode::Time(op, two) => op.holds(two.0.run(f)?.cmp(&two.1.run(f)?)),
            BoolCode::TextTest(test, two) => test.holds(&two.0.run(f)?, &two.1.run(f)?),
            BoolCode::TextIn(of, list) => {
                let of = of.run(f)?;
                any(list, |code| Ok(code.run(f)? == of))?
            }
            BoolCode::NumIn(of, list) => {
                let of = of.run(f)?;
                any(list, |code| Ok(code.run(f)? == of))?
            }
            BoolCode::In(two) => is_in(&two.0, &two.1, f)?,
            BoolCode::KeyIn(of, keys) => {
                let of = of.run(f)?;
                keys.binary_search_by(|key| (**key).cmp(&*of)).is_ok()
            }
        })
    }
}

impl DateCode {
    fn run(&self, f: &Frame<'_>) -> Out<jiff::civil::Date> {
        Ok(match self {
            DateCode::Const(d) => *d,
            DateCode::Today => f.env.now.date(),
            DateCode::Ref(place) => date(place.find(f)?),
            DateCode::OrElse(two) => match present(&two.0, f)? {
                Some(value) => date(value),
                None => two.1.run(f)?,
            },
            DateCode::OfTime(of) => calendar::local(of.run(f)?, f.env.now).date(),
            DateCode::If(three) => match three.0.run(f)? {
                true => three.1.run(f)?,
                false => three.2.run(f)?,
            },
        })
    }
}

impl TimeCode {
    fn run(&self, f: &Frame<'_>) -> Out<jiff::Timestamp> {
        Ok(match self {
            TimeCode::Now => f.env.now.timestamp(),
            TimeCode::Ref(place) => time(place.find(f)?),
            TimeCode::OrElse(two) => match present(&two.0, f)? {
                Some(value) => time(value),
                None => two.1.run(f)?,
            },
            TimeCode::If(three) => match three.0.run(f)? {
                true => three.1.run(f)?,
                false => three.2.run(f)?,
            },
        })
    }
}

impl<T> Each<T> {
    /// `go` for each element until it says false; whether it never did.
    #[inline]
    fn run<'a>(&'a self, f: &Frame<'a>, mut go: impl FnMut(&T, &Frame<'_>) -> Out<bool>) -> Out<bool> {
        if let ListCode::Ref(Ref::Slot(slot)) = &self.list {
            for value in list(slot.find(f)) {
                if !go(&self.body, &f.with(self.local, value))? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        self.list.visit(f, &mut |value| go(&self.body, &f.with(self.local, value)))
    }
}

impl ListCode {
    /// `go` for each element until it says false; whether it never did.
    fn visit(&self, f: &Frame<'_>, go: &mut dyn FnMut(&Value) -> Out<bool>) -> Out<bool> {
        let values = match self {
            ListCode::Const(values) => &**values,
            ListCode::Ref(place) => list(place.find(f)?),
            ListCode::OrElse(two) => match present(&two.0, f)? {
                Some(value) => list(value),
                None => return two.1.visit(f, go),
            },
            ListCode::If(three) => {
                return if three.0.run(f)? { three.1.visit(f, go) } else { three.2.visit(f, go) };
            }
            ListCode::Filter(each) => {
                return each.list.visit(f, &mut |value| {
                    if each.body.run(&f.with(each.local, value))? { go(value) } else { Ok(true) }
                });
            }
            ListCode::Of(codes) => {
                for code in codes {
                    if !go(&code.run(f)?)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
        };
        for value in values {
            if !go(value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
