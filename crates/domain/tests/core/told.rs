//! What an event says for itself: what it leaves out, what it cannot say, and that it can be mended.

use domain::outcome::{Decision, Status};

use super::world::{World, event};

const SHOP: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.items = { on = "order.paid", each = 'order.items', earn.points = 'item.total * item.quantity * 100' }
rules.total = { on = "order.paid", earn.points = 'order.total * 10000' }
"#;

fn granted(decision: &Decision) -> Vec<(&str, i64)> {
    decision.effects.iter().map(|e| (&*e.rule, e.granted)).collect()
}

#[test]
fn what_an_order_leaves_out_follows_from_the_rest() {
    let mut world = World::new(SHOP);
    let paid =
        world.pay(r#"{"id":"o1","items":[{"id":"a","price":"2.50","quantity":2},{"id":"b","price":3}]}"#);
    assert_eq!(granted(&paid), [("base", 8), ("items", 1_300), ("total", 80_000)]);
    let told = world.pay(
        r#"{"id":"o2","subtotal":7,"total":9,"items":[{"id":"a","price":"2.50","quantity":2,"total":"4.00"}]}"#,
    );
    assert_eq!(granted(&told), [("base", 7), ("items", 800), ("total", 90_000)]);
    let free = world.pay(r#"{"id":"o3","subtotal":0,"total":0,"items":[{"price":5,"total":0}]}"#);
    assert_eq!(granted(&free), []);
    let fuel = world.pay(r#"{"id":"o4","items":[{"price":"1.789","quantity":"10.33"}]}"#);
    assert_eq!(granted(&fuel), [("base", 18), ("items", 19_090), ("total", 184_803)]);
}

#[test]
fn what_cannot_be_an_order_is_refused_with_a_remedy() {
    let mut world = World::new(SHOP);
    for (items, code, pointer, remedy) in [
        (r#"{"price":1},{"price":1,"quantity":-2}"#, "quantity_invalid", "/data/items/1/quantity", "as -2"),
        (r#"{"id":"a"},{"id":"b"},{"id":"a"}"#, "item_repeated", "/data/items/2/id", "join them"),
        (r#"{"id":"a","price":-5}"#, "money_negative", "/data/items/0/price", "discount"),
        (
            r#"{"price":9999999,"quantity":9999999}"#,
            "number_out_of_range",
            "/data/items/0/price",
            "stays below 10^13",
        ),
    ] {
        let paid = event("order.paid", items, &format!(r#"{{"id":"o1","items":[{items}]}}"#));
        let paid = world.send(paid).decision;
        let reason = paid.reason.as_ref().unwrap();
        assert_eq!((&*reason.code, reason.pointer.as_deref()), (code, Some(pointer)), "{items}");
        assert!(reason.message.contains(remedy), "{}", reason.message);
    }
    let large = event("order.paid", "large", r#"{"id":"o1","subtotal":1234567890123456}"#);
    let large = world.send(large).decision;
    assert_eq!(large.reason.as_ref().unwrap().pointer.as_deref(), Some("/data/subtotal"));
    world.pay(r#"{"id":"o1","items":[{"price":1},{"price":1},{"id":"a","price":8}]}"#);
    for quantity in ["0", "-1"] {
        let back = world.refund(&format!(r#"{{"order":"o1","items":[{{"id":"a","quantity":{quantity}}}]}}"#));
        assert_eq!(&*back.reason.as_ref().unwrap().code, "quantity_invalid");
    }
    let back = world.refund(r#"{"order":"o1","items":[{"id":"a","quantity":0,"amount":4}]}"#);
    assert_eq!(back.status, Status::Applied);
}

#[test]
fn years_that_nobody_means_are_refused() {
    let program = "events.\"stay.booked\" = { until = \"date\", at = \"timestamp?\" }\n";
    let mut world = World::new(&SHOP.replace("wallets.points", &format!("{program}wallets.points")));
    let mut old = event("order.paid", "e1", r#"{"id":"o1","subtotal":10}"#);
    old.time = "1850-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(&*world.send(old).decision.reason.as_ref().unwrap().code, "time_out_of_range");
    for (data, pointer) in [
        (r#"{"until":"1850-05-17"}"#, "/data/until"),
        (r#"{"until":"9999-12-31"}"#, "/data/until"),
        (r#"{"until":"2027-01-01","at":"9999-12-01T00:00:00Z"}"#, "/data/at"),
    ] {
        let reason = world.send(event("stay.booked", "e2", data)).decision.reason.clone().unwrap();
        assert_eq!(
            (&*reason.code, reason.pointer.as_deref()),
            ("time_out_of_range", Some(pointer)),
            "{data}"
        );
    }
    let fine =
        world.send(event("stay.booked", "e2", r#"{"until":"1900-01-01","at":"2999-12-31T00:00:00Z"}"#));
    assert_eq!(fine.decision.reason.as_ref().map(|r| &*r.code), None);
}

#[test]
fn an_order_told_twice_names_the_event_that_told_it_first() {
    let mut world = World::new(SHOP);
    world.send(event("order.paid", "first", r#"{"id":"o1","subtotal":10}"#));
    world.refund(r#"{"order":"o1","amount":2}"#);
    let again = world.send(event("order.paid", "second", r#"{"id":"o1","subtotal":10}"#)).decision;
    let reason = again.reason.as_ref().unwrap();
    assert_eq!(&*reason.code, "order_already_paid");
    assert_eq!(&*reason.message, "this order came before, as event `first` of `shop`");
}

#[test]
fn a_malformed_event_does_not_take_its_id() {
    let mut world = World::new(SHOP);
    let wrong = event("order.paid", "e1", r#"{"id":"o1","subtotal":"ten"}"#);
    let mended = event("order.paid", "e1", r#"{"id":"o1","subtotal":"10"}"#);
    assert_eq!(world.send(wrong.clone()).decision.status, Status::Refused);
    let again = world.send(wrong.clone());
    assert!(again.duplicate && !again.conflict && again.decision.status == Status::Refused);
    let answer = world.send(mended.clone());
    assert_eq!((answer.decision.status, answer.duplicate, answer.conflict), (Status::Applied, false, false));
    assert_eq!(answer.decision.effects[0].granted, 10);
    let twice = world.send(mended);
    assert!(twice.duplicate && twice.decision.status == Status::Applied);
    // Who sent the wrong one hears the same for ever; to any other body the name is now taken.
    assert_eq!(world.send(wrong).decision.status, Status::Refused);
    let other = event("order.paid", "e1", r#"{"id":"o1","subtotal":"11"}"#);
    assert!(world.send(other).conflict);
    assert_eq!(world.rows().len(), 2);
}

#[test]
fn an_event_of_a_type_that_is_not_known_yet_can_be_sent_again_when_it_is() {
    let mut world = World::new(SHOP);
    let early = event("review.given", "r1", "{}");
    assert_eq!(world.send(early.clone()).decision.status, Status::Ignored);
    assert!(world.send(early.clone()).duplicate, "nothing has changed");
    let knows = format!(
        "{SHOP}\nevents.\"review.given\" = {{}}\nrules.review = {{ on = \"review.given\", earn.points = 7 }}\n"
    );
    world.publish(&knows);
    let answer = world.send(early.clone());
    assert_eq!((answer.decision.status, answer.duplicate), (Status::Applied, false));
    assert_eq!(answer.decision.effects[0].granted, 7);
    let (again, pos) = (world.send(early), answer.pos);
    assert!(again.duplicate && again.pos == pos && again.decision.status == Status::Applied);
    // A slip in the type does not take the id either.
    world.send(event("order.payd", "e1", r#"{"id":"o1","subtotal":10}"#));
    let mended = world.send(event("order.paid", "e1", r#"{"id":"o1","subtotal":10}"#));
    assert_eq!((mended.decision.status, mended.conflict), (Status::Applied, false));
}

#[test]
fn a_mended_event_in_the_same_batch_counts_and_a_refusal_by_the_trade_stays() {
    let mut world = World::new(SHOP);
    let wrong = event("order.paid", "e1", r#"{"id":"","subtotal":10}"#);
    let mended = event("order.paid", "e1", r#"{"id":"o1","subtotal":10}"#);
    let answers = world.send_all(&[wrong, mended.clone(), mended]);
    assert_eq!(
        answers.iter().map(|a| (a.decision.status, a.duplicate)).collect::<Vec<_>>(),
        [(Status::Refused, false), (Status::Applied, false), (Status::Applied, true)]
    );
    let dollars = event("order.paid", "e2", r#"{"id":"o2","currency":"USD","subtotal":10}"#);
    let euros = event("order.paid", "e2", r#"{"id":"o2","currency":"EUR","subtotal":10}"#);
    assert_eq!(world.send(dollars).decision.status, Status::Refused);
    assert!(world.send(euros).conflict);
}
