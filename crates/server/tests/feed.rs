//! The feed: pages, filters, streams, and a history that was restored.

mod common;

use std::time::{Duration, Instant};

use common::{Api, launch, order};
use serde_json::{Value, json};
use testkit::Launch;
use testkit::stream::Stream;

const ADA: &str = "email:ada@example.com";
const BOB: &str = "email:bob@example.com";

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
wallets.cash = { decimals = 2 }
rules.base = { on = "order.paid", earn.points = 'order.subtotal', emit = "order.thanked" }
rules.cash = { on = "order.paid", earn.cash = '0.25' }
segments.many = 'wallets.points.available >= 100'
"#;

fn api() -> Api {
    Api::of(launch().with_program(PROGRAM))
}

fn changes(api: &mut Api, query: &str) -> (Vec<Value>, String) {
    let page = api.get(&format!("/v1/feed{query}"));
    assert_eq!(page.status, 200, "{}", page.body);
    let page = page.json();
    let next = page["next"].as_str().expect("a page says where to go on").to_owned();
    (page["changes"].as_array().expect("a list").clone(), next)
}

fn types(changes: &[Value]) -> Vec<&str> {
    changes.iter().filter_map(|change| change["type"].as_str()).collect()
}

fn stream(api: &Api, query: &str, last: Option<&str>) -> Stream {
    let server = &api.server;
    let stream =
        Stream::open(&server.address, &server.launch.key, &format!("/v1/feed/stream{query}"), last).unwrap();
    assert_eq!(stream.status, 200, "{:?}", stream.headers);
    stream
}

#[test]
fn every_change_is_told_once_in_order_with_the_members_own_number() {
    let mut api = api();
    api.event(&order("o1", ADA, "50.00"));
    api.event(&order("o2", BOB, "70.00"));
    api.event(&order("o3", ADA, "30.00"));
    // Nothing changed: nothing is told.
    api.event(&order("o3", ADA, "30.00"));
    let (all, next) = changes(&mut api, "");
    let own = ["points.earned", "points.earned", "order.thanked"];
    assert_eq!(types(&all), [&["member.enrolled"][..], &own, &["member.enrolled"], &own, &own].concat());
    let seqs: Vec<u64> = all.iter().filter_map(|change| change["member_seq"].as_u64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(all[1]["data"], json!({"wallet": "points", "amount": 50, "balance": 50, "rule": "base"}));
    assert_eq!(all[2]["data"], json!({"wallet": "cash", "amount": 0.25, "balance": 0.25, "rule": "cash"}));
    assert_eq!(all[8]["data"]["balance"], 80);
    assert_eq!(all[8]["event"], json!({"source": "shop", "id": "o3", "type": "order.paid"}));
    assert_eq!(api.get(&format!("/v1/members/{ADA}")).json()["id"], all[8]["member"]);
    assert!(!format!("{all:?}").contains("ada@example.com"), "no personal data: {all:?}");
    // By ones, the same; and at the end nothing, until something comes.
    let (mut one_by_one, mut at) = (Vec::new(), "start".to_owned());
    loop {
        let (page, next) = changes(&mut api, &format!("?limit=1&after={at}"));
        assert!(page.len() <= 1);
        if page.is_empty() {
            break;
        }
        one_by_one.extend(page);
        at = next;
    }
    assert_eq!(one_by_one, all);
    assert_eq!(changes(&mut api, &format!("?after={next}")), (Vec::new(), next.clone()));
    assert_eq!(
        changes(&mut api, &format!("?after={}", all[4]["cursor"].as_str().unwrap_or_default())).0,
        all[5..]
    );
}

#[test]
fn a_reader_chooses_by_type_member_and_segment() {
    let mut api = api();
    api.event(&order("o1", ADA, "50.00"));
    api.event(&order("o2", BOB, "170.00"));
    let (page, _) = changes(&mut api, "?types=points.*");
    assert_eq!(types(&page), ["points.earned"; 4]);
    let (page, _) = changes(&mut api, &format!("?types=order.thanked,member.enrolled&member={ADA}"));
    assert_eq!(types(&page), ["member.enrolled", "order.thanked"]);
    let (page, _) = changes(&mut api, "?types=member.*&segment=many");
    assert_eq!(page.len(), 1);
    assert_eq!(page[0]["member"], api.get(&format!("/v1/members/{BOB}")).json()["id"]);
    for (query, status, code) in [
        ("?types=Points", 400, "query_invalid"),
        ("?limit=0", 400, "query_invalid"),
        ("?wait=31", 400, "query_invalid"),
        ("?after=f1-0-7", 400, "cursor_invalid"),
        ("?after=f1-0-00000007", 410, "feed_reset"),
        ("?after=fffff-0-00000007", 410, "feed_reset"),
        ("?segment=none", 404, "not_found"),
        ("?member=email:nobody@example.com", 404, "not_found"),
        ("?from=1", 400, "query_invalid"),
    ] {
        let answer = api.get(&format!("/v1/feed{query}"));
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{query}");
    }
}

#[test]
fn the_end_of_the_feed_can_be_waited_at() {
    let mut api = api();
    let (_, end) = changes(&mut api, "");
    let mut other = api.with_key(&api.server.launch.key);
    let path = format!("/v1/feed?wait=20&after={end}");
    let waiting = std::thread::spawn(move || (other.get(&path).unwrap(), Instant::now()));
    // It may not be waiting yet; whichever comes first, it is told.
    api.event(&order("o1", ADA, "50.00"));
    let sent = Instant::now();
    let (answer, answered) = waiting.join().unwrap();
    assert_eq!(answer.json()["changes"].as_array().map(Vec::len), Some(4), "{}", answer.body);
    assert!(
        answered.saturating_duration_since(sent) < Duration::from_secs(10),
        "the wait ends when something comes"
    );
    let (none, again) = changes(&mut api, "?wait=1&after=end");
    assert_eq!((none.len(), again == end), (0, false));
}

#[test]
fn a_stream_tells_what_is_committed_and_goes_on_where_it_was_cut() {
    let mut api = api();
    api.event(&order("o1", ADA, "50.00"));
    let mut live = stream(&api, "", None);
    let mut from_start = stream(&api, "?after=start&types=points.*", None);
    assert!(live.headers.iter().any(|header| header == "content-type: text/event-stream"));
    let first = live.sent().unwrap();
    assert!(!first.id.is_empty() && first.data.is_empty(), "it says where it begins: {first:?}");
    assert_eq!(from_start.change().unwrap().json()["data"]["amount"], 50);
    api.event(&order("o2", ADA, "20.00"));
    let told: Vec<_> = (0..3).map(|_| live.change().unwrap()).collect();
    assert_eq!(told[0].json()["data"]["balance"], 70);
    assert_eq!(
        told.iter().map(|sent| &*sent.event).collect::<Vec<_>>(),
        ["points.earned", "points.earned", "order.thanked"]
    );
    assert_eq!(told[0].id, told[0].json()["cursor"]);
    // Both are cut with the server, in the middle of a row for the one; they miss nothing and see nothing twice.
    api.restart(|_| {});
    assert!(live.change().is_err(), "it was cut");
    api.event(&order("o3", BOB, "10.00"));
    let mut again = stream(&api, "", Some(&told[1].id));
    assert_eq!(again.change().unwrap(), told[2]);
    assert_eq!(again.change().unwrap().event, "member.enrolled");
    let mut page = stream(&api, "?after=end", Some(&told[2].id));
    assert_eq!(page.change().unwrap().event, "member.enrolled", "the id that was seen last counts");
}

#[test]
fn a_stream_of_one_member_sleeps_while_others_change() {
    let mut api = api();
    api.event(&order("a0", ADA, "1.00"));
    let mut ada = stream(&api, &format!("?member={ADA}"), None);
    ada.sent().unwrap();
    for n in 0..300 {
        api.event(&order(&format!("b{n}"), &format!("pos:c{}", n % 7), "1.00"));
    }
    api.event(&order("a1", ADA, "2.00"));
    api.event(&order("a2", ADA, "3.00"));
    let told: Vec<Value> = (0..6).map(|_| ada.change().unwrap().json()).collect();
    let seqs: Vec<_> = told.iter().map(|change| change["member_seq"].as_u64().unwrap_or(0)).collect();
    assert_eq!(seqs, [5, 6, 7, 8, 9, 10]);
    assert_eq!(told[3]["data"]["balance"], 6);
}

#[test]
fn a_history_that_was_restored_is_told_apart() {
    let mut api = Api::of(Launch { database: None, ..launch().with_program(PROGRAM) });
    api.event(&order("o1", ADA, "50.00"));
    let (_, kept) = changes(&mut api, "");
    let data = api.server.launch.data.join("data");
    let backup = data.with_extension("backup");
    api.restart(|_| copy(&data, &backup));
    api.event(&order("o2", ADA, "20.00"));
    let (_, lost) = changes(&mut api, "");
    // The backup comes back, and another order takes the place of the one that is lost.
    api.restart(|_| {
        std::fs::remove_dir_all(&data).unwrap();
        copy(&backup, &data);
    });
    let early = api.get(&format!("/v1/feed?after={lost}"));
    assert_eq!((early.status, early.json()["code"].as_str()), (410, Some("feed_reset")));
    api.event(&order("o3", ADA, "30.00"));
    let answer = api.get(&format!("/v1/feed?after={lost}"));
    assert_eq!((answer.status, answer.json()["code"].as_str()), (410, Some("feed_reset")));
    let end = answer.json()["end"].as_str().expect("where to go on").to_owned();
    assert_eq!(changes(&mut api, &format!("?after={end}")).0, Vec::<Value>::new());
    assert_eq!(
        changes(&mut api, &format!("?after={kept}")).0.len(),
        3,
        "what is before the backup is one history"
    );
    let mut told = stream(&api, "", Some(&lost));
    let reset = told.sent().unwrap();
    assert_eq!((&*reset.event, &*reset.id), ("reset", &*end));
    api.event(&order("o4", ADA, "30.00"));
    assert_eq!(told.change().unwrap().event, "points.earned", "it goes on from there");
    std::fs::remove_dir_all(&backup).unwrap();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn streams_end_when_the_server_stops() {
    let mut api = api();
    let mut open: Vec<Stream> = (0..20).map(|_| stream(&api, "", None)).collect();
    let began = Instant::now();
    api.server.stop();
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for readers");
    for stream in &mut open {
        assert!(stream.change().is_err());
    }
}

#[test]
fn a_reader_who_does_not_read_is_cut_off_and_delays_nobody() {
    let mut launch = launch().with_program(PROGRAM);
    launch.env.push(("FEALTY_UNREAD_SECONDS_MAX".into(), "1".into()));
    let mut api = Api::of(launch);
    let (mut deaf, mut good) = (stream(&api, "", None), stream(&api, "", None));
    let total = 50 + 3 * 2_000;
    let reading = std::thread::spawn(move || -> Vec<String> {
        (0..total).map(|_| good.change().unwrap().id).collect()
    });
    let batch: Vec<Value> =
        (0..2_000).map(|n| order(&format!("o{n}"), &format!("pos:c{}", n % 50), "1.00")).collect();
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    for part in batch.chunks(500) {
        let sent = api.call("POST", "/v1/events", &kind, json!(part).to_string().as_bytes());
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    let told = reading.join().expect("he is told everything");
    let began = Instant::now();
    // He finds what was on its way, then the end; and goes on from there.
    let readers =
        |api: &mut Api| api.get("/metrics").body.lines().any(|line| line == "fealty_feed_readers 0");
    while !readers(&mut api) {
        assert!(began.elapsed() < Duration::from_secs(20), "he keeps his place");
        std::thread::yield_now();
    }
    let mut got: Vec<String> = std::iter::from_fn(|| deaf.change().ok()).map(|sent| sent.id).collect();
    assert!(got.len() < total, "he was cut off");
    let mut again = stream(&api, "", got.last().map(String::as_str));
    while got.len() < total {
        got.push(again.change().unwrap().id);
    }
    assert_eq!(got, told);
}

#[test]
fn a_member_who_changes_or_is_joined_to_another_is_told_of_without_personal_data() {
    let mut api = api();
    for name in [ADA, BOB] {
        api.post("/v1/members", &json!({"identities": [name], "fields": {"birthday": "1990-05-17"}}));
    }
    let kind = [("Content-Type", "application/json")];
    let path = format!("/v1/members/{ADA}");
    let fields = br#"{"fields": {"birthday": null, "tags": ["vip"]}}"#;
    assert_eq!(api.call("PATCH", &path, &kind, fields).status, 200);
    // The same again changes nothing.
    assert_eq!(api.call("PATCH", &path, &kind, fields).status, 200);
    let ask = json!({"absorb": BOB});
    let merged = api.post_once(&format!("{path}/merge"), "m1", &ask);
    assert_eq!(merged.status, 200, "{}", merged.body);
    let (all, _) = changes(&mut api, "?types=member.*");
    let told = [
        "member.enrolled",
        "member.enrolled",
        "member.updated",
        "member.merged",
        "member.linked",
        "member.absorbed",
    ];
    assert_eq!(types(&all), told);
    let (ada, bob) = (&all[0]["member"], &all[1]["member"]);
    assert_eq!(all[2]["data"], json!({"fields": ["birthday", "tags"]}));
    assert_eq!((&all[3]["member"], &all[3]["data"]), (bob, &json!({"other": ada})));
    assert_eq!((&all[5]["member"], &all[5]["data"]), (ada, &json!({"other": bob})));
    let parted = api.post_once(&format!("{path}/unmerge"), "m2", &json!({"absorbed": bob}));
    assert_eq!(parted.status, 200, "{}", parted.body);
    let (all, _) = changes(&mut api, "?types=member.parted");
    assert_eq!(all.iter().map(|one| &one["data"]["other"]).collect::<Vec<_>>(), [bob, ada]);
}

#[test]
fn a_new_version_of_the_program_is_told_once() {
    let mut api = api();
    api.event(&order("o1", ADA, "50.00"));
    let kind = [("Content-Type", "application/toml")];
    let put = |api: &mut Api, program: &str| api.call("PUT", "/v1/program", &kind, program.as_bytes()).status;
    let next = PROGRAM.replace("'0.25'", "'0.5'");
    assert_eq!(put(&mut api, &next), 201);
    // The same again is no new version.
    assert_eq!(put(&mut api, &next), 200);
    let told = |api: &mut Api| changes(api, "?types=program.*").0;
    let one = told(&mut api);
    assert_eq!(
        (one.len(), &one[0]["type"], &one[0]["data"]),
        (1, &json!("program.published"), &json!({"version": 2}))
    );
    assert_eq!((&one[0]["member"], &one[0]["member_seq"]), (&Value::Null, &json!(0)));
    // Published while nobody serves: the next start tells, and only the first.
    for _ in 0..2 {
        let last = PROGRAM.replace("'0.25'", "'0.75'");
        api.restart(|launch| *launch = launch.clone().with_program(&last));
        api.event(&order("o2", ADA, "50.00"));
        let versions: Vec<Value> = told(&mut api).iter().map(|one| one["data"]["version"].clone()).collect();
        assert_eq!(versions, [2, 3]);
    }
    let members: Vec<Value> = changes(&mut api, "").0.iter().map(|one| one["member_seq"].clone()).collect();
    assert_eq!(members, [1, 2, 3, 4, 0, 0, 5, 6, 7]);
}

#[test]
fn whose_key_is_revoked_is_told_nothing_more() {
    let mut api = api();
    let launch = api.server.launch.clone();
    let (_, out) = launch.run(&["keys", "create", "--name", "crm", "--scope", "feed:read", "--json"]);
    let made = out.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let made: Value = serde_json::from_str(made).unwrap();
    let key = made["key"].as_str().unwrap().to_owned();
    let mut client = api.with_key(&key);
    let mut until = |wanted: u16| {
        let began = Instant::now();
        while client.get("/v1/feed").map(|answer| answer.status).unwrap_or_default() != wanted {
            assert!(began.elapsed() < Duration::from_secs(20), "the server takes notice");
            std::thread::yield_now();
        }
    };
    until(200);
    let mut stream = Stream::open(&api.server.address, &key, "/v1/feed/stream", None).unwrap();
    api.event(&order("o1", ADA, "50.00"));
    assert_eq!(stream.change().unwrap().event, "member.enrolled");
    assert_eq!(launch.run(&["keys", "revoke", &made["number"].to_string()]).0, Some(0));
    until(401);
    api.event(&order("o2", BOB, "50.00"));
    let rest: Vec<String> = std::iter::from_fn(|| stream.change().ok()).map(|sent| sent.data).collect();
    assert!(!rest.iter().any(|data| data.contains("\"o2\"")), "{rest:?}");
}
