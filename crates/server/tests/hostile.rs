//! What nobody well-meaning sends: each is answered with a problem that names the field, never with a 5xx, and the server
//! goes on. That nothing of it did any harm to the ledger is proved at the end of each test (`common`).

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin", sandbox = true }
wallets.points = { transfer = true }
wallets.cash = { decimals = 2 }
member.plan = "string?"
events."review.posted" = { words = "number" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.review = { on = "review.posted", earn.points = 'review.words' }
segments.all = 'wallets.points.available >= 0'
rewards.film = { gives.code.pool = "film" }
rewards.huge = { cost.cash = 70368744177664.01, gives.product = "yacht" }
rewards.mug = { cost.points = 1, gives.product = "mug", quantity_max = 3, quantity_step = 1 }

[tiers.status]
levels = [{ id = "basic" }, { id = "gold" }]
"#;

fn api() -> Api {
    let mut launch = launch().with_program(PROGRAM);
    launch.args = ["--requests-per-second", "1000000"].map(str::to_owned).into();
    let mut api = Api::of(launch);
    api.event(&order("o1", "email:ada@example.com", "1000"));
    api.event(&order("o2", "email:bob@example.com", "1000"));
    api
}

const ADA: &str = "/v1/members/email:ada@example.com";

/// A good body for each address.
fn requests() -> Vec<(&'static str, String, Value)> {
    let of = |rest: &str| format!("{ADA}{rest}");
    vec![
        (
            "POST",
            "/v1/members".into(),
            json!({"identities": ["email:c@example.com"], "fields": {"plan": "pro", "birthday": "1990-01-01", "tags": ["vip"]}}),
        ),
        ("PATCH", of(""), json!({"fields": {"plan": "pro", "birthday": "1990-01-01", "tags": ["vip"]}})),
        ("POST", of("/identities"), json!({"identities": ["pos:card:1"]})),
        ("POST", of("/adjustments"), json!({"wallet": "cash", "amount": "1.50", "reason": "why"})),
        (
            "POST",
            of("/tiers"),
            json!({"ladder": "status", "level": "gold", "until": "2999-01-01T00:00:00Z", "reason": "why"}),
        ),
        ("POST", of("/transfers"), json!({"to": "email:bob@example.com", "wallet": "points", "amount": 1})),
        ("POST", of("/merge"), json!({"absorb": "pos:card:none"})),
        ("POST", of("/unmerge"), json!({"absorbed": "email:bob@example.com"})),
        (
            "POST",
            "/v1/quotes".into(),
            json!({"member": "email:ada@example.com", "order": {"items": [{"id": "a", "price": "1.00", "quantity": 1, "tags": ["x"]}], "channel": "web"}}),
        ),
        (
            "POST",
            "/v1/redemptions".into(),
            json!({"member": "email:ada@example.com", "reward": "mug", "quantity": 1, "order": {"items": [{"price": 1}]}, "confirm": true}),
        ),
        ("POST", of("/household"), json!({"with": "pos:card:none"})),
        ("POST", "/v1/rewards/film/codes".into(), json!({"codes": ["A-1"]})),
        ("POST", "/v1/clock".into(), json!({"advance": "0 days"})),
    ]
}

/// Every place in a body, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(all) => {
            all.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found))
        }
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found))
        }
        _ => {}
    }
}

/// As text, so that what serde_json cannot hold is there too.
fn wrong() -> Vec<String> {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let mut all: Vec<String> = [
        "null",
        "true",
        "0",
        "-1",
        "-0",
        "0.1",
        "1e3",
        "1E400",
        "-1e-400",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1000000000000000000000000000000",
        "0.00000000000000000001",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        r#""""#,
        r#"" ""#,
        r#""x""#,
        r#""\u0000""#,
        r#""\ud800""#,
        r#""\u202e\u0661""#,
        r#""٣""#,
        r#""NaN""#,
        r#""1e3""#,
        r#""0x10""#,
        r#""+1""#,
        r#""1,5""#,
        r#""1.""#,
        r#"".5""#,
        r#""email:""#,
        r#""email:@""#,
        r#""fealty:quote""#,
        r#""mem_zzzzzzzzzzzzz""#,
        r#""2999-12-31T23:59:59.999999999Z""#,
        r#""-009999-01-01T00:00:00Z""#,
        r#""2024-02-30""#,
        r#"{"a":1,"a":2}"#,
    ]
    .map(str::to_owned)
    .into();
    all.extend([nested(31), nested(33), nested(200), nested(20_000)]);
    all.push(format!("\"{}\"", "x".repeat(100_000)));
    all.push(format!("[{}1]", "1,".repeat(5_000)));
    all.push(format!("{{{}\"z\":1}}", (0..2_000).map(|n| format!("\"k{n}\":1,")).collect::<String>()));
    all
}

/// `body` with this text in this place.
fn with(body: &Value, pointer: &str, text: &str) -> String {
    if pointer.is_empty() {
        return text.to_owned();
    }
    let mut body = body.clone();
    *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = json!("@@@");
    body.to_string().replace("\"@@@\"", text)
}

#[test]
fn every_place_of_every_body_takes_everything_wrong_and_says_where() {
    let mut api = api();
    let kind = [("Content-Type", "application/json")];
    for (method, path, body) in requests() {
        let mut all = Vec::new();
        places(&body, "", &mut all);
        for place in all {
            for text in wrong() {
                let sent = with(&body, &place, &text);
                let answer = api.call(method, &path, &kind, sent.as_bytes());
                let shown = &text[..text.len().min(60)];
                let what = format!("{method} {path} {place} = {shown}: {} {}", answer.status, answer.body);
                assert!(answer.status < 500, "{what}");
                let told = answer.json();
                if answer.status >= 400 {
                    assert!(told["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}");
                }
                if answer.status == 422 && told["code"] != "transfer_to_oneself" {
                    assert!(told["errors"][0]["pointer"].is_string(), "no field is named: {what}");
                    assert!(!told["errors"][0]["detail"].as_str().unwrap_or_default().is_empty(), "{what}");
                }
            }
        }
    }
}

#[test]
fn every_place_of_an_event_takes_everything_wrong() {
    let mut api = api();
    let order = order("x", "email:ada@example.com", "10");
    let review = json!({"specversion": "1.0", "source": "r", "id": "y", "type": "review.posted", "subject": "email:ada@example.com",
        "time": "2026-11-20T10:00:00Z", "data": {"words": 5}});
    let refund = json!({"specversion": "1.0", "source": "shop", "id": "z", "type": "order.refunded", "time": "2026-11-21T10:00:00Z",
        "data": {"id": "r", "order": "o1", "amount": "1", "items": [{"id": "a", "quantity": 1}]}});
    for event in [order, review, refund] {
        let mut all = Vec::new();
        places(&event, "", &mut all);
        for (n, place) in all.iter().enumerate() {
            for (m, text) in wrong().iter().enumerate() {
                let mut event = event.clone();
                event["id"] = json!(format!("{n}-{m}"));
                let sent = with(&event, place, text);
                let kind = [("Content-Type", "application/cloudevents+json")];
                let answer = api.call("POST", "/v1/events", &kind, sent.as_bytes());
                let shown = &text[..text.len().min(60)];
                let what = format!("{place} = {shown}: {} {}", answer.status, answer.body);
                assert!(answer.status < 500, "{what}");
                let told = answer.json();
                if answer.status == 422 || answer.status == 400 {
                    assert!(told["errors"][0]["pointer"].is_string(), "no field is named: {what}");
                }
                if told["status"] == "refused" {
                    assert!(
                        told["refusal"]["message"].as_str().is_some_and(|said| !said.is_empty()),
                        "{what}"
                    );
                }
            }
        }
    }
    // After all that, an ordinary order is taken as ever.
    assert_eq!(
        api.event(&common::order("good", "email:eve@example.com", "7")).json()["effects"][0]["granted"],
        7
    );
}

#[test]
fn bodies_that_are_none_or_too_large_are_problems() {
    let mut api = api();
    let json = [("Content-Type", "application/json")];
    let large = vec![b'x'; (1 << 20) + 1];
    for (method, path, _) in requests() {
        for (headers, body, status) in [
            (&json[..], &b""[..], 400),
            (&json[..], b"\xff\xfe{}", 400),
            (&json[..], b"\xef\xbb\xbf{}", 400),
            (&json[..], b"{\"a\": 1", 400),
            (&json[..], b"{} {}", 400),
            (&json[..], b"[]", 422),
            (&json[..], &large, 413),
            (&[("Content-Type", "text/plain")][..], b"{}", 415),
            (&[][..], b"{}", 415),
            (&[("Content-Type", "application/json"), ("Content-Encoding", "br")][..], b"{}", 415),
        ] {
            let answer = api.call(method, &path, headers, body);
            assert_eq!(answer.status, status, "{method} {path} {headers:?}: {}", answer.body);
        }
        let key = [("Content-Type", "application/json"), ("Idempotency-Key", "\"open")];
        let answer = api.call(method, &path, &key, b"{}");
        assert!([400, 422].contains(&answer.status), "{}", answer.body);
    }
}

const LISTS: [&str; 7] = [
    "/v1/events",
    "/v1/members",
    "/v1/quarantine",
    "/v1/segments/all/members",
    "/v1/segments/all",
    "/v1/members/email:ada@example.com/transfers",
    "/v1/members/email:ada@example.com/redemptions",
];

#[test]
fn cursors_and_limits_that_make_no_sense_are_problems() {
    let mut api = api();
    for list in LISTS {
        for bad in [
            "",
            "x",
            "c",
            "c0",
            "c%00",
            "cffffffffffffffff",
            "c00000000000000000000000",
            "-1",
            "%F0%9F%92%A9",
        ] {
            let answer = api.get(&format!("{list}?cursor={bad}"));
            assert!(answer.status == 400 || answer.status == 200, "{list} {bad} {}", answer.body);
        }
        // With the right check digit, and far beyond any end.
        for digit in "0123456789abcdef".chars() {
            for position in ["ffffffffffffffff", "8000000000000000", "7fffffffffffffff", "0"] {
                let answer = api.get(&format!("{list}?cursor=c{digit}{position}"));
                assert!(
                    answer.status == 400 || answer.status == 200,
                    "{list} {digit}{position} {}",
                    answer.body
                );
            }
        }
        for bad in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1&limit=2",
            "limit=99999999999",
            "colour=red",
            "limit=%ff",
        ] {
            let answer = api.get(&format!("{list}?{bad}"));
            let counts = list == "/v1/segments/all" && bad.starts_with("limit");
            assert!(answer.status == 400 || counts, "{list} {bad} {}", answer.body);
        }
    }
}

#[test]
fn addresses_that_make_no_sense_are_problems() {
    let mut api = api();
    for path in [
        "/v1/members/%ff",
        "/v1/members/%00",
        "/v1/members/email:%00@x",
        "/v1/members/mem_",
        "/v1/members/mem_%ff",
        "/v1/members/",
        "/v1/members/..",
        "/v1/members/x",
        "/v1/events/%ff",
        "/v1/events/%00",
        "/v1/redemptions/red_",
        "/v1/redemptions/%ff",
        "/v1/segments/%ff",
        "/v1/rewards?member=x",
        "/v1/rewards?member=mem_zzzzzzzzzzzzz",
        "//v1/members",
        "/v1",
        "/",
    ] {
        let answer = api.get(path);
        assert!((400..500).contains(&answer.status), "{path} {} {}", answer.status, answer.body);
    }
    let long = api.get(&format!("/v1/members/email:{}@example.com", "x".repeat(10_000)));
    assert_eq!(long.status, 422, "{}", long.body);
    for path in LISTS.into_iter().chain(["/v1/quotes", "/v1/clock", "/livez", "/v1/program/versions"]) {
        let answer = api.call("DELETE", path, &[], b"");
        assert_eq!(answer.status, 405, "{path} {}", answer.body);
        assert!(answer.header("allow").is_some_and(|allow| !allow.is_empty()), "{path} says what it takes");
    }
}

#[test]
fn a_name_that_the_core_uses_for_itself_is_a_shops_as_any_other() {
    let mut api = api();
    assert_eq!(
        api.event(&common::order("fealty:quote", "email:eve@example.com", "7")).json()["status"],
        "applied"
    );
    let quote = api.post("/v1/quotes", &json!({"order": {"subtotal": 9}})).json();
    assert_eq!(quote["earns"][0]["granted"], 9, "{quote}");
}

#[test]
fn names_in_every_script_come_back_as_they_were() {
    let mut api = api();
    let escaped = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    for (n, name) in
        ["日本", "e\u{301}té", "\u{202e}abc", "👩‍👩‍👧", "Ω≈ç√", "a/b?c#d%25&e=f"].into_iter().enumerate()
    {
        let who = format!("crm:{name}");
        let mut event = order(&format!("o/{n} {name}"), &who, "5");
        event["data"]["id"] = json!(format!("order {name}"));
        let taken = api.event(&event);
        assert_eq!(taken.json()["status"], "applied", "{}", taken.body);
        let id = event["id"].as_str().unwrap_or_default();
        assert_eq!(api.get(&format!("/v1/events/{}", escaped(id))).json()["id"], id);
        let member = api.get(&format!("/v1/members/{}", escaped(&who))).json();
        assert_eq!(member["identities"], json!([who]));
    }
}

#[test]
fn an_amount_at_the_limit_is_exact_and_none_beyond_is_taken() {
    let mut api = api();
    let path = &format!("{ADA}/adjustments");
    let give = |api: &mut Api, amount: &str| {
        let body = format!(r#"{{"wallet": "cash", "amount": {amount}, "reason": "test"}}"#);
        api.call("POST", path, &[("Content-Type", "application/json")], body.as_bytes())
    };
    assert_eq!(give(&mut api, "70368744177664.01").status, 200);
    let member = api.get(ADA);
    assert!(member.body.contains("\"available\":70368744177664.01,"), "{}", member.body);
    for beyond in ["9000000000000000", "92233720368547758.07", "92233720368547758.08", "1e18", "0.001", "-0"]
    {
        let answer = give(&mut api, beyond);
        let told = answer.json();
        let known = told["code"] == "amount_invalid" || told["code"] == "number_out_of_range";
        assert!(answer.status == 422 && known, "{beyond} {told}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/amount");
    }
    // Wherever it is written.
    let offer = api.get("/v1/rewards?member=email:ada@example.com").body;
    assert!(offer.contains(r#""cost":{"cash":70368744177664.01}"#), "{offer}");
    let yacht =
        api.post("/v1/redemptions", &json!({"member": "email:ada@example.com", "reward": "huge"})).body;
    assert!(yacht.contains(r#""cost":{"cash":70368744177664.01}"#), "{yacht}");
    let ledger = api.get(&format!("{ADA}/transfers")).body;
    assert!(ledger.contains("\"amount\":70368744177664.01,"), "{ledger}");
}

#[test]
fn many_idle_connections_and_garbage_keep_nobody_out() {
    let mut launch = launch().with_program(PROGRAM);
    launch.args = ["--connections-max", "50", "--header-seconds-max", "1"].map(str::to_owned).into();
    let api = Api::of(launch);
    let open = || {
        let stream = TcpStream::connect(&api.server.address).unwrap_or_else(|e| panic!("{e}"));
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream
    };
    // Twice as many as there is room for, and none of them says anything.
    let idle: Vec<TcpStream> = (0..100).map(|_| open()).collect();
    let mut client = api.server.client();
    assert_eq!(client.get("/livez").map(|answer| answer.status).ok(), Some(200));
    drop(idle);
    let long = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000));
    for garbage in [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0",
        "\0\0\0\0\0\0",
        &long,
    ] {
        let mut stream = open();
        // It may hang up before it has heard all.
        let _broken_pipe = stream.write_all(garbage.as_bytes());
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            !answer.starts_with("HTTP/1.1 5") && !answer.starts_with("HTTP/1.1 2"),
            "{garbage:.40} {answer}"
        );
    }
    assert_eq!(
        client.get("/livez").or_else(|_| api.server.client().get("/livez")).map(|a| a.status).ok(),
        Some(200)
    );
}
