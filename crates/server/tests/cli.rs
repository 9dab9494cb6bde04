//! The commands as a person uses them, with their exit codes.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{Api, PROGRAM, launch, order};
use serde_json::Value;
use testkit::server::folder;

fn fealty(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fealty"))
        .args(args)
        .current_dir(dir)
        .env_remove("FEALTY_API_KEY")
        .output();
    let Output { status, stdout, stderr } = output.unwrap_or_else(|e| panic!("{e}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn what_init_writes_checks_and_a_mistake_is_exit_1() {
    let dir = folder("init");
    assert_eq!(fealty(&dir, &["init", "mine"]).0, 0);
    let (code, out, err) = fealty(&dir, &["check", "mine/program.toml"]);
    assert_eq!((code, out.contains("is good")), (0, true), "{out}{err}");
    let text = std::fs::read_to_string(dir.join("mine/program.toml")).expect("init wrote it");
    assert!(fealty(&dir, &["init", "mine"]).1.contains("kept"), "nothing is overwritten");
    std::fs::write(dir.join("bad.toml"), text.replace("order.subtotal *", "order.subtotle *")).expect("ours");
    let (code, _, err) = fealty(&dir, &["check", "bad.toml"]);
    assert!(code == 1 && err.contains("did you mean `subtotal`"), "{code} {err}");
    let (code, out, _) = fealty(&dir, &["check", "bad.toml", "--json"]);
    assert_eq!((code, json(&out)["diagnostics"][0]["code"].as_str()), (1, Some("unknown_field")), "{out}");
    std::fs::write(
        dir.join("wrong.toml"),
        text.replace("rules.base.points == 19", "rules.base.points == 20"),
    )
    .expect("ours");
    let (code, out, err) = fealty(&dir, &["check", "wrong.toml"]);
    assert!(code == 1 && err.contains("expected  rules.base.points == 20"), "{code} {out} {err}");
    let (code, _, err) = fealty(&dir, &["serve", "--program", "bad.toml"]);
    assert!(code == 1 && !dir.join("data").exists(), "{code} {err}");
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn wrong_usage_and_settings_have_their_own_exits() {
    let dir = folder("exits");
    assert_eq!(fealty(&dir, &["serv"]).0, 2);
    assert_eq!(fealty(&dir, &["check", "none.toml"]).0, 3);
    std::fs::write(dir.join("s.toml"), "lisen = \"127.0.0.1:0\"\n").expect("ours");
    let (code, _, err) = fealty(&dir, &["serve", "--settings", "s.toml"]);
    assert!(code == 3 && err.contains("s.toml:1") && err.contains("did you mean `listen`?"), "{code} {err}");
    std::fs::write(
        dir.join("s.toml"),
        "[sources.shop]\nkind = \"shopify\"\nsecrets = [\"env:NOT_SET_HERE\"]\n",
    )
    .expect("ours");
    let (code, _, err) = fealty(&dir, &["serve", "--settings", "s.toml"]);
    assert!(code == 3 && err.contains("NOT_SET_HERE"), "{code} {err}");
    assert!(err.lines().count() == 3, "what, why, what to do: {err}");
    let (code, _, err) = fealty(&dir, &["verify", "--data", "nothing"]);
    assert!(code == 4 && err.lines().count() == 3, "what, why, what to do: {code} {err}");
    assert!(err.contains("the folder that `fealty serve` uses"), "{err}");
    let (code, _, err) = fealty(&dir, &["serve", "--database", "mysql://x:y@z"]);
    assert!(code == 3 && err.contains("database_unknown") && !err.contains("y@"), "{err}");
    let (code, _, err) = fealty(&dir, &["serve", "--listen", "192.0.2.1:1", "--data", "d"]);
    assert!(code == 5, "{code} {err}");
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn settings_that_mean_something_else_are_refused_before_any_data_is_made() {
    let dir = folder("refused");
    let secret = "kind = \"shopify\"\nsecrets = [\"shpss_hunter2\"]\n";
    std::fs::write(dir.join("s.toml"), format!("[sources.shop]\n{secret}")).expect("ours");
    let (code, _, err) = fealty(&dir, &["serve", "--settings", "s.toml"]);
    assert!(code == 3 && err.contains("env:NAME") && !err.contains("hunter2"), "{code} {err}");
    let environments = "environments.live = {}\nenvironments.staging = { sandbox = true }\n";
    let program = PROGRAM.replace("wallets.points", &format!("{environments}wallets.points"));
    std::fs::write(dir.join("p.toml"), program).expect("ours");
    let serve = |more: &[&str]| {
        fealty(
            &dir,
            &[&["serve", "--listen", "192.0.2.1:1", "--data", "d", "--program", "p.toml"], more].concat(),
        )
    };
    let (code, _, err) = serve(&["--environment", "nope"]);
    assert!(
        code == 3 && err.contains("choose one of: live, staging") && !dir.join("d").exists(),
        "{code} {err}"
    );
    let (code, _, err) = fealty(&dir, &["serve", "--data", "e", "--environment", "nope"]);
    assert!(code == 3 && err.contains("has no [environments]"), "{code} {err}");
    // The data are this program's from now on (the address cannot be had, so nothing is served).
    assert_eq!(serve(&["--environment", "live"]).0, 5);
    let other = PROGRAM.replace("id = \"test\"", "id = \"other\"");
    std::fs::write(dir.join("p.toml"), other).expect("ours");
    let (code, _, err) = serve(&[]);
    assert!(code == 3 && err.contains("program_id_differs") && err.contains("`test`"), "{code} {err}");
    assert!(!err.contains('\u{1b}'), "no colours in a file: {err}");
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn every_program_of_init_checks_and_is_laid_out() {
    let dir = folder("init-from");
    let (code, _, err) = fealty(&dir, &["init", "--from", "nothing"]);
    assert!(code == 2 && err.contains("coffee-stamps"), "{code} {err}");
    let names =
        err.split("possible values: ").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let names: Vec<&str> = names.split(", ").collect();
    assert_eq!(names.len(), 9, "{err}");
    for name in names {
        assert_eq!(fealty(&dir, &["init", "--from", name, name]).0, 0, "{name}");
        let file = format!("{name}/program.toml");
        let (code, out, err) = fealty(&dir, &["check", &file]);
        assert!(code == 0 && out.contains("is good"), "{name}: {out}{err}");
        let (code, out, err) = fealty(&dir, &["fmt", "--check", &file]);
        assert_eq!((code, out.as_str()), (0, ""), "{name}: {err}");
    }
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn fmt_lays_out_what_a_program_includes_and_check_only_tells() {
    let dir = folder("fmt");
    let main = "program = {id=\"shop\",currency=\"EUR\", timezone=\"UTC\"}\ninclude=[\"more/*.toml\"]\n";
    std::fs::create_dir_all(dir.join("more")).expect("ours");
    std::fs::write(dir.join("p.toml"), main).expect("ours");
    std::fs::write(dir.join("more/a.toml"), "wallets.points={}\n").expect("ours");
    let (code, out, _) = fealty(&dir, &["fmt", "--check", "p.toml"]);
    assert!(code == 1 && out.contains("p.toml is not") && out.contains("a.toml is not"), "{code} {out}");
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("ours");
    assert_eq!(read("p.toml"), main, "--check changes nothing");
    assert_eq!(fealty(&dir, &["fmt", "p.toml"]).0, 0);
    assert!(read("p.toml").starts_with("program = { id = \"shop\", currency"));
    assert_eq!(read("more/a.toml"), "wallets.points = {}\n");
    assert_eq!(fealty(&dir, &["fmt", "--check", "p.toml"]), (0, String::new(), String::new()));
    std::fs::write(dir.join("bad.toml"), "a = {").expect("ours");
    let (code, _, err) = fealty(&dir, &["fmt", "bad.toml"]);
    assert!(code == 1 && err.contains("toml_syntax") && read("bad.toml") == "a = {", "{code} {err}");
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn what_init_says_next_works_as_it_stands() {
    let dir = folder("init-next");
    let (_, out, _) = fealty(&dir, &["init", "mine"]);
    let next = out.lines().find(|line| line.contains(" check ")).unwrap_or_default().trim();
    let ran =
        Command::new("sh").args(["-c", next]).current_dir(&dir).output().unwrap_or_else(|e| panic!("{e}"));
    assert!(ran.status.success(), "{next}: {ran:?}");
    // What it serves then lies beside the program, not wherever one happens to stand.
    let serve = out.lines().find(|line| line.contains(" serve ")).unwrap_or_default();
    assert!(serve.ends_with("--data mine/data"), "{serve}");
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn a_key_that_could_never_be_used_is_refused_at_the_start() {
    let launch = launch().with_program(PROGRAM);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fealty"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--program", "program.toml"]).current_dir(&launch.data);
    let ran = command.env("FEALTY_API_KEY", "lk_live_0123456789abcdef0123456789abcdef").output();
    let ran = ran.unwrap_or_else(|e| panic!("{e}"));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(3) && said.contains("checksum"), "{ran:?}");
    launch.remove();
}

#[test]
fn an_import_can_be_run_again_and_tells_what_it_could_not_take() {
    let dir = folder("import");
    let mut lines = String::new();
    for n in 0..3_000 {
        lines += &format!("{}\n", order(&format!("o{n}"), &format!("email:m{}@example.com", n % 100), "2"));
    }
    lines += "{\"specversion\": \"1.0\"}\n";
    lines +=
        &format!("{}\n", order("bad", "email:m1@example.com", "2").to_string().replace("\"EUR\"", "\"USD\""));
    std::fs::write(dir.join("e.ndjson"), &lines).expect("ours");
    std::fs::write(dir.join("p.toml"), PROGRAM).expect("ours");
    let (code, out, err) =
        fealty(&dir, &["import", "--program", "p.toml", "--data", "d", "--json", "e.ndjson"]);
    assert_eq!(code, 1, "one line was unreadable: {out}{err}");
    let summary = json(&out);
    assert_eq!(
        (summary["events"].as_u64(), summary["applied"].as_u64()),
        (Some(3_001), Some(3_000)),
        "{out}"
    );
    assert_eq!(
        (summary["members"].as_u64(), summary["points"]["points"].as_u64()),
        (Some(100), Some(6_000)),
        "{out}"
    );
    assert_eq!((summary["refused"].as_u64(), summary["unreadable"].as_u64()), (Some(1), Some(1)), "{out}");
    assert!(out.contains("e.ndjson:3001") && out.contains("e.ndjson:3002"), "{out}");
    let (_, out, _) = fealty(&dir, &["import", "--data", "d", "--json", "e.ndjson"]);
    let again = json(&out);
    assert_eq!((again["duplicates"].as_u64(), again["applied"].as_u64()), (Some(3_001), Some(0)), "{out}");
    assert_eq!(again["points"], serde_json::json!({}));
    let (code, out, err) = fealty(&dir, &["verify", "--data", "d", "--json"]);
    assert_eq!((code, json(&out)["rows"].as_u64()), (0, Some(3_001)), "{out}{err}");
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn the_printed_curl_earns_points() {
    let dir = folder("curl");
    let mut launch = launch();
    launch.key.clear();
    let server = launch.start().unwrap_or_else(|e| panic!("{e}"));
    let began = std::time::Instant::now();
    while !server.printed().contains("/v1/members/") {
        assert!(began.elapsed().as_secs() < 20, "{}", server.printed());
        std::thread::yield_now();
    }
    let printed = server.printed();
    let start = printed.find("  curl -s").expect("a command is printed");
    let end = start + printed[start..].find("'\n").expect("it ends with its body") + 1;
    let run = |command: &str| {
        let output = Command::new("sh").arg("-c").arg(command).output().unwrap_or_else(|e| panic!("{e}"));
        json(&String::from_utf8_lossy(&output.stdout))
    };
    let outcome = run(&printed[start..end]);
    assert_eq!(
        (outcome["status"].as_str(), outcome["effects"][0]["granted"].as_u64()),
        (Some("applied"), Some(19))
    );
    let second = end + printed[end..].find("  curl -s").expect("a second command");
    let member = run(printed[second..].lines().next().unwrap_or_default());
    assert_eq!(member["id"], outcome["member"]);
    drop(server);
    launch.remove();
    std::fs::remove_dir_all(&dir).expect("ours");
}

#[test]
fn keys_are_made_and_revoked_beside_a_running_server() {
    let api = Api::start();
    let launch = api.server.launch.clone();
    let (code, out) =
        launch.run(&["keys", "create", "--name", "till", "--scope", "events:write,members:read", "--json"]);
    assert_eq!(code, Some(0), "{out}");
    let made = json(out.lines().find(|line| line.starts_with('{')).unwrap_or_default());
    let mut client = api.with_key(made["key"].as_str().unwrap_or_default());
    let mut until = |wanted: u16| {
        let began = std::time::Instant::now();
        while client.get("/v1/members").map(|answer| answer.status).unwrap_or_default() != wanted {
            assert!(began.elapsed().as_secs() < 20, "the server takes notice");
            std::thread::yield_now();
        }
    };
    until(200);
    let (_, listed) = launch.run(&["keys", "list"]);
    assert!(listed.contains("till") && !listed.contains("lk_live"), "{listed}");
    let number = made["number"].to_string();
    assert_eq!(launch.run(&["keys", "revoke", &number]).0, Some(0));
    until(401);
    assert_eq!(launch.run(&["keys", "revoke", "99"]).0, Some(1));
}

#[test]
fn sigterm_ends_with_everything_answered_on_disk() {
    let mut api = Api::start();
    api.event(&order("o1", "email:ada@example.com", "5"));
    let pid = api.server.pid().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap_or_else(|e| panic!("{e}"));
    assert!(sent.success());
    let began = std::time::Instant::now();
    while !api.server.printed().contains("everything acknowledged is on disk") {
        assert!(began.elapsed().as_secs() < 20, "{}", api.server.printed());
        std::thread::yield_now();
    }
    let (code, out) = api.server.launch.run(&["verify"]);
    assert_eq!(code, Some(0), "{out}");
}
