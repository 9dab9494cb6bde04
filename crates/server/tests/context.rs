//! Member context: what it says, that it contradicts nothing else that is told of the member, its tag, its stream.

mod common;

use std::time::{Duration, Instant};

use common::{Api, launch, order};
use serde_json::{Value, json};
use testkit::http::Response;
use testkit::stream::Stream;

const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin", sandbox = true }
wallets.points = { expires = "31 days" }
wallets.family = {}
wallets.idle = { expires = "60 days idle" }
households = { share = ["family"] }
member.nickname = "string?"
counters.spend = { on = "order.paid", add = 'order.subtotal' }
counters.orders = { on = "order.paid", per = "year" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.family = { on = "order.paid", earn.family = 1 }
rules.idle = { on = "order.paid", earn.idle = 2 }
achievements.card = { needs.orders = 5, repeat = true, earn.points = 5 }
segments.regulars = 'counters.spend >= 100'
rewards.mug = { name = "A mug", cost.points = 40, gives.product = "mug" }
rewards.bag = { cost.points = 60, gives.product = "bag" }
rewards.car = { cost.points = 1000, gives.product = "car" }
rewards.secret = { when = 'counters.spend >= 5000', cost.points = 1, gives.product = "key" }

[tiers.status]
keep = "3 months"
levels = [{ id = "basic" }, { id = "gold", needs.spend = 100, benefits = ["delivery"] }, { id = "black", needs.orders = 4 }]
"#;

const ADA: &str = "email:ada@example.com";
const BO: &str = "email:bo@example.com";

fn api() -> Api {
    Api::of(launch().with_program(PROGRAM))
}

/// Now, of these lines: (id, category, price).
fn bought(id: &str, who: &str, lines: &[(&str, &str, &str)]) -> Value {
    let items: Vec<Value> = lines
        .iter()
        .map(|(id, category, price)| json!({"id": id, "category": category, "quantity": 1, "price": price}))
        .collect();
    json!({"specversion": "1.0", "source": "shop", "id": id, "type": "order.paid", "subject": who,
        "data": {"id": id, "currency": "EUR", "items": items}})
}

fn back(id: &str, order: &str, item: &str) -> Value {
    json!({"specversion": "1.0", "source": "shop", "id": id, "type": "order.refunded",
        "data": {"id": id, "order": order, "items": [{"id": item, "quantity": 1}]}})
}

fn ask(api: &mut Api, who: &str, have: Option<&str>) -> Response {
    let headers: Vec<(&str, &str)> = have.map(|tag| ("If-None-Match", tag)).into_iter().collect();
    api.call("GET", &format!("/v1/members/{who}/context"), &headers, b"")
}

/// The document, held against what else is told of the member.
fn context(api: &mut Api, who: &str) -> Value {
    let answer = ask(api, who, None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.len() <= 8_192, "{} bytes", answer.body.len());
    let told = answer.json();
    let member = api.get(&format!("/v1/members/{who}")).json();
    assert_eq!((&told["member"], &told["enrolled_at"]), (&member["id"], &member["enrolled_at"]));
    let mut ends: Vec<Value> = Vec::new();
    for (id, wallet) in member["wallets"].as_object().into_iter().flatten() {
        for amount in ["available", "pending", "debt"] {
            assert_eq!(told["wallets"][id][amount], wallet[amount], "{id} {amount}: {told}\n{member}");
        }
        for end in wallet["expiring"].as_array().into_iter().flatten() {
            let mut end = end.clone();
            end["wallet"] = json!(id);
            ends.push(end);
        }
    }
    ends.sort_by_key(|end| end["at"].as_str().map(str::to_owned));
    assert_eq!(told["expiring"], json!(ends));
    assert_eq!(told["tiers"], member["tiers"]);
    assert_eq!(told["achievements"], member["achievements"]);
    assert_eq!(told["segments"], member["segments"]);
    let offered = api.get(&format!("/v1/rewards?member={who}")).json();
    let cart = json!({"member": who, "order": {"subtotal": 0}});
    // Nothing is quoted to who is erased.
    let erased = member["erased"] == true;
    let quote = api.post("/v1/quotes", &cart).json();
    assert!(erased || told["tiers"] == quote["tiers"], "{told}\n{quote}");
    let by_id = |list: &Value, id: &Value| {
        let found = list.as_array().into_iter().flatten().find(|one| one["id"] == *id);
        found.cloned().unwrap_or_else(|| panic!("{id} is not in {list}"))
    };
    assert_eq!(told["rewards"].as_array().map(Vec::len), offered["rewards"].as_array().map(Vec::len));
    for reward in told["rewards"].as_array().into_iter().flatten() {
        for other in [&offered["rewards"], &quote["rewards"]].into_iter().take(if erased { 1 } else { 2 }) {
            let other = by_id(other, &reward["id"]);
            assert_eq!((&reward["within_reach"], &reward["cost"]), (&other["within_reach"], &other["cost"]));
            assert_eq!(reward["refusal"]["code"], other["refusal"]["code"], "{told}");
        }
    }
    told
}

fn kinds(told: &Value) -> Vec<(&str, &str)> {
    let steps = told["next_best"].as_array().into_iter().flatten();
    steps.filter_map(|step| Some((step["kind"].as_str()?, step["say"].as_str()?))).collect()
}

#[test]
fn it_says_what_there_is_to_know() {
    let mut api = api();
    api.event(&bought("o1", ADA, &[("a", "coffee", "30"), ("b", "tea", "25")]));
    api.event(&bought("o2", ADA, &[("a", "coffee", "14.50")]));
    let told = context(&mut api, ADA);
    assert_eq!(told["wallets"]["points"], json!({"available": 69, "pending": 0, "debt": 0}), "{told}");
    assert_eq!(told["tiers"]["status"]["next"], json!({"level": "gold", "missing": {"spend": "30.5"}}));
    assert_eq!(
        told["favourites"],
        json!([
            {"category": "coffee", "orders": 2, "spent": "44.5"},
            {"category": "tea", "orders": 1, "spent": "25"},
        ])
    );
    let rfm = &told["rfm"];
    assert_eq!((&rfm["frequency"], &rfm["money"]), (&json!(2), &json!({"EUR": "69.5"})), "{rfm}");
    assert_eq!((&rfm["since"], rfm["recency_days"].as_i64() <= Some(1)), (&Value::Null, true));
    assert_eq!(rfm["last_order_at"], told["recent"][0]["at"]);
    assert_eq!(
        (&told["recent"][0]["order"], &told["recent"][0]["points"]),
        (
            &json!({"id": "o2", "total": "14.5", "currency": "EUR"}),
            &json!({"points": 14, "family": 1, "idle": 2})
        )
    );
    let order: Vec<&Value> = told["rewards"].as_array().into_iter().flatten().map(|r| &r["id"]).collect();
    assert_eq!(order, ["bag", "mug", "car", "secret"]);
    assert_eq!(told["rewards"][2]["refusal"]["missing"], json!({"points": 931}));
    assert_eq!(
        kinds(&told),
        [
            ("take_reward", "take bag now for 60 points"),
            ("reach_level", "30.5 more spend to reach gold"),
            ("complete_achievement", "3 more orders to complete card"),
            ("save_for_reward", "931 more points for car"),
        ]
    );
    // What came back is not what he likes, and lowers what he spent.
    api.event(&back("r1", "o1", "b"));
    let told = context(&mut api, ADA);
    assert_eq!(told["favourites"], json!([{"category": "coffee", "orders": 2, "spent": "44.5"}]));
    assert_eq!(told["rfm"]["money"], json!({"EUR": "44.5"}));
    assert_eq!(told["recent"][0]["points"]["points"], -25, "{told}");
    let order = json!({"id": "o1", "total": "55", "left": "30", "currency": "EUR"});
    assert_eq!(
        (&told["recent"][0]["order"], &told["recent"][2]["order"]),
        (&order, &order),
        "as it now stands"
    );
    assert_eq!(kinds(&told)[0], ("take_reward", "take A mug now for 40 points"));
    api.event(&back("r2", "o1", "a"));
    let told = context(&mut api, ADA);
    assert_eq!((&told["rfm"]["frequency"], &told["favourites"][0]["orders"]), (&json!(1), &json!(1)));
    let ask = json!({"member": ADA, "reward": "mug"});
    assert_eq!(api.post("/v1/redemptions", &ask).status, 409);
    let given = json!({"wallet": "points", "amount": 100, "reason": "goodwill"});
    api.post(&format!("/v1/members/{ADA}/adjustments"), &given);
    assert_eq!(api.post("/v1/redemptions", &ask).status, 201);
    let told = context(&mut api, ADA);
    assert_eq!(
        (&told["recent"][0]["rewards"], &told["recent"][0]["points"]),
        (&json!(["mug"]), &json!({"points": -40}))
    );
    assert_eq!(told["recent"].as_array().map(Vec::len), Some(5));
}

#[test]
fn its_tag_holds_as_long_as_nothing_changed() {
    let mut api = api();
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    let first = ask(&mut api, ADA, None);
    let tag = first.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 20, "strong: {tag}");
    let same = ask(&mut api, ADA, Some(&tag));
    assert_eq!((same.status, &*same.body, same.header("etag")), (304, "", Some(&*tag)));
    assert_eq!(ask(&mut api, ADA, Some(&format!("\"x\", W/{tag}"))).status, 304);
    // Others' events are none of hers; the same event again changes nothing.
    api.event(&bought("o2", BO, &[("a", "coffee", "30")]));
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    assert_eq!(ask(&mut api, ADA, Some(&tag)).status, 304);
    let mut tags = vec![tag];
    api.event(&bought("o3", ADA, &[("a", "tea", "80")]));
    tags.push(ask(&mut api, ADA, Some(&tags[0])).header("etag").expect("a tag").to_owned());
    api.event(&back("r1", "o3", "a"));
    tags.push(ask(&mut api, ADA, None).header("etag").expect("a tag").to_owned());
    api.post("/v1/clock", &json!({"advance": "40 days"}));
    tags.push(ask(&mut api, ADA, None).header("etag").expect("a tag").to_owned());
    let other = PROGRAM.replace("needs.spend = 100", "needs.spend = 90");
    let kind = [("Content-Type", "application/toml")];
    assert_eq!(api.call("PUT", "/v1/program", &kind, other.as_bytes()).status, 201);
    tags.push(ask(&mut api, ADA, None).header("etag").expect("a tag").to_owned());
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 5, "each is another document: {tags:?}");
}

#[test]
fn time_ends_points_and_levels_and_says_so_before() {
    let mut api = api();
    api.event(&bought("o1", ADA, &[("a", "coffee", "120")]));
    let told = context(&mut api, ADA);
    let gold = &told["tiers"]["status"];
    assert_eq!((&gold["level"], &gold["keep"]), (&json!("gold"), &json!({"missing": {}})), "{told}");
    // A year's counter begins anew with the year.
    assert!(gold["next"]["by"].as_str().is_some_and(|by| by.ends_with("-12-31T23:00:00Z")), "{gold}");
    assert_eq!(told["expiring"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        told["expiring"][1],
        json!({"wallet": "idle", "amount": 2, "idle": true, "at": told["expiring"][1]["at"]})
    );
    api.post("/v1/clock", &json!({"advance": "2 days"}));
    let told = context(&mut api, ADA);
    let end = &told["next_best"][0];
    assert_eq!(
        (&end["kind"], &end["amount"], &end["reward"]),
        (&json!("points_end"), &json!(120), &json!("bag"))
    );
    assert_eq!(end["at"], told["expiring"][0]["at"]);
    api.post("/v1/clock", &json!({"advance": "30 days"}));
    let told = context(&mut api, ADA);
    assert_eq!(told["wallets"]["points"]["available"], 0);
    assert_eq!(
        (&told["recent"][0]["type"], &told["recent"][0]["points"]),
        (&json!("fealty.due"), &json!({"points": -120}))
    );
    assert_eq!(told["rfm"]["recency_days"].as_i64().map(|days| (32..=33).contains(&days)), Some(true));
    assert!(
        told["rewards"].as_array().into_iter().flatten().all(|one| one["within_reach"] == false),
        "{told}"
    );
}

#[test]
fn a_level_that_a_yearly_counter_gave_must_be_earned_again() {
    let program = PROGRAM
        .replace(
            "counters.spend = { on = \"order.paid\",",
            "counters.spend = { on = \"order.paid\", per = \"1 month\",",
        )
        .replace("keep = \"3 months\"", "keep = \"2 months\"");
    let mut api = Api::of(launch().with_program(&program));
    api.event(&bought("o1", ADA, &[("a", "coffee", "120")]));
    let keep = |told: &Value| told["tiers"]["status"]["keep"].clone();
    // What was spent by now is no longer in the month before the level ends.
    let told = context(&mut api, ADA);
    assert_eq!(keep(&told), json!({"missing": {"spend": "100"}}), "{told}");
    api.post("/v1/clock", &json!({"advance": "45 days"}));
    api.event(&bought("o2", ADA, &[("a", "coffee", "80")]));
    let told = context(&mut api, ADA);
    assert_eq!(keep(&told), json!({"missing": {"spend": "20"}}), "{told}");
    assert!(
        kinds(&told).iter().any(|(kind, say)| *kind == "keep_level" && say.starts_with("20 more spend by "))
    );
    api.event(&bought("o3", ADA, &[("a", "coffee", "20")]));
    assert_eq!(keep(&context(&mut api, ADA)), json!({"missing": {}}));
    api.post("/v1/clock", &json!({"advance": "20 days"}));
    assert_eq!(context(&mut api, ADA)["tiers"]["status"]["level"], "gold", "as it was promised");
}

const WINDOWS: [&str; 5] = ["life", "month", "year", "2 months", "12 months"];
const KEEPS: [&str; 5] =
    ["1 month", "end of month", "end of next month", "end of year", "3 months, end of month"];
const LAPSES: [&str; 3] = ["requalify", "one_down", "stay"];

/// A ladder for each window that a counter may have, all kept so.
fn ladders(kept: usize) -> String {
    let mut program = String::from(
        "program = { id = \"test\", currency = \"EUR\", timezone = \"Europe/Berlin\", sandbox = true }\n\
         wallets.points = {}\nrules.base = { on = \"order.paid\", earn.points = 1 }\n",
    );
    let mut tiers = String::new();
    for (n, per) in WINDOWS.iter().enumerate() {
        program += &format!("counters.c{n} = {{ on = \"order.paid\", per = \"{per}\" }}\n");
        let (keep, lapse) = (KEEPS[kept], LAPSES[(kept + n) % 3]);
        let grace = if (kept + n).is_multiple_of(2) { "" } else { "grace = \"10 days\"\n" };
        tiers += &format!(
            "[tiers.l{n}]\nkeep = \"{keep}\"\nlapse = \"{lapse}\"\n{grace}levels = [{{ id = \"low\" }}, \
             {{ id = \"mid\", needs.c{n} = 1 }}, {{ id = \"high\", needs.c{n} = 3 }}]\n"
        );
    }
    program + &tiers
}

/// Over fourteen months in steps of nine days, with orders now and then: a level that ends without an order in between
/// goes as was said just before.
#[test]
fn what_is_said_to_hold_a_level_holds_it() {
    let (mut held, mut lost) = (0, 0);
    for keep in 0..KEEPS.len() {
        let mut api = Api::of(launch().with_program(&ladders(keep)));
        let tiers = |api: &mut Api| ask(api, ADA, None).json()["tiers"].clone();
        (0..3).for_each(|n| drop(api.event(&bought(&format!("o{n}"), ADA, &[("a", "tea", "1")]))));
        let mut before = tiers(&mut api);
        for step in 0..48 {
            if [4, 5, 12, 13, 14, 26, 27, 38].contains(&step) {
                api.event(&bought(&format!("p{step}"), ADA, &[("a", "tea", "1")]));
                before = tiers(&mut api);
            }
            let clock = api.post("/v1/clock", &json!({"advance": "9 days"})).json();
            let after = tiers(&mut api);
            for (ladder, was) in before.as_object().into_iter().flatten() {
                let is = &after[ladder];
                let ended = was["until"].as_str().is_some_and(|until| Some(until) <= clock["now"].as_str());
                // Within its grace nothing is decided yet.
                if !ended || is["until"] == was["until"] {
                    continue;
                }
                // Nothing is said where it stays whatever happens, or nothing holds it.
                let missing = was["keep"]["missing"].as_object();
                let lapse =
                    ladder.trim_start_matches('l').parse().map_or("", |n: usize| LAPSES[(keep + n) % 3]);
                let stays = missing.map_or(lapse == "stay", |missing| missing.is_empty());
                assert_eq!(is["level"] == was["level"], stays, "{} {ladder}: {was} became {is}", KEEPS[keep]);
                *(if stays { &mut held } else { &mut lost }) += 1;
            }
            before = after;
        }
    }
    assert!(held > 20 && lost > 20, "{held} held, {lost} lost");
}

#[test]
fn merged_erased_and_unknown_members_are_as_everywhere() {
    let mut api = api();
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    api.event(&bought("o2", BO, &[("a", "tea", "40")]));
    let bo = context(&mut api, BO)["member"].as_str().unwrap_or_default().to_owned();
    let merged = api.post(&format!("/v1/members/{ADA}/merge"), &json!({"absorb": BO}));
    assert_eq!(merged.status, 200, "{}", merged.body);
    let told = context(&mut api, ADA);
    assert_eq!(context(&mut api, &bo), told, "he stands for her");
    assert_eq!(context(&mut api, BO), told);
    assert_eq!(told["rfm"]["money"], json!({"EUR": "70"}));
    assert_eq!(told["favourites"].as_array().map(Vec::len), Some(2));
    let id = told["member"].as_str().unwrap_or_default().to_owned();
    assert_eq!(api.call("DELETE", &format!("/v1/members/{ADA}"), &[], b"").status, 200);
    assert_eq!(ask(&mut api, ADA, None).status, 404);
    let told = context(&mut api, &id);
    assert_eq!((&told["erased"], &told["wallets"]["points"]["available"]), (&json!(true), &json!(70)));
    assert_eq!(told["next_best"], json!([]), "nobody is there to do it");
    for (who, status, code) in [
        ("email:nobody@example.com", 404, "not_found"),
        ("mem_0000000000000", 404, "not_found"),
        ("nobody", 422, "request_invalid"),
    ] {
        for path in ["context", "context/stream"] {
            let answer = api.get(&format!("/v1/members/{who}/{path}"));
            assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{who}");
        }
    }
}

#[test]
fn who_absorbed_many_has_the_orders_of_them_all() {
    let (mut api, name) = (api(), |n: u32| format!("email:m{n}@example.com"));
    for n in 0..6 {
        api.event(&bought(&format!("o{n}"), &name(n), &[("a", "tea", "1")]));
    }
    for n in 1..6 {
        api.post(&format!("/v1/members/{}/merge", name(0)), &json!({"absorb": name(n)}));
    }
    // They have 21 rows: all but that of the first order are looked at.
    let rfm = context(&mut api, &name(0))["rfm"].take();
    assert_eq!((&rfm["frequency"], rfm["since"].is_string()), (&json!(5), true), "{rfm}");
}

#[test]
fn a_household_shares_what_it_shares() {
    let mut api = api();
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    api.event(&bought("o2", BO, &[("a", "tea", "40")]));
    let joined = api.post(&format!("/v1/members/{ADA}/household"), &json!({"with": BO}));
    assert_eq!(joined.status, 200, "{}", joined.body);
    assert_eq!(context(&mut api, ADA)["wallets"]["family"]["available"], 2);
    let home = joined.json()["household"]["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(ask(&mut api, &home, None).json()["wallets"]["family"]["available"], 2);
    let mut ada = stream(&api, ADA, None);
    assert_eq!(ada.change().unwrap().json()["wallets"]["family"]["available"], 2);
    api.event(&bought("o3", BO, &[("a", "tea", "1")]));
    let told = ada.change().unwrap().json();
    assert_eq!(told["wallets"]["family"]["available"], 3, "what a housemate brings is told, too");
    assert_eq!(told, context(&mut api, ADA));
}

#[test]
fn names_are_told_to_those_who_may_see_them() {
    let mut api = api();
    let new = json!({"identities": [ADA], "fields": {"nickname": "Countess"}});
    assert_eq!(api.post("/v1/members", &new).status, 201);
    let path = format!("/v1/members/{ADA}/context");
    let bare = api.get(&path).body;
    assert!(!bare.contains("ada@") && !bare.contains("Countess"), "{bare}");
    let told = api.get(&format!("{path}?include=personal")).json();
    assert_eq!(told["personal"], json!({"identities": [ADA], "fields": {"nickname": "Countess"}}));
    assert_eq!(api.get(&format!("{path}?include=all")).json()["code"], "query_invalid");
    let (_, out) = api.server.launch.run(&["keys", "create", "--name", "agent", "--scope", "context:read"]);
    let key = out.split_whitespace().find(|word| word.starts_with("lk_live_")).expect("a key");
    let mut agent = api.with_key(key);
    let began = Instant::now();
    while agent.get(&path).unwrap().status != 200 {
        assert!(began.elapsed() < Duration::from_secs(10), "the key counts soon");
        std::thread::yield_now();
    }
    assert_eq!(agent.get(&path).unwrap().body, bare);
    for denied in [&*format!("{path}?include=personal"), &format!("/v1/members/{ADA}")] {
        assert_eq!(agent.get(denied).unwrap().status, 403, "{denied}");
    }
}

fn stream(api: &Api, who: &str, last: Option<&str>) -> Stream {
    let server = &api.server;
    let path = format!("/v1/members/{who}/context/stream");
    let stream = Stream::open(&server.address, &server.launch.key, &path, last).unwrap();
    assert_eq!(stream.status, 200, "{:?}", stream.headers);
    stream
}

#[test]
fn a_stream_tells_the_document_anew_when_it_changed() {
    let mut api = api();
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    let mut live = stream(&api, ADA, None);
    let first = live.change().unwrap();
    assert_eq!((&*first.event, first.json()), ("context", context(&mut api, ADA)));
    assert_eq!(ask(&mut api, ADA, None).header("etag"), Some(&*format!("\"{}\"", first.id)));
    // One change, one document; what others do is not told, nor what changes nothing.
    api.event(&bought("o2", BO, &[("a", "coffee", "30")]));
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    api.event(&bought("o3", ADA, &[("a", "coffee", "90")]));
    let second = live.change().unwrap();
    assert_eq!(second.json(), context(&mut api, ADA));
    assert_eq!(second.json()["tiers"]["status"]["level"], "gold");
    // Many at once are told as few, and the last is what holds.
    let batch: Vec<Value> = (0..200).map(|n| order(&format!("b{n}"), ADA, "1.00")).collect();
    let kind = [("Content-Type", "application/cloudevents-batch+json")];
    api.call("POST", "/v1/events", &kind, json!(batch).to_string().as_bytes());
    let (mut told, last) = (0, context(&mut api, ADA));
    loop {
        told += 1;
        let document = live.change().unwrap();
        if document.json() == last {
            break;
        }
    }
    assert!(told <= 20, "{told} documents of one burst");
    // Time wakes it as events do.
    api.post("/v1/clock", &json!({"advance": "40 days"}));
    let ended = loop {
        let document = live.change().unwrap();
        if document.json()["wallets"]["points"]["available"] == 0 {
            break document;
        }
    };
    // Whoever comes again with what is still so is not told it again.
    let mut again = stream(&api, ADA, Some(&ended.id));
    let sent = again.sent().unwrap();
    assert_eq!((&*sent.id, &*sent.data), (&*ended.id, ""));
    assert_eq!(stream(&api, ADA, Some(&first.id)).change().unwrap().json(), ended.json());
    api.server.stop();
    assert!(again.change().is_err(), "it ends with the server");
}

#[test]
fn it_stays_small() {
    use std::fmt::Write as _;
    let mut program = PROGRAM.to_owned();
    let head = program.find("[tiers.status]").expect("a ladder");
    let mut many = String::new();
    for n in 0..150 {
        let _ = writeln!(
            many,
            "rewards.reward_number_{n} = {{ name = \"{}\", cost.points = {n}, gives.product = \"p\" }}",
            "x".repeat(60)
        );
        let _ = writeln!(many, "segments.segment_number_{n} = 'counters.spend >= 0'");
    }
    program.insert_str(head, &many);
    let mut api = Api::of(launch().with_program(&program));
    api.event(&bought("o1", ADA, &[("a", "coffee", "30")]));
    let answer = ask(&mut api, ADA, None);
    let told = answer.json();
    assert!(answer.body.len() <= 8_192 && told["rewards"].as_array().map(Vec::len) > Some(4), "{told}");
    for list in ["rewards", "segments"] {
        let (shown, more) = (told[list].as_array().map(Vec::len), told["more"][list].as_u64());
        assert!(shown.zip(more).is_some_and(|(shown, more)| shown as u64 + more >= 150), "{list}: {told}");
    }
}
