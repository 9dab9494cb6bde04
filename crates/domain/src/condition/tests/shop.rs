//! The scope of a small shop, and one order in it.

use std::sync::Arc;

use super::super::*;
use crate::value::{Field, Fields, Presence};

pub(super) fn words(list: &str) -> Type {
    Type::Words(list.split(" | ").map(Box::from).collect())
}

pub(super) fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, presence: Presence::Required }
}

pub(super) fn optional(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, presence: Presence::Optional }
}

pub(super) fn list(ty: Type) -> Type {
    Type::List(Arc::new(ty))
}

pub(super) fn record(fields: Vec<Field>) -> Type {
    Type::Record(Arc::new(Fields(fields)))
}

pub(super) fn value(ty: Type, place: Place) -> Entry {
    Entry::Value { ty, place, may_be_absent: false, never_zero: false, declared: None }
}

pub(super) fn names<const N: usize>(kind: &str, names: [(&str, Entry); N]) -> Entry {
    Entry::Namespace {
        kind: kind.into(),
        names: names.into_iter().map(|(n, e)| (n.to_string(), e)).collect(),
    }
}

pub(super) fn not(code: Code, message: &str, hint: &str) -> NotHere {
    NotHere { code, message: message.into(), hint: hint.into() }
}

pub(super) fn item() -> Type {
    record(vec![
        field("category", Type::Text),
        field("total", Type::Money),
        field("quantity", Type::Num),
        field("tags", list(Type::Text)),
        optional("member_price", Type::Money),
    ])
}

pub(super) fn order() -> Type {
    record(vec![
        field("id", Type::Text),
        field("total", Type::Money),
        field("discount", Type::Money),
        field("channel", words("app | web | store")),
        field("tags", list(Type::Text)),
        field("items", list(item())),
        optional("note", Type::Text),
        optional("rating", Type::Num),
        optional("gift", record(vec![field("wrapped", Type::Bool), optional("card", Type::Text)])),
        field("placed_at", Type::Time),
    ])
}

pub(super) fn table(keys: &str, of: Type) -> Type {
    Type::Table(keys.split(' ').map(Box::from).collect(), Arc::new(of))
}

fn member() -> Entry {
    names(
        "field",
        [
            ("plan", value(words("basic | gold | plus"), Place::Member(0))),
            (
                "birthday",
                Entry::Value {
                    ty: Type::Date,
                    place: Place::Member(1),
                    may_be_absent: true,
                    never_zero: false,
                    declared: None,
                },
            ),
            ("enrolled_on", value(Type::Date, Place::Member(2))),
            ("name", value(Type::Text, Place::Member(3))),
        ],
    )
}

fn params() -> Entry {
    let param = |ty, no, never_zero| Entry::Value {
        ty,
        place: Place::Param(no),
        may_be_absent: false,
        never_zero,
        declared: None,
    };
    names(
        "param",
        [
            ("rate", param(table("app store web", Type::Num), 0, true)),
            ("some", param(table("app web", Type::Num), 0, false)),
            ("in_euro", param(Type::Num, 1, true)),
            ("maybe_zero", param(Type::Num, 1, false)),
            ("steps", param(Type::Bands, 2, false)),
            ("no_points", param(list(Type::Text), 3, false)),
        ],
    )
}

fn formulas() -> Entry {
    let formula = |source: &str| Entry::Formula { source: source.into() };
    names(
        "formula",
        [
            ("net", formula("order.total - order.discount")),
            ("rated", formula("has(order.rating)")),
            ("wrong", formula("order.totl > 1")),
            ("broken", formula("order.total >")),
            ("a", formula("formulas.b")),
            ("b", formula("formulas.a + 1")),
            ("d0", formula("order.total + order.total + order.total + order.total")),
            ("d1", formula("formulas.d0 + formulas.d0 + formulas.d0 + formulas.d0")),
            ("d2", formula("formulas.d1 + formulas.d1 + formulas.d1 + formulas.d1")),
            ("coffee", formula("i.category == \"coffee\"")),
        ],
    )
}

pub(super) fn scope() -> Scope {
    let wallet = names("field", [("available", value(Type::Num, Place::Read(Read::WalletAvailable(0))))]);
    let roots = [
        ("order", value(order(), Place::Payload)),
        ("member", member()),
        ("params", params()),
        ("wallets", names("wallet", [("points", wallet)])),
        (
            "counters",
            names(
                "counter",
                [
                    ("spend", Entry::Counter { no: 0, ago: true }),
                    ("life", Entry::Counter { no: 1, ago: false }),
                ],
            ),
        ),
        (
            "rules",
            names(
                "rule",
                [(
                    "base",
                    Entry::Refused(not(
                        Code::NotHere,
                        "`rules.base` does not hear `review.posted`",
                        "a rule can refer to rules of the same event: `base` is on order.paid",
                    )),
                )],
            ),
        ),
        ("formulas", formulas()),
        ("now", value(Type::Time, Place::Now)),
        ("today", value(Type::Date, Place::Today)),
        ("event", names("field", [("id", value(Type::Text, Place::EventId))])),
        ("quantity", value(Type::Num, Place::Extra(3))),
    ];
    let not_here = [
        (
            "item",
            not(
                Code::NotHere,
                "there is no `item` here",
                "to look at items one by one, add `each = 'order.items'`",
            ),
        ),
        ("region", not(Code::UnknownVariable, "there is no `region`", "rules do not differ by region")),
    ];
    Scope {
        roots: roots.into_iter().map(|(n, e)| (n.to_string(), e)).collect(),
        not_here: not_here.into_iter().map(|(n, e)| (n.to_string(), e)).collect(),
    }
}

pub(super) fn text(t: &str) -> Value {
    Value::Text(t.into())
}

pub(super) fn num(t: &str) -> Value {
    Value::Num(Num::parse(t).unwrap().unwrap())
}

pub(super) struct Balances;
impl State for Balances {
    fn read(&self, what: Read) -> Num {
        match what {
            Read::WalletAvailable(_) => Num::minor(250, 0),
            Read::Counter(_, ago) => Num::minor(100 * i64::from(ago), 0),
            _ => Num::ZERO,
        }
    }
}

pub(super) fn item_value(category: &str, total: &str, tags: &[&str]) -> Value {
    let tags = tags.iter().map(|t| text(t)).collect();
    Value::Record(vec![text(category), num(total), num("2"), Value::List(tags), Value::Absent])
}

pub(super) fn with_env<T>(ask: impl FnOnce(&Env<'_>) -> T) -> T {
    let now: jiff::Zoned = "2027-03-28T14:05:00+02:00[Europe/Berlin]".parse().unwrap();
    let payload = Value::Record(vec![
        text("o1"),
        num("19.99"),
        num("0"),
        text("app"),
        Value::List(vec![text("own_cup")]),
        Value::List(vec![
            item_value("coffee", "3.10", &["hot"]),
            item_value("tea", "2.89", &[]),
            item_value("coffee", "14", &["beans", "sale"]),
        ]),
        Value::Absent,
        num("4"),
        Value::Record(vec![Value::Bool(true), Value::Absent]),
        Value::Time("2027-03-27T23:30:00Z".parse().unwrap()),
    ]);
    let member = [text("gold"), Value::Absent, Value::Date(jiff::civil::date(2026, 1, 31)), text("Ada")];
    let band = |a: &str, b: &str| Value::List(vec![num(a), num(b)]);
    let params = [
        Value::Record(vec![num("3"), num("0.5"), num("1")]),
        num("1.05"),
        Value::List(vec![band("0", "0"), band("100", "0.02"), band("500", "0.05")]),
        Value::List(vec![text("tobacco"), text("tea")]),
    ];
    ask(&Env {
        payload: &payload,
        item: None,
        member: &member,
        params: &params,
        tiers: &[],
        extra: &[],
        state: &Balances,
        event: EventAttributes { id: "e1", source: "s", kind: "order.paid" },
        now: &now,
    })
}
