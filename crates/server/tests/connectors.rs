//! Changes reach other people's APIs as these want them; what they cannot bear waits, what they will not take is seen.

mod common;

use std::time::Duration;

use common::{Api, launch_outward, order};
use serde_json::{Value, json};
use testkit::vendors::{Vendor, braze, hubspot, klaviyo, segment, shopify, slack};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
member = { first_name = "string?" }
wallets.points = { decimals = 2 }
counters.spent = { on = "order.paid", add = 'order.subtotal', per = "life" }
[tiers.status]
levels = [ { id = "member" }, { id = "gold", needs = { spent = 100 } } ]
[rules.base]
on = "order.paid"
earn.points = 'order.subtotal'
"#;

fn api() -> Api {
    Api::of(launch_outward(PROGRAM))
}

/// Quick, as the vendors here are.
fn endpoint(api: &mut Api, mut settings: Value) -> String {
    settings["per_second"] = 1000.into();
    let made = api.post("/v1/endpoints", &settings);
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// What was said when so many were dead.
fn dead(api: &mut Api, id: &str, count: usize) -> String {
    api.until(&format!("/v1/deliveries?endpoint={id}&state=dead"), |told| {
        told["deliveries"].as_array().is_some_and(|all| all.len() == count)
    });
    let attempts = api.get(&format!("/v1/endpoints/{id}/attempts")).json();
    let said = attempts["attempts"].as_array().unwrap().iter().filter(|one| one["taken"] == false);
    said.map(|one| one["said"].as_str().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn enrol(api: &mut Api, identities: &[&str]) {
    let made = api.post("/v1/members", &json!({"identities": identities}));
    assert!(made.status < 300, "{}", made.body);
}

/// So many waits were obeyed.
fn was_obeyed(vendor: &Vendor) {
    assert!(vendor.asked_to_wait() > 0, "it was never asked to wait");
    assert_eq!(vendor.impatient(), 0, "nothing came while it was asked to wait");
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn klaviyo_gets_properties_and_events_and_its_429_is_obeyed() {
    let (mut api, vendor) = (api(), klaviyo::start(4, SECOND));
    let settings = json!({"api_key": klaviyo::KEY, "address": vendor.address()});
    let profile = json!({"connector": {"name": "klaviyo", "send": "profile", "settings": settings},
        "types": ["points.earned"], "personal_data": true,
        "payload": {"tier": "tiers.status", "points": "wallets.points.available", "first_name": "member.first_name"}});
    let id = endpoint(&mut api, profile);
    for n in 0..9 {
        api.event(&order(
            &format!("o{n}"),
            &format!("email:ada{n}@example.com"),
            if n == 3 { "150.50" } else { "20.00" },
        ));
    }
    // Klaviyo knows nobody without an address.
    api.event(&order("p1", "pos:c7", "20.00"));
    let mut kept = vendor.wait_kept(9);
    kept.sort_by_key(|one| one["email"].as_str().map(str::to_owned));
    assert_eq!(kept[0], json!({"email": "ada0@example.com", "properties": {"tier": "member", "points": 20}}));
    assert_eq!(
        kept[3],
        json!({"email": "ada3@example.com", "properties": {"tier": "gold", "points": 150.5}})
    );
    was_obeyed(&vendor);
    let shown = api.until(&format!("/v1/endpoints/{id}"), |shown| shown["waiting"] == 0);
    assert_eq!((shown["dead"].as_u64(), vendor.refused(), vendor.kept().len()), (Some(0), 0, 9));

    let event = json!({"connector": {"name": "klaviyo", "send": "event", "settings": settings,
        "values": {"metric": "\"Points: \" + change.data.wallet", "value": "change.data.amount"}},
        "types": ["points.earned"], "personal_data": true, "after": "start", "payload": {"balance": "change.data.balance"}});
    endpoint(&mut api, event);
    let kept = vendor.wait_kept(18);
    let last = kept.iter().find(|one| one["value"] == 150.5).unwrap();
    assert_eq!(last["metric"]["data"]["attributes"]["name"], "Points: points");
    assert_eq!(last["properties"], json!({"balance": 150.5}));
    let mut ids: Vec<&str> = kept[9..].iter().map(|one| one["unique_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9, "each change is one event");
}

#[test]
fn what_a_vendor_will_never_take_is_a_dead_letter_with_its_words() {
    let mut api = api();
    let vendor = hubspot::start(100, SECOND, &["ada@example.com"], &["tier", "points"]);
    let connector = json!({"name": "hubspot", "send": "contact",
        "settings": {"token": hubspot::TOKEN, "address": vendor.address()}});
    let id = endpoint(
        &mut api,
        json!({"connector": connector, "types": ["points.earned"], "personal_data": true,
        "payload": {"tier": "tiers.status", "points": "wallets.points.available"}}),
    );
    api.event(&order("o1", "email:ada@example.com", "20.00"));
    api.event(&order("o2", "email:bob@example.com", "20.00"));
    let kept = vendor.wait_kept(1);
    assert_eq!(kept[0], json!({"email": "ada@example.com", "properties": {"tier": "member", "points": 20}}));
    let said = dead(&mut api, &id, 1);
    assert!(said.contains("resource not found"), "{said}");
    assert_eq!(api.get(&format!("/v1/endpoints/{id}")).json()["failing_since"], Value::Null);

    let wrong = json!({"connector": connector, "types": ["points.earned"], "personal_data": true,
        "payload": {"loyalty_level": "tiers.status"}});
    let id = endpoint(&mut api, wrong);
    api.event(&order("o3", "email:ada@example.com", "20.00"));
    let said = dead(&mut api, &id, 1);
    assert!(said.contains("PROPERTY_DOESNT_EXIST"), "{said}");
}

#[test]
fn hubspot_says_how_long_its_window_is() {
    let mut api = api();
    let vendor = hubspot::start(3, SECOND, &["ada@example.com"], &["points"]);
    let connector = json!({"name": "hubspot", "send": "contact",
        "settings": {"token": hubspot::TOKEN, "address": vendor.address()}});
    endpoint(
        &mut api,
        json!({"connector": connector, "types": ["points.earned"], "personal_data": true,
        "payload": {"points": "change.data.balance"}}),
    );
    for n in 0..7 {
        api.event(&order(&format!("o{n}"), "email:ada@example.com", "1.00"));
    }
    let mut points: Vec<u64> =
        vendor.wait_kept(7).iter().filter_map(|one| one["properties"]["points"].as_u64()).collect();
    points.sort_unstable();
    assert_eq!(points, [1, 2, 3, 4, 5, 6, 7]);
    was_obeyed(&vendor);
}

#[test]
fn braze_takes_all_three_and_what_it_leaves_out_is_seen() {
    let (mut api, vendor) = (api(), braze::start(3, SECOND));
    let settings = json!({"api_key": braze::KEY, "address": vendor.address()});
    let put = |send: &str, values: Value, payload: Value| {
        json!({"connector": {"name": "braze", "send": send, "settings": settings, "values": values},
            "types": ["points.earned"], "personal_data": true, "payload": payload})
    };
    enrol(&mut api, &["crm:77", "email:ada@example.com"]);
    let user = "identities.crm";
    endpoint(
        &mut api,
        put("attributes", json!({"external_id": user}), json!({"points": "wallets.points.available"})),
    );
    endpoint(&mut api, put("event", json!({"external_id": user}), json!({"wallet": "change.data.wallet"})));
    let bought = json!({"external_id": user, "product": "change.data.wallet", "currency": "\"EUR\"", "price": "change.data.amount"});
    endpoint(&mut api, put("purchase", bought.clone(), json!({"rule": "change.data.rule"})));
    api.event(&order("o1", "crm:77", "20.50"));
    let kept = vendor.wait_kept(3);
    let of = |list: &str| kept.iter().find_map(|one| one.get(list)).unwrap()[0].clone();
    assert_eq!(of("attributes"), json!({"external_id": "77", "points": 20.5}));
    let (event, purchase) = (of("events"), of("purchases"));
    assert_eq!(
        (&event["name"], &event["properties"]),
        (&json!("points.earned"), &json!({"wallet": "points"}))
    );
    assert_eq!(
        (&purchase["price"], &purchase["quantity"], &purchase["product_id"]),
        (&json!(20.5), &json!(1), &json!("points"))
    );
    for n in 2..6 {
        api.event(&order(&format!("o{n}"), "crm:77", "1.00"));
    }
    vendor.wait_kept(15);
    was_obeyed(&vendor);
    // It answers 201, and says what it did not take.
    let mut wrong = bought;
    wrong["currency"] = "\"Euro\"".into();
    let id = endpoint(&mut api, put("purchase", wrong, json!({"rule": "change.data.rule"})));
    api.event(&order("o9", "crm:77", "1.00"));
    let said = dead(&mut api, &id, 1);
    assert!(said.contains("'currency', 'price' or 'quantity' is not valid"), "{said}");
}

#[test]
fn segment_knows_a_message_again() {
    let (mut api, vendor) = (api(), segment::start(5, SECOND));
    let settings = json!({"write_key": segment::KEY, "address": vendor.address()});
    let track = json!({"connector": {"name": "segment", "send": "track", "settings": settings},
        "types": ["points.earned"], "payload": {"amount": "change.data.amount"}});
    let id = endpoint(&mut api, track);
    for n in 0..8 {
        api.event(&order(&format!("o{n}"), "email:ada@example.com", "2.00"));
    }
    let kept = vendor.wait_kept(8);
    assert!(kept[0]["userId"].as_str().unwrap().starts_with("mem_") && kept[0]["event"] == "points.earned");
    assert_eq!(kept[0]["properties"], json!({"amount": 2}));
    was_obeyed(&vendor);
    // All of it again: nothing counts twice.
    api.until(&format!("/v1/endpoints/{id}"), |shown| shown["waiting"] == 0);
    let before = vendor.receiver.received().len();
    api.post(&format!("/v1/endpoints/{id}/retry"), &json!({"after": "start"}));
    vendor.receiver.wait_for(before + 8);
    let identify = json!({"connector": {"name": "segment", "send": "identify", "settings": settings,
        "values": {"user": "identities.email"}}, "types": ["points.earned"], "personal_data": true,
        "payload": {"tier": "tiers.status"}});
    endpoint(&mut api, identify);
    api.event(&order("o9", "email:ada@example.com", "2.00"));
    let kept = vendor.wait_kept(10);
    assert_eq!(kept.len(), 10, "eight, one more event, and who she is");
    let who = kept.iter().find(|one| one.get("traits").is_some()).unwrap();
    assert_eq!((&who["userId"], &who["traits"]), (&json!("ada@example.com"), &json!({"tier": "member"})));
}

#[test]
fn slack_is_told_in_words_and_its_address_is_nobodys_business() {
    let (mut api, vendor) = (api(), slack::start(2, SECOND));
    let url = format!("{}{}", vendor.address(), slack::PATH);
    let text = "${member.id} earned ${change.data.amount} and is ${tiers.status}";
    let connector =
        json!({"name": "slack", "send": "message", "settings": {"url": url}, "values": {"text": text}});
    let id = endpoint(&mut api, json!({"connector": connector, "types": ["points.earned"]}));
    for n in 0..5 {
        api.event(&order(&format!("o{n}"), "pos:c1", "12.50"));
    }
    let kept = vendor.wait_kept(5);
    let said = kept[0]["text"].as_str().unwrap();
    assert!(said.starts_with("mem_") && said.ends_with(" earned 12.5 and is member"), "{said}");
    was_obeyed(&vendor);
    let shown = api.get(&format!("/v1/endpoints/{id}")).body + &api.get("/v1/endpoints").body;
    assert!(!shown.contains("secret") || !shown.contains("XXXX"), "{shown}");
    assert!(shown.contains("***"));
    // 410 of a channel is the message's fate, not the endpoint's end.
    let connector = json!({"name": "slack", "send": "message", "settings": {"url": "***"}, "values": {"text": "to #archived"}});
    let none = api.post("/v1/endpoints", &json!({"connector": connector, "types": ["points.earned"]}));
    assert!(none.status == 422 && none.body.contains("/connector/settings/url"), "{}", none.body);
    let patch = json!({"connector": {"name": "slack", "send": "message", "settings": {"url": "***"}, "values": {"text": "\"to #archived\""}}});
    let kind = [("Content-Type", "application/json")];
    let patched = api.call("PATCH", &format!("/v1/endpoints/{id}"), &kind, patch.to_string().as_bytes());
    assert_eq!(patched.status, 200, "the address is as it was: {}", patched.body);
    api.event(&order("o9", "pos:c1", "1.00"));
    let said = dead(&mut api, &id, 1);
    assert!(said.contains("channel_is_archived"), "{said}");
    assert_eq!(api.get(&format!("/v1/endpoints/{id}")).json()["state"], "on");
}

#[test]
fn shopify_makes_codes_and_cards_once_and_marks_customers() {
    let (mut api, vendor) = (api(), shopify::start(4, SECOND));
    enrol(&mut api, &["shopify:customer:42", "email:ada@example.com"]);
    let settings = json!({"shop": "test", "token": shopify::TOKEN, "address": vendor.address()});
    let put = |send: &str, values: Value| {
        json!({"connector": {"name": "shopify", "send": send, "settings": settings, "values": values},
            "types": ["points.earned"], "personal_data": true})
    };
    let code =
        json!({"code": "change.event.id", "title": "change.data.wallet", "amount": "change.data.amount"});
    let codes = endpoint(&mut api, put("discount_code", code));
    let share = json!({"code": "\"P-\" + change.event.id", "title": "\"10 %\"", "share": "0.1"});
    endpoint(&mut api, put("discount_percent", share));
    let cards = endpoint(&mut api, put("gift_card", json!({"amount": "change.data.amount"})));
    endpoint(&mut api, put("tags_add", json!({"tags": "tiers.status"})));
    endpoint(&mut api, put("tags_remove", json!({"tags": "[\"new\", \"guest\"]"})));
    let points = "${wallets.points.available}";
    let field = json!({"key": "\"points\"", "type": "\"number_integer\"", "value": points});
    endpoint(&mut api, put("metafield", field));
    api.event(&order("o1", "email:ada@example.com", "120.00"));
    let kept = vendor.wait_kept(6);
    let of = |field: &str| kept.iter().filter(|one| one["field"] == field).cloned().collect::<Vec<Value>>();
    let discounts = of("discountCodeBasicCreate");
    let fixed = discounts.iter().find(|one| one["code"] == "o1").unwrap();
    assert_eq!(fixed["customerGets"]["value"]["discountAmount"]["amount"], 120);
    assert!(fixed.get("endsAt").is_none() && fixed["title"] == "points");
    let share = discounts.iter().find(|one| one["code"] == "P-o1").unwrap();
    assert_eq!(share["customerGets"]["value"], json!({"percentage": 0.1}));
    let card = of("giftCardCreate").remove(0);
    let first = card["code"].as_str().unwrap().to_owned();
    assert_eq!((&card["customerId"], first.len()), (&json!("gid://shopify/Customer/42"), 16));
    let tagged = of("tagsAdd").remove(0);
    assert_eq!((&tagged["id"], &tagged["tags"]), (&json!("gid://shopify/Customer/42"), &json!("gold")));
    assert_eq!(of("tagsRemove")[0]["tags"], json!(["new", "guest"]));
    let field = &of("metafieldsSet")[0]["metafields"][0];
    assert_eq!((&field["namespace"], &field["value"]), (&json!("loyalty"), &json!("120")));
    // It answered 200 while it asked to wait.
    was_obeyed(&vendor);
    // What is there already counts as done: no second code, no second card.
    for id in [&codes, &cards] {
        api.until(&format!("/v1/endpoints/{id}"), |shown| shown["waiting"] == 0);
        let before = vendor.receiver.received().len();
        api.post(&format!("/v1/endpoints/{id}/retry"), &json!({"after": "start"}));
        vendor.receiver.wait_for(before + 1);
        let shown = api.until(&format!("/v1/endpoints/{id}"), |shown| shown["waiting"] == 0);
        assert_eq!(shown["dead"], 0);
    }
    assert_eq!((vendor.kept().len(), vendor.refused()), (6, 0));
}

#[test]
fn what_shopify_says_beside_a_200_is_seen() {
    let (mut api, vendor) = (api(), shopify::start(100, SECOND));
    let settings = json!({"shop": "test", "token": shopify::TOKEN, "address": vendor.address()});
    let put = |send: &str, settings: &Value, values: Value| {
        json!({"connector": {"name": "shopify", "send": send, "settings": settings, "values": values},
            "types": ["points.earned"], "personal_data": true})
    };
    let id = endpoint(&mut api, put("tags_add", &settings, json!({"tags": "[\"vip\"]"})));
    api.event(&order("o1", "shopify:customer:404", "1.00"));
    let said = dead(&mut api, &id, 1);
    assert!(said.contains("Customer does not exist"), "{said}");
    let short = json!({"amount": "change.data.amount - 1", "code": "\"short\""});
    let id = endpoint(&mut api, put("gift_card", &settings, short));
    api.event(&order("o2", "pos:c1", "1.00"));
    api.event(&order("o3", "pos:c1", "9.00"));
    let said = dead(&mut api, &id, 2);
    assert!(said.contains("must be greater than 0") && said.contains("Code is too short"), "{said}");
    // A key that does not count: that gets better by hand, so nothing is given up.
    let wrong = json!({"shop": "test", "token": "shpat_nobodys", "address": vendor.address()});
    let id = endpoint(&mut api, put("gift_card", &wrong, json!({"amount": "change.data.amount"})));
    api.event(&order("o4", "pos:c1", "9.00"));
    let shown = api.until(&format!("/v1/endpoints/{id}"), |shown| {
        shown["waiting"] == 1 && shown["failing_since"].is_string()
    });
    assert_eq!(shown["dead"], 0, "{shown}");
}

#[test]
fn what_is_set_wrongly_is_said_by_field() {
    let mut api = api();
    let one = |name: &str, send: &str, settings: Value, values: Value| json!({"name": name, "send": send, "settings": settings, "values": values});
    let (payload, key) = (json!({"points": "change.data.amount"}), json!({"api_key": "k"}));
    let none = || json!({});
    for (connector, payload, expected) in [
        (one("klavio", "profile", none(), none()), &payload, "/connector/name value_invalid"),
        (one("klaviyo", "profil", key.clone(), none()), &payload, "/connector/send value_invalid"),
        (
            one("klaviyo", "profile", json!({"key": "k"}), none()),
            &payload,
            "/connector/settings/key field_unknown, /connector/settings/api_key field_missing",
        ),
        (
            one("klaviyo", "profile", key.clone(), json!({"mail": "member.id"})),
            &payload,
            "/connector/values/mail field_unknown",
        ),
        (
            one("klaviyo", "profile", key.clone(), json!({"email": "member.idd"})),
            &payload,
            "/connector/values/email expression_invalid",
        ),
        (
            one("klaviyo", "profile", key.clone(), json!({"email": "settings.api_key"})),
            &payload,
            "/connector/values/email expression_invalid",
        ),
        (
            one("klaviyo", "event", key.clone(), json!({"value": "change.type"})),
            &payload,
            "/connector/values/value expression_invalid",
        ),
        (one("klaviyo", "profile", key.clone(), none()), &payload, "/connector/values/email personal_data"),
        (
            one("slack", "message", json!({"url": "https://x.example"}), none()),
            &Value::Null,
            "/connector/values/text expression_invalid",
        ),
        (
            one("klaviyo", "event", key.clone(), json!({"email": "member.id"})),
            &Value::Null,
            "/payload expression_invalid",
        ),
    ] {
        let mut settings = json!({"connector": connector, "payload": payload});
        settings.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let answer = api.post("/v1/endpoints", &settings);
        assert_eq!(answer.status, 422, "{}", answer.body);
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        let told = errors.iter().map(|error| text(error, "pointer") + " " + &text(error, "code"));
        assert_eq!(told.collect::<Vec<_>>().join(", "), expected, "{connector}: {}", answer.body);
    }
    let slack = one("slack", "message", json!({"url": "https://x.example/"}), json!({"text": "change.type"}));
    let both = json!({"url": "https://x.example/", "connector": slack});
    assert_eq!(api.post("/v1/endpoints", &both).json()["errors"][0]["pointer"], "/url");
}

#[test]
fn a_ready_one_is_copied_changed_and_used() {
    let (mut api, vendor) = (api(), slack::start(100, SECOND));
    let list = api.get("/v1/connectors").json();
    let all = list["connectors"].as_array().unwrap();
    let names: Vec<&str> = all.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["braze", "hubspot", "klaviyo", "segment", "shopify", "slack"]);
    assert_eq!(api.get("/v1/connectors/fax").status, 404);
    let mut template = api.get("/v1/connectors/slack").json();
    template["name"] = "our chat".into();
    template["send"]["message"]["request"]["body"]["text"] = "*${values.text}* (${change.event.id})".into();
    let url = format!("{}{}", vendor.address(), slack::PATH);
    let values = json!({"text": "change.type"});
    let connector =
        json!({"template": template, "send": "message", "settings": {"url": url}, "values": values});
    let id = endpoint(&mut api, json!({"connector": connector, "types": ["points.earned"]}));
    api.event(&order("o1", "pos:c1", "1.00"));
    assert_eq!(vendor.wait_kept(1)[0]["text"], "*points.earned* (o1)");
    // Whoever leads it elsewhere must know the secret.
    let mut elsewhere = template;
    elsewhere["send"]["message"]["request"]["url"] = "http://127.0.0.1:1/${settings.url}".into();
    let connector =
        json!({"template": elsewhere, "send": "message", "settings": {"url": "***"}, "values": values});
    let patch = json!({"connector": connector}).to_string();
    let kind = [("Content-Type", "application/json")];
    let patched = api.call("PATCH", &format!("/v1/endpoints/{id}"), &kind, patch.as_bytes());
    assert!(patched.status == 422 && patched.body.contains("/connector/settings/url"), "{}", patched.body);
    let tested = api.post(&format!("/v1/endpoints/{id}/test"), &json!({})).json();
    assert_eq!(tested, json!({"taken": true, "status": 200, "said": "ok"}));
}
