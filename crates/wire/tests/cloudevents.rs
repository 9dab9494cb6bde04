//! CloudEvents as they come: what is read, what is refused and where, and that two writings of one event are one.

use domain::event::{Input, Subject};
use wire::cloudevents::{Bad, Message, Reading, batch, ndjson, read, structured};
use wire::headers::Headers;
use wire::member_id::MemberIds;

fn ids() -> MemberIds {
    MemberIds::new([7; 16])
}

fn with<T>(work: impl FnOnce(Reading<'_>) -> T) -> T {
    let members = ids();
    let received = "2026-11-23T06:00:00Z".parse().expect("a time");
    work(Reading { members: &members, received, origin: "key:1" })
}

fn one(text: &str) -> Result<Input, Bad> {
    with(|r| structured(text.as_bytes(), r))
}

fn many(message: Message) -> Vec<Result<Input, Bad>> {
    match message {
        Message::One(input) => vec![Ok(input)],
        Message::Many(many) => many,
    }
}

/// `pointer code` of each fault.
fn faults(result: Result<Input, Bad>) -> Vec<String> {
    let Bad(faults) = result.err().unwrap_or(Bad(Vec::new()));
    faults.iter().map(|f| format!("{} {}", f.pointer, f.code)).collect()
}

const GOOD: &str = r#"{"specversion": "1.0", "id": "e1", "source": "pos:7", "type": "order.paid",
  "subject": "email:Ada@Example.com", "time": "2026-11-01T10:00:00.5+01:00", "traceparent": "00-ab",
  "identities": "phone:+49 30 123456, pos:card:9", "data": {"id": "o1", "total": 19.99, "note": "a \"b\"  c"}}"#;

#[test]
fn an_event_is_read_whole() {
    let input = one(GOOD).expect("good");
    let event = &input.event;
    assert_eq!((&*event.source, &*event.id, &*event.kind), ("pos:7", "e1", "order.paid"));
    assert_eq!(event.time, "2026-11-01T09:00:00.5Z".parse().expect("a time"));
    let Some(Subject::Identity(who)) = &event.subject else { panic!("{:?}", event.subject) };
    assert_eq!(who.as_str(), "email:ada@example.com");
    let also: Vec<&str> = event.also.iter().map(|i| i.as_str()).collect();
    assert_eq!(also, ["phone:+4930123456", "pos:card:9"]);
    let data = std::str::from_utf8(&event.data).expect("UTF-8");
    assert_eq!(data, r#"{"id":"o1","total":19.99,"note":"a \"b\"  c"}"#);
    assert_eq!(&*input.origin, "key:1");
    let bare = one(r#"{"specversion":"1.0","id":"1","source":"s","type":"t","time":null,"subject":null}"#)
        .expect("good");
    assert_eq!(bare.event.time, "2026-11-23T06:00:00Z".parse().expect("a time"), "the time of arrival");
    assert_eq!((&bare.event.subject, &*bare.event.data), (&None, &b"{}"[..]));
}

#[test]
fn subjects_may_be_member_ids() {
    let event = |subject: &str| {
        one(&format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"{subject}"}}"#))
    };
    assert_eq!(event(&ids().encode(42)).expect("good").event.subject, Some(Subject::Member(42)));
    assert_eq!(faults(event("mem_short")), ["/subject subject_invalid"]);
    assert_eq!(faults(event("ada")), ["/subject subject_invalid"]);
    assert_eq!(faults(event("email:nobody")), ["/subject subject_invalid"]);
}

#[test]
fn the_same_event_written_otherwise_has_the_same_hash() {
    let hash = |text: &str| one(text).expect("good").body_hash;
    let base = hash(GOOD);
    assert_eq!(hash(&GOOD.replace(": ", " :\n\t")), base);
    assert_eq!(
        hash(&GOOD.replace(r#""id": "e1""#, r#""id": "e2""#)),
        base,
        "the id is what it is compared under"
    );
    for (from, to) in [
        ("order.paid", "order.updated"),
        ("Ada@", "bob@"),
        ("10:00:00.5", "10:00:00.6"),
        ("19.99", "19.990"),
        ("a \\\"b\\\"  c", "a \\\"b\\\" c"),
    ] {
        assert_ne!(hash(&GOOD.replace(from, to)), base, "{from} -> {to}");
    }
}

/// (what replaces GOOD's member, faults)
#[test]
fn mistakes_are_found_where_they_are() {
    let cases: &[(&str, &str, &[&str])] = &[
        (r#""1.0""#, r#""0.3""#, &["/specversion specversion_unsupported"]),
        (r#""1.0""#, r#""1.0.2""#, &["/specversion specversion_unsupported"]),
        (r#""1.0""#, "1.0", &["/specversion wrong_type", "/specversion field_missing"]),
        (r#""e1""#, r#""""#, &["/id value_invalid"]),
        (r#""e1""#, "17", &["/id wrong_type", "/id field_missing"]),
        (r#""e1""#, "null", &["/id field_missing"]),
        (r#""e1""#, r#""a\u0000b""#, &["/id value_invalid"]),
        (r#""e1""#, r#""a\ud800b""#, &["/id wrong_type", "/id field_missing"]),
        (r#""e1", "#, r#""e1", "id": "e1", "#, &["/id duplicate_key"]),
        (r#""e1", "#, r#""e1", "\u0069d": "e2", "#, &["/id duplicate_key"]),
        (r#""pos:7""#, r#""a b""#, &["/source value_invalid"]),
        (r#""pos:7""#, r#""fealty:api""#, &["/source source_reserved"]),
        (r#""order.paid""#, r#""fealty.adjusted""#, &["/type type_reserved"]),
        (r#""traceparent""#, r#""Trace""#, &["/Trace name_invalid"]),
        (r#""traceparent""#, r#""trace_parent""#, &["/trace_parent name_invalid"]),
        (r#""traceparent""#, r#""a/b~c""#, &["/a~1b~0c name_invalid"]),
        (r#""00-ab""#, "{}", &["/traceparent wrong_type"]),
        (r#""00-ab""#, "1.5", &["/traceparent wrong_type"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-11-01", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-11-01T10:00:00", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-11-01 10:00:00Z", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-02-30T10:00:00Z", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-11-01T24:00:00Z", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-11-01T10:00:00.Z", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "2026-11-01T10:00:00+0100", &["/time time_invalid"]),
        ("2026-11-01T10:00:00.5+01:00", "+02026-11-01T10:00:00Z", &["/time time_invalid"]),
        ("phone:+49 30 123456", "phone:030 123456", &["/identities identity_invalid"]),
        (r#""data": {"#, r#""data_base64": "e30=", "data": {"#, &["/data_base64 data_twice"]),
        (r#""data": {"#, r#""data": {}, "data": {"#, &["/data duplicate_key"]),
        (
            r#""data": {"#,
            r#""datacontenttype": "text/xml", "data": {"#,
            &["/datacontenttype content_type_unsupported"],
        ),
        (r#""total": 19.99"#, r#""total": 1, "total": 2"#, &["/data/total duplicate_key"]),
        (
            r#""total": 19.99"#,
            r#""items": [{}, {"a": {"b": 1, "\u0062": 2}}]"#,
            &["/data/items/1/a/b duplicate_key"],
        ),
        (r#""total": 19.99"#, r#""t": ["x", "\udc00"]"#, &["/data/t/1 text_invalid"]),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(faults(one(&GOOD.replace(from, to))), *expected, "{from} -> {to}");
    }
    let all = one(r#"{"specversion":"1","source":"a b","type":"","time":"x","data":[]}"#);
    assert_eq!(faults(all).len(), 6, "all mistakes at once");
}

#[test]
fn what_is_no_event_is_refused() {
    let deep = |n: usize| {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{{"a":{}{}}}}}"#,
            "[".repeat(n),
            "]".repeat(n)
        )
    };
    assert!(one(&deep(31)).is_ok());
    assert_eq!(faults(one(&deep(32))).len(), 1);
    assert_eq!(faults(one(&deep(100_000))).len(), 1, "no stack is used up");
    let texts = [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"a\"",
        "{",
        "{}}",
        "{\"id\":}",
        "{\"id\":\"a\",}",
        "\u{feff}{}",
        "{'id':1}",
        "{\"id\":01}",
        "{\"id\":\"\n\"}",
    ];
    for text in texts {
        assert_eq!(faults(one(text)), [" json_invalid"], "{text:?}");
    }
    assert_eq!(faults(with(|r| structured(b"{\"id\":\"\xff\"}", r))), [" json_invalid"]);
    let long = "i".repeat(257);
    assert_eq!(faults(one(&GOOD.replace("\"e1\"", &format!("\"{long}\"")))), ["/id text_too_long"]);
    let big = format!(r#"{{"x":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(
        faults(one(&GOOD.replace(r#"{"id": "o1""#, &format!(r#"{{"big": {big}, "id": "o1""#)))),
        ["/data body_too_long"]
    );
    let members: String = (0..70).map(|n| format!(r#","a{n}":1"#)).collect();
    let many = GOOD.replace(r#""traceparent": "00-ab""#, &format!(r#""x":1{members}"#));
    assert_eq!(faults(one(&many)), [" too_many"]);
}

#[test]
fn data_may_be_base64() {
    let event = |encoded: &str| {
        one(&format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"{encoded}"}}"#))
    };
    assert_eq!(&*event("eyJhIiA6IDF9").expect("good").event.data, br#"{"a":1}"#);
    assert_eq!(faults(event("eyJhIiA6IDF9!")), ["/data_base64 value_invalid"]);
    assert_eq!(faults(event("eyJh")), ["/data_base64 json_invalid"]);
    assert_eq!(faults(event("W10=")), ["/data wrong_type"]);
}

fn binary(headers: &[(&str, &str)], body: &str) -> Result<Input, Bad> {
    let given: Vec<(&str, &str)> = headers.iter().filter(|(_, v)| !v.is_empty()).copied().collect();
    with(|r| read(&Headers::new(given), body.as_bytes(), r))
        .map(|message| many(message).remove(0).expect("one"))
}

#[test]
fn binary_mode_is_the_same_event() {
    let mut headers = vec![
        ("Content-Type", "application/json; charset=UTF-8"),
        ("ce-specversion", "1.0"),
        ("CE-ID", "%C3%A9%201"),
        ("ce-source", "\"pos:\\7\""),
        ("ce-type", "order.paid"),
        ("ce-subject", "email:ada%40example.com"),
        ("ce-time", "2026-11-01T10:00:00Z"),
    ];
    let input = binary(&headers, " {\"id\": 1} ").expect("good");
    assert_eq!((&*input.event.id, &*input.event.source), ("é 1", "pos:7"));
    assert_eq!(&*input.event.data, br#"{"id":1}"#);
    let text = r#"{"specversion":"1.0","id":"x","source":"y","type":"order.paid","time":"2026-11-01T10:00:00Z",
        "subject":"email:ada@example.com","data":{"id":1}}"#;
    assert_eq!(input.body_hash, one(text).expect("good").body_hash, "whichever way it came");
    let bad = |name: &'static str, value: &'static str, body: &str| {
        let mut headers = headers.clone();
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        headers.push((name, value));
        faults(binary(&headers, body))
    };
    assert_eq!(bad("ce-id", "%zz", "{}"), ["/id header_invalid", "/id field_missing"]);
    assert_eq!(bad("ce-id", "%ff", "{}"), ["/id header_invalid", "/id field_missing"]);
    assert_eq!(bad("ce-id", "\"open", "{}"), ["/id header_invalid", "/id field_missing"]);
    assert_eq!(bad("ce-id", "é", "{}"), ["/id header_invalid", "/id field_missing"]);
    assert_eq!(bad("ce-datacontenttype", "application/json", "{}"), ["/datacontenttype name_invalid"]);
    assert_eq!(bad("ce-my-ext", "1", "{}"), ["/my-ext name_invalid"]);
    assert_eq!(bad("ce-specversion", "2.0", "{}"), ["/specversion specversion_unsupported"]);
    assert_eq!(bad("Content-Type", "text/plain", "{}"), [" content_type_unsupported"]);
    assert_eq!(bad("ce-subject", "", "{"), ["/data json_invalid"]);
    assert_eq!(bad("ce-subject", "", "[1]"), ["/data wrong_type"]);
    headers.push(("ce-id", "again"));
    assert_eq!(faults(binary(&headers, "{}"))[0], "/id header_invalid");
}

#[test]
fn many_events_at_once() {
    let bad = GOOD.replace("\"e1\"", "\"\"");
    let events = with(|r| batch(format!("[{GOOD},{bad},{GOOD}]").as_bytes(), r)).expect("an array");
    assert!(events[0].is_ok() && events[2].is_ok());
    assert_eq!(faults(events[1].clone()), ["/1/id value_invalid"]);
    assert!(with(|r| batch(b" [ ] ", r)).expect("may be empty").is_empty());
    let line = GOOD.replace('\n', " ");
    let body = format!("{line}\r\n\n{{}}\n  \n{line}");
    let lines: Vec<(usize, bool)> =
        with(|r| ndjson(body.as_bytes(), r).map(|(n, e)| (n, e.is_ok())).collect());
    assert_eq!(lines, [(1, true), (3, false), (5, true)]);
    let count = |kind: &str, body: &str| {
        with(|r| read(&Headers::new([("content-type", kind)]), body.as_bytes(), r)).map(|m| many(m).len())
    };
    assert_eq!(count("application/cloudevents+json; charset=utf-8", GOOD), Ok(1));
    assert_eq!(count("application/cloudevents-batch+json", &format!("[{GOOD},{GOOD}]")), Ok(2));
    assert_eq!(count("application/x-ndjson", &body), Ok(3));
    assert_eq!(count("application/json", &format!(" [{GOOD}]")), Ok(1));
    assert_eq!(count("application/json", GOOD), Ok(1));
    for kind in ["text/plain", "", "application/xml", "application/cloudevents+json; charset=latin1"] {
        assert!(count(kind, GOOD).is_err(), "{kind}");
    }
    let crowd = format!("[{}{{}}]", "{},".repeat(10_000));
    assert_eq!(
        count("application/cloudevents-batch+json", &crowd).expect_err("too many").0[0].code,
        "batch_too_large"
    );
    let crowd = "{}\n".repeat(10_001);
    assert_eq!(count("application/x-ndjson", &crowd).expect_err("too many").0[0].code, "batch_too_large");
}

#[test]
fn member_ids_are_a_permutation() {
    let (ids, other) = (ids(), MemberIds::new([8; 16]));
    let mut seen = std::collections::BTreeSet::new();
    for no in (0..2_000).chain([u64::MAX, u64::MAX - 1, 1 << 32]) {
        let id = ids.encode(no);
        assert_eq!(id.len(), 17);
        assert_eq!(ids.decode(&id), Some(no));
        assert_eq!(ids.decode(&format!("mem_{}", id[4..].to_uppercase())), Some(no));
        assert_ne!(other.decode(&id), Some(no));
        assert!(seen.insert(id));
    }
    let bad = [
        "",
        "mem_",
        "mem_000000000000",
        "mem_00000000000000",
        "mem_g000000000000",
        "mem_i000000000000",
        "x",
        "MEM_0000000000000",
    ];
    for text in bad {
        assert_eq!(ids.decode(text), None, "{text}");
    }
}
