//! Shopify's webhooks as canonical events: amounts, ids, edits, refunds, and bodies sent again under other headers.

mod common;

use common::{fixture, ids, receive, settings, told};
use serde_json::{Value, json};
use wire::sources::Vendor::Shopify;
use wire::sources::{Bad, Decoded};

/// The fixture, changed, under a topic.
fn sent(topic: &str, file: &str, change: impl FnOnce(&mut Value)) -> Result<Vec<Decoded>, Bad> {
    let mut body: Value = serde_json::from_str(&fixture(file)).expect("JSON");
    change(&mut body);
    receive(&settings(Shopify), topic, &body.to_string())
}

fn order(topic: &str, change: impl FnOnce(&mut Value)) -> Vec<Decoded> {
    sent(topic, "shopify/order_paid.json", change).expect("an order")
}

fn kinds(decoded: &[Decoded]) -> Vec<&str> {
    decoded.iter().map(|d| &*d.input.event.kind).collect()
}

fn data(decoded: &Decoded) -> Value {
    serde_json::from_slice(&decoded.input.event.data).expect("JSON")
}

const PAID: &str = "order.paid | shopify:customer:7007199254740993 email:ada.l@example.com phone:+4930901820 \
    | 2026-11-02T17:20:09Z | {\"id\":\"9007199254740993123\",\"currency\":\"EUR\",\"channel\":\"web\",\"total\":57.89,\
    \"subtotal\":48.73,\"discount\":6,\"tax\":4.26,\"shipping\":4.9,\"coupons\":[\"WELCOME6\"],\"tags\":[\"first\",\
    \"gift order\"],\"items\":[{\"id\":\"15000000000000001\",\"sku\":\"BEAN-1KG\",\"product\":\"880001\",\"brand\":\
    \"Bean There\",\"quantity\":2,\"price\":16.355,\"total\":32.71},{\"id\":\"15000000000000002\",\"product\":\
    \"880002\",\"quantity\":1,\"price\":16.02,\"total\":16.02}]}";

/// 2 * 19.50 - 4.00 - 2.29 of tax inside = 32.71; 19.99 - 2.00 - 1.97 = 16.02. Ids are beyond 2^53.
#[test]
fn a_paid_order() {
    let decoded =
        receive(&settings(Shopify), "orders/paid", &fixture("shopify/order_paid.json")).expect("good");
    assert_eq!(told(&decoded), [PAID]);
    assert_eq!(&*decoded[0].input.event.source, "shop");
    assert_eq!(&*decoded[0].input.origin, "source:shop");
    let mut named = settings(Shopify);
    named.shop = Some("Bean-There.myshopify.com".into());
    named.order_prefix = "de-".into();
    named.region = Some("de".into());
    let decoded = receive(&named, "orders/paid", &fixture("shopify/order_paid.json")).expect("good");
    assert_eq!(&*decoded[0].input.event.source, "shopify:bean-there.myshopify.com");
    assert_eq!(data(&decoded[0])["id"], "de-9007199254740993123");
    assert_eq!(data(&decoded[0])["region"], "de");
}

#[test]
fn prices_without_tax_are_not_lessened() {
    let decoded = order("orders/paid", |o| o["taxes_included"] = json!(false));
    assert_eq!(data(&decoded[0])["subtotal"], json!(52.99));
    assert_eq!(data(&decoded[0])["items"][0]["total"], json!(35));
}

/// The same body is the same event under whatever topic and headers it is sent again, and no other event joins it
/// that the body does not bear out.
#[test]
fn the_body_decides_and_not_the_headers() {
    let first = order("orders/paid", |_| {});
    for topic in [
        "orders/create",
        "orders/updated",
        "orders/fulfilled",
        "orders/partially_fulfilled",
        "orders/cancelled",
    ] {
        let again = order(topic, |_| {});
        assert_eq!(ids(&again)[0], ids(&first)[0], "{topic}");
        assert_eq!(again[0].input.body_hash, first[0].input.body_hash, "{topic}");
        let more: &[&str] = if topic == "orders/updated" { &["order.updated"] } else { &[] };
        assert_eq!(kinds(&again)[1..], *more, "{topic}");
    }
    let wrong = |topic: &str, file: &str| sent(topic, file, |_| {}).is_err();
    for topic in ["refunds/create", "customers/create", "customers/update"] {
        assert!(wrong(topic, "shopify/order_paid.json"), "an order as {topic}");
    }
    for topic in ["orders/paid", "customers/update"] {
        assert!(wrong(topic, "shopify/refund.json"), "a refund as {topic}");
    }
    for topic in ["orders/paid", "refunds/create"] {
        assert!(wrong(topic, "shopify/customer.json"), "a customer as {topic}");
    }
    let bare = sent("customers/update", "shopify/order_paid.json", |o| {
        o.as_object_mut().expect("object").remove("admin_graphql_api_id");
    });
    assert!(bare.is_err(), "an order without its gid is no customer either");
}

#[test]
fn only_what_is_paid_is_paid() {
    for status in ["pending", "authorized", "partially_paid", "voided", "expired", "unpaid", ""] {
        let decoded = order("orders/paid", |o| o["financial_status"] = json!(status));
        assert_eq!(told(&decoded), ["shopify.orders.paid ignored order_not_paid"], "{status}");
    }
    for status in ["paid", "partially_refunded", "refunded"] {
        let decoded = order("orders/updated", |o| o["financial_status"] = json!(status));
        assert_eq!(kinds(&decoded), ["order.paid", "order.updated"], "{status}");
    }
    let nobody = order("orders/paid", |o| {
        o["customer"] = Value::Null;
        o["email"] = json!("");
    });
    assert_eq!(told(&nobody), ["shopify.orders.paid ignored customer_missing"]);
    let guest = order("orders/paid", |o| o["customer"] = Value::Null);
    assert!(told(&guest)[0].starts_with("order.paid | email:ada.l@example.com | "));
}

#[test]
fn an_edit_is_another_update_and_the_same_payment() {
    let before = order("orders/updated", |_| {});
    let noted = order("orders/updated", |o| {
        o["updated_at"] = json!("2026-11-03T08:00:00+01:00");
        o["note"] = json!("ring twice");
    });
    assert_eq!(ids(&before)[0], ids(&noted)[0], "nothing of the payment has changed");
    assert_ne!(ids(&before)[1], ids(&noted)[1]);
    // The mug is taken off; nothing is refunded yet.
    let edited = order("orders/updated", |o| {
        o["line_items"][1]["current_quantity"] = json!(0);
        o["current_total_price"] = json!("39.90");
    });
    let update = data(&edited[1]);
    assert_eq!((update["items"].as_array().map(Vec::len), &update["subtotal"]), (Some(1), &json!(32.71)));
    assert_eq!(update["total"], json!(39.9));
    // One of two bags was returned and refunded: for the order it still counts, the refund takes it back.
    let refunded = order("orders/updated", |o| {
        o["line_items"][0]["current_quantity"] = json!(1);
        o["current_total_price"] = json!("40.39");
        o["refunds"] = json!([{"id": 1, "refund_line_items": [{"line_item_id": 15000000000000001u64, "quantity": 1}],
            "transactions": [{"kind": "refund", "status": "success", "amount": "17.50"}]}]);
    });
    assert_eq!(data(&refunded[1]), data(&before[1]));
    // One bag is taken off by an edit, one is left: half of the line's money.
    let half = order("orders/updated", |o| o["line_items"][0]["current_quantity"] = json!(1));
    assert_eq!(data(&half[1])["items"][0]["total"], json!(16.36), "32.71 / 2, half away from zero");
}

#[test]
fn refunds_by_item_and_beside() {
    let refund =
        |change: fn(&mut Value)| sent("refunds/create", "shopify/refund.json", change).expect("a refund");
    let at = "order.refunded |  | 2026-11-09T08:00:01Z | ";
    let items = r#"{"id":"929361000000000001","order":"9007199254740993123","items":[{"id":"15000000000000001","quantity":1}]}"#;
    let money = r#"{"id":"929361000000000001:money","order":"9007199254740993123","amount":5}"#;
    let both = refund(|_| {});
    assert_eq!(
        told(&both),
        [format!("{at}{items}"), format!("{at}{money}")],
        "shipping is nothing of the goods"
    );
    assert_eq!(ids(&both), ["order.refunded:929361000000000001", "order.refunded:929361000000000001:money"]);
    let again = refund(|r| r["note"] = json!("another note"));
    assert_eq!((ids(&again), again[0].input.body_hash), (ids(&both), both[0].input.body_hash));
    let only_items = refund(|r| r["order_adjustments"] = json!([]));
    assert_eq!(told(&only_items), [format!("{at}{items}")]);
    let kept_a_fee =
        refund(|r| r["order_adjustments"] = json!([{"amount": "3.00", "kind": "refund_discrepancy"}]));
    assert_eq!(told(&kept_a_fee), [format!("{at}{items}")]);
    let only_shipping = refund(|r| {
        r["refund_line_items"] = json!([]);
        r["order_adjustments"].as_array_mut().expect("array").truncate(1);
    });
    assert_eq!(told(&only_shipping), ["shopify.refunds.create ignored refund_without_goods"]);
    let only_money = refund(|r| {
        r["refund_line_items"] = json!([]);
        r["order_adjustments"] = json!([]);
        r["transactions"] = json!([{"kind": "refund", "status": "success", "amount": "7.50"},
            {"kind": "refund", "status": "failure", "amount": "99.00"}]);
    });
    assert!(told(&only_money)[0].ends_with(r#""amount":7.5}"#));
}

#[test]
fn cancelled_and_fulfilled() {
    let cancelled = order("orders/cancelled", |o| o["cancelled_at"] = json!("2026-11-04T12:00:00+01:00"));
    assert_eq!(kinds(&cancelled), ["order.paid", "order.cancelled"]);
    let line = "order.cancelled |  | 2026-11-04T11:00:00Z | {\"order\":\"9007199254740993123\"}";
    assert_eq!(told(&cancelled)[1], line);
    let parcels = json!([
        {"id": 71, "status": "success", "created_at": "2026-11-03T09:00:00Z", "line_items": [{"id": 15000000000000001u64, "quantity": 1}]},
        {"id": 72, "status": "cancelled", "created_at": "2026-11-03T10:00:00Z", "line_items": [{"id": 15000000000000002u64, "quantity": 1}]},
    ]);
    let part = order("orders/partially_fulfilled", |o| {
        o["fulfillment_status"] = json!("partial");
        o["fulfillments"] = parcels.clone();
    });
    let line = "order.fulfilled |  | 2026-11-03T09:00:00Z | {\"order\":\"9007199254740993123\",\
        \"items\":[{\"id\":\"15000000000000001\",\"quantity\":1}]}";
    assert_eq!(told(&part)[1..], [line]);
    assert_eq!(ids(&part)[1], "order.fulfilled:9007199254740993123:71");
    let whole = order("orders/fulfilled", |o| {
        o["fulfillment_status"] = json!("fulfilled");
        o["fulfillments"] = parcels;
    });
    assert_eq!(
        told(&whole)[1..],
        ["order.fulfilled |  | 2026-11-03T09:00:00Z | {\"order\":\"9007199254740993123\"}"]
    );
}

#[test]
fn customers() {
    let customer = |topic: &str, change: fn(&mut Value)| {
        sent(topic, "shopify/customer.json", change).expect("a customer")
    };
    let who = "shopify:customer:7007199254740993 email:ada.l@example.com phone:+4930901820";
    let tags = r#"{"tags":["vip","newsletter"]}"#;
    assert_eq!(
        told(&customer("customers/create", |_| {})),
        [format!("member.enrolled | {who} | 2026-10-01T06:00:00Z | {tags}")]
    );
    assert_eq!(
        told(&customer("customers/update", |_| {})),
        [format!("member.updated | {who} | 2026-11-01T07:00:00Z | {tags}")]
    );
    let untagged = customer("customers/update", |c| {
        c["tags"] = json!("");
        c["phone"] = json!("030 901820");
    });
    assert!(told(&untagged)[0].ends_with(r#"{"tags":[]}"#) && !told(&untagged)[0].contains("phone:"));
    let unsaid = customer("customers/update", |c| drop(c.as_object_mut().expect("object").remove("tags")));
    assert!(told(&unsaid)[0].ends_with("{}"), "tags that are not told are left as they are");
}

#[test]
fn what_means_nothing_is_kept_with_its_reason() {
    let told = |topic: &str, body: &str| told(&receive(&settings(Shopify), topic, body).expect("kept"));
    let edit = r#"{"order_edit": {"id": 1, "order_id": 2, "line_items": {"additions": []}}}"#;
    assert_eq!(told("orders/edited", edit), ["shopify.orders.edited ignored webhook_thin"]);
    assert_eq!(told("products/update", r#"{"id": 5}"#), ["shopify.products.update ignored topic_unknown"]);
    let redact = r#"{"shop_id": 5, "customer": {"id": 7, "email": "a@b.c"}, "orders_to_redact": []}"#;
    assert_eq!(told("customers/redact", redact), ["shopify.customers.redact ignored privacy_request"]);
    assert_eq!(told("", r#"{"shop_id": 5}"#), ["shopify.unknown ignored topic_unknown"]);
    for (topic, body) in
        [("orders/paid", "{}"), ("orders/paid", "not JSON"), ("x/y", "not JSON"), ("refunds/create", "[]")]
    {
        assert!(receive(&settings(Shopify), topic, body).is_err(), "{topic} {body}");
    }
    let twice = fixture("shopify/order_paid.json").replacen(
        "\"total_price\"",
        "\"total_price\": \"1.00\", \"total_price\"",
        1,
    );
    assert!(receive(&settings(Shopify), "orders/paid", &twice).is_err(), "an amount twice");
}
