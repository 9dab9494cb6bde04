//! What users of other systems complained of, one test for each, named after where it was read.

use crate::world::*;
use domain::event::Event;
use domain::outcome::Status;

const BASE: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"#;

fn order(id: &str, n: u32, subtotal: u32) -> Event {
    event("order.paid", id, &format!(r#"{{"id":"o{n}","subtotal":{subtotal}}}"#))
}

/// "Points again on every replay of ORDER_CREATED."
#[test]
fn compressor_1476_points_again_on_every_replay() {
    let mut world = World::new(BASE);
    for _ in 0..5 {
        world.send(order("created-1", 1, 10));
    }
    assert_eq!(world.points(), (10, 0));
    assert_eq!(world.rows().len(), 1);
}

/// "Points each time an order becomes completed again"; "at each status change".
#[test]
fn wpswings_104_and_opencart_2349_points_at_each_status_change() {
    let mut world = World::new(BASE);
    let first = world.send(order("completed-1", 1, 10));
    for n in 2..5 {
        let again = world.send(order(&format!("completed-{n}"), 1, 10)).decision;
        assert_eq!(
            (again.status, &*again.reason.as_ref().unwrap().code),
            (Status::Ignored, "order_already_paid")
        );
        assert_eq!(again.member, first.decision.member);
    }
    for n in 0..3 {
        world.send(event("order.updated", &format!("status-{n}"), r#"{"id":"o1","subtotal":10}"#));
        world.send(nobody(event("order.fulfilled", &format!("sent-{n}"), r#"{"order":"o1"}"#)));
    }
    assert_eq!(world.points(), (10, 0));
}

/// "Double click gives the bonus twice": the same in one batch and apart, under two event ids.
#[test]
fn xclub_125_double_click_gives_the_bonus_twice() {
    let toml = r#"
program = { id = "club", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
events."bonus.claimed" = { code = "string" }
rules.bonus = { on = "bonus.claimed", once_per = 'bonus.code', earn.points = 100 }
"#;
    let mut world = World::new(toml);
    let click = |id: &str| event("bonus.claimed", id, r#"{"code":"spring"}"#);
    world.send_all(&[click("1"), click("2"), click("1")]);
    world.send(click("3"));
    assert_eq!(world.points(), (100, 0));
}

/// "One order split into two transactions pays the trip bonus twice."
#[test]
fn xclub_232_a_split_order_pays_the_trip_bonus_twice() {
    let toml = r#"
program = { id = "club", currency = "EUR", timezone = "Europe/Berlin" }
order = { trip = "string = ''" }
wallets.points = {}
rules.trip = { on = "order.paid", when = 'order.trip != ""', once_per = 'order.trip', earn.points = 100 }
"#;
    let mut world = World::new(toml);
    let part = |n: u32| event("order.paid", &format!("e{n}"), &format!(r#"{{"id":"o{n}","trip":"t1"}}"#));
    world.send_all(&[part(1), part(2)]);
    world.send(part(3));
    assert_eq!(world.points(), (100, 0));
}

/// "Double points shown": what is answered, what is recorded and what is held are one number.
#[test]
fn complinks_258_double_points_shown() {
    let mut world = World::new(BASE);
    let event = order("e1", 1, 10);
    let first = world.send(event.clone()).decision;
    let again = world.send(event).decision;
    assert_eq!(first, again);
    assert_eq!(first.effects[0].granted, first.transfers[0].amount);
    assert_eq!(first.transfers[0].after, world.points().0);
}

/// "20 parallel gifts from a 100-point sender credited 2,000": together or apart, only what is there can leave.
#[test]
fn fuint_71_twenty_parallel_gifts_from_100_points() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    let gift = |n: u32| {
        let data = r#"{"wallet":"points","amount":"-100","reason":"gift"}"#;
        api(event("fealty.adjusted", &format!("gift-{n}"), data))
    };
    let gifts: Vec<Event> = (0..20).map(gift).collect();
    let answers = world.send_all(&gifts);
    assert_eq!(answers.iter().filter(|a| a.decision.status == Status::Applied).count(), 1);
    assert_eq!(world.points(), (0, 0));
}

/// "Undo adds points to the current balance, so a purchase in between gets free points."
#[test]
fn leetcode_city_690_undo_after_a_purchase_in_between() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    world.send(order("e2", 2, 30));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (30, 0));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (30, 0));
}

/// "Order placed while an admin deducts": in either order, the same.
#[test]
fn wpswings_164_an_order_while_an_admin_deducts() {
    let deduct = || api(event("fealty.adjusted", "a1", r#"{"wallet":"points","amount":"-40","reason":"x"}"#));
    for turned in [false, true] {
        let mut world = World::new(BASE);
        world.send(order("e1", 1, 50));
        let mut both = [order("e2", 2, 10), deduct()];
        if turned {
            both.reverse();
        }
        world.send_all(&both);
        assert_eq!(world.points(), (20, 0));
    }
}

/// "Duplicate documentNumber on import": by webhook and by import, under other sources and ids.
#[test]
fn open_loyalty_duplicate_document_number_on_import() {
    let mut world = World::new(BASE);
    world.send(order("hook-1", 1, 10));
    let mut import = order("line-1", 1, 10);
    import.source = "import".into();
    assert_eq!(world.send(import).decision.status, Status::Ignored);
    assert_eq!(world.points(), (10, 0));
}

/// "Refund does not return points."
#[test]
fn wpswings_111_refund_does_not_return_points() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    world.refund(r#"{"order":"o1","amount":25}"#);
    assert_eq!(world.points(), (75, 0));
}

/// "Deleted invoice keeps its points."
#[test]
fn repairdesk_1517_a_deleted_invoice_keeps_its_points() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    world.send(nobody(event("order.cancelled", "c1", r#"{"order":"o1"}"#)));
    assert_eq!(world.points(), (0, 0));
}

const BY_ITEM: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", each = 'order.items', when = 'item.category != "gift_card"', earn.points = 'item.total' }
"#;

/// "Points for voided items": taken out of the order before or after payment.
#[test]
fn flocafe_720_points_for_voided_items() {
    let mut world = World::new(BY_ITEM);
    world.pay(r#"{"id":"o1","items":[{"id":"a","total":10},{"id":"b","total":20}]}"#);
    world.send(nobody(event("order.updated", "u1", r#"{"id":"o1","items":[{"id":"a","total":10}]}"#)));
    assert_eq!(world.points(), (10, 0));
    world.send(nobody(event("order.cancelled", "c1", r#"{"order":"o1","items":[{"id":"a"}]}"#)));
    assert_eq!(world.points(), (0, 0));
}

/// "Returned POS invoice miscalculated": an item that gave nothing takes nothing.
#[test]
fn erpnext_30242_a_returned_invoice_is_miscalculated() {
    let mut world = World::new(BY_ITEM);
    world.pay(r#"{"id":"o1","items":[{"id":"a","total":40},{"id":"g","category":"gift_card","total":60}]}"#);
    world.refund(r#"{"order":"o1","items":[{"id":"g"}]}"#);
    assert_eq!(world.points(), (40, 0));
}

/// "Refund never deducted", then "deducted again on (partial) refund".
#[test]
fn odoo_212922_deducted_again_on_partial_refund() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    for (n, left) in [(1, 66), (2, 33), (3, 0)] {
        let amount = if n == 3 { "33.34" } else { "33.33" };
        let data = format!(r#"{{"id":"r{n}","order":"o1","amount":{amount}}}"#);
        for copy in 0..3 {
            world.send(nobody(event("order.refunded", &format!("{n}-{copy}"), &data)));
        }
        assert_eq!(world.points(), (left + i64::from(n < 3), 0), "after part {n}");
    }
}

/// "Earn-refund loop = unlimited points."
#[test]
fn odoo_257854_earn_and_refund_in_a_loop() {
    let mut world = World::new(BASE);
    for n in 0..10 {
        world.send(order(&format!("e{n}"), n, 100));
        let spend = api(event(
            "fealty.adjusted",
            &format!("s{n}"),
            r#"{"wallet":"points","amount":"-100","reason":"x"}"#,
        ));
        world.send(spend);
        world.refund(&format!(r#"{{"order":"o{n}"}}"#));
    }
    // The first 100 were spent and are owed; nothing more was ever there to spend.
    assert_eq!(world.points(), (0, 100));
}

/// "Points lost on an expired payment, later returned twice."
#[test]
fn mollie_928_points_returned_twice() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    for n in 0..3 {
        world.send(nobody(event("order.cancelled", &format!("expired-{n}"), r#"{"order":"o1"}"#)));
        world.refund(r#"{"order":"o1","amount":100}"#);
    }
    assert_eq!(world.points(), (0, 0));
}

/// "Balance wrong after cancel + refund."
#[test]
fn nopcommerce_5595_balance_after_cancel_and_refund() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    world.send(order("e2", 2, 7));
    world.refund(r#"{"order":"o1","amount":40}"#);
    world.send(nobody(event("order.cancelled", "c1", r#"{"order":"o1"}"#)));
    world.refund(r#"{"order":"o1","amount":60}"#);
    assert_eq!(world.points(), (7, 0));
}

/// "No negative points on return": the points were spent, so they are owed.
#[test]
fn erpnext_32951_no_negative_points_on_return() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 100));
    world.send(api(event("fealty.adjusted", "s1", r#"{"wallet":"points","amount":"-100","reason":"x"}"#)));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (0, 100));
}

/// "Buying gift cards earns points."
#[test]
fn repairdesk_1050_buying_gift_cards_earns_points() {
    let mut world = World::new(BY_ITEM);
    world.pay(r#"{"id":"o1","items":[{"id":"g","category":"gift_card","total":50}]}"#);
    assert_eq!(world.points(), (0, 0));
}

/// "Refunds at the current rule value, and removes nothing if the rule was deleted."
#[test]
fn smile_refunds_at_the_current_rule_value() {
    let mut world = World::new(BASE);
    world.send(order("e1", 1, 50));
    world.send(order("e2", 2, 50));
    world.publish(&BASE.replace("'order.subtotal'", "'order.subtotal * 2'"));
    world.refund(r#"{"order":"o1"}"#);
    assert_eq!(world.points(), (50, 0));
    world.publish(&BASE.replace("rules.base", "rules.other"));
    world.refund(r#"{"order":"o2"}"#);
    assert_eq!(world.points(), (0, 0));
}

/// "Partial refunds unseen"; "by item or amount unsupported": each, and both in one message.
#[test]
fn bigcommerce_and_voucherify_partial_refunds() {
    let mut world = World::new(BY_ITEM);
    world
        .pay(r#"{"id":"o1","total":100,"items":[{"id":"a","quantity":4,"total":40},{"id":"b","total":60}]}"#);
    world.refund(r#"{"order":"o1","items":[{"id":"a","quantity":1}]}"#);
    assert_eq!(world.points(), (90, 0));
    world.refund(r#"{"order":"o1","amount":9}"#);
    assert_eq!(world.points(), (81, 0));
    world.refund(r#"{"order":"o1","items":[{"id":"b"}],"amount":60}"#);
    // 30 are left of a, of which a tenth came back by amount before; the 60 are b's own.
    assert_eq!(world.points().0, 100 - 10 - 60 - 9);
}

/// "5 points per full $2.50: an order of $3.00 gives 6, not 5."
#[test]
fn nopcommerce_5235_three_dollars_give_5() {
    let mut world = World::new(&BASE.replace("'order.subtotal'", "'floor(order.subtotal / 2.50) * 5'"));
    world.pay(r#"{"id":"o1","subtotal":3.00}"#);
    assert_eq!(world.points(), (5, 0));
}

/// "Decimals": amounts with cents give whole points, and no sum of roundings differs from the rounding of the sum.
#[test]
fn wpswings_207_and_kademi_5303_decimals() {
    let mut world = World::new(&BY_ITEM.replace("'item.total'", "'item.total * 0.1'"));
    world.pay(
        r#"{"id":"o1","items":[{"id":"a","total":9.99},{"id":"b","total":9.99},{"id":"c","total":0.02}]}"#,
    );
    assert_eq!(world.points(), (2, 0));
}

/// "Currency rounding makes points 0."
#[test]
fn odoo_259660_currency_rounding_makes_points_0() {
    let mut world = World::new(
        &BASE.replace("\"EUR\"", "\"JPY\"").replace("'order.subtotal'", "'order.subtotal * 0.004'"),
    );
    world.pay(r#"{"id":"o1","subtotal":250}"#);
    assert_eq!(world.points(), (1, 0));
}

/// "Formula decimals: no points."
#[test]
fn voucherify_formula_decimals_give_no_points() {
    let mut world = World::new(&BASE.replace("'order.subtotal'", "'order.subtotal / 3 * 3'"));
    world.pay(r#"{"id":"o1","subtotal":10}"#);
    assert_eq!(world.points(), (10, 0));
}
