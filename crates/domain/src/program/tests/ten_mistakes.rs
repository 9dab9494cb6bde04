//! The mistakes to expect, and what is said: the text of the reference, word for word.

use super::{check, diag};

const FILE: &str = r#"program = { id = "bean-there", currency = "EUR", timezone = "Europe/Berlin" }

wallets.points = {}
events."review.posted" = { rating = "number?" }
regions.ch = { currency = "CHF" }
tiers.status.levels = [{ id = "bronze" }, { id = "silver" }, { id = "gold" }]


[rules.weekend-coffee]
on = "order.paid"
active = { from = 2026-12-01, until = 2027-03-01 }
earn.points = 25
[rules]
coffee = { on = "order.paid", when = 'item.category == "coffee"', earn.points = 1 }
cake = { on = "order.paid", when = 'order.items.exists(i, i.categry == "coffee")', earn.points = 1 }


[rules.review]
on = "review.posted"
earn.points = 10
when = 'review.rating >= 4'
[rules.share]
on = "order.paid"
earn.points = 'order.discount / order.total * 100'
[rules.gold]
on = "order.paid"
when = 'tiers.status >= "glod"'
earn.points = 1
[rules.swiss]
when = 'region == "ch"'
on = "order.paid"
earn.points = 1
[rules.base]
on = "order.paid"
earn.points = 'order.subtotal'
rewards.tea = { cost.points = 100 }

[rules.thanks]
on = "review.posted"
earn.points = 'rules.base.points'
"#;

const SAID: &str = r#"error[bad_id]: `weekend-coffee` is not an id
  --> program.toml:9  [rules.weekend-coffee]
                             ^^^^^^^^^^^^^^ ids are also names in expressions, where `-` subtracts: write `weekend_coffee`
error[unknown_key]: `until` is not a key of active
  --> program.toml:11  active = { from = 2026-12-01, until = 2027-03-01 }
                                                     ^^^^^ the last day is `through`, and is included: `through = 2027-02-28`
error[not_here]: there is no `item` here
  --> program.toml:14  when = 'item.category == "coffee"'
                               ^^^^ to look at items one by one, add `each = 'order.items'`; for any of them: `order.items.exists(i, …)`
error[unknown_field]: `i` has no `categry`
  --> program.toml:15  when = 'order.items.exists(i, i.categry == "coffee")'
                                                       ^^^^^^^ did you mean `category`?
error[may_be_absent]: `review.rating` may be absent
  --> program.toml:21  when = 'review.rating >= 4'
                               ^^^^^^^^^^^^^ declared as "number?": write `has(review.rating) && …` or `review.rating.or(0)`
error[may_be_zero]: `order.total` may be 0
  --> program.toml:24  earn.points = 'order.discount / order.total * 100'
                                                       ^^^^^^^^^^^ write `order.total > 0 ? … : 0`
error[unknown_word]: `glod` is not a level of tiers.status
  --> program.toml:27  when = 'tiers.status >= "glod"'
                                               ^^^^^^ it has bronze, silver, gold; did you mean `gold`?
error[unknown_variable]: there is no `region`
  --> program.toml:30  when = 'region == "ch"'
                               ^^^^^^ rules do not differ by region: declare a parameter and override it in [regions.ch.params]
error[unknown_key]: `rewards` is not a key of rules.base
  --> program.toml:36  rewards.tea = { cost.points = 100 }
                       ^^^^^^^ this line belongs to [rules.base] above it: put one-line declarations before the first [table], or write [rewards.tea]
error[not_here]: `rules.base` does not hear `review.posted`
  --> program.toml:40  earn.points = 'rules.base.points'
                                      ^^^^^^^^^^^^^^^^^ a rule can refer to rules of the same event: `base` is on order.paid
"#;

#[test]
fn the_ten_mistakes() {
    let Err(rejected) = check(FILE) else { panic!("it must not check") };
    assert_eq!(diag::render(&rejected.diagnostics, &rejected.sources, false), SAID);
}

#[test]
fn in_colour_the_words_are_the_same() {
    let Err(rejected) = check(FILE) else { panic!("it must not check") };
    let coloured = diag::render(&rejected.diagnostics, &rejected.sources, true);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').expect("an escape ends with m").1;
    }
    plain.push_str(rest);
    assert_eq!(plain, SAID);
    assert_ne!(coloured, SAID);
}

#[test]
fn for_tools_the_same_as_json() {
    let Err(rejected) = check(FILE) else { panic!("it must not check") };
    let json = diag::to_json(&rejected.diagnostics, &rejected.sources);
    assert_eq!(json.as_array().map(Vec::len), Some(10));
    assert_eq!(
        json[3],
        serde_json::json!({
            "code": "unknown_field", "severity": "error", "path": "rules.cake.when", "file": "program.toml",
            "line": 15, "column": 61, "span": [FILE.find("categry"), FILE.find("categry").map(|i| i + 7)],
            "message": "`i` has no `categry`", "hint": "did you mean `category`?", "fix": null,
        })
    );
    let fix = serde_json::json!({ "rules": { "weekend-coffee": { "active": { "until": null, "through": "2027-02-28" } } } });
    assert_eq!(json[1]["fix"], fix);
}
