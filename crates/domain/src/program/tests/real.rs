//! The starter, and ten programs modelled on real ones as far as is built: they check, their tests pass, and no rule of
//! theirs is untested.

use super::*;
use crate::scenario::{Failure, run_all};

fn passes(name: &str, text: &str) {
    let source = Source { name: name.into(), text: text.into() };
    let program = match read(source, &mut no_include, None, 1) {
        Ok(program) => program,
        Err(r) => panic!("{}", diag::render(&r.diagnostics, &r.sources, false)),
    };
    let (failures, untested) = run_all(&program);
    let mut said = program.warnings.clone();
    said.extend(untested);
    said.extend(failures.iter().map(Failure::diagnostic));
    assert!(said.is_empty(), "{}", diag::render(&said, &program.sources, false));
}

#[test]
fn the_starter() {
    passes("starter", include_str!("../../../../../programs/starter/program.toml"));
}

/// Every program in the reference, and every key of the language is there.
#[test]
fn the_reference() {
    fn keys(schema: &serde_json::Value, see: &mut dyn FnMut(&str)) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            see(name);
            keys(inner, see);
        }
        for inner in ["additionalProperties", "items"] {
            schema.get(inner).iter().for_each(|s| keys(s, see));
        }
        schema["anyOf"].as_array().into_iter().flatten().for_each(|s| keys(s, see));
    }
    let docs = include_str!("../../../../../docs/program.md");
    let blocks =
        docs.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block);
    let programs: Vec<&str> = blocks.filter(|block| block.contains("program = {")).collect();
    assert!(!programs.is_empty());
    programs.iter().for_each(|text| passes("docs/program.md", text));
    let words: std::collections::BTreeSet<&str> =
        docs.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    keys(&schema(), &mut |name| assert!(words.contains(name), "docs/program.md does not tell of `{name}`"));
}

#[test]
fn cafe_with_stars() {
    passes(
        "harbor-coffee",
        r#"
program = { id = "harbor-coffee", currency = "USD", timezone = "America/New_York" }

wallets.stars = {}
counters.year_stars = { earned = "wallets.stars", per = "12 months" }
events."card.reloaded" = { amount = "money" }
params.rate = 1.2

rules.purchase = { on = "order.paid", earn.stars = 'order.subtotal * (counters.year_stars >= 500 ? params.rate : 1)' }
rules.own_cup = { on = "order.paid", when = '"own_cup" in order.tags', earn.stars = 'rules.purchase.stars' }    # the same again
rules.reload = { on = "card.reloaded", earn.stars = 'card.amount >= 50 ? 25 : card.amount >= 30 ? 10 : 0' }

[tests.rate_of_before]
steps = [
  { at = "2027-01-04 08:00", event = "order.paid", order.subtotal = 499.90, expect = 'rules.purchase.stars == 499' },
  { after = "1 day", event = "order.paid", order.subtotal = 1, expect = 'rules.purchase.stars == 1 && counters.year_stars == 500' },
  { after = "1 day", event = "order.paid", order = { subtotal = 10, tags = ["own_cup"] }, expect = 'rules.own_cup.stars == 12 && wallets.stars.available == 524' },
  { event = "card.reloaded", card.amount = 30, expect = 'rules.reload.stars == 10' },
  { at = "2028-01-07 00:00", expect = 'counters.year_stars == 0' },
]
"#,
    );
}

#[test]
fn punch_card() {
    passes(
        "blue-door",
        r#"
program = { id = "blue-door", currency = "GBP", timezone = "Europe/London" }

formulas.drink = '"handmade" in item.tags'

[counters.stamps]
on = "order.paid"
each = 'order.items'
when = 'formulas.drink && item.total > 0'                 # a free drink earns no stamp
add = 'item.quantity * ("own_cup" in order.tags ? 2 : 1)'

[rules.nearly]
on = "order.paid"
when = 'counters.stamps >= 8'
emit = { type = "card.nearly_full", data = { stamps = 'counters.stamps' } }

[tests.nine_then_one_free]
steps = [
  { at = 2027-03-01, event = "order.paid", order.items = [{ price = 3.10, quantity = 4, tags = ["handmade"] }], expect = 'counters.stamps == 4' },
  { after = "1 day", event = "order.paid", order = { tags = ["own_cup"], items = [{ price = 3, quantity = 2, tags = ["handmade"] }, { price = 2 }] }, expect = 'counters.stamps == 8 && size(given) == 0' },
  { after = "1 day", event = "order.paid", order.items = [{ price = 0, tags = ["handmade"] }], expect = 'counters.stamps == 8 && "card.nearly_full" in emitted' },
]
"#,
    );
}

#[test]
fn beauty_shop_in_which_the_best_bonus_pays() {
    passes(
        "velvet-beauty",
        r#"
program = { id = "velvet-beauty", currency = "USD", timezone = "America/Los_Angeles" }

wallets.points = {}
counters.year_spend = { on = "order.paid", add = 'order.subtotal', per = "year" }
campaigns.bonus = { pay = "highest" }                     # bonuses do not add up
segments.vib = 'counters.year_spend >= 350'

rules.base = { on = "order.paid", earn.points = 'order.subtotal' }
rules.thanks = { on = "order.paid", when = 'segments.vib', emit = "vib.bought" }

[rules.birthday_month]
on = "order.paid"
campaign = "bonus"
when = 'has(member.birthday) && member.birthday.month == today.month'
earn.points = 'rules.base.points'

[rules.fragrance_4x]
on = "order.paid"
campaign = "bonus"
active = { from = 2027-09-10, through = 2027-09-12 }
each = 'order.items'
when = 'item.category == "fragrance"'
earn.points = 'item.total * 3'

[tests.best_bonus]
members.ada = { birthday = 1990-09-30 }
steps = [
  { at = 2027-09-11, event = "order.paid", order.items = [{ price = 100, category = "fragrance" }, { price = 250.50 }], expect = ['rules.birthday_month.points == 350', 'rules.fragrance_4x.points == 0', 'segments.vib'] },
  { after = "1 day", event = "order.paid", order.items = [{ price = 100, category = "fragrance" }], expect = ['rules.birthday_month.points == 0', 'rules.fragrance_4x.points == 300', '"vib.bought" in emitted'] },
  { at = 2028-01-01, expect = 'counters.year_spend == 0 && !segments.vib' },
]
"#,
    );
}

#[test]
fn supermarket_with_returns_and_caps() {
    passes(
        "greenway-market",
        r#"
program = { id = "greenway-market", currency = "USD", timezone = "America/Chicago" }

wallets.fuel = {}
params.no_points = ["alcohol", "tobacco", "lottery", "postage", "fuel", "gift_card", "prescription"]
events."survey.completed" = { receipt = "string" }

rules.groceries = { on = "order.paid", each = 'order.items', when = '!(item.category in params.no_points)', earn.fuel = 'item.total' }
rules.gift_cards = { on = "order.paid", each = 'order.items', when = 'item.category == "gift_card"', earn.fuel = 'item.total * 2' }
rules.prescriptions = { on = "order.paid", each = 'order.items', when = 'item.category == "prescription"', earn.fuel = 'item.quantity * 50' }
rules.survey = { on = "survey.completed", once_per = 'survey.receipt', earn.fuel = 50, limit = { times = 1, per = "7 days" } }

[rules.gift_cards_4x]
on = "order.paid"
active = { from = 2027-07-02, through = 2027-07-05 }
earn.fuel = 'rules.gift_cards.fuel'
limit = [{ fuel = 1000 }, { fuel = 5_000_000, across = "members" }]

[tests.returns]
steps = [
  { at = "2027-07-03 10:00", event = "order.paid", order = { id = "A", items = [{ id = "food", price = 60.80 }, { id = "card", price = 50, category = "gift_card" }, { price = 12, category = "alcohol" }] }, expect = 'rules.groceries.fuel == 60 && rules.gift_cards.fuel == 100 && rules.gift_cards_4x.fuel == 100' },
  { after = "1 day", event = "order.refunded", refund = { order = "A", items = [{ id = "food" }] }, expect = 'wallets.fuel.available == 200' },
  { after = "1 day", event = "survey.completed", survey.receipt = "r1", expect = 'rules.survey.fuel == 50' },
  { after = "6 days", event = "survey.completed", survey.receipt = "r2", expect = 'rules.survey.fuel == 0' },
  { after = "2 days", event = "survey.completed", survey.receipt = "r1", expect = 'rules.survey.fuel == 0' },
  { event = "survey.completed", survey.receipt = "r3", expect = 'rules.survey.fuel == 50' },
  { event = "order.paid", order.items = [{ category = "prescription", quantity = 2, price = 8 }], expect = 'rules.prescriptions.fuel == 100' },
]
"#,
    );
}

#[test]
fn grocer_with_a_sum_of_rules() {
    passes(
        "dale-and-sons",
        r#"
program = { id = "dale-and-sons", currency = "GBP", timezone = "Europe/London", year_starts = 2 }

wallets.points = { value = 0.01 }
params.no_points = ["tobacco", "lottery", "stamps", "prescription", "infant_formula", "gift_card", "fuel"]
counters.quarter = { on = "order.paid", add = 'order.subtotal', per = "quarter" }

rules.shopping = { on = "order.paid", each = 'order.items', when = '!(item.category in params.no_points)', earn.points = 'item.total' }
rules.fuel = { on = "order.paid", each = 'order.items', when = 'item.category == "fuel"', earn.points = 'item.quantity / 2' }

[rules.double_points]
on = "order.paid"
active = { from = 2027-01-08, through = 2027-02-25 }
earn.points = 'rules.shopping.points + rules.fuel.points'

[tests.quarter]
steps = [
  { at = "2027-01-20 12:00", event = "order.paid", order.items = [{ price = 60.75 }, { price = 20, category = "tobacco" }, { price = 1.46, quantity = 31, category = "fuel" }], expect = 'rules.shopping.points == 60 && rules.fuel.points == 15 && rules.double_points.points == 75' },
  { at = "2027-01-31 23:59", expect = 'counters.quarter == 126.01' },
  { at = 2027-02-01, expect = 'counters.quarter == 0 && counters.quarter.ago(1) == 126.01 && wallets.points.available == 150' },
]
"#,
    );
}

#[test]
fn hotels_with_a_business_key() {
    passes(
        "lantern-hotels",
        r#"
program = { id = "lantern-hotels", currency = "USD", timezone = "America/Chicago" }

wallets.points = {}
events."stay.completed" = { id = "string", nights = "number", spend = "money" }
counters.nights = { on = "stay.completed", add = 'stay.nights', per = "year" }
counters.base_points = { earned = "rules.base.points", per = "year" }
params.bonus = [[0, 0], [10, 0.1], [30, 0.2], [60, 0.3]]

rules.base = { on = "stay.completed", once_per = 'stay.id', earn.points = 'stay.spend * 5' }
rules.elite = { on = "stay.completed", once_per = 'stay.id', earn.points = 'rules.base.points * band(params.bonus, counters.nights)' }

[tests.nights]
steps = [
  { at = 2027-05-02, event = "stay.completed", stay = { id = "s1", nights = 9, spend = 1000 }, expect = 'rules.base.points == 5000 && rules.elite.points == 0' },
  { at = 2027-06-02, event = "stay.completed", stay = { id = "s2", nights = 21, spend = 1000 }, expect = 'rules.elite.points == 0 && counters.nights == 30' },
  { at = 2027-06-03, event = "stay.completed", stay = { id = "s2", nights = 1, spend = 1000 }, expect = 'rules.base.points == 0 && rules.elite.points == 0' },
  { at = 2027-07-02, event = "stay.completed", stay = { id = "s3", nights = 1, spend = 100 }, expect = 'rules.elite.points == 100 && counters.base_points == 10500' },
]
"#,
    );
}

#[test]
fn software_credits() {
    passes(
        "cloudcrate",
        r#"
program = { id = "cloudcrate", currency = "USD", timezone = "UTC" }

wallets.storage = { balance_max = 'params.storage_max' }              # megabytes
wallets.credit = { decimals = 2, value = 1 }
params = { storage_max = 1200, per_app = 500 }
events."app.installed" = { platform = "desktop | mobile" }

rules.app = { on = "app.installed", when = 'app.platform == "desktop"', earn.storage = 'params.per_app' }
rules.invoice = { on = "order.paid", when = 'order.subtotal >= 20', earn.credit = 'order.subtotal * 0.05' }
rules.full = { on = "app.installed", when = 'wallets.storage.available >= params.storage_max', emit = { type = "storage.full", data = { free_mb = 'wallets.storage.available', app = 'app.platform' } } }

[tests.credit]
steps = [
  { at = 2027-05-01, event = "app.installed", app.platform = "desktop", expect = 'rules.app.storage == 500' },
  { event = "app.installed", app.platform = "mobile", expect = 'rules.app.storage == 0' },
  { event = "app.installed", app.platform = "fridge", expect = 'refused == "unknown_word"' },
  { event = "app.installed", app.platform = "desktop", expect = 'wallets.storage.available == 1000' },
  { event = "app.installed", app.platform = "desktop", expect = 'rules.app.storage == 200 && wallets.storage.available == 1200 && size(emitted) == 0' },
  { event = "app.installed", app.platform = "mobile", expect = '"storage.full" in emitted' },
  { event = "order.paid", order.subtotal = 29.90, expect = 'rules.invoice.credit == 1.49' },
]
"#,
    );
}

#[test]
fn marketplace_in_two_countries() {
    passes(
        "bazaar-go",
        r#"
program = { id = "bazaar-go", currency = "SGD", timezone = "Asia/Singapore" }

wallets.points = {}
counters.half_year_points = { earned = "wallets.points", per = "half year" }
counters.spend = { on = "order.paid", add = 'order.total * params.in_dollars' }
order.paid_with = "app_wallet | card | cash"

rules.base = { on = "order.paid", earn.points = 'order.total * params.rate[order.paid_with]' }
rules.gold = { on = "order.paid", when = 'counters.half_year_points >= params.needs.gold', earn.points = 'rules.base.points * (params.times.gold - 1)' }

[params]
rate = { app_wallet = 3, card = 1, cash = 0 }
times = { gold = 1.5, platinum = 2 }
needs = { silver = 300, gold = 1500, platinum = 5000 }
in_dollars = 1

[regions.ph]
currency = "PHP"
timezone = "Asia/Manila"
params.rate = { app_wallet = 0.1, card = 0.05, cash = 0 }
params.times = { gold = 2, platinum = 4 }
params.needs = { silver = 200, gold = 1000, platinum = 4000 }
params.in_dollars = 0.023

[tests.two_countries]
members = { ada = {}, bo = { region = "ph" } }
steps = [
  { at = 2027-02-10, event = "order.paid", order = { total = 500, paid_with = "app_wallet" }, expect = 'rules.base.points == 1500' },
  { after = "1 day", event = "order.paid", order = { total = 9.99, paid_with = "card" }, expect = 'rules.base.points == 9 && rules.gold.points == 4' },
  { after = "1 day", member = "bo", event = "order.paid", order = { total = 10_000, paid_with = "app_wallet", currency = "PHP" }, expect = 'rules.base.points == 1000 && counters.spend == 230' },
  { after = "1 day", member = "bo", event = "order.paid", order = { total = 100, paid_with = "app_wallet", currency = "PHP" }, expect = 'rules.gold.points == 10' },
  { member = "bo", event = "order.paid", order = { total = 100, paid_with = "app_wallet", currency = "SGD" }, expect = 'refused == "currency_mismatch"' },
]
"#,
    );
}

#[test]
fn fashion_with_debt() {
    passes(
        "linen-and-loom",
        r#"
program = { id = "linen-and-loom", currency = "EUR", timezone = "Europe/Berlin" }

wallets.points = {}
wallets.kind = { when_short = "forgive" }
counters.year_points = { earned = "wallets.points", per = "membership year" }
events."review.posted" = { product = "string" }
formulas.counts = '!(item.category in ["gift_card", "charity"])'

rules.shopping = { on = "order.paid", each = 'order.items', when = 'formulas.counts', earn.points = 'item.total' }
rules.review = { on = "review.posted", once_per = 'review.product', earn.points = 1, limit = { times = 2, per = "month" } }
rules.lucky = { on = "order.paid", when = 'order.total >= 200', earn.kind = 7 }

[tests.returns]
steps = [
  { at = 2027-03-01, event = "order.paid", order = { id = "A", items = [{ id = "coat", price = 199.90 }, { id = "hat", price = 25.20 }, { price = 50, category = "gift_card" }] }, expect = 'rules.shopping.points == 225 && rules.lucky.kind == 7' },
  { after = "5 days", event = "order.refunded", refund = { order = "A", items = [{ id = "hat" }] }, expect = 'wallets.points.available == 200' },
  { after = "1 day", event = "order.refunded", refund = { order = "A" }, expect = 'wallets.points.available == 0 && wallets.points.debt == 0 && counters.year_points == 0' },
  { event = "order.refunded", refund = { order = "A" }, expect = 'wallets.points.available == 0' },
  { event = "review.posted", review.product = "p1", expect = 'rules.review.points == 1' },
  { event = "review.posted", review.product = "p1", expect = 'rules.review.points == 0' },
  { event = "review.posted", review.product = "p2", expect = 'rules.review.points == 1' },
  { event = "review.posted", review.product = "p3", expect = 'rules.review.points == 0' },
  { at = 2027-04-01, event = "review.posted", review.product = "p4", expect = 'rules.review.points == 1 && wallets.points.available == 3' },
]
"#,
    );
}

#[test]
fn trade_rebates_by_quarter() {
    passes(
        "meridian-supply",
        r#"
program = { id = "meridian-supply", currency = "EUR", timezone = "Europe/Paris", year_starts = 4 }

wallets.rebate = { decimals = 2, when_short = "negative", value = 1 }
events."quarter.closed" = { name = "string" }
counters.spend = { on = "order.paid", add = 'order.subtotal', per = "quarter" }
counters.pumps = { on = "order.paid", each = 'order.items', when = 'item.category == "pump"', add = 'item.total', per = "quarter" }

rules.volume = { on = "quarter.closed", once_per = 'quarter.name', earn.rebate = 'volume(params.rebate, counters.spend.ago(1))' }
rules.pumps = { on = "quarter.closed", once_per = 'quarter.name', earn.rebate = 'graduated(params.pump_rebate, counters.pumps.ago(1))' }

[params]
rebate = [[0, 0], [25_000, 0.02], [50_000, 0.03], [100_000, 0.05]]
pump_rebate = [[0, 0.01], [10_000, 0.04]]
growth = 1.1

[rules.growth]                                            # against the same quarter a year ago
on = "quarter.closed"
once_per = 'quarter.name'
when = 'counters.spend.ago(5) > 0 && counters.spend.ago(1) >= counters.spend.ago(5) * params.growth'
earn.rebate = '(counters.spend.ago(1) - counters.spend.ago(5)) * 0.01'

[tests.a_year]
steps = [
  { at = 2027-04-10, event = "order.paid", order.items = [{ price = 30_000 }, { price = 15_000, category = "pump" }] },
  { at = 2027-07-11, event = "quarter.closed", quarter.name = "2027-1", expect = 'rules.volume.rebate == 900 && rules.pumps.rebate == 300 && rules.growth.rebate == 0' },
  { event = "quarter.closed", quarter.name = "2027-1", expect = 'rules.volume.rebate == 0 && wallets.rebate.available == 1200' },
  { at = 2028-05-10, event = "order.paid", order.items = [{ price = 60_000.50 }] },
  { at = 2028-07-11, event = "quarter.closed", quarter.name = "2028-1", expect = 'rules.volume.rebate == 1800.01 && rules.growth.rebate == 150' },
]
"#,
    );
}
