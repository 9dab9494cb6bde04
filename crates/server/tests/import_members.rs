//! Members of other products from their CSV exports: balances, levels and dates once each, mistakes by line, a kill in the
//! middle. The people are made up.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::{Api, launch, order};
use serde_json::{Value, json};
use testkit::Launch;

/// What would pay those who come: rules that hear an enrolment, a level, a birthday, a silence, points.
const PROGRAM: &str = r#"
program = { id = "test", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "12 months" }
member = { first_name = "string?", newsletter = "bool = false" }
counters.spend = { on = "order.paid", add = 'order.subtotal' }
referrals = { on = "order.paid" }
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.welcome = { on = "member.enrolled", earn.points = 100 }
rules.lifted = { on = "tier.changed", when = 'tier.up', earn.points = 500 }
rules.birthday = { on = { yearly = "member.birthday", at = "08:00" }, earn.points = 50 }
rules.joined = { on = { yearly = "member.enrolled_on", at = "08:00" }, earn.points = 60 }
rules.silent = { on = { idle = "6 months", of = ["order.paid"] }, earn.points = 7 }
[tiers.status]
keep = "12 months"
levels = [
  { id = "bronze", name = "Bronze" },
  { id = "silver", name = "Silver", needs.spend = 300 },
  { id = "gold", name = "Gold", needs.spend = 900 },
]
"#;

fn export(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exports").join(name).to_string_lossy().into_owned()
}

fn import(launch: &Launch, args: &[&str]) -> (Option<i32>, Value) {
    let (code, out) =
        launch.run(&[&["import", "members", "--program", "program.toml", "--json"], args].concat());
    let told = out.lines().find_map(|line| serde_json::from_str(line).ok());
    (code, told.unwrap_or_else(|| panic!("{code:?} {out}")))
}

fn counts(told: &Value) -> [u64; 6] {
    ["rows", "new", "came_before", "differ", "wrong", "written"].map(|name| told[name].as_u64().unwrap_or(99))
}

fn member(api: &mut Api, name: &str) -> Value {
    let found = api.get(&format!("/v1/members/{name}"));
    assert_eq!(found.status, 200, "{name}: {}", found.body);
    found.json()
}

#[test]
fn members_of_smile_come_with_all_they_had_and_nothing_else_pays_them() {
    let launch = launch().with_program(PROGRAM);
    let file = export("smile.csv");
    let (code, dry) = import(&launch, &["--from", "smile", "--dry-run", &file]);
    assert_eq!((code, counts(&dry)), (Some(0), [6, 4, 0, 0, 0, 0]), "{dry}");
    assert_eq!(dry["left_out"], json!({"guest": 1, "excluded": 1}));
    assert_eq!(dry["levels"], json!({"bronze": 1, "silver": 1, "gold": 1}));
    assert_eq!(dry["points"], 2327);
    assert!(!launch.data.join("data").exists(), "a dry run makes no data");
    let (code, told) = import(&launch, &["--from", "smile", &file]);
    assert_eq!((code, counts(&told)), (Some(0), [6, 4, 0, 0, 0, 4]), "{told}");
    let (code, again) = import(&launch, &["--from", "smile", &file]);
    assert_eq!((code, counts(&again)), (Some(0), [6, 0, 4, 0, 0, 0]), "{again}");
    // Guests may come later.
    let (_, guests) = import(&launch, &["--from", "smile", "--guests", &file]);
    assert_eq!(counts(&guests), [6, 1, 4, 0, 0, 1], "{guests}");
    let mut api = Api::of(launch);
    let ada = member(&mut api, "email:ada@example.com");
    assert_eq!(ada["enrolled_at"], "2021-04-04T15:10:42.03Z", "{ada}");
    assert_eq!(
        (&ada["fields"]["first_name"], &ada["fields"]["newsletter"], &ada["fields"]["birthday"]),
        (&json!("Ada"), &json!(true), &json!("1990-05-27"))
    );
    let text = ada.to_string();
    assert!(text.contains("\"1200\"") || text.contains(":1200"), "{text}");
    assert!(text.contains("gold") && text.contains("referral:9qr5Pw"), "{text}");
    assert_eq!(member(&mut api, "email:bo@example.com")["fields"]["birthday"], "1904-02-29");
    assert_eq!(api.get("/v1/members/email:ed@example.com").status, 404, "who was excluded stays away");
    member(
        &mut api,
        "email:zo\u{eb}@b\u{fc}cher.example".replace('\u{eb}', "%C3%AB").replace('\u{fc}', "%C3%BC").as_str(),
    );
    // A code of before still leads to whose it was.
    let claim = json!({"specversion": "1.0", "source": "shop", "id": "c1", "type": "referral.claimed",
        "subject": "email:new@example.com", "data": {"code": "9qr5Pw"}});
    let claimed = api.event(&claim).json();
    assert_eq!(claimed["status"], "applied", "{claimed}");
    // Told to have enrolled by the shop too, she is not welcomed once more.
    let welcome = json!({"specversion": "1.0", "source": "shop", "id": "w1", "type": "member.enrolled",
        "subject": "email:ada@example.com", "data": {}});
    let told = api.event(&welcome).json();
    assert_eq!(told["reason"]["code"], "member_already_enrolled", "{told}");
    let paid = api.event(&order("o1", "email:ada@example.com", "10.00")).json();
    assert_eq!(paid["effects"].as_array().map(Vec::len), Some(1), "{paid}");
}

#[test]
fn members_of_loyaltylion_and_yotpo_come_from_sheets_of_other_habits() {
    let launch = launch().with_program(&PROGRAM.replace("expires = \"12 months\"", "decimals = 2"));
    let lion = export("loyaltylion.csv");
    let args =
        ["--from", "loyaltylion", "--customers", "shopify:customer", "--tier", "Gold Club=gold", &lion];
    let (code, told) = import(&launch, &args);
    assert_eq!((code, counts(&told)), (Some(0), [4, 3, 0, 0, 0, 3]), "{told}");
    assert_eq!((&told["points"], &told["columns"]["merchant_id"]), (&json!(1217.5), &json!("customer")));
    assert_eq!(told["unused"], json!(["points_pending", "points_spent"]));
    let (code, told) = import(&launch, &["--from", "yotpo", &export("yotpo.csv")]);
    assert_eq!((code, counts(&told)), (Some(0), [3, 2, 0, 0, 0, 2]), "{told}");
    let mut api = Api::of(launch);
    let fay = member(&mut api, "shopify:customer:1001");
    let text = fay.to_string();
    assert!(
        text.contains("2100-01-01") || text.contains("2099-12-31T23:00:00Z"),
        "to the end of that day: {text}"
    );
    assert_eq!(
        (&fay["enrolled_at"], &fay["fields"]["birthday"]),
        (&json!("2019-06-01T08:00:00Z"), &json!("1904-06-22"))
    );
    let ivy = member(&mut api, "email:ivy@example.com");
    assert_eq!(ivy["enrolled_at"], "2020-02-13T21:00:00Z", "in the shop's time");
    let jo = member(&mut api, "referral:jo-1");
    assert_eq!(jo["fields"]["birthday"], "1904-05-27");
    assert!(jo.to_string().contains("2099-03-04T23:00:00Z"), "month first, as their pages say: {jo}");
    assert_eq!(member(&mut api, "referral:KIM")["fields"]["birthday"], Value::Null);
}

#[test]
fn what_is_wrong_is_told_by_line_and_nothing_is_written_unless_it_is_put_aside() {
    let launch = launch().with_program(PROGRAM);
    let file = export("wrong.csv");
    let (code, told) = import(&launch, &["--from", "smile", &file]);
    assert_eq!((code, counts(&told)), (Some(1), [13, 1, 0, 0, 12, 0]), "{told}");
    let wrong: Vec<(u64, &str)> = told["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| (error["line"].as_u64().unwrap_or(0), error["column"].as_str().unwrap_or("")))
        .collect();
    let expected = [
        (3, "Email"),
        (4, "Points Balance"),
        (5, "Points Balance"),
        (6, "Points Balance"),
        (7, "VIP Tier"),
        (8, "Created At"),
        (11, "Newsletter"),
        (12, ""),
        (13, ""),
        (14, "Email"),
        (9, "Created At"),
        (10, "Points Expire At"),
    ];
    assert_eq!(wrong, expected, "{told}");
    let of = |line: u64| {
        let all = told["errors"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|error| error["line"] == line).unwrap_or_default().to_string()
    };
    assert!(of(7).contains("did you mean gold? then --tier \\\"Golld=gold\\\""), "{}", of(7));
    assert!(of(8).contains("--dates dmy") && of(6).contains("--decimal"), "{} {}", of(8), of(6));
    assert!(of(12).contains("line 2 is about the same person"), "{}", of(12));
    // Not into the file itself, by whatever name.
    let whole = std::fs::read(&file).expect("it is there");
    let other = file.replace("/exports/", "/exports/../exports/");
    let (code, out) = launch.run(&[
        "import",
        "members",
        "--program",
        "program.toml",
        "--from",
        "smile",
        "--skip-errors",
        &other,
        &file,
    ]);
    assert!(code == Some(3) && out.contains("it is the file that is imported"), "{code:?} {out}");
    assert_eq!(std::fs::read(&file).expect("it is there"), whole);
}

#[test]
fn what_is_wrong_is_put_aside_mended_and_imported() {
    let launch = launch().with_program(PROGRAM);
    let file = export("wrong.csv");
    // With answers to what was asked there is less to put aside.
    let aside = launch.data.join("aside.csv");
    let aside = aside.to_string_lossy();
    let args = [
        "--from",
        "smile",
        "--tier",
        "Golld=gold",
        "--dates",
        "dmy",
        "--decimal",
        "comma",
        "--skip-errors",
        &aside,
        &file,
    ];
    let (code, told) = import(&launch, &[&["--dry-run"], &args[..]].concat());
    assert_eq!((code, counts(&told)), (Some(1), [13, 4, 0, 0, 9, 0]), "{told}");
    assert!(!Path::new(&*aside).exists(), "a dry run writes nothing");
    let (code, told) = import(&launch, &args);
    assert_eq!((code, counts(&told)), (Some(1), [13, 4, 0, 0, 9, 4]), "{told}");
    let text = std::fs::read_to_string(&*aside).expect("it was written");
    assert!(text.starts_with(
        "Email,Points Balance,VIP Tier,Birthday,Created At,Points Expire At,Newsletter,line,wrong,do\n"
    ));
    assert_eq!(text.lines().count(), 10, "{text}");
    // What is still wrong is put aside again, in the same columns.
    let again = launch.data.join("again.csv");
    let again = again.to_string_lossy();
    let (code, told) = import(&launch, &["--from", "smile", "--skip-errors", &again, &aside]);
    assert_eq!((code, &told["wrong"]), (Some(1), &json!(7)), "{told}");
    let second = std::fs::read_to_string(&*again).expect("it was written");
    assert_eq!(second.lines().next(), text.lines().next());
    let cells = |text: &str| csv_cells(text, "neg@");
    assert_eq!(cells(&second), cells(&text), "{second}");
    // Mended, it is imported as it is.
    let mended = text.lines().take(1).chain(text.lines().filter(|line| line.contains("neg@")));
    let mended: Vec<String> = mended.map(|line| line.replace("-5", "5")).collect();
    std::fs::write(&*aside, mended.join("\n")).expect("ours");
    let (code, told) = import(&launch, &["--from", "smile", &aside]);
    assert_eq!((code, counts(&told)), (Some(0), [1, 1, 0, 0, 0, 1]), "{told}");
    assert_eq!(launch.run(&["verify", "--replay"]).0, Some(0));
    launch.remove();
}

#[test]
fn another_balance_later_is_told_and_given_only_when_asked() {
    let launch = launch().with_program(PROGRAM);
    let file = launch.data.join("m.csv");
    let put = |points: u32, tier: &str| {
        let text = format!("Email,Points,Tier\nada@example.com,{points},{tier}\nbo@example.com,5,\n");
        std::fs::write(&file, text).expect("ours");
        file.to_string_lossy().into_owned()
    };
    let own = ["--column", "email=emial", "--column", "points=points", "--column", "tier=Tier"];
    let (code, out) = launch
        .run(&[&["import", "members", "--program", "program.toml"][..], &own, &[&put(100, "gold")]].concat());
    assert!(code == Some(3) && out.contains("did you mean `Email`?"), "{out}");
    assert!(!launch.data.join("data").exists(), "columns are understood before data are made");
    let own = ["--column", "email=EMAIL", "--column", "points=points", "--column", "tier=Tier"];
    let go = |more: &[&str], file: &str| import(&launch, &[&own[..], more, &[file]].concat());
    assert_eq!(counts(&go(&[], &put(100, "gold")).1), [2, 2, 0, 0, 0, 2]);
    let (code, told) = go(&[], &put(150, "silver"));
    assert_eq!((code, counts(&told)), (Some(1), [2, 0, 1, 1, 0, 0]), "{told}");
    assert_eq!(told["differences"], json!([{"line": 2, "before": 100, "now": 150, "also": ["level"]}]));
    let apply = ["--apply-differences"];
    for (points, adjusted) in [(150, 1), (150, 0), (30, 1), (100, 1), (100, 0)] {
        let (_, told) = go(&apply, &put(points, "gold"));
        assert_eq!(told["adjusted"], adjusted, "{points}: {told}");
    }
    // Under another name he is still the same.
    let kind = ["--column", "email=Email", "--column", "points=Points", "--column", "identity.crm=id"];
    for (name, expected) in [("new", [1, 1, 0, 0, 0, 1]), ("newer", [1, 0, 1, 0, 0, 0])] {
        std::fs::write(&file, format!("Email,Points,Id\n{name}@example.com,900,7\n")).expect("ours");
        let (_, told) = import(&launch, &[&kind[..], &[&file.to_string_lossy()]].concat());
        assert_eq!(counts(&told), expected, "nobody gets an opening balance twice: {told}");
    }
    let mut api = Api::of(launch);
    let ada = member(&mut api, "email:ada@example.com");
    assert!(ada.to_string().contains("100"), "{ada}");
}

/// How many cells the line of this person has; none of them holds a comma.
fn csv_cells(text: &str, who: &str) -> Option<usize> {
    text.lines().find(|line| line.starts_with(who)).map(|line| line.split(',').count())
}

#[test]
fn what_was_spent_since_cannot_be_taken_and_the_rest_goes_on() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let file = api.server.launch.data.join("m.csv");
    let put = |ada: u32, bo: u32| {
        let text = format!("Email,Points\nada@example.com,{ada}\nbo@example.com,{bo}\n");
        std::fs::write(&file, text).expect("ours");
        file.to_string_lossy().into_owned()
    };
    let go = |launch: &Launch, file: &str| import(launch, &["--from", "smile", "--apply-differences", file]);
    api.restart(|launch| assert_eq!(counts(&go(launch, &put(100, 5)).1), [2, 2, 0, 0, 0, 2]));
    let path = "/v1/members/email:ada@example.com/adjustments";
    let spent = api.post_once(path, "k", &json!({"wallet": "points", "amount": -60, "reason": "spent"}));
    assert!(spent.status < 300, "{}", spent.body);
    api.restart(|launch| {
        for adjusted in [1, 0] {
            let (code, told) = go(launch, &put(30, 6));
            assert_eq!((code, &told["adjusted"], &told["refused"]), (Some(1), &json!(adjusted), &json!(1)));
            assert_eq!(told["differences"][0]["line"], 2, "{told}");
            assert_eq!(told["differences"][0]["refused"], "missing: 30 points", "{told}");
        }
        // What can be taken is taken later.
        let (code, told) = go(launch, &put(80, 6));
        assert_eq!((code, &told["adjusted"], &told["refused"]), (Some(0), &json!(1), &json!(0)), "{told}");
    });
    let ada = member(&mut api, "email:ada@example.com");
    assert_eq!(ada["wallets"]["points"]["available"], 20, "{ada}");
}

#[test]
fn a_difference_that_was_refused_does_not_stand_in_the_way_of_the_next() {
    let program = PROGRAM.replace("[tiers.status]", "households = { share = [\"points\"] }\n[tiers.status]");
    let mut api = Api::of(launch().with_program(&program));
    let file = api.server.launch.data.join("m.csv");
    // Too far apart to be looked at together.
    let others: String = (0..2_000).map(|n| format!("m{n}@example.com,1\n")).collect();
    let put = |ada: u32, bo: u32| {
        let text = format!("Email,Points\nada@example.com,{ada}\n{others}bo@example.com,{bo}\n");
        std::fs::write(&file, text).expect("ours");
        file.to_string_lossy().into_owned()
    };
    let go = |launch: &Launch, file: &str| import(launch, &["--from", "smile", "--apply-differences", file]);
    api.restart(|launch| assert_eq!(go(launch, &put(50, 50)).0, Some(0)));
    let ada = "/v1/members/email:ada@example.com";
    let with = json!({"with": "email:bo@example.com"});
    assert_eq!(api.post(&format!("{ada}/household"), &with).status, 200);
    let spent = json!({"wallet": "points", "amount": -40, "reason": "spent"});
    assert!(api.post_once(&format!("{ada}/adjustments"), "k", &spent).status < 300);
    api.restart(|launch| {
        // Each of the two could be taken, not both.
        let (code, told) = go(launch, &put(0, 0));
        let done = (code, &told["differ"], &told["adjusted"], &told["refused"]);
        assert_eq!(done, (Some(1), &json!(2), &json!(1), &json!(1)), "{told}");
        assert_eq!(told["differences"][1]["refused"], "missing: 40 points", "{told}");
        for adjusted in [1, 0] {
            let (code, told) = go(launch, &put(0, 45));
            assert_eq!((code, &told["adjusted"]), (Some(0), &json!(adjusted)), "{told}");
        }
    });
    assert_eq!(member(&mut api, "email:ada@example.com")["wallets"]["points"]["available"], 5);
}

#[test]
fn what_is_known_of_a_member_stays_and_what_he_brings_beside_is_told() {
    let launch = launch().with_program(PROGRAM);
    let file = launch.data.join("m.csv");
    let put = |text: &str| {
        std::fs::write(&file, text).expect("ours");
        let (code, told) = import(&launch, &["--from", "smile", &file.to_string_lossy()]);
        assert_eq!(code, Some(0), "{told}");
        told
    };
    // Two imports, as the second one brings points.
    put("Email,Newsletter\nada@example.com,no\n");
    let told = put("Email,Newsletter,First Name,Points\nada@example.com,yes,Ada,10\n");
    assert_eq!(told["known"], 1, "{told}");
    let mut api = Api::of(launch);
    let ada = member(&mut api, "email:ada@example.com");
    let fields = (&ada["fields"]["newsletter"], &ada["fields"]["first_name"]);
    assert_eq!(fields, (&json!(false), &json!("Ada")), "a consent that was taken back stays so");
    let feed = api.get("/v1/feed").json();
    let changes = feed["changes"].as_array().cloned().unwrap_or_default();
    let told: Vec<&Value> = changes.iter().filter(|change| change["type"] == "member.updated").collect();
    assert_eq!(told.len(), 1, "not for the fields with which he came: {feed}");
    assert!(told[0].to_string().contains("[\"first_name\"]"), "{told:?}");
}

#[test]
fn one_member_in_two_lines_is_wrong_however_far_apart_they_are() {
    let mut api = Api::of(launch().with_program(PROGRAM));
    let two = json!({"identities": ["email:ada@example.com", "email:ada@work.example"]});
    assert!(api.post("/v1/members", &two).status < 300);
    api.restart(|launch| {
        for between in [0, 2_000] {
            let file = launch.data.join("m.csv");
            let others: String = (0..between).map(|n| format!("m{n}@example.com,1\n")).collect();
            let text = format!("Email,Points\nada@example.com,10\n{others}ada@work.example,20\n");
            std::fs::write(&file, text).expect("ours");
            let (code, told) = import(launch, &["--from", "smile", &file.to_string_lossy()]);
            assert_eq!(
                (code, &told["wrong"], &told["came_before"]),
                (Some(1), &json!(1), &json!(0)),
                "{told}"
            );
            assert_eq!(told["errors"][0]["line"], between + 3);
            let what = told["errors"][0]["what"].as_str().unwrap_or_default();
            assert!(what.starts_with("the same member as line 2"), "{told}");
        }
    });
}

fn sheet(count: usize) -> String {
    let row =
        |n: usize| format!("m{n}@example.com,{},{},2021-01-01\n", n % 1_000, ["gold", "silver", ""][n % 3]);
    "Email,Points,Tier,Created At\n".to_owned() + &(0..count).map(row).collect::<String>()
}

/// Begins an import in a new folder, kills it when so much is written, and runs it again.
fn killed(count: usize, bytes: u64) -> (Launch, Value) {
    let launch = launch().with_program(PROGRAM);
    let (file, data) = (launch.data.join("m.csv"), launch.data.join("data"));
    std::fs::write(&file, sheet(count)).expect("ours");
    let mut child = Command::new(&launch.binary)
        .args([
            "import",
            "members",
            "--from",
            "smile",
            "--program",
            "program.toml",
            "--data",
            "data",
            "m.csv",
        ])
        .current_dir(&launch.data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{e}"));
    let written = || std::fs::metadata(data.join("fealty.db-wal")).map_or(0, |about| about.len());
    while written() < bytes && child.try_wait().is_ok_and(|ended| ended.is_none()) {
        std::thread::yield_now();
    }
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    let (code, told) = import(&launch, &["--from", "smile", &file.to_string_lossy()]);
    assert_eq!(code, Some(0), "{told}");
    (launch, told)
}

#[test]
fn killed_in_the_middle_and_run_again_it_comes_out_the_same() {
    const COUNT: usize = 6_000;
    let whole = COUNT as u64;
    // How much is written before the first commit, nobody knows: one of these is in the middle.
    let mut middle = false;
    for bytes in [1 << 20, 1 << 21, 3 << 20, 1 << 19, 5 << 20] {
        let (launch, told) = killed(COUNT, bytes);
        let [rows, new, before, differ, wrong, written] = counts(&told);
        assert_eq!((rows, new + before, differ, wrong, written), (whole, whole, 0, 0, new), "{told}");
        let (_, last) = import(&launch, &["--from", "smile", &launch.data.join("m.csv").to_string_lossy()]);
        assert_eq!(counts(&last), [whole, 0, whole, 0, 0, 0]);
        let (code, report) = launch.run(&["verify", "--json"]);
        let report: Value = serde_json::from_str(&report).unwrap_or_default();
        let sum: usize = (0..COUNT).map(|n| n % 1_000).sum();
        assert_eq!((code, &report["members"]), (Some(0), &json!(COUNT)));
        assert_eq!(report["wallets"][0]["available"], json!(sum), "{report}");
        launch.remove();
        middle = before > 0 && new > 0;
        if middle {
            break;
        }
    }
    assert!(middle, "it was never killed in the middle");
}
