//! What is held about a member is told whole, and goes whole.

mod common;

use common::{Api, launch, order};
use serde_json::{Value, json};

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { transfer = true }
member.nickname = "string = ''"
events."review.posted" = { text = "string" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.review = { on = "review.posted", when = 'member.nickname != ""', once_per = 'review.text', earn.points = 1, emit = { type = "review.thanked", data = { text = 'review.text' } } }
rules.brought = { on = "review.posted", to = "referrer", earn.points = 2 }
rewards.film = { cost.points = 5, gives.code.pattern = "FILM-################" }

[referrals]
on = "order.paid"
"#;

/// Nobody else's bytes hold this.
const SECRET: &str = "zanzibar";

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn review(id: &str, who: &str, said: &str) -> Value {
    json!({"specversion": "1.0", "source": "shop", "id": id, "type": "review.posted", "subject": who,
        "time": "2026-11-20T11:00:00Z", "data": {"text": said}})
}

/// Ada, full of a word that nobody else says; Bo, who brought her; Cy, whom she absorbed. Her id.
fn fill(api: &mut Api) -> String {
    let ada = format!("email:{SECRET}@example.com");
    api.event(&order("b1", "email:bo@example.com", "40"));
    api.event(&order("d1", "email:di@example.com", "40"));
    let bo = api.get("/v1/members/email:bo@example.com").json();
    let new = json!({"identities": [ada, format!("pos:card:{SECRET}")], "fields": {"nickname": SECRET}});
    let made = api.post("/v1/members", &new);
    assert_eq!(made.status, 201, "{}", made.body);
    let claim = json!({"specversion": "1.0", "source": "shop", "id": "claim", "type": "referral.claimed", "subject": ada,
        "time": jiff::Timestamp::now().to_string(), "data": {"code": bo["referral"]["code"]}});
    assert_eq!(text(&api.event(&claim).json(), "status"), "applied");
    api.event(&order("a1", &ada, "30"));
    let said = api.event(&review("v1", &ada, SECRET)).json();
    assert_eq!(said["emitted"][0]["data"]["text"], SECRET, "{said}");
    let cy = format!("email:cy-{SECRET}@example.com");
    api.event(&order("c1", &cy, "10"));
    let merged = api.post(&format!("/v1/members/{ada}/merge"), &json!({"absorb": cy}));
    assert_eq!(merged.status, 200, "{}", merged.body);
    let taken = json!({"member": ada, "reward": "film", "confirm": true});
    assert_eq!(api.post("/v1/redemptions", &taken).status, 201);
    let early = json!({"specversion": "1.0", "source": "shop", "id": "r0", "type": "order.refunded", "subject": ada,
        "time": "2026-11-20T12:00:00Z", "data": {"order": "later", "currency": "EUR", "note": SECRET}});
    assert_eq!(text(&api.event(&early).json(), "status"), "waiting");
    // The same event again with another body is kept aside, and names her.
    assert_eq!(api.event(&order("a1", &ada, "31")).status, 409);
    text(&merged.json(), "id").to_owned()
}

#[test]
fn everything_about_a_member_is_told() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let id = fill(&mut api);
    let export = api.get(&format!("/v1/members/{id}/export"));
    assert_eq!(export.status, 200, "{}", export.body);
    let export = export.json();
    assert_eq!(export["member"]["id"], json!(id));
    assert_eq!(export["document"]["fields"]["nickname"], SECRET);
    let names = export["member"]["identities"].as_array().map_or(0, Vec::len);
    assert_eq!(names, 3, "{}", export["member"]);
    let events = export["events"].as_array().cloned().unwrap_or_default();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    let counts =
        ["member.enrolled", "order.paid", "review.posted", "order.refunded", "fealty.merged"].map(of);
    assert_eq!(counts, [1, 2, 1, 1, 1], "with those of whom she absorbed");
    let review = events.iter().find(|event| event["type"] == "review.posted").cloned().unwrap_or_default();
    assert_eq!(review["data"]["text"], SECRET);
    assert_eq!(export["redemptions"].as_array().map(Vec::len), Some(1));
    let moved = export["transfers"].as_array().cloned().unwrap_or_default();
    assert!(moved.iter().any(|one| one["kind"] == "spend") && moved.len() >= 5, "{moved:?}");
    assert_eq!(api.get("/v1/members/email:no@example.com/export").status, 404);
}

/// Files of the data folder whose bytes hold the secret, used pages or not.
fn where_it_stands(data: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("data")).expect("there is data");
    let holds = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).expect("it can be read");
        bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
    };
    let paths = files.map(|file| file.expect("it can be listed").path()).filter(holds);
    paths.map(|path| path.display().to_string()).collect()
}

#[test]
fn what_is_erased_is_nowhere_and_everything_still_adds_up() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let id = fill(&mut api);
    let bo = |api: &mut Api| api.get("/v1/members/email:bo@example.com").json()["wallets"]["points"].clone();
    let before = bo(&mut api);
    api.server.stop();
    assert!(!where_it_stands(&api.server.launch.data).is_empty(), "the test looks where it is");
    api.restart(|_| ());
    let erased = api.call("DELETE", &format!("/v1/members/{id}"), &[], b"");
    assert_eq!(erased.status, 200, "{}", erased.body);
    let left = erased.json();
    assert_eq!(
        (&left["identities"], &left["fields"], &left["erased"]),
        (&json!([]), &json!({}), &json!(true))
    );
    assert_eq!(left["wallets"]["points"]["available"], 36, "30 and 10 earned, 1 for the review, 5 spent");
    for name in [format!("email:{SECRET}@example.com"), format!("email:cy-{SECRET}@example.com")] {
        assert_eq!(api.get(&format!("/v1/members/{name}")).status, 404);
    }
    assert_eq!(api.get("/v1/quarantine").json()["items"].as_array().map(Vec::len).unwrap_or(0), 0);
    // The order can still come back, and nothing else is heard.
    let back = json!({"specversion": "1.0", "source": "shop", "id": "r1", "type": "order.refunded",
        "time": "2026-11-20T13:00:00Z", "data": {"order": "a1", "currency": "EUR"}});
    assert_eq!(text(&api.event(&back).json(), "status"), "applied");
    let late = api.event(&review("v2", &id, "hello")).json();
    assert_eq!(
        (text(&late, "status"), text(&late["refusal"], "code")),
        ("refused", "member_erased"),
        "{late}"
    );
    let same = api.event(&order("a1", &format!("email:{SECRET}@example.com"), "30")).json();
    assert_eq!(same["duplicate"], true, "{same}");
    assert_eq!(bo(&mut api), before, "what she brought him stays his");
    for path in ["/v1/events/v1", "/v1/events/v1/explanation", "/v1/events/a1/explanation"] {
        let told = api.get(path);
        assert!(told.status == 200 && !told.body.contains(SECRET), "{path}: {}", told.body);
    }
    let again = api.call("DELETE", &format!("/v1/members/{id}"), &[], b"");
    assert_eq!(again.status, 200, "{}", again.body);
    api.event(&order("b2", "email:bo@example.com", "7"));
    api.event(&order("d2", "email:di@example.com", "7"));
    // Also for those who decide everything again: but Bo, whom her events paid, only strangers can be, and what was
    // before them.
    api.server.stop();
    // Unused pages and the log hold old bytes until they are written over; the operator may have that done at once.
    let file = api.server.launch.data.join("data/fealty.db");
    let clean = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
    let run = std::process::Command::new("sqlite3").arg(file).arg(clean).status().expect("sqlite3 is there");
    assert!(run.success());
    assert_eq!(where_it_stands(&api.server.launch.data), Vec::<String>::new());
    let (code, printed) = api.server.launch.run(&["verify", "--replay", "--json"]);
    let report: Value = serde_json::from_str(printed.lines().next().unwrap_or_default()).unwrap_or_default();
    assert_eq!(code, Some(0), "{printed}");
    assert!(report["redacted"].as_u64() > Some(8) && report["replayed"].as_u64() == Some(3), "{report}");
    let rows = report["rows"].as_u64().unwrap_or(0);
    assert_eq!(report["passed_over"].as_u64(), Some(rows - 3), "{report}");
    api.restart(|_| ());
    let after = api.get(&format!("/v1/members/{id}")).json();
    assert_eq!((&after["erased"], &after["identities"]), (&json!(true), &json!([])));
}

#[test]
fn who_was_somebody_else_for_a_while_is_erased_there_too() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let (di, cy) = ("email:di@example.com", &format!("email:cy-{SECRET}@example.com"));
    api.event(&order("d1", di, "40"));
    let id = text(&api.event(&order("c1", cy, "10")).json(), "member").to_owned();
    let path = |act: &str| format!("/v1/members/{di}/{act}");
    assert_eq!(api.post(&path("merge"), &json!({"absorb": cy})).status, 200);
    api.event(&order("c2", cy, "5"));
    api.event(&review("v1", cy, "hello"));
    api.event(&order("d2", di, "5"));
    let parted = api.post(&path("unmerge"), &json!({"absorbed": id}));
    assert_eq!(parted.status, 200, "{}", parted.body);
    let before = api.get(&format!("/v1/members/{di}")).json();
    let erased = api.call("DELETE", &format!("/v1/members/{id}"), &[], b"");
    assert_eq!(erased.status, 200, "{}", erased.body);
    assert_eq!(api.get(&format!("/v1/members/{di}")).json(), before);
    api.server.stop();
    let file = api.server.launch.data.join("data/fealty.db");
    let clean = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
    let run = std::process::Command::new("sqlite3").arg(file).arg(clean).status().expect("sqlite3 is there");
    assert!(run.success());
    assert_eq!(where_it_stands(&api.server.launch.data), Vec::<String>::new());
}

#[test]
fn who_is_erased_while_he_earns_is_erased() {
    let api = Api::of(launch().with_program(PROGRAM));
    let mut first = api.server.client();
    let kind = [("Content-Type", "application/cloudevents+json")];
    let post = |http: &mut testkit::http::Client, event: &Value| {
        let answer = http.request("POST", "/v1/events", &kind, event.to_string().as_bytes());
        answer.map(|answer| answer.json()).unwrap_or_default()
    };
    let who = format!("email:{SECRET}@example.com");
    let id = text(&post(&mut first, &order("o", &who, "1")), "member").to_owned();
    let members: Vec<String> = std::thread::scope(|scope| {
        let earn = |client: usize| {
            let (mut http, who) = (api.server.client(), who.clone());
            move || {
                (0..40)
                    .map(|n| {
                        text(&post(&mut http, &order(&format!("{client}-{n}"), &who, "1")), "member")
                            .to_owned()
                    })
                    .collect::<Vec<_>>()
            }
        };
        let earning: Vec<_> = (0..4).map(|client| scope.spawn(earn(client))).collect();
        let mut http = api.server.client();
        let gone = http.request("DELETE", &format!("/v1/members/{id}"), &[], b"").map(|answer| answer.status);
        assert_eq!(gone.ok(), Some(200));
        earning.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    // What came before is his, what came after is somebody new's, who has the name now.
    let new = first.get(&format!("/v1/members/{who}")).map(|answer| answer.json()).unwrap_or_default();
    let points = |member: &Value| member["wallets"]["points"]["available"].as_u64().unwrap_or(0);
    let old = first.get(&format!("/v1/members/{id}")).map(|answer| answer.json()).unwrap_or_default();
    assert_eq!((&old["erased"], points(&old) + points(&new)), (&json!(true), 161));
    assert_eq!(members.iter().filter(|member| **member == id).count() as u64 + 1, points(&old));
    let export = first.get(&format!("/v1/members/{id}/export")).map(|answer| answer.body).unwrap_or_default();
    assert!(export.contains("order.paid") && !export.contains(SECRET), "{export}");
}

/// Decided again, she is a stranger who names an order of somebody else: that is no breach.
#[test]
fn what_was_refused_to_one_who_is_erased_since_is_no_breach() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    api.event(&order("o1", "email:cy@example.com", "10"));
    let new = json!({"identities": [format!("email:{SECRET}@example.com")]});
    let her = text(&api.post("/v1/members", &new).json(), "id").to_owned();
    let back = json!({"specversion": "1.0", "source": "shop", "id": "r2", "type": "order.refunded",
        "subject": format!("email:{SECRET}@example.com"), "time": "2026-11-20T12:00:00Z",
        "data": {"order": "o1", "currency": "EUR", "amount": "4"}});
    let refused = api.event(&back).json();
    assert_eq!(refused["refusal"]["code"], "order_of_another_member", "{refused}");
    assert_eq!(api.call("DELETE", &format!("/v1/members/{her}"), &[], b"").status, 200);
    // The end of this test replays all of it.
}
