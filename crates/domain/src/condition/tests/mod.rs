//! What expressions mean, and what is said of wrong ones.

mod shop;

use self::shop::{num, scope, with_env};
use super::*;

fn compile(source: &str) -> Expr {
    Expr::compile(source, None, &scope(), &[]).unwrap_or_else(|f| panic!("{source}: {f:#?}"))
}

fn eval(source: &str) -> Value {
    with_env(|env| compile(source).eval(env).unwrap())
}

#[track_caller]
fn holds(source: &str) {
    assert_eq!(eval(source), Value::Bool(true), "{source}");
}

fn faults(source: &str) -> Vec<Fault> {
    Expr::compile(source, None, &scope(), &[]).expect_err(source)
}

/// The only fault: its code, what is underlined, message and hint.
#[track_caller]
fn says(source: &str, code: Code, under: &str, message: &str, hint: &str) {
    let all = faults(source);
    assert_eq!(all.len(), 1, "{all:#?}");
    let fault = &all[0];
    assert_eq!(
        (fault.code, &source[fault.span.clone()], &*fault.message, &*fault.hint),
        (code, under, message, hint)
    );
}

#[test]
fn numbers_are_exact() {
    holds("10 / 3 * 3 == 10");
    holds("0.1 + 0.2 == 0.3");
    holds("1 + 2 * 3 - 4 / 2 == 5");
    holds("-7 % 3 == 2 && 7.5 % 2 == 1.5");
    holds("floor(2.5) == 2 && ceil(2.1) == 3 && round(-2.5) == -3 && abs(-1) == 1");
    holds("min(3, 1, 2) == 1 && max(3, 1, 2) == 3");
    holds("floor(order.total * 1.5) == 29");
    holds("order.total >= 19.99 && order.total < 20 && 20 > order.total");
    assert_eq!(eval("order.total * 0.05"), num("0.9995"));
    assert_eq!(with_env(|env| compile("999999999999999999 * order.total").eval(env)), Err(OutOfRange));
}

#[test]
fn texts_words_and_lists() {
    holds("order.id + \"-\" + event.id == 'o1-e1'");
    holds("member.name.startsWith(\"A\") && member.name.endsWith('a') && member.name.contains(\"d\")");
    holds("lower(member.name) == \"ada\" && size(\"größe\") == 5");
    holds("order.channel == \"app\" && order.channel != \"web\" && order.channel in [\"app\", \"store\"]");
    holds("\"own_cup\" in order.tags && !(\"x\" in order.tags) && size(order.tags) == 1");
    holds("2 in [1, 2] && !(3 in [1, order.total]) && !(1 in [])");
    holds("order.items.exists(i, i.category == \"coffee\") && !order.items.all(i, i.category == \"coffee\")");
    holds("order.items.count(i, i.total > 3) == 2 && order.items.sum(i, i.total) == order.total");
    holds("order.items.filter(i, !(i.category in params.no_points)).sum(i, i.total) == 17.10");
    holds("order.items.exists(i, i.tags.exists(t, t == \"sale\" && i.total == 14))");
    holds("size(order.items.filter(i, \"hot\" in i.tags)) == 1");
    holds("[order.total, 1, 2].sum(x, x * 2) == 45.98 && [\"a\", order.id].exists(x, x == \"o1\")");
    holds("order.items.exists(i, formulas.coffee)");
    // What a shop may well ask is not too costly.
    holds("!order.items.exists(i, i.category != \"\" && i.tags.exists(t, t in params.no_points))");
    holds(r#""caf\u00e9" == 'café' && "\x41\101\\\"" == 'AA\\"' && "\U0001F600" == "😀""#);
}

#[test]
fn dates_and_times() {
    holds(
        "today == date(\"2027-03-28\") && today.weekday == \"sun\" && today.month == 3 && today.day == 28 && today.year == 2027",
    );
    holds("now.hour == 14 && now.minute == 5 && now.date == today && order.placed_at < now");
    // Half past midnight in Berlin.
    holds("order.placed_at.date == today && order.placed_at.hour == 0 && days_since(order.placed_at) == 0");
    holds("days_since(date(\"2027-03-27\")) == 1 && days_since(date(\"2027-03-30\")) == -2");
    holds("months_since(member.enrolled_on) == 13 && years_since(member.enrolled_on) == 1");
    // 31 January plus a month is the last of February; 28 March is later than that of 28 February.
    holds("months_since(date(\"2027-01-31\")) == 1 && months_since(date(\"2027-02-28\")) == 1");
    holds("years_since(date(\"2028-02-29\")) == 0 && months_since(date(\"2028-03-28\")) == -12");
}

#[test]
fn state_tables_and_bands() {
    holds("wallets.points.available == 250 && counters.spend == 0 && counters.spend.ago(4) == 400");
    holds("params.rate[order.channel] == 3 && params.rate.store == 0.5 && params.rate[\"web\"] == 1");
    holds("params.some[member.name].or(7) == 7 && params.some[order.channel].or(0) == 3");
    holds("order.id in params.some ? params.some[order.id] > 0 : true");
    holds("band(params.steps, 100) == 0.02 && band(params.steps, 99.9) == 0 && band(params.steps, -1) == 0");
    holds("volume(params.steps, 600) == 30 && graduated(params.steps, 600) == 13");
    let expr = compile(
        "counters.spend > 0 && counters.spend.ago(1) > 0 && member.plan == \"gold\" && counters.spend < 9",
    );
    assert_eq!(expr.reads, [Read::Counter(0, 0), Read::Counter(0, 1)]);
    assert_eq!(expr.member_reads, [0]);
    assert!(!expr.uses.payload && !expr.uses.params);
}

#[test]
fn guards_of_absence() {
    holds("has(order.rating) && order.rating >= 4");
    holds("has(order.rating) ? order.rating >= 4 : false");
    holds("!has(order.rating) || order.rating >= 4");
    holds("formulas.rated && order.rating >= 4");
    holds("!(!has(order.rating) || order.rating < 4)");
    holds("order.note.or(\"none\") == \"none\" && !has(order.note) && !has(member.birthday)");
    holds("has(order.gift.card) ? order.gift.wrapped && order.gift.card == \"x\" : true");
    holds("has(order.gift) && order.gift.wrapped && order.gift.card.or(\"\") == \"\"");
    holds("!order.items.exists(i, has(i.member_price) && i.member_price > 0)");
    for unguarded in [
        "order.rating >= 4",
        "has(order.rating) || order.rating >= 4",
        "has(order.note) && order.rating >= 4",
        "!has(order.rating) && order.rating >= 4",
        "(has(order.rating) && true) || order.rating >= 4",
        "has(order.gift) && order.gift.card == \"x\"",
        "order.gift.wrapped",
        "order.items.exists(i, has(i.member_price)) && order.items.exists(i, i.member_price > 1)",
        "order.items.exists(i, has(i.member_price) && order.items.exists(i, i.member_price > 1))",
        "params.some[order.channel] > 1",
        "params.some[member.name] > 1",
        "order.rating + 1",
        "order.rating",
    ] {
        let all = faults(unguarded);
        assert_eq!(all.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::MayBeAbsent], "{unguarded}");
    }
    Expr::compile(
        "order.rating * 2",
        None,
        &scope(),
        &["order.total > 1", "formulas.rated && order.total > 2"],
    )
    .unwrap();
    Expr::compile("order.rating * 2", None, &scope(), &["has(order.rating) || true"]).unwrap_err();
}

#[test]
fn guards_of_division() {
    for good in [
        "order.total > 0 && order.discount / order.total > 0.1",
        "order.total > 0 ? order.discount / order.total : 0",
        "order.total <= 0 || 1 / order.total > 1",
        "order.total == 0 ? 0 : 1 / order.total",
        "0 != order.total && 1 % order.total == 0",
        "order.total >= 5 && 1 / order.total > 0",
        "1 / max(order.total, 1) + 1 / params.in_euro + 1 / 3 + 1 / today.month",
        "formulas.net > 0 ? 1 / (order.total - order.discount) + 1 / formulas.net : 0",
        "size(order.items) > 0 ? order.total / size(order.items) : 0",
        "1 / params.rate[order.channel] + 1 / (2 * params.in_euro)",
        "counters.spend.ago(4) > 0 && counters.spend / counters.spend.ago(4) > 1.1",
    ] {
        compile(good);
    }
    for bad in [
        "1 / order.total",
        "1 % order.total",
        "order.total >= 0 && 1 / order.total > 1",
        "order.total > -1 && 1 / order.total > 1",
        "order.total > 0 || 1 / order.total > 1",
        "1 / params.maybe_zero",
        "1 / min(order.total, 1)",
        "1 / (order.total + 1)",
        "1 / (params.in_euro - params.in_euro)",
        "1 / floor(0.5)",
        "1 / 0",
    ] {
        assert_eq!(faults(bad).iter().map(|f| f.code).collect::<Vec<_>>(), [Code::MayBeZero], "{bad}");
    }
}

#[test]
fn the_mistakes_of_the_reference() {
    says(
        "item.category == \"coffee\"",
        Code::NotHere,
        "item",
        "there is no `item` here",
        "to look at items one by one, add `each = 'order.items'`",
    );
    says(
        "order.items.exists(i, i.categry == \"coffee\")",
        Code::UnknownField,
        "categry",
        "`i` has no `categry`",
        "did you mean `category`?",
    );
    says(
        "order.rating >= 4",
        Code::MayBeAbsent,
        "order.rating",
        "`order.rating` may be absent",
        "declared as \"number?\": write `has(order.rating) && …` or `order.rating.or(0)`",
    );
    says(
        "order.discount / order.total * 100",
        Code::MayBeZero,
        "order.total",
        "`order.total` may be 0",
        "write `order.total > 0 ? … : 0`",
    );
    says(
        "order.channel == \"ap\"",
        Code::UnknownWord,
        "\"ap\"",
        "`ap` is not one of app, web, store",
        "did you mean `app`?",
    );
    says(
        "region == \"ch\"",
        Code::UnknownVariable,
        "region",
        "there is no `region`",
        "rules do not differ by region",
    );
    says(
        "rules.base.points",
        Code::NotHere,
        "rules.base.points",
        "`rules.base` does not hear `review.posted`",
        "a rule can refer to rules of the same event: `base` is on order.paid",
    );
}

#[test]
fn further_mistakes() {
    says(
        "wallets.point.available > 1",
        Code::UnknownName,
        "point",
        "there is no wallet `point`",
        "did you mean `points`?",
    );
    says(
        "order.total > \"50\"",
        Code::TypeMismatch,
        "order.total > \"50\"",
        "cannot compare a number with a text",
        "write 50 without quotes",
    );
    says("(order.total > 1", Code::ExpressionSyntax, "", "expected `)`, found the end", "");
    says(
        "params.rat > 1",
        Code::UndeclaredParam,
        "rat",
        "`rat` is not declared in [params]",
        "did you mean `rate`?",
    );
    says(
        "has(order.total)",
        Code::NeverAbsent,
        "order.total",
        "`order.total` is never absent",
        "it needs no guard",
    );
    says(
        "today >= \"2027-06-20\"",
        Code::TypeMismatch,
        "today >= \"2027-06-20\"",
        "cannot compare a date with a text",
        "write `date(\"2027-06-20\")`",
    );
    says("ordr.total > 1", Code::UnknownVariable, "ordr", "there is no `ordr`", "did you mean `order`?");
    says("flor(order.total)", Code::UnknownName, "flor", "there is no `flor(…)`", "did you mean `floor`?");
    says("formulas.a > 1", Code::Circle, "formulas.a", "formulas refer to each other: a, b, a", "");
    says(
        "true && formulas.wrong",
        Code::UnknownField,
        "formulas.wrong",
        "in `formulas.wrong`: `order` has no `totl`",
        "did you mean `total`?",
    );
    says(
        "formulas.broken",
        Code::ExpressionSyntax,
        "formulas.broken",
        "in `formulas.broken`: expected a value, found the end",
        "",
    );
    says(
        "order.items.exists(i, order.items.exists(j, i.category == j.category))",
        Code::TooCostly,
        "order.items.exists(i, order.items.exists(j, i.category == j.category))",
        "may take 3,001,001 steps: `items` inside `items`",
        "ask less of each element",
    );
}

#[test]
fn all_faults_at_once() {
    let all = faults(
        "order.totl > 1 && item.x == 2 || order.rating > 1 && order.rating > 2 && order.channel == 'shop'",
    );
    let codes: Vec<_> = all.iter().map(|f| f.code).collect();
    assert_eq!(codes, [Code::UnknownField, Code::NotHere, Code::MayBeAbsent, Code::UnknownWord]);
}

#[test]
fn types_are_minded() {
    for (bad, code) in [
        ("order.total + \"x\"", Code::TypeMismatch),
        ("order.id + 1", Code::TypeMismatch),
        ("order.id < \"x\"", Code::TypeMismatch),
        ("order.id - 1", Code::TypeMismatch),
        ("!order.total", Code::TypeMismatch),
        ("order.total ? 1 : 2", Code::TypeMismatch),
        ("true ? 1 : \"x\"", Code::TypeMismatch),
        ("true && 1", Code::TypeMismatch),
        ("order.tags == order.tags", Code::TypeMismatch),
        ("order == order", Code::TypeMismatch),
        ("1 in order.tags", Code::TypeMismatch),
        ("[1, \"a\"].exists(x, true)", Code::TypeMismatch),
        ("\"own\" in order.id", Code::TypeMismatch),
        ("\"glod\" in [member.plan]", Code::UnknownWord),
        ("member.plan in [\"gold\", \"glod\"]", Code::UnknownWord),
        ("member.plan == order.channel", Code::TypeMismatch),
        ("member.plan == member.name", Code::TypeMismatch),
        ("today.weekday == \"monday\"", Code::UnknownWord),
        ("order.items[0]", Code::TypeMismatch),
        ("params.rate[\"shop\"]", Code::UnknownWord),
        ("params.rate.shop", Code::UnknownField),
        ("wallets.points", Code::TypeMismatch),
        ("counters.life.ago(1)", Code::TypeMismatch),
        ("counters.spend.ago(13)", Code::TypeMismatch),
        ("counters.spend.ago(order.total)", Code::TypeMismatch),
        ("order.total.or(1)", Code::NeverAbsent),
        ("has(order.items[1])", Code::TypeMismatch),
        ("date(\"2027-02-29\") == today", Code::TypeMismatch),
        ("date(order.id) == today", Code::TypeMismatch),
        ("order.id.matches(\"x\")", Code::UnknownName),
        ("order.items.map(i, i.total)", Code::UnknownName),
        ("null == 1", Code::ExpressionSyntax),
        ("order.total = 1", Code::ExpressionSyntax),
        ("1e3 > 1", Code::ExpressionSyntax),
        ("order.items.exists(i, i.tags.exists(t, order.tags.exists(u, u == t)))", Code::TooDeep),
        ("formulas.d2 + formulas.d2 > 1", Code::TooLong),
    ] {
        let codes: Vec<_> = faults(bad).iter().map(|f| f.code).collect();
        assert_eq!(codes, [code], "{bad}");
    }
    assert!(Expr::compile("order.total", Some(&Type::Bool), &scope(), &[]).is_err());
    assert!(Expr::compile("order.total", Some(&Type::Num), &scope(), &[]).is_ok());
}

#[test]
fn explanations_show_what_decided() {
    let seen = |source: &str| -> Vec<String> {
        let seen = with_env(|env| compile(source).seen(env));
        seen.iter().map(|(w, v)| format!("{w} is {v:?}")).collect()
    };
    let total = "order.total is Num(Num { n: 1999, d: 100 })";
    assert_eq!(seen("order.total > 50 && order.channel == \"web\""), [total]);
    assert_eq!(seen("order.total > 5 && order.channel == \"web\"").len(), 2);
    assert_eq!(seen("order.total > 5 || order.channel == \"web\""), [total]);
    assert_eq!(
        seen("order.items.exists(i, i.total > 99)"),
        ["order.items.exists(i, i.total > 99) is Bool(false)"]
    );
    assert_eq!(
        seen("order.total > 5 ? order.discount : counters.spend"),
        [total, "order.discount is Num(Num { n: 0, d: 1 })"]
    );
    assert_eq!(seen("formulas.net > 1").len(), 2);
}
