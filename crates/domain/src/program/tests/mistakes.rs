//! Mistakes with levels, clocks, effects, rewards, achievements, workflows: what is underlined, said and hinted.

use super::*;

const LADDER: &str = "tiers.status.levels = [{ id = \"basic\", rate = 1 }, { id = \"gold\", rate = 2 }]\n";

#[track_caller]
fn with_ladder(lines: &str, expected: &[&str]) {
    assert_eq!(said(&format!("{LADDER}{lines}")), expected);
}

#[test]
fn levels() {
    says(
        r#"counters.c = { on = "order.paid", per = "year" }
[tiers.status]
keep = "1 year"
levels = [
  { id = "basic", rate = 1, needs.c = 1 },
  { id = "gold", needs.d = 500, since = 1 },
  { id = "gold", rate = "x", needs.c = 0 },
]"#,
        &[
            r#"not_here `needs`: the first level is everyone's and needs nothing | "#,
            r#"uneven_levels `"gold"`: level `gold` lacks `rate` | every level gives it, as `basic` does"#,
            r#"unknown_name `d`: there is no counter `d` | did you mean `c`?"#,
            r#"bad_id `since`: `since` is no value of a level | every ladder has it: when its level began, and when it ends"#,
            r#"duplicate `"gold"`: there are two levels `gold` | each level has its own id"#,
            r#"uneven_levels `"x"`: `rate` is a number on `basic`, and a text on `gold` | a value has one type on all levels"#,
            r#"wrong_type `0`: what is needed is more than 0 | "#,
        ],
    );
    says(
        r#"counters.c = { on = "order.paid", per = "year" }
params.soon = "soon"
[tiers.status]
keep = 'params.soon'
levels = [{ id = "basic", a = 'tiers.status.b' }, { id = "gold", a = 'params.x', needs.c = 'tiers.status.a' }]"#,
        &[
            r#"bad_term `'params.soon'`: `soon`, which `params.soon` may be, is not a term | "#,
            r#"not_here `'tiers.status.b'`: a value of a level does not depend on a level | a value, or a path to a param: `'params.x'`"#,
            r#"unknown_name `'params.x'`: there is no param `x` | "#,
            r#"not_here `'tiers.status.a'`: what a level needs and lasts does not depend on a level | write a value, or `'params.x'`"#,
        ],
    );
    says(
        r#"counters.c = { on = "order.paid", per = "year" }
tiers.status = { levels = [{ id = "basic" }, { id = "gold", needs.c = 500 }] }
tiers.none = { levels = [] }
tiers.odd = { levels = [{ id = "a", per-day = 1 }] }"#,
        &[
            r#"too_many `none`: 0 levels, and a ladder has 1 to 50 | "#,
            r#"bad_id `per-day`: `per-day` is not an id | values of levels are names in expressions"#,
        ],
    );
    says(
        r#"counters.c = { on = "order.paid", per = "year" }
tiers.status = { levels = [{ id = "basic" }, { id = "gold", needs.c = 500 }] }"#,
        &[
            r#"no_end `status`: `tiers.status` has no `keep`, though its counter starts anew each year | say how long a level is held: `keep = "12 months"`, or `"never"`"#,
        ],
    );
}

#[test]
fn levels_in_expressions() {
    with_ladder(
        r#"rules.a = { on = "order.paid", earn.points = 'tiers.status.rat', when = 'tiers.status in ["gold", "silver"] && tiers.status != order.id' }
rules.b = { on = "order.paid", earn.points = 1, when = 'tiers.status.until > now || tiers.statu == "gold"' }
rules.c = { on = "order.paid", earn.points = 'order.total / tiers.status.rate + tiers.status', when = 'tiers.status > 1' }"#,
        &[
            r#"unknown_field `rat`: `tiers.status` has no `rat` | did you mean `rate`?"#,
            r#"unknown_word `"silver"`: `silver` is not a level of tiers.status | it has basic, gold"#,
            r#"type_mismatch `order.id`: `order.id` is not known to be a level of tiers.status | a level is compared with names of its levels, as written"#,
            r#"may_be_absent `tiers.status.until`: `tiers.status.until` may be absent | write `has(tiers.status.until) && …` or `tiers.status.until.or(now)`"#,
            r#"unknown_name `statu`: there is no ladder `statu` | did you mean `status`?"#,
            r#"type_mismatch `tiers.status`: `+` takes a number, not a level | "#,
            r#"type_mismatch `tiers.status > 1`: cannot compare a level with a number | "#,
        ],
    );
    says(
        r#"params.low = 0
tiers.status.levels = [{ id = "basic", rate = 1 }, { id = "gold", rate = 'params.low' }]
rules.a = { on = "order.paid", earn.points = 'order.total / tiers.status.rate' }"#,
        &[
            r#"may_be_zero `tiers.status.rate`: `tiers.status.rate` may be 0 | write `tiers.status.rate > 0 ? … : 0`"#,
        ],
    );
}

#[test]
fn clocks() {
    says(
        r#"rules.a = { on = { every = "month", idle = "1 day" }, earn.points = 1 }
rules.b = { on = { after = "1 day" }, earn.points = 1 }
rules.c = { on = { idle = "45 days" }, earn.points = 1 }
rules.d = { on = { once = 2027-01-01, after = "1 day" }, earn.points = 1 }
rules.e = { on = { yearly = "member.birthda", at = "9 am" }, earn.points = 1 }
rules.f = { on = { yearly = "member.id" }, earn.points = 1 }
rules.g = { on = { every = "month" }, each = 'order.items', earn.points = 1, when = 'order.total > 1' }"#,
        &[
            r#"unknown_key `idle`: `idle` does not go with `every` | a clock rings in one way"#,
            r#"missing_key `on`: a clock lacks when it rings | `every = "month"`, `yearly = "member.birthday"`, `idle = "45 days"`, `once = 2027-01-01`"#,
            r#"missing_key `on`: `idle` lacks `of` | silence of which events: `of = "order.paid"`"#,
            r#"unknown_key `after`: `after` does not go with `once` | it goes with `every`"#,
            r#"unknown_field `"member.birthda"`: there is no date `member.birthda` | did you mean `member.birthday`?"#,
            r#"bad_term `"9 am"`: `9 am` is not an hour of the day | `"09:00"`"#,
            r#"type_mismatch `"member.id"`: `member.id` is not a date | a year has a day for dates alone"#,
            r#"type_mismatch `'order.items'`: `order.items` is not a list of records of a clock | a clock brings no payload"#,
            r#"not_here `order`: there is no `order` here | a clock brings no payload: this is about the member alone"#,
        ],
    );
    says(
        r#"rules.a = { on = { every = "month" }, earn.points = 'rules.b.points' }
rules.b = { on = { every = "week" }, earn.points = 1 }"#,
        &[
            r#"not_here `rules.b.points`: `rules.b` does not hear this clock | a rule can refer to rules of the same event: `b` is on a clock of its own"#,
        ],
    );
}

#[test]
fn points_that_wait_and_end() {
    says(
        r#"params.n = 3
wallets.a = { expires = "12 month, soon", pending = "14 dais", warn = "soon" }
wallets.b = { expires = 'params.n', activity = "order.payd", pending = { until = "order.paid" } }
wallets.c = { expires = 'tiers.x.y', balance_max = 'params.z', pending = { until = "order.fulfilled", after = "x" } }
wallets.d = { balance_max = -1 }
wallets.e = { balance_max = 'much' }"#,
        &[
            r#"bad_term `"12 month, soon"`: `12 month, soon` is not a term | `never`, a date, or steps: `12 months`, `6 months idle`, `end of next year, 2 months`"#,
            r#"bad_term `"14 dais"`: `14 dais` is not a duration or a date | did you mean `14 days`?"#,
            r#"bad_term `"soon"`: `soon` is not a duration | a whole number and a unit: `14 days`, `6 months`"#,
            r#"type_mismatch `'params.n'`: `params.n` is a number, and a term is wanted | "#,
            r#"unknown_event `"order.payd"`: there is no event `order.payd` | did you mean `order.paid`?"#,
            r#"not_here `"order.paid"`: `order.paid` is not what becomes of an order | points wait for an event of the same order: `order.fulfilled`"#,
            r#"unknown_name `'tiers.x.y'`: there is no ladder `x` | "#,
            r#"unknown_name `'params.z'`: there is no param `z` | did you mean `n`?"#,
            r#"bad_term `"x"`: `x` is not a duration | a whole number and a unit: `14 days`, `6 months`"#,
            r#"wrong_type `-1`: a balance is not negative | "#,
            r#"wrong_type `'much'`: `much` is not a number | a number, or a path to one: `'params.x'`, `'params.x.y'`, `'tiers.LADDER.VALUE'`"#,
        ],
    );
    says(
        r#"counters.a = { on = "order.paid", carry = 3, per = "week" }
counters.b = { on = "order.paid", count_pending = false, per = "tiers.x" }
counters.c = { on = "order.paid", streak = "week", forgive = "wallets.p" }
counters.d = { on = "order.paid", streak = "week", forgive = "two" }
counters.e = { on = "order.quoted" }"#,
        &[
            r#"unknown_key `carry`: `carry` needs `per = "tiers.LADDER"` | what exceeds the needs of a level is carried into the next"#,
            r#"unknown_key `count_pending`: `count_pending` needs `earned` | it is about points"#,
            r#"unknown_name `"tiers.x"`: there is no ladder `x` | declare it: [tiers.x]"#,
            r#"unknown_name `"wallets.p"`: there is no wallet `p` | declare it: [wallets.p]"#,
            r#"wrong_type `"two"`: `two` is neither a number of gaps nor a wallet | `2`, or `"wallets.W"`"#,
            r#"not_here `"order.quoted"`: a quote is judged and forgotten | only rules with a `discount` hear quotes; `order.paid` comes when the cart is paid"#,
        ],
    );
}

#[test]
fn effects() {
    with_ladder(
        r#"member.plan = "gold | silver = 'gold'"
rules.a = { on = "order.paid", give.tee = 1, place.statu = "gold", place.status = "glod" }
rules.b = { on = "order.paid", place.status = { level = 'member.plan', keep = "6 months idle" } }
rules.c = { on = "order.paid", place.status = 'order.id', discount.percent = 5 }
rules.d = { on = "order.quoted", earn.points = 1, discount = { percent = 105, amount = 3 } }
rules.e = { on = "order.quoted", each = 'order.items', discount = { items = 'item.price > 1' } }
rules.f = { on = "order.paid", to = "referrer", earn.points = 1, limit = { times = 1, across = "household" } }
rewards.tea = { gives.product = "tea" }"#,
        &[
            r#"unknown_name `tee`: there is no reward `tee` | did you mean `tea`?"#,
            r#"unknown_name `statu`: there is no ladder `statu` | did you mean `status`?"#,
            r#"unknown_word `"glod"`: `glod` is not a level of tiers.status | it has basic, gold; did you mean `gold`?"#,
            r#"type_mismatch `'member.plan'`: `member.plan` may be what is not a level of tiers.status: silver | it has basic, gold"#,
            r#"bad_term `"6 months idle"`: `6 months idle` counts from the last activity | only points can expire so: say how long from the beginning"#,
            r#"type_mismatch `'order.id'`: `order.id` may be what is not a level of tiers.status: any text | it has basic, gold"#,
            r#"not_here `discount`: a discount is given in a quote | write `on = "order.quoted"`"#,
            r#"not_here `earn`: a quote is judged and forgotten: it has a discount alone | `order.paid` earns"#,
            r#"unknown_key `percent`: `amount` does not go with `percent` | write `percent`, or `amount` in money"#,
            r#"wrong_type `105`: a discount is 0 to 100 percent | "#,
            r#"unknown_key `items`: `items` does not go with `each` | with `each` the discount is of the `item`: say in `when` which"#,
            r#"missing_key `items`: a discount lacks how much | write `percent`, or `amount` in money"#,
            r#"not_here `"referrer"`: there are no referrals here | declare when a referral counts: `referrals = { on = "order.paid" }`"#,
            r#"not_here `"household"`: there are no households here | declare them: `households = { share = ["WALLET"] }`"#,
        ],
    );
    says(
        r#"rules.a = { on = "points.earned", earn.points = 1, when = 'points.wallet == "point" && points.amoun > 1' }"#,
        &[
            r#"unknown_word `"point"`: `point` is not one of points | did you mean `points`?"#,
            r#"unknown_field `amoun`: `points` has no `amoun` | did you mean `amount`?"#,
        ],
    );
}

#[test]
fn rewards() {
    says(
        r#"rewards.a = { gives = {} }
rewards.b = { gives = { product = "x", value = 1 }, cost.point = 3 }
rewards.c = { gives.code = {}, quantity_max = 0 }
rewards.d = { gives.code.pattern = "FREE", cost.points = -1 }
rewards.e = { cost.points = 3 }
rewards.f = { gives.value = 'item.price', when = 'event.id == "x"', valid = "6 months idle" }
rules.a = { on = "order.paid", earn.points = 'quantity' }"#,
        &[
            r#"missing_key `gives`: a reward lacks what it gives | `code`, `discount`, `product`, `value`, `earn` or `custom`"#,
            r#"unknown_key `value`: `value` does not go with `product` | a reward gives one thing"#,
            r#"unknown_name `point`: there is no wallet `point` | did you mean `points`?"#,
            r#"missing_key `code`: a code comes from a pool, or a pattern | `{ pool = "imported" }` or `{ pattern = "FREE-########" }`"#,
            r#"wrong_type `0`: a quantity is more than 0 | "#,
            r#"wrong_type `"FREE"`: `FREE` is not a pattern of a code | each `#` becomes a random letter or digit: `FREE-########`"#,
            r#"wrong_type `-1`: a reward neither costs nor gives less than nothing | "#,
            r#"missing_key `{ cost.points = 3 }`: `rewards.e` lacks `gives` | `gives`: what the member gets, one of `code`, `discount`, `product`, `value`, `earn`, `custom`: `gives.product = "mug"`"#,
            r#"not_here `item`: there is no `item` here | for some of the items: `gives.discount.items`, or `order.items.exists(i, …)`"#,
            r#"not_here `event`: there is no `event` here | only rules and counters hear events"#,
            r#"bad_term `"6 months idle"`: `6 months idle` counts from the last activity | only points can expire so: say how long from the beginning"#,
            r#"not_here `quantity`: there is no `quantity` here | only rewards know how many are redeemed"#,
        ],
    );
}

#[test]
fn achievements_referrals_and_households() {
    says(
        r#"achievements.a = { needs = {}, earn.points = 1 }
achievements.b = { needs.c = 10, when = 'order.total > 1', earn.points = 'rules.a.points' }
referrals = { on = "referral.claimed", when = 'wallets.points.available > 1 && event.id == "x"' }
households = { share = ["point"], members_max = 1 }"#,
        &[
            r#"missing_key `a`: `achievements.a` needs nothing | `needs.COUNTER = 10`"#,
            r#"unknown_name `c`: there is no counter `c` | declare it: [counters.c]"#,
            r#"not_here `order`: there is no `order` here | an achievement is about the member, whatever event completed it"#,
            r#"not_here `rules`: there is no `rules` here | only rules and tests read what a rule granted"#,
            r#"circle `referrals`: a referral does not wait for itself | write an event of the member who was brought: `order.paid`"#,
            r#"not_here `event`: there is no `event` here | only rules and counters hear events"#,
            r#"unknown_name `"point"`: there is no wallet `point` | did you mean `points`?"#,
            r#"wrong_type `1`: expected a whole number from 2 to 100, found 1 | "#,
        ],
    );
}

#[test]
fn workflows() {
    says(
        r#"workflows.a = { on = "order.paid", steps = [] }
workflows.b = { on = "order.quoted", exit = "order.payd", steps = [{ id = "x" }, { id = "x", stop = true, emit = "a.b" }] }

[workflows.c]
on = "order.paid"
steps = [
  { when = 'steps.later.came', stop = true },
  { id = "later", wait = { on = "order.paid", when = 'order.totl > 1', at_most = "x" } },
  { wait = "soon" },
  { wait = "6 months idle" },
  { when = 'order.total > 1', earn.points = 1 },
]"#,
        &[
            r#"too_many `[]`: 0 steps, and a workflow has 1 to 100 | "#,
            r#"not_here `"order.quoted"`: a quote is judged and forgotten | only rules with a `discount` hear quotes; `order.paid` comes when the cart is paid"#,
            r#"unknown_event `"order.payd"`: there is no event `order.payd` | did you mean `order.paid`?"#,
            r#"missing_key `id`: a step does nothing | one of an effect, `wait`, `stop`"#,
            r#"unknown_key `id`: a step does one thing | one of an effect, `wait`, `stop`"#,
            r#"duplicate `"x"`: there are two steps `x` | "#,
            r#"unknown_name `later`: there is no step that waits for an event before this one `later` | "#,
            r#"unknown_field `totl`: `order` has no `totl` | did you mean `total`?"#,
            r#"bad_term `"x"`: `x` is not a duration | a whole number and a unit: `14 days`, `6 months`"#,
            r#"bad_term `"soon"`: `soon` is not a term | `never`, a date, or steps: `12 months`, `6 months idle`, `end of next year, 2 months`"#,
            r#"bad_term `"6 months idle"`: `6 months idle` counts from the last activity | only points can expire so: say how long from the beginning"#,
            r#"not_here `order`: there is no `order` here | a step runs later than the event: it sees the member as he is then"#,
        ],
    );
}

#[test]
fn steps_of_tests() {
    says(
        r#"rewards.tea = { gives.product = "tea" }
tests.t = { steps = [
  { at = 2027-01-01, quote.totl = 1, redeem = "tee" },
  { quantity = 2, confirm = 1 },
  { redeem = "tea", order.itms = [], cancel = 3 },
  { event = "points.earned", expect = 'discount == 0' },
  { event = "order.quoted" },
  { event = "fealty.due" },
] }"#,
        &[
            r#"unknown_field `totl`: `order` has no `totl` | did you mean `total`?"#,
            r#"unknown_key `redeem`: `redeem` does not go with `quote` | a step does one thing"#,
            r#"unknown_name `"tee"`: there is no reward `tee` | did you mean `tea`?"#,
            r#"unknown_key `quantity`: `quantity` needs `redeem` | it says how much of a reward"#,
            r#"unknown_field `itms`: `order` has no `itms` | did you mean `items`?"#,
            r#"unknown_key `cancel`: `cancel` does not go with `redeem` | a step does one thing"#,
            r#"unknown_name `3`: step 3 is no redemption before this one | write the number of the step with `redeem`; the first is 1"#,
            r#"not_here `"points.earned"`: `points.earned` is made by Fealty and does not come in | it follows from other steps"#,
            r#"not_here `"order.quoted"`: `order.quoted` is made by Fealty and does not come in | write the cart as `quote = { … }`"#,
            r#"unknown_event `"fealty.due"`: there is no event `fealty.due` | it is Fealty's own, and is not heard"#,
        ],
    );
}

/// A list here was once taken for no condition at all, so that everything was discounted.
#[test]
fn the_items_of_a_discount_are_one_condition() {
    says(
        r#"rules.a = { on = "order.quoted", discount = { percent = 10, items = ['item.total > 1', 'item.total < 9'] } }"#,
        &[
            r#"wrong_type `['item.total > 1', 'item.total < 9']`: expected an expression in quotes, found a list | a condition: of the items for which it holds"#,
        ],
    );
}

#[test]
fn types_of_events() {
    says(
        r#"rules.a = { on = "Order.Paid", earn.points = 1 }
rules.b = { on = ["order.payed", "orderpaid"], earn.points = 1 }
rules.c = { on = "shelf moved", earn.points = 1 }
rules.d = { on = "shelf.moved", earn.points = 1, emit = "Shelf" }
rules.e = { on = [], earn.points = 1 }
rules.f = { on = 5, earn.points = 1 }
rules.g = { earn.points = 1 }
rules.h = { on = { evry = "day" }, earn.points = 1 }"#,
        &[
            r#"unknown_event `"Order.Paid"`: there is no event `Order.Paid` | types are written small: `order.paid`"#,
            r#"unknown_event `"order.payed"`: there is no event `order.payed` | did you mean `order.paid`?"#,
            r#"unknown_event `"orderpaid"`: there is no event `orderpaid` | did you mean `order.paid`?"#,
            r#"unknown_event `"shelf moved"`: there is no event `shelf moved` | two words or more of small letters, joined by dots: `review.posted`"#,
            r#"unknown_event `"shelf.moved"`: there is no event `shelf.moved` | declare it with its fields: [events."shelf.moved"]"#,
            r#"unknown_event `"Shelf"`: `Shelf` is not an event type | two words or more of small letters, joined by dots: `review.posted`"#,
            r#"missing_key `[]`: `on` names no event | an event type: `on = "order.paid"`"#,
            r#"wrong_type `5`: expected a text, found a number | event type, types that share their noun, or a clock: `{ every = "month" }`"#,
            r#"missing_key `{ earn.points = 1 }`: `rules.g` lacks `on` | `on`: event type, types that share their noun, or a clock: `{ every = "month" }`"#,
            r#"unknown_key `evry`: `evry` is not a key of on | did you mean `every`?"#,
        ],
    );
}

#[test]
fn a_bad_id_is_told_where_it_is_declared() {
    says(
        r#"wallets."a-b" = {}
counters.N = { on = "order.paid" }
rules.a = { on = "order.paid", earn."a-b" = 'counters.N' }
achievements.a = { needs.N = 1, earn."a-b" = 1 }"#,
        &[
            r#"bad_id `"a-b"`: `a-b` is not an id | ids are also names in expressions, where `-` subtracts: write `a_b`"#,
            r#"bad_id `N`: `N` is not an id | an id is a small letter, then small letters, digits and `_`, at most 40: write `n`"#,
        ],
    );
}

#[test]
fn what_is_no_number() {
    says(
        r#"rules.a = { on = "order.paid", earn.points = nan }
rules.b = { on = "order.paid", earn.points = 'order.total * NaN' }
rules.c = { on = "order.paid", when = 'order.channel == web', earn.points = 1 }"#,
        &[
            r#"toml_syntax `nan`: `nan` is not a number here | every number is exact: write its digits, `1000` or `0.05`"#,
            r#"unknown_variable `NaN`: there is no `NaN` | every number is exact and has an end: write its digits, `1000` or `0.05`"#,
            r#"unknown_variable `web`: there is no `web` | a text stands in quotes: `"web"`"#,
        ],
    );
}

#[test]
fn members_of_tests() {
    says(
        r#"member.plan = "free | pro = 'free'"
member.age = "number?"
regions.ch = { currency = "CHF" }
[tests.t]
members = { ada = { plan = "gold", age = 3 }, bo = { age = "old" }, cy = { region = "fr" }, di = { plan = "pro", age = 30, region = "ch" } }
steps = [{ at = "2026-12-01", event = "order.paid", order.subtotal = 1, expect = 'true' }]"#,
        &[
            r#"unknown_word `"gold"`: `gold` is not one of free, pro | "#,
            r#"wrong_type `"old"`: expected a number, found a text that is none | "#,
            r#"unknown_name `"fr"`: there is no region `fr` | declare it: [regions.fr]"#,
        ],
    );
}

#[test]
fn what_a_reward_gives() {
    says(
        "rewards.a = { cost.points = 1 }\nrewards.b = { gives = \"mug\" }",
        &[
            r#"missing_key `{ cost.points = 1 }`: `rewards.a` lacks `gives` | `gives`: what the member gets, one of `code`, `discount`, `product`, `value`, `earn`, `custom`: `gives.product = "mug"`"#,
            r#"wrong_type `"mug"`: expected a table, found a text | what the member gets, one of `code`, `discount`, `product`, `value`, `earn`, `custom`: `gives.product = "mug"`"#,
        ],
    );
}

#[test]
fn what_comes_from_other_systems() {
    says(
        r#"tiers.status = { levels = ["basic", "gold"] }
rules.a = { on = "member.birthday", earn.points = 1 }
rules.b = { on = "order.paid", when = 'member.tier == "gold" && member.balance > 5', earn.points = 1 }
rules.c = { on = "order.paid", place.status = "glod" }"#,
        &[
            r#"wrong_type `"basic"`: expected a table, found a text | `[{ id = "basic" }, { id = "gold" }]`: lowest first; the first is everyone's"#,
            r#"wrong_type `"gold"`: expected a table, found a text | `[{ id = "basic" }, { id = "gold" }]`: lowest first; the first is everyone's"#,
            r#"unknown_event `"member.birthday"`: there is no event `member.birthday` | a date is a clock: `on = { yearly = "member.birthday" }`"#,
            r#"unknown_field `tier`: `member` has no `tier` | a level is `tiers.LADDER`"#,
            r#"unknown_field `balance`: `member` has no `balance` | a balance is `wallets.WALLET.available`"#,
            r#"unknown_word `"glod"`: `glod` is not a level of tiers.status | it has basic, gold; did you mean `gold`?"#,
        ],
    );
    let bare = "counters.c = { on = \"order.paid\", add = order.subtotal }";
    assert!(said(bare)[0].ends_with("| in quotes: 'order.subtotal'"), "{:?}", said(bare));
}
