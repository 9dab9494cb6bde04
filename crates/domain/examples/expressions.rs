//! How fast expressions run on one core, beside the `cel` crate: `cargo run --release -p domain --example expressions`.
//! Plain wall-clock timing, the best of 51 short rounds; the context of `cel` is built once, outside the clock.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use domain::condition::{Entry, Env, EventAttributes, Expr, Place, Read, Scope, State};
use domain::num::Num;
use domain::value::{Field, Fields, Presence, Type, Value};

const EXPRESSIONS: [(&str, &str); 4] = [
    ("E1", "order.total >= 50 && member.plan == \"gold\""),
    ("E2", "order.items.exists(i, i.category == \"coffee\")"),
    ("E3", "floor(order.total * 1.5)"),
    (
        "E4",
        "order.total > 20 && order.items.filter(i, !(i.category in [\"tea\", \"gift_card\"])).exists(i, i.total > 9) && \"vip\" in order.tags",
    ),
];

struct Nothing;
impl State for Nothing {
    fn read(&self, _: Read) -> Num {
        Num::ZERO
    }
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, presence: Presence::Required }
}

fn entry(ty: Type, place: Place) -> Entry {
    Entry::Value { ty, place, may_be_absent: false, never_zero: false, declared: None }
}

fn scope() -> Scope {
    let list = |ty| Type::List(Arc::new(ty));
    let record = |fields| Type::Record(Arc::new(Fields(fields)));
    let item = record(vec![
        field("category", Type::Text),
        field("total", Type::Money),
        field("tags", list(Type::Text)),
    ]);
    let order = record(vec![
        field("total", Type::Money),
        field("items", list(item)),
        field("tags", list(Type::Text)),
    ]);
    let plan = Type::Words(["basic", "gold"].map(Box::from).into());
    let names = [("plan".to_string(), entry(plan, Place::Member(0)))].into();
    let roots = [
        ("order".to_string(), entry(order, Place::Payload)),
        ("member".to_string(), Entry::Namespace { kind: "field".into(), names }),
    ];
    Scope { roots: roots.into(), ..Scope::default() }
}

const CATEGORIES: [&str; 5] = ["tea", "bread", "fruit", "gift_card", "coffee"];

fn text(t: &str) -> Value {
    Value::Text(t.into())
}

fn order(items: usize, tags: usize) -> Value {
    let tags = Value::List((0..tags).map(|_| text("vip")).collect());
    let item = |i: usize| {
        Value::Record(vec![text(CATEGORIES[i % 5]), Value::Num(Num::minor(1999, 2)), tags.clone()])
    };
    Value::Record(vec![
        Value::Num(Num::minor(9995, 2)),
        Value::List((0..items).map(item).collect()),
        tags.clone(),
    ])
}

fn with_env<T>(order: &Value, ask: impl FnOnce(&Env<'_>) -> T) -> T {
    let now = jiff::Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
    ask(&Env {
        payload: order,
        item: None,
        member: &[text("gold")],
        params: &[],
        tiers: &[],
        extra: &[],
        state: &Nothing,
        event: EventAttributes::default(),
        now: &now,
    })
}

/// Nanoseconds of one call.
fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..51).map(round).fold(f64::INFINITY, f64::min)
}

fn context() -> cel::Context<'static, 'static> {
    let map = |pairs: Vec<(&str, cel::Value)>| -> cel::Value {
        pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect::<HashMap<_, _>>().into()
    };
    let text = |t: &str| cel::Value::String(Arc::new(t.into()));
    let tags = || cel::Value::List(Arc::new(vec![text("vip")]));
    let item =
        |c: &&str| map(vec![("category", text(c)), ("total", cel::Value::Float(19.99)), ("tags", tags())]);
    let items = cel::Value::List(Arc::new(CATEGORIES.iter().map(item).collect()));
    let mut context = cel::Context::default();
    let order = map(vec![("total", cel::Value::Float(99.95)), ("items", items), ("tags", tags())]);
    context.add_variable_from_value("order", order);
    context.add_variable_from_value("member", map(vec![("plan", text("gold"))]));
    // `cel` has no rounding; a function of our own that does the same.
    context.add_function("floor", |n: f64| n.floor()).expect("no such function is there");
    context
}

fn main() {
    let (scope, context, order_of_five) = (scope(), context(), order(5, 1));
    println!("| | expression | ns | M/s on one core | `cel` 0.15 ns | times |\n|---|---|--:|--:|--:|--:|");
    for (name, source) in EXPRESSIONS {
        let expr = Expr::compile(source, None, &scope, &[]).expect("it is right");
        let ours = with_env(&order_of_five, |env| match expr.ty {
            Type::Bool => time(100_000, || assert!(black_box(&expr).holds(black_box(env)).is_ok_and(|b| b))),
            _ => time(100_000, || assert!(black_box(&expr).num(black_box(env)).is_ok())),
        });
        // What `cel` has no comparison for (a double with a whole number) is written as it wants it.
        let theirs_source = source.replace("50", "50.0").replace("20", "20.0").replace("> 9", "> 9.0");
        let program = cel::Program::compile(&theirs_source).expect("it is CEL");
        program.execute(&context).unwrap_or_else(|e| panic!("{theirs_source}: {e:?}"));
        let theirs = time(1_000, || drop(black_box(program.execute(&context))));
        let (million, times) = (1_000.0 / ours, theirs / ours);
        println!("| {name} | `{source}` | {ours:.0} | {million:.0} | {theirs:.0} | {times:.0} |");
    }
    let source = EXPRESSIONS[0].1;
    let compile = time(100, || drop(black_box(Expr::compile(source, None, &scope, &[]))));
    let theirs = time(100, || drop(black_box(cel::Program::compile(source))));
    println!("\nReading, checking and compiling E1: {compile:.0} ns; `cel` reads it in {theirs:.0} ns.");
    let source =
        "order.items.exists(i, i.tags.exists(t, t == \"none\") || i.tags.exists(t, t == \"of them\"))";
    let expr = Expr::compile(source, None, &scope, &[]).expect("it is right");
    let most = with_env(&order(1_000, 50), |env| {
        time(1, || assert!(black_box(&expr).holds(env).is_ok_and(|found| !found)))
    });
    println!("`{source}` over 1,000 items of 50 tags: {:.1} ms.", most / 1e6);
}
