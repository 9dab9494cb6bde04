//! Each code of a diagnostic: the words that are underlined, the message and the hint.

use super::*;

#[test]
fn syntax_and_duplicates() {
    says(
        r#"rules.a = { on = "#,
        &[
            r#"toml_syntax ``: invalid literal string, expected `'` | "#,
            r#"toml_syntax ``: unclosed inline table, expected `}` | "#,
        ],
    );
    says(
        r#"x = 1
x = 2"#,
        &[
            r#"unknown_section `x`: `x` is not a section of a program | "#,
            r#"duplicate `x`: `x` is defined twice | each path is written once"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'order.total >' }"#,
        &[r#"expression_syntax ``: expected a value, found the end | "#],
    );
    says(
        r#"order.total = "number"
order.channel = "app | web""#,
        &[
            r#"duplicate `total`: `order.total` is there already | canonical fields are not declared again; a text may be narrowed to words: `"app | store"`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1e3 }
params.x = 0x10
params.y = 10000000000000000000"#,
        &[
            r#"toml_syntax `1e3`: `1e3` is not a number here | every number is exact: write its digits, `1000` or `0.05`"#,
            r#"toml_syntax `0x10`: a number in hex, octal or binary | write it in decimal"#,
            r#"toml_syntax `10000000000000000000`: a number that is too large or too fine | it needs less than 10^18 in size, and at most 17 digits after the point"#,
        ],
    );
}

#[test]
fn sections_and_keys() {
    says(
        r#"tires.status = {}"#,
        &[r#"unknown_section `tires`: `tires` is not a section of a program | did you mean `tiers`?"#],
    );
    says(
        r#"[wallets.cash]
expire = "never""#,
        &[r#"unknown_key `expire`: `expire` is not a key of wallets.cash | did you mean `expires`?"#],
    );
    says(
        r#"wallets.cash = { decimal = 2 }"#,
        &[r#"unknown_key `decimal`: `decimal` is not a key of wallets.cash | did you mean `decimals`?"#],
    );
    says(
        r#"rules.a = { earn.points = 1 }"#,
        &[
            r#"missing_key `{ earn.points = 1 }`: `rules.a` lacks `on` | `on`: event type, types that share their noun, or a clock: `{ every = "month" }`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid" }"#,
        &[
            r#"missing_key `a`: `rules.a` has no effect | add `earn.WALLET`, `give.REWARD`, `redeem.REWARD`, `place.LADDER`, `discount` or `emit`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = {} }"#,
        &[
            r#"missing_key `{}`: a limit lacks what it limits | `{ times = 1, per = "week" }` or `{ points = 500 }`; several stand in a list"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { times = 1, points = 3 } }"#,
        &[
            r#"unknown_key `times`: a limit limits one thing | `{ times = 1, per = "week" }` or `{ points = 500 }`; several stand in a list"#,
        ],
    );
    says(
        r#"counters.c = {}"#,
        &[
            r#"missing_key `c`: `counters.c` counts nothing | add `on`, an event type, or `earned`, points of a wallet"#,
        ],
    );
    says(
        r#"counters.c = { on = "order.paid", earned = "wallets.points" }"#,
        &[
            r#"unknown_key `on`: `on` does not go with `earned` | one of `on` or `earned`; with `on`, one of `add`, `streak`, `distinct`"#,
        ],
    );
    says(
        r#"counters.c = { on = "order.paid", forgive = 1 }"#,
        &[r#"unknown_key `forgive`: `forgive` needs `streak` | it forgives gaps in a run"#],
    );
}

#[test]
fn ids_and_values() {
    says(
        r#"wallets.Cash = {}
wallets.in = {}
params.a-b = 1"#,
        &[
            r#"bad_id `Cash`: `Cash` is not an id | an id is a small letter, then small letters, digits and `_`, at most 40: write `cash`"#,
            r#"bad_id `in`: `in` is not an id | expressions keep this word for themselves: write another"#,
            r#"bad_id `a-b`: `a-b` is not an id | ids are also names in expressions, where `-` subtracts: write `a_b`"#,
        ],
    );
    says(
        r#"events.review = { a = "string" }"#,
        &[
            r#"bad_id `review`: `review` is not an event type | two words or more, joined by dots, in quotes: `[events."review.posted"]`"#,
        ],
    );
    says(
        r#"wallets.cash = { decimals = "2" }"#,
        &[r#"wrong_type `"2"`: expected a number, found a text | write 2 without quotes"#],
    );
    says(
        r#"wallets.cash = { decimals = 7 }"#,
        &[r#"wrong_type `7`: expected a whole number from 0 to 6, found 7 | "#],
    );
    says(
        r#"wallets.cash = { round = "dwn" }"#,
        &[r#"wrong_type `"dwn"`: `dwn` is not one of down, nearest, up | did you mean `down`?"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = true }"#,
        &[
            r#"wrong_type `true`: expected a number or an expression, found a bool | `earn.WALLET`: an amount; less than 0 is 0"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { times = 1, per = "7 dais" } }"#,
        &[
            r#"bad_term `"7 dais"`: `7 dais` is not a window | `life`, a duration (`7 days`), or a unit: day, week, month, quarter, half year, year, membership year"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, active = { from = "tomorrow", hours = "14-17", days = ["sun", "sunday"] } }"#,
        &[
            r#"bad_term `"tomorrow"`: `tomorrow` is not a date | `2026-12-01`, or with a time `2026-12-01 14:00`"#,
            r#"bad_term `"14-17"`: `14-17` is not a span of hours | `"14:00-17:00"`"#,
            r#"bad_term `"sunday"`: `sunday` is not a day of the week | mon, tue, wed, thu, fri, sat, sun"#,
        ],
    );
}

#[test]
fn types_of_fields_and_params() {
    says(
        r#"member = { plan = "a | b", level = "a | b?", home = { city = "string" }, tall = ["string"] }"#,
        &[
            r#"bad_type `"a | b"`: a member may lack `plan` | any event may enrol one: write `"string?"`, or a default: `"string = ''"`"#,
            r#"bad_type `{ city = "string" }`: a member may lack `home` | any event may enrol one: write `"string?"`, or a default: `"string = ''"`"#,
        ],
    );
    says(
        r#"member.plan = "strng"
member.x = "a | a"
member.y = "number? = 1"
member.z = "bool = 1"
member.l = ["string", "string"]"#,
        &[
            r#"bad_type `"strng"`: `strng` is not a type | did you mean `string`?"#,
            r#"bad_type `"a | a"`: `a | a`: words are different, and none is empty | "#,
            r#"bad_type `"number? = 1"`: `number? = 1` has a default, so it is never absent | leave out the `?`"#,
            r#"bad_type `"bool = 1"`: `1` is not a default for bool | `"bool = false"`, `"string = ''"`, `"number = 0"`"#,
            r#"bad_type `["string", "string"]`: a list names the type of its elements once | `["string"]`"#,
        ],
    );
    says(
        r#"counters.c = { earned = "wallets.point" }
counters.d = { earned = "rules.x.points" }
counters.e = { earned = "points" }"#,
        &[
            r#"unknown_name `"wallets.point"`: there is no wallet `point` | did you mean `points`?"#,
            r#"unknown_name `"rules.x.points"`: there is no rule `x` | "#,
            r#"wrong_type `"points"`: `points` is neither a wallet nor what a rule earned | `"wallets.W"` or `"rules.R.W"`"#,
        ],
    );
    says(
        r#"params.b = [[1, 2]]
params.c = [[0, 1], [0, 2]]
params.t = { a = 1, b = "x" }
params.l = [1, 2]"#,
        &[
            r#"wrong_type `[[1, 2]]`: the first band starts at 1 | bands are `[[from, value], …]`, ascending, the first from 0"#,
            r#"wrong_type `[[0, 1], [0, 2]]`: a band from 0 after one from 0 | bands are `[[from, value], …]`, ascending, the first from 0"#,
            r#"wrong_type `{ a = 1, b = "x" }`: a table holds numbers, or texts | and at least one"#,
            r#"wrong_type `[1, 2]`: expected a list of texts, or bands | bands: `[[0, 0], [500, 0.02]]`"#,
        ],
    );
    says(
        r#"events."order.sent" = { a = "string" }
events."fealty.x" = {}"#,
        &[
            r#"bad_id `"order.sent"`: `order.sent` cannot be declared | rules would see its payload as `order`, which means something else: write another noun"#,
            r#"bad_id `"fealty.x"`: `fealty.x` cannot be declared | types that begin with `fealty.` are Fealty's own"#,
        ],
    );
}

#[test]
fn names() {
    says(
        r#"rules.a = { on = "order.paid", earn.point = 1 }"#,
        &[r#"unknown_name `point`: there is no wallet `point` | did you mean `points`?"#],
    );
    says(
        r#"rules.a = { on = "order.payd", earn.points = 1 }"#,
        &[r#"unknown_event `"order.payd"`: there is no event `order.payd` | did you mean `order.paid`?"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'ordr.total' }"#,
        &[r#"unknown_variable `ordr`: there is no `ordr` | did you mean `order`?"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'order.totl' }"#,
        &[r#"unknown_field `totl`: `order` has no `totl` | did you mean `total`?"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, limit = { time = 1 } }"#,
        &[r#"unknown_name `time`: there is no wallet `time` | did you mean `times`?"#],
    );
    says(
        r#"counters.c = { on = "order.paid", when = 'wallets.points.available > 1 && counters.c > 1' }"#,
        &[
            r#"not_here `wallets`: there is no `wallets` here | counters read the event, the member, tiers and params; rules read counters"#,
            r#"not_here `counters`: there is no `counters` here | counters read the event, the member, tiers and params; rules read counters"#,
        ],
    );
    says(
        r#"segments.s = 'order.total > 1'
segments.t = 'segments.s'"#,
        &[
            r#"not_here `order`: there is no `order` here | this is about the member alone, whatever event it was"#,
            r#"not_here `segments`: there is no `segments` here | segments do not read segments"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, once_per = 'member.id' }"#,
        &[r#"not_here `member`: there is no `member` here | a business key is made of the event alone"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, campaign = "summer" }"#,
        &[r#"unknown_name `"summer"`: there is no campaign `summer` | declare it: [campaigns.summer]"#],
    );
    says(
        r#"campaigns.c = { pay = ["b"] }
rules.a = { on = "order.paid", earn.points = 1, campaign = "c" }
rules.b = { on = "order.paid", earn.points = 1 }"#,
        &[r#"unknown_name `"b"`: `b` does not stand in campaigns.c | did you mean `a`?"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'rules.b.cash' }
rules.b = { on = "order.paid", earn.points = 1 }"#,
        &[r#"unknown_field `cash`: `rules.b` has no `cash` | it has points"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'wallets.points.avail + member.regio.x' }"#,
        &[
            r#"unknown_field `avail`: `wallets.points` has no `avail` | it has available, debt, pending"#,
            r#"unknown_field `regio`: `member` has no `regio` | did you mean `region`?"#,
        ],
    );
}

#[test]
fn expressions() {
    says(
        r#"rules.a = { on = ["order.paid", "order.refunded"], earn.points = 1 }"#,
        &[
            r#"type_mismatch `["order.paid", "order.refunded"]`: `order.paid` and `order.refunded` do not have the same noun | write one rule for each"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", each = 'order.tags', earn.points = 1 }"#,
        &[
            r#"type_mismatch `'order.tags'`: `order.tags` is not a list of records of order.paid | did you mean `order.items`?"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'order.id' }"#,
        &[r#"type_mismatch `order.id`: expected a number, found a text | "#],
    );
    says(
        r#"order.channel = "app | web"
rules.a = { on = "order.paid", when = 'order.channel == "ap"', earn.points = 1 }"#,
        &[r#"unknown_word `"ap"`: `ap` is not one of app, web | did you mean `app`?"#],
    );
    says(
        r#"rules.a = { on = "order.paid", when = 'member.birthday == today', earn.points = 1 }"#,
        &[
            r#"may_be_absent `member.birthday`: `member.birthday` may be absent | declared as "date?": write `has(member.birthday) && …` or `member.birthday.or(today)`"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", when = 'has(order.total)', earn.points = 1 }"#,
        &[r#"never_absent `order.total`: `order.total` is never absent | it needs no guard"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = '1 / order.total' }"#,
        &[r#"may_be_zero `order.total`: `order.total` may be 0 | write `order.total > 0 ? … : 0`"#],
    );
    says(
        r#"rules.a = { on = "order.paid", when = 'order.items.exists(i, order.items.exists(j, i.id == j.id && i.sku == j.sku))', earn.points = 1 }"#,
        &[
            r#"too_costly `order.items.exists(i, order.items.exists(j, i.id == j.id && i.sku == j.sku))`: may take 7,001,001 steps: `items` inside `items` | ask less of each element"#,
        ],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 1, once_per = 'order.tags' }"#,
        &[
            r#"type_mismatch `'order.tags'`: a business key is one value | a text, a number or a date: `order.id`"#,
        ],
    );
}

#[test]
fn what_does_not_fit_together() {
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'rules.b.points' }
rules.b = { on = "order.paid", earn.points = 'rules.a.points' }"#,
        &[r#"circle `a`: rules refer to each other: a, b, a | one of them has to stand for itself"#],
    );
    says(
        r#"rules.a = { on = "order.paid", earn.points = 'params.rate' }
regions.ch = { currency = "CHF", params = { rate = 1 } }"#,
        &[
            r#"undeclared_param `rate`: `rate` is not declared in [params] | "#,
            r#"undeclared_param `rate`: `rate` is not declared in [params] | declare it there with the value that holds elsewhere"#,
        ],
    );
    says(
        r#"params.rate = 1
regions.ch = { currency = "CHF", params = { rate = "x" } }
rules.a = { on = "order.paid", earn.points = 'params.rate' }"#,
        &[
            r#"region_type `"x"`: `rate` is a number in [params], and a text here | the same type and the same keys"#,
        ],
    );
    says(
        r#"wallets.cash = {}
campaigns.c = { pay = "highest" }
rules.a = { on = "order.paid", campaign = "c", earn.points = 1 }
rules.b = { on = "order.paid", campaign = "c", earn.cash = 1 }"#,
        &[
            r#"highest_needs_value `"highest"`: `pay = "highest"` compares cash with points | give both wallets a `value`"#,
        ],
    );
    says(
        r#"regions.ch = { currency = "CHF" }
counters.spend = { on = "order.paid", add = 'order.subtotal' }"#,
        &[
            r#"currency_mixed `'order.subtotal'`: `counters.spend` adds EUR and CHF | use a parameter that region `ch` overrides, or count points"#,
        ],
    );
    says(
        r#"regions.ch = { currency = "CHF" }
formulas.f = 'order.items.sum(i, i.total)'
counters.spend = { on = "order.paid", add = 'formulas.f' }"#,
        &[
            r#"currency_mixed `'formulas.f'`: `counters.spend` adds EUR and CHF | use a parameter that region `ch` overrides, or count points"#,
        ],
    );
    says(
        r#"campaigns.a = { campaign = "b" }
campaigns.b = { campaign = "a" }
rules.a = { on = "order.paid", earn.points = 1, campaign = "a" }"#,
        &[r#"circle `a`: campaigns stand in each other: a, b, a | "#],
    );
}

#[test]
fn tests() {
    says(
        r#"tests.t = { steps = [{ event = "order.paid" }] }"#,
        &[
            r#"missing_key `{ event = "order.paid" }`: the first step lacks `at` | `at = 2027-03-01` or `at = "2027-03-01 10:00"`"#,
        ],
    );
    says(
        r#"tests.t = { steps = [{ at = 2027-01-01, event = "order.paid", order.totl = 1 }] }"#,
        &[r#"unknown_field `totl`: `order` has no `totl` | did you mean `total`?"#],
    );
    says(
        r#"tests.t = { steps = [{ at = 2027-01-01, event = "order.paid", ordr.total = 1 }] }"#,
        &[
            r#"unknown_key `ordr`: `ordr` is not a key of this step | the payload of this event stands under `order`"#,
        ],
    );
    says(
        r#"tests.t = { steps = [{ at = 2027-01-01, redeem = "x" }, { after = "1 dai" }, { expect = 'wallets.points.availabel == 1 && tiers.status == "gold"' }] }"#,
        &[
            r#"unknown_name `"x"`: there is no reward `x` | declare it: [rewards.x]"#,
            r#"bad_term `"1 dai"`: `1 dai` is not a sum of durations | `6 months + 1 day`"#,
            r#"unknown_field `availabel`: `wallets.points` has no `availabel` | did you mean `available`?"#,
            r#"unknown_name `status`: there is no ladder `status` | "#,
        ],
    );
}

#[test]
fn messages() {
    says(
        r#"rules.a = { on = "order.paid", emit = "points.earned" }
rules.b = { on = "order.paid", emit = { type = "order.paid" } }
rules.c = { on = "order.paid", emit = { type = "guest.seen", data = { all = 'order.items', tags = 'order.tags', id = 'order.id' } } }"#,
        &[
            r#"bad_id `"points.earned"`: `points.earned` is a message of Fealty's own | name it otherwise: `"guest.thanked"`"#,
            r#"bad_id `{ type = "order.paid" }`: `order.paid` is a message of Fealty's own | name it otherwise: `"guest.thanked"`"#,
            r#"type_mismatch `'order.items'`: a message does not hold records | a text, a number, a date, or a list of such: messages are small"#,
        ],
    );
}

#[test]
fn a_quoted_number_has_a_certain_fix() {
    let Err(r) = check(&format!("{HEAD}wallets.cash = {{ decimals = \"2\" }}\n")) else {
        panic!("it must not check")
    };
    assert_eq!(r.diagnostics[0].fix, Some(serde_json::json!({ "wallets": { "cash": { "decimals": 2 } } })));
}

#[test]
fn what_is_wrong_in_a_formula_or_a_segment_is_told_there_alone() {
    says(
        r#"formulas.f = 'order.total >'
formulas.g = 3
segments.s = 'member.x'
rules.a = { on = "order.paid", when = 'formulas.f && segments.s', earn.points = 'formulas.g' }"#,
        &[
            r#"expression_syntax ``: expected a value, found the end | "#,
            r#"wrong_type `3`: expected an expression in quotes, found a number | "#,
            r#"unknown_field `x`: `member` has no `x` | it has birthday, enrolled_on, id, referred, region, tags"#,
        ],
    );
    says(
        r#"formulas.f = 'item.totl'
rules.a = { on = "order.paid", each = 'order.items', earn.points = 'formulas.f' }"#,
        &[r#"unknown_field `formulas.f`: in `formulas.f`: `item` has no `totl` | did you mean `total`?"#],
    );
}
