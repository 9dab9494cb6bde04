//! Refund arithmetic: by item, by amount, both, in any order.

use super::*;
use crate::order::OrderItem;
use proptest::prelude::*;

fn num(text: &str) -> Num {
    Num::parse(text).unwrap().unwrap()
}

fn order(total: &str, items: &[(&str, &str, &str)]) -> Order {
    Order {
        id: "o1".into(),
        member: 1,
        version: 1,
        pos: 1,
        at: jiff::Timestamp::UNIX_EPOCH,
        edited_at: None,
        currency: "EUR".into(),
        total: num(total),
        items: items
            .iter()
            .map(|(id, quantity, total)| OrderItem {
                id: (*id).into(),
                quantity: num(quantity),
                total: num(total),
                back: Num::ZERO,
            })
            .collect(),
        back: Num::ZERO,
        closed: false,
        refunds: Vec::new(),
        applied: Vec::new(),
        came: Vec::new(),
        sent: Vec::new(),
        less: Vec::new(),
        grants: Vec::new(),
        counts: Vec::new(),
    }
}

fn refund(order: &Order, json: &str) -> Result<Return, Reason> {
    let bound = crate::bind::bind(&canonical::refund_fields(), json.as_bytes()).unwrap();
    read(Canon::OrderRefunded, &bound.record, order)
}

fn apply(order: &mut Order, json: &str) {
    let back = refund(order, json).unwrap();
    note(order, &back);
}

#[test]
fn an_item_takes_back_exactly_what_it_gave() {
    let mut order = order("30", &[("a", "2", "10"), ("b", "1", "20")]);
    apply(&mut order, r#"{"order":"o1","items":[{"id":"a","quantity":1}]}"#);
    assert_eq!(target(&order, 25, &[5, 20]), 2);
    apply(&mut order, r#"{"order":"o1","items":[{"id":"a","quantity":1}]}"#);
    assert_eq!(target(&order, 25, &[5, 20]), 5);
    apply(&mut order, r#"{"order":"o1","items":[{"id":"b"}]}"#);
    assert_eq!(target(&order, 25, &[5, 20]), 25);
}

#[test]
fn by_amount_in_parts_comes_to_all_of_it() {
    let mut order = order("30", &[]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        apply(&mut order, r#"{"order":"o1","amount":10}"#);
        seen.push(target(&order, 10, &[]));
    }
    assert_eq!(seen, [3, 6, 10]);
}

#[test]
fn items_and_their_amount_together_count_once() {
    // 19 % tax on top: 11.90 for the item of 10 is no more than the item.
    let mut order = order("35.70", &[("a", "1", "10"), ("b", "1", "20")]);
    apply(&mut order, r#"{"order":"o1","items":[{"id":"a","quantity":1}],"amount":11.90}"#);
    assert_eq!(target(&order, 30, &[10, 20]), 10);
    assert!(order.back.is_zero());
    // What is beyond it counts by amount: 2.38 of the 23.80 that are left.
    apply(&mut order, r#"{"order":"o1","amount":2.38}"#);
    assert_eq!(target(&order, 30, &[10, 20]), 12);
}

#[test]
fn an_unknown_item_needs_an_amount() {
    let order = order("30", &[("a", "1", "30")]);
    let unknown = refund(&order, r#"{"order":"o1","items":[{"id":"a"},{"id":"x"}]}"#).unwrap_err();
    assert_eq!((&*unknown.code, unknown.pointer.as_deref()), (codes::ITEM_UNKNOWN, Some("/data/items/1/id")));
    let known = refund(&order, r#"{"order":"o1","items":[{"id":"x","amount":3}]}"#).unwrap();
    assert_eq!(known.amount, num("3"));
}

#[test]
fn neither_items_nor_amount_is_all_of_it_and_an_amount_of_nothing_is_nothing() {
    let mut whole = order("30", &[("a", "1", "30")]);
    apply(&mut whole, r#"{"order":"o1"}"#);
    assert_eq!(target(&whole, 7, &[7]), 7);
    let mut nothing = order("30", &[("a", "1", "30")]);
    apply(&mut nothing, r#"{"order":"o1","amount":0}"#);
    assert_eq!(target(&nothing, 7, &[7]), 0);
}

#[test]
fn a_refund_id_counts_once() {
    let mut order = order("30", &[]);
    apply(&mut order, r#"{"order":"o1","id":"r1","amount":10}"#);
    let again = refund(&order, r#"{"order":"o1","id":"r1","amount":10}"#).unwrap_err();
    assert_eq!(&*again.code, codes::REFUND_ALREADY_APPLIED);
}

proptest! {
    /// Any parts in any order: never less than before, never more than granted, and the same at the end.
    #[test]
    fn refunds_are_monotone_and_do_not_depend_on_their_order(
        shares in prop::collection::vec(0..500_i64, 3),
        parts in prop::collection::vec((0..4_usize, 1..4_i64, 1..2_000_i64), 1..8),
        seed in any::<u64>(),
    ) {
        let items = [("a", "3", "30"), ("b", "2", "20.50"), ("c", "7", "49.50")];
        let messages: Vec<String> = parts.iter().map(|(item, quantity, cents)| match items.get(*item) {
            Some((id, ..)) => format!(r#"{{"order":"o1","items":[{{"id":"{id}","quantity":{quantity}}}]}}"#),
            None => format!(r#"{{"order":"o1","amount":"{}"}}"#, Num::minor(*cents, 2)),
        }).collect();
        let granted = shares.iter().sum();
        let run = |messages: &[String]| {
            let mut order = order("100", &items);
            let mut before = 0;
            for message in messages {
                apply(&mut order, message);
                let now = target(&order, granted, &shares);
                assert!(now >= before && now <= granted);
                before = now;
            }
            before
        };
        let end = run(&messages);
        let mut other = messages.clone();
        other.sort_by_key(|m| counters::hash(&format!("{seed}{m}")));
        prop_assert_eq!(run(&other), end);
    }
}

/// Shares whose exact fractions have no common denominator within the bounds of numbers are still summed before they
/// are rounded.
#[test]
fn odd_fractions_are_rounded_once() {
    let items = [("i0", "3", "41.754"), ("i1", "1", "21.075"), ("i2", "4", "47.511")];
    let mut order = order("117.761", &items);
    let first = r#"{"order":"o1","amount":"72.703","items":[{"id":"i0","amount":"18.167"}]}"#;
    apply(&mut order, first);
    assert_eq!(target(&order, 36, &[14, 7, 15]), 22);
    apply(&mut order, r#"{"order":"o1","items":[{"id":"i1","amount":"5.217"}]}"#);
    // By item 18.167 and 5.217 came back, each worth 117.761 / 110.340 of what was paid; by amount
    // 72.703 - 18.167 * 117.761 / 110.340. That leaves 11.99 of 36 points, rounded up.
    assert_eq!(target(&order, 36, &[14, 7, 15]), 24);
}

/// An item of which a little came back is not taken for one that came back whole.
#[test]
fn odd_fractions_are_not_everything() {
    let items = [("i0", "4", "36.875"), ("i1", "3", "58.505"), ("i2", "3", "8.18"), ("i3", "2", "26.166")];
    let mut order = order("137.813", &items);
    order.items[0].back = num("36477/36875");
    order.items[3].back = num("1333/26166");
    order.back = num("4922136397/124136000");
    let count = Count {
        counter: "orders".into(),
        window: 0,
        parts: vec![Num::ONE],
        reversed: Num::ZERO,
        values: Vec::new(),
    };
    assert_eq!(count_target(&order, &count), num("0.579178"));
}

/// The share of an edited order whose fraction passes the bounds of numbers: exactly 393.3914363824..., rounded once.
#[test]
fn a_count_is_rounded_once_whatever_its_fraction() {
    let items = [("i0", "4", "17.707"), ("i1", "4", "43.724"), ("i2", "4", "14.838"), ("i3", "2", "60.02")];
    let mut order = order("145.149", &items);
    order.items[3].back = num("28719/49274");
    order.back = num("13460022023/125543000");
    let count = Count {
        counter: "spend".into(),
        window: 0,
        parts: vec![num("395.2381")],
        reversed: Num::ZERO,
        values: Vec::new(),
    };
    assert_eq!(count_target(&order, &count), num("393.391436"));
    // 25.006 stay of the items, and of these 7726493525558186/1229224253513513433: less than one point, rounded up.
    assert_eq!(target(&order, 32, &[4, 4, 12, 12]), 31);
}

/// Edits between returns add fractions of ever other orders: they add up to a share, not to everything.
#[test]
fn returns_between_edits_are_not_everything() {
    let mut order = order("100", &[("a", "7", "33.333"), ("b", "1", "66.667")]);
    for text in ["1/999999937", "1/999999929", "1/999999893"] {
        note(&mut order, &Return { id: "".into(), items: Vec::new(), amount: num(text), all: false });
    }
    assert_eq!(order.back, num("0.000000003"));
    assert_eq!(target(&order, 100, &[33, 67]), 0);
}
