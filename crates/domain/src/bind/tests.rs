//! Binding: what is read, what is refused and where the pointer points.

use std::sync::Arc;

use super::*;
use crate::canonical;
use crate::value::Field;

fn order() -> Fields {
    canonical::order_fields(Arc::new(canonical::item_fields()))
}

fn refusal(json: &str) -> (String, String) {
    let reason = bind(&order(), json.as_bytes()).unwrap_err();
    (reason.code.into(), reason.pointer.unwrap_or_default().into())
}

fn num(text: &str) -> Value {
    Value::Num(Num::parse(text).unwrap().unwrap())
}

#[test]
fn an_order_is_read_exactly() {
    let json = r#"{"id":"o1","currency":"EUR","total":"19.99","note":{"x":[1,{"id":2}]},"subtotal":19.990,
        "items":[{"id":"a","quantity":2,"price":9.995,"total":19.99,"tags":["x","é\n"]},{}],"discount":null}"#;
    let bound = bind(&order(), json.as_bytes()).unwrap();
    let slots = bound.slots();
    assert_eq!(slots[canonical::order::TOTAL], num("19.99"));
    assert_eq!(slots[canonical::order::SUBTOTAL], num("19.99"));
    assert_eq!(slots[canonical::order::DISCOUNT], num("0"));
    let Value::List(items) = &slots[canonical::order::ITEMS] else { panic!() };
    let Value::Record(item) = &items[0] else { panic!() };
    assert_eq!(item[canonical::item::PRICE], num("9.995"));
    assert_eq!(
        item[canonical::item::TAGS],
        Value::List(vec![Value::Text("x".into()), Value::Text("é\n".into())])
    );
    // 19.990 is written with three places and is worth two: the exact check decides.
    assert!(bound.check_money(&order(), 2, "EUR").is_ok());
    let yen = bound.check_money(&order(), 0, "JPY").unwrap_err();
    assert_eq!((&*yen.code, yen.pointer.as_deref()), (codes::MONEY_DIGITS, Some("/data/total")));
}

#[test]
fn a_refusal_points_at_the_field() {
    for (json, code, pointer) in [
        ("[]", codes::WRONG_TYPE, "/data"),
        ("{\"id\":\"o1\"} x", codes::BAD_JSON, "/data"),
        ("{}", codes::FIELD_MISSING, "/data/id"),
        (r#"{"id":null}"#, codes::FIELD_MISSING, "/data/id"),
        (r#"{"id":7}"#, codes::WRONG_TYPE, "/data/id"),
        (r#"{"id":"o","id":"o"}"#, codes::DUPLICATE_KEY, "/data/id"),
        (r#"{"id":"o","tax":null,"tax":1}"#, codes::DUPLICATE_KEY, "/data/tax"),
        (r#"{"id":"o\u0000"}"#, codes::TEXT_HAS_NUL, "/data/id"),
        (r#"{"id":"o","total":-1}"#, codes::MONEY_NEGATIVE, "/data/total"),
        (r#"{"id":"o","total":"1,00"}"#, codes::WRONG_TYPE, "/data/total"),
        (r#"{"id":"o","total":"1/2"}"#, codes::WRONG_TYPE, "/data/total"),
        (r#"{"id":"o","total":[1]}"#, codes::WRONG_TYPE, "/data/total"),
        (r#"{"id":"o","total":1e30}"#, codes::NUMBER_OUT_OF_RANGE, "/data/total"),
        (r#"{"id":"o","items":{}}"#, codes::WRONG_TYPE, "/data/items"),
        (r#"{"id":"o","items":[{},{"total":true}]}"#, codes::WRONG_TYPE, "/data/items/1/total"),
        (r#"{"id":"o","items":[null]}"#, codes::WRONG_TYPE, "/data/items/0"),
    ] {
        assert_eq!(refusal(json), (code.to_owned(), pointer.to_owned()), "{json}");
    }
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(1_025));
    assert_eq!(refusal(&long).0, codes::TEXT_TOO_LONG);
    let tags = format!(r#"{{"id":"o","tags":[{}"x"]}}"#, "\"x\",".repeat(50));
    assert_eq!(refusal(&tags), (codes::LIST_TOO_LONG.to_owned(), "/data/tags".to_owned()));
    let items = format!(r#"{{"id":"o","items":[{}{{}}]}}"#, "{},".repeat(1_000));
    assert_eq!(refusal(&items).0, codes::LIST_TOO_LONG);
    assert_eq!(bind(&order(), b"{\"id\":\"\xff\"}").unwrap_err().code.as_str(), codes::BAD_JSON);
}

#[test]
fn declared_types_are_checked() {
    let words: Arc<[Box<str>]> = Arc::from(["app".into(), "web".into()]);
    let declared = |name: &str, ty: Type, presence| Field { name: name.into(), ty, presence };
    let fields = Fields(vec![
        declared("on", Type::Date, Presence::Optional),
        declared("at", Type::Time, Presence::Optional),
        declared("by", Type::Words(words), Presence::Optional),
        declared("a/b", Type::Bool, Presence::Default(Value::Bool(true))),
    ]);
    let read = |json: &str| bind(&fields, json.as_bytes());
    let all = read(r#"{"on":"2026-12-01","at":"2026-12-01T10:00:00+01:00","by":"app"}"#).unwrap();
    assert_eq!(all.slots()[0], Value::Date(jiff::civil::date(2026, 12, 1)));
    assert_eq!(all.slots()[1], Value::Time("2026-12-01T09:00:00Z".parse().unwrap()));
    assert_eq!(all.slots()[3], Value::Bool(true));
    for (json, code, pointer) in [
        (r#"{"on":"2026-02-30"}"#, codes::WRONG_TYPE, "/data/on"),
        (r#"{"at":"2026-12-01"}"#, codes::WRONG_TYPE, "/data/at"),
        (r#"{"by":"store"}"#, codes::UNKNOWN_WORD, "/data/by"),
        (r#"{"a/b":1}"#, codes::WRONG_TYPE, "/data/a~1b"),
    ] {
        let reason = read(json).unwrap_err();
        assert_eq!((&*reason.code, reason.pointer.as_deref()), (code, Some(pointer)), "{json}");
    }
}
