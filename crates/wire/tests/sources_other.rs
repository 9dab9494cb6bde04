//! Stripe, WooCommerce, Square and Standard Webhooks as canonical events.

mod common;

use common::{fixture, ids, receive, settings, told};
use domain::num::Num;
use serde_json::{Value, json};
use wire::sources::Decoded;
use wire::sources::Vendor::{self, Square, Standard, Stripe, WooCommerce};

fn sent(vendor: Vendor, topic: &str, file: &str, change: impl FnOnce(&mut Value)) -> Vec<Decoded> {
    let mut body: Value = serde_json::from_str(&fixture(file)).expect("JSON");
    change(&mut body);
    receive(&settings(vendor), topic, &body.to_string()).expect("readable")
}

fn stripe(file: &str, change: impl FnOnce(&mut Value)) -> Vec<Decoded> {
    sent(Stripe, "", &format!("stripe/{file}.json"), |event| change(&mut event["data"]))
}

fn data(decoded: &Decoded) -> Value {
    serde_json::from_slice(&decoded.input.event.data).expect("JSON")
}

#[test]
fn stripe_checkout() {
    let paid = stripe("checkout", |_| {});
    let line = "order.paid | stripe:customer:cus_Ada email:ada@example.com phone:+14155550123 | 2026-11-04T16:00:00Z \
        | {\"id\":\"pi_3Ada\",\"currency\":\"USD\",\"total\":53.19,\"subtotal\":45,\"discount\":5,\"tax\":4.19,\"shipping\":4}";
    assert_eq!((told(&paid), ids(&paid)), (vec![line.to_owned()], vec!["evt_1QCheckout".to_owned()]));
    let ignored = |key: &str, value: Value| told(&stripe("checkout", |d| d["object"][key] = value)).remove(0);
    let kind = "stripe.checkout.session.completed ignored";
    assert_eq!(ignored("payment_status", json!("unpaid")), format!("{kind} order_not_paid"));
    assert_eq!(ignored("mode", json!("subscription")), format!("{kind} invoice_follows"));
    assert_eq!(ignored("invoice", json!("in_1")), format!("{kind} invoice_follows"));
    assert_eq!(ignored("mode", json!("setup")), format!("{kind} order_not_paid"));
    let free = stripe("checkout", |d| {
        d["object"]["payment_status"] = json!("no_payment_required");
        d["object"]["payment_intent"] = Value::Null;
    });
    assert_eq!(data(&free[0])["id"], "cs_live_a1");
    let later = sent(Stripe, "", "stripe/checkout.json", |e| {
        e["type"] = json!("checkout.session.async_payment_succeeded");
        e["data"]["object"]["payment_intent"] = json!({"id": "pi_3Ada", "object": "payment_intent"});
    });
    assert_eq!(data(&later[0])["id"], "pi_3Ada", "expanded or not");
}

#[test]
fn stripe_minor_units() {
    let total = |currency: &str, units: i64| {
        let paid = stripe("checkout", |d| {
            let session = &mut d["object"];
            session["currency"] = json!(currency);
            session["amount_total"] = json!(units);
            session["total_details"] = json!({});
            session["shipping_cost"] = Value::Null;
        });
        let text = String::from_utf8(paid[0].input.event.data.to_vec()).expect("UTF-8");
        text.split_once("\"total\":").expect("a total").1.split(',').next().expect("a number").to_owned()
    };
    let cases = [
        ("usd", 1999, "19.99"),
        ("jpy", 1999, "1999"),
        ("kwd", 1999, "1.999"),
        ("bhd", 5, "0.005"),
        ("isk", 50000, "500"),
        ("ugx", 50000, "500"),
        ("mga", 700, "700"),
        ("huf", 100_000, "1000"),
        ("eur", 9_007_199_254_740_993, "90071992547409.93"),
    ];
    for (currency, units, text) in cases {
        assert_eq!(total(currency, units), text, "{currency}");
        assert!(Num::parse(text).is_some());
    }
    let mut body: Value = serde_json::from_str(&fixture("stripe/checkout.json")).expect("JSON");
    body["data"]["object"]["currency"] = json!("isk");
    assert!(receive(&settings(Stripe), "", &body.to_string()).is_err(), "53.19 krónur do not exist");
}

#[test]
fn stripe_invoices() {
    let paid = stripe("invoice", |_| {});
    let order = data(&paid[0]);
    assert_eq!(
        (&order["id"], &order["total"], &order["subtotal"]),
        (&json!("pi_3Invoice"), &json!(4180), &json!(3800))
    );
    assert_eq!(
        (&order["items"][0]["total"], &order["items"][0]["product"]),
        (&json!(2800), &json!("prod_tea"))
    );
    assert_eq!(order["items"][1]["product"], "prod_cup");
    let newer = stripe("invoice", |d| {
        let invoice = d["object"].as_object_mut().expect("object");
        invoice.remove("payment_intent");
        invoice.insert(
            "payments".into(),
            json!({"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_listed"}}]}),
        );
        invoice["lines"]["has_more"] = json!(true);
    });
    assert_eq!(data(&newer[0])["id"], "pi_listed");
    assert_eq!(data(&newer[0]).get("items"), None, "half of the lines are no picture of the order");
    let alone =
        stripe("invoice", |d| drop(d["object"].as_object_mut().expect("object").remove("payment_intent")));
    assert_eq!(data(&alone[0])["id"], "in_1");
    let credit = stripe("invoice", |d| d["object"]["total"] = json!(-500));
    assert_eq!(told(&credit), ["stripe.invoice.paid ignored order_negative"]);
}

#[test]
fn stripe_refunds_are_counted_once() {
    let step = stripe("charge_refunded", |_| {});
    assert_eq!(ids(&step), ["order.refunded:ch_1:2000"]);
    assert_eq!(data(&step[0])["amount"], json!(15), "2000 so far, 500 before");
    // The same step under another event id is the same event.
    let again = sent(Stripe, "", "stripe/charge_refunded.json", |e| e["id"] = json!("evt_other"));
    assert_eq!((ids(&again), again[0].input.body_hash), (ids(&step), step[0].input.body_hash));
    let listed = stripe("charge_refunded", |d| {
        d["object"]["refunds"] = json!({"has_more": false, "data": [
            {"id": "re_2", "amount": 1500, "currency": "usd", "status": "succeeded"},
            {"id": "re_1", "amount": 500, "currency": "usd", "status": "succeeded"},
            {"id": "re_0", "amount": 900, "currency": "usd", "status": "failed"}]});
    });
    assert_eq!(ids(&listed), ["order.refunded:re_2", "order.refunded:re_1"]);
    let untold = |refunded: i64| {
        stripe("charge_refunded", |d| {
            drop(d.as_object_mut().expect("object").remove("previous_attributes"));
            d["object"]["amount_refunded"] = json!(refunded);
        })
    };
    assert_eq!(
        told(&untold(5319)),
        ["order.refunded |  | 2026-11-06T21:20:00Z | {\"id\":\"ch_1:all\",\"order\":\"pi_3Ada\"}"]
    );
    let (first, second) = (untold(500), untold(800));
    assert_eq!(
        ids(&first),
        ids(&second),
        "a sum that is not told in steps is a conflict, not a double refund"
    );
    assert_ne!(first[0].input.body_hash, second[0].input.body_hash);
    let refund = |status: &str, objects: bool| {
        let mut settings = settings(Stripe);
        settings.refund_objects = objects;
        let body = json!({"id": "evt_r", "type": "refund.updated", "created": 1794000000, "data": {"object": {
            "id": "re_9", "object": "refund", "amount": 250, "currency": "usd", "status": status, "charge": "ch_1", "payment_intent": "pi_3Ada"}}});
        told(&receive(&settings, "", &body.to_string()).expect("good")).remove(0)
    };
    assert_eq!(refund("succeeded", false), "stripe.refund.updated ignored refund_counted_elsewhere");
    assert_eq!(refund("pending", true), "stripe.refund.updated ignored refund_not_done");
    assert!(
        refund("succeeded", true)
            .ends_with(r#"{"id":"re_9","order":"pi_3Ada","currency":"USD","amount":2.5}"#)
    );
}

#[test]
fn stripe_customers_and_the_rest() {
    let event = |kind: &str| {
        let object =
            json!({"id": "cus_Ada", "object": "customer", "email": "ada@example.com", "phone": null});
        let body = json!({"id": "evt_c", "type": kind, "created": 1794000000, "data": {"object": object}});
        told(&receive(&settings(Stripe), "", &body.to_string()).expect("good")).remove(0)
    };
    let who = "| stripe:customer:cus_Ada email:ada@example.com | 2026-11-06T21:20:00Z | {}";
    assert_eq!(event("customer.created"), format!("member.enrolled {who}"));
    assert_eq!(event("customer.updated"), format!("member.updated {who}"));
    let thin = r#"{"id": "evt_v2", "object": "v2.core.event", "type": "v1.billing.meter.x", "created": "2026-11-01T00:00:00Z"}"#;
    let thin = receive(&settings(Stripe), "", thin).expect("kept");
    assert_eq!(told(&thin), ["stripe.v1.billing.meter.x ignored webhook_thin"]);
    assert_eq!(event("payment_intent.succeeded"), "stripe.payment_intent.succeeded ignored topic_unknown");
}

fn woo(topic: &str, change: impl FnOnce(&mut Value)) -> Vec<Decoded> {
    sent(WooCommerce, topic, "woocommerce/order.json", change)
}

fn kinds(decoded: &[Decoded]) -> Vec<&str> {
    decoded.iter().map(|d| &*d.input.event.kind).collect()
}

#[test]
fn woocommerce_orders() {
    let paid = woo("order.created", |_| {});
    let line = "order.paid | woocommerce:customer:26 email:ada@example.co.uk | 2026-11-03T10:01:00Z | {\"id\":\"727\",\
        \"currency\":\"GBP\",\"channel\":\"checkout\",\"total\":51,\"subtotal\":37.5,\"discount\":2.5,\"tax\":8.5,\"shipping\":5,\
        \"coupons\":[\"autumn\"],\"items\":[{\"id\":\"315\",\"sku\":\"TEA\",\"product\":\"93\",\"quantity\":3,\"price\":9.166667,\
        \"total\":27.5},{\"id\":\"316\",\"product\":\"94\",\"quantity\":1,\"price\":10,\"total\":10}]}";
    assert_eq!(told(&paid), [line]);
    assert_eq!(kinds(&woo("order.updated", |_| {})), ["order.paid", "order.updated"]);
    let done = woo("order.updated", |o| {
        o["status"] = json!("completed");
        o["date_completed_gmt"] = json!("2026-11-05T08:00:00");
    });
    assert_eq!(kinds(&done), ["order.paid", "order.fulfilled", "order.updated"]);
    assert_eq!(ids(&done)[0], ids(&paid)[0], "completing an order again pays nothing again");
    for status in ["pending", "on-hold", "failed", "checkout-draft", "trash"] {
        let decoded = woo("order.updated", |o| o["status"] = json!(status));
        assert_eq!(told(&decoded), ["woocommerce.order.updated ignored order_not_paid"], "{status}");
    }
    let unpaid = woo("order.updated", |o| {
        o["status"] = json!("cancelled");
        o["date_paid_gmt"] = Value::Null;
    });
    assert_eq!(told(&unpaid), ["woocommerce.order.updated ignored order_not_paid"]);
    assert_eq!(
        kinds(&woo("order.updated", |o| o["status"] = json!("cancelled"))),
        ["order.paid", "order.cancelled"]
    );
    let guest = woo("order.created", |o| o["customer_id"] = json!(0));
    assert!(told(&guest)[0].starts_with("order.paid | email:ada@example.co.uk | "));
    assert_eq!(
        told(&receive(&settings(WooCommerce), "order.deleted", "{\"id\":5}").expect("kept")),
        ["woocommerce.order.deleted ignored topic_unknown"]
    );
}

#[test]
fn woocommerce_refunds() {
    let refunds = json!([{"id": 730, "reason": "", "total": "-10.00"}, {"id": 731, "total": "-1.50"}]);
    let part = woo("order.updated", |o| o["refunds"] = refunds.clone());
    assert_eq!(kinds(&part), ["order.paid", "order.updated", "order.refunded", "order.refunded"]);
    assert_eq!(ids(&part)[2..], ["order.refunded:730", "order.refunded:731"]);
    assert_eq!(data(&part[2]), json!({"id": "730", "order": "727", "currency": "GBP", "amount": 10}));
    // Told again with every later change of the order: the same events.
    let later = woo("order.updated", |o| {
        o["refunds"] = refunds;
        o["date_modified_gmt"] = json!("2026-12-01T00:00:00");
    });
    assert_eq!((&ids(&later)[2..], later[2].input.body_hash), (&ids(&part)[2..], part[2].input.body_hash));
    let by_hand = woo("order.updated", |o| o["status"] = json!("refunded"));
    assert_eq!(data(&by_hand[1]), json!({"id": "727:all", "order": "727"}), "all of it");
    let whole = woo("order.updated", |o| {
        o["status"] = json!("refunded");
        o["refunds"] = json!([{"id": 732, "total": "-51.00"}]);
    });
    assert_eq!(ids(&whole)[1..], ["order.refunded:732"]);
}

#[test]
fn woocommerce_customers() {
    let body = json!({"id": 26, "email": "ada@example.co.uk", "billing": {"phone": "+44 20 7946 0000"},
        "date_created_gmt": "2026-11-01T00:00:00", "date_modified_gmt": "2026-11-02T00:00:00"})
    .to_string();
    let mut two_shops = settings(WooCommerce);
    two_shops.order_prefix = "uk-".into();
    let told = told(&receive(&two_shops, "customer.created", &body).expect("good"));
    let line = "member.enrolled | woocommerce:customer:uk-26 email:ada@example.co.uk phone:+442079460000 | 2026-11-01T00:00:00Z | {}";
    assert_eq!(told, [line]);
    assert!(
        receive(&two_shops, "customer.updated", &fixture("woocommerce/order.json")).is_err(),
        "an order is no customer"
    );
}

#[test]
fn square_events() {
    let square =
        |file: &str, change: fn(&mut Value)| sent(Square, "", &format!("square/{file}.json"), change);
    let paid = square("payment", |_| {});
    let line = "order.paid | square:customer:W92WH6P11H4Z77CTET0RNTGFW8 email:bo@example.com | 2026-11-04T21:27:34.1Z | \
        {\"id\":\"KkAkhdMsgzn59SM8A89WgKwekxLZY\",\"currency\":\"USD\",\"channel\":\"card\",\"store\":\"S8GWD5R9QB376\",\
        \"total\":14.5,\"subtotal\":12.5,\"discount\":0,\"tax\":0,\"shipping\":0}";
    assert_eq!(told(&paid), [line], "points are for what was sold, not for the tip");
    assert_eq!(ids(&paid), ["13b867cf-db3d-4b1c-90b6-2f32a9d78124"]);
    let open = square("payment", |e| e["data"]["object"]["payment"]["status"] = json!("APPROVED"));
    assert_eq!(told(&open), ["square.payment.updated ignored order_not_paid"]);
    let refund = square("refund", |_| {});
    assert_eq!(ids(&refund), ["order.refunded:KkAk_ZQ6NhW0x"]);
    assert_eq!(
        data(&refund[0]),
        json!({"id": "KkAk_ZQ6NhW0x", "order": "KkAkhdMsgzn59SM8A89WgKwekxLZY", "currency": "USD", "amount": 5})
    );
    let pending = square("refund", |e| e["data"]["object"]["refund"]["status"] = json!("PENDING"));
    assert_eq!(told(&pending), ["square.refund.updated ignored refund_not_done"]);
    let thin = square("refund", |e| e["type"] = json!("order.updated"));
    assert_eq!(told(&thin), ["square.order.updated ignored webhook_thin"]);
    let loyalty = square("refund", |e| e["type"] = json!("loyalty.event.created"));
    assert_eq!(told(&loyalty), ["square.loyalty.event.created ignored other_scheme"]);
}

#[test]
fn anyone_by_standard_webhooks() {
    let standard = |body: &str| receive(&settings(Standard), "msg_77", body);
    let plain = r#"{"type": "review.posted", "timestamp": "2026-11-06T10:00:00Z", "subject": "email:Ada@example.com",
        "data": {"stars": 5, "weight": 1.10, "big": 9007199254740993}}"#;
    let decoded = standard(plain).expect("good");
    let line = r#"review.posted | email:ada@example.com | 2026-11-06T10:00:00Z | {"stars":5,"weight":1.10,"big":9007199254740993}"#;
    assert_eq!((told(&decoded), ids(&decoded)), (vec![line.to_owned()], vec!["msg_77".to_owned()]));
    assert_eq!(&*decoded[0].input.event.source, "shop");
    let event = r#"{"specversion":"1.0","id":"e1","source":"pos:7","type":"order.paid","data":{"id":"o1"}}"#;
    let decoded = standard(event).expect("good");
    assert_eq!((&*decoded[0].input.event.source, ids(&decoded)), ("pos:7", vec!["e1".to_owned()]));
    for bad in [
        "[]",
        "{}",
        r#"{"type":"a"}"#,
        r#"{"type":"fealty.adjusted","data":{}}"#,
        r#"{"type":"a","data":[]}"#,
        r#"{"type":"a","data":{"x":1,"x":2}}"#,
        r#"{"type":"a","type":"b","data":{}}"#,
        r#"{"type":"a","data":{},"subject":"mem_x"}"#,
    ] {
        assert!(standard(bad).is_err(), "{bad}");
    }
}
