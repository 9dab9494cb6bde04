//! Files: include, union, JSON, the version's hash, environments, bounds.

use super::*;

const MAIN: &str = r#"include = ["campaigns/*.toml"]
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
"#;

fn with(files: &[(&str, &str)]) -> Result<Program, Rejected> {
    let mut include = |pattern: &str| {
        assert_eq!(pattern, "campaigns/*.toml");
        Ok(files.iter().map(|(name, text)| Source { name: (*name).into(), text: (*text).into() }).collect())
    };
    read(source(MAIN), &mut include, None, 1)
}

fn shown(result: Result<Program, Rejected>) -> String {
    match result {
        Ok(program) => diag::render(&program.warnings, &program.sources, false),
        Err(r) => diag::render(&r.diagnostics, &r.sources, false),
    }
}

#[test]
fn included_files_add_by_union() {
    let files = [
        ("campaigns/a.toml", "[rules.bonus]\non = \"order.paid\"\nearn.points = 5\n"),
        ("campaigns/b.toml", "[rules.more]\non = \"order.paid\"\nearn.points = 'rules.bonus.points'\n"),
    ];
    let program =
        with(&files).unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics, &r.sources, false)));
    let ids: Vec<&str> = program.plan.rules.iter().map(|r| &*r.id).collect();
    assert_eq!(ids, ["base", "bonus", "more"]);
    assert!(!program.json.contains("include"));
}

#[test]
fn one_path_defined_twice_shows_both() {
    let files =
        [("campaigns/a.toml", "wallets.cash = {}\nrules.base = { on = \"order.paid\", earn.cash = 5 }\n")];
    let expected = "error[duplicate]: `rules.base` is defined twice
  --> campaigns/a.toml:2  rules.base = { on = \"order.paid\", earn.cash = 5 }
                                ^^^^ also defined in program.toml:4
";
    assert_eq!(shown(with(&files)), expected);
}

#[test]
fn only_the_main_file_holds_the_program() {
    let files = [("campaigns/a.toml", "regions.ch = { currency = \"CHF\" }\n")];
    let expected = "error[unknown_section]: `regions` in an included file
  --> campaigns/a.toml:1  regions.ch = { currency = \"CHF\" }
                          ^^^^^^^ only the main file holds program, regions, environments, include
";
    assert_eq!(shown(with(&files)), expected);
}

#[test]
fn a_pattern_that_cannot_be_read_says_why() {
    let mut include = |_: &str| Err("no file matches".to_owned());
    let said = shown(read(source(MAIN), &mut include, None, 1));
    let expected = "error[unknown_name]: `campaigns/*.toml` cannot be read
  --> program.toml:1  include = [\"campaigns/*.toml\"]
                                 ^^^^^^^^^^^^^^^^^^ no file matches
";
    assert_eq!(said, expected);
}

#[test]
fn the_canonical_json_is_the_same_program_with_the_same_hash() {
    let program = good(super::compiled::WHOLE);
    let again = match read_json(&program.json, None, 7) {
        Ok(again) => again,
        Err(r) => panic!("{}", diag::render(&r.diagnostics, &r.sources, false)),
    };
    assert_eq!(again.json, program.json);
    assert_eq!(again.plan.hash, program.plan.hash);
    assert_eq!(again.plan.version, 7);
    assert_eq!(again.plan.rules.len(), program.plan.rules.len());
    let active = |p: &Program| {
        p.plan
            .rules
            .iter()
            .map(|r| r.trigger.active.clone().map(|a| (a.from, a.until, a.days)))
            .collect::<Vec<_>>()
    };
    assert_eq!(active(&again), active(&program));
    for (a, b) in again.plan.regions.iter().zip(&program.plan.regions) {
        assert_eq!(a.params, b.params);
    }
}

#[test]
fn the_hash_does_not_know_order_space_or_comments() {
    let a = good("params.x = 0.50 # half\nrules.a = { on = \"order.paid\", earn.points = 'params.x' }\n");
    let b = good("[rules.a]\nearn = { points = 'params.x' }\non = \"order.paid\"\n\n[params]\nx = 0.5\n");
    assert_eq!(a.json, b.json);
    assert_eq!(
        a.json,
        r#"{"params":{"x":0.5},"program":{"currency":"EUR","id":"shop","timezone":"Europe/Berlin"},"rules":{"a":{"earn":{"points":"params.x"},"on":"order.paid"}},"wallets":{"points":{}}}"#
    );
    let c = good("params.x = 0.51\nrules.a = { on = \"order.paid\", earn.points = 'params.x' }\n");
    assert_ne!(a.plan.hash, c.plan.hash);
}

#[test]
fn mistakes_in_json_are_shown_in_its_text() {
    let text = "{\n \"program\": {\"id\": \"shop\", \"currency\": \"EUR\", \"timezone\": \"UTC\"},\n \"wallets\": {\"points\": {\"decimal\": 2, \"round\": null}},\n \"wallets\": {}\n}";
    let Err(r) = read_json(text, None, 1) else { panic!("it must not check") };
    let expected = r#"error[unknown_key]: `decimal` is not a key of wallets.points
  --> program.json:3  "decimal": 2
                      ^^^^^^^^^ did you mean `decimals`?
error[wrong_type]: `null` means nothing here: leave the key out
  --> program.json:3  "wallets": {"points": {"decimal": 2, "round": null}},
                                                                    ^^^^
error[duplicate]: `wallets` is defined twice
  --> program.json:4  "wallets": {}
                      ^^^^^^^^^
"#;
    assert_eq!(diag::render(&r.diagnostics, &r.sources, false), expected);
    let Err(r) = read_json("{\"program\": ", None, 1) else { panic!("it must not check") };
    assert_eq!(diag::code_name(r.diagnostics[0].code), "toml_syntax");
    assert!(read_json("[]", None, 1).is_err());
    assert!(read_json("", None, 1).is_err());
    assert!(read_json(&"[".repeat(100_000), None, 1).is_err());
    assert!(read_json(&"{\"a\":".repeat(100), None, 1).is_err());
}

#[test]
fn numbers_keep_every_digit_and_may_be_texts_in_json() {
    let program =
        good("params.x = 0.12345678901234567\nrules.a = { on = \"order.paid\", earn.points = 'params.x' }\n");
    assert!(program.json.contains("0.12345678901234567"));
    let text = r#"{"program":{"id":"shop","currency":"EUR","timezone":"UTC"},"wallets":{"points":{"balance_max":"1000.5","value":"0.01","decimals":"2"}}}"#;
    let program = read_json(text, None, 1)
        .unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics, &r.sources, false)));
    let crate::plan::Amount::Is(most) = program.plan.wallets[0].balance_max.unwrap() else { panic!() };
    assert_eq!(most.to_string(), "1000.5");
    assert_eq!(program.plan.wallets[0].value, Some(crate::num::Num::minor(1, 2)));
    assert_eq!(program.plan.wallets[0].decimals, 2);
}

#[test]
fn an_environment_is_chosen_from_outside() {
    let text = format!(
        "{HEAD}params.rate = 1\nregions.ch = {{ currency = \"CHF\", params.rate = 3 }}\nenvironments.test = {{ sandbox = true, params.rate = 2 }}\nrules.a = {{ on = \"order.paid\", earn.points = 'params.rate' }}\n"
    );
    let rates = |environment| {
        let program = read(source(&text), &mut no_include, environment, 1);
        let program =
            program.unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics, &r.sources, false)));
        (program.plan.sandbox, program.plan.regions.iter().map(|r| r.params[0].clone()).collect::<Vec<_>>())
    };
    let num = |n| crate::value::Value::Num(crate::num::Num::minor(n, 0));
    assert_eq!(rates(None), (false, vec![num(1), num(3)]));
    assert_eq!(rates(Some("test")), (true, vec![num(2), num(3)]));
    assert!(read(source(&text), &mut no_include, Some("tset"), 1).is_err());
}

#[test]
fn more_than_one_mebibyte_is_refused_unread() {
    let text = format!("{HEAD}# {}", "x".repeat(FILES_BYTES_MAX));
    let Err(r) = check(&text) else { panic!("it must not check") };
    assert_eq!(diag::code_name(r.diagnostics[0].code), "too_long");
}

#[test]
fn too_many_of_anything_is_told() {
    let wallets: String = (0..51).map(|i| format!("wallets.w{i} = {{}}\n")).collect();
    let said = said(&wallets);
    assert_eq!(said, ["too_many `wallets`: 52 wallets, and at most 50 are allowed | "]);
    let limits = vec!["{ times = 1 }"; 21].join(", ");
    let lines = format!("rules.a = {{ on = \"order.paid\", earn.points = 1, limit = [{limits}] }}");
    assert!(super::said(&lines)[0].contains("21 limits, and at most 20 are allowed"));
}

#[test]
fn no_text_makes_it_panic() {
    let whole = format!("{HEAD}{}", super::compiled::WHOLE);
    // Every prefix, and every text with one character left out.
    for end in (0..whole.len()).filter(|i| whole.is_char_boundary(*i)).step_by(7) {
        let _ = check(&whole[..end]).map_err(|r| diag::render(&r.diagnostics, &r.sources, true));
        let next = (end + 1..).find(|i| whole.is_char_boundary(*i)).unwrap_or(whole.len());
        let text = format!("{}{}", &whole[..end], &whole[next..]);
        let _ = check(&text).map_err(|r| diag::to_json(&r.diagnostics, &r.sources));
    }
}

#[test]
fn hostile_nesting_ends_in_a_diagnostic() {
    let dotted = format!("{}x = 1\n", "a.".repeat(200_000));
    let texts = [
        format!("a = {}", "[".repeat(300_000)),
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}", "{ a = ".repeat(100_000)),
        dotted.clone(),
        format!("[{}x]\n", "a.".repeat(200_000)),
        format!("rules.{dotted}"),
        format!("x = {{ {} }}", dotted.trim()),
    ];
    for text in texts {
        let started = std::time::Instant::now();
        let Err(r) = check(&text) else { panic!("it must not check") };
        assert!(!r.diagnostics.is_empty());
        assert!(started.elapsed().as_secs() < 20, "{:?} for {}", started.elapsed(), &text[..40]);
    }
}

#[test]
fn the_largest_program_is_checked_in_a_moment() {
    let mut text = String::from(HEAD);
    for i in 0..1_000 {
        text += &format!("params.p{i} = {i}\nformulas.f{i} = 'order.total * params.p{i}'\n");
    }
    for i in 0..2_000 {
        let refers =
            if i % 3 == 0 && i > 0 { format!(" + rules.r{}.points", 2_000 - i) } else { String::new() };
        text += &format!(
            "rules.r{i} = {{ on = \"order.paid\", when = 'order.total > {i}', earn.points = 'formulas.f{}{refers}' }}\n",
            i / 2
        );
    }
    let started = std::time::Instant::now();
    let program =
        check(&text).unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics[..1], &r.sources, false)));
    println!("{:?} for {} bytes", started.elapsed(), text.len());
    assert_eq!(program.plan.rules.len(), 2_000);
    assert!(started.elapsed().as_secs() < 60);
}
