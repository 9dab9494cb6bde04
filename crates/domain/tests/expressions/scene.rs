//! One scope, and many scenes in it: from a seed, what may be absent is there or not, and numbers are 0 or not.

use std::sync::Arc;

use domain::condition::{Entry, Env, EventAttributes, Place, Read, Scope, State};
use domain::num::Num;
use domain::value::{Field, Fields, Presence, Type, Value};

use crate::generate::Generator;

fn field(name: &str, ty: Type, presence: Presence) -> Field {
    Field { name: name.into(), ty, presence }
}

fn list(of: Type) -> Type {
    Type::List(Arc::new(of))
}

fn record(fields: Vec<Field>) -> Type {
    Type::Record(Arc::new(Fields(fields)))
}

pub fn order() -> Type {
    use Presence::{Optional, Required};
    let item = record(vec![
        field("category", Type::Text, Required),
        field("total", Type::Money, Required),
        field("quantity", Type::Num, Required),
        field("tags", list(Type::Text), Required),
        field("member_price", Type::Money, Optional),
    ]);
    let gift = record(vec![field("wrapped", Type::Bool, Required), field("card", Type::Text, Optional)]);
    record(vec![
        field("total", Type::Money, Required),
        field("channel", Type::Words(["app", "store", "web"].map(Box::from).into()), Required),
        field("items", list(item), Required),
        field("note", Type::Text, Optional),
        field("rating", Type::Num, Optional),
        field("gift", gift, Optional),
        field("gift_on", Type::Date, Optional),
    ])
}

/// Variables by themselves: pairs of name and type, in the order of `Scene::extra`.
pub fn variables() -> Vec<(&'static str, Type)> {
    let (num, text) = (Type::Num, Type::Text);
    vec![
        ("a", num.clone()),
        ("b", num.clone()),
        ("c", num.clone()),
        ("s", text.clone()),
        ("t", text.clone()),
        ("p", Type::Bool),
        ("q", Type::Bool),
        ("xs", list(num)),
        ("ss", list(text)),
        ("born", Type::Date),
    ]
}

fn names<const N: usize>(kind: &str, names: [(&str, Entry); N]) -> Entry {
    Entry::Namespace {
        kind: kind.into(),
        names: names.into_iter().map(|(n, e)| (n.to_string(), e)).collect(),
    }
}

pub fn value(ty: Type, place: Place) -> Entry {
    Entry::Value { ty, place, may_be_absent: false, never_zero: false, declared: None }
}

pub fn scope() -> Scope {
    let rate = Type::Table(["app", "store", "web"].map(Box::from).into(), Arc::new(Type::Num));
    let formula = |source: &str| Entry::Formula { source: source.into() };
    let mut roots = vec![
        ("order", value(order(), Place::Payload)),
        (
            "params",
            names(
                "param",
                [("rate", value(rate, Place::Param(0))), ("bands", value(Type::Bands, Place::Param(1)))],
            ),
        ),
        ("wallets", names("wallet", [("points", value(Type::Num, Place::Read(Read::WalletAvailable(0))))])),
        ("counters", names("counter", [("spend", Entry::Counter { no: 0, ago: true })])),
        ("now", value(Type::Time, Place::Now)),
        ("today", value(Type::Date, Place::Today)),
        (
            "formulas",
            names(
                "formula",
                [
                    ("circle", formula("formulas.circle + 1")),
                    ("d1", formula("a + a + a + a + a + a + a + a")),
                    ("d2", formula("formulas.d1 + formulas.d1 + formulas.d1 + formulas.d1")),
                    ("d3", formula("formulas.d2 + formulas.d2 + formulas.d2 + formulas.d2")),
                    ("d4", formula("formulas.d3 * formulas.d3 * formulas.d3 * formulas.d3")),
                ],
            ),
        ),
    ];
    let extra = variables().into_iter().enumerate();
    roots.extend(extra.map(|(i, (name, ty))| (name, value(ty, Place::Extra(i as u16)))));
    Scope {
        roots: roots.into_iter().map(|(n, e)| (n.to_string(), e)).collect(),
        not_here: Default::default(),
    }
}

pub struct Scene {
    pub order: Value,
    pub extra: Vec<Value>,
    params: Vec<Value>,
    numbers: [Num; 2],
    now: jiff::Zoned,
}

impl State for Scene {
    fn read(&self, what: Read) -> Num {
        match what {
            Read::Counter(..) => self.numbers[0],
            _ => self.numbers[1],
        }
    }
}

pub fn text(t: &str) -> Value {
    Value::Text(t.into())
}

fn whole(n: usize) -> Num {
    Num::minor(n as i64, 0)
}

/// Draws values.
struct Draw(Generator);

impl Draw {
    fn num(&mut self) -> Value {
        Value::Num(whole([0, 0, 1, 2, 5, 9][self.0.pick(6)]))
    }
    fn text(&mut self) -> Value {
        text(["", "app", "tea", "größer", "Tee", "a"][self.0.pick(6)])
    }
    fn bool(&mut self) -> Value {
        Value::Bool(self.0.pick(2) == 0)
    }
    fn date(&mut self) -> Value {
        let day = (1 + self.0.pick(28)) as i8;
        Value::Date(jiff::civil::date(2020 + self.0.pick(12) as i16, 1 + self.0.pick(12) as i8, day))
    }
    fn list(&mut self, one: impl Fn(&mut Draw) -> Value) -> Value {
        Value::List((0..self.0.pick(5)).map(|_| one(self)).collect())
    }
    fn maybe(&mut self, one: impl Fn(&mut Draw) -> Value) -> Value {
        if self.0.pick(2) == 0 { Value::Absent } else { one(self) }
    }
    fn item(&mut self) -> Value {
        let tags = self.list(Draw::text);
        Value::Record(vec![self.text(), self.num(), self.num(), tags, self.maybe(Draw::num)])
    }
}

impl Scene {
    pub fn new(seed: u64) -> Scene {
        let mut draw = Draw(Generator::new(seed + 1, true));
        let gift = |d: &mut Draw| Value::Record(vec![d.bool(), d.maybe(Draw::text)]);
        let order = Value::Record(vec![
            draw.num(),
            text(["app", "store", "web"][draw.0.pick(3)]),
            draw.list(Draw::item),
            draw.maybe(Draw::text),
            draw.maybe(Draw::num),
            draw.maybe(gift),
            draw.maybe(Draw::date),
        ]);
        let one = |draw: &mut Draw, ty: &Type| match ty {
            Type::Num => draw.num(),
            Type::Text => draw.text(),
            Type::Bool => draw.bool(),
            Type::Date => draw.date(),
            Type::List(of) if **of == Type::Num => draw.list(Draw::num),
            _ => draw.list(Draw::text),
        };
        let extra = variables().iter().map(|(_, ty)| one(&mut draw, ty)).collect();
        let pair = |from, value| Value::List(vec![Value::Num(whole(from)), Value::Num(whole(value))]);
        let rate = Value::Record(vec![draw.num(), draw.num(), draw.num()]);
        let params = vec![rate, Value::List(vec![pair(0, 0), pair(2, 1), pair(6, 3)])];
        let numbers = [whole(draw.0.pick(3)), whole(draw.0.pick(9))];
        let now = "2027-02-28T23:30:00+01:00[Europe/Berlin]".parse().unwrap();
        Scene { order, extra, params, numbers, now }
    }

    pub fn with_env<T>(&self, ask: impl FnOnce(&Env<'_>) -> T) -> T {
        ask(&Env {
            payload: &self.order,
            item: None,
            member: &[],
            params: &self.params,
            tiers: &[],
            extra: &self.extra,
            state: self,
            event: EventAttributes::default(),
            now: &self.now,
        })
    }
}
